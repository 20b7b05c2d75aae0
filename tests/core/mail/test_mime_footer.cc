#include <boost/test/unit_test.hpp>

#include "core/base/text.h"
#include "core/mail/charset.h"
#include "core/mail/content_type.h"
#include "core/mail/mime_footer.h"
#include "core/mail/multipart.h"
#include "core/mail/transfer_encoding.h"
#include "tests/core/mail/messages.h"

using namespace essaim;
using namespace essaim::mail;

namespace {

constexpr const char* kAscii = "-- \nhttps://lists.example/dev\n";
constexpr const char* kFrench = "-- \nSe d\xc3\xa9sabonner\n";

struct Result2 {
  FooterOutcome outcome;
  std::string header;
  std::string body;
};

Result2 with_footer(const std::string& text, const char* footer) {
  Result<HeaderBlock> header = HeaderBlock::parse(text);
  BOOST_REQUIRE(header.ok());
  const std::string body = text.substr(header->body_offset());
  FooterResult result = add_footer(&header.value(), body, {.text = footer});
  BOOST_TEST(result.changed() == !result.body.empty());
  return {result.outcome, header->serialise(), result.changed() ? result.body : body};
}

// The text of a single-part message as its reader sees it; the charset is in the header.
std::string text_of(const Result2& message) {
  const Result<HeaderBlock> header = HeaderBlock::parse(message.header);
  switch (transfer_encoding_of(header->value("Content-Transfer-Encoding").value_or(""))) {
    case TransferEncoding::kBase64:
      return decoded_base64(message.body).value();
    case TransferEncoding::kQuotedPrintable:
      return decoded_quoted_printable(message.body).value();
    default:
      return message.body;
  }
}

std::string charset_of(const Result2& message) {
  return content_type_of(*HeaderBlock::parse(message.header)).parameter("charset");
}

}  // namespace

BOOST_AUTO_TEST_SUITE(mime_footer)

// What happens to each message; and a second time, nothing.
BOOST_AUTO_TEST_CASE(each_kind_of_message_gets_its_footer_once) {
  using enum FooterOutcome;
  const struct {
    const char* name;
    FooterOutcome outcome;
  } rows[] = {
      {"plain_ascii", kAppended},
      {"utf8_8bit", kAppended},
      {"latin1_8bit", kAppended},
      {"base64_text", kAppended},
      {"quoted_printable", kAppended},
      {"format_flowed", kAppended},
      {"iso2022jp", kAppended},
      {"empty_body", kAppended},
      {"mixed_attachment", kAppended},
      {"calendar_invitation", kPartAdded},
      {"alternative_gmail", kWrapped},
      {"alternative_thunderbird", kWrapped},
      {"nested_related", kWrapped},
      {"html_only", kWrapped},
      {"pgp_mime_signed", kProtected},
      {"smime_signed_detached", kProtected},
      {"smime_opaque", kProtected},
      {"inline_pgp", kProtected},
      {"missing_closing_boundary", kBroken},
      {"boundary_never_seen", kBroken},
  };
  for (const char* footer : {kAscii, kFrench}) {
    for (const auto& row : rows) {
      const std::string text = message(row.name);
      const Result2 once = with_footer(text, footer);
      BOOST_TEST((once.outcome == row.outcome), row.name);
      if (row.outcome == kProtected || row.outcome == kBroken) {
        BOOST_TEST((once.header + once.body == text), row.name);
        continue;
      }
      const Result2 twice = with_footer(once.header + once.body, footer);
      BOOST_TEST((twice.outcome == kAlreadyThere), row.name);
      BOOST_TEST((twice.header + twice.body == once.header + once.body), row.name);
    }
  }
}

BOOST_AUTO_TEST_CASE(plain_text_is_only_appended_to) {
  for (const char* name : {"plain_ascii", "utf8_8bit", "latin1_8bit", "quoted_printable", "iso2022jp"}) {
    const std::string text = message(name);
    const Result2 out = with_footer(text, kAscii);
    BOOST_TEST(out.header == header_of(text), name);
    const char* end = std::string_view(name) == "quoted_printable" ? "--=20\r\nhttps://lists.example/dev\r\n"
                                                                   : "-- \r\nhttps://lists.example/dev\r\n";
    BOOST_TEST(out.body == body_of(text) + end, name);
  }
}

