#include "smtpd/daemon/daemon.h"

#include <algorithm>
#include <optional>

#include <malloc.h>
#include <unistd.h>

#include "core/base/log.h"
#include "core/base/text.h"
#include "smtpd/daemon/lasting.h"
#include "smtpd/daemon/notify.h"
#include "smtpd/daemon/server.h"

namespace essaim::smtpd {
namespace {

constexpr Duration kNextTry = std::chrono::seconds(2);

// Messages come and go on threads with heaps of their own. By default the allocator gives the end of a heap back as soon
// as 128 KB of it are free and asks for it again for the next message: two system calls and a page fault for every page.
void keep_freed_memory() {
  constexpr int kPerHeap = 16 << 20, kOwnMapping = 1 << 20;
  mallopt(M_TOP_PAD, kPerHeap);  // mapped with a new heap; what is not used is not resident
  mallopt(M_TRIM_THRESHOLD, kPerHeap);
  mallopt(M_MMAP_THRESHOLD, kOwnMapping);
}

void tell_watchdog(const Server& server, Duration patience) {
  // A loop that is stuck is worth a restart; silence brings it.
  if (const auto silent = server.silent_parts(patience); silent.empty()) {
    notify_manager("WATCHDOG=1\n" + server.status());
  } else {
    const std::string names = joined(silent);
    log::error("no-answer", {{"from", names}, {"within", patience}});
    notify_manager("STATUS=no answer from " + names);
  }
}

// Until there is something to do; kTick when `until` has come, which never comes when it is not set.
Control::Event wait(const Server& server, Control& control, std::optional<MonoTime> until = std::nullopt) {
  const Duration watchdog = watchdog_interval() / 3;
  for (;;) {
    Duration tick = watchdog;
    if (until) {
      const Duration left = *until - system_clock().mono_now();
      if (left <= Duration::zero()) return Control::Event::kTick;
      tick = watchdog > Duration::zero() ? std::min(watchdog, left) : left;
    }
    const Control::Event event = control.wait(tick);
    if (event != Control::Event::kTick) return event;
    if (watchdog > Duration::zero()) tell_watchdog(server, watchdog);
  }
}

// Serves until it is to end, or to begin anew: kTerminate, kRestart.
Control::Event run(Server& server, Control& control) {
  for (;;) {
    const Control::Event event = wait(server, control);
    if (event != Control::Event::kReload) return event;
    notify_reloading();
    static_cast<void>(server.reload().ok());  // logged there
    notify_manager("READY=1\n" + server.status());
  }
}

// The balancer is told that we go and gets time to see it. Whoever asks for the end a second time does not wait.
void give_notice(Server& server, Control& control) {
  server.announce_drain();
  if (server.drain_notice() <= Duration::zero()) return;
  log::info("draining", {{"notice", server.drain_notice()}});
  notify_manager("STATUS=telling the balancer that this node goes");
  const MonoTime until = system_clock().mono_now() + server.drain_notice();
  while (wait(server, control, until) == Control::Event::kReload) {
  }
}

bool same_listeners(const std::vector<ListenSettings>& a, const std::vector<ListenSettings>& b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](const ListenSettings& x, const ListenSettings& y) {
                      return x.address == y.address && x.role == y.role && x.socket == y.socket;
                    });
}

}  // namespace

Result<void> serve(const std::string& config_file, bool* name_taken) {
  *name_taken = false;
  auto loaded = load_settings(config_file);
  if (!loaded.ok()) return Error{ErrorCode::kInvalid, loaded.error().message};
  log::configure(loaded->settings.log);
  auto control = Control::make();
  if (!control.ok()) return control.error();
  keep_freed_memory();
  log::info("starting",
            {{"version", ESSAIM_VERSION}, {"hostname", loaded->settings.hostname}, {"pid", getpid()}});

  notify_manager("STATUS=starting: database and journal");
  Lasting lasting;
  for (bool first = true;; first = false) {
    Server server(config_file, *loaded, **control, lasting);
    Result<void> started = server.start();
    if (!started.ok() && started.error().code == ErrorCode::kCancelled) {
      log::info("stopped");
      log::flush();
      return {};
    }
    if (!started.ok()) {
      *name_taken = !server.fatal().empty();
      log::error("start-failed", {{"error", started.error().message}});
      log::flush();
      if (first || *name_taken) return started;
      // The database may be away. Whoever served before goes on trying.
      notify_manager("WATCHDOG=1\nSTATUS=cannot begin a new epoch yet");
      if ((*control)->wait(kNextTry) == Control::Event::kTerminate) return {};
      continue;
    }
    notify_manager("READY=1\n" + server.status());
    const Control::Event ending = run(server, **control);
    if (ending == Control::Event::kTerminate || !server.fatal().empty()) {
      notify_manager("STOPPING=1");
      if (ending == Control::Event::kTerminate) give_notice(server, **control);
      log::info("stopping");
      notify_manager("STATUS=ending what is under way");
      lasting.sockets.clear();
      server.stop();
      log::info("stopped");
      log::flush();
      *name_taken = !server.fatal().empty();
      if (!*name_taken) return {};
      return Error{ErrorCode::kConflict, server.fatal()};
    }
    notify_manager("STATUS=beginning a new epoch");
    server.stop();
    log::warning("new-epoch");
    // A file that was broken meanwhile changes nothing, nor does one with other listeners: the sockets stay.
    if (auto fresh = load_settings(config_file);
        fresh.ok() && same_listeners(loaded->settings.listen, fresh->settings.listen))
      loaded = std::move(fresh);
  }
}

}  // namespace essaim::smtpd
