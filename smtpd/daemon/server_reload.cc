#include <future>

#include "core/base/log.h"
#include "smtpd/daemon/conversions.h"
#include "smtpd/daemon/server.h"

namespace essaim::smtpd {

Result<std::string> Server::reload() {
  const auto refused = [this](const Error& error) -> Result<std::string> {
    log::error("reload-refused", {{"file", config_file_}, {"error", error.message}});
    return Error{ErrorCode::kInvalid, "nothing was changed, because of:\n" + error.message};
  };
  auto fresh = load_settings(config_file_);
  if (!fresh.ok()) return refused(fresh.error());
  const Settings next = reloaded(settings_, fresh->settings);
  auto certificates = load_certificates(next);
  if (!certificates.ok()) return refused(certificates.error());

  certificates_ = *std::move(certificates);
  settings_ = next;
  log::configure(settings_.log);
  gate_.set_limit(Gate::sockets_for(settings_.limits.connections));
  guard_->set_settings(settings_.limits.clients);
  engine_->reconfigure(engine_settings(settings_, own_addresses(settings_, sockets_)));
  auto environments = make_environments(settings_);
  if (!environments.ok()) return refused(environments.error());
  on_each_loop([&](Loop& l) { l.inbound->set_environments(*environments); });

  std::string later;
  for (const std::string& name : needing_restart(started_with_, fresh->values))
    later += (later.empty() ? "" : ", ") + name;
  log::info("reloaded", {{"file", config_file_}, {"needs_restart", later}});
  return later.empty() ? "reloaded" : "reloaded; a restart is needed for: " + later;
}

bool Server::loops_alive(Duration patience) const {
  std::vector<std::future<void>> done;
  for (const Loop& l : loops_) {
    auto promise = std::make_shared<std::promise<void>>();
    done.push_back(promise->get_future());
    l.loop->post([promise] { promise->set_value(); });
  }
  const MonoTime deadline = system_clock().mono_now() + patience;
  for (auto& d : done) {
    const Duration left = std::max<Duration>(deadline - system_clock().mono_now(), Duration::zero());
    if (d.wait_for(left) != std::future_status::ready) return false;
  }
  return true;
}

}  // namespace essaim::smtpd
