// The fields DKIM-Signature (RFC 6376 §3.5) and ARC-Message-Signature (RFC 8617 §4.1.2), read. Pure functions.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/result.h"
#include "core/mailauth/canonical.h"
#include "core/mailauth/keys.h"

namespace essaim::mailauth {

enum class SignatureKind { kDkim, kArcMessage };

struct Signature {
  Algorithm algorithm = Algorithm::kRsaSha256;
  bool sha1 = false;  // rsa-sha1: RFC 8301 §3.1 forbids to use it
  std::string signature;
  std::string body_hash;
  Canonicalization header = Canonicalization::kSimple;
  Canonicalization body = Canonicalization::kSimple;
  std::string domain;                        // d=, lower case, A-labels
  std::string selector;                      // s=, lower case, A-labels
  std::string identity;                      // i=, or "@" and the domain
  std::string identity_domain;               // of i=, lower case
  std::vector<std::string> signed_fields;    // h=, lower case, in order
  std::optional<std::uint64_t> body_length;  // l=
  std::optional<std::uint64_t> expires;      // x=, seconds since 1970
  std::string shown;  // the first characters of b=, which tell signatures apart (RFC 6008)
  int instance = 0;   // ARC
};

inline constexpr std::size_t kMaxSignedFields = 500;

// `value`: of the field, with its folding. What can be told although the field is no good (domain, selector, shown)
// is in *partial, for the report; null: not wanted. kInvalid says what is wrong with it.
Result<Signature> parse_signature(std::string_view value, SignatureKind kind, Signature* partial = nullptr);

// s= of a signature or seal, as it stands in the name of the key's record: lower case, A-labels (RFC 8616 §5). kInvalid: it can
// be in none.
Result<std::string> parse_selector(std::string_view value);

// The field with the value of b= taken out, as it was hashed (§3.7); `field` as `name: value CRLF`.
std::string without_signature_value(std::string_view field);

}  // namespace essaim::mailauth
