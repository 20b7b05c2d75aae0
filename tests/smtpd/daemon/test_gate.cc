#include <cstdlib>

#include <boost/test/unit_test.hpp>

#include "smtpd/daemon/gate.h"

using essaim::smtpd::Gate;

BOOST_AUTO_TEST_CASE(no_more_than_the_limit_enter_and_who_leaves_makes_room) {
  Gate gate;
  gate.set_loops(2);
  gate.set_limit(3);
  for (int i = 0; i < 3; ++i) BOOST_TEST(gate.enter(0).has_value());
  BOOST_TEST(!gate.enter(0).has_value());
  BOOST_TEST(!gate.enter(1).has_value());
  gate.leave(0);
  BOOST_TEST(gate.count() == 2);
  BOOST_TEST(gate.enter(1).has_value());
}

BOOST_AUTO_TEST_CASE(a_loop_that_accepts_all_passes_on_what_the_others_are_to_have) {
  Gate gate;
  gate.set_loops(4);
  gate.set_limit(1000);
  for (int i = 0; i < 400; ++i) BOOST_REQUIRE(gate.enter(2).has_value());
  for (const int has : gate.by_loop()) BOOST_TEST(std::abs(has - 100) <= Gate::kSlack);
  BOOST_TEST(gate.count() == 400);
}

BOOST_AUTO_TEST_CASE(a_loop_keeps_what_it_accepts_while_the_others_have_as_many) {
  Gate gate;
  gate.set_loops(2);
  gate.set_limit(1000);
  for (int i = 0; i < 50; ++i) {
    BOOST_TEST(gate.enter(0).value() == 0u);
    BOOST_TEST(gate.enter(1).value() == 1u);
  }
  for (int i = 0; i < 40; ++i) gate.leave(1);
  for (int i = 0; i < 30; ++i) BOOST_TEST(gate.enter(0).value() == 1u);
}