BOOST_AUTO_TEST_CASE(the_footer_is_written_in_the_charset_of_the_message) {
  const std::string latin1 = message("latin1_8bit");
  BOOST_TEST(with_footer(latin1, kFrench).body == body_of(latin1) + "-- \r\nSe d\xe9sabonner\r\n");
  BOOST_TEST(with_footer(latin1, kFrench).header == header_of(latin1));
  const std::string qp = message("quoted_printable");
  BOOST_TEST(with_footer(qp, kFrench).body == body_of(qp) + "--=20\r\nSe d=E9sabonner\r\n");
  const Result2 base64 = with_footer(message("base64_text"), kFrench);
  BOOST_TEST(text_of(base64).ends_with("\xe5\xb1\xb1\xe7\x94\xb0\r\n-- \r\nSe d\xc3\xa9sabonner\r\n"));
  for (std::string_view line : split(base64.body, '\n')) BOOST_TEST(line.size() <= 77U);
}

BOOST_AUTO_TEST_CASE(text_that_cannot_say_the_footer_becomes_utf8) {
  const Result2 latin1 = with_footer(message("latin1_8bit"), "-- \n\xe4\xbc\x9a\xe8\xad\xb0\n");
  BOOST_TEST((latin1.outcome == FooterOutcome::kAppended));
  BOOST_TEST(charset_of(latin1) == "UTF-8");
  BOOST_TEST(latin1.body ==
             "Sch\xc3\xb6ne Gr\xc3\xbc\xc3\x9f"
             "e,\r\nJ\xc3\xb6rg\r\n-- \r\n\xe4\xbc\x9a\xe8\xad\xb0\r\n");
  const Result2 ascii = with_footer(message("plain_ascii"), kFrench);
  BOOST_TEST(charset_of(ascii) == "UTF-8");
  BOOST_TEST(ascii.header.find("MIME-Version: 1.0\r\n") != std::string::npos);
  BOOST_TEST(ascii.header.find("Content-Transfer-Encoding: quoted-printable\r\n") != std::string::npos);
  BOOST_TEST(is_ascii(ascii.body));
  BOOST_TEST(text_of(ascii) == body_of(message("plain_ascii")) + "-- \r\nSe d\xc3\xa9sabonner\r\n");
  const Result2 flowed = with_footer(message("format_flowed"), kFrench);
  const ContentType type = content_type_of(*HeaderBlock::parse(flowed.header));
  BOOST_TEST(type.parameter("format") == "flowed");
  BOOST_TEST(type.parameter("delsp") == "no");
}

BOOST_AUTO_TEST_CASE(text_whose_charset_lies_is_wrapped_and_not_guessed_at) {
  const std::string text = crlf("Subject: x\n\ncaf\xe9\n");
  const Result2 out = with_footer(text, kFrench);
  BOOST_TEST((out.outcome == FooterOutcome::kWrapped));
  BOOST_TEST(out.body.find("\r\n\r\ncaf\xe9\r\n\r\n--") != std::string::npos);
  BOOST_TEST((with_footer(text, kAscii).outcome == FooterOutcome::kAppended));
  const std::string unknown =
      crlf("Content-Type: text/plain; charset=x-klingon\nMIME-Version: 1.0\n\nqapla\n");
  BOOST_TEST((with_footer(unknown, kFrench).outcome == FooterOutcome::kWrapped));
  BOOST_TEST((with_footer(unknown, kAscii).outcome == FooterOutcome::kAppended));
}

