// Networks in which hosts that nobody knows kept us waiting: connections that held their places for long, and took nothing.
// Names cost nothing, and thousands of them may be one machine; so it is its network that is remembered, for a day: /24 or, as
// whoever has one IPv6 address may have that many, /48. Not for once: it may have been the network in between. Shared
// by all loops; thread-safe; bounded (the oldest goes).
#pragma once

#include <atomic>
#include <cstddef>
#include <deque>
#include <mutex>
#include <string>
#include <unordered_map>

#include "core/base/clock.h"
#include "core/base/network.h"

namespace essaim::delivery {

class DoubtedNetworks {
 public:
  static constexpr std::size_t kMost = 10'000;
  static constexpr Duration kFor = std::chrono::hours(24);
  static constexpr int kTimes = 3;

  // `address`: numeric, of a host.
  void kept_us_waiting(const std::string& address, MonoTime now) {
    const auto ip = parse_network(address);
    if (!ip) return;
    const Network network = network_of(*ip);
    const std::lock_guard lock(mutex_);
    const auto [entry, added] = entries_.try_emplace(network);
    if (added) order_.push_back(network);
    if (now >= entry->second.until) entry->second.times = 0;
    entry->second.until = now + kFor;
    if (entry->second.times < kTimes && ++entry->second.times == kTimes) any_ = true;
    if (order_.size() <= kMost) return;
    entries_.erase(order_.front());
    order_.pop_front();
  }
  bool has(const std::string& address, MonoTime now) const {
    if (!any_) return false;  // as a rule
    const auto ip = parse_network(address);
    if (!ip) return false;
    const std::lock_guard lock(mutex_);
    const auto found = entries_.find(network_of(*ip));
    return found != entries_.end() && found->second.times >= kTimes && now < found->second.until;
  }

 private:
  struct Entry {
    MonoTime until = MonoTime::min();
    int times = 0;
  };
  static Network network_of(const Network& ip) { return ip.prefix(24, 48); }

  std::atomic<bool> any_{false};  // there has been one
  mutable std::mutex mutex_;
  std::unordered_map<Network, Entry, NetworkHash> entries_;
  std::deque<Network> order_;  // their keys, oldest first
};

}  // namespace essaim::delivery
