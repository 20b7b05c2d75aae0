// Dialogues that should work, and the order of commands.
#include <boost/test/unit_test.hpp>

#include "tests/smtpd/session/session_runner.h"

using namespace essaim;
using namespace essaim::test;

BOOST_AUTO_TEST_SUITE(dialogue)

BOOST_AUTO_TEST_CASE(takes_a_message) {
  run_transcript(
      {}, R"(
    S: 220 mx.test ESMTP Essaim
    C: EHLO client.example
    S: 250-mx.test
    S: 250-PIPELINING
    S: 250-SIZE 25000000
    S: 250-8BITMIME
    S: 250 ENHANCEDSTATUSCODES
    C: MAIL FROM:<author@client.example> BODY=8BITMIME SIZE=100
    S: 250 2.1.0
    C: RCPT TO:<dev@lists.example>
    S: 250 2.1.5
    C: DATA
    S: 354 End data
    C: Subject: x
    C:
    C: ..
    C: caf\xc3\xa9
    C: .
    S: 250 2.0.0 queued as 0000000000001
    C: QUIT
    S: 221 2.0.0
    * closed
  )",
      [](const FakeActions& actions, const smtpd::ServerSession& session) {
        BOOST_REQUIRE(actions.stored.size() == 1U);
        const Stored& stored = actions.stored[0];
        BOOST_TEST(stored.reverse_path == "author@client.example");
        BOOST_TEST(stored.recipients == std::vector<std::string>{"dev@lists.example"});
        BOOST_TEST(stored.content == "Subject: x\r\n\r\n.\r\ncaf\xc3\xa9\r\n");
        BOOST_TEST(stored.transaction.body_8bit);
        BOOST_TEST((stored.transaction.declared_size == 100U));
        BOOST_TEST(stored.transaction.client.helo == "client.example");
        BOOST_TEST(stored.transaction.client.esmtp);
        BOOST_TEST(session.counts().to_string() == "ehlo=1 mail=1 rcpt=1 data=1 quit=1 commands=5");
        BOOST_TEST(actions.received == 1);
        BOOST_TEST(actions.rejected.empty());
      });
}

BOOST_AUTO_TEST_CASE(takes_pipelined_commands_and_answers_in_order) {
  Setup setup;
  setup.answers["nobody@lists.example"] = {smtp::reply(550, "5.1.1", "no such list"), nullptr, 0};
  run_transcript(
      setup, R"(
    S: 220
    C: EHLO x
    C: MAIL FROM:<>
    C: RCPT TO:<nobody@lists.example>
    C: RCPT TO:<Postmaster>
    C: RCPT TO:<dev@LISTS.example>
    C: RCPT TO:<dev@lists.example>
    C: DATA
    S: 250-
    S: 250-
    S: 250-
    S: 250-
    S: 250 ENH
    S: 250 2.1.0
    S: 550 5.1.1 no such list
    S: 250 2.1.5
    S: 250 2.1.5
    S: 250 2.1.5 Recipient OK, named before
    S: 354
    C: a
    C: .
    C: MAIL FROM:<b@c>
    C: RCPT TO:<dev@lists.example>
    C: DATA
    S: 250 2.0.0 queued as 0000000000001
    S: 250 2.1.0
    S: 250 2.1.5
    S: 354
    C: .
    C: QUIT
    S: 250 2.0.0 queued as 0000000000002
    S: 221
    * closed
  )",
      [](const FakeActions& actions, const smtpd::ServerSession& session) {
        BOOST_REQUIRE(actions.stored.size() == 2U);
        BOOST_TEST(actions.stored[0].recipients ==
                   (std::vector<std::string>{"postmaster", "dev@lists.example"}));
        BOOST_TEST(actions.stored[1].content == "");
        BOOST_TEST(actions.rejected == std::vector<std::string>{"RCPT 550"});
        BOOST_TEST(session.counts().to_string() == "ehlo=1 mail=2 rcpt=4/5 data=2 quit=1 commands=10/11");
      });
}

BOOST_AUTO_TEST_CASE(refuses_commands_out_of_order) {
  run_transcript({}, R"(
    S: 220
    C: MAIL FROM:<a@b>
    S: 503 5.5.1
    C: RCPT TO:<a@b>
    S: 503 5.5.1
    C: DATA
    S: 503 5.5.1
    C: HELO x
    S: 250 mx.test
    C: RCPT TO:<a@b>
    S: 503 5.5.1
    C: MAIL FROM:<a@b>
    S: 250 2.1.0
    C: MAIL FROM:<a@b>
    S: 503 5.5.1
    C: DATA
    S: 554 5.5.1 No valid recipients
    C: RSET
    S: 250 2.0.0
    C: DATA
    S: 503 5.5.1
    C: STARTTLS
    S: 502 5.5.1
    * open
  )");
}

BOOST_AUTO_TEST_CASE(a_later_greeting_forgets_the_transaction) {
  run_transcript({}, R"(
    S: 220
    C: HELO x
    S: 250
    C: MAIL FROM:<a@b>
    S: 250
    C: RCPT TO:<c@d>
    S: 250
    C: HELO y
    S: 250
    C: DATA
    S: 503
  )");
}