// ISO-2022-JP with a character of NEC's (U+2460), which RFC 1468 has not, as mail programs in Japan write it.
BOOST_AUTO_TEST_CASE(japanese_text_gets_the_words_whatever_vendor_has_added_to_its_charset) {
  const std::string head = "MIME-Version: 1.0\nContent-Type: text/plain; charset=ISO-2022-JP\n\n";
  const std::string text = crlf(head + "\x1b$B-!2q5D\x1b(B\n");
  const Result2 ascii = with_footer(text, kAscii);
  BOOST_TEST((ascii.outcome == FooterOutcome::kAppended));
  BOOST_TEST(ascii.header + ascii.body == text + "-- \r\nhttps://lists.example/dev\r\n");
  // What it cannot say makes it UTF-8: everything in it, whole.
  for (const std::string& one : {text, message("iso2022jp")}) {
    const Result2 french = with_footer(one, kFrench);
    BOOST_TEST((french.outcome == FooterOutcome::kAppended));
    BOOST_TEST(charset_of(french) == "UTF-8");
    BOOST_TEST(text_of(french).ends_with("\r\n-- \r\nSe d\xc3\xa9sabonner\r\n"));
    BOOST_TEST((one != text || text_of(french).starts_with("\u2460\u4f1a\u8b70\r\n")));
  }
  // Text that does not come back to ASCII keeps its bytes: the words would be read as kanji.
  const std::string open = crlf(head + "\x1b$B-!2q5D\n");
  BOOST_TEST((with_footer(open, kAscii).outcome == FooterOutcome::kWrapped));
}

BOOST_AUTO_TEST_CASE(texts_in_asian_charsets_get_the_words_in_any_encoding) {
  const struct {
    const char* charset;
    const char* written;  // what iconv calls it
    const char* text;
  } rows[] = {
      {"ISO-2022-JP", "ISO-2022-JP", "\u4f1a\u8b70\u306e\u8cc7\u6599"},
      {"Shift_JIS", "CP932", "\u4f1a\u8b70\u306e\u8cc7\u6599"},
      {"EUC-KR", "EUC-KR", "\ud68c\uc758 \uc790\ub8cc"},
      {"ks_c_5601-1987", "CP949", "\ud68c\uc758 \uc790\ub8cc"},
      {"GB18030", "GB18030", "\u4f1a\u8bae\u8d44\u6599"},
      {"gb2312", "GBK", "\u4f1a\u8bae\u8d44\u6599"},
      {"Big5", "BIG5", "\u6703\u8b70\u8cc7\u6599"},
  };
  for (const auto& row : rows) {
    const std::string octets = converted(row.text, "UTF-8", row.written).value() + "\r\n";
    const std::pair<std::string, std::string> bodies[] = {
        {"8bit", octets}, {"base64", base64_lines(octets)}, {"quoted-printable", quoted_printable(octets)}};
    for (const auto& [encoding, body] : bodies)
      for (const std::string& words :
           {std::string("-- \r\ndev\r\n"), "dev: " + std::string(row.text) + "\r\n",
            std::string("caf\u00e9 \u20ac\r\n")}) {
        const Result2 out =
            with_footer("MIME-Version: 1.0\r\nContent-Type: text/plain; charset=" + std::string(row.charset) +
                            "\r\nContent-Transfer-Encoding: " + encoding + "\r\n\r\n" + body,
                        words.c_str());
        BOOST_TEST_CONTEXT(row.charset << " " << encoding << " " << words) {
          BOOST_TEST((out.outcome == FooterOutcome::kAppended));
          BOOST_TEST(converted(text_of(out), charset_of(out), "UTF-8").value_or("none") ==
                     row.text + std::string("\r\n") + words);
          if (is_ascii(words)) BOOST_TEST(charset_of(out) == row.charset);
          BOOST_TEST(
              (with_footer(out.header + out.body, words.c_str()).outcome == FooterOutcome::kAlreadyThere));
        }
      }
  }
}

BOOST_AUTO_TEST_CASE(a_footer_does_not_flow_into_the_text) {
  const std::string text = message("format_flowed");
  const Result2 out = with_footer(text, "From here: \n> x\n-- \nend \n");
  BOOST_TEST(out.body == body_of(text) + "\r\n From here:\r\n > x\r\n-- \r\nend\r\n");
}

BOOST_AUTO_TEST_CASE(a_last_line_without_its_end_is_ended) {
  BOOST_TEST(with_footer("A: b\r\n\r\nx", kAscii).body == "x\r\n-- \r\nhttps://lists.example/dev\r\n");
  const Result2 soft = with_footer("Content-Transfer-Encoding: quoted-printable\r\n\r\nx=\r\n", kAscii);
  BOOST_TEST(text_of(soft) == "x\r\n-- \r\nhttps://lists.example/dev\r\n");
}

