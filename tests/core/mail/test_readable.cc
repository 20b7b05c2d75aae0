#include <boost/test/unit_test.hpp>

#include "core/mail/readable.h"

using namespace essaim;

namespace {

template <typename Reader>
auto read_by(Reader reader, const std::string& message) {
  std::string crlf;
  for (const char c : message) {
    if (c == '\n') crlf.push_back('\r');
    crlf.push_back(c);
  }
  const auto header = mail::HeaderBlock::parse(crlf);
  BOOST_REQUIRE(header.ok());
  return reader(*header, std::string_view(crlf).substr(header->body_offset()));
}

std::string read(const std::string& message) {
  return read_by(mail::main_text, message);
}

std::string read_answer(const std::string& message) {
  return read_by(mail::answer_text, message).value_or("unreadable");
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
      {"Content-Type: multipart/alternative; boundary=b\n\n--b\nContent-Type: text/plain\n\n \n--b\n"
       "Content-Type: text/html\n\n<b>no</b>\n--b--\n",
       "no"},
      {"\n-----BEGIN PGP SIGNED MESSAGE-----\nHash: SHA512\n\nwhich\n- -- \nAnn\n"
       "-----BEGIN PGP SIGNATURE-----\n\nabc\n-----END PGP SIGNATURE-----\n",
       "which\r\n-- \r\nAnn\r\n"},
      {"Content-Type: text/plain; charset=nobody-knows\n\nsub dev \xE9\n", "sub dev é\r\n"},
  };
  for (const Row& row : rows) BOOST_TEST(read(row.message) == row.words, row.message);
}

BOOST_AUTO_TEST_CASE(an_answer_is_read_as_it_was_written_before_it_was_folded) {
  constexpr const char* kFlowed = "Content-Type: text/plain; format=flowed\n\n";
  const struct {
    std::string message;
    const char* words;
  } rows[] = {
      {std::string(kFlowed) + "off topic, as we \nspeak of bees\n here\n",
       "off topic, as we speak of bees\nhere\n\n"},
      {std::string(kFlowed) + "no \n\n> quoted \n> more\n-- \nAnn\n",
       "no \n\n> quoted \n> more\n-- \nAnn\n\n"},
      {"Content-Type: text/plain; format=flowed; delsp=yes\n\nbees \nwax\n", "beeswax\n\n"},
      {"\nas we \nspeak\n", "as we \r\nspeak\r\n"},
      {"Content-Type: text/html\n\nno<blockquote type=\"cite\">yes<br>and<div>yes</div></blockquote>or",
       "no\n> yes\n> and\n> yes\nor"},
      {"Content-Type: text/html\n\n<blockquote "
       "class=\"gmail_quote\">yes<blockquote>a</blockquote>b</blockquote>or",
       "> yes\n> a\n> b\nor"},
      {"Content-Type: text/html\n\n<blockquote class=\"gmail_quote\" "
       "style=\"margin:0;border:none\">in</blockquote>",
       "in\n"},
      {"Content-Type: text/html\n\n<blockquote>in</blockquote>", "in\n"},
  };
  for (const auto& row : rows) BOOST_TEST(read_answer(row.message) == row.words, row.message);
}

BOOST_AUTO_TEST_CASE(an_answer_whose_text_is_out_of_reach_is_not_one_without_a_word) {
  for (const char* message : {"Content-Type: application/pkcs7-mime; "
                              "smime-type=signed-data\nContent-Disposition: attachment\n\nMIIB\n",
                              "Content-Type: multipart/encrypted; boundary=b\n\n--b\nContent-Type: "
                              "application/pgp-encrypted\n\n1\n--b--\n",
                              "Content-Type: multipart/mixed; boundary=b\n\n--b\n\n\n--b\nContent-Type: "
                              "application/ms-tnef\n\nx\n--b--\n",
                              "\n-----BEGIN PGP MESSAGE-----\n\nabc\n-----END PGP MESSAGE-----\n",
                              "Content-Transfer-Encoding: base64\n\n!!!!\n"})
    BOOST_TEST(read_answer(message) == "unreadable", message);
  BOOST_TEST(read_answer("Content-Type: multipart/mixed; boundary=b\n\n--b\n\nyes\n--b\nContent-Type: "
                         "application/ms-tnef\n\nx\n--b--\n") == "yes");
  BOOST_TEST(read_answer("Content-Type: image/png\n\nx\n").empty());
}

BOOST_AUTO_TEST_CASE(html_becomes_lines) {
  BOOST_TEST(mail::text_of_html("a &lt;b&gt; &#233;&#xE9; &bogus; <!-- no --> c") == "a <b> éé &bogus; c");
  BOOST_TEST(mail::text_of_html("Approuv&eacute;&nbsp;! D&rsquo;accord, &Uuml;bung") ==
             "Approuvé ! D’accord, Übung");
  BOOST_TEST(mail::text_of_html("<div>one</div><div>two</div>") == "one\ntwo\n");
  BOOST_TEST(mail::text_of_html("<blockquote type=cite>one</blockquote>") == "one\n");
  BOOST_TEST(mail::text_of_html("<script>x<y</script>end<") == "end");
}

BOOST_AUTO_TEST_SUITE_END()
