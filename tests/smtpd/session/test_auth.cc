// AUTH (RFC 4954) in the dialogue of a listener for submission.
#include <boost/test/unit_test.hpp>

#include "core/base/encoding.h"
#include "tests/smtpd/session/session_runner.h"

using namespace essaim;
using namespace essaim::test;

namespace {

Setup submission() {
  Setup setup;
  setup.tls = true;
  setup.settings.login.required = true;
  setup.settings.login.mechanisms = {sasl::Mechanism::kScramSha256Plus, sasl::Mechanism::kScramSha256,
                                     sasl::Mechanism::kExternal, sasl::Mechanism::kPlain,
                                     sasl::Mechanism::kLogin};
  setup.passwords = {{"ann@a.test", "secret"}};
  return setup;
}

// \0ann@a.test\0secret, and with "wrong", and of "trouble".
const std::string kGood = "AGFubkBhLnRlc3QAc2VjcmV0",
                  kWrong = "AGFubkBhLnRlc3QAd3Jvbmc=", kTrouble = "AHRyb3VibGUAeA==";

const std::string kUnderTls = R"(
S: 220 mx.test
C: EHLO c.test
S: 250-mx.test
S: 250-PIPELINING
S: 250-SIZE
S: 250-8BITMIME
S: 250-ENHANCEDSTATUSCODES
S: 250 STARTTLS
C: STARTTLS
S: 220 2.0.0
* tls
C: EHLO c.test
S: 250-mx.test
S: 250-PIPELINING
S: 250-SIZE
S: 250-8BITMIME
S: 250-ENHANCEDSTATUSCODES
S: 250 AUTH SCRAM-SHA-256-PLUS SCRAM-SHA-256 PLAIN LOGIN
)";

void run_under_tls(const Setup& setup, const std::string& rest, const Check& check = nullptr) {
  run_transcript(setup, kUnderTls + rest, check);
}

}  // namespace

BOOST_AUTO_TEST_SUITE(auth)

BOOST_AUTO_TEST_CASE(takes_mail_from_who_has_logged_in) {
  run_under_tls(submission(), "C: AUTH PLAIN " + kGood + R"(
S: 235 2.7.0
C: MAIL FROM:<ann@a.test> AUTH=<>
S: 250 2.1.0
C: RCPT TO:<l@lists.test>
S: 250 2.1.5
C: DATA
S: 354
C: Subject: x
C:
C: .
S: 250 2.0.0
C: QUIT
S: 221
* closed
)",
                [](const FakeActions& actions, const smtpd::ServerSession& session) {
                  BOOST_REQUIRE(actions.stored.size() == 1U);
                  BOOST_REQUIRE(actions.stored[0].transaction.client.login != nullptr);
                  BOOST_TEST(actions.stored[0].transaction.client.login->account == "ann@a.test");
                  BOOST_TEST(session.client().login->mechanism == "PLAIN");
                });
}

// What is under way then is finished.
BOOST_AUTO_TEST_CASE(a_login_is_good_for_an_hour) {
  run_under_tls(submission(), "C: AUTH PLAIN " + kGood + R"(
S: 235 2.7.0
* an hour later
C: MAIL FROM:<ann@a.test>
S: 250 2.1.0
* an hour later
C: RCPT TO:<l@lists.test>
S: 250 2.1.5
C: DATA
S: 354
C: Subject: x
C:
C: .
S: 250 2.0.0
C: MAIL FROM:<ann@a.test>
S: 421 4.7.0 You logged in long ago
* closed
)");
}

BOOST_AUTO_TEST_CASE(takes_no_mail_before) {
  run_transcript(submission(), R"(
S: 220 mx.test
C: HELO c.test
S: 250 mx.test
C: MAIL FROM:<ann@a.test>
S: 530 5.7.0 Must issue a STARTTLS command first
C: RCPT TO:<l@lists.test>
S: 503 5.5.1
C: STARTTLS
S: 220 2.0.0
* tls
C: EHLO c.test
S: 250-mx.test
S: 250-PIPELINING
S: 250-SIZE
S: 250-8BITMIME
S: 250-ENHANCEDSTATUSCODES
S: 250 AUTH
C: MAIL FROM:<ann@a.test>
S: 530 5.7.0 Authentication required
)");
}

BOOST_AUTO_TEST_CASE(no_password_goes_in_clear) {
  run_transcript(submission(), R"(
S: 220 mx.test
C: EHLO c.test
S: 250-mx.test
S: 250-PIPELINING
S: 250-SIZE
S: 250-8BITMIME
S: 250-ENHANCEDSTATUSCODES
S: 250 STARTTLS
C: AUTH PLAIN )" + kGood + R"(
S: 538 5.7.11
C: AUTH LOGIN
S: 538 5.7.11
)",
                 [](const FakeActions& actions, const smtpd::ServerSession&) {
                   BOOST_TEST(actions.logins.empty());
                 });
}

