#include "smtpd/settings/http_table.h"

#include "core/base/text.h"

namespace essaim::smtpd {
namespace {

using config::Type;

constexpr std::size_t kMaxUrl = 200;  // it stands in a header field of every copy

std::string must_be_base_url(const std::string& url) {
  constexpr std::string_view kScheme = "https://";
  if (!url.starts_with(kScheme)) return "must begin with https://";
  if (url.size() > kMaxUrl) return "must not be longer than 200 characters";
  const std::string_view rest = std::string_view(url).substr(kScheme.size());
  if (rest.empty() || rest.front() == '/' || rest.front() == ':') return "must name a host";
  if (url.ends_with('/')) return "must not end with /";
  for (const char c : rest) {
    const bool good = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                      std::string_view("-._~:/").find(c) != std::string_view::npos;
    if (!good)
      return "must be https://HOST, perhaps with :PORT and a path; '" + escaped_for_display({&c, 1}, 8) +
             "' is not allowed";
  }
  return "";
}

}  // namespace

void add_http_settings(config::Schema* schema) {
  schema->sections.push_back(
      {"http", "Links in messages and the pages behind them; see docs/unsubscribe.md.", false});
  schema->settings.insert(
      schema->settings.end(),
      {
          {.name = "http.base_url",
           .help = "Where the listeners of role \"http\" are reached from outside. With it, every personal "
                   "copy carries a link to leave with one click (RFC 8058); without it there is only the "
                   "address.",
           .example = "https://lists.example.org",
           .check = must_be_base_url},
          {.name = "http.forwarded",
           .type = Type::kEnum,
           .default_value = "x-forwarded-for",
           .help = "The field in which the proxies that \"listen.proxy\" names tell the client: the one that "
                   "they write themselves, as the other one may come from the client.",
           .choices = {"x-forwarded-for", "forwarded"}},
          {.name = "http.connections",
           .type = Type::kInteger,
           .default_value = "500",
           .help = "Connections at the same time, for each listener of role \"http\". When they are used up, "
                   "the client who has most gives a newcomer the place of one without a whole request.",
           .minimum = 1,
           .maximum = 100'000},
          {.name = "http.connections_per_client",
           .type = Type::kInteger,
           .default_value = "50",
           .help = "Of one client (see limits.ipv6_client_bits) that connects to it, unless it is a proxy. "
                   "0: no limit.",
           .minimum = 0,
           .maximum = 100'000,
           .reloadable = true},
          {.name = "http.request_timeout",
           .type = Type::kDuration,
           .default_value = "10s",
           .help = "How long a whole request may take to come.",
           .minimum = 1'000,
           .maximum = 600'000,
           .reloadable = true},
          {.name = "http.idle_timeout",
           .type = Type::kDuration,
           .default_value = "30s",
           .help = "How long a connection may wait for the next request.",
           .minimum = 1'000,
           .maximum = 600'000,
           .reloadable = true},
      });
}

HttpSettings read_http(const config::View& view) {
  HttpSettings out;
  out.base_url = view.string("http.base_url");
  out.forwarded = view.string("http.forwarded");
  out.connections = static_cast<std::size_t>(view.integer("http.connections"));
  out.connections_per_client = static_cast<std::size_t>(view.integer("http.connections_per_client"));
  out.request_timeout = view.duration("http.request_timeout");
  out.idle_timeout = view.duration("http.idle_timeout");
  return out;
}

}  // namespace essaim::smtpd
