#include "core/base/network.h"

#include <algorithm>
#include <cstring>
#include <string>

#include <arpa/inet.h>

#include "core/base/random.h"
#include "core/base/text.h"

namespace essaim {
namespace {

constexpr std::array<std::uint8_t, 12> kMapped{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF};

Network cut(Network network, int bits) {
  network.bits = static_cast<std::uint8_t>(std::min<int>(bits, network.bits));
  for (int i = 0; i < 16; ++i) {
    const int kept = std::clamp(network.bits - 8 * i, 0, 8);
    auto& octet = network.octets[static_cast<std::size_t>(i)];
    octet = static_cast<std::uint8_t>(octet & (0xFF00 >> kept));
  }
  return network;
}

std::uint64_t mixed(std::uint64_t x) {
  x ^= x >> 32;
  x *= 0xD6E8FEB86659FD93ULL;
  x ^= x >> 32;
  x *= 0xD6E8FEB86659FD93ULL;
  return x ^ (x >> 32);
}

}  // namespace

bool Network::is_ipv4() const {
  return bits >= 96 && std::equal(kMapped.begin(), kMapped.end(), octets.begin());
}

bool Network::contains(const Network& other) const {
  return other.bits >= bits && cut(other, bits) == *this;
}

Network Network::prefix(int ipv4_bits, int ipv6_bits) const {
  return cut(*this, is_ipv4() ? 96 + std::clamp(ipv4_bits, 0, 32) : std::clamp(ipv6_bits, 0, 128));
}

std::optional<Network> parse_network(std::string_view text) {
  const std::size_t slash = text.find('/');
  const std::string address(text.substr(0, slash));
  if (address.find('\0') != std::string::npos) return std::nullopt;
  Network network;
  network.bits = 128;
  int longest = 128;
  if (inet_pton(AF_INET6, address.c_str(), network.octets.data()) != 1) {
    std::copy(kMapped.begin(), kMapped.end(), network.octets.begin());
    if (inet_pton(AF_INET, address.c_str(), network.octets.data() + 12) != 1) return std::nullopt;
    longest = 32;
  }
  if (slash == std::string_view::npos) return network;
  const auto bits = parse_u64(text.substr(slash + 1));
  if (!bits || *bits > static_cast<std::uint64_t>(longest)) return std::nullopt;
  return cut(network, 128 - longest + static_cast<int>(*bits));
}

bool is_ip(int family, const std::string& text) {
  unsigned char buffer[sizeof(in6_addr)];
  return inet_pton(family, text.c_str(), buffer) == 1;
}

std::size_t NetworkHash::operator()(const Network& network) const {
  static const std::uint64_t seed = random_u64();
  std::uint64_t high = 0;
  std::uint64_t low = 0;
  std::memcpy(&high, network.octets.data(), 8);
  std::memcpy(&low, network.octets.data() + 8, 8);
  return mixed(mixed(mixed(seed ^ high) ^ low) ^ network.bits);
}

}  // namespace essaim
