// SMTPUTF8 (RFC 6531), DSN (RFC 3461), LIMITS (RFC 9422), and what the guard says in between.
#include <boost/test/unit_test.hpp>

#include "smtpd/session/received.h"
#include "tests/smtpd/session/session_runner.h"

using namespace essaim;
using namespace essaim::test;

namespace {

Setup with(smtpd::SessionExtensions extensions) {
  Setup setup;
  setup.settings.extensions = extensions;
  return setup;
}

const Setup kUtf8 = with({.chunking = false, .limits = false, .smtputf8 = true, .dsn = false});
const Setup kDsn = with({.chunking = false, .limits = false, .smtputf8 = false, .dsn = true});

}  // namespace

BOOST_AUTO_TEST_SUITE(extensions)

BOOST_AUTO_TEST_CASE(all_are_announced_in_their_order) {
  Setup setup = with({.chunking = true, .limits = true, .smtputf8 = true, .dsn = true});
  setup.tls = true;
  setup.settings.limits.max_recipients = 5'000'000;
  setup.settings.limits.max_rcpt_commands = 6'000'000;
  setup.settings.limits.max_transactions = 20;
  run_transcript(setup, R"(
    S: 220
    C: EHLO x
    S: 250-mx.test
    S: 250-PIPELINING
    S: 250-SIZE 25000000
    S: 250-8BITMIME
    S: 250-SMTPUTF8
    S: 250-CHUNKING
    S: 250-DSN
    S: 250-LIMITS MAILMAX=20 RCPTMAX=999999
    S: 250-ENHANCEDSTATUSCODES
    S: 250 STARTTLS
    C: HELP
    S: 214-2.0.0 Commands: EHLO HELO MAIL RCPT DATA BDAT RSET NOOP QUIT VRFY HELP STARTTLS
    S: 214 2.0.0
  )");
}

BOOST_AUTO_TEST_CASE(requiretls_is_offered_and_taken_under_tls_only) {
  Setup setup = with({.chunking = false, .limits = false, .require_tls = true});
  setup.tls = true;
  run_transcript(setup, R"(
    S: 220
    C: EHLO x
    S: 250-mx.test
    S: 250-PIPELINING
    S: 250-SIZE 25000000
    S: 250-8BITMIME
    S: 250-ENHANCEDSTATUSCODES
    S: 250 STARTTLS
    C: MAIL FROM:<a@b> REQUIRETLS
    S: 555 5.5.4
    C: STARTTLS
    S: 220 2.0.0
    * tls
    C: EHLO x
    S: 250-mx.test
    S: 250-PIPELINING
    S: 250-SIZE 25000000
    S: 250-8BITMIME
    S: 250-REQUIRETLS
    S: 250 ENHANCEDSTATUSCODES
    C: MAIL FROM:<a@b> REQUIRETLS=1
    S: 501 5.5.4
    C: MAIL FROM:<a@b> REQUIRETLS
    S: 250
    C: RCPT TO:<c@d>
    S: 250
    C: DATA
    S: 354
    C: x
    C: .
    S: 250 2.0.0
    C: MAIL FROM:<a@b>
    S: 250
    C: RCPT TO:<c@d>
    S: 250
    C: DATA
    S: 354
    C: x
    C: .
    S: 250 2.0.0
  )",
                 [](const FakeActions& actions, const smtpd::ServerSession&) {
                   BOOST_REQUIRE(actions.stored.size() == 2u);
                   BOOST_TEST(actions.stored[0].transaction.require_tls);
                   BOOST_TEST(!actions.stored[1].transaction.require_tls);
                 });
}

