#include "smtpd/settings/filter_table.h"

#include <algorithm>
#include <set>
#include <string_view>

namespace essaim::smtpd {
namespace {

using config::Type;

constexpr std::string_view kPath = "unix:";

std::string must_be_address(const std::string& text) {
  const auto address = parse_filter_address(text);
  return address.ok() ? "" : address.error().message;
}

// It stands in rules, labels and log lines.
std::string must_be_name(const std::string& text) {
  const bool good = !text.empty() && text.size() <= 40 && std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
  });
  return good ? "" : "must be a name of small letters, digits, - and _, as \"rspamd\"";
}

std::string must_be_listener(const std::string& text) {
  return text == "mx" || text == "submission" ? "" : R"(must be "mx" or "submission")";
}

}  // namespace

Result<net::SocketAddress> parse_filter_address(const std::string& text) {
  if (text.starts_with(kPath)) return net::SocketAddress::from_path(text.substr(kPath.size()));
  auto address = net::SocketAddress::parse(text);
  if (address.ok() && address->port() == 0)
    return Error{ErrorCode::kInvalid, "\"" + text + "\": port 0 is nowhere"};
  return address;
}

void add_filter_settings(config::Schema* schema) {
  schema->sections.push_back(
      {"filter[]",
       "Mail filters that speak the milter protocol (rspamd, ClamAV's milter ...); repeat the table. Each "
       "message is shown to them one after the other when it is here, before it is answered: it passes, is "
       "refused "
       "in the dialogue, is changed, or waits for the list's moderators. What a filter would discard is "
       "refused.",
       true});
  schema->settings.insert(
      schema->settings.end(),
      {
          {.name = "filter[].name",
           .help = "Names it in replies, log lines and commands.",
           .example = "rspamd",
           .required = true,
           .reloadable = true,
           .check = must_be_name},
          {.name = "filter[].addresses",
           .type = Type::kStrings,
           .help = "Where it listens: an IP address with a port, or the path of a socket. Of several the one "
                   "that answered last is asked first, and the others stand in for it.",
           .example = "127.0.0.1:11332, unix:/run/clamav/clamav-milter.ctl",
           .required = true,
           .reloadable = true,
           .check = must_be_address},
          {.name = "filter[].listeners",
           .type = Type::kStrings,
           .default_value = "mx",
           .help = "Whose mail it looks at: \"mx\" is what comes from outside, \"submission\" what our own "
                   "people "
                   "submit, by either role.",
           .reloadable = true,
           .check = must_be_listener},
          {.name = "filter[].when_down",
           .type = Type::kEnum,
           .default_value = "defer",
           .help = "What becomes of a message that it cannot be asked about: \"defer\" puts it off with 451, "
                   "and its sender "
                   "comes again; \"pass\" takes it unfiltered.",
           .choices = {"defer", "pass"},
           .reloadable = true},
          {.name = "filter[].timeout",
           .type = Type::kDuration,
           .default_value = "60s",
           .help = "How long one answer of it may take. All filters of a message together have 200 seconds.",
           .minimum = 1000,
           .maximum = 180'000,
           .reloadable = true},
          {.name = "filter[].connections",
           .type = Type::kInteger,
           .default_value = "20",
           .help = "Messages that it is shown at the same time by this node, one on a connection; others "
                   "wait. Each loop has "
                   "its share, one at least.",
           .unit = "connections",
           .minimum = 1,
           .maximum = 1000,
           .reloadable = true},
      });
}

std::vector<FilterSettings> read_filters(const config::Values& values) {
  std::vector<FilterSettings> out;
  for (const config::View& v : values.elements("filter[]")) {
    FilterSettings filter;
    filter.name = v.string("name");
    filter.addresses = v.strings("addresses");
    const auto listeners = v.strings("listeners");
    const auto named = [&](const char* which) {
      return std::find(listeners.begin(), listeners.end(), which) != listeners.end();
    };
    filter.mx = named("mx");
    filter.submission = named("submission");
    filter.pass_when_down = v.string("when_down") == "pass";
    filter.timeout = v.duration("timeout");
    filter.connections = static_cast<int>(v.integer("connections"));
    out.push_back(std::move(filter));
  }
  return out;
}

std::string wrong_with(const std::vector<FilterSettings>& filters) {
  std::set<std::string> names;
  for (std::size_t i = 0; i < filters.size(); ++i) {
    const FilterSettings& filter = filters[i];
    const std::string where = "[[filter]] " + std::to_string(i + 1) + " (" + filter.name + "): ";
    if (!names.insert(filter.name).second) return where + "another one has this \"name\"";
    if (!filter.mx && !filter.submission) return where + "\"listeners\" names none";
  }
  return "";
}

}  // namespace essaim::smtpd
