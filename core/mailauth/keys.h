// The two kinds of key that DKIM signs with: RSA (RFC 6376 §3.3, RFC 8301) and Ed25519 (RFC 8463). Both sign the
// SHA-256 hash of the header. Immutable and thread-safe after they are made; they hold OpenSSL keys.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "core/base/mac.h"
#include "core/base/result.h"

namespace essaim::mailauth {

enum class Algorithm { kRsaSha256, kEd25519Sha256 };
const char* to_string(Algorithm algorithm);  // as in a=: "rsa-sha256"
const char* key_type(Algorithm algorithm);   // as in k=: "rsa"

// RFC 8301 §3.2: at least 1,024 bits; more than 4,096 cost more than anybody needs.
inline constexpr int kMinRsaBits = 1024;
inline constexpr int kMaxRsaBits = 4096;
// A verification takes as many steps as the public exponent has bits, and whoever publishes the key chooses it: as long as
// the modulus it costs almost 200 times as much as the usual 65537 (17 bits). No more than BoringSSL takes, and with it Gmail.
inline constexpr int kMaxRsaExponentBits = 33;

class PublicKey {
 public:
  // The data of p=: for RSA a SubjectPublicKeyInfo or, as RFC 6376 has it, an RSAPublicKey; for Ed25519 32 octets.
  // kInvalid: it is no such key, or an RSA key with an exponent beyond kMaxRsaExponentBits.
  static Result<PublicKey> parse(Algorithm algorithm, std::string_view data);

  Algorithm algorithm() const { return algorithm_; }
  int bits() const;
  std::string data() const;  // for p=, not yet in base 64
  bool verify(const Sha256Digest& digest, std::string_view signature) const;

 private:
  friend class PrivateKey;
  PublicKey(Algorithm algorithm, std::shared_ptr<void> key) : algorithm_(algorithm), key_(std::move(key)) {}

  Algorithm algorithm_;
  std::shared_ptr<void> key_;
};

class PrivateKey {
 public:
  // A new one; RSA has 2,048 bits.
  static PrivateKey generate(Algorithm algorithm);
  // PEM without a password. kInvalid: no key, another kind, an RSA key of a size that is not for use.
  static Result<PrivateKey> from_pem(std::string_view pem);
  std::string to_pem() const;

  Algorithm algorithm() const { return algorithm_; }
  std::string sign(const Sha256Digest& digest) const;
  std::string public_data() const { return public_key().data(); }
  PublicKey public_key() const { return {algorithm_, key_}; }

 private:
  PrivateKey(Algorithm algorithm, std::shared_ptr<void> key) : algorithm_(algorithm), key_(std::move(key)) {}

  Algorithm algorithm_;
  std::shared_ptr<void> key_;
};

}  // namespace essaim::mailauth