BOOST_AUTO_TEST_CASE(requiretls_is_offered_to_ourselves_in_clear) {
  Setup setup = with({.chunking = false, .limits = false, .require_tls = true});
  setup.role = smtpd::ListenerRole::kOurselves;
  run_transcript(setup, R"(
    S: 220
    C: EHLO x
    S: 250-mx.test
    S: 250-PIPELINING
    S: 250-SIZE 25000000
    S: 250-8BITMIME
    S: 250-REQUIRETLS
    S: 250 ENHANCEDSTATUSCODES
    C: MAIL FROM:<a@b> REQUIRETLS
    S: 250
    C: RCPT TO:<c@d>
    S: 250
    C: DATA
    S: 354
    C: x
    C: .
    S: 250 2.0.0
  )",
                 [](const FakeActions& actions, const smtpd::ServerSession&) {
                   BOOST_REQUIRE(actions.stored.size() == 1u);
                   BOOST_TEST(actions.stored[0].transaction.require_tls);
                 });
}

BOOST_AUTO_TEST_CASE(utf8_addresses_are_taken_where_mail_said_so) {
  run_transcript(
      kUtf8, R"(
    S: 220
    C: HELO x
    S: 250
    C: MAIL FROM:<\xc3\xbc@b\xc3\xbccher.example> SMTPUTF8 BODY=8BITMIME
    S: 250 2.1.0
    C: RCPT TO:<\xe5\x88\x97@B\xc3\x9cCHER.example>
    S: 250 2.1.5
    C: RCPT TO:<dev@xn--bcher-kva.example>
    S: 250 2.1.5
    C: RCPT TO:<dev@b\xc3\xbccher.example>
    S: 250 2.1.5 Recipient OK, named before
    C: DATA
    S: 354
    C: Subject: \xc3\xbc
    C: .
    S: 250 2.0.0
  )",
      [](const FakeActions& actions, const smtpd::ServerSession&) {
        BOOST_REQUIRE(actions.stored.size() == 1U);
        const Stored& stored = actions.stored[0];
        BOOST_TEST(stored.transaction.smtputf8);
        BOOST_TEST(stored.reverse_path == "\xc3\xbc@xn--bcher-kva.example");
        BOOST_TEST(stored.recipients == (std::vector<std::string>{"\xe5\x88\x97@xn--bcher-kva.example",
                                                                  "dev@xn--bcher-kva.example"}));
        BOOST_TEST(stored.content == "Subject: \xc3\xbc\r\n");
      });
}

BOOST_AUTO_TEST_CASE(utf8_addresses_are_a_553_without_it) {
  run_transcript(
      kUtf8, R"(
    S: 220
    C: HELO x
    S: 250
    C: MAIL FROM:<\xc3\xbc@b>
    S: 553 5.6.7
    C: MAIL FROM:<a@\xc3\xbc.b>
    S: 553 5.6.7
    C: MAIL FROM:<\xff@b> SMTPUTF8
    S: 501 5.5.2
    C: MAIL FROM:<a\0\xc3\xbc@b> SMTPUTF8
    S: 501 5.5.2
    C: MAIL FROM:<a@b> SMTPUTF8=YES
    S: 501 5.5.4
    C: MAIL FROM:<a@b>
    S: 250
    C: RCPT TO:<\xc3\xbc@d>
    S: 553 5.6.7
    C: RCPT TO:<a@\xc3\xbc.d>
    S: 553 5.6.7
    C: VRFY \xc3\xbc
    S: 501 5.5.2
    C: VRFY a SMTPUTF8
    S: 252
    C: VRFY \xc3\xbc SMTPUTF8
    S: 252
    C: VRFY \xff SMTPUTF8
    S: 501 5.5.2
    C: EHLO b\xc3\xbccher.example
    S: 501 5.5.2
  )",
      [](const FakeActions& actions, const smtpd::ServerSession&) { BOOST_TEST(actions.asked.empty()); });
  run_transcript({}, R"(
    S: 220
    C: HELO x
    S: 250
    C: MAIL FROM:<a@b> SMTPUTF8
    S: 555 5.5.4
    C: MAIL FROM:<\xc3\xbc@b> SMTPUTF8
    S: 553 5.6.7
  )");
}

