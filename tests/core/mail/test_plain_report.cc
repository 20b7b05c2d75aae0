#include <boost/test/unit_test.hpp>

#include "core/mail/plain_report.h"
#include "tests/core/mail/messages.h"

using namespace essaim::mail;

BOOST_AUTO_TEST_SUITE(plain_report)

BOOST_AUTO_TEST_CASE(qmail_is_read_recipient_by_recipient) {
  const auto report = parse_plain_report(
      crlf("From: MAILER-DAEMON@mx.one.example\nTo: x\nSubject: failure notice\n\n"
           "Hi. This is the qmail-send program at mx.one.example.\n"
           "I'm afraid I wasn't able to deliver your message to the following addresses.\n"
           "This is a permanent error; I've given up. Sorry it didn't work out.\n\n"
           "<a@one.example>:\nSorry, no mailbox here by that name. (#5.1.1)\n\n"
           "<b@two.example>:\n192.0.2.1 does not like recipient.\nRemote host said: 550 5.7.1 no\n"
           "Giving up on 192.0.2.1.\n\n"
           "--- Below this line is a copy of the message.\n\n<c@three.example>:\nno report\n"));
  BOOST_REQUIRE(report.has_value());
  BOOST_REQUIRE(report->recipients.size() == 2U);
  const DsnRecipient& a = report->recipients[0];
  BOOST_TEST(a.final_recipient == "a@one.example");
  BOOST_TEST((a.action == DsnAction::kFailed));
  BOOST_TEST(a.status == "5.1.1");
  BOOST_TEST(a.diagnostic == "Sorry, no mailbox here by that name. (#5.1.1)");
  const DsnRecipient& b = report->recipients[1];
  BOOST_TEST(b.final_recipient == "b@two.example");
  BOOST_TEST(b.status == "");
  BOOST_TEST(b.diagnostic ==
             "192.0.2.1 does not like recipient. Remote host said: 550 5.7.1 no Giving up on 192.0.2.1.");
}

BOOST_AUTO_TEST_CASE(recipients_of_a_header_are_looked_for_in_the_text) {
  const std::string header = "From: x@y.example\nX-Failed-Recipients: a@one.example,\n B@two.example\n\n";
  auto report = parse_plain_report(
      crlf(header +
           "This message was created automatically.\n\nThe following addresses failed:\n\n"
           "  a@one.example\n    host mx: 550 no such user\n    here\n\n  b@two.example\n    full\n"));
  BOOST_REQUIRE(report.has_value());
  BOOST_REQUIRE(report->recipients.size() == 2U);
  BOOST_TEST(report->recipients[0].final_recipient == "a@one.example");
  BOOST_TEST(report->recipients[0].diagnostic == "host mx: 550 no such user here");
  BOOST_TEST(report->recipients[1].final_recipient == "B@two.example");
  BOOST_TEST(report->recipients[1].diagnostic == "full");
  report = parse_plain_report(crlf(header + "\nVotre message n'est pas arriv=C3=A9.\n"));
  BOOST_REQUIRE(report.has_value());
  BOOST_TEST(report->recipients[0].diagnostic == "Votre message n'est pas arriv=C3=A9.");
}

BOOST_AUTO_TEST_CASE(other_mail_is_none) {
  for (const char* text :
       {"\nI am away until Monday.\n", "\nHi. This is Ann.\n", "X-Failed-Recipients: ,\n\nx\n",
        "\nHi. This is the qmail-send program.\n\nNobody: failed\n", ""})
    BOOST_TEST(!parse_plain_report(crlf(std::string("From: x@y.example\n") + text)).has_value(), text);
  std::string many = "X-Failed-Recipients: a@b.example";
  for (int i = 0; i < 5000; ++i) many += ",\n a" + std::to_string(i) + "@b.example";
  BOOST_TEST(parse_plain_report(crlf(many + "\n\nfailed\n"))->recipients.size() == 1000U);
  BOOST_TEST(first_words(crlf("From: x@y.example\n\n\n  I am away \nuntil Monday\n")) == "I am away");
  BOOST_TEST(first_words(crlf("From: x@y.example\n\n" + std::string(5000, 'x'))).size() == 200U);
  BOOST_TEST(first_words(crlf("From: x@y.example\n\n")) == "");
}

BOOST_AUTO_TEST_SUITE_END()
