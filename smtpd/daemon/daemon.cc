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
        notify_manager("READY=1");
        break;
      case Control::Event::kTick:
        // A loop that is stuck is worth a restart; silence brings it.
        if (server.loops_alive(watchdog / 3)) notify_manager("WATCHDOG=1");
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

  Server server(config_file, *std::move(loaded), **control);
  const Result<void> started = server.start();
  if (!started.ok()) {
    log::error("start-failed", {{"error", started.error().message}});
    log::flush();
    return started;
  }
  notify_manager("READY=1");
  run(server, **control);
  log::info("stopping");
  notify_manager("STOPPING=1");
  server.stop();
  log::info("stopped");
  log::flush();
  return {};
}

}  // namespace essaim::smtpd
