#include <string>
#include <vector>

#include <boost/test/unit_test.hpp>

#include "core/base/encoding.h"
#include "core/base/text.h"
#include "core/mail/charset.h"
#include "core/mail/encoded_word.h"
#include "core/mail/subject.h"
#include "tests/core/mail/messages.h"

using namespace essaim;
using namespace essaim::mail;

BOOST_AUTO_TEST_SUITE(subject)

BOOST_AUTO_TEST_CASE(the_tag_stands_once_behind_the_reply_prefix) {
  const struct {
    const char* before;
    const char* after;
  } rows[] = {
      {"hello", "[dev] hello"},
      {"", "[dev]"},
      {"[dev] hello", "[dev] hello"},
      {"[dev][dev] hello", "[dev] hello"},
      {"Re: hello", "Re: [dev] hello"},
      {"Re: [dev] hello", "Re: [dev] hello"},
      {"[dev] Re: hello", "Re: [dev] hello"},
      {"[dev] Re: [dev] Re: [dev] hello", "Re: [dev] hello"},
      {"RE[2]: hello", "Re: [dev] hello"},
      {"Re^3: hello", "Re: [dev] hello"},
      {"Re(4): hello", "Re: [dev] hello"},
      {"AW: AW: hello", "Re: [dev] hello"},
      {"Sv: Antw: VS: hello", "Re: [dev] hello"},
      {"R\xc3\xa9"
       "f : [dev] hello",
       "Re: [dev] hello"},
      {"\xe5\x9b\x9e\xe5\xa4\x8d\xef\xbc\x9a hello", "Re: [dev] hello"},
      // A reference is the author's word.
      {"R\xc3\xa9"
       "f : dossier 118",
       "[dev] R\xc3\xa9"
       "f : dossier 118"},
      {"REF: 4711", "[dev] REF: 4711"},
      {"Re: [dev] Ref: 4711", "Re: [dev] Ref: 4711"},
      {"Ref: [dev] Ref: 4711", "Re: [dev] Ref: 4711"},
      {"Ref: Res: Re: Ref: 4711", "Re: [dev] Ref: 4711"},
      {"Ref: Rif: [dev] hello", "Re: [dev] hello"},
      {"Ref: [dev]", "Re: [dev]"},
      {"=?iso-8859-1?Q?R=E9f_:_hello?=", "[dev] =?iso-8859-1?Q?R=E9f_:_hello?="},
      {"Fwd: [dev] hello", "[dev] Fwd: hello"},
      {"Reading: a list", "[dev] Reading: a list"},
      {"Re hello", "[dev] Re hello"},
      {"Re[x]: hello", "[dev] Re[x]: hello"},
      {"[devel] hello", "[dev] [devel] hello"},
      {"=?ISO-8859-1?Q?Pr=E9sentation?= du projet", "[dev] =?ISO-8859-1?Q?Pr=E9sentation?= du projet"},
      {"Re: [dev] =?ISO-8859-1?Q?Pr=E9sentation?=", "Re: [dev] =?ISO-8859-1?Q?Pr=E9sentation?="},
      {"=?utf-8?Q?Re:_[dev]_caf=C3=A9?=", "Re: [dev] =?UTF-8?Q?caf=C3=A9?="},
      {"Re: =?utf-8?Q?[dev]_caf=C3=A9?=", "Re: [dev] =?UTF-8?Q?caf=C3=A9?="},
      {"=?ks_c_5601-1987?B?UkU6IFtkZXZdIMirsea1vw==?=", "Re: [dev] =?UTF-8?B?7ZmN6ri464+Z?="},
      {"=?iso-8859-1?Q?R=E9f_:_[dev]_hello?=", "Re: [dev] hello"},
      {"=?ISO-2022-JP?B?UmU6IFtkZXZdIBskQi0hGyhC?=", "Re: [dev] =?UTF-8?B?4pGg?="},
      {"=?iso-8859-1?Q?R=E9f_:?= [dev] hello", "Re: [dev] hello"},
      {" folded\r\n subject", "[dev] folded subject"},
      // What is left when a tag goes is looked at again.
      {"a [d[dev]ev] hello", "[dev] a hello"},
      {"R[dev]e: hello", "Re: [dev] hello"},
      {"=?utf-8?Q?R=5Bdev=5De=3A_caf=C3=A9?=", "Re: [dev] =?UTF-8?Q?caf=C3=A9?="},
      // No encoded word comes about by it, and blanks of every kind go together.
      {"=?utf-8?q?Re:?[dev]= x", "[dev] =?UTF-8?Q?=3D=3Futf-8=3Fq=3FRe=3A=3F=3D?= x"},
      {"\x01=?utf-8?q?t?[dev]=1B x", "[dev] =?UTF-8?Q?=3D=3Futf-8=3Fq=3Ft=3F=3D1B?= x"},
      {"\xc2\xa0 \xc2\xa0\xc2\xa0 hello", "[dev] hello"},
      // A control becomes a space, and words that cannot be decoded are text.
      {"=?utf-8?Q?[dev]_Re=01=3A_caf=C3=A9?=", "Re: [dev] =?UTF-8?Q?caf=C3=A9?="},
      {"=?no-such@\x02set?Q?caf=E9?= x[dev]y", "[dev] =?UTF-8?Q?=3D=3Fno-such=40?= set?Q?caf=E9?= xy"},
  };
  for (const auto& row : rows) {
    BOOST_TEST(tagged_subject(row.before, "[dev]") == row.after, row.before);
    BOOST_TEST(tagged_subject(row.after, "[dev]") == row.after, row.after);
  }
  BOOST_TEST(tagged_subject("Re: x", "") == "Re: x");
  BOOST_TEST(base_subject("Ref: Re: x") == "x");
}