BOOST_AUTO_TEST_CASE(is_not_there_on_other_listeners) {
  Setup setup;
  setup.tls = true;
  run_transcript(setup, R"(
S: 220 mx.test
C: EHLO c.test
S: 250-mx.test
S: 250-PIPELINING
S: 250-SIZE
S: 250-8BITMIME
S: 250-ENHANCEDSTATUSCODES
S: 250 STARTTLS
C: AUTH PLAIN )" + kGood + R"(
S: 502 5.5.1
C: MAIL FROM:<ann@a.test> AUTH=<>
S: 555 5.5.4
)");
}

BOOST_AUTO_TEST_CASE(each_message_of_the_client_may_stand_on_a_line_of_its_own) {
  run_under_tls(submission(), "C: AUTH plain\nS: 334 \nC: " + kGood + "\nS: 235 2.7.0\n");
  run_under_tls(submission(), R"(
C: AUTH LOGIN
S: 334 VXNlcm5hbWU6
C: YW5uQGEudGVzdA==
S: 334 UGFzc3dvcmQ6
C: c2VjcmV0
S: 235 2.7.0
)");
}

BOOST_AUTO_TEST_CASE(says_the_same_whatever_was_wrong_and_ends_after_three) {
  run_under_tls(submission(), "C: AUTH PLAIN " + kWrong + R"(
S: 535 5.7.8 Authentication credentials invalid
C: AUTH PLAIN AG5vYm9keQB4
S: 535 5.7.8 Authentication credentials invalid
C: NOOP
S: 250
C: AUTH PLAIN )" + kWrong + R"(
S: 535 5.7.8 Authentication credentials invalid
S: 421 4.7.0
* closed
)");
}

BOOST_AUTO_TEST_CASE(trouble_is_no_refusal) {
  run_under_tls(submission(),
                "C: AUTH PLAIN " + kTrouble + "\nS: 454 4.7.0\nC: AUTH PLAIN " + kGood + "\nS: 235\n");
}

BOOST_AUTO_TEST_CASE(an_answer_that_does_not_come_is_trouble) {
  Setup setup = submission();
  setup.silent_intake = true;
  run_under_tls(setup, "C: AUTH PLAIN " + kGood + "\n* timeout\nS: 454 4.7.0\nC: NOOP\nS: 250\n");
}

BOOST_AUTO_TEST_CASE(a_client_may_change_its_mind) {
  run_under_tls(submission(),
                "C: AUTH LOGIN\nS: 334 \nC: *\nS: 501 5.7.0\nC: AUTH PLAIN " + kGood + "\nS: 235\n");
}

// BAD-INPUT 9
BOOST_AUTO_TEST_CASE(base64_is_judged_strictly) {
  for (const std::string text :
       {"A", "AA", "AAA", "AAAAA", "AA=A", "A===", "====", "AGF1*===", "AAA\xc3\xa4", "="}) {
    const bool initial = text != "=";
    Setup setup = submission();
    run_under_tls(setup, "C: AUTH LOGIN\nS: 334 \nC: " + text + "\nS: 501 5.5.2\n");
    if (initial && text != "AAA\xc3\xa4") run_under_tls(setup, "C: AUTH PLAIN " + text + "\nS: 501 5.5.2\n");
  }
  // "=" is an empty initial response, which PLAIN cannot be.
  run_under_tls(submission(), "C: AUTH PLAIN =\nS: 501 5.5.2\n");
  run_under_tls(submission(), "C: AUTH LOGIN\nS: 334\nC:\nS: 501 5.5.2\n");
}

