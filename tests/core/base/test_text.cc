#include <utility>

#include <boost/test/unit_test.hpp>

#include "core/base/text.h"

using namespace essaim;

BOOST_AUTO_TEST_SUITE(text)

BOOST_AUTO_TEST_CASE(characters_that_show_nothing_are_found) {
  for (const char* seen : {"", "ann", "a b", "Andr\xc3\xa9", "\xe6\x9d\x8e", "\xf0\x9f\x90\x9d", "a\xcc\x81",
                           "\xd9\x85\xe2\x80\x8c\xd8\xae"})
    BOOST_TEST(!first_invisible(seen).has_value(), seen);
  const std::pair<const char*, std::uint32_t> rows[] = {
      {"ann\xc2\xa0", 0xA0},
      {"\xe2\x80\x8b"
       "ann",
       0x200B},
      {"\xef\xbb\xbf"
       "ann",
       0xFEFF},
      {"a\xc2\xad"
       "nn",
       0xAD},
      {"\xe2\x80\xae"
       "ann",
       0x202E},
      {"ann\xe2\x80\x8d", 0x200D},
      {"\xe2\x80\x8c"
       "ann",
       0x200C},
      {"a\tb", 0x9},
      {"\xc2\x85", 0x85},
      {"\xee\x80\x80", 0xE000},
      {"\xf3\xa0\x81\x81", 0xE0041},
  };
  for (const auto& [text, code] : rows) {
    const auto found = first_invisible(text);
    BOOST_REQUIRE_MESSAGE(found.has_value(), text);
    BOOST_TEST(static_cast<std::uint32_t>(*found) == code);
  }
}

BOOST_AUTO_TEST_CASE(display_shows_no_control_character_and_no_direction_mark) {
  BOOST_TEST(escaped_for_display("a\r\nb\x1b[31m") == "a\\x0d\\x0ab\\x1b[31m");
  BOOST_TEST(escaped_for_display("caf\xc3\xa9") == "caf\xc3\xa9");
  BOOST_TEST(escaped_for_display("\xe2\x80\xae") == "\\u{202e}");
  BOOST_TEST(escaped_for_display("\xff\xc3") == "\\xff\\xc3");
  BOOST_TEST(escaped_for_display("abcdef", 3) == "abc...");
}

BOOST_AUTO_TEST_CASE(amounts_of_bytes_are_short) {
  BOOST_TEST(bytes_for_display(0) == "0 B");
  BOOST_TEST(bytes_for_display(999) == "999 B");
  BOOST_TEST(bytes_for_display(1000) == "1.0 kB");
  BOOST_TEST(bytes_for_display(15'400) == "15 kB");
  BOOST_TEST(bytes_for_display(50.0 * 1024 * 1024) == "52 MB");
  BOOST_TEST(bytes_for_display(3.2e12) == "3200 GB");
}

BOOST_AUTO_TEST_CASE(numbers_do_not_overflow) {
  BOOST_TEST(parse_u64("18446744073709551615").value() == 18446744073709551615ULL);
  for (const char* bad : {"", "18446744073709551616", "-1", "+1", " 1", "1 ", "0x1"}) {
    BOOST_TEST(!parse_u64(bad).has_value(), bad);
  }
}

BOOST_AUTO_TEST_CASE(suggests_what_was_meant) {
  BOOST_TEST(nearest("hostnam", {"hostname", "postmaster"}) == "hostname");
  BOOST_TEST(nearest("zzzzzz", {"hostname", "postmaster"}).empty());
}

BOOST_AUTO_TEST_CASE(utf8_is_checked_strictly) {
  BOOST_TEST(is_valid_utf8("\xf0\x9f\x90\x9d"));
  for (const char* bad : {"\xc0\xaf", "\xed\xa0\x80", "\xf4\x90\x80\x80", "\xe2\x82"})
    BOOST_TEST(!is_valid_utf8(bad));
}

BOOST_AUTO_TEST_CASE(texts_are_joined) {
  BOOST_TEST(joined({}) == "");
  BOOST_TEST(joined({"a"}) == "a");
  BOOST_TEST(joined({"a", "", "b"}) == "a, , b");
  BOOST_TEST(joined({"a", "b"}, "\n") == "a\nb");
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_CASE(one_octet_above_ascii_is_found_wherever_it_is) {
  for (std::size_t size = 0; size < 20; ++size) {
    std::string text(size, 'a');
    BOOST_TEST(is_ascii(text));
    for (std::size_t i = 0; i < size; ++i) {
      text[i] = '\x80';
      BOOST_TEST(!is_ascii(text));
      text[i] = '\x7f';
    }
    BOOST_TEST(is_ascii(text));
  }
}
