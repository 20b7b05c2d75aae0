// Private keys at rest: AES-256-GCM under a key that is not in the database, derived from a secret that the operator
// keeps in a file or hands over as a systemd credential. What a key is for (domain and selector) is authenticated with
// it, so that rows cannot be exchanged. Immutable and thread-safe.
//
//   "E1" nonce (12) ciphertext tag (16)
#pragma once

#include <string>
#include <string_view>

#include "core/base/result.h"

namespace essaim::mailauth {

class KeySeal {
 public:
  static constexpr std::size_t kMinSecret = 16;  // octets

  // kInvalid: the secret is too short to be one.
  static Result<KeySeal> from_secret(std::string_view secret);
  // From a file; white space at its end does not count. The error names the file.
  static Result<KeySeal> from_file(const std::string& path);

  std::string sealed(std::string_view text, std::string_view purpose) const;
  // kDamaged: another secret, another purpose, or changed.
  Result<std::string> opened(std::string_view sealed, std::string_view purpose) const;

 private:
  explicit KeySeal(std::string key) : key_(std::move(key)) {}
  std::string key_;  // 32 octets
};

}  // namespace essaim::mailauth
