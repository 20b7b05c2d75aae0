#include <boost/test/unit_test.hpp>

#include "smtpd/accounts/verified_passwords.h"

using namespace essaim;
using namespace essaim::smtpd;
using namespace std::chrono_literals;

namespace {

const MonoTime kNow{1h};

}  // namespace

BOOST_AUTO_TEST_SUITE(verified_passwords)

BOOST_AUTO_TEST_CASE(what_was_right_is_known_for_this_account_hash_and_password_alone) {
  VerifiedPasswords verified(5min);
  verified.add("ann", "$y$1", "secret", kNow);
  BOOST_TEST(verified.knows("ann", "$y$1", "secret", kNow));
  BOOST_TEST(!verified.knows("ann", "$y$1", "Secret", kNow));
  BOOST_TEST(!verified.knows("ann", "$y$2", "secret", kNow));  // it was changed, and perhaps back again
  BOOST_TEST(!verified.knows("bob", "$y$1", "secret", kNow));
  // No two are the same because their parts run together.
  BOOST_TEST(!verified.knows("ann$y$1", "", "secret", kNow));
  BOOST_TEST(!verified.knows("ann", "$y$1secret", "", kNow));
}

BOOST_AUTO_TEST_CASE(use_does_not_make_it_last_longer) {
  VerifiedPasswords verified(5min);
  verified.add("ann", "$y$1", "secret", kNow);
  BOOST_TEST(verified.knows("ann", "$y$1", "secret", kNow + 3min));
  BOOST_TEST(verified.knows("ann", "$y$1", "secret", kNow + 299s));
  BOOST_TEST(!verified.knows("ann", "$y$1", "secret", kNow + 5min));
  BOOST_TEST(!verified.knows("ann", "$y$1", "secret", kNow));  // it was forgotten then
}

BOOST_AUTO_TEST_CASE(it_is_bounded_and_what_is_over_goes_first) {
  VerifiedPasswords verified(5min, 3);
  for (const char* name : {"a", "b", "c"}) verified.add(name, "$y$", "x", kNow);
  verified.add("d", "$y$", "x", kNow + 6min);
  BOOST_TEST(verified.knows("d", "$y$", "x", kNow + 6min));
  for (const char* name : {"e", "f", "g"}) verified.add(name, "$y$", "x", kNow + 7min);
  int known = 0;
  for (const char* name : {"a", "b", "c", "d", "e", "f", "g"})
    known += verified.knows(name, "$y$", "x", kNow + 8min) ? 1 : 0;
  BOOST_TEST(known >= 1);
  BOOST_TEST(known <= 3);
}

BOOST_AUTO_TEST_CASE(switched_off_it_knows_nothing_and_forgets_what_it_knew) {
  VerifiedPasswords never(0s);
  never.add("ann", "$y$1", "secret", kNow);
  BOOST_TEST(!never.knows("ann", "$y$1", "secret", kNow));
  VerifiedPasswords verified(5min);
  verified.add("ann", "$y$1", "secret", kNow);
  verified.set_keep(0s);
  verified.set_keep(5min);
  BOOST_TEST(!verified.knows("ann", "$y$1", "secret", kNow));
}

BOOST_AUTO_TEST_SUITE_END()
