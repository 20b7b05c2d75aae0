// Clients that talk before it is their turn, and those that are too slow.
#include <boost/test/unit_test.hpp>

#include "tests/smtpd/session/session_runner.h"

using namespace essaim;
using namespace essaim::test;
using std::chrono::seconds;

namespace {

void is_junk(const FakeActions& actions, const smtpd::ServerSession&) {
  BOOST_TEST(actions.stored.empty());
  BOOST_TEST(actions.junk == 1);
}

// What is said to `input` in one segment.
std::string said(const Setup& setup, const std::string& input) {
  smtp::MemoryBudget budget(1'000'000);
  FakeActions actions(setup);
  smtpd::ServerSession session(setup.settings, setup.tls, budget, actions);
  session.on_connected({});
  session.receive(input);
  while (actions.answer_one(&session)) {
  }
  BOOST_TEST(session.closed() == actions.closed);
  return actions.output + (actions.closed ? "*" : "");
}

}  // namespace

BOOST_AUTO_TEST_SUITE(early_talk)

BOOST_AUTO_TEST_CASE(the_greeting_may_wait_for_early_talkers) {
  Setup setup;
  setup.settings.early_talk.greeting_pause = seconds(5);
  run_transcript(setup, "* timeout\nS: 220 mx.test\nC: HELO x\nS: 250\n* open\n");
  run_transcript(setup, "C: HELO x\nC: MAIL FROM:<a@b>\nS: 554 5.5.1 You talk before\n* closed\n", is_junk);
  run_transcript(setup, "C: \\x16\\x03\\c\nS: 554 5.5.1 This is SMTP\n* closed\n", is_junk);
  run_transcript(setup, "* shutdown\n* timeout\nS: 421 4.3.2\n* closed\n");
  setup.settings.early_talk.cut_before_greeting = false;
  run_transcript(setup, "C: HELO x\n* timeout\nS: 220\nS: 250 mx.test\n* open\n");

  smtp::MemoryBudget budget(1'000);
  FakeActions actions(setup);
  smtpd::ServerSession session(setup.settings, false, budget, actions);
  session.on_connected({});
  BOOST_TEST((actions.deadline == seconds(5)));
  BOOST_TEST((actions.stress_deadline == Duration::zero()));
}

BOOST_AUTO_TEST_CASE(a_body_behind_data_without_our_354_ends_the_session) {
  Setup setup;
  const std::string up_to = "HELO x\r\nMAIL FROM:<a@b>\r\nRCPT TO:<c@d>\r\nDATA\r\n";
  const std::string before =
      "220 mx.test ESMTP Essaim\r\n250 mx.test\r\n250 2.1.0 Sender OK\r\n250 2.1.5 OK\r\n";
  BOOST_TEST(said(setup, up_to).starts_with(before + "354 "));
  BOOST_TEST(said(setup, up_to + "x\r\n.\r\n").starts_with(before + "554 5.5.0 "));
  BOOST_TEST(said(setup, up_to + "x").ends_with("*"));
  BOOST_TEST(said(setup, "DATA\r\nRSET\r\n").find("554 5.5.0 ") != std::string::npos);
  setup.settings.early_talk.cut_behind_data = false;
  BOOST_TEST(said(setup, up_to + "x\r\n.\r\n").ends_with("250 2.0.0 queued as 0000000000001\r\n"));
}

BOOST_AUTO_TEST_CASE(commands_behind_the_first_ehlo_end_the_session_by_setting) {
  Setup setup;
  const std::string input = "HELO x\r\nMAIL FROM:<a@b>\r\n";
  BOOST_TEST(said(setup, input).ends_with("250 2.1.0 Sender OK\r\n"));
  setup.settings.early_talk.cut_behind_ehlo = true;
  BOOST_TEST(said(setup, input).ends_with("(RFC 2920)\r\n*"));
  BOOST_TEST(said(setup, input).find("554 5.5.0 ") != std::string::npos);
  // Once PIPELINING has been announced, a later one may have something behind it.
  run_transcript(
      setup,
      "S: 220\nC: HELO x\nS: 250\nC: RSET\nC: HELO x\nC: MAIL FROM:<a@b>\nS: 250\nS: 250\nS: 250 2.1.0\n");
}

BOOST_AUTO_TEST_CASE(octets_behind_starttls_end_the_session_by_setting) {
  Setup setup;
  setup.tls = true;
  const std::string input = "STARTTLS\r\nMAIL FROM:<injected@x>\r\n";
  BOOST_TEST(said(setup, input).find("220 2.0.0") != std::string::npos);
  setup.settings.early_talk.cut_behind_starttls = true;
  BOOST_TEST(said(setup, input).find("220 2.0.0") == std::string::npos);
  BOOST_TEST(said(setup, input).find("554 5.5.0") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(a_client_may_be_refused_before_anything_is_said) {
  const Setup setup;
  smtp::MemoryBudget budget(1'000);
  FakeActions actions(setup);
  smtpd::ServerSession session(setup.settings, false, budget, actions);
  session.on_refused({}, smtp::reply(421, "4.7.0", "Too many connections"));
  BOOST_TEST(actions.output == "421 4.7.0 Too many connections\r\n");
  BOOST_TEST(actions.closed);
  BOOST_TEST(actions.rejected == std::vector<std::string>{"CONNECT 421"});
  session.receive("HELO x\r\n");
  BOOST_TEST(actions.rejected.size() == 1U);
}

BOOST_AUTO_TEST_CASE(a_minimum_rate_is_measured_over_each_window) {
  Setup setup;
  setup.settings.limits.min_data_octets_per_second = 100;
  setup.settings.limits.data_rate_window = seconds(10);
  setup.settings.extensions.chunking = true;
  for (const bool bdat : {false, true}) {
    smtp::MemoryBudget budget(100'000);
    FakeActions actions(setup);
    smtpd::ServerSession session(setup.settings, false, budget, actions);
    session.on_connected({});
    session.receive("HELO x\r\nMAIL FROM:<a@b>\r\nRCPT TO:<c@d>\r\n");
    BOOST_TEST(actions.answer_one(&session));
    session.receive(bdat ? "BDAT 4000\r\n" : "DATA\r\n");
    BOOST_TEST((actions.deadline == seconds(10)));
    BOOST_TEST((actions.stress_deadline == Duration::zero()));
    for (int window = 0; window < 3; ++window) {
      actions.deadline = {};
      session.receive(std::string(998, 'x') + "\r\n");
      BOOST_TEST((actions.deadline == Duration::zero()));
      session.on_timeout();
      BOOST_TEST((actions.deadline == seconds(10)));
      BOOST_TEST(!session.closed());
    }
    session.receive(std::string(997, 'x') + "\r\n");
    session.on_timeout();
    BOOST_TEST(session.closed());
    BOOST_TEST(actions.output.find("421 4.4.2 ") != std::string::npos);
  }
}

BOOST_AUTO_TEST_SUITE_END()
