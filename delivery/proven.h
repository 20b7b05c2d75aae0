// Which destinations have taken a message within a day, by their keys: for these a part of the connections is kept free of all
// others (Fabric::take_connection). One that then kept us waiting is not counted among them for an hour, whatever it takes, nor
// behind that before it takes one again: so what it did not earn in a doubted network does not come by itself. One loop, those at
// home there; bounded (the oldest goes). The Router has one for domains whose look-ups end soon.
#pragma once

#include <cstddef>
#include <deque>
#include <string>
#include <unordered_map>

#include "core/base/clock.h"

namespace essaim::delivery {

class Proven {
 public:
  static constexpr std::size_t kMost = 10'000;
  static constexpr Duration kFor = std::chrono::hours(24);
  static constexpr Duration kDoubtedFor = std::chrono::hours(1);

  bool has(const std::string& key, MonoTime now) const {
    const auto found = entries_.find(key);
    return found != entries_.end() && now < found->second.until;
  }
  void took(const std::string& key, MonoTime now) {
    const auto [entry, added] = entries_.try_emplace(key);
    if (now >= entry->second.not_before) entry->second.until = now + kFor;
    if (!added) return;
    order_.push_back(key);
    if (order_.size() <= kMost) return;
    entries_.erase(order_.front());
    order_.pop_front();
  }
  void kept_us_waiting(const std::string& key, MonoTime now) {
    if (const auto found = entries_.find(key); found != entries_.end())
      found->second = {.until = MonoTime::min(), .not_before = now + kDoubtedFor};
  }

 private:
  struct Entry {
    MonoTime until = MonoTime::min();
    MonoTime not_before = MonoTime::min();  // what it takes proves nothing
  };
  std::unordered_map<std::string, Entry> entries_;
  std::deque<std::string> order_;  // their keys, oldest first
};

}  // namespace essaim::delivery
