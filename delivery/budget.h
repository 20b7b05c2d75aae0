// Room in memory for batches, by priority class, so that posts with few recipients never wait for room that
// big posts have taken. A batch costs units by what of it is still out: 16 for a thousand recipients, 1 for a
// few. Pure.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>

#include "storage/records.h"

namespace essaim::delivery {

class Budget {
 public:
  static constexpr std::size_t kUnitsPerBatch = 16;
  static constexpr int kClasses = 3;  // priority 0, 1, and 2 with all above

  explicit Budget(std::size_t batches) { resize(batches); }
  void resize(std::size_t batches) {
    batches = std::max<std::size_t>(1, batches);
    total_ = batches * kUnitsPerBatch;
    reserve0_ = batches / 4 * kUnitsPerBatch;  // for priority 0 only
    reserve1_ = batches / 8 * kUnitsPerBatch;  // for priorities 0 and 1
  }

  static int class_of(int priority) { return std::clamp(priority, 0, kClasses - 1); }
  static std::size_t units(std::size_t recipients) {
    const std::size_t per = (storage::kBatchSize + kUnitsPerBatch - 1) / kUnitsPerBatch;
    return std::clamp<std::size_t>((recipients + per - 1) / per, 1, kUnitsPerBatch);
  }
  // A big batch that is nearly done still holds its recipients in memory.
  static std::size_t units(std::size_t recipients, std::size_t out) {
    return std::max(units(out), std::min<std::size_t>(units(recipients), 4));
  }

  void add(int priority, std::size_t n) { used_[static_cast<std::size_t>(class_of(priority))] += n; }
  void remove(int priority, std::size_t n) {
    std::size_t& used = used_[static_cast<std::size_t>(class_of(priority))];
    used -= std::min(used, n);
  }
  std::size_t room(int cls) const {
    const std::size_t all = used_[0] + used_[1] + used_[2];
    std::size_t room = left(total_, all);
    if (cls >= 1) room = std::min(room, left(total_ - reserve0_, used_[1] + used_[2]));
    if (cls >= 2) room = std::min(room, left(total_ - reserve0_ - reserve1_, used_[2]));
    return room;
  }
  // Whether a class of small posts has half of its own reserve left. While it has, such posts are taken also for
  // destinations that have enough: there they go before the big ones. Big posts have no reserve.
  bool ample(int cls) const {
    if (cls >= 2) return false;
    return room(cls) >= (cls == 0 ? reserve0_ : reserve1_) / 2 && room(cls) > 0;
  }
  // How many batches of a class may be claimed now. Those of priority 0 are small by definition.
  std::size_t claimable(int cls) const {
    if (cls == 0) return std::min<std::size_t>(room(0), 64);
    return std::min<std::size_t>(room(cls) / kUnitsPerBatch, 16);
  }

 private:
  static std::size_t left(std::size_t limit, std::size_t used) { return limit > used ? limit - used : 0; }
  std::size_t total_ = 0, reserve0_ = 0, reserve1_ = 0;
  std::array<std::size_t, kClasses> used_{};
};

}  // namespace essaim::delivery
