#include <boost/test/unit_test.hpp>

#include "core/mailauth/tag_list.h"

using namespace essaim;
using namespace essaim::mailauth;

BOOST_AUTO_TEST_SUITE(tag_list)

BOOST_AUTO_TEST_CASE(names_and_values_are_read_with_white_space_around_them) {
  const auto tags = TagList::parse(" v = 1 ;\r\n\ta=rsa-sha256; b=AB\r\n CD; empty= ;last=x=y;\r\n");
  BOOST_REQUIRE(tags.ok());
  BOOST_TEST(tags->tags().size() == 5u);
  BOOST_TEST(*tags->find("v") == "1");
  BOOST_TEST(*tags->find("b") == "AB\r\n CD");
  BOOST_TEST(without_white_space(*tags->find("b")) == "ABCD");
  BOOST_TEST(tags->find("empty")->empty());
  BOOST_TEST(*tags->find("last") == "x=y");
  BOOST_TEST(!tags->find("V").has_value());
}

BOOST_AUTO_TEST_CASE(what_is_no_tag_list_is_refused) {
  using namespace std::string_literals;
  for (const std::string& text :
       {"a=1;a=2"s, "a"s, "=1"s, "a=1;;b=2"s, "1a=1"s, "a b=1"s, "a=\0"s, "a=\x01"s}) {
    BOOST_TEST_INFO(text);
    BOOST_TEST(!TagList::parse(text).ok());
  }
  std::string many;
  for (int i = 0; i < 65; ++i) many += "t" + std::to_string(i) + "=1;";
  BOOST_TEST(!TagList::parse(many).ok());
}

BOOST_AUTO_TEST_CASE(lists_in_values_lose_white_space_and_empty_parts) {
  const std::vector<std::string> expected{"from", "to", "date"};
  BOOST_TEST(list_value(" from : to\r\n :: date:") == expected, boost::test_tools::per_element());
}

BOOST_AUTO_TEST_SUITE_END()
