// BAD-INPUT rows 2, 11 and 18: nothing crashes, hangs or grows, whatever a message looks like.
#include <boost/test/unit_test.hpp>

#include "core/base/random.h"
#include "core/mail/address_list.h"
#include "core/mail/content_type.h"
#include "core/mail/downgrade.h"
#include "core/mail/dsn.h"
#include "core/mail/encoded_word.h"
#include "core/mail/loop.h"
#include "core/mail/message_id.h"
#include "core/mail/mime_footer.h"
#include "core/mail/plain_report.h"
#include "core/mail/subject.h"
#include "tests/core/mail/messages.h"
#include "tests/support/linear.h"

using namespace essaim;
using namespace essaim::mail;

namespace {

// Everything that is done to an incoming message. What must always hold is checked here.
void treat(const std::string& text) {
  parse_dsn(text);
  parse_plain_report(text);
  Result<HeaderBlock> header = HeaderBlock::parse(text);
  if (!header) return;
  const std::string_view body = std::string_view(text).substr(header->body_offset());
  std::string fields;
  for (const HeaderField& field : header->fields()) fields += field.raw();
  // Untouched fields are the bytes of the message, but for a last line end.
  BOOST_REQUIRE(fields.substr(0, fields.size() < 2 ? 0 : fields.size() - 2) ==
                text.substr(0, fields.size() < 2 ? 0 : fields.size() - 2));
  loop_marks(*header);
  message_id_of(*header);
  for (const HeaderField& field : header->fields()) decode_encoded_words(field.raw_value());
  if (const HeaderField* subject = header->find("Subject")) {
    const std::string once = tagged_subject(subject->raw_value(), "[t]");
    BOOST_REQUIRE(tagged_subject(once, "[t]") == once);
  }
  const Downgraded ascii = downgraded_to_7bit(text);
  if (ascii.outcome == Downgraded::Outcome::kDone) {
    BOOST_REQUIRE(downgraded_to_7bit(ascii.message).outcome == Downgraded::Outcome::kNotNeeded);
    BOOST_REQUIRE(HeaderBlock::parse(ascii.message).ok());
  }
  if (const auto shorter = with_short_lines(text)) BOOST_REQUIRE(HeaderBlock::parse(*shorter).ok());
  for (const FooterPlace place : {FooterPlace::kFooter, FooterPlace::kHeader}) {
    const Footer both{.text = "words \xc3\xa9\n", .html = "<p>words \xc3\xa9</p>", .place = place};
    HeaderBlock copy = *header;
    const FooterResult once = add_footer(&copy, body, both);
    if (!once.changed()) continue;
    const std::string whole = copy.joined_with(once.body);
    Result<HeaderBlock> again = HeaderBlock::parse(whole);
    BOOST_REQUIRE(again.ok());
    BOOST_REQUIRE(
        add_footer(&again.value(), std::string_view(whole).substr(again->body_offset()), both).outcome ==
        FooterOutcome::kAlreadyThere);
  }
  const FooterResult result = add_footer(&header.value(), body, {.text = "footer \xc3\xa9\n"});
  if (result.changed()) {
    // What we made has the same header again when it is read, and the footer is there.
    const std::string whole = header->joined_with(result.body);
    Result<HeaderBlock> again = HeaderBlock::parse(whole);
    BOOST_REQUIRE(again.ok());
    BOOST_REQUIRE(again->serialise() == header->serialise());
    BOOST_REQUIRE(add_footer(&again.value(), std::string_view(whole).substr(again->body_offset()),
                             {.text = "footer \xc3\xa9\n"})
                      .outcome == FooterOutcome::kAlreadyThere);
  }
}

std::string repeated(const std::string& piece, std::size_t n) {
  std::string out;
  out.reserve(piece.size() * n);
  for (std::size_t i = 0; i < n; ++i) out += piece;
  return out;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(hostile)

BOOST_AUTO_TEST_CASE(every_message_cut_anywhere_is_treated) {
  for (const std::string& name : all_message_names()) {
    const std::string text = message(name);
    const std::size_t step = text.size() > 5000 ? 97 : 1;
    for (std::size_t end = 0; end <= text.size(); end += step) {
      BOOST_TEST_CONTEXT(name << " cut at " << end) treat(text.substr(0, end));
    }
  }
}

BOOST_AUTO_TEST_CASE(every_message_with_bytes_changed_is_treated) {
  constexpr std::string_view kBytes =
      "\r\n\t :;,<>()[]@\"\\=?-%\0\x80\xff"
      "Aa0";
  for (const std::string& name : all_message_names()) {
    for (int round = 0; round < 60; ++round) {
      std::string text = message(name);
      if (text.empty()) continue;
      for (std::uint64_t n = random_u64() % 6 + 1; n > 0; --n) {
        const std::size_t at = random_u64() % text.size();
        switch (random_u64() % 3) {
          case 0:
            text[at] = kBytes[random_u64() % kBytes.size()];
            break;
          case 1:
            text.insert(at, 1, kBytes[random_u64() % kBytes.size()]);
            break;
          default:
            text.erase(at, random_u64() % 20);
            if (text.empty()) text = "x";
        }
      }
      BOOST_TEST_CONTEXT(name << ": " << text) treat(text);
    }
  }
}

// Each row is what a parser would like to look at again and again.
BOOST_AUTO_TEST_CASE(large_input_takes_linear_time) {
  struct Row {
    const char* what;
    std::size_t n;
    std::string (*make)(std::size_t n);
  };
  const Row rows[] = {
      {"9,000 parts", 9'000,
       [](std::size_t n) {
         return "Content-Type: multipart/mixed; boundary=b\r\n\r\n" + repeated("--b\r\n\r\nx\r\n", n) +
                "--b--\r\n";
       }},
      {"100,000 parts, more than are looked at", 100'000,
       [](std::size_t n) {
         return "Content-Type: multipart/mixed; boundary=b\r\n\r\n" + repeated("--b\r\n\r\nx\r\n", n) +
                "--b--\r\n";
       }},
      {"depth 10,000", 10'000,
       [](std::size_t n) {
         return "Content-Type: multipart/mixed; boundary=b\r\n\r\n" +
                repeated("--b\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n", n);
       }},
      {"a million boundary prefixes", 1'000'000,
       [](std::size_t n) {
         return "Content-Type: multipart/mixed; boundary=b\r\n\r\n" + repeated("--bx\r\n", n);
       }},
      {"4 MB without line ends", 4'000'000,
       [](std::size_t n) { return "A: b\r\n\r\n" + std::string(n, 'x'); }},
      {"4 MB of line ends", 2'000'000, [](std::size_t n) { return "A: b\r\n\r\n" + repeated("\r\n", n); }},
      {"300,000 PGP beginnings", 300'000,
       [](std::size_t n) { return "A: b\r\n\r\n" + repeated("-----BEGIN PGP ", n); }},
      {"200 KB of encoded word beginnings", 40'000,
       [](std::size_t n) { return "Subject: " + repeated("=?a?q?", n) + "\r\n\r\n"; }},
      {"200 KB of comments", 200'000, [](std::size_t n) { return "From: " + repeated("(", n) + "\r\n\r\n"; }},
      {"200 KB of brackets", 200'000, [](std::size_t n) { return "From: " + repeated("<", n) + "\r\n\r\n"; }},
      {"200 KB of quotes", 100'000, [](std::size_t n) { return "From: " + repeated("\"a", n) + "\r\n\r\n"; }},
      {"200 KB of reply prefixes", 25'000,
       [](std::size_t n) { return "Subject: " + repeated("Re: [t] ", n) + "\r\n\r\n"; }},
      {"a report of 200,000 lines that are no fields", 200'000,
       [](std::size_t n) {
         return "Content-Type: multipart/report; boundary=b\r\n\r\n--b\r\nContent-Type: "
                "message/delivery-status\r\n\r\n" +
                repeated("no field\r\n", n) + "--b--\r\n";
       }},
      {"a report of 200,000 empty groups", 200'000,
       [](std::size_t n) {
         return "Content-Type: multipart/report; boundary=b\r\n\r\n--b\r\nContent-Type: "
                "message/delivery-status\r\n\r\n" +
                repeated("A: b\r\n\r\n", n) + "--b--\r\n";
       }},
      {"a report on 60,000 recipients without names, in as many empty lines", 60'000,
       [](std::size_t n) {
         return "X-Failed-Recipients: " + std::string(n, ',') + "\r\n\r\n" + repeated("\r\n", n);
       }},
      {"depth 10,000 of alternatives", 10'000,
       [](std::size_t n) {
         return repeated("Content-Type: multipart/alternative; boundary=b\r\n\r\n--b\r\n", n) +
                "\r\n\xc3\xa9\r\n--b--\r\n";
       }},
      {"depth 10,000 of messages", 10'000,
       [](std::size_t n) { return repeated("Content-Type: message/rfc822\r\n\r\n", n) + "\xc3\xa9\r\n"; }},
      {"5,000 parts in 8 bit", 5'000,
       [](std::size_t n) {
         return "Content-Type: multipart/alternative; boundary=b\r\n\r\n" +
                repeated("--b\r\nContent-Type: text/html\r\n\r\n\xc3\xa9</body\r\n", n) + "--b--\r\n";
       }},
      {"a million ends of a body", 1'000'000,
       [](std::size_t n) { return "Content-Type: text/html\r\n\r\n" + repeated("</body", n); }},
      {"a million beginnings of a body", 1'000'000,
       [](std::size_t n) { return "Content-Type: text/html\r\n\r\n" + repeated("<body '", n); }},
      {"200 KB of names in 8 bit", 50'000,
       [](std::size_t n) { return "From: " + repeated("\"\xc3\xa9", n) + "\r\n\r\nx\r\n"; }},
      {"200 KB of comments in 8 bit", 50'000,
       [](std::size_t n) { return "From: " + repeated("(\xc3\xa9", n) + "\r\n\r\nx\r\n"; }},
      {"20,000 parameter segments", 20'000,
       [](std::size_t n) {
         return "Content-Type: text/plain; " + repeated("; a*1*=x", n) + "\r\n\r\nx\r\n";
       }},
  };
  for (const Row& row : rows) {
    BOOST_TEST_CONTEXT(row.what) test::check_linear(row.what, row.n, row.make, treat);
  }
}

BOOST_AUTO_TEST_CASE(half_a_million_addresses_cost_the_first_thousand) {
  const AddressList list = parse_address_list(repeated("a@b.example, ", 500'000));
  BOOST_TEST(list.mailboxes.size() == kMaxMailboxes);
  BOOST_TEST(list.truncated);
}

BOOST_AUTO_TEST_CASE(a_hundred_hops_are_counted) {
  const std::string text = repeated("Received: from a by b\r\n", 100) + "\r\n";
  BOOST_TEST(loop_marks(*HeaderBlock::parse(text)).received == 100U);
}

BOOST_AUTO_TEST_SUITE_END()
