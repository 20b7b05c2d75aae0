#include "smtpd/daemon/conversions.h"

#include <algorithm>

#include <ifaddrs.h>
#include <netinet/in.h>

#include "core/base/log.h"
#include "smtpd/operate/database_password.h"

namespace essaim::smtpd {

namespace {

delivery::TlsSetting tls_setting(const std::string& name) {
  using delivery::TlsSetting;
  for (const TlsSetting one : {TlsSetting::kOff, TlsSetting::kOpportunistic, TlsSetting::kEncrypt,
                               TlsSetting::kVerify, TlsSetting::kDane})
    if (name == delivery::to_string(one)) return one;
  return TlsSetting::kBest;
}

delivery::DestinationRule destination_rule(const DestinationSettings& d) {
  delivery::DestinationRule out;
  out.name = d.name;
  out.domains = d.match;
  out.hosts = d.mx;
  out.smarthost = d.smarthost;
  out.port = d.port;
  if (d.tls) out.tls = tls_setting(*d.tls);
  out.tls_names = d.tls_names;
  out.connections = d.connections;
  if (d.recipients_per_transaction)
    out.recipients_per_transaction = static_cast<std::size_t>(*d.recipients_per_transaction);
  out.transactions_per_connection = d.transactions_per_connection;
  if (d.rate > 0) out.rate = {d.rate, d.rate_window};
  out.together = d.together;
  out.source_ipv4 = d.source_ipv4;
  out.source_ipv6 = d.source_ipv6;
  return out;
}

}  // namespace

delivery::EngineSettings engine_settings(const Settings& settings, std::vector<std::string> own,
                                         std::uint16_t own_port) {
  const DeliverySettings& d = settings.delivery;
  delivery::EngineSettings out;
  out.hostname = settings.hostname;
  out.smarthost = d.smarthost;
  out.port = d.port;
  out.tls = tls_setting(d.tls);
  out.sts.ca_file = d.ca_file;
  out.sts.port = d.sts_port;
  out.chunking = d.chunking;
  out.chaining = d.chaining;
  out.ipv4 = d.ipv4;
  out.ipv6 = d.ipv6;
  out.recipients_per_transaction = static_cast<std::size_t>(d.recipients_per_transaction);
  out.transactions_per_connection = d.transactions_per_connection;
  out.connections_per_destination = d.connections_per_destination;
  out.connections_initial = d.connections_initial;
  out.connections_total = d.connections_total;
  out.retry_initial = d.retry_initial;
  out.retry_max = d.retry_max;
  out.connect_timeout = d.connect_timeout;
  out.command_timeout = d.command_timeout;
  out.idle_timeout = d.idle_timeout;
  out.active_batches = static_cast<std::size_t>(d.active_batches);
  out.post_memory = settings.limits.memory / 4;
  out.journal_directory = settings.journal_directory();
  out.own_addresses = std::move(own);
  out.own_port = own_port;
  for (const DestinationSettings& one : settings.destinations)
    out.destinations.push_back(destination_rule(one));
  return out;
}

namespace {

bool is_scram(sasl::Mechanism one) {
  return one == sasl::Mechanism::kScramSha256 || one == sasl::Mechanism::kScramSha256Plus;
}

// A directory verifies passwords and has no verifiers of SCRAM, and many clients take SCRAM where they see it: with a right
// password its people would never get in.
std::vector<sasl::Mechanism> mechanisms(const Settings& settings, const ListenSettings& listener) {
  const SubmissionSettings& s = settings.submission;
  std::vector<sasl::Mechanism> out;
  for (const sasl::Mechanism one : s.mechanisms.empty() ? sasl::all_mechanisms() : s.mechanisms) {
    if (one == sasl::Mechanism::kExternal && listener.client_ca.empty()) continue;
    if (one == sasl::Mechanism::kOauthBearer && !s.oauth.takes_tokens()) continue;
    if (is_scram(one) && s.mechanisms.empty() && !s.ldap.url.empty()) continue;
    out.push_back(one);
  }
  return out;
}

}  // namespace

constexpr std::uint64_t kAddedByLists = 1U << 20;

SessionSettings session_settings(const Settings& settings, const ListenSettings& listener) {
  const LimitSettings& l = settings.limits;
  SessionSettings out;
  out.hostname = settings.hostname;
  out.limits.max_recipients = static_cast<std::size_t>(l.recipients);
  out.limits.max_message_octets = l.message_size;
  out.limits.max_errors = static_cast<std::size_t>(l.errors);
  out.limits.command_deadline = l.command_timeout;
  out.limits.tls_deadline = std::min(out.limits.tls_deadline, l.command_timeout);
  out.limits.data_block_deadline = l.data_timeout;
  out.limits.min_data_octets_per_second = l.minimum_data_rate;
  out.limits.data_rate_window = l.data_rate_window;
  out.limits.stress_deadline = l.stress_timeout;
  out.extensions.chunking = settings.extensions.chunking;
  out.extensions.limits = settings.extensions.limits;
  out.extensions.smtputf8 = settings.extensions.smtputf8;
  out.extensions.dsn = settings.extensions.dsn;
  out.extensions.require_tls = settings.extensions.require_tls;
  if (settings.authentication.xforward && listener.role == ListenerRole::kMx)
    out.forwarders = settings.authentication.relays;
  const EarlyTalkSettings& e = settings.early_talk;
  out.early_talk = {e.greeting_pause, e.before_greeting, e.behind_data, e.behind_ehlo, e.behind_starttls};
  out.bare_line_ends = l.normalise_line_ends ? smtp::BareLineEnds::kNormalise : smtp::BareLineEnds::kRefuse;
  out.spill_directory = settings.spill_directory();
  if (listener.role == ListenerRole::kOurselves) {
    out.early_talk = {};
    // What is promised to others is not asked here: a list's own setting requires it, too.
    out.extensions.require_tls = true;
    // What a list added to a message that was small enough.
    out.limits.max_message_octets += kAddedByLists;
  }
  if (!is_submission(listener.role)) return out;
  out.login.required = true;
  out.login.implicit_tls = listener.role == ListenerRole::kSubmissions;
  out.login.mechanisms = mechanisms(settings, listener);
  out.login.max_relay_recipients = settings.submission.relay_recipients;
  out.early_talk.greeting_pause = Duration::zero();  // for strangers
  return out;
}

namespace {

struct SecretFile {
  const std::string& file;
  const std::string* file_before;    // null: there was none
  const std::string* secret_before;  // likewise
  std::string* secret;
};

Result<void> read_secret(const SecretFile& one) {
  if (one.file.empty()) return {};
  auto read = operate::database_password_from(one.file);
  if (read.ok()) {
    *one.secret = *std::move(read);
    return {};
  }
  if (one.file_before == nullptr || *one.file_before != one.file) return read.error();
  *one.secret = *one.secret_before;
  log::warning("secret-not-read",
               {{"file", one.file}, {"error", read.error().message}, {"instead", "as before"}});
  return {};
}

AccountOptions options_without_secrets(const SubmissionSettings& s) {
  AccountOptions out;
  out.remember = s.remember_passwords;
  out.limits.failures = s.login_failures;
  out.limits.network_failures = s.network_failures;
  out.threads = s.threads;
  out.ldap = {s.ldap.url,
              s.ldap.starttls,
              s.ldap.ca_file,
              s.ldap.bind_dn,
              s.ldap.base,
              s.ldap.filter,
              s.ldap.search_dn,
              {},
              s.ldap.mail_attribute,
              s.ldap.timeout,
              s.ldap.may_relay};
  out.tokens = {s.oauth.url,   s.oauth.client_id, {}, s.oauth.ca_file, s.oauth.claim,
                s.oauth.scope, s.oauth.timeout};
  out.jwks_url = s.oauth.jwks_url;
  out.token_rules = {s.oauth.issuer, s.oauth.audience, s.oauth.claim, s.oauth.scope};
  return out;
}

}  // namespace

Result<AccountOptions> account_options(const Settings& settings) {
  const SubmissionSettings& s = settings.submission;
  AccountOptions out = options_without_secrets(s);
  ESSAIM_TRY(read_secret({s.ldap.search_password_file, nullptr, nullptr, &out.ldap.search_password}));
  ESSAIM_TRY(read_secret({s.oauth.secret_file, nullptr, nullptr, &out.tokens.client_secret}));
  return out;
}

Result<AccountOptions> account_options(const Settings& settings, const Settings& before,
                                       const AccountOptions& running) {
  const SubmissionSettings& s = settings.submission;
  const SubmissionSettings& b = before.submission;
  AccountOptions out = options_without_secrets(s);
  ESSAIM_TRY(read_secret({s.ldap.search_password_file, &b.ldap.search_password_file,
                          &running.ldap.search_password, &out.ldap.search_password}));
  ESSAIM_TRY(read_secret(
      {s.oauth.secret_file, &b.oauth.secret_file, &running.tokens.client_secret, &out.tokens.client_secret}));
  return out;
}

std::vector<std::string> own_addresses(const Settings& settings,
                                       const std::vector<net::SocketAddress>& listeners) {
  std::vector<std::string> out = settings.delivery.own_addresses;
  bool everywhere = false;
  for (const net::SocketAddress& listener : listeners) {
    if (listener.port() != settings.delivery.port) continue;
    const std::string ip = listener.ip();
    if (ip == "0.0.0.0" || ip == "::")
      everywhere = true;
    else
      out.push_back(ip);
  }
  ifaddrs* interfaces = nullptr;
  if (everywhere && getifaddrs(&interfaces) == 0) {
    for (const ifaddrs* i = interfaces; i != nullptr; i = i->ifa_next) {
      if (i->ifa_addr == nullptr) continue;
      const int family = i->ifa_addr->sa_family;
      if (family != AF_INET && family != AF_INET6) continue;
      out.push_back(
          net::SocketAddress(i->ifa_addr, family == AF_INET ? sizeof(sockaddr_in) : sizeof(sockaddr_in6))
              .ip());
    }
    freeifaddrs(interfaces);
  }
  std::sort(out.begin(), out.end());
  out.erase(std::unique(out.begin(), out.end()), out.end());
  return out;
}

}  // namespace essaim::smtpd
