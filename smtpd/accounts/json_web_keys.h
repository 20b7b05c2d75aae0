// The public keys of an authorization server (JWK Set, RFC 7517 §5), and what they sign: RS256 (RFC 7518 §3.3), ES256 (§3.4) and EdDSA
// with Ed25519 (RFC 8037). A key verifies by the algorithm of its kind and by no other, so that nothing in a token chooses how it is
// judged. Immutable once read; thread-safe.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <openssl/evp.h>

#include "core/base/result.h"

namespace essaim::smtpd {

class JsonWebKeys {
 public:
  // Keys that are for something else, or of a kind that we do not know, are passed over; kInvalid for what is no key set, and where
  // none is left.
  static Result<std::shared_ptr<const JsonWebKeys>> parse(std::string_view json);

  // A key for that algorithm and id ("": any).
  bool has(std::string_view algorithm, std::string_view id) const;
  bool verify(std::string_view algorithm, std::string_view id, std::string_view text,
              std::string_view signature) const;

 private:
  struct Key {
    std::string algorithm, id;
    std::shared_ptr<EVP_PKEY> key;
  };
  std::vector<Key> keys_;
};

}  // namespace essaim::smtpd
