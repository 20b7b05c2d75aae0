#include <boost/test/unit_test.hpp>

#include "core/base/clock.h"

using namespace essaim;

BOOST_AUTO_TEST_SUITE(clock_text)

BOOST_AUTO_TEST_CASE(formats_times_as_the_rfcs_ask) {
  BOOST_TEST(format_iso8601(from_millis(1'795'373'524'123)) == "2026-11-22T18:52:04.123Z");
  BOOST_TEST(format_rfc5322(from_millis(1'795'373'524'123)) == "Sun, 22 Nov 2026 18:52:04 +0000");
  BOOST_TEST(format_iso8601(from_millis(-1)) == "1969-12-31T23:59:59.999Z");
}

BOOST_AUTO_TEST_CASE(reads_durations_and_refuses_nonsense) {
  struct Row {
    const char* text;
    std::int64_t seconds;
  };
  for (const Row& row : {Row{"90s", 90}, {"1h30m", 5400}, {"5d", 432000}, {"0s", 0}, {"1w", 604800}}) {
    Duration d{};
    BOOST_TEST(parse_duration(row.text, &d));
    BOOST_TEST((d == std::chrono::seconds(row.seconds)), row.text);
  }
  for (const char* text : {"", "5", "s", "5x", "-5s", "5 s", "9999999999w9999999999w", "1.5h"}) {
    Duration d{};
    BOOST_TEST(!parse_duration(text, &d), text);
  }
  BOOST_TEST(format_duration(std::chrono::seconds(5400)) == "1h30m");
  BOOST_TEST(format_duration(std::chrono::hours(120)) == "5d");
}

BOOST_AUTO_TEST_SUITE_END()
