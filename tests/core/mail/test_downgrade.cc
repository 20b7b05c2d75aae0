#include <boost/test/unit_test.hpp>

#include "core/base/text.h"
#include "core/mail/content_type.h"
#include "core/mail/downgrade.h"
#include "core/mail/encoded_word.h"
#include "core/mail/multipart.h"
#include "core/mail/transfer_encoding.h"
#include "tests/core/mail/messages.h"

using namespace essaim;
using namespace essaim::mail;
using Outcome = Downgraded::Outcome;

namespace {

// "type/subtype charset: content" of every leaf, as its reader gets it.
void leaves(std::string_view text, bool digest, std::vector<std::string>* out) {
  const Result<HeaderBlock> header = HeaderBlock::parse(text);
  BOOST_REQUIRE(header.ok());
  const std::string_view body = text.substr(header->body_offset());
  const ContentType type = content_type_of(*header);
  if (type.type == "multipart") {
    const auto parts = split_multipart(body, type.parameter("boundary"));
    if (parts) {
      for (const PartRange& part : parts->parts)
        leaves(body.substr(part.begin, part.end - part.begin), type.subtype == "digest", out);
      return;
    }
  }
  if (type.is("message", "rfc822") || (digest && !type.present)) return leaves(body, false, out);
  std::string content(body);
  switch (transfer_encoding_of(header->value("Content-Transfer-Encoding").value_or(""))) {
    case TransferEncoding::kQuotedPrintable:
      content = decoded_quoted_printable(body).value_or("?");
      break;
    case TransferEncoding::kBase64:
      content = decoded_base64(body).value_or("?");
      break;
    default:
      break;
  }
  out->push_back(type.type + "/" + type.subtype + ": " + content);
}

std::vector<std::string> leaves_of(const std::string& text) {
  std::vector<std::string> out;
  leaves(text, false, &out);
  return out;
}

std::string done(const std::string& text) {
  const Downgraded result = downgraded_to_7bit(text);
  BOOST_REQUIRE_MESSAGE(result.outcome == Outcome::kDone, result.why);
  BOOST_TEST(is_ascii(result.message));
  return result.message;
}

std::string header_value(const std::string& text, const char* name) {
  return HeaderBlock::parse(text)->value(name).value_or("(none)");
}

}  // namespace

BOOST_AUTO_TEST_SUITE(downgrade)

BOOST_AUTO_TEST_CASE(each_message_reads_the_same_in_ascii) {
  int changed = 0;
  for (const std::string& name : all_message_names()) {
    const std::string text = message(name);
    const Downgraded result = downgraded_to_7bit(text);
    BOOST_TEST((result.outcome == Outcome::kNotNeeded) == is_ascii(text), name);
    if (result.outcome != Outcome::kDone) continue;
    ++changed;
    BOOST_TEST(is_ascii(result.message), name);
    BOOST_TEST(leaves_of(result.message) == leaves_of(text), name);
    const Result<HeaderBlock> before = HeaderBlock::parse(text);
    const Result<HeaderBlock> after = HeaderBlock::parse(result.message);
    for (const char* field : {"Subject", "From", "To"})
      BOOST_TEST(decode_encoded_words(before->value(field).value_or("")) ==
                     decode_encoded_words(after->value(field).value_or("")),
                 name << " " << field);
    for (std::string_view line : split(result.message, '\n')) BOOST_TEST(line.size() <= 999U, name);
  }
  BOOST_TEST(changed >= 3);
}

BOOST_AUTO_TEST_CASE(a_text_is_encoded_and_its_other_bytes_stay) {
  BOOST_TEST(done(crlf("A: b\nMIME-Version: 1.0\nContent-Type: text/plain; charset=ISO-8859-1\n"
                       "Content-Transfer-Encoding: 8bit\nX:  odd\n\nsch\xf6n = ok\n")) ==
             crlf("A: b\nMIME-Version: 1.0\nContent-Type: text/plain; charset=ISO-8859-1\n"
                  "Content-Transfer-Encoding: quoted-printable\nX:  odd\n\nsch=F6n =3D ok\n"));
  // Mail from before MIME: what it is, is said as well as we know.
  BOOST_TEST(done(crlf("A: b\n\nsch\xc3\xb6n\n")) ==
             crlf("A: b\nMIME-Version: 1.0\nContent-Type: text/plain; charset=UTF-8\n"
                  "Content-Transfer-Encoding: quoted-printable\n\nsch=C3=B6n\n"));
  BOOST_TEST(done(crlf("A: b\n\nsch\xf6n\n")) ==
             crlf("A: b\nMIME-Version: 1.0\nContent-Type: text/plain; charset=unknown-8bit\n"
                  "Content-Transfer-Encoding: quoted-printable\n\nsch=F6n\n"));
  // Mostly other than ASCII: base64 is shorter. What is no text is never quoted-printable.
  BOOST_TEST(done(crlf("MIME-Version: 1.0\nContent-Type: text/plain; charset=UTF-8\n\n"
                       "\xe4\xbc\x9a\xe8\xad\xb0\xe4\xbc\x9a\xe8\xad\xb0\xe4\xbc\x9a\xe8\xad\xb0\n"))
                 .find("base64") != std::string::npos);
  BOOST_TEST(done("MIME-Version: 1.0\r\nContent-Type: image/png\r\nContent-Transfer-Encoding: "
                  "binary\r\n\r\na\nb\xff") ==
             "MIME-Version: 1.0\r\nContent-Type: image/png\r\nContent-Transfer-Encoding: "
             "base64\r\n\r\nYQpi/w==\r\n");
}

