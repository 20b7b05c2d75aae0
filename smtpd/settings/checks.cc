#include "smtpd/settings/checks.h"

#include "core/smtp/address.h"
#include "core/smtp/idn.h"

namespace essaim::smtpd {

std::string must_be_absolute(const std::string& path) {
  if (!path.starts_with("/")) return "must be an absolute path";
  if (path.find('\n') != std::string::npos) return "must not contain a line end";
  return "";
}

std::string must_be_domain(const std::string& text) {
  const auto domain = smtp::domain_to_ascii(text);
  const bool is_one = domain.ok() && !domain->starts_with('[') && smtp::parse_mailbox("a@" + *domain).ok();
  return is_one ? "" : "must be a domain, as \"lists.example.net\"";
}

std::string must_be_network(const std::string& text) {
  return guard::parse_network(text) ? "" : "must be an IP address or a network, as \"192.0.2.0/24\"";
}

std::vector<guard::Network> read_networks(const config::View& view, std::string_view name) {
  std::vector<guard::Network> out;
  for (const std::string& text : view.strings(name))
    if (const auto network = guard::parse_network(text)) out.push_back(*network);
  return out;
}

}  // namespace essaim::smtpd
