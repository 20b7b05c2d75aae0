// A rate spread evenly over its time: a message costs one token, tokens come at the rate, and at most a second's worth
// (at least one) is saved up. Pure: time comes in. One destination owns one; used on its home loop.
#pragma once

#include <algorithm>
#include <cstddef>
#include <limits>

#include "core/base/clock.h"
#include "delivery/destination_rule.h"

namespace essaim::delivery {

class TokenBucket {
 public:
  // What was saved up is kept, as far as the new rate allows it.
  void set_rate(const Rate& rate, MonoTime now) {
    if (rate == rate_) return;
    refill(now);
    const bool began = rate_.count == 0;
    rate_ = rate;
    tokens_ = began ? most() : std::min(tokens_, most());
    last_ = now;
  }

  bool limited() const { return rate_.count > 0; }

  // How many messages may go now.
  std::size_t available(MonoTime now) {
    if (!limited()) return std::numeric_limits<std::size_t>::max();
    refill(now);
    return static_cast<std::size_t>(tokens_);
  }

  void take(std::size_t messages) {
    if (limited()) tokens_ = std::max(0.0, tokens_ - static_cast<double>(messages));
  }

  // Whether nothing of it is used up any more.
  bool full(MonoTime now) const {
    if (!limited()) return true;
    const auto since = static_cast<double>(std::max<Duration>(Duration::zero(), now - last_).count());
    return tokens_ + per_nanosecond() * since >= most();
  }

  // They were not sent.
  void give(std::size_t messages) {
    if (limited()) tokens_ = std::min(most(), tokens_ + static_cast<double>(messages));
  }

  // Until the next message may go; no shorter than what is worth a timer.
  Duration wait(MonoTime now) {
    refill(now);
    const double missing = std::max(0.0, 1.0 - tokens_);
    return std::max<Duration>(std::chrono::milliseconds(10),
                              Duration(static_cast<Duration::rep>(missing / per_nanosecond()) + 1));
  }

 private:
  double per_nanosecond() const {
    return static_cast<double>(rate_.count) /
           static_cast<double>(std::max<Duration::rep>(1, rate_.window.count()));
  }
  double most() const { return std::max(1.0, per_nanosecond() * 1e9); }
  void refill(MonoTime now) {
    if (limited() && now > last_)
      tokens_ =
          std::min(most(), tokens_ + per_nanosecond() * static_cast<double>(Duration(now - last_).count()));
    last_ = std::max(last_, now);
  }

  Rate rate_;
  double tokens_ = 0;
  MonoTime last_{};
};

}  // namespace essaim::delivery
