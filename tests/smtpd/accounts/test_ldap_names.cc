// Names of accounts in DNs and filters: nobody writes himself into either. The rest is told by a real slapd: test_submission_ldap.py.
#include <boost/test/unit_test.hpp>

#include "smtpd/accounts/ldap_source.h"

using namespace essaim::smtpd;
using namespace std::string_literals;

BOOST_AUTO_TEST_SUITE(ldap_names)

BOOST_AUTO_TEST_CASE(a_name_cannot_leave_its_place_in_a_dn) {
  BOOST_TEST(fill_dn("uid={name},ou=people", "ann") == "uid=ann,ou=people");
  BOOST_TEST(fill_dn("uid={name},ou=people", "ann,ou=admins") == "uid=ann\\2cou\\3dadmins,ou=people");
  BOOST_TEST(fill_dn("uid={name}", "#a+b\"\\<>;") == "uid=\\23a\\2bb\\22\\5c\\3c\\3e\\3b");
  BOOST_TEST(fill_dn("uid={name},mail={name}", "x") == "uid=x,mail=x");
  BOOST_TEST(fill_dn("uid={name}", "{name}") == "uid={name}");
}

BOOST_AUTO_TEST_CASE(a_name_cannot_leave_its_place_in_a_filter) {
  BOOST_TEST(fill_filter("(uid={name})", "ann") == "(uid=ann)");
  BOOST_TEST(fill_filter("(uid={name})", "*)(uid=*") == "(uid=\\2a\\29\\28uid=\\2a)");
  BOOST_TEST(fill_filter("(uid={name})", "a\\b\0"s) == "(uid=a\\5cb\\00)");
}

BOOST_AUTO_TEST_SUITE_END()
