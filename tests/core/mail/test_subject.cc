#include <boost/test/unit_test.hpp>

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

BOOST_AUTO_TEST_CASE(a_subject_that_is_right_keeps_its_bytes) {
  Result<HeaderBlock> header = HeaderBlock::parse("Subject:   Re:\r\n\t[dev] x  \r\n\r\n");
  const std::string before = header->serialise();
  // Unfolding gives "Re:\t[dev] x": the words are right, the white space is the author's.
  BOOST_REQUIRE(tag_subject(&header.value(), "[dev]").ok());
  BOOST_TEST(header->serialise() == "Subject: Re: [dev] x\r\n\r\n");
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
