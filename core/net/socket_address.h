// An IPv4 or IPv6 address with a port, as text "192.0.2.1:25" or "[2001:db8::1]:25"; or the path of a socket on this machine, as
// "unix:/run/filter.sock", which has neither ip() nor port(). A value; immutable.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include <sys/socket.h>

#include "core/base/result.h"

namespace essaim::net {

class SocketAddress {
 public:
  SocketAddress() = default;
  SocketAddress(const sockaddr* address, socklen_t length);
  // "host:port" with a numeric host; the error says what is wrong.
  static Result<SocketAddress> parse(std::string_view text);
  static Result<SocketAddress> from_ip(std::string_view ip, std::uint16_t port);
  static Result<SocketAddress> from_path(std::string_view path);

  bool valid() const { return length_ > 0; }
  bool is_ipv6() const;
  bool is_path() const;
  std::string ip() const;  // "192.0.2.1", "2001:db8::1"; IPv4-mapped addresses are shown as IPv4
  std::uint16_t port() const;
  std::string to_string() const;  // as parse() reads it; of a path with "unix:" in front
  bool is_loopback() const;
  const sockaddr* raw() const { return reinterpret_cast<const sockaddr*>(&storage_); }
  socklen_t raw_length() const { return length_; }
  friend bool operator==(const SocketAddress& a, const SocketAddress& b) {
    return a.to_string() == b.to_string();
  }

 private:
  sockaddr_storage storage_{};
  socklen_t length_ = 0;
};

}  // namespace essaim::net