BOOST_AUTO_TEST_CASE(answers_the_small_commands) {
  run_transcript({}, R"(
    S: 220
    C: NOOP whatever
    S: 250 2.0.0
    C: VRFY someone
    S: 252 2.5.0
    C: VRFY
    S: 501 5.5.4
    C: EXPN dev
    S: 502 5.5.1
    C: HELP
    S: 214-2.0.0 Commands: EHLO HELO MAIL RCPT DATA RSET
    S: 214 2.0.0
    C: ETRN client.example
    S: 502 5.5.1
    C: ETRN
    S: 501 5.5.4
    C: RSET now
    S: 501 5.5.4
    C: QUIT now
    S: 501 5.5.4
    C: EHLO
    S: 501 5.5.4
    C: HELO a b
    S: 501 5.5.4
    C: FOO
    S: 500 5.5.2
    C:
    S: 500 5.5.2
    C: quit
    S: 221 2.0.0
    * closed
  )");
}

BOOST_AUTO_TEST_CASE(starts_tls_and_forgets_what_was_said) {
  Setup setup;
  setup.tls = true;
  run_transcript(setup, R"(
    S: 220
    C: EHLO x
    S: 250-mx
    S: 250-PIPE
    S: 250-SIZE
    S: 250-8BIT
    S: 250-ENH
    S: 250 STARTTLS
    C: MAIL FROM:<a@b>
    S: 250
    C: STARTTLS now
    S: 501 5.5.4
    C: STARTTLS
    S: 220 2.0.0
    * tls
    C: RCPT TO:<c@d>
    S: 503
    C: MAIL FROM:<a@b>
    S: 503
    C: EHLO x
    S: 250-mx
    S: 250-PIPE
    S: 250-SIZE
    S: 250-8BIT
    S: 250 ENH
    C: STARTTLS
    S: 503 5.5.1
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
                   BOOST_REQUIRE(actions.stored.size() == 1U);
                   BOOST_TEST(actions.stored[0].transaction.client.tls);
                   BOOST_TEST(actions.stored[0].transaction.client.tls_version == "TLSv1.3");
                 });
}

BOOST_AUTO_TEST_CASE(the_sender_may_be_refused_at_once) {
  Setup setup;
  setup.refused_sender = "spam@x";
  run_transcript(setup, R"(
    S: 220
    C: HELO x
    S: 250
    C: MAIL FROM:<spam@x>
    S: 550 5.7.1
    C: RCPT TO:<a@b>
    S: 503
    C: MAIL FROM:<other@x>
    S: 250
  )");
}

BOOST_AUTO_TEST_CASE(the_answer_at_the_end_of_data_is_the_intakes) {
  for (const auto& [code, enhanced] : {std::pair{550, "5.7.1"}, std::pair{451, "4.3.0"}}) {
    Setup setup;
    setup.submit_reply = smtp::reply(code, enhanced, "no");
    run_transcript(
        setup,
        "S: 220\nC: HELO x\nS: 250\nC: MAIL FROM:<a@b>\nS: 250\nC: RCPT TO:<c@d>\nS: 250\nC: DATA\n"
        "S: 354\nC: x\nC: .\nS: " +
            setup.submit_reply.to_string() + "\nC: RCPT TO:<c@d>\nS: 503\nC: MAIL FROM:<a@b>\nS: 250",
        [](const FakeActions& actions, const smtpd::ServerSession& session) {
          BOOST_TEST(actions.received == 0);
          BOOST_TEST(actions.rejected.front().starts_with("end of DATA "));
          BOOST_TEST(session.counts().messages == 0U);
        });
  }
}

BOOST_AUTO_TEST_CASE(the_trace_is_a_transcript) {
  run_transcript({}, "S: 220\nC: EHLO x\nS: 250\nS: 250\nS: 250\nS: 250\nS: 250\nC: QUIT\nS: 221",
                 [](const FakeActions& actions, const smtpd::ServerSession&) {
                   BOOST_TEST(actions.traced ==
                              "S: 220 mx.test ESMTP Essaim\nC: EHLO x\nS: 250-mx.test\nS: 250-PIPELINING\n"
                              "S: 250-SIZE 25000000\nS: 250-8BITMIME\nS: 250 ENHANCEDSTATUSCODES\nC: QUIT\n"
                              "S: 221 2.0.0 Bye\n");
                 });
}

BOOST_AUTO_TEST_CASE(a_shutdown_waits_for_the_transaction) {
  run_transcript({}, R"(
    S: 220
    C: HELO x
    S: 250
    C: MAIL FROM:<a@b>
    S: 250
    * shutdown
    * open
    C: RCPT TO:<c@d>
    S: 250
    C: DATA
    S: 354
    C: x
    C: .
    C: MAIL FROM:<never@taken>
    S: 250 2.0.0
    S: 421 4.3.2
    * closed
  )");
  run_transcript({}, R"(
    S: 220
    C: HELO x
    S: 250
    * shutdown
    S: 421 4.3.2
    * closed
  )");
}

BOOST_AUTO_TEST_SUITE_END()
