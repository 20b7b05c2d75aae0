// Headers, parts and HTML: what mime_footer.h does beside the plain footer.
#include <boost/test/unit_test.hpp>

#include "core/base/text.h"
#include "core/mail/content_type.h"
#include "core/mail/footer_text.h"
#include "core/mail/mime_footer.h"
#include "core/mail/multipart.h"
#include "core/mail/transfer_encoding.h"
#include "tests/core/mail/messages.h"

using namespace essaim;
using namespace essaim::mail;
using enum FooterOutcome;

namespace {

constexpr const char* kText = "-- \nSe d\xc3\xa9sabonner\n";
constexpr const char* kHtml = "<p>Se d\xc3\xa9sabonner</p>";
constexpr const char* kHtmlInAscii = "<p>Se d&#233;sabonner</p>";

struct Whole {
  FooterOutcome outcome;
  std::string message;
};

Whole with(const std::string& text, const Footer& footer) {
  Result<HeaderBlock> header = HeaderBlock::parse(text);
  BOOST_REQUIRE(header.ok());
  const std::string body = text.substr(header->body_offset());
  const FooterResult result = add_footer(&header.value(), body, footer);
  return {result.outcome, result.changed() ? header->joined_with(result.body) : text};
}

Footer both(FooterPlace place = FooterPlace::kFooter) {
  return {.text = kText, .html = kHtml, .place = place};
}

std::string html(const std::string& body, FooterPlace place = FooterPlace::kFooter) {
  const Whole out =
      with("Content-Type: text/html\r\n\r\n" + body, {.text = "t", .html = "<p>f</p>", .place = place});
  BOOST_TEST((out.outcome == kAppended));
  return body_of(out.message);
}

}  // namespace

BOOST_AUTO_TEST_SUITE(footer_places)

BOOST_AUTO_TEST_CASE(each_place_and_style_is_filled_once) {
  for (const std::string& name : all_message_names()) {
    const std::string text = message(name);
    for (const FooterPlace place : {FooterPlace::kFooter, FooterPlace::kHeader})
      for (const FooterStyle style : {FooterStyle::kText, FooterStyle::kMime})
        for (const char* fragment : {"", kHtml}) {
          const Footer footer{.text = kText, .html = fragment, .place = place, .style = style};
          const Whole once = with(text, footer);
          BOOST_TEST_CONTEXT(name << (place == FooterPlace::kHeader ? " header" : " footer")
                                  << (style == FooterStyle::kMime ? " mime " : " text ") << fragment) {
            BOOST_TEST((once.outcome != kNothingToAdd));
            if (once.outcome == kProtected || once.outcome == kBroken) {
              BOOST_TEST(once.message == text);
              continue;
            }
            BOOST_TEST((once.outcome != kAlreadyThere));
            if (style == FooterStyle::kMime)
              BOOST_TEST((once.outcome == kPartAdded || once.outcome == kWrapped));
            const Whole twice = with(once.message, footer);
            BOOST_TEST((twice.outcome == kAlreadyThere));
            BOOST_TEST(twice.message == once.message);
          }
        }
  }
}

BOOST_AUTO_TEST_CASE(a_header_and_a_footer_do_not_hide_each_other) {
  for (const char* name : {"plain_ascii", "latin1_8bit", "alternative_gmail", "nested_related",
                           "mixed_attachment", "html_only", "base64_text", "format_flowed"}) {
    const Whole first = with(message(name), both());
    const Whole second = with(first.message, both(FooterPlace::kHeader));
    BOOST_TEST((second.outcome == kAppended || second.outcome == kPartAdded), name);
    BOOST_TEST((with(second.message, both()).outcome == kAlreadyThere), name);
    BOOST_TEST((with(second.message, both(FooterPlace::kHeader)).outcome == kAlreadyThere), name);
  }
}

