#include <algorithm>

#include <boost/test/unit_test.hpp>

#include "core/mailauth/sign.h"
#include "tests/core/mail/messages.h"
#include "tests/core/mailauth/signed_mail.h"

using namespace essaim;
using namespace essaim::mailauth;
using mail::crlf;

namespace {

const std::string kPost = crlf(R"(Received: from a by b; Fri, 11 Jul 2003 21:01:54 -0700
From: Joe <joe@example.com>
To: dev@lists.example.org
Subject: [dev] Is dinner ready?
Date: Fri, 11 Jul 2003 21:00:37 -0700
Message-ID: <1@example.com>
List-Id: <dev.lists.example.org>
List-Post: <mailto:dev@lists.example.org>

Hi.
)");
const std::string kOwn =
    "List-Unsubscribe: <mailto:leave+token@lists.example.org>,\r\n\t<https://lists.example.org/u/token>\r\n"
    "List-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n";

void check_passes(const std::string& message, Answers& answers, std::size_t signatures) {
  const auto results = verify(message, answers);
  BOOST_TEST(results.size() == signatures);
  for (const auto& result : results) {
    BOOST_TEST(to_string(result.status) == "pass");
    BOOST_TEST(result.reason == "");
    BOOST_TEST(!result.partial);
  }
}

}  // namespace

BOOST_AUTO_TEST_SUITE(sign)

BOOST_AUTO_TEST_CASE(what_we_sign_verifies_with_both_kinds_of_key) {
  Answers answers;
  check_passes(signed_message(kPost, {rsa_key(), ed25519_key()}, &answers, kOwn), answers, 2);
}

BOOST_AUTO_TEST_CASE(from_is_oversigned_and_all_list_fields_are_covered) {
  Answers answers;
  const std::string message = signed_message(kPost, {ed25519_key()}, &answers, kOwn);
  const auto results = verify(message, answers);
  BOOST_REQUIRE(results.size() == 1u);
  const auto& names = results[0].signature.signed_fields;
  for (const std::string name : {"list-id", "list-post", "list-unsubscribe", "list-unsubscribe-post",
                                 "subject", "date", "to", "message-id"})
    BOOST_TEST(std::count(names.begin(), names.end(), name) == 1);
  BOOST_TEST(std::count(names.begin(), names.end(), "from") == 2);
  BOOST_TEST(std::count(names.begin(), names.end(), "received") == 0);
  BOOST_TEST(!results[0].signature.body_length.has_value());
  for (const std::string added : {"From: <eve@evil.example>\r\n"}) {
    Answers again = answers;
    BOOST_TEST(to_string(verify(added + message, again)[0].status) == "fail");
  }
  for (const std::string_view cut :
       {"List-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n", "List-Id: <dev.lists.example.org>\r\n"}) {
    std::string without = message;
    without.erase(without.find(cut), cut.size());
    BOOST_TEST(to_string(verify(without, answers)[0].status) == "fail");
  }
}

BOOST_AUTO_TEST_CASE(messages_of_all_shapes_verify_when_signed) {
  std::vector<std::string> messages;
  for (const std::string& name : mail::all_message_names()) messages.push_back(mail::message(name));
  messages.push_back("From: a@example.com\r\n\r\n");
  messages.push_back("From: a@example.com\r\n");
  messages.push_back("From: a@example.com\r\n\r\nno line end");
  messages.push_back("From: a@example.com\r\n\r\n\r\n\r\n\r\n");
  messages.push_back(
      "fROM: a@example.com\r\nsubJECT : \tx\r\nSubject: y\r\nSubject: z\r\nTo:\r\n\r\n\tx \t y\t\r\n");
  messages.push_back("From: a@example.com\r\nSubject: " + std::string(900, 'w') + "\r\n " +
                     std::string(900, 'v') + "\r\n\r\ngr\xfc\xdf\r\n");
  std::string many = "From: a@example.com\r\n";
  for (int i = 0; i < 300; ++i) many += "References: <" + std::to_string(i) + "@example.com>\r\n";
  messages.push_back(many + "\r\n" + std::string(3'000'000, 'x') + "\r\n" + std::string(100'000, ' ') +
                     "\r\n");
  for (const std::string& message : messages) {
    if (!mail::HeaderBlock::parse(message).ok() || message.find("DKIM-Signature:") != std::string::npos)
      continue;
    const auto header = mail::HeaderBlock::parse(message);
    const std::string rendering =
        header->joined_with(std::string_view(message).substr(header->body_offset()));
    Answers answers;
    BOOST_TEST_INFO(message.substr(0, 200));
    check_passes(signed_message(rendering, {ed25519_key()}, &answers, kOwn), answers, 1);
  }
}

BOOST_AUTO_TEST_CASE(lines_of_the_signature_stay_short) {
  Answers answers;
  std::string message = kPost;
  for (int i = 0; i < 100; ++i) message = "References: <" + std::to_string(i) + "@example.com>\r\n" + message;
  const std::string text = signed_message(message, {rsa_key()}, &answers);
  const std::string field = text.substr(0, text.find("References"));
  std::size_t begin = 0;
  for (std::size_t end; (end = field.find("\r\n", begin)) != std::string::npos; begin = end + 2)
    BOOST_TEST(end - begin <= 80u);
}

BOOST_AUTO_TEST_CASE(without_keys_there_is_no_signature) {
  Answers answers;
  BOOST_TEST(signed_message(kPost, {}, &answers) == kPost);
}

BOOST_AUTO_TEST_SUITE_END()