BOOST_AUTO_TEST_CASE(mixed_that_cannot_be_written_into_keeps_every_byte_and_gets_one_part) {
  const std::pair<const char*, FooterStyle> rows[] = {{"mixed_attachment", FooterStyle::kMime},
                                                      {"calendar_invitation", FooterStyle::kText}};
  for (const auto& [name, style] : rows) {
    const std::string text = message(name);
    Result<HeaderBlock> header = HeaderBlock::parse(text);
    const FooterResult out =
        add_footer(&header.value(), body_of(text), Footer{.text = kFrench, .style = style});
    BOOST_TEST((out.outcome == FooterOutcome::kPartAdded));
    BOOST_TEST(header->serialise() == header_of(text));
    const std::string boundary = content_type_of(*HeaderBlock::parse(text)).parameter("boundary");
    const std::size_t closing = body_of(text).rfind("--" + boundary + "--");
    BOOST_TEST(out.body.starts_with(body_of(text).substr(0, closing)));
    BOOST_TEST(out.body.ends_with(body_of(text).substr(closing)));
    const auto before = split_multipart(body_of(text), boundary);
    const auto after = split_multipart(out.body, boundary);
    BOOST_REQUIRE(after.has_value());
    BOOST_TEST(after->parts.size() == before->parts.size() + 1);
    const PartRange last = after->parts.back();
    BOOST_TEST(out.body.substr(last.begin, last.end - last.begin) ==
               "Content-Type: text/plain; charset=UTF-8\r\nContent-Transfer-Encoding: quoted-printable\r\n"
               "Content-Disposition: inline\r\n\r\n--=20\r\nSe d=C3=A9sabonner");
  }
}

BOOST_AUTO_TEST_CASE(what_is_wrapped_is_the_first_part_byte_for_byte) {
  for (const char* name : {"alternative_gmail", "alternative_thunderbird", "nested_related", "html_only"}) {
    const std::string text = message(name);
    const Result2 out = with_footer(text, kAscii);
    const Result<HeaderBlock> header = HeaderBlock::parse(out.header);
    const ContentType type = content_type_of(*header);
    BOOST_TEST(type.is("multipart", "mixed"));
    const auto parts = split_multipart(out.body, type.parameter("boundary"));
    BOOST_REQUIRE(parts.has_value());
    BOOST_REQUIRE(parts->parts.size() == 2U);
    std::string moved;
    std::string kept;
    const Result<HeaderBlock> original = HeaderBlock::parse(text);
    for (const HeaderField& field : original->fields()) {
      (starts_with_ignoring_case(field.name(), "Content-") ? moved : kept) += field.raw();
    }
    const PartRange first = parts->parts[0];
    BOOST_TEST((out.body.substr(first.begin, first.end - first.begin) == moved + "\r\n" + body_of(text)),
               name);
    std::string rest;
    for (const HeaderField& field : header->fields()) {
      if (!starts_with_ignoring_case(field.name(), "Content-")) rest += field.raw();
    }
    BOOST_TEST(rest == kept, name);
    BOOST_TEST(
        (header->value("Content-Transfer-Encoding").value_or("") == (is_ascii(body_of(text)) ? "" : "8bit")),
        name);
  }
}

