// When a list's digests are made: days of the week and a time of day, in the time of the machine (TZ). A value; pure but for that.
#pragma once

#include <string>
#include <string_view>

#include "core/base/clock.h"
#include "core/base/result.h"

namespace essaim::lists {

struct DigestSchedule {
  unsigned days = 0;  // the sum of 1 << day, Sunday is 0; 0: never
  int hour = 0, minute = 0;
  bool is_on() const { return days != 0; }
  friend bool operator==(const DigestSchedule&, const DigestSchedule&) = default;
};

// "" is never; "daily 18:00", "mon,thu 07:30", and as Sympa has it "1,4 7:30". kInvalid says what is wrong.
Result<DigestSchedule> parse_schedule(std::string_view text);
// As "mon,thu 07:30"; "" for never.
std::string to_string(const DigestSchedule& schedule);

// The first such time behind `time`, of a schedule that is on. Where clocks are changed, a time that there is twice is the
// first of them, and one that there is not comes an hour later.
WallTime next_time(const DigestSchedule& schedule, WallTime time);

}  // namespace essaim::lists
