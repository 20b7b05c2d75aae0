// The places for outgoing connections of a node, and how many of them destinations may have by their standing: somebody with
// many names is not to have all. A place counts for the standing of who has it and for all better ones. Thread-safe:
// all loops take from the same.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <optional>

namespace essaim::delivery {

// From the best one on.
enum class Standing : std::uint8_t {
  kProven,   // it has taken a message lately (proven.h), or is ourselves
  kUnknown,  // it has not; perhaps a stranger chose it
  kDoubted,  // likewise, and it is in a network that kept us waiting for nothing (doubted_networks.h)
};
inline constexpr std::array kStandings{Standing::kProven, Standing::kUnknown, Standing::kDoubted};
constexpr std::size_t index_of(Standing standing) {
  return static_cast<std::size_t>(standing);
}

class Places {
 public:
  // In all; of these for those that are not proven; of these for the doubted.
  void set_limits(int all, int unproven, int doubted) {
    limits_[0] = all;
    limits_[1] = unproven;
    limits_[2] = doubted;
  }
  int limit(Standing standing) const { return limits_[index_of(standing)].load(); }
  int used(Standing standing) const { return used_[index_of(standing)].load(); }  // also by worse ones

  bool take(Standing standing) {
    for (std::size_t at = 0; at <= index_of(standing); ++at) {
      if (take_one(&used_[at], limits_[at].load())) continue;
      while (at-- > 0) used_[at].fetch_sub(1);
      return false;
    }
    return true;
  }
  void give(Standing standing) {
    for (std::size_t at = 0; at <= index_of(standing); ++at) used_[at].fetch_sub(1);
  }
  // Of one that stays, and whose destination is proven now.
  void improve(Standing from) {
    for (std::size_t at = 1; at <= index_of(from); ++at) used_[at].fetch_sub(1);
  }
  // Which of the limits is in the way of another place, the narrowest: only who counts for it can make room. Nothing if there
  // is a place.
  std::optional<Standing> short_of(Standing standing) const {
    for (std::size_t at = index_of(standing) + 1; at-- > 0;)
      if (used_[at].load() >= limits_[at].load()) return kStandings[at];
    return std::nullopt;
  }

 private:
  static bool take_one(std::atomic<int>* used, int limit) {
    int now = used->load(std::memory_order_relaxed);
    while (now < limit)
      if (used->compare_exchange_weak(now, now + 1)) return true;
    return false;
  }

  std::array<std::atomic<int>, kStandings.size()> used_{};
  std::array<std::atomic<int>, kStandings.size()> limits_{1000, 750, 125};
};

}  // namespace essaim::delivery