BOOST_AUTO_TEST_CASE(protected_mail_is_known) {
  for (const std::string& name : all_message_names()) {
    const std::string text = message(name);
    const Result<HeaderBlock> header = HeaderBlock::parse(text);
    const bool expected = name.find("pgp") != std::string::npos || name.find("smime") != std::string::npos;
    BOOST_TEST(
        is_signed_or_encrypted(*header, std::string_view(text).substr(header->body_offset())) == expected,
        name);
  }
  const auto protected_text = [](const std::string& header, const std::string& body) {
    return is_signed_or_encrypted(*HeaderBlock::parse(header + "\r\n\r\n"), body);
  };
  BOOST_TEST(protected_text("Content-Type: multipart/encrypted; boundary=b", ""));
  // Relabelled on the way.
  BOOST_TEST(protected_text("Content-Type: application/octet-stream; name=smime.P7M", "AAAA"));
  BOOST_TEST(
      protected_text("Content-Type: application/octet-stream\r\nContent-Disposition: "
                     "attachment;\r\n\tfilename=\"smime.p7m\"",
                     "AAAA"));
  BOOST_TEST(!protected_text("Content-Type: application/octet-stream; name=p7m.zip", "AAAA"));
  BOOST_TEST(!protected_text("Content-Type: image/png; name=a.p7m", "AAAA"));
  const std::string exchange =
      "--b\r\nContent-Type: text/plain\r\n\r\n\r\n--b\r\nContent-Type: application/%\r\n\r\nVersion: 1\r\n"
      "--b\r\nContent-Type: application/octet-stream; name=encrypted.asc\r\nContent-Transfer-Encoding: "
      "base64\r\n\r\nLS0tLS1CRUdJTiBQR1AgTUVTU0FHRS0tLS0tDQo=\r\n--b--\r\n";
  const auto of_type = [&exchange](const std::string& subtype) {
    std::string out = exchange;
    return out.replace(out.find('%'), 1, subtype);
  };
  BOOST_TEST(protected_text("Content-Type: multipart/mixed; boundary=b", of_type("pgp-encrypted")));
  BOOST_TEST(!protected_text("Content-Type: multipart/mixed; boundary=b", of_type("pdf")));
  BOOST_TEST(protected_text("A: b", "hi\r\n-----BEGIN PGP MESSAGE-----\r\n"));
  BOOST_TEST(!protected_text("A: b", "> -----BEGIN PGP MESSAGE-----\r\n"));
  BOOST_TEST(!protected_text("A: b", "-----BEGIN PGP PUBLIC KEY BLOCK-----\r\n"));
  BOOST_TEST(protected_text("Content-Transfer-Encoding: base64", "LS0tLS1CRUdJTiBQR1AgTUVTU0FHRS0tLS0tDQo="));
  // The header would come between the tag and the armour, which would begin a line then.
  BOOST_TEST(protected_text("Content-Type: text/html", "<html><body>-----BEGIN PGP MESSAGE-----<br>\r\n"));
  BOOST_TEST(!protected_text("A: b", ">-----BEGIN PGP MESSAGE-----\r\n"));
  // As it is read, not as it is written; also in a part.
  const std::string printable = "Content-Transfer-Encoding: quoted-printable";
  const std::string hidden = "=2D----BEGIN PGP MESSAGE-----\r\n",
                    within = "x=\r\n-----BEGIN PGP MESSAGE-----\r\n";
  BOOST_TEST(protected_text(printable, hidden));
  BOOST_TEST(!protected_text(printable, within));
  const std::string begin = "--b\r\n" + printable + "\r\n\r\n";
  for (const char* subtype : {"alternative", "mixed", "odd"}) {
    const std::string type = std::string("Content-Type: multipart/") + subtype + "; boundary=b";
    BOOST_TEST(protected_text(type, begin + hidden + "--b--\r\n"));
    BOOST_TEST(!protected_text(type, begin + within + "--b--\r\n"));
  }
}

BOOST_AUTO_TEST_CASE(broken_headers_and_structures_are_left_alone) {
  for (const char* text :
       {"Content-Type: banana\n\nx\n", "Content-Type: text/plain\nContent-Type: text/html\n\nx\n",
        "Content-Transfer-Encoding: base64\nContent-Transfer-Encoding: 7bit\n\nAAAA\n",
        // All of it is encoded, its delimiters, too.
        "Content-Type: multipart/mixed; boundary=b\nContent-Transfer-Encoding: "
        "base64\n\nLS1iDQoNCngNCi0tYi0tDQo=\n"}) {
    const Result2 out = with_footer(crlf(text), kAscii);
    BOOST_TEST((out.outcome == FooterOutcome::kBroken), text);
    BOOST_TEST(out.header + out.body == crlf(text));
  }
  BOOST_TEST((with_footer("A: b\r\n\r\nx\r\n", " \n").outcome == FooterOutcome::kNothingToAdd));
}

