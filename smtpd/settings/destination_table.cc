#include "smtpd/settings/destination_table.h"

#include <map>

#include <arpa/inet.h>

#include "core/base/network.h"
#include "core/base/text.h"
#include "core/smtp/address.h"
#include "core/smtp/idn.h"

namespace essaim::smtpd {
namespace {

struct RateText {
  std::uint32_t count = 0;
  Duration window{};
};
// "10/s", "100/m", "1000/h".
std::optional<RateText> parse_rate(const std::string& text) {
  if (text.size() < 3 || text[text.size() - 2] != '/') return std::nullopt;
  const auto count = parse_u64(text.substr(0, text.size() - 2));
  if (!count || *count == 0 || *count > 1'000'000) return std::nullopt;
  RateText rate{static_cast<std::uint32_t>(*count), {}};
  switch (text.back()) {
    case 's':
      rate.window = std::chrono::seconds(1);
      return rate;
    case 'm':
      rate.window = std::chrono::minutes(1);
      return rate;
    case 'h':
      rate.window = std::chrono::hours(1);
      return rate;
    default:
      return std::nullopt;
  }
}

using config::Type;

// "*.Bücher.example" -> "*.xn--bcher-kva.example"; "" if it is none.
std::string pattern_of(const std::string& text) {
  if (text == "*") return text;
  const bool below = text.starts_with("*.");
  const auto domain = smtp::domain_to_ascii(below ? text.substr(2) : text);
  if (!domain.ok() || domain->empty() || !smtp::parse_mailbox("postmaster@" + *domain).ok()) return "";
  return (below ? "*." : "") + *domain;
}

std::string must_be_pattern(const std::string& text) {
  if (!pattern_of(text).empty()) return "";
  return R"(must be a domain, as "example.org", all below one, as "*.example.org", or "*")";
}

std::string must_be_rate(const std::string& text) {
  return parse_rate(text) ? "" : R"(must be a number of messages in a time, as "10/s", "100/m" or "1000/h")";
}

std::string must_be_ip(const std::string& text) {
  return is_ip(AF_INET, text) || is_ip(AF_INET6, text) ? "" : "must be an IP address";
}

std::vector<std::string> patterns(const std::vector<std::string>& texts) {
  std::vector<std::string> out;
  out.reserve(texts.size());
  for (const std::string& text : texts) out.push_back(pattern_of(text));
  return out;
}

DestinationSettings read_one(const config::View& v, std::size_t number) {
  DestinationSettings d;
  d.match = patterns(v.strings("match"));
  d.mx = patterns(v.strings("mx"));
  const std::string first = !d.match.empty() ? d.match[0] : !d.mx.empty() ? "mx " + d.mx[0] : "";
  d.name = "[[destination]] " + std::to_string(number) + (first.empty() ? "" : " (" + first + ")");
  const auto number_of = [&v](const char* name) -> std::optional<int> {
    if (!v.is_set(name)) return std::nullopt;
    return static_cast<int>(v.integer(name));
  };
  if (v.from_file("smarthost")) d.smarthost = to_string(v.address("smarthost"));
  if (const auto port = number_of("port")) d.port = static_cast<std::uint16_t>(*port);
  if (v.is_set("tls")) d.tls = v.string("tls");
  d.tls_names = patterns(v.strings("tls_names"));
  d.connections = number_of("connections");
  d.recipients_per_transaction = number_of("recipients_per_transaction");
  d.transactions_per_connection = number_of("transactions_per_connection");
  if (const auto rate = parse_rate(v.string("rate"))) {
    d.rate = rate->count;
    d.rate_window = rate->window;
  }
  d.together = v.boolean("together");
  for (const std::string& ip : v.strings("source_address")) {
    std::string& source = is_ip(AF_INET, ip) ? d.source_ipv4 : d.source_ipv6;
    d.sources_of_a_family_twice = d.sources_of_a_family_twice || !source.empty();
    source = ip;
  }
  return d;
}

}  // namespace

std::vector<std::string> tls_choices() {
  return {"best", "off", "opportunistic", "encrypt", "verify", "dane"};
}

void add_destination_settings(config::Schema* schema) {
  schema->sections.push_back(
      {"destination[]",
       "Settings for some destinations only; repeat the table. The first table that names the recipient's "
       "domain "
       "(match) holds; if none does, the first that names one of its MX hosts (mx). What a table does not "
       "set is as in "
       "[delivery]. Limits are for each destination that the table names, and with together = true for all "
       "of "
       "them as one; connections and rate hold for all nodes of a database together.",
       true});
  schema->settings.insert(
      schema->settings.end(),
      {
          {.name = "destination[].match",
           .type = Type::kStrings,
           .help = "Domains of recipients: \"example.org\" is itself only, \"*.example.org\" all below it, "
                   "\"*\" all.",
           .example = "gmail.com, *.example.org",
           .reloadable = true,
           .check = must_be_pattern},
          {.name = "destination[].mx",
           .type = Type::kStrings,
           .help = "MX hosts of the recipients' domains, likewise: for providers that serve many domains.",
           .example = "*.google.com",
           .reloadable = true,
           .check = must_be_pattern},
          {.name = "destination[].connections",
           .type = Type::kInteger,
           .help = "Connections at most, instead of delivery.connections_per_destination.",
           .example = "5",
           .unit = "connections",
           .minimum = 1,
           .maximum = 10'000,
           .optional = true,
           .reloadable = true},
          {.name = "destination[].rate",
           .help = "Messages at most in a second, minute or hour, spread evenly over it, of all nodes of a "
                   "database together. A transaction is one message, whatever its recipients.",
           .example = "100/m",
           .reloadable = true,
           .check = must_be_rate},
          {.name = "destination[].together",
           .type = Type::kBool,
           .default_value = "false",
           .help =
               "All destinations that the table names are one for connections, rate, and what follows when "
               "their hosts say that we bring too much: for a provider that gives each of its customers host "
               "names of their own, as mx = [\"*.mail.protection.outlook.com\"].",
           .example = "true",
           .reloadable = true},
          {.name = "destination[].recipients_per_transaction",
           .type = Type::kInteger,
           .help = "Instead of delivery.recipients_per_transaction.",
           .example = "20",
           .unit = "recipients",
           .minimum = 1,
           .maximum = 1000,
           .optional = true,
           .reloadable = true},
          {.name = "destination[].transactions_per_connection",
           .type = Type::kInteger,
           .help = "Instead of delivery.transactions_per_connection. 0: no limit.",
           .example = "10",
           .unit = "transactions",
           .maximum = 1'000'000,
           .optional = true,
           .reloadable = true},
          {.name = "destination[].smarthost",
           .type = Type::kAddress,
           .help = "Mail goes to this host. \"\" means by MX, also where delivery.smarthost is set.",
           .example = "relay.example.net:25",
           .reloadable = true,
           .host_names = true},
          {.name = "destination[].source_address",
           .type = Type::kStrings,
           .help = "Connections come from this address of ours; one IPv4 and one IPv6 address at most. For a "
                   "family "
                   "without one the system chooses.",
           .example = "192.0.2.25, 2001:db8::25",
           .reloadable = true,
           .check = must_be_ip},
          {.name = "destination[].tls",
           .type = Type::kEnum,
           .help = "Instead of delivery.tls.",
           .example = "verify",
           .choices = tls_choices(),
           .optional = true,
           .reloadable = true},
          {.name = "destination[].tls_names",
           .type = Type::kStrings,
           .help = "With tls = \"verify\": names of which the certificate must have one. Without them, the "
                   "name of "
                   "the host.",
           .example = "mx.example.org",
           .reloadable = true,
           .check = must_be_pattern},
          {.name = "destination[].port",
           .type = Type::kInteger,
           .help = "Port of the MX hosts, instead of delivery.port.",
           .example = "2525",
           .minimum = 1,
           .maximum = 65535,
           .optional = true,
           .reloadable = true},
      });
}

std::vector<DestinationSettings> read_destinations(const config::Values& values) {
  std::vector<DestinationSettings> out;
  for (const config::View& v : values.elements("destination[]")) out.push_back(read_one(v, out.size() + 1));
  return out;
}

std::string wrong_with(const std::vector<DestinationSettings>& destinations) {
  std::map<std::string, std::string> domains, hosts;  // pattern -> table
  for (const DestinationSettings& d : destinations) {
    if (d.match.empty() && d.mx.empty())
      return d.name + ": names no destination; set \"match\" (domains of recipients) or \"mx\" (their hosts)";
    if (d.sources_of_a_family_twice)
      return d.name + ": \"source_address\" may have one IPv4 and one IPv6 address";
    for (const auto& [list, seen, key] :
         {std::tuple{&d.match, &domains, "match"}, std::tuple{&d.mx, &hosts, "mx"}}) {
      for (const std::string& pattern : *list) {
        const auto [at, added] = seen->emplace(pattern, d.name);
        if (!added)
          return d.name + ": \"" + key + "\": \"" + pattern + "\" stands in " + at->second +
                 " already, and the first one holds";
      }
    }
    if (!d.tls_names.empty() && d.tls != "verify")
      return d.name + ": \"tls_names\" has a meaning with tls = \"verify\" only";
    if (d.together && d.smarthost && !d.smarthost->empty())
      return d.name + ": \"together\" is for several destinations, and all that goes to \"" + *d.smarthost +
             "\" is one";
    if (d.smarthost && !d.smarthost->empty() && d.port)
      return d.name + ": \"port\" is that of MX hosts; write that of the smart host behind it, as \"" +
             *d.smarthost + "\"";
  }
  return "";
}

}  // namespace essaim::smtpd
