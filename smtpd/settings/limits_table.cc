#include "smtpd/settings/limits_table.h"

#include "smtpd/settings/checks.h"

namespace essaim::smtpd {
namespace {

using config::Schema;
using config::Type;

constexpr std::int64_t kSecond = 1'000;
constexpr std::int64_t kMinute = 60 * kSecond;
constexpr std::int64_t kHour = 60 * kMinute;

void add_sizes_and_times(Schema* schema) {
  schema->sections.push_back({"limits", "What clients may use.", false});
  schema->settings.insert(
      schema->settings.end(),
      {
          {.name = "limits.message_size",
           .type = Type::kSize,
           .default_value = "25M",
           .help = "Largest message. Lists may allow less.",
           .minimum = 64 * 1024,
           .maximum = 1LL << 30},
          {.name = "limits.recipients",
           .type = Type::kInteger,
           .default_value = "1000",
           .help = "Recipients in one transaction (RFC 5321 §4.5.3.1.8 asks for 100).",
           .unit = "recipients",
           .minimum = 100,
           .maximum = 100'000},
          {.name = "limits.connections",
           .type = Type::kInteger,
           .default_value = "2000",
           .help =
               "Incoming connections in all; more are answered 421. From 80 percent on, clients that keep us "
               "waiting are given less time (stress_timeout).",
           .unit = "connections",
           .minimum = 1,
           .maximum = 1'000'000,
           .reloadable = true},
          {.name = "limits.memory",
           .type = Type::kSize,
           .default_value = "256M",
           .help =
               "Memory for the octets of messages: a half for those on their way in (what has no room, and "
               "large messages, go to an unlinked file in the state directory; all such files have 16 times "
               "the memory, at least 4G, and leave free_space), a quarter for those being stored, a quarter "
               "for those on their way out. Large ones wait for each other. One at a time "
               "always has room at each place, so that up to three of limits.message_size may come on top, "
               "and some 300M while one that is for many addresses is stored.",
           .minimum = 1 << 20,
           .maximum = 1LL << 40},
          {.name = "limits.free_space",
           .type = Type::kSize,
           .default_value = "100M",
           .help = "Least room on the disks of the state directory and of an SQLite database: with less, "
                   "MAIL, and a large message on its way in, is answered 452, so that what was taken "
                   "can still be delivered and recorded. 0: whatever is left.",
           .maximum = 1LL << 40,
           .reloadable = true},
          {.name = "limits.errors",
           .type = Type::kInteger,
           .default_value = "20",
           .help = "Commands refused for good (5xx) since the last message that was accepted, before a "
                   "client is cut off.",
           .unit = "commands",
           .minimum = 1,
           .maximum = 10'000},
          {.name = "limits.command_timeout",
           .type = Type::kDuration,
           .default_value = "5m",
           .help = "How long a client may take for its next command (RFC 5321 §4.5.3.2.7).",
           .minimum = 100,
           .maximum = kHour},
          {.name = "limits.data_timeout",
           .type = Type::kDuration,
           .default_value = "3m",
           .help = "How long a client may take for each 4 KB of a message (RFC 5321 §4.5.3.2.5).",
           .minimum = 100,
           .maximum = kHour},
          {.name = "limits.minimum_data_rate",
           .type = Type::kSize,
           .default_value = "0",
           .help = "Bytes per second that a message must bring, measured over each data_rate_window; slower "
                   "clients are cut off. 0: only data_timeout counts.",
           .maximum = 1 << 20,
           .reloadable = true},
          {.name = "limits.data_rate_window",
           .type = Type::kDuration,
           .default_value = "1m",
           .help = "The time over which minimum_data_rate is measured.",
           .minimum = kSecond,
           .maximum = kHour,
           .reloadable = true},
          {.name = "limits.stress_timeout",
           .type = Type::kDuration,
           .default_value = "10s",
           .help = "How long a client may take for anything while connections, memory or descriptors are "
                   "short.",
           .minimum = 100,
           .maximum = kHour,
           .reloadable = true},
          {.name = "limits.bare_line_ends",
           .type = Type::kEnum,
           .default_value = "refuse",
           .help = "Messages with CR or LF alone: refused, or accepted with proper line ends. They never end "
                   "a message.",
           .choices = {"refuse", "normalise"}},
      });
}

// What one client, and the network around it, may do.
void add_clients(Schema* schema) {
  schema->settings.insert(
      schema->settings.end(),
      {
          {.name = "limits.connections_per_client",
           .type = Type::kInteger,
           .default_value = "50",
           .help = "Incoming connections of one client at the same time; more are answered 421. A client is "
                   "an IPv4 address, or an IPv6 network of ipv6_client_bits. 0: no limit.",
           .unit = "connections",
           .maximum = 1'000'000,
           .reloadable = true},
          {.name = "limits.connections_per_network",
           .type = Type::kInteger,
           .default_value = "500",
           .help = "The same for the network around a client (ipv4_network_bits, ipv6_network_bits). 0: no "
                   "limit.",
           .unit = "connections",
           .maximum = 1'000'000,
           .reloadable = true},
          {.name = "limits.connection_rate",
           .type = Type::kInteger,
           .default_value = "0",
           .help = "New connections of one client in a minute; more are answered 421. A network may do ten "
                   "times as much: so with all the rates here. 0: no limit.",
           .unit = "connections",
           .maximum = 1'000'000,
           .reloadable = true},
          {.name = "limits.message_rate",
           .type = Type::kInteger,
           .default_value = "0",
           .help = "Messages (MAIL) of one client in a minute; more are answered 421. 0: no limit.",
           .unit = "messages",
           .maximum = 1'000'000,
           .reloadable = true},
          {.name = "limits.recipient_rate",
           .type = Type::kInteger,
           .default_value = "0",
           .help = "Recipients (RCPT) of one client in a minute; more are answered 450. 0: no limit.",
           .unit = "recipients",
           .maximum = 1'000'000,
           .reloadable = true},
          {.name = "limits.account_rate",
           .type = Type::kInteger,
           .default_value = "0",
           .help = "Recipients (RCPT) of one account in an hour, on each node, from wherever it has logged "
                   "in; more are answered 450. A list is one recipient. 0: no limit.",
           .unit = "recipients",
           .maximum = 1'000'000,
           .reloadable = true},
          {.name = "limits.error_rate",
           .type = Type::kInteger,
           .default_value = "600",
           .help = "Refused commands of one client in ten minutes; beyond them its new connections are "
                   "answered 421 for a while. 0: no limit.",
           .unit = "errors",
           .maximum = 1'000'000,
           .reloadable = true},
          {.name = "limits.junk_rate",
           .type = Type::kInteger,
           .default_value = "20",
           .help = "Connections of one client in ten minutes that were no mail (other protocols, talking too "
                   "early); beyond them its new ones are answered 421 for a while. 0: no limit.",
           .unit = "connections",
           .maximum = 1'000'000,
           .reloadable = true},
          {.name = "limits.exempt",
           .type = Type::kStrings,
           .default_value = "127.0.0.0/8, ::1",
           .help =
               "Addresses and networks that the limits on clients and networks do not hold for: relays of "
               "one's own, monitoring. limits.connections counts them all the same. [] is nobody.",
           .reloadable = true,
           .check = must_be_network},
          {.name = "limits.ipv4_network_bits",
           .type = Type::kInteger,
           .default_value = "24",
           .help = "How much of an IPv4 address names its network.",
           .unit = "bits",
           .minimum = 8,
           .maximum = 31},
          {.name = "limits.ipv6_client_bits",
           .type = Type::kInteger,
           .default_value = "64",
           .help = "How much of an IPv6 address names one client: a host has a /64 to choose from.",
           .unit = "bits",
           .minimum = 32,
           .maximum = 128},
          {.name = "limits.ipv6_network_bits",
           .type = Type::kInteger,
           .default_value = "56",
           .help = "How much of an IPv6 address names its network; less than ipv6_client_bits.",
           .unit = "bits",
           .minimum = 16,
           .maximum = 127},
      });
}

void add_early_talk(Schema* schema) {
  schema->sections.push_back({"early_talk", "Clients that talk before it is their turn.", false});
  schema->settings.insert(
      schema->settings.end(),
      {
          {.name = "early_talk.greeting_pause",
           .type = Type::kDuration,
           .default_value = "0s",
           .help = "The greeting waits so long for clients that do not wait for it. 0s: it goes out at once.",
           .maximum = kMinute,
           .reloadable = true},
          {.name = "early_talk.before_greeting",
           .type = Type::kBool,
           .default_value = "true",
           .help = "Cut off who talks within greeting_pause.",
           .reloadable = true},
          {.name = "early_talk.behind_data",
           .type = Type::kBool,
           .default_value = "true",
           .help = "Cut off who sends a message behind DATA before our 354.",
           .reloadable = true},
          {.name = "early_talk.behind_ehlo",
           .type = Type::kBool,
           .default_value = "false",
           .help = "Cut off who sends commands behind the first EHLO or HELO without waiting for the answer.",
           .reloadable = true},
          {.name = "early_talk.behind_starttls",
           .type = Type::kBool,
           .default_value = "false",
           .help = "Cut off who sends commands behind STARTTLS in clear; else they are thrown away.",
           .reloadable = true},
      });
}

void add_extensions(Schema* schema) {
  schema->sections.push_back({"extensions", "What EHLO announces besides the usual.", false});
  schema->settings.insert(
      schema->settings.end(),
      {
          {.name = "extensions.chunking",
           .type = Type::kBool,
           .default_value = "true",
           .help = "CHUNKING, that is BDAT (RFC 3030).",
           .reloadable = true},
          {.name = "extensions.limits",
           .type = Type::kBool,
           .default_value = "true",
           .help = "LIMITS, which tells how many recipients and messages we take (RFC 9422).",
           .reloadable = true},
          {.name = "extensions.smtputf8",
           .type = Type::kBool,
           .default_value = "true",
           .help = "SMTPUTF8: addresses and header fields in UTF-8 (RFC 6531).",
           .reloadable = true},
          {.name = "extensions.dsn",
           .type = Type::kBool,
           .default_value = "true",
           .help = "DSN: senders say which reports they want (RFC 3461).",
           .reloadable = true},
          {.name = "extensions.requiretls",
           .type = Type::kBool,
           .default_value = "true",
           .help = "REQUIRETLS, under TLS: mail that goes on over verified TLS or not at all (RFC 8689).",
           .reloadable = true},
      });
}

std::string must_be_report(const std::string& text) {
  return text == "owners" || text == "lists" || text == "notices" ? "" : "must be owners, lists or notices";
}

void add_reports(Schema* schema) {
  schema->sections.push_back({"reports", "Who is told about mail that was not delivered.", false});
  schema->settings.insert(
      schema->settings.end(),
      {
          {.name = "reports.delay",
           .type = Type::kDuration,
           .default_value = "4h",
           .help =
               "When mail to owners, editors or the postmaster waits so long, its sender is told once. 0s: "
               "never.",
           .maximum = 24 * kHour * 7},
          {.name = "reports.postmaster",
           .type = Type::kStrings,
           .default_value = "owners, lists",
           .help =
               "What the postmaster is told: owners (mail to list owners that failed, once a day for each), "
               "lists (posts that failed, where a list has no owner), notices (reports and other messages of "
               "this server that failed). [] is nothing.",
           .check = must_be_report},
      });
}

}  // namespace

void add_limit_settings(Schema* schema) {
  add_sizes_and_times(schema);
  add_clients(schema);
  add_early_talk(schema);
  add_extensions(schema);
  add_reports(schema);
}

}  // namespace essaim::smtpd
