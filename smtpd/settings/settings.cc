#include "smtpd/settings/settings.h"

#include <algorithm>
#include <cerrno>
#include <map>

#include <arpa/inet.h>
#include <fcntl.h>
#include <unistd.h>

#include "core/base/network.h"
#include "core/config/load.h"
#include "core/smtp/idn.h"
#include "smtpd/settings/checks.h"
#include "smtpd/settings/destination_table.h"
#include "smtpd/settings/filter_table.h"
#include "smtpd/settings/http_table.h"
#include "smtpd/settings/listen_table.h"
#include "smtpd/settings/show.h"
#include "smtpd/settings/submission_table.h"
#include "smtpd/settings/table.h"

namespace essaim::smtpd {
namespace {

int small(const config::View& view, const char* name) {
  return static_cast<int>(view.integer(name));
}

void read_delivery(const config::View& v, DeliverySettings* d) {
  d->smarthost = to_string(v.address("delivery.smarthost"));
  d->port = static_cast<std::uint16_t>(v.integer("delivery.port"));
  d->tls = v.string("delivery.tls");
  d->ca_file = v.string("delivery.ca_file");
  d->sts_port = static_cast<std::uint16_t>(v.integer("delivery.sts_port"));
  d->chunking = v.boolean("delivery.chunking");
  d->chaining = v.boolean("delivery.chaining");
  d->ipv4 = v.boolean("delivery.ipv4");
  d->ipv6 = v.boolean("delivery.ipv6");
  d->own_addresses = v.strings("delivery.own_addresses");
  d->recipients_per_transaction = small(v, "delivery.recipients_per_transaction");
  d->transactions_per_connection = small(v, "delivery.transactions_per_connection");
  d->connections_per_destination = small(v, "delivery.connections_per_destination");
  d->connections_initial = small(v, "delivery.connections_initial");
  d->connections_total = small(v, "delivery.connections_total");
  d->retry_initial = v.duration("delivery.retry_initial");
  d->retry_max = v.duration("delivery.retry_max");
  d->connect_timeout = v.duration("delivery.connect_timeout");
  d->command_timeout = v.duration("delivery.command_timeout");
  d->idle_timeout = v.duration("delivery.idle_timeout");
  d->active_batches = small(v, "delivery.active_batches");
  d->drain = v.duration("delivery.drain");
}

void read_limits(const config::View& v, LimitSettings* l) {
  l->message_size = v.size("limits.message_size");
  l->recipients = small(v, "limits.recipients");
  l->connections = small(v, "limits.connections");
  l->memory = v.size("limits.memory");
  l->errors = small(v, "limits.errors");
  l->command_timeout = v.duration("limits.command_timeout");
  l->data_timeout = v.duration("limits.data_timeout");
  l->stress_timeout = v.duration("limits.stress_timeout");
  l->minimum_data_rate = v.size("limits.minimum_data_rate");
  l->data_rate_window = v.duration("limits.data_rate_window");
  l->normalise_line_ends = v.string("limits.bare_line_ends") == "normalise";
}

void read_clients(const config::View& v, guard::GuardSettings* g) {
  const auto count = [&v](const char* name) { return static_cast<std::uint32_t>(v.integer(name)); };
  g->max_connections = count("limits.connections");
  g->client.max_connections = count("limits.connections_per_client");
  g->network.max_connections = count("limits.connections_per_network");
  g->min_free_octets = v.size("limits.free_space");
  const auto rate = [&](guard::RateLimit guard::ScopeLimits::*which, const char* name, Duration window) {
    g->client.*which = {count(name), window};
    g->network.*which = {10 * count(name), window};
  };
  const Duration minute = std::chrono::minutes(1), ten_minutes = std::chrono::minutes(10);
  rate(&guard::ScopeLimits::connections, "limits.connection_rate", minute);
  rate(&guard::ScopeLimits::messages, "limits.message_rate", minute);
  rate(&guard::ScopeLimits::recipients, "limits.recipient_rate", minute);
  rate(&guard::ScopeLimits::errors, "limits.error_rate", ten_minutes);
  rate(&guard::ScopeLimits::junk, "limits.junk_rate", ten_minutes);
  g->account_recipients.count = count("limits.account_rate");
  g->exempt = read_networks(v, "limits.exempt");
  g->ipv4_network_bits = small(v, "limits.ipv4_network_bits");
  g->ipv6_client_bits = small(v, "limits.ipv6_client_bits");
  g->ipv6_network_bits = small(v, "limits.ipv6_network_bits");
}

void read_dialogue(const config::View& v, EarlyTalkSettings* e, ExtensionSettings* x) {
  e->greeting_pause = v.duration("early_talk.greeting_pause");
  e->before_greeting = v.boolean("early_talk.before_greeting");
  e->behind_data = v.boolean("early_talk.behind_data");
  e->behind_ehlo = v.boolean("early_talk.behind_ehlo");
  e->behind_starttls = v.boolean("early_talk.behind_starttls");
  x->chunking = v.boolean("extensions.chunking");
  x->limits = v.boolean("extensions.limits");
  x->smtputf8 = v.boolean("extensions.smtputf8");
  x->dsn = v.boolean("extensions.dsn");
  x->require_tls = v.boolean("extensions.requiretls");
}

void read_reports(const config::View& v, lists::Reporting* r) {
  const std::vector<std::string> to_postmaster = v.strings("reports.postmaster");
  const auto told = [&](const char* what) {
    return std::find(to_postmaster.begin(), to_postmaster.end(), what) != to_postmaster.end();
  };
  r->delay = v.duration("reports.delay");
  r->owners_to_postmaster = told("owners");
  r->lists_to_postmaster = told("lists");
  r->notices_to_postmaster = told("notices");
}

Settings settings_from(const config::Values& values) {
  const config::View v = values.root();
  Settings s;
  s.hostname = v.string("hostname");
  s.user = v.string("user");
  s.state = v.string("state");
  auto postmaster = smtp::parse_mailbox(v.string("postmaster"), smtp::LocalPart::kUtf8);
  if (postmaster.ok()) s.postmaster = *postmaster;  // the table's check has seen it already
  s.loops = small(v, "loops");
  s.database_url = v.string("storage.url");
  s.database_password_file = v.string("storage.password_file");
  s.cluster_lease = v.duration("cluster.lease");
  s.database_readers = small(v, "storage.readers");
  s.listen = read_listeners(values);
  s.balancer = {v.duration("balancer.proxy_timeout"), v.duration("balancer.drain_notice")};
  s.http = read_http(v);
  for (const config::HostPort& a : v.addresses("dns.servers")) s.dns_servers.push_back(to_string(a));
  s.dns_timeout = v.duration("dns.timeout");
  s.trust_anchor = v.string("dns.trust_anchor");
  s.authentication.verify = v.boolean("authentication.verify");
  s.authentication.protect_authors = v.boolean("authentication.protect_authors");
  s.authentication.relays = read_networks(v, "authentication.relays");
  s.authentication.xforward = v.boolean("authentication.xforward");
  s.authentication.authserv_id = v.string("authentication.authserv_id");
  s.authentication.patience = v.duration("authentication.patience");
  for (const std::string& sealer : v.strings("authentication.trusted_sealers")) {
    auto domain = smtp::domain_to_ascii(sealer);
    if (domain.ok()) s.authentication.trusted_sealers.push_back(*std::move(domain));  // checked by the table
  }
  s.authentication.key_file = v.string("authentication.key_file");
  s.submission = read_submission(v);
  s.filters = read_filters(values);
  read_delivery(v, &s.delivery);
  s.destinations = read_destinations(values);
  read_limits(v, &s.limits);
  read_clients(v, &s.limits.clients);
  read_dialogue(v, &s.early_talk, &s.extensions);
  read_reports(v, &s.reporting);
  s.log.format = v.string("log.format") == "json" ? log::Format::kJson : log::Format::kText;
  s.log.level = log::level_named(v.string("log.level")).value_or(log::Level::kInfo);
  s.log.repeats = static_cast<std::uint64_t>(v.integer("log.repeats"));
  s.retention_posts = v.duration("retention.posts");
  s.retention_failed = v.duration("retention.failed");
  s.retention_seen = v.duration("retention.seen");
  s.retention_departures = v.duration("retention.departures");
  return s;
}

// What one row cannot see.
Result<void> check_together(const Settings& s, const std::string& file) {
  const auto wrong = [&file](const std::string& what) {
    return Error{ErrorCode::kInvalid, file + ": " + what};
  };
  if (const std::string what = wrong_with(s.listen); !what.empty()) return wrong(what);
  if (const std::string what = wrong_with(s.submission); !what.empty()) return wrong(what);
  if (!s.delivery.ipv4 && !s.delivery.ipv6)
    return wrong("\"delivery.ipv4\" and \"delivery.ipv6\" are both false: nothing could be delivered");
  if (s.delivery.retry_initial > s.delivery.retry_max)
    return wrong("\"delivery.retry_initial\" is longer than \"delivery.retry_max\"");
  if (s.delivery.connections_initial > s.delivery.connections_per_destination)
    return wrong("\"delivery.connections_initial\" is more than \"delivery.connections_per_destination\"");
  if (const std::string what = wrong_with(s.destinations); !what.empty()) return wrong(what);
  if (const std::string what = wrong_with(s.filters); !what.empty()) return wrong(what);
  if (s.authentication.xforward && s.authentication.relays.empty())
    return wrong("\"authentication.xforward\" is for those in \"authentication.relays\", and there are none");
  if (s.limits.memory < s.limits.message_size)
    return wrong("\"limits.memory\" is less than \"limits.message_size\"");
  if (s.limits.clients.ipv6_network_bits >= s.limits.clients.ipv6_client_bits)
    return wrong("\"limits.ipv6_network_bits\" must be less than \"limits.ipv6_client_bits\"");
  for (const std::string& ip : s.delivery.own_addresses) {
    if (!is_ip(AF_INET, ip) && !is_ip(AF_INET6, ip))
      return wrong("\"delivery.own_addresses\": \"" + ip + "\" is not an IP address");
  }
  return {};
}

Result<LoadedSettings> finished(Result<config::Values> values, const std::string& file) {
  if (!values.ok()) return values.error();
  Settings settings = settings_from(*values);
  ESSAIM_TRY(check_together(settings, file));
  return LoadedSettings{*std::move(values), std::move(settings)};
}

}  // namespace

Result<LoadedSettings> load_settings(const std::string& file) {
  auto values = config::load_file(settings_schema(), file);
  if (!values.ok() && values.error().code == ErrorCode::kNotFound)
    return Error{values.error().code, values.error().message +
                                          "; name the file with --config FILE, or begin with: essaim config "
                                          "sample > essaim.toml"};
  if (!values.ok() && faccessat(AT_FDCWD, file.c_str(), R_OK, AT_EACCESS) != 0 && errno == EACCES)
    return Error{values.error().code, values.error().message + " (run as root or as the server's user)"};
  return finished(std::move(values), file);
}

Result<LoadedSettings> parse_settings(const std::string& text, const std::string& name) {
  return finished(config::load_text(settings_schema(), text, name), name);
}

LoadedSettings reloaded(const config::Values& running, const config::Values& fresh) {
  config::Values values = running.reloaded(fresh);
  Settings settings = settings_from(values);
  return {std::move(values), std::move(settings)};
}

std::vector<std::string> needing_restart(const config::Values& before, const config::Values& after) {
  // By setting, with all elements of an array of tables together.
  const auto by_setting = [](const config::Values& values) {
    std::map<std::string, std::vector<std::string>> out;
    for (const ShownValue& v : shown_values(values)) {
      std::string name = v.name;
      const std::size_t open = name.find('['), close = name.find(']');
      if (open != std::string::npos) name.erase(open + 1, close - open - 1);
      out[name].push_back("|");
      out[name].insert(out[name].end(), v.texts.begin(), v.texts.end());
    }
    return out;
  };
  auto old_values = by_setting(before), new_values = by_setting(after);
  std::vector<std::string> out;
  for (const config::Setting& s : settings_schema()->settings) {
    if (!s.reloadable && old_values[s.name] != new_values[s.name]) out.push_back(s.name);
  }
  return out;
}

}  // namespace essaim::smtpd
