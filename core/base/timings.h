// How long things took since the start, in classes of duration: histograms, as metrics show them. Thread-safe; noting one
// costs three additions without a lock.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>

#include "core/base/clock.h"

namespace essaim {

class Histogram {
 public:
  // Upper bounds, inclusive; what is longer is in one more class.
  static constexpr std::array kBounds = {
      std::chrono::microseconds(100),       std::chrono::microseconds(250),
      std::chrono::microseconds(500),       std::chrono::microseconds(1'000),
      std::chrono::microseconds(2'500),     std::chrono::microseconds(5'000),
      std::chrono::microseconds(10'000),    std::chrono::microseconds(25'000),
      std::chrono::microseconds(50'000),    std::chrono::microseconds(100'000),
      std::chrono::microseconds(250'000),   std::chrono::microseconds(500'000),
      std::chrono::microseconds(1'000'000), std::chrono::microseconds(2'500'000),
      std::chrono::microseconds(5'000'000), std::chrono::microseconds(10'000'000)};

  struct Counts {
    std::array<std::uint64_t, kBounds.size() + 1> classes{};  // not cumulative
    Duration sum{};
    std::uint64_t total() const;
  };

  void note(Duration took);
  Counts counts() const;

 private:
  std::array<std::atomic<std::uint64_t>, kBounds.size() + 1> classes_{};
  std::atomic<std::int64_t> sum_{0};  // nanoseconds
};

enum class Timing : std::size_t {
  kDurableCommit,   // COMMIT of what a 250 rests on
  kProgressCommit,  // the others
  kDnsQuestion,     // from the question to what was found, from the cache, too
  kFilter,          // a message at a mail filter, from the connection to its last word
  kCount,
};

void note_time(Timing timing, Duration took);
Histogram::Counts counts_of(Timing timing);

}  // namespace essaim
