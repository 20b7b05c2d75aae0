// The hash of a body as a signature has it in bh= (RFC 6376 §3.7): canonical, perhaps only its beginning (l=). Takes the
// body in pieces of any size. What it holds until it has finished is bounded whatever the body is, and nothing
// afterwards: a message has many of them, and they are kept while name servers are asked (dkim_verify.h). One thread.
#pragma once

#include <cstddef>
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
  std::uint64_t octets() const { return octets_; }         // of the whole canonical body; after finish()
  std::size_t held() const { return buffer_.capacity(); }  // octets of memory

 private:
  void take(std::string_view octets);
  void hash();

  BodyCanonicalizer canonicalizer_;
  const std::optional<std::uint64_t> limit_;
  Sha256 sha_;
  std::string buffer_;        // not hashed yet: canonical pieces are short
  std::uint64_t octets_ = 0;  // that came, whether they count or not
};

Sha256Digest body_hash(std::string_view body, Canonicalization canonicalization);

}  // namespace essaim::mailauth