// RFC 2045 §6.4 forbids it, and programs read the parts as they stand.
BOOST_AUTO_TEST_CASE(a_multipart_that_says_it_is_encoded_and_is_not_gets_a_part) {
  for (const char* encoding : {"base64", "quoted-printable", "x"}) {
    const std::string head = crlf(std::string("MIME-Version: 1.0\nContent-Transfer-Encoding: ") + encoding +
                                  "\nContent-Type: multipart/");
    const std::string part = crlf(
        "Content-Type: text/plain; charset=us-ascii\nContent-Transfer-Encoding: 7bit\n"
        "Content-Disposition: inline\n\n-- \nhttps://lists.example/dev\n");
    const Result2 mixed = with_footer(head + crlf("mixed; boundary=b\n\n--b\n\nx\n--b--\n"), kAscii);
    BOOST_TEST((mixed.outcome == FooterOutcome::kPartAdded), encoding);
    BOOST_TEST(mixed.header == head + "mixed; boundary=b\r\n\r\n");
    BOOST_TEST(mixed.body == crlf("--b\n\nx\n--b\n") + part + "--b--\r\n");
    BOOST_TEST((with_footer(mixed.header + mixed.body, kAscii).outcome == FooterOutcome::kAlreadyThere));
    const std::string alternative = head + crlf("alternative; boundary=b\n\n--b\n\nx\n--b--\n");
    Result<HeaderBlock> header = HeaderBlock::parse(alternative);
    const FooterResult around =
        add_footer(&header.value(), body_of(alternative), Footer{.text = kAscii, .html = "<p>words</p>"});
    BOOST_TEST((around.outcome == FooterOutcome::kWrapped), encoding);
    BOOST_TEST((around.body.find("\r\n\r\n" + body_of(alternative)) != std::string::npos));
    BOOST_TEST((header->find("Content-Transfer-Encoding") == nullptr));
  }
}

// HZ (RFC 1843): a charset that iconv does not know.
BOOST_AUTO_TEST_CASE(text_in_hz_gets_the_words_beside_it) {
  const std::string head = crlf("MIME-Version: 1.0\nContent-Type: text/plain; charset=hz-gb-2312\n\n");
  const std::string text = head + "~{VPND~}\r\n";
  for (const char* footer : {kAscii, kFrench}) {
    const Result2 out = with_footer(text, footer);
    BOOST_TEST((out.outcome == FooterOutcome::kWrapped));
    BOOST_TEST((out.body.find("charset=hz-gb-2312\r\n\r\n~{VPND~}\r\n\r\n--") != std::string::npos));
    BOOST_TEST((with_footer(out.header + out.body, footer).outcome == FooterOutcome::kAlreadyThere));
  }
}

// A soft break may put what stands within a line at the beginning of one.
BOOST_AUTO_TEST_CASE(text_that_is_encoded_for_the_words_makes_no_delimiter_and_no_armour) {
  const std::string line(75, 'x');
  const std::string part = "Content-Type: text/plain\r\n\r\n" + line + "--b--\r\n";
  const std::string mixed =
      "MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n" + part + "--b--\r\n";
  const Result2 out = with_footer(mixed, kFrench);
  BOOST_TEST((out.outcome == FooterOutcome::kAppended));
  const auto parts = split_multipart(out.body, "b");
  BOOST_REQUIRE(parts.has_value());
  const PartRange only = parts->parts.front();
  BOOST_TEST(
      (out.body.substr(only.begin, only.end - only.begin).find("d=C3=A9sabonner") != std::string::npos));
  BOOST_TEST((with_footer(out.header + out.body, kFrench).outcome == FooterOutcome::kAlreadyThere));
  const Result2 armour = with_footer("A: b\r\n\r\n" + line + "-----BEGIN PGP MESSAGE-----\r\n", kFrench);
  BOOST_TEST((armour.outcome == FooterOutcome::kAppended));
  BOOST_TEST((with_footer(armour.header + armour.body, kFrench).outcome == FooterOutcome::kAlreadyThere));
}

