#include <boost/test/unit_test.hpp>

#include "core/base/random.h"
#include "core/base/text.h"
#include "core/mail/charset.h"
#include "core/mail/transfer_encoding.h"

using namespace essaim;
using namespace essaim::mail;

BOOST_AUTO_TEST_SUITE(transfer_encoding)

BOOST_AUTO_TEST_CASE(quoted_printable_comes_back_in_short_lines) {
  for (int round = 0; round < 300; ++round) {
    std::string text;
    const std::size_t size = random_u64() % 400;
    while (text.size() < size) {
      switch (random_u64() % 8) {
        case 0:
          text += "\r\n";
          break;
        case 1:
          text += ' ';
          break;
        case 2:
          text += ".";
          break;
        case 3:
          text += "From ";
          break;
        case 4:
          text += static_cast<char>(random_u64());
          break;
        default:
          text += static_cast<char>('a' + random_u64() % 26);
      }
    }
    const std::string encoded = quoted_printable(text);
    BOOST_REQUIRE(decoded_quoted_printable(encoded).value() == text);
    BOOST_TEST(is_ascii(encoded));
    for (std::string_view line : split(encoded, '\n')) {
      if (line.ends_with('\r')) line.remove_suffix(1);
      BOOST_TEST(line.size() <= 76U);
      BOOST_TEST(!line.ends_with(' '));
      BOOST_TEST(!line.starts_with('.'));
      BOOST_TEST(!line.starts_with("From "));
    }
  }
}

// A delimiter or the armour of PGP stands at the beginning of a line, and only there.
BOOST_AUTO_TEST_CASE(a_soft_break_puts_no_dash_at_the_beginning_of_a_line) {
  for (std::size_t size = 0; size < 200; ++size) {
    const std::string text = std::string(size, 'x') + "-----b--\r\n-- \r\n--b";
    const std::string encoded = quoted_printable(text);
    BOOST_TEST(decoded_quoted_printable(encoded).value() == text);
    BOOST_TEST(encoded.ends_with("\r\n--=20\r\n--b"));
    BOOST_TEST(encoded.find("=\r\n-") == std::string::npos);
  }
}

BOOST_AUTO_TEST_CASE(base64_comes_back) {
  for (std::size_t size = 0; size < 200; ++size) {
    const std::string bytes = random_key(size);
    BOOST_REQUIRE(decoded_base64(base64_lines(bytes)).value() == bytes);
  }
  for (const char* bad : {"A", "AA=A", "AAA=A", "A===", "AAAA=", "A*AA", "AA==AA=="}) {
    BOOST_TEST(!decoded_base64(bad).has_value(), bad);
  }
  BOOST_TEST(decoded_base64(" Y W\r\nJj ").value() == "abc");
}

BOOST_AUTO_TEST_CASE(encodings_are_known_by_name) {
  BOOST_TEST((transfer_encoding_of("") == TransferEncoding::kSevenBit));
  BOOST_TEST((transfer_encoding_of(" BASE64 ") == TransferEncoding::kBase64));
  BOOST_TEST((transfer_encoding_of("Quoted-Printable (comment)") == TransferEncoding::kQuotedPrintable));
  BOOST_TEST((transfer_encoding_of("uuencode") == TransferEncoding::kUnknown));
}

BOOST_AUTO_TEST_CASE(charsets_are_converted_exactly_or_not_at_all) {
  BOOST_TEST(converted("caf\xe9", "iso-8859-1", "UTF-8").value() == "caf\xc3\xa9");
  BOOST_TEST(!converted("\xe4\xbc\x9a", "UTF-8", "iso-8859-1").has_value());
  BOOST_TEST(!converted("\xff", "UTF-8", "iso-8859-1").has_value());
  BOOST_TEST(!converted("caf\xe9", "us-ascii", "UTF-8").has_value());
  BOOST_TEST(!converted("a", "no-such-charset", "UTF-8").has_value());
  BOOST_TEST(!converted("\xe4\xbc\x9a", "UTF-8", "ascii//TRANSLIT").has_value());
  BOOST_TEST(converted(std::string(10'000, '\xe9'), "iso-8859-1", "UTF-8")->size() == 20'000U);
  // What mail programs write, and mean.
  BOOST_TEST(converted("l\x92\xe9t\xe9", "ISO-8859-1", "UTF-8").value() == "l\u2019\u00e9t\u00e9");
  BOOST_TEST(converted("\x81", "iso-8859-1", "UTF-8").value() == "\xc2\x81");
  BOOST_TEST(converted("\xc8\xab\xb1\xe6\xb5\xbf", "ks_c_5601-1987", "UTF-8").value() ==
             "\ud64d\uae38\ub3d9");
  BOOST_TEST(converted("\x86\xb4", "gb2312", "UTF-8").value() == "\u5586");  // of GBK alone
  BOOST_TEST(converted("\x87\x40", "Shift_JIS", "UTF-8").value() == "\u2460");
  BOOST_TEST(converted("\xad\xa1", "x-euc-jp", "UTF-8").value() == "\u2460");
  BOOST_TEST(converted("\xf9\xec\xe5\xed", "iso-8859-8-i", "UTF-8").value() == "\u05e9\u05dc\u05d5\u05dd");
  BOOST_TEST(!converted("\u2019", "UTF-8", "iso-8859-1").has_value());
  BOOST_TEST(as_utf8("\x81\xff") == "\xef\xbf\xbd\xef\xbf\xbd");
}

BOOST_AUTO_TEST_SUITE_END()
