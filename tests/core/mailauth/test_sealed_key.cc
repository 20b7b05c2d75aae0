#include <boost/test/unit_test.hpp>

#include "core/mailauth/sealed_key.h"

using namespace essaim;
using namespace essaim::mailauth;

BOOST_AUTO_TEST_SUITE(sealed_key)

BOOST_AUTO_TEST_CASE(what_was_sealed_opens_for_the_same_purpose_and_secret_only) {
  const auto seal = KeySeal::from_secret("a secret of some length");
  const auto other = KeySeal::from_secret("another secret of a length");
  BOOST_REQUIRE((seal.ok() && other.ok()));
  const std::string text = seal->sealed("the key", "s1 example.org");
  BOOST_TEST(text.find("the key") == std::string::npos);
  BOOST_TEST(*seal->opened(text, "s1 example.org") == "the key");
  BOOST_TEST(!seal->opened(text, "s2 example.org").ok());
  BOOST_TEST(!other->opened(text, "s1 example.org").ok());
  BOOST_TEST(text != seal->sealed("the key", "s1 example.org"));
}

BOOST_AUTO_TEST_CASE(every_octet_counts) {
  const auto seal = KeySeal::from_secret("a secret of some length");
  const std::string text = seal->sealed("the key", "p");
  for (std::size_t i = 0; i < text.size(); ++i) {
    std::string changed = text;
    changed[i] ^= 1;
    BOOST_TEST(!seal->opened(changed, "p").ok());
    BOOST_TEST(!seal->opened(text.substr(0, i), "p").ok());
  }
}

BOOST_AUTO_TEST_CASE(a_secret_that_is_none_is_refused) {
  BOOST_TEST(!KeySeal::from_secret("short").ok());
  BOOST_TEST(!KeySeal::from_file("/nonexistent/secret").ok());
}

BOOST_AUTO_TEST_SUITE_END()