BOOST_AUTO_TEST_CASE(words_that_begin_or_end_with_blanks_are_known_again) {
  for (const char* type : {"text/plain", "text/plain; format=flowed"})
    for (const char* words : {"  > words\n", "words \n", "From words\n\tx\t\n"})
      for (const FooterPlace place : {FooterPlace::kFooter, FooterPlace::kHeader}) {
        const Footer footer{.text = words, .place = place};
        const std::string body = " > text\r\n";
        Result<HeaderBlock> header =
            HeaderBlock::parse(std::string("Content-Type: ") + type + "\r\n\r\n" + body);
        const FooterResult once = add_footer(&header.value(), body, footer);
        BOOST_TEST((once.outcome == FooterOutcome::kAppended), words);
        BOOST_TEST((add_footer(&header.value(), once.body, footer).outcome == FooterOutcome::kAlreadyThere),
                   words);
      }
}

// Charsets whose octets only look like line ends, or whose letters are none of ASCII's.
BOOST_AUTO_TEST_CASE(text_that_is_not_over_ascii_gets_the_words_in_a_line_of_their_own) {
  const std::pair<std::string, std::string> rows[] = {{"utf-16le", std::string("A\0\r\n", 4)},
                                                      {"cp500", "\xc8\x85\x93\x93\x96"}};
  const std::string expected[] = {"A\u0a0d", "Hello"};
  for (std::size_t i = 0; i < 2; ++i) {
    const Result2 out =
        with_footer("MIME-Version: 1.0\r\nContent-Type: text/plain; charset=" + rows[i].first +
                        "\r\nContent-Transfer-Encoding: 8bit\r\n\r\n" + rows[i].second,
                    kAscii);
    BOOST_TEST((out.outcome == FooterOutcome::kAppended));
    BOOST_TEST(charset_of(out) == "UTF-8");
    BOOST_TEST(text_of(out) == expected[i] + "\r\n-- \r\nhttps://lists.example/dev\r\n");
    BOOST_TEST((with_footer(out.header + out.body, kAscii).outcome == FooterOutcome::kAlreadyThere));
  }
}

// Nobody knows what their readers see, but a part beside it they can read.
BOOST_AUTO_TEST_CASE(text_that_is_not_in_its_encoding_is_wrapped_byte_for_byte) {
  const struct {
    const char* fields;
    const char* body;
  } rows[] = {
      {"Content-Transfer-Encoding: base64\n", "!!!\n"},
      {"Content-Transfer-Encoding: base64\n", "AAAA=A\n"},
      {"Content-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: quoted-printable\n",
       "caf=C3=A9 a=ZZ b\n"},
      {"Content-Transfer-Encoding: x-uuencode\n", "begin\n"},
      {"Content-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: utf-8\n", "caf\xc3\xa9\n"},
      {"Content-Type: application/pdf\nContent-Transfer-Encoding: base64\n", "JVBE=RI\n"},
  };
  for (const auto& row : rows) {
    for (const FooterStyle style : {FooterStyle::kText, FooterStyle::kMime}) {
      const std::string text = crlf(std::string(row.fields) + "\n" + row.body);
      Result<HeaderBlock> header = HeaderBlock::parse(text);
      const FooterResult out =
          add_footer(&header.value(), body_of(text), Footer{.text = kAscii, .style = style});
      BOOST_TEST((out.outcome == FooterOutcome::kWrapped), row.body);
      const ContentType type = content_type_of(*header);
      BOOST_TEST(type.is("multipart", "mixed"));
      const auto parts = split_multipart(out.body, type.parameter("boundary"));
      BOOST_REQUIRE(parts.has_value());
      BOOST_REQUIRE(parts->parts.size() == 2U);
      const PartRange first = parts->parts[0];
      BOOST_TEST(out.body.substr(first.begin, first.end - first.begin) == text);
      const FooterResult again =
          add_footer(&header.value(), out.body, Footer{.text = kAscii, .style = style});
      BOOST_TEST((again.outcome == FooterOutcome::kAlreadyThere), row.body);
    }
  }
  // Armour in what says that it is base64 and is not.
  BOOST_TEST((with_footer(crlf("Content-Transfer-Encoding: base64\n\n-----BEGIN PGP MESSAGE-----\n"), kAscii)
                  .outcome == FooterOutcome::kProtected));
}

BOOST_AUTO_TEST_SUITE_END()
