#include "lists/digests/schedule.h"

#include <array>
#include <ctime>

#include "core/base/text.h"

namespace essaim::lists {
namespace {

constexpr std::array<std::string_view, 7> kDays = {"sun", "mon", "tue", "wed", "thu", "fri", "sat"};
constexpr unsigned kDaily = 0x7f;

Error wrong(const std::string& what) {
  return {ErrorCode::kInvalid, what + "; it is days and a time, as \"mon,thu 07:30\" or \"daily 18:00\""};
}

bool is_digit(char c) {
  return '0' <= c && c <= '9';
}

// One or two digits below `limit`; -1: it is none.
int number_below(std::string_view text, int limit) {
  if (text.empty() || text.size() > 2) return -1;
  int out = 0;
  for (const char c : text) {
    if (!is_digit(c)) return -1;
    out = 10 * out + (c - '0');
  }
  return out < limit ? out : -1;
}

Result<unsigned> parse_day(std::string_view text) {
  if (equals_ignoring_case(text, "daily")) return kDaily;
  if (text.size() == 1 && text[0] >= '0' && text[0] <= '6') return 1U << (text[0] - '0');
  for (std::size_t day = 0; day < kDays.size(); ++day)
    if (equals_ignoring_case(text, kDays[day])) return 1U << day;
  return wrong("\"" + escaped_for_display(text, 40) +
               "\" is no day: there are sun, mon, tue, wed, thu, fri, sat and daily");
}

// mktime() means either of two times of which a clock that is put back shows the same, as it did before.
std::time_t first_of_both(std::time_t when) {
  constexpr std::time_t kHalfAnHour = 1800, kLongest = 2 * 3600;
  std::tm shown{};
  localtime_r(&when, &shown);
  for (std::time_t back = kLongest; back > 0; back -= kHalfAnHour) {
    const std::time_t before = when - back;
    std::tm then{};
    localtime_r(&before, &then);
    if (then.tm_mday == shown.tm_mday && then.tm_hour == shown.tm_hour && then.tm_min == shown.tm_min)
      return before;
  }
  return when;
}

}  // namespace

Result<DigestSchedule> parse_schedule(std::string_view text) {
  DigestSchedule out;
  text = trimmed(text);
  if (text.empty()) return out;
  const std::size_t blank = text.find_last_of(" \t");
  if (blank == text.npos) return wrong("\"" + escaped_for_display(text, 80) + "\" lacks a day or a time");
  const std::string_view time = text.substr(blank + 1);
  const std::size_t colon = time.find(':');
  out.hour = number_below(time.substr(0, colon), 24);
  out.minute = colon == time.npos || time.size() - colon != 3 ? -1 : number_below(time.substr(colon + 1), 60);
  if (out.hour < 0 || out.minute < 0)
    return wrong("\"" + escaped_for_display(time, 40) + "\" is no time from 00:00 to 23:59");
  for (const std::string_view part : split(text.substr(0, blank), ',')) {
    const auto day = parse_day(trimmed(part));
    if (!day.ok()) return day.error();
    out.days |= *day;
  }
  return out;
}

std::string to_string(const DigestSchedule& schedule) {
  if (!schedule.is_on()) return "";
  std::string out;
  if (schedule.days == kDaily) out = "daily";
  for (std::size_t day = 0; schedule.days != kDaily && day < kDays.size(); ++day)
    if ((schedule.days & (1U << day)) != 0) out.append(out.empty() ? "" : ",").append(kDays[day]);
  const auto two = [](int number) { return std::string(number < 10 ? "0" : "") + std::to_string(number); };
  return out + " " + two(schedule.hour) + ":" + two(schedule.minute);
}

WallTime next_time(const DigestSchedule& schedule, WallTime time) {
  const std::time_t seconds = to_millis(time) / 1000;
  std::tm today{};
  localtime_r(&seconds, &today);
  // A week on there is each day once more, which is needed where it is today and the time is over.
  for (int ahead = 0; ahead <= 8; ++ahead) {
    std::tm there = today;
    there.tm_mday += ahead;
    there.tm_hour = schedule.hour;
    there.tm_min = schedule.minute;
    there.tm_sec = 0;
    there.tm_isdst = -1;
    const std::time_t when = first_of_both(std::mktime(&there));  // which sets the day of the week
    if (when > seconds && (schedule.days & (1U << there.tm_wday)) != 0)
      return from_millis(std::int64_t{when} * 1000);
  }
  return time + std::chrono::hours(24 * 7);
}

}  // namespace essaim::lists
