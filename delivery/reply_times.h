// Whether a destination answers slower than it can: the sign that more connections would only wait longer, at its side
// or at ours, and keep the mail of others waiting with them. Pure; one destination owns one.
//
// What it can is the least of the times of the last ten to twenty minutes. A time is that of a transaction, from its
// envelope to the reply to its final dot.
#pragma once

#include <algorithm>

#include "core/base/clock.h"

namespace essaim::delivery {

class ReplyTimes {
 public:
  // The mean of some transactions that ended about `now`.
  void add(Duration mean, MonoTime now) {
    recent_ = recent_ == Duration{} ? mean : recent_ + (mean - recent_) / 4;
    if (now - began_ >= kWindow) {
      before_ = now - began_ < 2 * kWindow ? least_ : Duration::max();
      least_ = Duration::max();
      began_ = now;
    }
    least_ = std::min(least_, recent_);
  }
  bool slow() const {
    if (recent_ == Duration{}) return false;
    const Duration can = std::min(least_, before_);
    return recent_ > std::max(kTimes * can, can + kSlack);
  }

 private:
  static constexpr Duration kWindow = std::chrono::minutes(10);
  static constexpr int kTimes = 4;  // a scanner or a busy disk is no crowd yet
  static constexpr Duration kSlack = std::chrono::milliseconds(5);  // below it nobody waits

  Duration recent_{};
  Duration least_ = Duration::max();   // of this window
  Duration before_ = Duration::max();  // of the one before
  MonoTime began_{};
};

}  // namespace essaim::delivery
