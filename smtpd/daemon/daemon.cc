#include "smtpd/daemon/daemon.h"

#include <malloc.h>
#include <unistd.h>

#include "core/base/log.h"
#include "smtpd/daemon/notify.h"
#include "smtpd/daemon/server.h"

namespace essaim::smtpd {
namespace {

constexpr Duration kNextTry = std::chrono::seconds(2);

enum class Ending { kForGood, kNewEpoch };

// Messages come and go on threads with heaps of their own. By default the allocator gives the end of a heap back as soon
// as 128 KB of it are free and asks for it again for the next message: two system calls and a page fault for every page.
void keep_freed_memory() {
  constexpr int kPerHeap = 16 << 20, kOwnMapping = 1 << 20;
  mallopt(M_TOP_PAD, kPerHeap);  // mapped with a new heap; what is not used is not resident
  mallopt(M_TRIM_THRESHOLD, kPerHeap);
  mallopt(M_MMAP_THRESHOLD, kOwnMapping);
}

Ending run(Server& server, Control& control) {
  const Duration watchdog = watchdog_interval();
  for (;;) {
    switch (control.wait(watchdog / 3)) {
      case Control::Event::kTerminate:
        return Ending::kForGood;
      case Control::Event::kRestart:
        return Ending::kNewEpoch;
      case Control::Event::kReload:
        notify_reloading();
        static_cast<void>(server.reload().ok());  // logged there
        notify_manager("READY=1\n" + server.status());
        break;
      case Control::Event::kTick:
        // A loop that is stuck is worth a restart; silence brings it.
        if (const auto silent = server.silent_parts(watchdog / 3); silent.empty()) {
          notify_manager("WATCHDOG=1\n" + server.status());
        } else {
          std::string names;
          for (const std::string& name : silent) names += (names.empty() ? "" : ", ") + name;
          log::error("no-answer", {{"from", names}, {"within", watchdog / 3}});
          notify_manager("STATUS=no answer from " + names);
        }
        break;
    }
  }
}

}  // namespace

Result<void> serve(const std::string& config_file) {
  auto loaded = load_settings(config_file);
  if (!loaded.ok()) return Error{ErrorCode::kInvalid, loaded.error().message};
  log::configure(loaded->settings.log);
  auto control = Control::make();
  if (!control.ok()) return control.error();
  keep_freed_memory();
  log::info("starting",
            {{"version", ESSAIM_VERSION}, {"hostname", loaded->settings.hostname}, {"pid", getpid()}});

  notify_manager("STATUS=starting: database and journal");
  std::vector<std::shared_ptr<net::ListenSocket>> sockets;  // kept from one epoch to the next
  for (bool first = true;; first = false) {
    Server server(config_file, *loaded, **control, sockets);
    const Result<void> started = server.start();
    if (!started.ok()) {
      log::error("start-failed", {{"error", started.error().message}});
      log::flush();
      if (first) return started;
      // The database may be away. Whoever served before goes on trying.
      if ((*control)->wait(kNextTry) == Control::Event::kTerminate) return {};
      continue;
    }
    notify_manager("READY=1\n" + server.status());
    const Ending ending = run(server, **control);
    if (ending == Ending::kForGood || !server.fatal().empty()) {
      log::info("stopping");
      notify_manager("STOPPING=1\nSTATUS=ending what is under way");
      server.stop();
      log::info("stopped");
      log::flush();
      if (server.fatal().empty()) return {};
      return Error{ErrorCode::kConflict, server.fatal()};
    }
    notify_manager("STATUS=beginning a new epoch");
    sockets = server.sockets();
    server.stop();
    log::warning("new-epoch");
    // A file that was broken meanwhile changes nothing.
    if (auto fresh = load_settings(config_file); fresh.ok()) loaded = std::move(fresh);
  }
}

}  // namespace essaim::smtpd
