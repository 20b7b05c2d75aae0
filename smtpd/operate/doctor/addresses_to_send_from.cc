#include <algorithm>

#include <sys/socket.h>
#include <unistd.h>

#include "core/net/socket_address.h"
#include "smtpd/operate/doctor/doctor.h"

namespace essaim::smtpd::operate {
namespace {

// Connecting a datagram socket chooses the way and the address, and sends nothing. "" if there is no way.
std::string address_towards(const char* elsewhere) {
  const auto there = net::SocketAddress::from_ip(elsewhere, 25);
  if (!there.ok()) return "";
  const int fd = ::socket(there->is_ipv6() ? AF_INET6 : AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return "";
  sockaddr_storage own{};
  socklen_t length = sizeof own;
  auto* const raw = reinterpret_cast<sockaddr*>(&own);
  const bool known =
      ::connect(fd, there->raw(), there->raw_length()) == 0 && ::getsockname(fd, raw, &length) == 0;
  ::close(fd);
  return known ? net::SocketAddress(raw, length).ip() : std::string();
}

}  // namespace

std::vector<std::string> addresses_to_send_from(const Settings& settings) {
  // Any addresses that are not near will do: these are for documentation (RFC 5737, RFC 3849).
  std::vector<std::string> out;
  if (settings.delivery.ipv4) out.push_back(address_towards("198.51.100.1"));
  if (settings.delivery.ipv6) out.push_back(address_towards("2001:db8::1"));
  for (const DestinationSettings& one : settings.destinations) {
    out.push_back(one.source_ipv4);
    out.push_back(one.source_ipv6);
  }
  std::vector<std::string> kept;
  for (std::string& ip : out)
    if (!ip.empty() && std::find(kept.begin(), kept.end(), ip) == kept.end()) kept.push_back(std::move(ip));
  return kept;
}

}  // namespace essaim::smtpd::operate
