// Limits, deadlines and troubles inside.
#include <boost/test/unit_test.hpp>

#include "core/base/counters.h"
#include "tests/smtpd/session/session_runner.h"

using namespace essaim;
using namespace essaim::test;

namespace {

const std::string kUpToData =
    "S: 220\nC: HELO x\nS: 250\nC: MAIL FROM:<a@b>\nS: 250\nC: RCPT TO:<c@d>\nS: 250\nC: DATA\nS: 354\n";

std::string repeated(const std::string& text, int times) {
  std::string out;
  for (int i = 0; i < times; ++i) out += text;
  return out;
}

void nothing_stored(const FakeActions& actions, const smtpd::ServerSession&) {
  BOOST_TEST(actions.stored.empty());
}

}  // namespace

BOOST_AUTO_TEST_SUITE(limits)

BOOST_AUTO_TEST_CASE(recipients_beyond_the_limit_are_put_off) {
  Setup setup;
  setup.settings.limits.max_recipients = 2;
  setup.settings.limits.max_rcpt_commands = 5;
  run_transcript(setup, R"(
    S: 220
    C: HELO x
    S: 250
    C: MAIL FROM:<a@b>
    S: 250
    C: RCPT TO:<1@d>
    C: RCPT TO:<2@d>
    C: RCPT TO:<3@d>
    C: RCPT TO:<1@d>
    S: 250
    S: 250
    S: 452 4.5.3
    S: 250
    C: RCPT TO:<5@d>
    C: RCPT TO:<6@d>
    S: 452 4.5.3
    S: 421 4.7.0
    * closed
  )");
}

BOOST_AUTO_TEST_CASE(recipients_who_are_too_many_for_the_size_are_put_off) {
  Setup setup;
  setup.settings.limits.max_errors = 2;
  for (const char* to : {"1@d", "2@d", "3@d", "4@d"}) {
    setup.answers[to] = {smtp::reply(250, "2.1.5", "OK"), nullptr, 0};
    setup.answers[to].most_together = 2;
  }
  setup.answers["0@d"] = {smtp::reply(550, "5.1.1", "Nobody"), nullptr, 0};
  const auto put_off = [] { return counter_sums()[static_cast<std::size_t>(Counter::kLimitedRecipients)]; };
  const auto before = put_off();
  run_transcript(setup,
                 R"(
    S: 220
    C: HELO x
    S: 250
    C: MAIL FROM:<a@b>
    S: 250
    C: RCPT TO:<1@d>
    C: RCPT TO:<0@d>
    C: RCPT TO:<2@d>
    C: RCPT TO:<3@d>
    C: RCPT TO:<4@d>
    C: RCPT TO:<1@d>
    S: 250
    S: 550 5.1.1
    S: 250
    S: 452 4.5.3
    S: 452 4.5.3
    S: 250
    C: DATA
    S: 354
    C: x
    C: .
    S: 250
    C: MAIL FROM:<a@b>
    C: RCPT TO:<3@d>
    C: RCPT TO:<4@d>
    S: 250
    S: 250
    S: 250
    C: RSET
    S: 250
    C: MAIL FROM:<a@b>
    S: 250
  )",
                 [](const FakeActions& actions, const smtpd::ServerSession&) {
                   BOOST_TEST(actions.stored.at(0).recipients == (std::vector<std::string>{"1@d", "2@d"}),
                              boost::test_tools::per_element());
                   BOOST_TEST(actions.rejected == std::vector<std::string>{"RCPT 550"},
                              boost::test_tools::per_element());
                   // Those who were put off use up no rate, nor a look-up, until they come again.
                   BOOST_TEST(actions.counted == 5);
                   BOOST_TEST(actions.asked == (std::vector<std::string>{"1@d", "0@d", "2@d", "3@d", "4@d"}),
                              boost::test_tools::per_element());
                 });
  BOOST_TEST(put_off() >= before + 2);
}

