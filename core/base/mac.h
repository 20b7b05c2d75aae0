// Keyed message authentication codes for addresses and tokens, and SHA-256. A MacKey is immutable and
// thread-safe; each thread keeps OpenSSL contexts of the three keys that it used last, so that a code costs well under 2 µs.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

namespace essaim {

using Sha256Digest = std::array<unsigned char, 32>;
Sha256Digest sha256(std::string_view bytes);
inline std::string_view octets(const Sha256Digest& digest) {
  return {reinterpret_cast<const char*>(digest.data()), digest.size()};
}

class Sha256 {
 public:
  Sha256();
  ~Sha256();
  Sha256(const Sha256& other);  // goes on from where the other is
  Sha256& operator=(const Sha256&) = delete;
  void update(std::string_view bytes);
  Sha256Digest finish();

 private:
  void* context_;
};

class MacKey {
 public:
  explicit MacKey(std::string key) : key_(std::move(key)) {}
  // HMAC-SHA-256 (RFC 2104) of `message`.
  Sha256Digest mac(std::string_view message) const;
  // The first 50 bits as 10 characters of base 32: for addresses that are checked at once and cannot be tried
  // fast.
  std::string short_mac(std::string_view message) const;
  const std::string& bytes() const { return key_; }

 private:
  std::string key_;
};

// In time that does not depend on where they differ.
bool equal_in_constant_time(std::string_view a, std::string_view b);

}  // namespace essaim