BOOST_AUTO_TEST_CASE(parts_are_encoded_and_what_holds_them_is_not) {
  const std::string text = crlf(
      "Subject: x\nMIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=o\nContent-Transfer-Encoding: "
      "8bit\n\n"
      "pr\xc3\xa9"
      "ambule\n--o\nContent-Type: text/plain\n\nonly ascii \n--o\n\nimplicit \xc3\xa9\n--o\n"
      "Content-Type: message/rfc822\nContent-Transfer-Encoding: 8bit\n\nSubject: \xc3\xa9\n\ninner \xc3\xa9\n"
      "--o\nContent-Type: multipart/digest; boundary=i\n\n--i\n\nSubject: d\n\n\xc3\xa9\n--i--\n--o--\n");
  const std::string out = done(text);
  BOOST_TEST(
      out ==
      crlf("Subject: x\nMIME-Version: 1.0\nContent-Type: multipart/mixed; "
           "boundary=o\nContent-Transfer-Encoding: 7bit\n\n"
           "pr??ambule\n--o\nContent-Type: text/plain\n\nonly ascii \n--o\n"
           "Content-Type: text/plain; charset=UTF-8\nContent-Transfer-Encoding: quoted-printable\n\nimplicit "
           "=C3=A9\n--o\n"
           "Content-Type: message/rfc822\nContent-Transfer-Encoding: 7bit\n\nSubject: =?UTF-8?B?w6k=?=\n"
           "MIME-Version: 1.0\nContent-Type: text/plain; charset=UTF-8\nContent-Transfer-Encoding: "
           "quoted-printable\n\n"
           "inner =C3=A9\n"
           "--o\nContent-Type: multipart/digest; boundary=i\n\n--i\n\nSubject: d\nMIME-Version: 1.0\n"
           "Content-Type: text/plain; charset=UTF-8\nContent-Transfer-Encoding: "
           "quoted-printable\n\n=C3=A9\n--i--\n--o--\n"));
  BOOST_TEST(leaves_of(out) == leaves_of(text));
}

BOOST_AUTO_TEST_CASE(header_fields_are_written_as_ascii_can_say_them) {
  const auto field = [](const char* text) {
    const std::string out = done(std::string(text) + "\r\n\r\nx\r\n");
    return out.substr(0, out.find("\r\n\r\n"));
  };
  BOOST_TEST(field("Subject: [l] caf\xc3\xa9 noir") == "Subject: [l] =?UTF-8?Q?caf=C3=A9?= noir");
  BOOST_TEST(field("Subject: caf\xe9") == "Subject: =?UTF-8?Q?caf=C3=A9?=");
  BOOST_TEST(field("From: Jos\xc3\xa9 X <j@x.example>, b@x.example") ==
             "From: =?UTF-8?Q?Jos=C3=A9_X?= <j@x.example>, b@x.example");
  BOOST_TEST(field("To: \"Jos\xc3\xa9, \\\"X\\\"\" <j@x.example>, g: \"a, b\" <c@x>;") ==
             "To: =?UTF-8?Q?Jos=C3=A9=2C_=22X=22?= <j@x.example>, g: \"a, b\" <c@x>;");
  BOOST_TEST(field("Cc: j@x.example (Jos\xc3\xa9)") == "Cc: j@x.example (=?UTF-8?Q?Jos=C3=A9?=)");
  BOOST_TEST(field("Message-ID: <\xc3\xa9@x>") == "Downgraded-Message-ID: =?UTF-8?B?PMOpQHg+?=");
  BOOST_TEST(field("Content-Disposition: attachment; filename=\"\xc3\xa9 1.pdf\"; size=3") ==
             "Content-Disposition: attachment; filename*=UTF-8''%C3%A9%201.pdf; size=\"3\"");
}

BOOST_AUTO_TEST_CASE(a_long_name_of_a_file_is_cut_between_its_octets) {
  std::string name;
  for (int i = 0; i < 50; ++i) name += "\xc3\xa9 ";
  const std::string out = done("Content-Disposition: attachment; filename=\"" + name + "x\"\r\n\r\nx\r\n");
  BOOST_TEST(parse_content_type("x/" + header_value(out, "Content-Disposition")).parameter("filename") ==
             name + "x");
}

