#include <string>

#include <boost/test/unit_test.hpp>

#include "core/base/gathered_wakes.h"

using namespace essaim;

namespace {

struct Counting : Sleeper {
  int woken = 0;
  void wake() override { ++woken; }
};

}  // namespace

BOOST_AUTO_TEST_CASE(without_gathering_each_wake_is_done_at_once) {
  const auto sleeper = std::make_shared<Counting>();
  GatheredWakes::wake(sleeper);
  GatheredWakes::wake(sleeper);
  BOOST_TEST(sleeper->woken == 2);
}

BOOST_AUTO_TEST_CASE(gathered_wakes_are_done_once_for_each_sleeper_by_the_outermost) {
  const auto one = std::make_shared<Counting>(), other = std::make_shared<Counting>();
  {
    const GatheredWakes outer;
    GatheredWakes::wake(one);
    {
      const GatheredWakes inner;
      GatheredWakes::wake(one);
      GatheredWakes::wake(other);
    }
    BOOST_TEST(one->woken == 0);
    BOOST_TEST(other->woken == 0);
  }
  BOOST_TEST(one->woken == 1);
  BOOST_TEST(other->woken == 1);
}

BOOST_AUTO_TEST_CASE(a_sleeper_lives_until_its_gathered_wake) {
  auto sleeper = std::make_shared<Counting>();
  const std::weak_ptr<Counting> seen = sleeper;
  {
    const GatheredWakes wakes;
    GatheredWakes::wake(sleeper);
    sleeper.reset();
    BOOST_TEST(!seen.expired());
  }
  BOOST_TEST(seen.expired());
}

BOOST_AUTO_TEST_CASE(what_is_for_the_end_runs_there_in_order_and_before_anybody_wakes) {
  const auto sleeper = std::make_shared<Counting>();
  std::string order;
  {
    const GatheredWakes outer;
    GatheredWakes::wake(sleeper);
    GatheredWakes::at_end([&] {
      order += "a";
      BOOST_TEST(sleeper->woken == 0);
      // What it asks for itself comes behind the others, and wakes with them.
      GatheredWakes::at_end([&] { order += "c"; });
      GatheredWakes::wake(sleeper);
    });
    {
      const GatheredWakes inner;
      GatheredWakes::at_end([&] { order += "b"; });
    }
    BOOST_TEST(order.empty());
  }
  BOOST_TEST(order == "abc");
  BOOST_TEST(sleeper->woken == 1);
  GatheredWakes::at_end([&] { order += "d"; });
  BOOST_TEST(order == "abcd");
}