BOOST_AUTO_TEST_CASE(utf8_in_the_header_is_taken_without_the_parameter) {
  run_transcript({}, R"(
    S: 220
    C: HELO x
    S: 250
    C: MAIL FROM:<a@b>
    S: 250
    C: RCPT TO:<c@d>
    S: 250
    C: DATA
    S: 354
    C: From: \xc3\xbc <a@b>
    C: .
    S: 250
  )",
                 [](const FakeActions& actions, const smtpd::ServerSession&) {
                   BOOST_TEST(actions.stored.at(0).content == "From: \xc3\xbc <a@b>\r\n");
                   BOOST_TEST(!actions.stored[0].transaction.smtputf8);
                 });
}

BOOST_AUTO_TEST_CASE(the_received_header_names_the_protocol) {
  smtpd::IncomingMessage message;
  message.transaction.smtputf8 = true;
  message.transaction.client.esmtp = true;
  BOOST_TEST(smtpd::make_received_header(message, "mx").find(" with UTF8SMTP id ") != std::string::npos);
  message.transaction.client.tls = true;
  BOOST_TEST(smtpd::make_received_header(message, "mx").find(" with UTF8SMTPS id ") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(what_is_asked_of_reports_reaches_the_intake) {
  run_transcript(
      kDsn, R"(
    S: 220
    C: HELO x
    S: 250
    C: MAIL FROM:<a@b> RET=HDRS ENVID=QQ+2B1
    S: 250
    C: RCPT TO:<c@d> NOTIFY=SUCCESS,FAILURE ORCPT=rfc822;C@d
    S: 250
    C: RCPT TO:<e@f> NOTIFY=SOMETIMES
    S: 501 5.5.4
    C: RCPT TO:<e@f> ORCPT=rfc822;+0D+0A
    S: 501 5.5.4
    C: RCPT TO:<e@f> NOTIFY=NEVER
    S: 250
    C: RCPT TO:<g@h>
    S: 250
    C: RCPT TO:<i@j> SIZE=1
    S: 555 5.5.4
    C: DATA
    S: 354
    C: .
    S: 250
  )",
      [](const FakeActions& actions, const smtpd::ServerSession&) {
        BOOST_REQUIRE(actions.stored.size() == 1U);
        const Stored& stored = actions.stored[0];
        BOOST_TEST((stored.transaction.dsn == smtp::DsnMailParameters{smtp::DsnReturn::kHeaders, "QQ+1"}));
        BOOST_REQUIRE(stored.dsn.size() == 3U);
        BOOST_TEST((stored.dsn[0] == smtp::DsnRcptParameters{true, true, true, false, "rfc822", "C@d"}));
        BOOST_TEST((stored.dsn[1] == smtp::DsnRcptParameters{true, false, false, false, "", ""}));
        BOOST_TEST((stored.dsn[2] == smtp::DsnRcptParameters{}));
      });
  run_transcript(kDsn,
                 "S: 220\nC: HELO x\nS: 250\nC: MAIL FROM:<a@b> ENVID=+0D+0A\nS: 501 5.5.4\n"
                 "C: MAIL FROM:<a@b> RET=ALL\nS: 501 5.5.4\n");
}

BOOST_AUTO_TEST_CASE(the_guard_may_refuse_mail_and_recipients) {
  Setup setup;
  setup.no_recipient = smtp::reply(450, "4.7.1", "Too many recipients");
  run_transcript(
      setup,
      "S: 220\nC: HELO x\nS: 250\nC: MAIL FROM:<a@b>\nS: 250\nC: RCPT TO:<c@d>\nS: 450 4.7.1\n* open\n",
      [](const FakeActions& actions, const smtpd::ServerSession&) {
        BOOST_TEST(actions.asked.empty());
        BOOST_TEST(actions.rejected == std::vector<std::string>{"RCPT 450"});
      });
  setup.no_mail = smtp::reply(421, "4.7.0", "Too many messages");
  run_transcript(setup, "S: 220\nC: HELO x\nS: 250\nC: MAIL FROM:<a@b>\nS: 421 4.7.0\n* closed\n");
}

BOOST_AUTO_TEST_SUITE_END()
