#include <boost/test/unit_test.hpp>

#include "core/base/text.h"
#include "core/mail/content_type.h"
#include "core/mail/encoded_word.h"
#include "core/mail/header_block.h"
#include "core/mail/multipart.h"
#include "core/mail/notice.h"
#include "core/mail/transfer_encoding.h"
#include "tests/core/mail/messages.h"

using namespace essaim;
using namespace essaim::mail;

namespace {

Notice example() {
  Notice notice;
  notice.from_name = "Dev list";
  notice.from_address = "dev-owner@lists.example";
  notice.to_address = "alice@author.example";
  notice.subject = "Please confirm";
  notice.text = "Hello,\nreply to this message.\n";
  notice.date = from_millis(1'790'000'000'000);
  notice.message_id = "<1@lists.example>";
  return notice;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(notice)

BOOST_AUTO_TEST_CASE(ascii_stays_as_it_is) {
  Notice notice = example();
  notice.auto_submitted = AutoSubmitted::kReplied;
  notice.in_reply_to = "<0@author.example>";
  notice.reply_to = "dev-confirm@lists.example";
  notice.more_fields = {{"X-Reason", "test"}};
  BOOST_TEST(compose_notice(notice).value() == crlf(R"(From: Dev list <dev-owner@lists.example>
To: alice@author.example
Reply-To: dev-confirm@lists.example
Subject: Please confirm
Date: Mon, 21 Sep 2026 14:13:20 +0000
Message-ID: <1@lists.example>
In-Reply-To: <0@author.example>
References: <0@author.example>
Auto-Submitted: auto-replied
X-Reason: test
MIME-Version: 1.0
Content-Type: text/plain; charset=us-ascii
Content-Transfer-Encoding: 7bit

Hello,
reply to this message.
)"));
}

BOOST_AUTO_TEST_CASE(an_id_that_cannot_be_written_is_left_out) {
  for (const std::string& id : {"<" + std::string(997, 'x') + ">", std::string("<\xc3\xa9@x>"),
                                std::string("<a\r\nTo: b@x>"), std::string("<a\tb@x>")}) {
    Notice notice = example();
    notice.in_reply_to = id;
    const auto composed = compose_notice(notice);
    BOOST_REQUIRE_MESSAGE(composed.ok(), id);
    BOOST_TEST(composed->find("In-Reply-To") == std::string::npos);
    BOOST_TEST(composed->find("References") == std::string::npos);
  }
}

BOOST_AUTO_TEST_CASE(everything_else_is_encoded) {
  Notice notice = example();
  notice.to_name = "H\xc3\xa9l\xc3\xa8ne, D.";
  notice.subject =
      "Confirmez votre d\xc3\xa9sabonnement " + std::string(100, 'x') + " \xe4\xbc\x9a\xe8\xad\xb0";
  notice.text = "\xc3\x80 bient\xc3\xb4t\r\n.\nFrom here\ntrailing \n" + std::string(3000, 'l');
  const std::string text = compose_notice(notice).value();
  BOOST_TEST(is_ascii(text));
  for (std::string_view line : split(text, '\n')) BOOST_TEST(line.size() <= 79U);
  const Result<HeaderBlock> header = HeaderBlock::parse(text);
  BOOST_REQUIRE(header.ok());
  BOOST_TEST(decode_encoded_words(header->value("Subject").value()) == notice.subject);
  BOOST_TEST(decode_encoded_words(header->value("To").value()) == notice.to_name + " <alice@author.example>");
  BOOST_TEST(header->value("Content-Type").value() == "text/plain; charset=UTF-8");
  BOOST_TEST(header->value("Auto-Submitted").value() == "auto-generated");
  BOOST_TEST(decoded_quoted_printable(text.substr(header->body_offset())).value() ==
             "\xc3\x80 bient\xc3\xb4t\r\n.\r\nFrom here\r\ntrailing \r\n" + std::string(3000, 'l') + "\r\n");
}

// Who knows the delimiter of a notice in advance could end the message that it has with it, and go on in the server's name.
BOOST_AUTO_TEST_CASE(nobody_knows_where_its_parts_begin) {
  Notice notice = example();
  std::string attachment = "Subject: held\r\n\r\nhello\r\n", boundary;
  for (int i = 0; i < 2; ++i) {
    notice.attachment = attachment;
    const std::string text = compose_notice(notice).value();
    const auto header = HeaderBlock::parse(text);
    BOOST_REQUIRE(header.ok());
    const auto parts = split_multipart(std::string_view(text).substr(header->body_offset()),
                                       content_type_of(*header).parameter("boundary"));
    BOOST_REQUIRE(parts.has_value());
    BOOST_TEST(parts->parts.size() == 2U);
    BOOST_TEST(content_type_of(*header).parameter("boundary") != boundary);
    boundary = content_type_of(*header).parameter("boundary");
    attachment += "--" + boundary + "\r\n\r\nnow decide\r\n--" + boundary + "--\r\n";
  }
}

BOOST_AUTO_TEST_CASE(line_ends_in_values_and_missing_addresses_are_refused) {
  for (std::string Notice::*field : {&Notice::subject, &Notice::to_name, &Notice::to_address,
                                     &Notice::from_address, &Notice::message_id, &Notice::reply_to}) {
    Notice notice = example();
    notice.*field = "x\r\nBcc: victim@other.example";
    BOOST_TEST(!compose_notice(notice).ok());
  }
  for (std::string Notice::*field : {&Notice::to_address, &Notice::from_address, &Notice::message_id}) {
    Notice notice = example();
    (notice.*field).clear();
    BOOST_TEST(!compose_notice(notice).ok());
  }
}

BOOST_AUTO_TEST_SUITE_END()
