#include <boost/test/unit_test.hpp>

#include "core/smtp/enhanced_code.h"
#include "core/smtp/reply.h"

using namespace essaim;
using smtp::reply;
using smtp::Reply;

BOOST_AUTO_TEST_SUITE(replies)

BOOST_AUTO_TEST_CASE(every_line_bears_both_codes) {
  BOOST_TEST(reply(250, "2.1.0", "a\nb").to_wire() == "250-2.1.0 a\r\n250 2.1.0 b\r\n");
  BOOST_TEST(reply(354, "", "go").to_wire() == "354 go\r\n");
  BOOST_TEST(reply(250, "", "a\n\nb").to_wire() == "250-a\r\n250-\r\n250 b\r\n");
  BOOST_TEST(reply(250, "2.0.0", "").to_wire() == "250 2.0.0 \r\n");
}

BOOST_AUTO_TEST_CASE(no_text_can_forge_a_line) {
  BOOST_TEST(reply(550, "5.1.1", "a\r250 ok\x1b[31m\xff").to_wire() == "550 5.1.1 a?250 ok?[31m?\r\n");
}

BOOST_AUTO_TEST_CASE(long_texts_are_folded_into_lines_of_512_octets) {
  for (const std::string& text :
       {std::string(5'000, 'x'), std::string(600, 'x') + " " + std::string(489, 'y'), std::string(490, ' '),
        std::string(491, ' ')}) {
    const std::string wire = reply(550, "5.123.123", text).to_wire();
    std::size_t begin = 0;
    while (begin < wire.size()) {
      const std::size_t end = wire.find("\r\n", begin) + 2;
      BOOST_TEST(end - begin <= 512);
      BOOST_TEST(wire[begin + 3] == (end == wire.size() ? ' ' : '-'));
      begin = end;
    }
  }
}

BOOST_AUTO_TEST_CASE(the_log_form_is_one_line) {
  BOOST_TEST(reply(250, "2.1.0", "a\nb").to_string() == "250 2.1.0 a b");
  BOOST_TEST(reply(421, "", "bye").to_string() == "421 bye");
}

BOOST_AUTO_TEST_CASE(classes_follow_the_first_digit) {
  BOOST_TEST(reply(250, "", "").positive());
  BOOST_TEST(reply(354, "", "").intermediate());
  BOOST_TEST(reply(451, "", "").temporary());
  BOOST_TEST(reply(550, "", "").permanent());
}

BOOST_AUTO_TEST_CASE(enhanced_codes_are_read_strictly) {
  std::size_t used = 0;
  BOOST_TEST((smtp::parse_enhanced_code("5.1.10 x", &used) == smtp::EnhancedCode{5, 1, 10}));
  BOOST_TEST(used == 6U);
  for (const char* bad :
       {"", "5", "5.1", "5.1.", "3.1.1", "5.1.1x", "5.1234.1", "5.1.1234", "5..1", "5.1.1.1", "55.1.1"}) {
    BOOST_TEST(!smtp::parse_enhanced_code(bad, &used).has_value(), bad);
  }
}

BOOST_AUTO_TEST_SUITE_END()