BOOST_AUTO_TEST_CASE(a_header_stands_before_the_text) {
  const std::string latin1 = message("latin1_8bit");
  const Whole out = with(latin1, {.text = "Liste d\xc3\xa9v\n", .place = FooterPlace::kHeader});
  BOOST_TEST(out.message == header_of(latin1) + "Liste d\xe9v\r\n" + body_of(latin1));
  const std::string mixed = message("mixed_attachment");
  const Whole part =
      with(mixed, {.text = "Liste\n", .place = FooterPlace::kHeader, .style = FooterStyle::kMime});
  const std::string boundary = content_type_of(*HeaderBlock::parse(part.message)).parameter("boundary");
  const std::string body = body_of(part.message);
  const auto parts = split_multipart(body, boundary);
  const auto before = split_multipart(body_of(mixed), boundary);
  BOOST_REQUIRE_EQUAL(parts->parts.size(), before->parts.size() + 1);
  BOOST_TEST(body.substr(parts->parts[0].begin, parts->parts[0].end - parts->parts[0].begin)
                 .ends_with("\r\n\r\nListe"));
  BOOST_TEST(body.ends_with(body_of(mixed).substr(before->parts[0].begin)));
}

BOOST_AUTO_TEST_CASE(alternatives_get_the_words_each_in_its_own_way) {
  const std::string text = crlf(
      "MIME-Version: 1.0\nContent-Type: multipart/alternative; boundary=b\n\npre\n--b \n"
      "Content-Type: text/plain; charset=ISO-8859-1\nContent-Transfer-Encoding: "
      "quoted-printable\n\nsch=F6n\n--b\n"
      "Content-Type: text/html; charset=ISO-8859-1\nContent-Transfer-Encoding: quoted-printable\n\n"
      "<body>sch=F6n<br></body>\n</html>\n--b\nContent-Type: text/calendar\n\nBEGIN\n--b--\npost\n");
  const Whole out = with(text, both());
  BOOST_TEST((out.outcome == kAppended));
  BOOST_TEST(
      out.message ==
      crlf("MIME-Version: 1.0\nContent-Type: multipart/alternative; boundary=b\n\npre\n--b \n"
           "Content-Type: text/plain; charset=ISO-8859-1\nContent-Transfer-Encoding: quoted-printable\n\n"
           "sch=F6n\n--=20\nSe d=E9sabonner\n\n--b\n"
           "Content-Type: text/html; charset=ISO-8859-1\nContent-Transfer-Encoding: quoted-printable\n\n"
           "<body>sch=F6n<br>\n<p>Se d&#233;sabonner</p>\n</body>\n</html>\n--b\n"
           "Content-Type: text/calendar\n\nBEGIN\n--b--\npost\n"));
  // Without words in HTML its readers would miss them: around it, as before.
  BOOST_TEST((with(text, {.text = kText}).outcome == kWrapped));
  // The line end before the delimiter is not the part's: what stands behind the header would go on with it.
  for (const char* part : {"Content-Type: text/html\n", "Content-Type: text/html\n\n", ""}) {
    const std::string empty =
        crlf("MIME-Version: 1.0\nContent-Type: multipart/alternative; boundary=b\n\n--b\n\nhi\n--b\n" +
             std::string(part) + "--b--\n");
    const Whole around = with(empty, both());
    BOOST_TEST((around.outcome == kWrapped), part);
    BOOST_TEST((with(around.message, both()).outcome == kAlreadyThere), part);
  }
}

