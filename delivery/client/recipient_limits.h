// How many recipients hosts take in a transaction that have told it only by refusing one too many (RFC 5321 §4.5.3.1.10) and ended
// the connection with all that they had accepted: known to the next connections. Others tell each connection anew, for what they
// say need not be a limit: hosts with the mailboxes of several regions refuse those of another one in these words. Remembered for a
// time, after which more is tried again. Shared by all couriers; thread-safe; bounded (the oldest goes).
#pragma once

#include <cstddef>
#include <deque>
#include <mutex>
#include <string>
#include <unordered_map>

#include "core/base/clock.h"

namespace essaim::delivery {

class RecipientLimits {
 public:
  static constexpr std::size_t kMost = 10'000;
  static constexpr Duration kTime = std::chrono::hours(1);

  // 0: none is known.
  std::size_t of(const std::string& peer, MonoTime now) const;
  // At least one. A smaller one that is known stays.
  void learn(const std::string& peer, std::size_t limit, MonoTime now);
  std::size_t size() const;

 private:
  struct Limit {
    std::size_t recipients = 0;
    MonoTime since{};
  };
  mutable std::mutex mutex_;
  std::unordered_map<std::string, Limit> limits_;
  std::deque<std::string> order_;  // the keys of limits_, in the order in which they came
};

}  // namespace essaim::delivery
