#include "core/http/forwarded.h"

#include "core/base/text.h"
#include "core/net/socket_address.h"

namespace essaim::http {

std::string client_behind(const std::string& peer_ip, std::string_view x_forwarded_for,
                          const std::function<bool(const std::string& ip)>& trusted) {
  std::string client = peer_ip;
  const auto entries = split(x_forwarded_for, ',');
  for (std::size_t i = entries.size(); i > 0 && trusted && trusted(client); --i) {
    const auto address = net::SocketAddress::from_ip(trimmed(entries[i - 1]), 0);
    if (!address.ok()) break;
    client = address->ip();
  }
  return client;
}

}  // namespace essaim::http