BOOST_AUTO_TEST_CASE(a_tag_outside_ascii_is_encoded_and_found_again) {
  const std::string tag = "[d\xc3\xa9v]";
  for (const char* before : {"hello", "Re: hello", "=?utf-8?Q?caf=C3=A9?=", "Re: =?utf-8?Q?caf=C3=A9?="}) {
    const std::string once = tagged_subject(before, tag);
    const std::string bare = base_subject(before);
    const std::string start = std::string(before).starts_with("Re: ") ? "Re: " : "";
    BOOST_TEST(decode_encoded_words(once) == start + tag + " " + bare);
    BOOST_TEST(decode_encoded_words(tagged_subject(once, tag)) == start + tag + " " + bare);
  }
}

BOOST_AUTO_TEST_CASE(in_asian_charsets_the_tag_is_found_however_it_is_cut) {
  const struct {
    const char* charset;
    const char* written;  // what iconv calls it
    const char* text;
  } rows[] = {
      {"ISO-2022-JP", "ISO-2022-JP", "\u4f1a\u8b70\u306e\u8cc7\u6599"},
      {"Shift_JIS", "CP932", "\u4f1a\u8b70\u306e\u8cc7\u6599"},
      {"EUC-JP", "EUC-JP", "\u4f1a\u8b70\u306e\u8cc7\u6599"},
      {"EUC-KR", "EUC-KR", "\ud68c\uc758 \uc790\ub8cc"},
      {"ks_c_5601-1987", "CP949", "\ud68c\uc758 \uc790\ub8cc"},
      {"GB18030", "GB18030", "\u4f1a\u8bae\u8d44\u6599"},
      {"gb2312", "GBK", "\u4f1a\u8bae\u8d44\u6599"},
      {"Big5", "BIG5", "\u6703\u8b70\u8cc7\u6599"},
      {"UTF-8", "UTF-8", "\u4f1a\u8b70"},
  };
  for (const auto& row : rows) {
    const std::string text = row.text;
    const auto word = [&row](const std::string& utf8) {
      return std::string("=?") + row.charset + "?B?" +
             base64_encoded(converted(utf8, "UTF-8", row.written).value()) + "?=";
    };
    for (const std::string& tag : {std::string("[dev]"), "[" + text + "]"}) {
      const std::string right = "Re: " + tag + " " + text;
      std::vector<std::string> replies{word(right), "Re: " + word(tag + " " + text),
                                       word("Re: ") + "\r\n " + word(tag + " " + text)};
      for (std::size_t cut = 1; cut < tag.size(); ++cut) {
        if ((static_cast<unsigned char>(tag[cut]) & 0xc0) == 0x80) continue;
        for (const char* fold : {"\r\n ", "\r\n\t"})
          replies.push_back("Re: " + word(tag.substr(0, cut)) + fold + word(tag.substr(cut) + " " + text));
      }
      for (const std::string& reply : replies) {
        const std::string once = tagged_subject(reply, tag);
        BOOST_TEST(decode_encoded_words(once) == right, row.charset << ": " << reply);
        BOOST_TEST(decode_encoded_words(tagged_subject(once, tag)) == right, row.charset << ": " << reply);
        const Result<std::string> field = format_field("Subject", once);
        BOOST_REQUIRE(field.ok());
        BOOST_TEST(is_ascii(*field));
        for (std::string_view line : split(*field, '\n')) BOOST_TEST(line.size() <= 78U + 1);
      }
    }
    // A new one keeps its bytes.
    BOOST_TEST(tagged_subject(word(text), "[dev]") == "[dev] " + word(text));
    BOOST_TEST(tagged_subject("Re: [dev]\r\n " + word(text), "[dev]") == "Re: [dev] " + word(text));
  }
}

BOOST_AUTO_TEST_CASE(a_subject_that_is_right_keeps_its_bytes) {
  // The words are right, the white space is the author's.
  for (const char* tag : {"[dev]", "[the dev]"}) {
    std::string folded(tag);
    if (const std::size_t at = folded.find(' '); at != std::string::npos) folded.replace(at, 1, "\r\n\t");
    const std::string before = "Subject:   Re:\r\n\t" + folded + " x\r\n\ty  \r\n\r\n";
    Result<HeaderBlock> header = HeaderBlock::parse(before);
    BOOST_REQUIRE(tag_subject(&header.value(), tag).ok());
    BOOST_TEST(header->serialise() == before);
  }
  BOOST_TEST(tagged_subject("AW: [the\r\n\tdev] x", "[the dev]") == "Re: [the dev] x");
  BOOST_TEST(tagged_subject("Re: [the\tdev] x", "[the dev]") == "Re: [the dev] x");
  const std::string gmail = message("alternative_gmail");
  Result<HeaderBlock> right = HeaderBlock::parse(gmail);
  BOOST_REQUIRE(tag_subject(&right.value(), "[dev]").ok());
  BOOST_TEST(right->serialise() == header_of(gmail));
}

BOOST_AUTO_TEST_CASE(a_missing_subject_is_added_and_a_long_one_folded) {
  Result<HeaderBlock> header = HeaderBlock::parse("From: a@b.example\r\n\r\n");
  BOOST_REQUIRE(tag_subject(&header.value(), "[dev]").ok());
  BOOST_TEST(header->serialise() == "From: a@b.example\r\nSubject: [dev]\r\n\r\n");
  Result<HeaderBlock> longer = HeaderBlock::parse(message("long_header"));
  BOOST_REQUIRE(tag_subject(&longer.value(), "[dev]").ok());
  BOOST_TEST(longer->value("Subject")->starts_with("[dev] very very"));
}

BOOST_AUTO_TEST_SUITE_END()
