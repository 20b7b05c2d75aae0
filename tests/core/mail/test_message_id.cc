#include <boost/test/unit_test.hpp>

#include "core/mail/message_id.h"
#include "tests/core/mail/messages.h"

using namespace essaim;
using namespace essaim::mail;

BOOST_AUTO_TEST_SUITE(message_id)

BOOST_AUTO_TEST_CASE(ids_have_one_form) {
  for (const char* value :
       {"<a@B>", "a@B", " <a@B> ", "(c) <a@B> (d)", "\r\n <a@B>", "< a @ B >", "<a@B>, <c@d>"}) {
    BOOST_TEST(normalised_message_id(value).value_or("none") == "<a@B>", value);
  }
  BOOST_TEST(normalised_message_id("<no-at>").value() == "<no-at>");
  BOOST_TEST(normalised_message_id("<a(b)@c>").value() == "<a(b)@c>");
  BOOST_TEST(normalised_message_id("<\"x y\"@c>").value() == "<\"x y\"@c>");
  for (const std::string& bad :
       {std::string(), std::string(" "), std::string("<>"), std::string("(c)"), std::string("<a\0@b>", 6),
        std::string("<a\x01@b>"), std::string("a>b"), "<" + std::string(2000, 'x') + ">"}) {
    BOOST_TEST(!normalised_message_id(bad).has_value(), bad);
  }
  BOOST_TEST(message_id_of(*HeaderBlock::parse(message("odd_folding"))).value() ==
             "<odd.folding@author.example>");
}

BOOST_AUTO_TEST_CASE(what_is_normal_stays) {
  for (const char* value :
       {"<a@b>", "\"a\\\"b c\"@d", "a(b)c", "<a(b>", "(c) x", "\"<\\\\\"@x", "b=\"c\\\"d\""}) {
    const auto id = normalised_message_id(value);
    if (id) BOOST_TEST(normalised_message_id(*id).value_or("none") == *id, value);
  }
  BOOST_TEST(!normalised_message_id("a\"b@c").has_value());
  BOOST_TEST(!normalised_message_id("<a\"b@c>").has_value());
}

BOOST_AUTO_TEST_SUITE_END()
