#include <future>
#include <optional>

#include "core/base/log.h"
#include "core/base/text.h"
#include "core/dns/resolver.h"
#include "core/net/event_loop.h"
#include "core/net/socket_address.h"
#include "smtpd/daemon/conversions.h"
#include "smtpd/daemon/pulse.h"
#include "smtpd/daemon/server.h"
#include "smtpd/operate/database_password.h"
#include "smtpd/operate/dns_options.h"

namespace essaim::smtpd {

namespace {
// What the file says now; none to keep what was read before. Credentials and the environment are those of the start.
Result<std::optional<std::string>> fresh_database_password(const Settings& next, const Settings& before) {
  const std::string& file = next.database_password_file;
  if (file.empty() && before.database_password_file.empty()) return std::optional<std::string>();
  auto read = operate::database_password(next);
  if (read.ok()) return std::optional<std::string>(*std::move(read));
  if (file != before.database_password_file) return read.error();
  log::warning("secret-not-read",
               {{"file", file}, {"error", read.error().message}, {"instead", "as before"}});
  return std::optional<std::string>();
}
}  // namespace

Result<std::string> Server::reload() {
  const auto refused = [this](const Error& error) -> Result<std::string> {
    log::error("reload-refused", {{"file", config_file_}, {"error", error.message}});
    return Error{ErrorCode::kInvalid, "nothing was changed, because of:\n" + error.message};
  };
  auto fresh = load_settings(config_file_);
  if (!fresh.ok()) return refused(fresh.error());
  LoadedSettings to = reloaded(values_, fresh->values);
  to.settings.listen.push_back(listen_to_ourselves());
  const Settings& next = to.settings;
  auto certificates = load_certificates(next);
  if (!certificates.ok()) return refused(certificates.error());
  auto accounts = account_options(next, settings_, account_options_);
  if (!accounts.ok()) return refused(accounts.error());
  // With another URL, which waits for a restart, the password waits as well: it may be of another user.
  const auto password = fresh->settings.database_url == settings_.database_url
                            ? fresh_database_password(next, settings_)
                            : Result<std::optional<std::string>>(std::nullopt);
  if (!password.ok())
    return refused({password.error().code, "\"storage.password_file\": " + password.error().message});
  // Nothing uses it before the next start, which reads it as the same user, and would fail.
  if (const auto seal = operate::open_seal(fresh->settings); !seal.ok())
    return refused({seal.error().code, "\"authentication.key_file\": " + seal.error().message});
  // What the loops are to take at their next questions is tried here first.
  const dns::ResolverOptions name_service = operate::dns_options(next);
  const bool other_servers = next.dns_servers != settings_.dns_servers;
  if (other_servers || !next.trust_anchor.empty()) {
    net::EventLoop loop("reload");
    dns::ResolverOptions tried = name_service;
    // Of the anchor's file alone: resolv.conf may be away for a moment, and is followed as before.
    if (!other_servers && tried.servers.empty())
      tried.servers = {net::SocketAddress::from_ip("127.0.0.1", 53).value()};
    if (const auto resolver = dns::make_resolver(loop, tried); !resolver.ok())
      return refused({resolver.error().code, "[dns]: " + resolver.error().message});
  }

  certificates_ = *std::move(certificates);
  account_options_ = *std::move(accounts);
  accounts_->set_options(account_options_);
  // Connections that are there were let in: it is the next ones, perhaps weeks later, that need what holds now.
  if (password->has_value()) {
    database_->set_password(**password);
    if (beat_database_) beat_database_->set_password(**password);
  }
  const std::string later = joined(needing_restart(values_, fresh->values));
  values_ = std::move(to.values);
  settings_ = std::move(to.settings);
  log::configure(settings_.log);
  gate_.set_limit(Gate::sockets_for(settings_.limits.connections));
  guard_->set_settings(settings_.limits.clients);
  budget_->set_least_free(settings_.limits.clients.min_free_octets);
  filters_->configure(settings_.filters);
  engine_->reconfigure(engine_settings(settings_, own_addresses(settings_, listening_at()), own_port_));
  const Environments environments = make_environments(settings_);
  on_each_loop([&](Loop& l) {
    l.resolver->reconfigure(name_service);
    l.inbound->set_environments(environments);
  });
  if (web_) web_->reconfigure(settings_.http, web_listeners());

  watch_certificates();
  warn_of_open_secret(fresh->settings);
  log::info("reloaded", {{"file", config_file_}, {"needs_restart", later}});
  return later.empty() ? "reloaded" : "reloaded; a restart is needed for: " + later;
}

std::string Server::status() const {
  return "STATUS=serving, " + std::to_string(guard_->connections()) + " sessions" +
         (database_->healthy() ? "" : ", the database is in trouble");
}

std::vector<std::string> Server::silent_parts(Duration patience) const {
  return silent_ones(pulses(), patience);
}

std::vector<Pulse> Server::pulses() const {
  std::vector<Pulse> all;
  all.reserve(loops_.size() + 1);
  for (const Loop& l : loops_)
    all.push_back(
        {l.loop->name(), [&loop = *l.loop](std::function<void()> answered) { loop.post(answered); }});
  all.push_back({"queue", [this](std::function<void()> answered) {
                   engine_->busiest(0, [answered](const auto&, const auto&) { answered(); });
                 }});
  // A file that does not answer is worth a restart. A server that does not is the operator's trouble and a matter of readiness.
  const bool remote = shares_database();
  all.push_back({"database", [this, remote](const std::function<void()>& answered) {
                   const auto begun = database_->counters();
                   if (remote &&
                       writer_moves_.goes_on(begun.statements + begun.attempts, system_clock().mono_now()))
                     answered();
                   database_->write(
                       storage::Durability::kProgress, [](storage::Connection&) { return Result<void>(); },
                       [answered](const Result<void>&) { answered(); });
                 }});
  return all;
}

}  // namespace essaim::smtpd