// Mail with files: the words belong to the text, not behind the files, where some programs make a file of them.
BOOST_AUTO_TEST_CASE(of_mixed_the_text_is_written_into_and_files_stay) {
  const std::string head = "MIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=m\n\npre\n";
  const std::string plain = "--m\nContent-Type: text/plain\n\nhello\n";
  const std::string file =
      "--m\nContent-Type: text/plain; name=notes.txt\n\nnotes\n--m\nContent-Type: "
      "application/pdf\nContent-Transfer-Encoding: base64\n\nAAAA\n"
      "--m\nContent-Type: text/plain\nContent-Disposition: inline;\n filename*0=\"a.txt\"\n\na\n"
      "--m\nContent-Type: text/html\nContent-Disposition: attachment\n\n<body>\n";
  const Footer footer{.text = "words\n", .html = "<p>f</p>"};
  const Footer header{.text = "words\n", .html = "<p>f</p>", .place = FooterPlace::kHeader};
  const auto made = [](const std::string& text, const Footer& words) {
    const Whole out = with(crlf(text), words);
    BOOST_TEST((out.outcome == kAppended));
    BOOST_TEST((with(out.message, words).outcome == kAlreadyThere));
    return out.message;
  };
  BOOST_TEST(made(head + plain + file + "--m--\npost\n", footer) ==
             crlf(head + "--m\nContent-Type: text/plain\n\nhello\nwords\n\n" + file + "--m--\npost\n"));
  BOOST_TEST(made(head + plain + file + "--m--\npost\n", header) ==
             crlf(head + "--m\nContent-Type: text/plain\n\nwords\nhello\n" + file + "--m--\npost\n"));
  // As Outlook writes it.
  const std::string both =
      "--m\nContent-Type: multipart/alternative; boundary=a\n\n--a\n\nhi\n--a\nContent-Type: "
      "text/html\n\n<body>hi%</body>\n--a--\n\n";
  std::string worded = both;
  worded.replace(worded.find("hi\n"), 3, "hi\nwords\n\n").replace(worded.find('%'), 1, "\n<p>f</p>\n");
  std::string bare = both;
  bare.erase(bare.find('%'), 1);
  BOOST_TEST(made(head + bare + file + "--m--\n", footer) == crlf(head + worded + file + "--m--\n"));
  // Text goes on behind the file: it ends there.
  BOOST_TEST(made(head + plain + file + plain + "--m--\n", footer) ==
             crlf(head + plain + file + "--m\nContent-Type: text/plain\n\nhello\nwords\n\n--m--\n"));
  // Nothing to write into, and HTML without words in HTML.
  for (const std::string& text :
       {head + file + "--m--\n", head + plain + "--m\nContent-Type: text/html\n\nx\n--m--\n",
        head + bare + "--m--\n"})
    BOOST_TEST((with(crlf(text), {.text = "words\n"}).outcome == kPartAdded), text);
}

// As Apple Mail writes formatted text with files.
BOOST_AUTO_TEST_CASE(an_alternative_may_be_mixed_of_text_and_files) {
  const auto alternative = [](const std::string& mixed) {
    return crlf(
        "MIME-Version: 1.0\nContent-Type: multipart/alternative; boundary=a\n\n--a\n\nhi\n--a\n"
        "Content-Type: multipart/mixed; boundary=m\n\n" +
        mixed + "--m--\n\n--a--\n");
  };
  const std::string file = "--m\nContent-Type: application/pdf\nContent-Disposition: inline\n\nAAAA\n";
  const std::string text = alternative("--m\nContent-Type: text/html\n\n<body>hi</body>\n" + file +
                                       "--m\nContent-Type: text/html\n\n<body>bye</body>\n");
  for (const FooterPlace place : {FooterPlace::kFooter, FooterPlace::kHeader}) {
    const Footer words{.text = "words\n", .html = "<p>f</p>", .place = place};
    const bool on_top = place == FooterPlace::kHeader;
    std::string expected = text;
    const std::string piece = on_top ? "<body>hi" : "bye</body>";
    const std::string worded = on_top ? "<body>\r\n<p>f</p>\r\nhi" : "bye\r\n<p>f</p>\r\n</body>";
    expected.replace(expected.find(piece), piece.size(), worded);
    expected.replace(expected.find("\r\nhi\r\n"), 6,
                     on_top ? "\r\nwords\r\nhi\r\n" : "\r\nhi\r\nwords\r\n\r\n");
    const Whole out = with(text, words);
    BOOST_TEST((out.outcome == kAppended));
    BOOST_TEST(out.message == expected);
    BOOST_TEST((with(out.message, words).outcome == kAlreadyThere));
    // Where its readers would see nothing, the words stand around the whole.
    const std::string is_signed = "--m\nContent-Type: multipart/signed; boundary=s\n\n--s\n\nhi\n--s--\n";
    for (const std::string& other : {file, is_signed})
      BOOST_TEST((with(alternative(other), words).outcome == kWrapped), other);
  }
}

BOOST_AUTO_TEST_CASE(of_related_only_the_root_is_touched) {
  const std::string nested = message("nested_related");
  const Whole out = with(nested, both());
  BOOST_TEST((out.outcome == kAppended));
  BOOST_TEST(header_of(out.message) == header_of(nested));
  BOOST_TEST(out.message.find("Se d=E9sabonner") != std::string::npos);
  BOOST_TEST(out.message.find(kHtmlInAscii) != std::string::npos);
  const std::size_t image = nested.find("--_004_AM0PR01MB1234_\r\nContent-Type: image");
  BOOST_TEST(out.message.ends_with(nested.substr(image)));
  const std::string start = crlf(
      "Content-Type: multipart/related; boundary=b; start=\"<2>\"\n\n--b\nContent-ID: <1>\nContent-Type: "
      "text/html\n\n"
      "<i>\n--b\nContent-ID: <2>\nContent-Type: text/html\n\n<b>\n--b--\n");
  BOOST_TEST(body_of(with(start, {.text = "t", .html = "<p>"}).message) ==
             crlf("--b\nContent-ID: <1>\nContent-Type: text/html\n\n"
                  "<i>\n--b\nContent-ID: <2>\nContent-Type: text/html\n\n<b>\n<p>\n\n--b--\n"));
}