BOOST_AUTO_TEST_CASE(what_cannot_be_said_in_ascii_is_not_tried) {
  const struct {
    const char* text;
    const char* why;
  } rows[] = {
      {"From: <jos\xc3\xa9@x.example>\n\nx\n", "a header field in it can only be said in UTF-8"},
      {"From: jos\xc3\xa9@x.example\n\nx\n", "a header field in it can only be said in UTF-8"},
      {"Content-Type: multipart/signed; boundary=b\n\n--b\n\n\xc3\xa9\n--b\n\ns\n--b--\n",
       "a signed part has eight bits"},
      {"Content-Type: multipart/mixed; boundary=a\n\n--a\nContent-Type: multipart/signed; boundary=b\n\n"
       "--b\n\n\xc3\xa9\n--b\n\ns\n--b--\n--a--\n",
       "a signed part has eight bits"},
      {"Content-Type: multipart/mixed; boundary=b\n\n--b\n\n\xc3\xa9\n", "a multipart in it is broken"},
      {"Content-Type: multipart/mixed; boundary=b\nContent-Transfer-Encoding: "
       "base64\n\n--b\n\n\xc3\xa9\n--b--\n",
       "a multipart in it is broken"},
      {"Content-Type: message/partial\n\n\xc3\xa9\n", "a fragment in it has eight bits"},
      {"Content-Transfer-Encoding: base64\n\n\xc3\xa9\n", "a part is not in the encoding that it names"},
      {"Content-Transfer-Encoding: x-uuencode\n\n\xc3\xa9\n", "a part is not in the encoding that it names"},
      {"Content-Type: text/plain\nContent-Type: text/html\n\n\xc3\xa9\n",
       "it says twice what a part of it is"},
  };
  for (const auto& row : rows) {
    const Downgraded result = downgraded_to_7bit(crlf(row.text));
    BOOST_TEST((result.outcome == Outcome::kNotPossible), row.text);
    BOOST_TEST(result.why == row.why, row.text << ": " << result.why);
    BOOST_TEST(result.message == "");
  }
  // A signature over ASCII holds when something beside it is encoded.
  const std::string beside = crlf(
      "Content-Type: multipart/mixed; boundary=a\n\n--a\nContent-Type: multipart/signed; boundary=b\n\n"
      "--b\n\nplain \n--b\n\ns\n--b--\n--a\n\n\xc3\xa9\n--a--\n");
  const std::string out = done(beside);
  BOOST_TEST(out.find(crlf("boundary=b\n\n--b\n\nplain \n--b\n\ns\n--b--\n--a\n")) != std::string::npos);
}

