// The settings of the program, read from its file into plain values. Immutable once read; a reload makes new
// ones. Blocking (reads files); used at start, on reload and by the command line.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/base/clock.h"
#include "core/base/log.h"
#include "core/base/network.h"
#include "core/base/result.h"
#include "core/config/values.h"
#include "core/sasl/mechanism.h"
#include "core/smtp/address.h"
#include "lists/reporting.h"
#include "smtpd/guard/settings.h"
#include "smtpd/settings/listener_role.h"

namespace essaim::smtpd {

inline constexpr const char* kAuthorities = "/etc/ssl/certs/ca-certificates.crt";
inline constexpr const char* kDefaultConfigFile = "/etc/essaim/essaim.toml";

struct ListenSettings {
  std::string address;      // "0.0.0.0:25", "[::]:25"
  std::string certificate;  // "" for none
  std::string socket;       // name of the one that the service manager passes; "": by its address
  ListenerRole role = ListenerRole::kMx;
  std::vector<guard::Network> proxies;         // load balancers, which speak the PROXY protocol
  std::vector<std::string> more_certificates;  // by the name that the client asks for
  std::string client_ca;  // clients are asked for certificates of these; "": they are not

  std::vector<std::string> certificates() const {
    std::vector<std::string> all = more_certificates;
    if (!certificate.empty()) all.insert(all.begin(), certificate);
    return all;
  }
};

struct BalancerSettings {
  Duration proxy_timeout{}, drain_notice{};
};

struct HttpSettings {
  std::string base_url;                                     // without a slash at its end; "": no links
  std::string forwarded;                                    // the field of proxies, in lower case
  std::size_t connections = 0, connections_per_client = 0;  // 0: no limit
  Duration request_timeout{}, idle_timeout{};
};

struct DeliverySettings {
  std::string smarthost;  // "host:port"; "" for MX lookup
  std::uint16_t port = 25;
  std::string tls = "best";  // one of tls_choices()
  std::string ca_file;
  std::uint16_t sts_port = 443;
  bool chunking = true, chaining = true, ipv4 = true, ipv6 = true;
  std::vector<std::string> own_addresses;
  int recipients_per_transaction = 100;
  int transactions_per_connection = 100;
  int connections_per_destination = 20;
  int connections_initial = 2;
  int connections_total = 1000;
  Duration retry_initial{}, retry_max{}, connect_timeout{}, command_timeout{}, idle_timeout{}, drain{};
  int active_batches = 64;
};

// A table [[destination]]: what it does not set is as in [delivery].
struct DestinationSettings {
  std::string name;                    // "[[destination]] 2 (gmail.com)"
  std::vector<std::string> match, mx;  // patterns in lower case, A-labels
  std::optional<std::string> smarthost;
  std::optional<std::uint16_t> port;
  std::optional<std::string> tls;
  std::vector<std::string> tls_names;
  std::optional<int> connections, recipients_per_transaction, transactions_per_connection;
  std::uint32_t rate = 0;  // messages in rate_window; 0: no limit
  Duration rate_window{};
  std::string source_ipv4, source_ipv6;
  bool together = false;                   // connections and rate are for all that it names, as one
  bool sources_of_a_family_twice = false;  // a mistake
};

struct LimitSettings {
  std::uint64_t message_size = 0;
  int recipients = 0;
  int connections = 0;
  std::uint64_t memory = 0;
  int errors = 0;
  Duration command_timeout{}, data_timeout{}, stress_timeout{};
  std::uint64_t minimum_data_rate = 0;  // octets per second; 0: none
  Duration data_rate_window{};
  bool normalise_line_ends = false;
  guard::GuardSettings clients;  // with `connections` too
  // Of messages on their way in that have no room in memory: what a disk for mail has, and no client can make more of.
  std::uint64_t octets_in_files() const { return std::max(16 * memory, std::uint64_t{4} << 30); }
};

struct EarlyTalkSettings {
  Duration greeting_pause{};
  bool before_greeting = true, behind_data = true, behind_ehlo = false, behind_starttls = false;
};

struct ExtensionSettings {
  bool chunking = true, limits = true, smtputf8 = true, dsn = true, require_tls = true;
};

struct AuthenticationSettings {
  bool verify = true;
  bool protect_authors = true;  // where nothing is verified
  std::vector<Network> relays;
  bool xforward = false;    // these say for whom they hand on
  std::string authserv_id;  // "": the hostname
  Duration patience{};
  std::vector<std::string> trusted_sealers;  // domains, as DKIM has them: lower case, A-labels
  std::string key_file;                      // that seals DKIM keys; "": the systemd credential, or none
};

// A table [[filter]].
struct FilterSettings {
  std::string name;
  std::vector<std::string> addresses;  // at least one, as parse_filter_address() takes them
  bool mx = true, submission = false;  // which listeners' mail it looks at
  bool pass_when_down = false;         // else what it cannot be asked about is put off
  int connections = 0;                 // of this node
  Duration timeout{};                  // for each of its answers
};

struct LdapSettings {
  std::string url, ca_file, bind_dn, base, filter, search_dn, search_password_file, mail_attribute;
  bool starttls = false, may_relay = false;
  Duration timeout{};
};

struct OauthSettings {
  std::string url, client_id, secret_file, jwks_url, issuer, audience, ca_file, claim, scope;
  Duration timeout{};
  bool takes_tokens() const { return !url.empty() || !jwks_url.empty(); }
};

struct SubmissionSettings {
  std::vector<sasl::Mechanism> mechanisms;  // none: all for which there is what they need
  bool hide_client = true;
  std::int64_t login_failures = 0, network_failures = 0;
  Duration remember_passwords{};
  int threads = 2;
  std::size_t relay_recipients = 100;
  LdapSettings ldap;
  OauthSettings oauth;
};

struct Settings {
  std::string hostname;
  std::string user;   // "" : as it is
  std::string state;  // directory
  smtp::Address postmaster;
  int loops = 0;  // 0: one for each core
  std::string database_url;
  std::string database_password_file;  // "" : see smtpd/operate/database_password.h
  int database_readers = 2;
  Duration cluster_lease{};
  std::vector<ListenSettings> listen;
  BalancerSettings balancer;
  HttpSettings http;
  std::vector<std::string> dns_servers;  // "127.0.0.1:53"
  Duration dns_timeout{};
  std::string trust_anchor;  // file; "": no DNSSEC
  DeliverySettings delivery;
  std::vector<DestinationSettings> destinations;
  LimitSettings limits;
  EarlyTalkSettings early_talk;
  ExtensionSettings extensions;
  AuthenticationSettings authentication;
  SubmissionSettings submission;
  std::vector<FilterSettings> filters;
  lists::Reporting reporting;
  log::Options log;
  Duration retention_posts{}, retention_failed{}, retention_seen{}, retention_departures{};

  std::string admin_socket() const { return state + "/admin.sock"; }
  std::string journal_directory() const { return state + "/journal"; }
  // Where messages and their states take room on a disk.
  std::vector<std::string> message_places() const { return {state, database_file()}; }
  std::string spill_directory() const { return state + "/spill"; }
  std::string authserv_id() const {
    return authentication.authserv_id.empty() ? hostname : authentication.authserv_id;
  }
  // The file behind "sqlite:"; "" for a database elsewhere.
  std::string database_file() const {
    return database_url.starts_with("sqlite:") ? database_url.substr(7) : std::string();
  }
};

// The file as values (for `config show`) and as settings. The error has a line for each mistake, with file
// and line.
struct LoadedSettings {
  config::Values values;
  Settings settings;
};
Result<LoadedSettings> load_settings(const std::string& file);
Result<LoadedSettings> parse_settings(const std::string& text, const std::string& name);

// What holds after a reload of `fresh`: of that what the table calls reloadable, and no more.
LoadedSettings reloaded(const config::Values& running, const config::Values& fresh);
// Names of settings that differ and that a reload cannot apply.
std::vector<std::string> needing_restart(const config::Values& before, const config::Values& after);

}  // namespace essaim::smtpd
