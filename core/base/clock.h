// Time. WallTime is what people read and what is stored (milliseconds since 1970, UTC); MonoTime is for every
// deadline and interval (CLOCK_BOOTTIME, so that a suspended machine does not stretch them). A Clock is the
// seam by which tests run days in milliseconds. Thread-safe.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <string>

namespace essaim {

using Duration = std::chrono::nanoseconds;

struct MonoClockTag {
  using rep = std::int64_t;
  using period = std::nano;
  using duration = Duration;
  static constexpr bool is_steady = true;
};
using MonoTime = std::chrono::time_point<MonoClockTag, Duration>;

struct WallClockTag {
  using rep = std::int64_t;
  using period = std::milli;
  using duration = std::chrono::milliseconds;
  static constexpr bool is_steady = false;
};
using WallTime = std::chrono::time_point<WallClockTag, std::chrono::milliseconds>;

inline WallTime later(WallTime time, Duration by) {
  return time + std::chrono::duration_cast<std::chrono::milliseconds>(by);
}

class Clock {
 public:
  virtual ~Clock() = default;
  virtual MonoTime mono_now() const = 0;
  virtual WallTime wall_now() const = 0;
};

// The clock of the machine. One object for the whole program.
const Clock& system_clock();

// Moves only when told to, by one thread; any may ask it. For tests.
class ManualClock : public Clock {
 public:
  MonoTime mono_now() const override { return mono_; }
  WallTime wall_now() const override { return wall_; }
  void advance(Duration by) {
    mono_ = mono_now() + by;
    wall_ = later(wall_now(), by);
  }
  void set_wall(WallTime to) { wall_ = to; }

 private:
  std::atomic<MonoTime> mono_{MonoTime(std::chrono::seconds(1'000))};
  std::atomic<WallTime> wall_{WallTime(std::chrono::milliseconds(1'790'000'000'000))};
};

inline std::int64_t to_millis(WallTime t) {
  return t.time_since_epoch().count();
}
inline WallTime from_millis(std::int64_t ms) {
  return WallTime(std::chrono::milliseconds(ms));
}

// "2026-11-22T18:52:04.123Z"
std::string format_iso8601(WallTime t);
// "Sun, 22 Nov 2026 18:52:04 +0000" (RFC 5322 §3.3), always in UTC.
std::string format_rfc5322(WallTime t);
// "90s", "15m", "4h", "5d", "250ms", "1h30m" -> duration; an error names what is wrong.
bool parse_duration(const std::string& text, Duration* out);
// The shortest of the forms that parse_duration reads: "1h30m".
std::string format_duration(Duration d);

}  // namespace essaim
