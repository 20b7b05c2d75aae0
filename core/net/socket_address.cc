#include "core/net/socket_address.h"

#include <algorithm>
#include <cstddef>
#include <cstring>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/un.h>

#include "core/base/text.h"

namespace essaim::net {
namespace {

const in6_addr& v6_of(const sockaddr_storage& storage) {
  return reinterpret_cast<const sockaddr_in6*>(&storage)->sin6_addr;
}

bool is_mapped(const sockaddr_storage& storage) {
  return storage.ss_family == AF_INET6 && IN6_IS_ADDR_V4MAPPED(&v6_of(storage));
}

}  // namespace

SocketAddress::SocketAddress(const sockaddr* address, socklen_t length) {
  if (address == nullptr || length < sizeof(sa_family_t) || length > sizeof storage_) return;
  const bool known = (address->sa_family == AF_INET && length >= sizeof(sockaddr_in)) ||
                     (address->sa_family == AF_INET6 && length >= sizeof(sockaddr_in6));
  if (!known) return;
  std::memcpy(&storage_, address, length);
  length_ = length;
}

Result<SocketAddress> SocketAddress::from_ip(std::string_view ip, std::uint16_t port) {
  // inet_pton() stops at a NUL, so an embedded one would hide what follows it.
  const std::string text(ip);
  SocketAddress result;
  if (text.find('\0') == std::string::npos && text.size() < INET6_ADDRSTRLEN) {
    auto* v4 = reinterpret_cast<sockaddr_in*>(&result.storage_);
    if (inet_pton(AF_INET, text.c_str(), &v4->sin_addr) == 1) {
      v4->sin_family = AF_INET;
      v4->sin_port = htons(port);
      result.length_ = sizeof(sockaddr_in);
      return result;
    }
    auto* v6 = reinterpret_cast<sockaddr_in6*>(&result.storage_);
    if (inet_pton(AF_INET6, text.c_str(), &v6->sin6_addr) == 1) {
      v6->sin6_family = AF_INET6;
      v6->sin6_port = htons(port);
      result.length_ = sizeof(sockaddr_in6);
      return result;
    }
  }
  return Error{ErrorCode::kInvalid, "\"" + escaped_for_display(ip, 80) + "\" is not an IP address"};
}

Result<SocketAddress> SocketAddress::from_path(std::string_view path) {
  const auto refuse = [&](const std::string& why) {
    return Error{ErrorCode::kInvalid, "\"" + escaped_for_display(path, 120) + "\": " + why};
  };
  SocketAddress result;
  auto* local = reinterpret_cast<sockaddr_un*>(&result.storage_);
  if (!path.starts_with('/')) return refuse("the path of a socket begins with /");
  if (path.find('\0') != std::string_view::npos) return refuse("a path has no NUL");
  if (path.size() >= sizeof local->sun_path)
    return refuse("the path of a socket has at most " + std::to_string(sizeof local->sun_path - 1) +
                  " octets");
  local->sun_family = AF_UNIX;
  std::memcpy(local->sun_path, path.data(), path.size());
  result.length_ = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + path.size() + 1);
  return result;
}

Result<SocketAddress> SocketAddress::parse(std::string_view text) {
  const auto refuse = [&](const char* why) {
    return Error{ErrorCode::kInvalid, "\"" + escaped_for_display(text, 80) + "\": " + why};
  };
  std::string_view host;
  std::string_view port;
  const bool bracketed = !text.empty() && text.front() == '[';
  if (bracketed) {
    const std::size_t end = text.find("]:");
    if (end == std::string_view::npos)
      return refuse("an IPv6 address with a port is written [2001:db8::1]:25");
    host = text.substr(1, end - 1);
    port = text.substr(end + 2);
  } else {
    const std::size_t colon = text.find(':');
    if (colon == std::string_view::npos) return refuse("the port is missing (192.0.2.1:25)");
    if (text.find(':', colon + 1) != std::string_view::npos) {
      return refuse("an IPv6 address with a port is written [2001:db8::1]:25");
    }
    host = text.substr(0, colon);
    port = text.substr(colon + 1);
  }
  const auto number = parse_u64(port);
  if (!number || *number > 65535) return refuse("the port must be a number from 0 to 65535");
  auto address = from_ip(host, static_cast<std::uint16_t>(*number));
  if (!address.ok() || address->is_ipv6() != bracketed) {
    return refuse(bracketed ? "not an IPv6 address in the brackets"
                            : "not a numeric IPv4 address before the port");
  }
  return address;
}

bool SocketAddress::is_ipv6() const {
  return valid() && storage_.ss_family == AF_INET6;
}

bool SocketAddress::is_path() const {
  return valid() && storage_.ss_family == AF_UNIX;
}

std::string SocketAddress::ip() const {
  if (!valid() || is_path()) return {};
  char text[INET6_ADDRSTRLEN] = {};
  if (storage_.ss_family == AF_INET) {
    inet_ntop(AF_INET, &reinterpret_cast<const sockaddr_in*>(&storage_)->sin_addr, text, sizeof text);
  } else if (is_mapped(storage_)) {
    inet_ntop(AF_INET, &v6_of(storage_).s6_addr[12], text, sizeof text);
  } else {
    inet_ntop(AF_INET6, &v6_of(storage_), text, sizeof text);
  }
  return text;
}

std::uint16_t SocketAddress::port() const {
  if (!valid() || is_path()) return 0;
  return ntohs(storage_.ss_family == AF_INET ? reinterpret_cast<const sockaddr_in*>(&storage_)->sin_port
                                             : reinterpret_cast<const sockaddr_in6*>(&storage_)->sin6_port);
}

std::string SocketAddress::to_string() const {
  if (!valid()) return {};
  if (is_path()) return std::string("unix:") + reinterpret_cast<const sockaddr_un*>(&storage_)->sun_path;
  const bool brackets = is_ipv6() && !is_mapped(storage_);
  return (brackets ? "[" + ip() + "]" : ip()) + ":" + std::to_string(port());
}

bool SocketAddress::is_loopback() const {
  if (!valid() || is_path()) return false;
  if (storage_.ss_family == AF_INET) {
    return (ntohl(reinterpret_cast<const sockaddr_in*>(&storage_)->sin_addr.s_addr) >> 24) == 127;
  }
  if (is_mapped(storage_)) return v6_of(storage_).s6_addr[12] == 127;
  return IN6_IS_ADDR_LOOPBACK(&v6_of(storage_));
}

}  // namespace essaim::net
