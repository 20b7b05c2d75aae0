#include <boost/test/unit_test.hpp>

#include "core/mail/readable.h"

using namespace essaim;

namespace {

std::string read(std::string message) {
  std::string crlf;
  for (const char c : message) {
    if (c == '\n') crlf.push_back('\r');
    crlf.push_back(c);
  }
  const auto header = mail::HeaderBlock::parse(crlf);
  BOOST_REQUIRE(header.ok());
  return mail::main_text(*header, std::string_view(crlf).substr(header->body_offset()));
}

}  // namespace

BOOST_AUTO_TEST_SUITE(readable_text)

BOOST_AUTO_TEST_CASE(the_words_are_found_whatever_they_are_wrapped_in) {
  struct Row {
    const char* message;
    const char* words;
  };
  const Row rows[] = {
      {"Subject: x\n\nsub dev\n", "sub dev\r\n"},
      {"Content-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: base64\n\nc3ViIGRldg==\n",
       "sub dev"},
      {"Content-Type: text/plain; charset=iso-8859-1\nContent-Transfer-Encoding: quoted-printable\n\nsub dev "
       "Ren=E9\n",
       "sub dev René\r\n"},
      {"Content-Type: "
       "text/html\n\n<html><head><title>t</title><style>p{}</style></head><body><p>sub&nbsp;dev<br>quit</p></"
       "body></html>\n",
       "sub dev\nquit\n"},
      {"Content-Type: multipart/alternative; boundary=b\n\n--b\nContent-Type: "
       "text/html\n\n<b>no</b>\n--b\nContent-Type: "
       "text/plain\n\nyes\n--b--\n",
       "yes"},
      {"Content-Type: multipart/mixed; boundary=b\n\n--b\nContent-Type: text/plain\nContent-Disposition: "
       "attachment\n\nno\n--b\n"
       "Content-Type: multipart/alternative; boundary=c\n\n--c\n\nyes\n--c--\n--b--\n",
       "yes"},
      {"Content-Type: text/plain; charset=utf-8\n\n\xEF\xBB\xBFsub\xC2\xA0"
       "dev\xE2\x80\x8B \xC3\xA0\n",
       "sub dev à\r\n"},
      {"Content-Type: text/html; charset=utf-8\n\nsub&#160;dev\xC2\xA0\n", "sub dev  "},
      {"Content-Type: application/pdf\n\n%PDF\n", ""},
      {"Content-Type: text/plain; charset=nobody-knows\n\nsub dev \xE9\n", "sub dev é\r\n"},
  };
  for (const Row& row : rows) BOOST_TEST(read(row.message) == row.words, row.message);
}

BOOST_AUTO_TEST_CASE(html_becomes_lines) {
  BOOST_TEST(mail::text_of_html("a &lt;b&gt; &#233;&#xE9; &bogus; <!-- no --> c") == "a <b> éé &bogus; c");
  BOOST_TEST(mail::text_of_html("Approuv&eacute;&nbsp;! D&rsquo;accord, &Uuml;bung") ==
             "Approuvé ! D’accord, Übung");
  BOOST_TEST(mail::text_of_html("<div>one</div><div>two</div>") == "one\ntwo\n");
  BOOST_TEST(mail::text_of_html("<script>x<y</script>end<") == "end");
}

BOOST_AUTO_TEST_SUITE_END()
