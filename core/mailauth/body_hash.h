// The hash of a body as a signature has it in bh= (RFC 6376 §3.7): canonical, perhaps only its beginning (l=). Takes the
// body in pieces; keeps a small buffer. One thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "core/base/mac.h"
#include "core/mailauth/canonical.h"

namespace essaim::mailauth {

class BodyHasher {
 public:
  explicit BodyHasher(Canonicalization canonicalization, std::optional<std::uint64_t> limit = std::nullopt)
      : canonicalizer_(canonicalization), limit_(limit) {}
  void update(std::string_view bytes);
  Sha256Digest finish();
  std::uint64_t octets() const { return octets_; }  // of the whole canonical body; after finish()

 private:
  void hash();

  BodyCanonicalizer canonicalizer_;
  const std::optional<std::uint64_t> limit_;
  Sha256 sha_;
  std::string buffer_;
  std::uint64_t octets_ = 0;
};

Sha256Digest body_hash(std::string_view body, Canonicalization canonicalization);

}  // namespace essaim::mailauth
