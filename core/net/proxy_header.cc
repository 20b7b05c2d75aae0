#include "core/net/proxy_header.h"

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <optional>

#include <netinet/in.h>

#include "core/base/encoding.h"
#include "core/base/text.h"

namespace essaim::net {
namespace {

constexpr std::string_view kV1Begin = "PROXY ";
constexpr std::size_t kFixed = 16;  // octets of version 2 before addresses
constexpr unsigned char kTlvCrc32c = 0x03;

unsigned octet(std::string_view bytes, std::size_t at) {
  return static_cast<unsigned char>(bytes[at]);
}

unsigned two_octets(std::string_view bytes, std::size_t at) {
  return octet(bytes, at) << 8 | octet(bytes, at + 1);
}

// "[0..65535]", without leading zeros.
std::optional<std::uint16_t> port_of(std::string_view text) {
  const auto number = parse_u64(text);
  if (!number || *number > 65535 || (text.size() > 1 && text[0] == '0')) return std::nullopt;
  return static_cast<std::uint16_t>(*number);
}

SocketAddress ipv4(std::string_view ip, std::string_view port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  std::memcpy(&address.sin_addr, ip.data(), 4);
  std::memcpy(&address.sin_port, port.data(), 2);
  return {reinterpret_cast<const sockaddr*>(&address), sizeof address};
}

SocketAddress ipv6(std::string_view ip, std::string_view port) {
  sockaddr_in6 address{};
  address.sin6_family = AF_INET6;
  std::memcpy(&address.sin6_addr, ip.data(), 16);
  std::memcpy(&address.sin6_port, port.data(), 2);
  return {reinterpret_cast<const sockaddr*>(&address), sizeof address};
}

}  // namespace

ProxyHeaderParser::Status ProxyHeaderParser::feed(std::string_view* bytes) {
  if (status_ != Status::kNeedMore || bytes->empty()) return status_;
  const char first = bytes_.empty() ? (*bytes)[0] : bytes_[0];
  status_ = first == kSignature[0] ? feed_v2(bytes) : feed_v1(bytes);
  return status_;
}

void ProxyHeaderParser::take(std::string_view* bytes, std::size_t octets) {
  bytes_.append(bytes->substr(0, octets));
  bytes->remove_prefix(octets);
}

ProxyHeaderParser::Status ProxyHeaderParser::fail(std::string what) {
  error_ = Error{ErrorCode::kInvalid, std::move(what)};
  return Status::kError;
}

ProxyHeaderParser::Status ProxyHeaderParser::feed_v1(std::string_view* bytes) {
  const std::size_t end = bytes->find('\n');
  const std::size_t octets = end == std::string_view::npos ? bytes->size() : end + 1;
  take(bytes, std::min(octets, kMaxV1 - bytes_.size()));
  const std::string_view begin = std::string_view(bytes_).substr(0, kV1Begin.size());
  if (begin != kV1Begin.substr(0, begin.size())) return fail("no PROXY header at the beginning");
  if (bytes_.back() == '\n') {
    if (!bytes_.ends_with("\r\n")) return fail("the PROXY header does not end with CRLF");
    return parse_v1(std::string_view(bytes_).substr(0, bytes_.size() - 2));
  }
  if (bytes_.size() == kMaxV1) return fail("a PROXY header of version 1 that does not end after 107 octets");
  return Status::kNeedMore;
}

ProxyHeaderParser::Status ProxyHeaderParser::parse_v1(std::string_view line) {
  header_.version = 1;
  const std::vector<std::string_view> words = split(line.substr(kV1Begin.size()), ' ');
  if (words[0] == "UNKNOWN") {
    header_.local = true;
    return Status::kDone;
  }
  if (words[0] != "TCP4" && words[0] != "TCP6")
    return fail("PROXY header of an unknown protocol \"" + escaped_for_display(words[0], 20) + "\"");
  if (words.size() != 5) return fail("PROXY header without two addresses and two ports");
  SocketAddress* const addresses[] = {&header_.source, &header_.destination};
  for (std::size_t i = 0; i < 2; ++i) {
    const auto port = port_of(words[3 + i]);
    if (!port) return fail("PROXY header with a bad port \"" + escaped_for_display(words[3 + i], 20) + "\"");
    const auto address = SocketAddress::from_ip(words[1 + i], *port);
    if (!address.ok() || address->is_ipv6() != (words[0] == "TCP6"))
      return fail("PROXY header with a bad address \"" + escaped_for_display(words[1 + i], 50) + "\"");
    *addresses[i] = *address;
  }
  return Status::kDone;
}

ProxyHeaderParser::Status ProxyHeaderParser::feed_v2(std::string_view* bytes) {
  while (bytes_.size() < wanted_) {
    if (bytes->empty()) return Status::kNeedMore;
    take(bytes, std::min(bytes->size(), wanted_ - bytes_.size()));
    const std::string_view begin = std::string_view(bytes_).substr(0, kSignature.size());
    if (begin != kSignature.substr(0, begin.size())) return fail("no PROXY header at the beginning");
    if (bytes_.size() < kFixed) continue;
    wanted_ = kFixed + two_octets(bytes_, 14);
    if (octet(bytes_, 12) >> 4 != 2) return fail("PROXY header of an unknown version");
    if (wanted_ > kMaxV2) return fail("a PROXY header of " + std::to_string(wanted_) + " octets");
  }
  return parse_v2();
}

ProxyHeaderParser::Status ProxyHeaderParser::parse_v2() {
  header_.version = 2;
  const unsigned command = octet(bytes_, 12) & 0x0F, family = octet(bytes_, 13) >> 4,
                 protocol = octet(bytes_, 13) & 0x0F;
  if (command > 1) return fail("PROXY header with an unknown command");
  if (command == 0) {  // LOCAL: the rest is to be ignored
    header_.local = true;
    return Status::kDone;
  }
  if (family > 3 || protocol > 2) return fail("PROXY header of an unknown family or protocol");
  if (protocol == 2) return fail("PROXY header of a datagram");
  static constexpr std::size_t kAddressOctets[] = {0, 12, 36, 216};
  std::string_view rest = std::string_view(bytes_).substr(kFixed);
  const std::size_t addresses = protocol == 0 ? 0 : kAddressOctets[family];
  if (rest.size() < addresses) return fail("a PROXY header that is too short for its addresses");
  if (addresses == 12) {
    header_.source = ipv4(rest, rest.substr(8));
    header_.destination = ipv4(rest.substr(4), rest.substr(10));
  } else if (addresses == 36) {
    header_.source = ipv6(rest, rest.substr(32));
    header_.destination = ipv6(rest.substr(16), rest.substr(34));
  } else {
    header_.local = true;  // UNSPEC, or a UNIX socket
  }
  if (family == 0 || protocol == 0) return Status::kDone;  // what follows is to be ignored too
  rest.remove_prefix(addresses);
  while (!rest.empty()) {
    if (rest.size() < 3 || rest.size() - 3 < two_octets(rest, 1))
      return fail("a TLV that does not end within its PROXY header");
    const std::size_t length = two_octets(rest, 1);
    if (octet(rest, 0) == kTlvCrc32c) {
      if (length != 4) return fail("PROXY header with a checksum that is none");
      const std::size_t at = bytes_.size() - rest.size() + 3;
      const std::uint32_t said = two_octets(bytes_, at) << 16 | two_octets(bytes_, at + 2);
      std::string zeroed = bytes_;
      zeroed.replace(at, 4, 4, '\0');
      if (crc32c(zeroed) != said) return fail("PROXY header with a wrong checksum");
    }
    rest.remove_prefix(3 + length);
  }
  return Status::kDone;
}

}  // namespace essaim::net
