// The header of the PROXY protocol (haproxy.org, proxy-protocol.txt), versions 1 and 2, sans-I/O: what a load balancer
// says before the first octet of a connection, so that we know the client and not only the balancer.
//
//   v1   "PROXY" SP ("TCP4" / "TCP6") SP source SP destination SP port SP port CRLF      (at most 107 octets)
//        "PROXY UNKNOWN" [anything] CRLF
//   v2   signature (12 octets), version and command, family and protocol, length (2), addresses, TLVs
//
// Takes exactly the octets of the header, whatever follows. Strict: where a header may end is never guessed.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "core/base/result.h"
#include "core/net/socket_address.h"

namespace essaim::net {

struct ProxyHeader {
  int version = 0;
  // LOCAL, UNKNOWN, or a client without an IP address: the connection is the proxy's own, as for a health check, and
  // there are no addresses.
  bool local = false;
  SocketAddress source, destination;  // of the client, and where it connected to
};

class ProxyHeaderParser {
 public:
  static constexpr std::size_t kMaxV1 = 107;     // octets with CRLF
  static constexpr std::size_t kMaxV2 = 16'384;  // octets; certificates of clients travel in TLVs
  // With these begins a header of version 2; no client of a text protocol says so.
  static constexpr std::string_view kSignature{"\r\n\r\n\0\r\nQUIT\n", 12};

  enum class Status { kNeedMore, kDone, kError };
  // Takes what belongs to the header off the front of `bytes`. After kDone and kError it takes nothing more.
  Status feed(std::string_view* bytes);

  const ProxyHeader& header() const { return header_; }  // after kDone
  const Error& error() const { return error_; }          // kInvalid, after kError

 private:
  Status feed_v1(std::string_view* bytes);
  Status feed_v2(std::string_view* bytes);
  Status parse_v1(std::string_view line);
  Status parse_v2();
  Status fail(std::string what);
  void take(std::string_view* bytes, std::size_t octets);

  Status status_ = Status::kNeedMore;
  std::string bytes_;  // of the header, so far
  std::size_t wanted_ = 16;
  ProxyHeader header_;
  Error error_{ErrorCode::kInvalid, ""};
};

}  // namespace essaim::net
