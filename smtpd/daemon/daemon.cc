#include "smtpd/daemon/daemon.h"

#include <unistd.h>

#include "core/base/log.h"
#include "smtpd/daemon/notify.h"
#include "smtpd/daemon/server.h"

namespace essaim::smtpd {
namespace {

void run(Server& server, Control& control) {
  const Duration watchdog = watchdog_interval();
  for (;;) {
    switch (control.wait(watchdog / 3)) {
      case Control::Event::kTerminate:
        return;
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
  log::info("starting",
            {{"version", ESSAIM_VERSION}, {"hostname", loaded->settings.hostname}, {"pid", getpid()}});

  notify_manager("STATUS=starting: database and journal");
  Server server(config_file, *std::move(loaded), **control);
  const Result<void> started = server.start();
  if (!started.ok()) {
    log::error("start-failed", {{"error", started.error().message}});
    log::flush();
    return started;
  }
  notify_manager("READY=1\n" + server.status());
  run(server, **control);
  log::info("stopping");
  notify_manager("STOPPING=1\nSTATUS=ending what is under way");
  server.stop();
  log::info("stopped");
  log::flush();
  return {};
}

}  // namespace essaim::smtpd
