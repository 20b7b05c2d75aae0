#include "storage/mariadb/mariadb_url.h"

#include <algorithm>
#include <charconv>

namespace essaim::storage {

namespace {

constexpr std::string_view kScheme = "mariadb://";
constexpr std::string_view kForm = "mariadb://user@host1:3306,host2:3306/database";

bool is_name(std::string_view text) {
  static constexpr std::string_view kOthers = "._-";
  return !text.empty() && text.size() <= 80 && std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           kOthers.find(c) != std::string_view::npos;
  });
}

Error wrong(const std::string& what) {
  return {ErrorCode::kInvalid, "database url: " + what + "; expected " + std::string(kForm)};
}

template <typename Number>
bool read_number(std::string_view text, Number lowest, Number highest, Number* out) {
  const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), *out);
  return code == std::errc() && end == text.data() + text.size() && *out >= lowest && *out <= highest;
}

bool is_loopback(const std::string& host) {
  return host == "localhost" || host == "::1" || host.starts_with("127.");
}

Result<MariadbHost> parse_host(std::string_view text) {
  MariadbHost host;
  std::string_view port;
  bool has_port = false;
  if (text.starts_with('[')) {
    const std::size_t end = text.find(']');
    if (end == std::string_view::npos) return wrong("'[' without ']' in '" + std::string(text) + "'");
    host.name = std::string(text.substr(1, end - 1));
    const std::string_view rest = text.substr(end + 1);
    has_port = rest.starts_with(':');
    if (!rest.empty() && !has_port) return wrong("text behind ']' in '" + std::string(text) + "'");
    if (has_port) port = rest.substr(1);
    const bool address =
        !host.name.empty() && host.name.find_first_not_of("0123456789abcdefABCDEF:.") == std::string::npos;
    if (!address) return wrong("'" + host.name + "' is not an IPv6 address");
  } else {
    const std::size_t colon = text.find(':');
    has_port = colon != std::string_view::npos;
    host.name = std::string(text.substr(0, colon));
    if (has_port) port = text.substr(colon + 1);
    if (!is_name(host.name)) return wrong("'" + host.name + "' is not a host name");
  }
  if (has_port && !read_number<std::uint16_t>(port, 1, 65535, &host.port))
    return wrong("'" + std::string(port) + "' is not a port");
  return host;
}

Result<void> parse_option(std::string_view option, MariadbUrl* url, bool* tls_given) {
  const std::size_t equals = option.find('=');
  const std::string_view name = option.substr(0, equals);
  const std::string_view value =
      equals == std::string_view::npos ? std::string_view() : option.substr(equals + 1);
  if (name == "tls") {
    *tls_given = true;
    if (value == "off")
      url->tls = MariadbTls::kOff;
    else if (value == "on")
      url->tls = MariadbTls::kOn;
    else if (value == "verify")
      url->tls = MariadbTls::kVerify;
    else
      return wrong("tls must be off, on or verify, not '" + std::string(value) + "'");
    return {};
  }
  if (name == "ca" || name == "socket") {
    if (!value.starts_with('/')) return wrong(std::string(name) + " must be an absolute path");
    (name == "ca" ? url->ca : url->socket) = std::string(value);
    return {};
  }
  if (name == "timeout") {
    if (!read_number(value, 1, 600, &url->timeout)) return wrong("timeout must be 1 to 600 seconds");
    return {};
  }
  return wrong("unknown option '" + std::string(name) + "'");
}

}  // namespace

bool is_mariadb_url(std::string_view url) {
  return url.starts_with(kScheme);
}

std::string MariadbUrl::describe() const {
  std::string out = database + " on ";
  if (hosts.empty()) return out + socket;
  for (const MariadbHost& host : hosts) {
    if (&host != &hosts.front()) out += ", ";
    out += host.name + ":" + std::to_string(host.port);
  }
  return out;
}

Result<MariadbUrl> parse_mariadb_url(std::string_view text) {
  if (!is_mariadb_url(text)) return wrong("it does not begin with mariadb://");
  if (text.size() > 2000) return wrong("it is too long");
  std::string_view rest = text.substr(kScheme.size());
  MariadbUrl url;
  bool tls_given = false;
  if (const std::size_t question = rest.find('?'); question != std::string_view::npos) {
    std::string_view options = rest.substr(question + 1);
    rest = rest.substr(0, question);
    while (!options.empty()) {
      const std::size_t end = options.find('&');
      ESSAIM_TRY(parse_option(options.substr(0, end), &url, &tls_given));
      options = end == std::string_view::npos ? std::string_view() : options.substr(end + 1);
    }
  }
  const std::size_t at = rest.find('@');
  if (at == std::string_view::npos) return wrong("no user");
  url.user = std::string(rest.substr(0, at));
  if (url.user.find(':') != std::string::npos) {
    return wrong("a password does not belong here (use storage.password_file)");
  }
  if (!is_name(url.user)) return wrong("'" + url.user + "' is not a user name");
  rest = rest.substr(at + 1);
  const std::size_t slash = rest.find('/');
  if (slash == std::string_view::npos) return wrong("no database");
  url.database = std::string(rest.substr(slash + 1));
  if (!is_name(url.database)) return wrong("'" + url.database + "' is not a database name");
  for (std::string_view hosts = rest.substr(0, slash); !hosts.empty();) {
    const std::size_t end = hosts.find(',');
    auto host = parse_host(hosts.substr(0, end));
    if (!host.ok()) return host.error();
    url.hosts.push_back(std::move(*host));
    if (end == hosts.size() - 1) return wrong("',' at the end of the hosts");
    hosts = end == std::string_view::npos ? std::string_view() : hosts.substr(end + 1);
  }
  if (url.hosts.empty() == url.socket.empty()) return wrong("hosts or a socket, one of them");
  if (!tls_given && std::any_of(url.hosts.begin(), url.hosts.end(),
                                [](const MariadbHost& h) { return !is_loopback(h.name); }))
    url.tls = MariadbTls::kOn;
  if (url.tls == MariadbTls::kVerify && url.ca.empty()) return wrong("tls=verify needs ca=/path");
  return url;
}

}  // namespace essaim::storage
