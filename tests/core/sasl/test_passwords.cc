#include <boost/test/unit_test.hpp>

#include "core/sasl/password_hash.h"
#include "core/sasl/prepare.h"

using namespace essaim::sasl;
using namespace std::string_literals;

BOOST_AUTO_TEST_SUITE(passwords)

BOOST_AUTO_TEST_CASE(a_hash_is_of_yescrypt_and_fits_its_password_alone) {
  const std::string hash = hash_password("correct horse").value();
  BOOST_TEST(hash.starts_with("$y$"));
  BOOST_TEST(hash != hash_password("correct horse").value());
  BOOST_TEST(password_matches("correct horse", hash));
  BOOST_TEST(!password_matches("correct horsf", hash));
  BOOST_TEST(!password_matches("", hash));
  BOOST_TEST(!password_matches("correct horse\0x"s, hash));
  BOOST_TEST(!hash_password("a\0b"s).ok());
}

BOOST_AUTO_TEST_CASE(what_is_no_hash_matches_nothing) {
  for (const char* hash : {"", "*", "*0", "x", "$", "$y$", "$y$j9T$", "plain"}) {
    BOOST_TEST(!password_matches("", hash), hash);
    BOOST_TEST(!password_matches("plain", hash), hash);
  }
}

BOOST_AUTO_TEST_CASE(hashes_of_other_kinds_are_understood) {
  // crypt(5): sha512crypt, as other systems have it.
  BOOST_TEST(password_matches("Hello world!",
                              "$6$saltstring$svn8UoSVapNtMuq1ukKS4tPQd8iKwSMHWjl/"
                              "O817G3uBnIFNjnQJuesI68u4OTLiBFdcbYEdFCoEOfaS35inz1"));
}

// RFC 4013 §3.
BOOST_AUTO_TEST_CASE(prepares_as_the_examples_of_the_rfc) {
  BOOST_TEST(prepared("I\xc2\xadX").value() == "IX");
  BOOST_TEST(prepared("user").value() == "user");
  BOOST_TEST(prepared("USER").value() == "USER");
  BOOST_TEST(prepared("\xc2\xaa").value() == "a");
  BOOST_TEST(prepared("\xe2\x85\xa8").value() == "IX");
  BOOST_TEST(!prepared("\x07"));
  BOOST_TEST(!prepared("\xd8\xa7\x31"));
}

BOOST_AUTO_TEST_CASE(other_spaces_are_spaces_and_other_forms_are_the_same) {
  BOOST_TEST(prepared("a\xc2\xa0"
                      "b")
                 .value() == "a b");
  BOOST_TEST(prepared("o\xcc\x88").value() == "\xc3\xb6");
  BOOST_TEST(prepared("\xc3\xb6").value() == "\xc3\xb6");
}

BOOST_AUTO_TEST_CASE(refuses_what_no_password_is) {
  BOOST_TEST(!prepared(""));
  BOOST_TEST(!prepared("\xc2\xad"));
  BOOST_TEST(!prepared("\xff"));
  BOOST_TEST(!prepared("a\nb"));
  BOOST_TEST(!prepared("a\0b"s));
  BOOST_TEST(
      !prepared("a\xe2\x80\xae"
                "b"));
  BOOST_TEST(!prepared(std::string(kMaxPrepared + 1, 'a')));
  BOOST_TEST(prepared(std::string(kMaxPrepared, 'a')).has_value());
}

BOOST_AUTO_TEST_CASE(names_are_one_word_in_lower_case) {
  BOOST_TEST(prepared_name("Ann@A.Example").value() == "ann@a.example");
  BOOST_TEST(!prepared_name("ann smith"));
  BOOST_TEST(!prepared_name(""));
  BOOST_TEST(!prepared_name(std::string(kMaxName + 1, 'a')));
}

BOOST_AUTO_TEST_SUITE_END()
