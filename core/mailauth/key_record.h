// The TXT record at SELECTOR._domainkey.DOMAIN with a public key (RFC 6376 §3.6.1, RFC 8463 §4, RFC 8301). Pure
// functions.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/result.h"
#include "core/mailauth/keys.h"

namespace essaim::mailauth {

struct KeyRecord {
  bool revoked = false;          // p= is empty
  bool strict = false;           // t=s: i= must be exactly d=
  bool testing = false;          // t=y
  std::optional<PublicKey> key;  // unless revoked
};

// kInvalid: no key record, or one that no signature of ours or others can use (unknown type, hash other than SHA-256,
// a service that is not e-mail, a key that is none).
Result<KeyRecord> parse_key_record(std::string_view text);

// What is published for a key.
std::string key_record_text(const PrivateKey& key);
std::string key_record_name(std::string_view selector, std::string_view domain);

}  // namespace essaim::mailauth
