#include <set>

#include <boost/test/unit_test.hpp>

#include "core/base/id.h"

using namespace essaim;

BOOST_AUTO_TEST_SUITE(id)

BOOST_AUTO_TEST_CASE(ids_grow_and_never_repeat_when_the_clock_stands_or_steps_back) {
  ManualClock clock;
  IdGenerator generator(clock, 7);
  Id last = 0;
  for (int i = 0; i < 20'000; ++i) {
    if (i == 10'000) clock.set_wall(clock.wall_now() - std::chrono::milliseconds(60'000));
    Id next = generator.next();
    BOOST_TEST_REQUIRE(next > last);
    last = next;
  }
}

BOOST_AUTO_TEST_CASE(text_and_number_are_one_to_one) {
  for (Id id : {Id{1}, Id{4711}, Id{0x7FFFFFFFFFFFFFFF}}) {
    std::string text = format_id(id);
    BOOST_TEST(text.size() == kIdTextLength);
    BOOST_TEST(parse_id(text).value() == id);
  }
  for (const char* bad :
       {"", "0000000000000", "000000000000", "00000000000001", "z000000000000", "00000000u0000"}) {
    BOOST_TEST(!parse_id(bad).has_value(), bad);
  }
}

BOOST_AUTO_TEST_SUITE_END()
