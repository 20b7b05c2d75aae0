// Hosts that offered CHUNKING and did not know BDAT (RFC 3030), or offered PIPELINING and lost what followed the
// final dot (RFC 2920): a filter in between, as a rule; or offered STARTTLS and failed at the handshake. They are
// remembered for a time, after which they are tried once more. One object for each of the three. Shared by all couriers;
// thread-safe; bounded (the oldest goes).
#pragma once

#include <cstddef>
#include <deque>
#include <mutex>
#include <string>
#include <unordered_map>
#include <utility>

#include "core/base/clock.h"

namespace essaim::delivery {

class TroubledHosts {
 public:
  static constexpr std::size_t kMost = 10'000;
  static constexpr Duration kTime = std::chrono::hours(24);

  explicit TroubledHosts(Duration time = kTime) : time_(time) {}

  bool knows(const std::string& peer, MonoTime now) const;
  void add(const std::string& peer, MonoTime now);
  std::size_t size() const;

 private:
  const Duration time_;
  mutable std::mutex mutex_;
  std::unordered_map<std::string, MonoTime> since_;
  std::deque<std::string> order_;  // the keys of since_, oldest first
};

}  // namespace essaim::delivery
