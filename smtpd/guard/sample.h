// A figure that costs something to find out: looked at once a second at most, by one of the threads that ask; the others
// take what was seen last. Thread-safe.
#pragma once

#include <atomic>
#include <functional>
#include <limits>

#include "core/base/clock.h"

namespace essaim::smtpd::guard {

class Sample {
 public:
  // `look` may be empty: then it is always `at_first`.
  Sample(const Clock& clock, std::function<double()> look, double at_first)
      : clock_(clock), look_(std::move(look)), seen_(at_first) {}

  double get() const {
    if (!look_) return seen_.load(std::memory_order_relaxed);
    const std::int64_t now = clock_.mono_now().time_since_epoch().count();
    std::int64_t due = next_.load(std::memory_order_relaxed);
    if (now >= due && next_.compare_exchange_strong(due, now + 1'000'000'000))
      seen_.store(look_(), std::memory_order_relaxed);
    return seen_.load(std::memory_order_relaxed);
  }

 private:
  const Clock& clock_;
  const std::function<double()> look_;
  mutable std::atomic<std::int64_t> next_{
      std::numeric_limits<std::int64_t>::min()};  // nanoseconds of MonoTime
  mutable std::atomic<double> seen_;
};

}  // namespace essaim::smtpd::guard
