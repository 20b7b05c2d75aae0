// The time of the machine in a zone of the test's choice. One thread: it changes the environment.
#pragma once

#include <cstdlib>
#include <ctime>
#include <string>

#include "core/base/clock.h"

namespace essaim::test {

// The time of the machine, for as long as it lives.
struct InTimeZone {
  explicit InTimeZone(const char* zone) {
    if (const char* before = std::getenv("TZ")) before_ = before;
    setenv("TZ", zone, 1);
    tzset();
  }
  ~InTimeZone() {
    before_.empty() ? unsetenv("TZ") : setenv("TZ", before_.c_str(), 1);
    tzset();
  }
  std::string before_;
};

inline WallTime at(int year, int month, int day, int hour, int minute) {
  std::tm utc{};
  utc.tm_year = year - 1900;
  utc.tm_mon = month - 1;
  utc.tm_mday = day;
  utc.tm_hour = hour;
  utc.tm_min = minute;
  return from_millis(std::int64_t{timegm(&utc)} * 1000);
}

}  // namespace essaim::test
