#include "core/base/clock.h"

#include <ctime>

#include <fmt/format.h>

namespace essaim {
namespace {

class SystemClock : public Clock {
 public:
  MonoTime mono_now() const override {
    timespec ts{};
    clock_gettime(CLOCK_BOOTTIME, &ts);
    return MonoTime(std::chrono::seconds(ts.tv_sec) + std::chrono::nanoseconds(ts.tv_nsec));
  }
  WallTime wall_now() const override {
    timespec ts{};
    clock_gettime(CLOCK_REALTIME, &ts);
    return WallTime(std::chrono::milliseconds(ts.tv_sec * 1000 + ts.tv_nsec / 1'000'000));
  }
};

std::tm utc(WallTime t, int* millis) {
  std::int64_t ms = to_millis(t);
  std::time_t seconds = ms / 1000;
  *millis = static_cast<int>(ms % 1000);
  if (*millis < 0) {
    *millis += 1000;
    --seconds;
  }
  std::tm tm{};
  gmtime_r(&seconds, &tm);
  return tm;
}

struct Unit {
  const char* name;
  Duration length;
};
constexpr Unit kUnits[] = {
    {"ms", std::chrono::milliseconds(1)}, {"s", std::chrono::seconds(1)}, {"m", std::chrono::minutes(1)},
    {"h", std::chrono::hours(1)},         {"d", std::chrono::hours(24)},  {"w", std::chrono::hours(24 * 7)},
};

}  // namespace

const Clock& system_clock() {
  static const SystemClock clock;
  return clock;
}

std::string format_iso8601(WallTime t) {
  int millis = 0;
  std::tm tm = utc(t, &millis);
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}Z", tm.tm_year + 1900, tm.tm_mon + 1,
                     tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec, millis);
}

std::string format_rfc5322(WallTime t) {
  static constexpr const char* kDays[] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
  static constexpr const char* kMonths[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                            "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  int millis = 0;
  std::tm tm = utc(t, &millis);
  return fmt::format("{}, {} {} {:04} {:02}:{:02}:{:02} +0000", kDays[tm.tm_wday], tm.tm_mday,
                     kMonths[tm.tm_mon], tm.tm_year + 1900, tm.tm_hour, tm.tm_min, tm.tm_sec);
}

bool parse_duration(const std::string& text, Duration* out) {
  Duration total{0};
  std::size_t i = 0;
  if (text.empty()) return false;
  while (i < text.size()) {
    std::int64_t number = 0;
    std::size_t digits = i;
    while (i < text.size() && text[i] >= '0' && text[i] <= '9' && i - digits < 10) {
      number = number * 10 + (text[i++] - '0');
    }
    if (i == digits) return false;
    std::size_t unit_start = i;
    while (i < text.size() && text[i] >= 'a' && text[i] <= 'z') ++i;
    std::string unit = text.substr(unit_start, i - unit_start);
    bool known = false;
    for (const Unit& u : kUnits) {
      if (unit != u.name) continue;
      if (number > (Duration::max() - total) / u.length) return false;
      total += u.length * number;
      known = true;
    }
    if (!known) return false;
  }
  *out = total;
  return true;
}

std::string format_duration(Duration d) {
  if (d <= Duration{0}) return "0s";
  std::string out;
  for (const Unit* u = std::end(kUnits) - 2; u >= std::begin(kUnits); --u) {
    auto n = d / u->length;
    if (n == 0) continue;
    out += fmt::format("{}{}", n, u->name);
    d -= u->length * n;
  }
  return out.empty() ? "0s" : out;
}

}  // namespace essaim
