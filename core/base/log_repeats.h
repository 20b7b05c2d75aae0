// Keeps events that a peer can cause as often as it likes from filling the log: of those in its table, with the
// same key fields, only so many are written in a minute; the others are counted, and the sum is one line ("repeated").
// Lines about a message or a recipient are never held back. Of log.cc. Thread-safe; bounded.
#pragma once

#include <atomic>
#include <cstdint>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>

#include "core/base/clock.h"
#include "core/base/log.h"

namespace essaim::log {

class Repeats {
 public:
  static constexpr Duration kPeriod = std::chrono::minutes(1);
  static constexpr std::size_t kMostKeys = 10'000;  // beyond them nothing is held back

  explicit Repeats(const Clock& clock = system_clock()) : clock_(clock) {}
  void set_limit(std::uint64_t limit) { limit_ = limit; }  // 0: none
  // Whether this event is written.
  bool passes(Level level, std::string_view event, const Field* fields, std::size_t count);
  // Writes the sums of periods that are over, or of all.
  void tell(bool all);

 private:
  struct Run {
    MonoTime since{};
    std::uint64_t count = 0;
    std::uint64_t held_back = 0;
    Level level = Level::kInfo;
  };

  const Clock& clock_;
  std::atomic<std::uint64_t> limit_{0};
  std::atomic<std::int64_t> next_tell_{INT64_MAX};  // nanoseconds of the clock; nothing is held back: never
  std::mutex mutex_;
  std::unordered_map<std::string, Run>
      runs_;  // by the event and its key fields, as they are written in a line
};

}  // namespace essaim::log