BOOST_AUTO_TEST_CASE(lines_have_an_end_somewhere) {
  const std::string long_token(12'284, 'A');
  // As long as RFC 4954 allows, and longer.
  run_under_tls(submission(), "C: AUTH PLAIN\nS: 334\nC: " + long_token + "\nS: 501 5.5.2\n");
  run_under_tls(submission(),
                "C: AUTH PLAIN\nS: 334\nC: " + long_token + long_token + "\nS: 500 5.5.6\nC: NOOP\nS: 250\n");
  run_under_tls(submission(), "C: NOOP " + std::string(3'000, 'A') + "\nS: 500 5.5.2\n");
}

// BAD-INPUT 15
BOOST_AUTO_TEST_CASE(has_its_place_in_the_dialogue) {
  run_under_tls(submission(), "C: AUTH PLAIN " + kGood + R"(
S: 235
C: AUTH PLAIN )" + kGood + R"(
S: 503 5.5.1
C: MAIL FROM:<ann@a.test>
S: 250
C: AUTH LOGIN
S: 503 5.5.1
C: RSET
S: 250
C: EHLO again.test
S: 250-mx.test
S: 250-PIPELINING
S: 250-SIZE
S: 250-8BITMIME
S: 250 ENHANCEDSTATUSCODES
C: MAIL FROM:<ann@a.test>
S: 250
)");
  run_under_tls(submission(), R"(
C: AUTH
S: 504 5.5.4
C: AUTH CRAM-MD5
S: 504 5.5.4
C: AUTH EXTERNAL =
S: 504 5.5.4
)");
}

BOOST_AUTO_TEST_CASE(needs_ehlo) {
  Setup setup = submission();
  setup.settings.login.implicit_tls = true;
  run_transcript(setup, "* tls\nS: 220\nC: HELO c.test\nS: 250\nC: AUTH LOGIN\nS: 503 5.5.1\n");
}

// BAD-INPUT 3; what stands behind STARTTLS in the same segment: test_early_talk.cc.
BOOST_AUTO_TEST_CASE(nothing_is_left_of_what_was_said_before_tls) {
  const std::string rest = R"(
S: 220 mx.test
C: EHLO c.test
S: 250-mx.test
S: 250-PIPELINING
S: 250-SIZE
S: 250-8BITMIME
S: 250-ENHANCEDSTATUSCODES
S: 250 STARTTLS
)";
  run_transcript(submission(), rest + R"(
C: STARTTLS
S: 220
* tls
C: AUTH PLAIN )" + kGood + R"(
S: 503 5.5.1
)");
}

BOOST_AUTO_TEST_CASE(implicit_tls_says_nothing_in_clear) {
  Setup setup = submission();
  setup.settings.login.implicit_tls = true;
  run_transcript(setup, R"(
* tls
S: 220 mx.test
C: EHLO c.test
S: 250-mx.test
S: 250-PIPELINING
S: 250-SIZE
S: 250-8BITMIME
S: 250-ENHANCEDSTATUSCODES
S: 250 AUTH SCRAM-SHA-256-PLUS SCRAM-SHA-256 PLAIN LOGIN
C: STARTTLS
S: 503 5.5.1
C: AUTH PLAIN )" + kGood + R"(
S: 235 2.7.0
)");
  run_transcript(setup, "* timeout\n* closed\n");
}

BOOST_AUTO_TEST_CASE(tls_where_starttls_is_due_is_an_error_and_no_junk) {
  for (const bool logs_in : {true, false}) {
    Setup setup;
    setup.tls = true;
    setup.settings.login.required = logs_in;
    run_transcript(setup, "S: 220\nC: \\x16\\x03\\x01\\c\nS: 554 5.5.1\n* closed",
                   [logs_in](const FakeActions& actions, const smtpd::ServerSession&) {
                     BOOST_TEST(actions.junk == (logs_in ? 0 : 1));
                     BOOST_TEST(actions.rejected.back() == "TLS 554");
                   });
  }
}

BOOST_AUTO_TEST_CASE(secrets_are_not_in_the_trace) {
  run_under_tls(submission(), "C: AUTH PLAIN\nS: 334\nC: " + kGood + "\nS: 235\n",
                [](const FakeActions& actions, const smtpd::ServerSession&) {
                  BOOST_TEST(actions.traced.find(kGood) == std::string::npos);
                  BOOST_TEST(actions.traced.find("<response>") != std::string::npos);
                });
  run_under_tls(submission(), "C: AUTH PLAIN " + kGood + "\nS: 235\n",
                [](const FakeActions& actions, const smtpd::ServerSession&) {
                  BOOST_TEST(actions.traced.find(kGood) == std::string::npos);
                });
}

BOOST_AUTO_TEST_CASE(nor_is_what_a_client_sends_behind_an_auth_that_is_refused) {
  const std::string name = "YW5uQGEudGVzdA==", password = "c2VjcmV0";
  const std::string behind = "C: " + name + "\nS: 500 5.5.2\nC: " + password +
                             "\nS: 500 5.5.2\nC: NOOP\nS: 250\nC: NONSENSE\nS: 500\n";
  const auto is_secret = [&](const FakeActions& actions, const smtpd::ServerSession&) {
    for (const std::string& word : {name, password, name.substr(0, 8)}) {
      BOOST_TEST(actions.traced.find(word) == std::string::npos, actions.traced);
      for (const std::string& line : actions.rejected) BOOST_TEST(line.find(word) == std::string::npos, line);
    }
    BOOST_TEST(actions.traced.find("C: NONSENSE") != std::string::npos);
    BOOST_TEST(actions.rejected.back() == "NONSENSE 500");
  };
  run_transcript({}, "S: 220\nC: AUTH LOGIN\nS: 502\n" + behind, is_secret);
  Setup clear = submission();
  run_transcript(clear,
                 kUnderTls.substr(0, kUnderTls.find("C: STARTTLS")) + "C: AUTH LOGIN\nS: 538\n" + behind,
                 is_secret);
  run_under_tls(submission(), "C: AUTH LOGIN\nS: 334\nC: !\nS: 501 5.5.2\n" + behind, is_secret);
}

BOOST_AUTO_TEST_CASE(the_parameter_auth_is_read_over_and_judged) {
  run_under_tls(submission(), "C: AUTH PLAIN " + kGood + R"(
S: 235
C: MAIL FROM:<ann@a.test> AUTH=ann+40
S: 501 5.5.4
C: MAIL FROM:<ann@a.test> AUTH=e+3Dmc2@a.test
S: 250
)");
}

BOOST_AUTO_TEST_SUITE_END()
