#include "core/mailauth/body_hash.h"

namespace essaim::mailauth {
namespace {

constexpr std::size_t kPiece = 16'384;

}  // namespace

void BodyHasher::update(std::string_view bytes) {
  canonicalizer_.update(bytes, [this](std::string_view octets) { take(octets); });
}

void BodyHasher::take(std::string_view octets) {
  std::string_view counted = octets;
  if (limit_) counted = counted.substr(0, *limit_ > octets_ ? *limit_ - octets_ : 0);
  octets_ += octets.size();
  if (buffer_.size() + counted.size() > kPiece) hash();
  if (counted.size() > kPiece) {
    sha_.update(counted);
  } else {
    buffer_.append(counted);
  }
}

void BodyHasher::hash() {
  sha_.update(buffer_);
  buffer_.clear();
}

Sha256Digest BodyHasher::finish() {
  canonicalizer_.finish([this](std::string_view octets) { take(octets); });
  hash();
  std::string().swap(buffer_);
  return sha_.finish();
}

Sha256Digest body_hash(std::string_view body, Canonicalization canonicalization) {
  BodyHasher hasher(canonicalization);
  hasher.update(body);
  return hasher.finish();
}

}  // namespace essaim::mailauth
