// When digests are made: schedules as they are written, and the times that clocks show.
#include <set>
#include <string>
#include <utility>
#include <vector>

#include <boost/test/unit_test.hpp>

#include "lists/digests/schedule.h"
#include "tests/lists/in_time_zone.h"

using namespace essaim;
using namespace essaim::test;

namespace {

lists::DigestSchedule schedule(const std::string& text) {
  const auto parsed = lists::parse_schedule(text);
  BOOST_REQUIRE_MESSAGE(parsed.ok(), text);
  return *parsed;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(digest_schedule)

BOOST_AUTO_TEST_CASE(a_schedule_is_days_and_a_time) {
  BOOST_TEST(to_string(schedule("mon,thu 07:30")) == "mon,thu 07:30");
  BOOST_TEST(to_string(schedule(" THU, Mon  7:30 ")) == "mon,thu 07:30");
  BOOST_TEST(to_string(schedule("daily 18:00")) == "daily 18:00");
  BOOST_TEST(to_string(schedule("0,1,2,3,4,5,6 0:05")) == "daily 00:05");
  BOOST_TEST(to_string(schedule("1,4 13:26")) == "mon,thu 13:26");
  BOOST_TEST(to_string(schedule("")) == "");
  for (const auto& [text, words] :
       std::vector<std::pair<std::string, std::string>>{{"mon", "lacks a day or a time"},
                                                        {"18:00", "lacks a day or a time"},
                                                        {"mon 24:00", "\"24:00\" is no time"},
                                                        {"mon 7:5", "\"7:5\" is no time"},
                                                        {"mon 7", "\"7\" is no time"},
                                                        {"mon 07:60", "\"07:60\" is no time"},
                                                        {"mon -1:00", "is no time"},
                                                        {"monday 07:30", "\"monday\" is no day"},
                                                        {"7 07:30", "\"7\" is no day"},
                                                        {"mon,, 07:30", "\"\" is no day"},
                                                        {", 07:30", "\"\" is no day"}}) {
    const auto parsed = lists::parse_schedule(text);
    BOOST_TEST(!parsed.ok(), text);
    if (!parsed.ok())
      BOOST_TEST(parsed.error().message.find(words) != std::string::npos, parsed.error().message);
  }
}

BOOST_AUTO_TEST_CASE(the_next_time_is_that_of_the_clock_on_the_wall) {
  const InTimeZone zone("Europe/Paris");
  // Monday, 13:00 there.
  const WallTime noon = at(2026, 11, 30, 12, 0);
  BOOST_TEST(format_iso8601(next_time(schedule("daily 18:00"), noon)) == "2026-11-30T17:00:00.000Z");
  BOOST_TEST(format_iso8601(next_time(schedule("daily 13:00"), noon)) == "2026-12-01T12:00:00.000Z");
  BOOST_TEST(format_iso8601(next_time(schedule("mon 13:00"), noon)) == "2026-12-07T12:00:00.000Z");
  BOOST_TEST(format_iso8601(next_time(schedule("sun,wed 07:30"), noon)) == "2026-12-02T06:30:00.000Z");
  // There is no 02:30 on the day on which summer time begins, and twice one on the day on which it ends.
  const auto night = schedule("daily 02:30");
  BOOST_TEST(format_iso8601(next_time(night, at(2027, 3, 27, 12, 0))) == "2027-03-28T01:30:00.000Z");
  BOOST_TEST(format_iso8601(next_time(night, at(2027, 3, 28, 1, 30))) == "2027-03-29T00:30:00.000Z");
  for (const WallTime asked_before : {at(2027, 1, 1, 0, 0), at(2027, 7, 1, 0, 0)}) {
    // Whichever season the C library was asked for last.
    static_cast<void>(next_time(night, asked_before));
    BOOST_TEST(format_iso8601(next_time(night, at(2027, 10, 31, 0, 0))) == "2027-10-31T00:30:00.000Z");
    BOOST_TEST(format_iso8601(next_time(night, at(2027, 10, 31, 0, 30))) == "2027-11-01T01:30:00.000Z");
  }
  std::set<std::string> days;
  for (WallTime time = at(2027, 10, 29, 12, 0); time < at(2027, 11, 3, 12, 0); time = next_time(night, time))
    BOOST_TEST(days.insert(format_iso8601(time).substr(0, 10)).second, format_iso8601(time));
}

BOOST_AUTO_TEST_CASE(a_midnight_that_there_is_not_keeps_its_day) {
  const InTimeZone zone("Africa/Cairo");  // 2027-04-30, a Friday, begins there at 01:00
  BOOST_TEST(format_iso8601(next_time(schedule("fri 00:00"), at(2027, 4, 28, 12, 0))) ==
             "2027-04-29T22:00:00.000Z");
  BOOST_TEST(format_iso8601(next_time(schedule("fri 00:00"), at(2027, 4, 29, 22, 0))) ==
             "2027-05-06T21:00:00.000Z");
}

BOOST_AUTO_TEST_SUITE_END()
