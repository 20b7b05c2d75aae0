// How many recipients each account has named of late, wherever it has logged in from: whoever has its password may come from a thousand
// addresses. Thread-safe. Only who has logged in is in here, and those that were quiet are forgotten when there are many.
#pragma once

#include <algorithm>
#include <mutex>
#include <string>
#include <unordered_map>

#include "smtpd/guard/rate.h"

namespace essaim::smtpd::guard {

class AccountRates {
 public:
  // False: there is no room, and it is not counted.
  bool count(const std::string& account, const RateLimit& limit, MonoTime now) {
    if (limit.count == 0) return true;
    const std::lock_guard lock(mutex_);
    if (rates_.size() >= forget_at_) forget(now);
    Rate& rate = rates_[account];
    if (!rate.has_room(limit, now)) return false;
    rate.count(limit, now);
    return true;
  }
  std::size_t size() const {
    const std::lock_guard lock(mutex_);
    return rates_.size();
  }

 private:
  static constexpr std::size_t kFew = 1'000;
  // Not again before there are twice as many as are left.
  void forget(MonoTime now) {
    std::erase_if(rates_, [now](const auto& one) { return one.second.idle(now); });
    forget_at_ = std::max(kFew, 2 * rates_.size());
  }

  mutable std::mutex mutex_;
  std::unordered_map<std::string, Rate> rates_;
  std::size_t forget_at_ = kFew;
};

}  // namespace essaim::smtpd::guard
