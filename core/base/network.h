// IP addresses as keys: a client or a network prefix, IPv4 and IPv6 alike. Values; pure functions.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace essaim {

// 16 octets; IPv4 stands in its mapped form ::ffff:a.b.c.d, so its prefix lengths begin at 96.
struct Network {
  std::array<std::uint8_t, 16> octets{};
  std::uint8_t bits = 0;
  friend bool operator==(const Network&, const Network&) = default;

  bool is_ipv4() const;
  bool contains(const Network& other) const;
  // The network of this length around it; `ipv4_bits` counts from 0 to 32, `ipv6_bits` to 128.
  Network prefix(int ipv4_bits, int ipv6_bits) const;
};

// "192.0.2.1", "2001:db8::1"; with "/24" behind it a network, whose host part is cleared.
std::optional<Network> parse_network(std::string_view text);

// Whether it is an address of AF_INET or AF_INET6.
bool is_ip(int family, const std::string& text);

// Seeded anew in each process: who chooses addresses shall not choose buckets.
struct NetworkHash {
  std::size_t operator()(const Network& network) const;
};

}  // namespace essaim
