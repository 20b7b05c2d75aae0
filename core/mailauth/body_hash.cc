#include "core/mailauth/body_hash.h"

#include <algorithm>

#include "core/base/check.h"

namespace essaim::mailauth {
namespace {

constexpr std::size_t kPiece = 16'384;

// No body has so many.
std::uint64_t octets_of(std::optional<std::uint64_t> limit) {
  return limit.value_or(UINT64_MAX);
}

}  // namespace

BodyHasher::BodyHasher(Canonicalization canonicalization, std::optional<std::uint64_t> limit)
    : canonicalizer_(canonicalization), first_(limit) {
  want(limit);
}

void BodyHasher::want(std::optional<std::uint64_t> limit) {
  const std::uint64_t octets = octets_of(limit);
  const auto place = std::find_if(wanted_.begin(), wanted_.end(),
                                  [octets](const Wanted& one) { return one.limit >= octets; });
  if (place == wanted_.end() || place->limit != octets) wanted_.insert(place, Wanted{octets, {}});
}

const Sha256Digest& BodyHasher::digest(std::optional<std::uint64_t> limit) const {
  const auto found =
      std::find_if(wanted_.begin(), wanted_.end(),
                   [octets = octets_of(limit)](const Wanted& one) { return one.limit == octets; });
  ESSAIM_CHECK(found != wanted_.end());
  return found->digest;
}

void BodyHasher::update(std::string_view bytes) {
  canonicalizer_.update(bytes, [this](std::string_view octets) { take(octets); });
}

// Each beginning that ends in these octets is hashed as far as it goes, and the hash goes on from there.
void BodyHasher::take(std::string_view octets) {
  for (; next_ < wanted_.size() && wanted_[next_].limit - octets_ <= octets.size(); ++next_) {
    const std::size_t count = wanted_[next_].limit - octets_;
    put(octets.substr(0, count));
    hash();
    wanted_[next_].digest = Sha256(sha_).finish();
    octets.remove_prefix(count);
    octets_ += count;
  }
  if (next_ < wanted_.size()) put(octets);
  octets_ += octets.size();
}

void BodyHasher::put(std::string_view octets) {
  if (buffer_.size() + octets.size() > kPiece) hash();
  if (octets.size() > kPiece) {
    sha_.update(octets);
  } else {
    buffer_.append(octets);
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
  const Sha256Digest whole = sha_.finish();
  for (; next_ < wanted_.size(); ++next_) wanted_[next_].digest = whole;
  return digest(first_);
}

Sha256Digest body_hash(std::string_view body, Canonicalization canonicalization) {
  BodyHasher hasher(canonicalization);
  hasher.update(body);
  return hasher.finish();
}

}  // namespace essaim::mailauth
