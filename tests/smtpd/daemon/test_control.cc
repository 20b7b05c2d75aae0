#include <future>

#include <boost/test/unit_test.hpp>

#include "smtpd/daemon/control.h"

using namespace essaim;
using namespace std::chrono_literals;
using smtpd::Control;

BOOST_AUTO_TEST_CASE(what_was_not_run_before_a_restart_can_be_dropped) {
  // On a thread of its own, because it blocks signals.
  std::async(std::launch::async, [] {
    auto control = Control::make();
    BOOST_REQUIRE(control.ok());
    int runs = 0;
    (*control)->post([&] { runs += 100; });
    (*control)->restart();
    BOOST_TEST(((*control)->wait(2min) == Control::Event::kRestart));
    (*control)->drop_tasks();
    (*control)->post([&] { ++runs; });
    BOOST_TEST(((*control)->wait(10ms) == Control::Event::kTick));
    BOOST_TEST(runs == 1);
  }).get();
}