BOOST_AUTO_TEST_CASE(too_large_messages_are_refused_at_mail_at_rcpt_and_at_their_end) {
  Setup setup;
  setup.settings.limits.max_message_octets = 1'000;
  setup.answers["small@d"] = {smtp::reply(250, "2.1.5", "OK"), nullptr, 100};
  run_transcript(setup, R"(
    S: 220
    C: HELO x
    S: 250
    C: MAIL FROM:<a@b> SIZE=1001
    S: 552 5.3.4
    C: MAIL FROM:<a@b> SIZE=101
    S: 250
    C: RCPT TO:<small@d>
    S: 552 5.3.4
    C: RCPT TO:<large@d>
    S: 250
  )");
  run_transcript(setup, kUpToData + repeated("C: " + std::string(98, 'x') + "\n", 10) + "C: .\nS: 250",
                 [](const FakeActions& actions, const smtpd::ServerSession& session) {
                   BOOST_TEST(actions.stored.at(0).content.size() == 1'000U);
                   BOOST_TEST(session.counts().octets == 1'000U);
                 });
  run_transcript(setup,
                 kUpToData + repeated("C: " + std::string(98, 'x') + "\n", 10) +
                     "C: y\nC: .\nS: 552 5.3.4\n" + "C: MAIL FROM:<a@b>\nS: 250",
                 nothing_stored);
}

BOOST_AUTO_TEST_CASE(a_message_without_end_is_cut) {
  Setup setup;
  setup.settings.limits.max_message_octets = 1'000;
  run_transcript(setup,
                 kUpToData + repeated("C: " + std::string(998, 'x') + "\n", 300) + "S: 552 5.3.4\n* closed",
                 nothing_stored);
}

BOOST_AUTO_TEST_CASE(lines_of_over_10000_octets_and_nul_are_refused) {
  run_transcript({}, kUpToData + "C: " + std::string(9'998, 'x') + "\nC: .\nS: 250");
  run_transcript({}, kUpToData + "C: " + std::string(9'999, 'x') + "\nC: .\nS: 554 5.6.0", nothing_stored);
  run_transcript({}, kUpToData + "C: a\\0b\nC: .\nS: 554 5.6.0", nothing_stored);
}

BOOST_AUTO_TEST_CASE(twenty_errors_end_the_session) {
  run_transcript({},
                 "S: 220\n" + repeated("C: FOO\nS: 500\n", 20) + "S: 421 4.7.0 Too many errors\n* closed");
}

BOOST_AUTO_TEST_CASE(an_accepted_message_forgives_errors_and_junk) {
  Setup setup;
  setup.settings.limits.max_junk_commands = 5;
  const std::string message =
      "C: MAIL FROM:<a@b>\nS: 250\nC: RCPT TO:<c@d>\nS: 250\nC: DATA\nS: 354\nC: x\nC: .\nS: 250\n";
  run_transcript(setup, "S: 220\nC: HELO x\nS: 250\n" + repeated("C: NOOP\nS: 250\n", 4) + message +
                            repeated("C: NOOP\nS: 250\n", 5) + "* open\nC: NOOP\nS: 421 4.7.0\n* closed");
}

BOOST_AUTO_TEST_CASE(junk_does_not_last_for_ever) {
  run_transcript(
      {}, "S: 220\n" + repeated("C: NOOP\n", 1'000) + repeated("S: 250\n", 100) + "S: 421 4.7.0\n* closed");
}

BOOST_AUTO_TEST_CASE(a_connection_has_a_limited_number_of_transactions) {
  Setup setup;
  setup.settings.limits.max_transactions = 2;
  run_transcript(setup, "S: 220\nC: HELO x\nS: 250\n" +
                            repeated("C: MAIL FROM:<a@b>\nS: 250\nC: RSET\nS: 250\n", 2) +
                            "C: MAIL FROM:<a@b>\nS: 421 4.7.0\n* closed");
}

BOOST_AUTO_TEST_CASE(silence_ends_the_session_in_every_state) {
  const std::string mail = "S: 220\nC: HELO x\nS: 250\nC: MAIL FROM:<a@b>\nS: 250\n";
  for (const std::string& before :
       {std::string("S: 220\n"), std::string("S: 220\nC: NOO\\c\n"), mail,
        mail + "C: RCPT TO:<c@d>\nS: 250\n", kUpToData, kUpToData + "C: x\nC: .\\r\\c\n"}) {
    run_transcript({}, before + "* timeout\nS: 421 4.4.2\n* closed", nothing_stored);
  }
}

BOOST_AUTO_TEST_CASE(an_intake_that_never_answers_costs_a_451_and_late_answers_are_ignored) {
  Setup setup;
  setup.silent_intake = true;
  run_transcript(setup, R"(
    S: 220
    C: HELO x
    S: 250
    C: MAIL FROM:<a@b>
    S: 250
    C: RCPT TO:<c@d>
    C: NOOP
    * timeout
    S: 451 4.3.0
    S: 250 2.0.0
    * open
  )");

  smtp::MemoryBudget budget(1'000);
  FakeActions actions(setup);
  smtpd::ServerSession session(setup.settings, false, budget, actions);
  session.on_connected({});
  session.receive("HELO x\r\nMAIL FROM:<a@b>\r\nRCPT TO:<c@d>\r\n");
  session.on_timeout();
  session.receive("RCPT TO:<e@f>\r\n");
  actions.output.clear();
  session.on_recipient_answer(1, {smtp::reply(250, "2.1.5", "late"), nullptr, 0});
  BOOST_TEST(actions.output == "");
  session.on_submit_answer(2, smtp::reply(250, "2.0.0", "of another kind"));
  BOOST_TEST(actions.output == "");
  session.on_recipient_answer(2, {smtp::reply(250, "2.1.5", "right"), nullptr, 0});
  BOOST_TEST(actions.output == "250 2.1.5 right\r\n");
}

BOOST_AUTO_TEST_CASE(input_pauses_while_too_much_waits) {
  Setup setup;
  smtp::MemoryBudget budget(1'000);
  FakeActions actions(setup);
  smtpd::ServerSession session(setup.settings, false, budget, actions);
  session.on_connected({});
  session.receive("HELO x\r\nMAIL FROM:<a@b>\r\nRCPT TO:<c@d>\r\n");
  session.receive(repeated("RCPT TO:<0123456789@abcdefghij>\r\n", 1'000));
  BOOST_TEST(!actions.paused);
  session.receive(repeated("RCPT TO:<0123456789@abcdefghij>\r\n", 1'500));
  BOOST_TEST(actions.paused);
  while (actions.answer_one(&session)) {
  }
  BOOST_TEST(!actions.paused);
  BOOST_TEST(actions.pauses == 1);
  BOOST_TEST(actions.asked.size() == 2U);
}

BOOST_AUTO_TEST_CASE(a_trickle_of_data_does_not_move_the_deadline) {
  Setup setup;
  smtp::MemoryBudget budget(100'000);
  FakeActions actions(setup);
  smtpd::ServerSession session(setup.settings, false, budget, actions);
  session.on_connected({});
  session.receive("HELO x\r\nMAIL FROM:<a@b>\r\nRCPT TO:<c@d>\r\n");
  BOOST_TEST(actions.answer_one(&session));
  session.receive("DATA\r\n");
  BOOST_TEST((actions.deadline == setup.settings.limits.data_block_deadline));
  actions.deadline = {};
  for (int i = 0; i < 4'095; ++i) session.receive(i % 80 == 78 ? "\r" : i % 80 == 79 ? "\n" : "x");
  BOOST_TEST((actions.deadline == Duration::zero()));
  session.receive("x");
  BOOST_TEST((actions.deadline == setup.settings.limits.data_block_deadline));
}

BOOST_AUTO_TEST_CASE(a_disk_that_takes_nothing_is_a_452) {
  Setup setup;
  setup.settings.spill_directory = "/nonexistent";
  setup.memory = 0;
  run_transcript(setup, kUpToData + "C: x\nC: .\nS: 452 4.3.1\nC: NOOP\nS: 250",
                 [](const FakeActions& actions, const smtpd::ServerSession&) {
                   BOOST_TEST(actions.stored.empty());
                   BOOST_TEST(actions.incidents == std::vector<std::string>{"message-not-buffered"});
                 });
}

BOOST_AUTO_TEST_CASE(messages_that_leave_memory_are_the_same) {
  Setup setup;
  setup.settings.spill_threshold = 10;
  run_transcript(setup, kUpToData + repeated("C: 0123456789\n", 20) + "C: .\nS: 250",
                 [](const FakeActions& actions, const smtpd::ServerSession&) {
                   BOOST_TEST(actions.stored.at(0).content == repeated("0123456789\r\n", 20));
                 });
}

BOOST_AUTO_TEST_SUITE_END()
