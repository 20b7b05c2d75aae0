#include "smtpd/settings/table.h"

#include "core/smtp/address.h"
#include "smtpd/settings/checks.h"
#include "smtpd/settings/destination_table.h"
#include "smtpd/settings/filter_table.h"
#include "smtpd/settings/http_table.h"
#include "smtpd/settings/limits_table.h"
#include "smtpd/settings/listen_table.h"
#include "smtpd/settings/storage_table.h"
#include "smtpd/settings/submission_table.h"

namespace essaim::smtpd {
namespace {

using config::Schema;
using config::Type;

constexpr std::int64_t kSecond = 1'000;
constexpr std::int64_t kMinute = 60 * kSecond;
constexpr std::int64_t kHour = 60 * kMinute;
constexpr std::int64_t kDay = 24 * kHour;

std::string must_be_host_name(const std::string& name) {
  const auto parsed = smtp::parse_mailbox("postmaster@" + name);
  if (!parsed.ok() || name.front() == '[') return "must be a host name, as \"mx1.lists.example.org\"";
  if (name.find('.') == std::string::npos) return "must be a full host name, with its domain";
  return "";
}

std::string must_be_mailbox(const std::string& text) {
  const auto parsed = smtp::parse_mailbox(text, smtp::LocalPart::kUtf8);
  if (!parsed.ok()) return "must be a mail address: " + parsed.error().message;
  return parsed->domain.empty() ? "must be a mail address with its domain" : "";
}

void add_site(Schema* schema) {
  schema->settings.insert(
      schema->settings.end(),
      {
          {.name = "hostname",
           .help = "The full name of this host: in the greeting, EHLO, Received and Message-ID.",
           .example = "mx1.lists.example.org",
           .required = true,
           .check = must_be_host_name},
          {.name = "user",
           .help =
               "The user as whom the server runs after the ports are bound. Without it, or when not "
               "started as root, "
               "it runs as it is. Set it under systemd, too: files that commands run by root make belong to "
               "it.",
           .example = "essaim"},
          {.name = "state",
           .default_value = "/var/lib/essaim",
           .help = "Directory for the journal, the admin socket and large messages on their way in. One "
                   "server uses it at "
                   "a time.",
           .check = must_be_absolute},
          {.name = "postmaster",
           .help = "Where mail for postmaster and abuse goes, and news of mail to list owners that failed.",
           .example = "postmaster@example.org",
           .required = true,
           .check = must_be_mailbox},
          {.name = "loops",
           .type = Type::kInteger,
           .default_value = "0",
           .help = "Event loops, a thread each. 0 makes one for each core.",
           .unit = "loops",
           .maximum = 256},
      });
}

void add_dns(Schema* schema) {
  schema->sections.push_back({"dns", "Name service.", false});
  schema->settings.insert(
      schema->settings.end(),
      {
          {.name = "dns.servers",
           .type = Type::kAddresses,
           .help = "Recursive servers to ask. Without it, those of /etc/resolv.conf, as it is at each "
                   "question.",
           .example = "127.0.0.1:53",
           .reloadable = true},
          {.name = "dns.timeout",
           .type = Type::kDuration,
           .default_value = "10s",
           .help = "How long a look-up may take.",
           .minimum = kSecond,
           .maximum = kMinute,
           .reloadable = true},
          {.name = "dns.trust_anchor",
           .help = "File with the root's DNSKEY or DS records: answers are validated by "
                   "DNSSEC, and mail goes out by DANE (RFC 7672) where it is offered. The "
                   "servers must hand on signatures. Without it nothing is validated.",
           .example = "/usr/share/dns/root.key",
           .reloadable = true,
           .check = must_be_absolute},
      });
}

void add_authentication(Schema* schema) {
  schema->sections.push_back(
      {"authentication", "SPF, DKIM, DMARC and ARC: what is verified, and the keys that sign.", false});
  schema->settings.insert(
      schema->settings.end(),
      {
          {.name = "authentication.verify",
           .type = Type::kBool,
           .default_value = "true",
           .help = "Whether mail from outside is verified. What its results lead to, the lists' settings say "
                   "(dmarc_failure, authenticated_only, author_protection). Without it nobody is doubted, "
                   "nothing is marked, and lists with authenticated_only take no post but of accounts."},
          {.name = "authentication.protect_authors",
           .type = Type::kBool,
           .default_value = "true",
           .help = "Whether, where nothing is verified, signatures and the policies of the authors' domains "
                   "are looked up all the same, so that author_protection has what it needs. Without both, "
                   "nothing of a message is asked for in DNS, and what a list changes breaks the copies of "
                   "authors whose domains have strict policies."},
          {.name = "authentication.relays",
           .type = Type::kStrings,
           .help =
               "Addresses and networks of relays of one's own that receive for this server and hand on: "
               "filters, an MX in front. Their address says nothing of the sender: of mail from there "
               "SPF is not checked, DKIM alone counts, and no scenario knows the client's address. Without "
               "this, whoever sends by way of them as a domain whose SPF names them passes as it.",
           .example = "192.0.2.25",
           .check = must_be_network},
          {.name = "authentication.xforward",
           .type = Type::kBool,
           .default_value = "false",
           .help = "Whether those in relays say by XFORWARD (Postfix: smtp_send_xforward_command) for whom "
                   "they hand on. Then that address counts for SPF, for scenarios and in the log, where it "
                   "is known. Whoever can connect from an address in relays may name any other: only for "
                   "machines on which nobody else works."},
          {.name = "authentication.authserv_id",
           .help = "The name under which results are written into Authentication-Results; fields of others "
                   "that bear "
                   "it are removed. The same on all nodes. Without it, hostname.",
           .example = "mx.lists.example.org"},
          {.name = "authentication.patience",
           .type = Type::kDuration,
           .default_value = "15s",
           .help =
               "How long all look-ups for one message may take; what is not known then is a temporary error.",
           .minimum = kSecond,
           .maximum = 2 * kMinute},
          {.name = "authentication.trusted_sealers",
           .type = Type::kStrings,
           .help =
               "Domains whose ARC seal is believed (RFC 8617): mail that fails DMARC under a good chain with "
               "the last seal by one of them has come by way of a list, for the setting dmarc_failure of "
               "ours. Name only those that refuse forgeries themselves. The same on all nodes.",
           .example = "lists.example.net",
           .check = must_be_domain},
          {.name = "authentication.key_file",
           .help =
               "File with the secret (16 octets or more) that seals the DKIM keys in the database; the "
               "same on all "
               "nodes, root:essaim and 0640 as all secrets. Without it, the systemd credential dkim-secret, "
               "if there is one.",
           .example = "/etc/essaim/dkim.secret",
           .check = must_be_absolute},
      });
}

void add_delivery(Schema* schema) {
  schema->sections.push_back({"delivery", "How mail leaves.", false});
  schema->settings.insert(
      schema->settings.end(),
      {
          {.name = "delivery.smarthost",
           .type = Type::kAddress,
           .help = "Everything goes to this host. Without it, to the MX hosts of the recipients' domains.",
           .example = "127.0.0.1:2526",
           .reloadable = true,
           .host_names = true},
          {.name = "delivery.port",
           .type = Type::kInteger,
           .default_value = "25",
           .help = "Port of the MX hosts; tests change it.",
           .minimum = 1,
           .maximum = 65535,
           .reloadable = true},
          {.name = "delivery.tls",
           .type = Type::kEnum,
           .default_value = "best",
           .help =
               "TLS on the way out. \"best\": as the recipients' domain publishes, by DANE (RFC 7672; "
               "needs dns.trust_anchor) or else MTA-STS (RFC 8461), and where it publishes nothing as "
               "\"opportunistic\": where STARTTLS is offered, with any certificate, and in clear when the "
               "handshake fails. \"encrypt\": never in clear. \"verify\": only with a certificate that an "
               "authority vouches for. \"dane\": only by DANE. \"off\": never.",
           .choices = tls_choices(),
           .reloadable = true},
          {.name = "delivery.ca_file",
           .default_value = kAuthorities,
           .help = "PEM file with the certificates of the authorities that are trusted: for MTA-STS (policy "
                   "hosts "
                   "and mail hosts) and for \"verify\".",
           .check = must_be_absolute},
          {.name = "delivery.sts_port",
           .type = Type::kInteger,
           .default_value = "443",
           .help = "Port of MTA-STS policy hosts; tests change it.",
           .minimum = 1,
           .maximum = 65535,
           .reloadable = true},
          {.name = "delivery.chunking",
           .type = Type::kBool,
           .default_value = "true",
           .help =
               "Send messages by BDAT (RFC 3030) to hosts that offer CHUNKING: a whole transaction in one "
               "round trip. A host that offers it and does not know BDAT gets DATA for a day. Turn it off "
               "when a filter on the way out does not know BDAT.",
           .reloadable = true},
          {.name = "delivery.chaining",
           .type = Type::kBool,
           .default_value = "true",
           .help =
               "Send the next envelope right behind a message (RFC 2920) to hosts that offer PIPELINING: one "
               "round trip for a message. A host that loses it gets one after the other for a day.",
           .reloadable = true},
          {.name = "delivery.ipv4",
           .type = Type::kBool,
           .default_value = "true",
           .help = "Deliver over IPv4.",
           .reloadable = true},
          {.name = "delivery.ipv6",
           .type = Type::kBool,
           .default_value = "true",
           .help = "Deliver over IPv6. Turn it off on a host without IPv6.",
           .reloadable = true},
          {.name = "delivery.own_addresses",
           .type = Type::kStrings,
           .help = "More IP addresses that are this host's own, as behind address translation: an MX record "
                   "that points "
                   "to one of them is ourselves. Those of [[listen]] and of the interfaces are known.",
           .example = "192.0.2.1"},
          {.name = "delivery.recipients_per_transaction",
           .type = Type::kInteger,
           .default_value = "100",
           .help =
               "Recipients in one transaction, for copies that are the same for all (RFC 5321 §4.5.3.1.8).",
           .unit = "recipients",
           .minimum = 1,
           .maximum = 1000,
           .reloadable = true},
          {.name = "delivery.transactions_per_connection",
           .type = Type::kInteger,
           .default_value = "100",
           .help = "Transactions before a connection is closed. 0: no limit.",
           .unit = "transactions",
           .maximum = 1'000'000,
           .reloadable = true},
          {.name = "delivery.connections_per_destination",
           .type = Type::kInteger,
           .default_value = "20",
           .help = "Connections to one destination (a set of MX hosts) at most, of all nodes of a database "
                   "together.",
           .unit = "connections",
           .minimum = 1,
           .maximum = 10'000,
           .reloadable = true},
          {.name = "delivery.connections_initial",
           .type = Type::kInteger,
           .default_value = "2",
           .help = "Connections to a destination to begin with; successes raise it, troubles lower it.",
           .unit = "connections",
           .minimum = 1,
           .maximum = 1'000,
           .reloadable = true},
          {.name = "delivery.connections_total",
           .type = Type::kInteger,
           .default_value = "1000",
           .help = "Outgoing connections of this node in all. A quarter is only for destinations that have "
                   "taken a message within a day.",
           .unit = "connections",
           .minimum = 1,
           .maximum = 100'000,
           .reloadable = true},
          {.name = "delivery.retry_initial",
           .type = Type::kDuration,
           .default_value = "5m",
           .help = "Pause after the first temporary failure; it doubles with each further one.",
           .minimum = 100,
           .maximum = kDay,
           .reloadable = true},
          {.name = "delivery.retry_max",
           .type = Type::kDuration,
           .default_value = "4h",
           .help = "Longest pause between attempts, give or take a fifth.",
           .minimum = 100,
           .maximum = 7 * kDay,
           .reloadable = true},
          {.name = "delivery.connect_timeout",
           .type = Type::kDuration,
           .default_value = "30s",
           .help = "For a connection to be made.",
           .minimum = 100,
           .maximum = 10 * kMinute,
           .reloadable = true},
          {.name = "delivery.command_timeout",
           .type = Type::kDuration,
           .default_value = "5m",
           .help = "For the answer to a command (RFC 5321 §4.5.3.2).",
           .minimum = 100,
           .maximum = kHour,
           .reloadable = true},
          {.name = "delivery.idle_timeout",
           .type = Type::kDuration,
           .default_value = "5s",
           .help = "How long a connection is kept open for the next message.",
           .maximum = 10 * kMinute,
           .reloadable = true},
          {.name = "delivery.active_batches",
           .type = Type::kInteger,
           .default_value = "64",
           .help = "Batches of up to 1,000 recipients in memory; bounds it, whatever the size of lists.",
           .unit = "batches",
           .minimum = 2,
           .maximum = 10'000},
          {.name = "delivery.drain",
           .type = Type::kDuration,
           .default_value = "30s",
           .help = "At SIGTERM: how long transactions under way may take to end.",
           .maximum = kHour,
           .reloadable = true},
      });
}

void add_rest(Schema* schema) {
  schema->sections.push_back({"log", "The log, on standard error.", false});
  schema->sections.push_back({"retention", "How long what is finished is kept.", false});
  schema->settings.insert(
      schema->settings.end(),
      {
          {.name = "log.format",
           .type = Type::kEnum,
           .default_value = "text",
           .help = "One line for each event: \"event key=value ...\", or a JSON object.",
           .choices = {"text", "json"},
           .reloadable = true},
          {.name = "log.level",
           .type = Type::kEnum,
           .default_value = "info",
           .help = "The least important events that are written.",
           .choices = {"debug", "info", "warning", "error"},
           .reloadable = true},
          {.name = "log.repeats",
           .type = Type::kInteger,
           .default_value = "100",
           .help = "How often a minute connections, refusals and failures to connect are written for the "
                   "same client "
                   "or host; the others are counted (\"repeated\"). Lines of messages and recipients always "
                   "are. 0: "
                   "all.",
           .minimum = 0,
           .maximum = 1'000'000,
           .reloadable = true},
          {.name = "retention.posts",
           .type = Type::kDuration,
           .default_value = "30d",
           .help = "Ledger of finished posts: who got what, when, from which host, with which reply.",
           .minimum = kMinute,
           .maximum = 3650 * kDay},
          {.name = "retention.failed",
           .type = Type::kDuration,
           .default_value = "3d",
           .help =
               "Text of posts that failed for some of their recipients, after the last outcome: until then "
               "they can be sent again to those (essaim post retry), but not beyond `posts`. 0: as long as "
               "somebody waits.",
           .minimum = 0,
           .maximum = 365 * kDay},
          {.name = "retention.seen",
           .type = Type::kDuration,
           .default_value = "7d",
           .help = "Memory of what was posted, so that the same message sent again is not distributed twice.",
           .minimum = kMinute,
           .maximum = 365 * kDay},
          {.name = "retention.departures",
           .type = Type::kDuration,
           .default_value = "365d",
           .help = "Record of who left which list, when and how (essaim member left).",
           .minimum = kMinute,
           .maximum = 3650 * kDay},
      });
}

std::shared_ptr<const Schema> make_schema() {
  auto schema = std::make_shared<Schema>();
  add_site(schema.get());
  add_storage_settings(schema.get());
  add_listen_settings(schema.get());
  add_http_settings(schema.get());
  add_submission_settings(schema.get());
  add_dns(schema.get());
  add_authentication(schema.get());
  add_delivery(schema.get());
  add_destination_settings(schema.get());
  add_filter_settings(schema.get());
  add_limit_settings(schema.get());
  add_rest(schema.get());
  return schema;
}

}  // namespace

std::shared_ptr<const Schema> settings_schema() {
  static const std::shared_ptr<const Schema> schema = make_schema();
  return schema;
}

}  // namespace essaim::smtpd
