#include <boost/test/unit_test.hpp>

#include "smtpd/accounts/login_limits.h"

using namespace essaim;
using namespace essaim::smtpd;

BOOST_AUTO_TEST_SUITE(login_limits)

BOOST_AUTO_TEST_CASE(a_network_is_counted_as_one) {
  BOOST_TEST(network_of("192.0.2.1") == network_of("192.0.2.254"));
  BOOST_TEST(network_of("192.0.2.1") != network_of("192.0.3.1"));
  BOOST_TEST(network_of("2001:db8:0:1200::1") == network_of("2001:db8:0:12ff::1"));
  BOOST_TEST(network_of("2001:db8:0:1200::1") != network_of("2001:db8:0:1300::1"));
  BOOST_TEST(network_of("nonsense") == "unknown");
}

BOOST_AUTO_TEST_CASE(failures_bar_the_network_and_not_the_account) {
  const LoginLimits limits{10, 100, 200};
  BOOST_TEST(may_try(limits, {9, 9, 9}));
  BOOST_TEST(!may_try(limits, {10, 10, 10}));
  BOOST_TEST(may_try(limits, {0, 0, 150}));
  BOOST_TEST(!may_try(limits, {0, 100, 0}));
  // Guessed at from everywhere: its owner comes in at the first try, a guesser gets one in each network.
  BOOST_TEST(may_try(limits, {0, 50, 100'000}));
  BOOST_TEST(!may_try(limits, {1, 50, 100'000}));
}

BOOST_AUTO_TEST_CASE(tokens_bar_their_network_only) {
  const LoginLimits limits{10, 100, 200};
  BOOST_TEST(may_try_token(limits, {99, 99, 100'000}));
  BOOST_TEST(!may_try_token(limits, {0, 100, 0}));
}

BOOST_AUTO_TEST_CASE(what_was_dropped_counts_and_bars_nobody_by_itself) {
  const LoginLimits limits{10, 100, 200};
  BOOST_TEST(may_try(limits, {0, 0, 0, 1000, 1000}));
  BOOST_TEST(!may_try(limits, {1, 0, 0, 1000, 0}));
  BOOST_TEST(!may_try(limits, {0, 1, 0, 0, 1000}));
  BOOST_TEST(may_try(limits, {5, 50, 0, 4, 49}));
  BOOST_TEST(!may_try(limits, {5, 50, 0, 5, 0}));
  BOOST_TEST(may_try(limits, {0, 0, 100'000, 1000, 0}));
  BOOST_TEST(may_try_token(limits, {0, 0, 0, 0, 1000}));
  BOOST_TEST(!may_try_token(limits, {0, 1, 0, 0, 1000}));
}

BOOST_AUTO_TEST_SUITE_END()
