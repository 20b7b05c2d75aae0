// Makes DKIM signatures (RFC 6376 §5, RFC 8463): relaxed/relaxed, never l=, From oversigned (§8.15: nobody can add a
// second one), every field that says who wrote what to whom covered, and all List-* fields.
//
// What copies of a message share is done once: a HeaderSigner is made from the rendering's header and the hash of its
// body, and keeps the state of the hash over all common fields. sign() then costs a copy's own fields, its signature
// field and the signature. Immutable and thread-safe after construction.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/clock.h"
#include "core/base/mac.h"
#include "core/mail/header_block.h"
#include "core/mailauth/keys.h"

namespace essaim::mailauth {

struct SigningKey {
  std::string domain;    // d=
  std::string selector;  // s=
  PrivateKey key;
};
using SigningKeys = std::vector<std::shared_ptr<const SigningKey>>;

// Whether a signature of ours covers fields of this name.
bool is_signed_field(std::string_view name);

class HeaderSigner {
 public:
  // `body`: its hash in relaxed form. One signature for each key.
  HeaderSigner(const mail::HeaderBlock& header, const Sha256Digest& body, SigningKeys keys);
  // The DKIM-Signature fields for a copy with `own` fields (CRLF lines, "" for none) over the common ones, as they
  // are put on top of all. "" without keys.
  std::string sign(std::string_view own, WallTime now) const;

 private:
  const SigningKeys keys_;
  std::string body_hash_;  // base 64
  std::string names_;      // of the common fields, for h=
  Sha256 common_;          // over the common fields
};

// "name:name:name" over lines that are not too long, behind "\th=".
std::string folded_names(std::string_view names);
// Base 64 over several lines.
std::string folded_base64(std::string_view octets);

}  // namespace essaim::mailauth
