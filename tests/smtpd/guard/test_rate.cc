#include <boost/test/unit_test.hpp>

#include "smtpd/guard/rate.h"

using namespace essaim;
using namespace essaim::smtpd::guard;
using std::chrono::milliseconds;
using std::chrono::seconds;

BOOST_AUTO_TEST_SUITE(rate)

BOOST_AUTO_TEST_CASE(allows_so_many_at_once_and_then_so_many_in_each_window) {
  for (const std::uint32_t count : {1U, 3U, 7U, 1'000U}) {
    const RateLimit limit{count, seconds(60)};
    Rate rate;
    MonoTime now{seconds(1'000)};
    const auto take = [&] {
      if (!rate.has_room(limit, now)) return false;
      rate.count(limit, now);
      return true;
    };
    std::uint32_t taken = 0;
    while (take()) ++taken;
    BOOST_TEST(taken == count);
    // Half a window later half of them fit again.
    now += seconds(30);
    for (taken = 0; take();) ++taken;
    BOOST_TEST(taken == count / 2);
    now += seconds(120);
    BOOST_TEST(rate.idle(now));
    for (taken = 0; take();) ++taken;
    BOOST_TEST(taken == count);
  }
}

BOOST_AUTO_TEST_CASE(what_is_counted_beyond_the_limit_is_forgiven_within_a_window) {
  const RateLimit limit{10, seconds(60)};
  Rate rate;
  MonoTime now{seconds(1'000)};
  for (int i = 0; i < 100'000; ++i) rate.count(limit, now);
  BOOST_TEST(!rate.has_room(limit, now));
  BOOST_TEST(!rate.has_room(limit, now + seconds(11)));
  BOOST_TEST(rate.has_room(limit, now + seconds(12)));
  BOOST_TEST(rate.idle(now + seconds(66)));
}

BOOST_AUTO_TEST_CASE(no_limit_is_no_limit) {
  Rate rate;
  for (int i = 0; i < 1'000; ++i) rate.count({}, MonoTime{});
  BOOST_TEST(rate.has_room({}, MonoTime{}));
}

BOOST_AUTO_TEST_SUITE_END()