BOOST_AUTO_TEST_CASE(words_in_html_stand_within_the_body) {
  BOOST_TEST(html("<body>x</body></html>\r\n") == "<body>x\r\n<p>f</p>\r\n</body></html>\r\n");
  BOOST_TEST(html("<BODY>x</BODY >\r\n") == "<BODY>x\r\n<p>f</p>\r\n</BODY >\r\n");
  BOOST_TEST(html("x") == "x\r\n<p>f</p>\r\n");
  BOOST_TEST(html("x</html>") == "x\r\n<p>f</p>\r\n</html>");
  BOOST_TEST(html("<body>x<!-- </body> --> y") == "<body>x<!-- </body> --> y\r\n<p>f</p>\r\n");
  const auto header = [](const char* text) { return html(text, FooterPlace::kHeader); };
  BOOST_TEST(header("<html><body class=\"a>b\">x") == "<html><body class=\"a>b\">\r\n<p>f</p>\r\nx");
  BOOST_TEST(header("<head>'<body>'</head><body>x") == "<head>'<body>'</head><body>\r\n<p>f</p>\r\nx");
  BOOST_TEST(header("<!DOCTYPE html>x") == "<!DOCTYPE html>\r\n<p>f</p>\r\nx");
  BOOST_TEST(header("x") == "<p>f</p>\r\nx");
  BOOST_TEST(header("<body never ends") == "<p>f</p>\r\n<body never ends");
  // The post before, quoted with its footer, is not the footer.
  const Whole quoted = with("Content-Type: text/html\r\n\r\n<blockquote><p>f</p></blockquote>yes",
                            {.text = "t", .html = "<p>f</p>"});
  BOOST_TEST((quoted.outcome == kAppended));
}

BOOST_AUTO_TEST_CASE(html_that_cannot_be_written_into_is_wrapped) {
  const std::string utf16 = "Content-Type: text/html; charset=utf-16\r\n\r\nx";
  BOOST_TEST((with(utf16, both()).outcome == kWrapped));
  const std::string broken = crlf(
      "Content-Type: multipart/alternative; boundary=b\n\n--b\nContent-Transfer-Encoding: "
      "base64\n\n!!!\n--b--\n");
  const Whole out = with(broken, both());
  BOOST_TEST((out.outcome == kWrapped));
  BOOST_TEST(out.message.find(body_of(broken)) != std::string::npos);
  const std::string base64 =
      "Content-Type: text/html; charset=UTF-8\r\nContent-Transfer-Encoding: "
      "base64\r\n\r\nPGJvZHk+w6k8L2JvZHk+\r\n";
  BOOST_TEST(decoded_base64(body_of(with(base64, both()).message)).value() ==
             "<body>\xc3\xa9\r\n" + std::string(kHtmlInAscii) + "\r\n</body>");
}

BOOST_AUTO_TEST_CASE(what_is_signed_within_stays_as_it_is) {
  const std::string inner =
      crlf("Content-Type: multipart/signed; boundary=s\n\n--s\n\nsigned text\n--s\n\nsig\n--s--\n");
  for (const char* subtype : {"mixed", "alternative", "related"}) {
    const std::string text = "MIME-Version: 1.0\r\nContent-Type: multipart/" + std::string(subtype) +
                             "; boundary=o\r\n\r\n--o\r\n" + inner + "--o--\r\n";
    for (const FooterPlace place : {FooterPlace::kFooter, FooterPlace::kHeader}) {
      const Whole out = with(text, both(place));
      BOOST_TEST((out.outcome == kPartAdded || out.outcome == kWrapped), subtype);
      BOOST_TEST(out.message.find("--o\r\n" + inner + "--o") != std::string::npos, subtype);
    }
  }
}

BOOST_AUTO_TEST_SUITE_END()
