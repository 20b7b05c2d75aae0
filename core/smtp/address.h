// Mail addresses of the envelope (RFC 5321 §4.1.2, RFC 6531 §3.3). The domain is kept in lower case and with
// A-labels, however it was written; the local part as it came, in UTF-8 where SMTPUTF8 allows it. Values,
// immutable by convention.
#pragma once

#include <string>
#include <string_view>

#include "core/base/result.h"

namespace essaim::smtp {

struct Address {
  std::string local;   // unquoted: "john smith", not "\"john smith\""
  std::string domain;  // lower case; empty only for <postmaster>; an address literal keeps its brackets

  bool needs_smtputf8() const;  // the local part is not ASCII; every domain has an ASCII form
  bool empty() const { return local.empty() && domain.empty(); }  // the null reverse-path
  std::string to_string() const;  // quoted where it must be; "" for the null path
  // The normal form of the local part (local_key.h): who is the same person however the address is written.
  std::string local_key() const;
  friend bool operator==(const Address&, const Address&) = default;
};

// What we make ourselves stays within kMaxLocalPart. Tolerated when read: longer local parts, up to kMaxPath
// in all, because bulk senders' VERP addresses exceed 64 octets.
inline constexpr std::size_t kMaxLocalPart = 64;  // octets, RFC 5321 §4.5.3.1.1
inline constexpr std::size_t kMaxDomain = 255;    // octets, RFC 5321 §4.5.3.1.2
inline constexpr std::size_t kMaxPath = 256;      // octets with <>, RFC 5321 §4.5.3.1.3

// "local@domain" without angle brackets: configuration, command line, member files. The error says what is
// wrong. The domain may be written with U-labels; the local part may hold UTF-8 only where `local_part` says
// so.
enum class LocalPart { kAscii, kUtf8 };
Result<Address> parse_mailbox(std::string_view text, LocalPart local_part = LocalPart::kAscii);

}  // namespace essaim::smtp
