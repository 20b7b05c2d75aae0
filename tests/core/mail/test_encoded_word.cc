#include <boost/test/unit_test.hpp>

#include "core/base/text.h"
#include "core/mail/encoded_word.h"
#include "core/mail/header_block.h"

using namespace essaim;
using namespace essaim::mail;

BOOST_AUTO_TEST_SUITE(encoded_word)

BOOST_AUTO_TEST_CASE(words_are_decoded) {
  const struct {
    const char* in;
    const char* out;
  } rows[] = {
      {"plain", "plain"},
      {"=?ISO-8859-1?Q?a?= =?ISO-8859-1?Q?b?=", "ab"},
      {"=?ISO-8859-1?Q?a?=  b", "a  b"},
      {"=?ISO-8859-1?Q?a_b?=", "a b"},
      {"(=?iso-8859-1?q?=E9t=E9?=)", "(\xc3\xa9t\xc3\xa9)"},
      {"=?utf-8?B?w6k=?=", "\xc3\xa9"},
      {"=?utf-8?b?w6k?=", "\xc3\xa9"},
      {"=?utf-8*fr?Q?=C3=A9?=", "\xc3\xa9"},
      // a character cut over two words
      {"=?utf-8?Q?=C3?= =?utf-8?Q?=A9?=", "\xc3\xa9"},
      {"=?utf-8?Q?a?= =?iso-8859-1?Q?=E9?=", "a\xc3\xa9"},
      {"=?ISO-2022-JP?B?GyRCMnE1RBsoQg==?=", "\xe4\xbc\x9a\xe8\xad\xb0"},
      // with what NEC and IBM added, and katakana of half width; not what runs over a line, nor what has a Yen for a backslash
      {"=?ISO-2022-JP?B?GyRCLSEtanxiGyhCIGEbKEkxGyhC?=", "\u2460\u3231\u9ad9 a\uff71"},
      {"=?ISO-2022-JP?B?GyRCLSENCi1qGyhC?=", "=?ISO-2022-JP?B?GyRCLSENCi1qGyhC?="},
      {"=?ISO-2022-JP?B?GyhKXDEbJEItIRsoQg==?=", "=?ISO-2022-JP?B?GyhKXDEbJEItIRsoQg==?="},
      // as Outlook names it
      {"=?ks_c_5601-1987?B?yKux5rW/?=", "\ud64d\uae38\ub3d9"},
      {"=?x-unknown?Q?a=E9?= x", "=?x-unknown?Q?a=E9?= x"},
      {"=?x\xe9?Q?a?=", "=?x\xc3\xa9?Q?a?="},
      {"=?utf-8?X?a?=", "=?utf-8?X?a?="},
      {"=?utf-8?Q?open", "=?utf-8?Q?open"},
      {"=??Q?a?=", "=??Q?a?="},
      {"=?utf-8?B?!!!!?=", "=?utf-8?B?!!!!?="},
      {"=?utf-8?Q?a=ZZ?=", "a=ZZ"},
      {"caf\xe9", "caf\xc3\xa9"},
      {"caf\xc3\xa9", "caf\xc3\xa9"},
      {"a=?utf-8?Q?b?=c", "abc"},
      {"=?/etc/passwd//TRANSLIT?Q?a?=", "=?/etc/passwd//TRANSLIT?Q?a?="},
  };
  for (const auto& row : rows) BOOST_TEST(decode_encoded_words(row.in) == row.out, row.in);
}

BOOST_AUTO_TEST_CASE(many_changes_of_the_charset_are_not_followed_to_their_end) {
  const std::string two = "=?koi8-r?Q?=C1?= =?iso-8859-1?Q?=E9?= ";
  const std::string decoded = "\xd0\xb0\xc3\xa9";
  const auto repeated = [](const std::string& text, int times) {
    std::string out;
    for (int i = 0; i < times; ++i) out += text;
    return out;
  };
  BOOST_TEST(decode_encoded_words(repeated(two, 50)) == repeated(decoded, 50) + " ");
  BOOST_TEST(decode_encoded_words(repeated(two, 500)) == repeated(decoded, 50) + " " + repeated(two, 450));
  // Nor are words between others. A hundred words of one charset are one run, whatever their number.
  const std::string apart = "=?koi8-r?Q?=C1?= x ";
  BOOST_TEST(decode_encoded_words(repeated(apart, 500)) ==
             repeated("\xd0\xb0 x ", 100) + repeated(apart, 400));
  BOOST_TEST(decode_encoded_words(repeated("=?koi8-r?Q?=C1?= ", 500)) == repeated("\xd0\xb0", 500) + " ");
}

BOOST_AUTO_TEST_CASE(what_is_encoded_decodes_to_itself_in_words_of_bounded_length) {
  const std::string texts[] = {
      "plain ASCII stays",
      "\xc3\xa9t\xc3\xa9",
      "R\xc3\xa9union de d\xc3\xa9"
      "cembre",
      "=?utf-8?Q?fake?=",
      "a " + std::string(2000, 'w') + " b",
      std::string("\xe4\xbc\x9a\xe8\xad\xb0\xe3\x81\xae\xe3\x81\x8a\xe7\x9f\xa5\xe3\x82\x89\xe3\x81\x9b") +
          " x \xe4\xbc\x9a",
      "\xf0\x9f\x90\x9d bees \xf0\x9f\x90\x9d"};
  for (const std::string& text : texts) {
    std::string longer = text;
    for (int i = 0; i < 4; ++i) {
      for (const std::string& encoded : {encode_text(longer), encode_phrase(longer)}) {
        BOOST_TEST(is_ascii(encoded));
        BOOST_TEST(decode_encoded_words(encoded) == longer);
        std::size_t length = 0;
        for (std::size_t at = 0; at < encoded.size(); ++at) {
          if (encoded_word_at(encoded, at, &length)) BOOST_TEST(length <= 75U);
        }
        const Result<std::string> field = format_field("Subject", encoded);
        BOOST_REQUIRE(field.ok());
        for (std::string_view line : split(*field, '\n')) BOOST_TEST(line.size() <= 79U);
      }
      longer += " " + text;
    }
  }
}

BOOST_AUTO_TEST_CASE(only_what_must_be_is_encoded) {
  BOOST_TEST(encode_text("plain text") == "plain text");
  BOOST_TEST(encode_text("un caf\xc3\xa9 chaud") == "un =?UTF-8?Q?caf=C3=A9?= chaud");
  BOOST_TEST(encode_text("a\r\nBcc: b") == "a  Bcc: b");
}

BOOST_AUTO_TEST_SUITE_END()
