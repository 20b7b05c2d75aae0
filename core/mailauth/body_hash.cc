#include "core/mailauth/body_hash.h"

#include <algorithm>

namespace essaim::mailauth {
namespace {

constexpr std::size_t kPiece = 16'384;

}  // namespace

void BodyHasher::update(std::string_view bytes) {
  while (!bytes.empty()) {
    const std::string_view piece = bytes.substr(0, kPiece);
    bytes.remove_prefix(piece.size());
    canonicalizer_.update(piece, &buffer_);
    if (buffer_.size() >= kPiece) hash();
  }
}

void BodyHasher::hash() {
  std::string_view counted = buffer_;
  if (limit_)
    counted =
        counted.substr(0, *limit_ > octets_ ? std::min<std::uint64_t>(*limit_ - octets_, counted.size()) : 0);
  sha_.update(counted);
  octets_ += buffer_.size();
  buffer_.clear();
}

Sha256Digest BodyHasher::finish() {
  canonicalizer_.finish(&buffer_);
  hash();
  return sha_.finish();
}

Sha256Digest body_hash(std::string_view body, Canonicalization canonicalization) {
  BodyHasher hasher(canonicalization);
  hasher.update(body);
  return hasher.finish();
}

}  // namespace essaim::mailauth
