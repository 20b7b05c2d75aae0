#include <boost/test/unit_test.hpp>

#include "core/sasl/login.h"
#include "core/sasl/mechanism.h"

using namespace essaim;
using namespace essaim::sasl;

BOOST_AUTO_TEST_SUITE(login)

BOOST_AUTO_TEST_CASE(owns_its_addresses_however_they_are_written) {
  Login login;
  login.addresses = {"Ann@a.example", "*@app.example", "j\xc3\xb6rg@u.example"};
  BOOST_TEST(login.owns({"ann", "a.example"}));
  BOOST_TEST(login.owns({"ANN", "a.example"}));
  BOOST_TEST(login.owns({"anything", "app.example"}));
  BOOST_TEST(login.owns({"J\xc3\x96RG", "u.example"}));
  BOOST_TEST(!login.owns({"ann", "b.example"}));
  BOOST_TEST(!login.owns({"ann", "sub.app.example"}));
  BOOST_TEST(!login.owns({"ann", "evilapp.example"}));
  BOOST_TEST(!login.owns({"*", "a.example"}));
  BOOST_TEST(!login.owns({}));
  // As one of a domain it may send, but that it is not.
  BOOST_TEST(login.is({"ANN", "a.example"}));
  BOOST_TEST(!login.is({"anything", "app.example"}));
  BOOST_TEST(!login.is({"*", "app.example"}));
  BOOST_TEST(!login.owns({"postmaster", ""}));
}

BOOST_AUTO_TEST_CASE(an_address_of_an_account_is_normal_or_refused) {
  BOOST_TEST(parse_owned_address("Ann@A.EXAMPLE").value() == "Ann@a.example");
  BOOST_TEST(parse_owned_address("*@App.Example").value() == "*@app.example");
  for (const char* wrong : {"", "*", "*@", "ann", "ann@", "ann@a b", "*@*", "a\nb@c.example"})
    BOOST_TEST(!parse_owned_address(wrong).ok(), wrong);
}

BOOST_AUTO_TEST_CASE(mechanisms_have_their_registered_names) {
  for (const Mechanism one : all_mechanisms()) BOOST_TEST((parse_mechanism(to_string(one)) == one));
  BOOST_TEST((parse_mechanism("scram-sha-256-plus") == Mechanism::kScramSha256Plus));
  BOOST_TEST(!parse_mechanism("CRAM-MD5").has_value());
  BOOST_TEST(!parse_mechanism("").has_value());
}

BOOST_AUTO_TEST_SUITE_END()
