// The hash of a body as a signature has it in bh= (RFC 6376 §3.7): canonical, perhaps only its beginning (l=). Takes the
// body in pieces of any size, and canonicalises and hashes it once however many beginnings of it are wanted. What it holds
// until it has finished is bounded whatever the body is, and nothing but the hashes afterwards: they are kept while name
// servers are asked (dkim_verify.h). One thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/mac.h"
#include "core/mailauth/canonical.h"

namespace essaim::mailauth {

class BodyHasher {
 public:
  // `limit`: the first octets that count; nothing: all.
  explicit BodyHasher(Canonicalization canonicalization, std::optional<std::uint64_t> limit = std::nullopt);
  void want(std::optional<std::uint64_t> limit);  // besides; before the first update()
  void update(std::string_view bytes);
  Sha256Digest finish();                                                 // of what the constructor was told
  const Sha256Digest& digest(std::optional<std::uint64_t> limit) const;  // wanted; after finish()
  std::uint64_t octets() const { return octets_; }         // of the whole canonical body; after finish()
  std::size_t held() const { return buffer_.capacity(); }  // octets of memory

 private:
  struct Wanted {
    std::uint64_t limit = 0;
    Sha256Digest digest{};
  };
  void take(std::string_view octets);
  void put(std::string_view octets);
  void hash();

  BodyCanonicalizer canonicalizer_;
  const std::optional<std::uint64_t> first_;
  std::vector<Wanted> wanted_;  // the shortest first; different ones
  std::size_t next_ = 0;        // the first that is not complete
  Sha256 sha_;
  std::string buffer_;        // not hashed yet: canonical pieces are short
  std::uint64_t octets_ = 0;  // that came, whether they count or not
};

Sha256Digest body_hash(std::string_view body, Canonicalization canonicalization);

}  // namespace essaim::mailauth