BOOST_AUTO_TEST_CASE(nesting_has_a_bottom) {
  std::string text;
  for (int i = 0; i < 1'000; ++i) text += "Content-Type: message/rfc822\r\n\r\n";
  const Downgraded result = downgraded_to_7bit(text + "A: b\r\n\r\n\xc3\xa9\r\n");
  BOOST_TEST((result.outcome == Outcome::kNotPossible));
  BOOST_TEST(result.why == "its parts are nested too deep");
}

BOOST_AUTO_TEST_CASE(a_line_is_long_from_its_999th_octet_on) {
  const std::string at_most(998, 'x'), one_more(999, 'x');
  const std::string some = "a\r\n" + std::string(700, 'b') + "\r\n";
  for (const std::string& before : {std::string(), some, some + some + some}) {
    for (const std::string& after : {std::string(), std::string("\r\n"), "\r\n" + some, "\r\n" + at_most}) {
      BOOST_TEST(!has_long_line(before + at_most + after), before.size() << " " << after.size());
      BOOST_TEST(has_long_line(before + one_more + after), before.size() << " " << after.size());
    }
  }
}

BOOST_AUTO_TEST_CASE(long_lines_are_made_short_where_it_can_be_and_read_the_same) {
  const std::string line(2000, 'y');
  const std::string old_mail = crlf("Subject: x\n\nshort\n" + line + "\nshort\n");
  BOOST_TEST(!with_short_lines(crlf("Subject: x\n\nshort\n")));
  const struct {
    const char* what;
    std::string text, has;
  } rows[] = {
      {"mail from before MIME", old_mail,
       "Subject: x\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; charset=UTF-8\r\n"
       "Content-Transfer-Encoding: quoted-printable\r\n\r\nshort\r\nyyy"},
      {"a page of eight bits in one line",
       crlf("MIME-Version: 1.0\nContent-Type: text/html; charset=iso-8859-1\n"
            "Content-Transfer-Encoding: 8bit\n\n<p class=\"a\">sch\xf6n" +
            line + "</p> \n"),
       "Content-Transfer-Encoding: quoted-printable\r\n\r\n<p class=3D\"a\">sch=F6ny"},
      {"quoted-printable without soft line ends",
       crlf("MIME-Version: 1.0\nContent-Type: text/plain\nContent-Transfer-Encoding: "
            "quoted-printable\n\na=3Db" +
            line + "\n"),
       "a=3Dby"},
      {"base64 in one line",
       crlf("MIME-Version: 1.0\nContent-Type: text/plain\nContent-Transfer-Encoding: base64\n\n" +
            std::string(4000, 'A') + "\n"),
       "Content-Transfer-Encoding: base64\r\n\r\n" + std::string(76, 'A') + "\r\n"},
      {"a part, with all around it",
       crlf("Subject: \xc3\xa9\nMIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=o\n"
            "Content-Transfer-Encoding: 8bit\n\npr\xc3\xa9"
            "ambule\n--o\n\nshort \xc3\xa9\n--o\nContent-Type: message/rfc822\n\nSubject: in\n\n" +
            line + "\n--o\nContent-Type: application/x-data\n\n" + line + "\n--o--\n"),
       "Subject: \xc3\xa9\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=o\r\n"
       "Content-Transfer-Encoding: 8bit\r\n\r\npr\xc3\xa9"
       "ambule\r\n--o\r\n\r\nshort \xc3\xa9\r\n--o\r\n"},
  };
  for (const auto& row : rows) {
    BOOST_TEST_CONTEXT(row.what) {
      const auto out = with_short_lines(row.text);
      BOOST_REQUIRE(out);
      BOOST_TEST(!has_long_line(*out));
      BOOST_TEST(leaves_of(*out) == leaves_of(row.text));
      BOOST_TEST(out->find(row.has) != std::string::npos, *out);
      BOOST_TEST(!with_short_lines(*out));
    }
  }
}

BOOST_AUTO_TEST_CASE(no_second_content_type_is_written_beside_one_that_makes_no_sense) {
  const std::string line(2000, 'y');
  for (const char* encoding : {"", "Content-Transfer-Encoding: 8bit\n"}) {
    for (const char* type : {"html", "", "text/"}) {
      const std::string text =
          crlf(std::string("Content-Type: ") + type + "\n" + encoding + "\nsch\xc3\xb6n\n" + line + "\n");
      const auto is_short = with_short_lines(text);
      BOOST_REQUIRE(is_short);
      for (const std::string& out : {*is_short, done(text)}) {
        BOOST_TEST(HeaderBlock::parse(out)->count("Content-Type") == 1U, out);
        BOOST_TEST(header_value(out, "Content-Type") == type);
        BOOST_TEST(header_value(out, "Content-Transfer-Encoding") == "quoted-printable");
        BOOST_TEST(leaves_of(out) == leaves_of(text));
      }
    }
  }
}

BOOST_AUTO_TEST_CASE(long_lines_stay_where_nobody_may_change_them) {
  const std::string line(2000, 'y');
  const auto mime = [](const std::string& text) { return crlf("MIME-Version: 1.0\n" + text); };
  const std::string rows[] = {
      mime("Content-Type: multipart/signed; boundary=o\n\n--o\n\n" + line + "\n--o\n\nsignature\n--o--\n"),
      mime("Content-Type: multipart/encrypted; boundary=o\n\n--o\n\n" + line + "\n--o--\n"),
      mime("Content-Type: multipart/mixed; boundary=o\n\n" + line + "\n"),
      mime("Content-Type: text/plain\nContent-Transfer-Encoding: base64\n\n!" + line + "\n"),
      mime("Content-Type: text/plain\nContent-Transfer-Encoding: x-odd\n\n" + line + "\n"),
      mime("Content-Type: text/plain\nContent-Type: text/html\n\n" + line + "\n"),
      mime("Content-Type: message/partial\n\n" + line + "\n"),
      crlf("References: " + line + "\n\nshort\n"),
  };
  for (const std::string& text : rows) BOOST_TEST(with_short_lines(text).value_or("") == text);
  // Beside a signed part the others are changed.
  const std::string beside = crlf(
      "MIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=o\n\n--o\n"
      "Content-Type: multipart/signed; boundary=i\n\n--i\n\n" +
      line + "\n--i\n\nsignature\n--i--\n--o\n\n" + line + "\n--o--\n");
  const auto out = with_short_lines(beside);
  BOOST_REQUIRE(out);
  BOOST_TEST(out->find("--i\r\n\r\n" + line + "\r\n--i\r\n") != std::string::npos);
  BOOST_TEST(out->find("--o\r\n\r\n" + line) == std::string::npos);
  BOOST_TEST(leaves_of(*out) == leaves_of(beside));
}

BOOST_AUTO_TEST_SUITE_END()
