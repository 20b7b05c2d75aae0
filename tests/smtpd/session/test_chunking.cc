// CHUNKING (RFC 3030), with the row 5 of BAD-INPUT: whatever a chunk holds, none of it becomes a command.
#include <boost/test/unit_test.hpp>

#include "tests/smtpd/session/session_runner.h"

using namespace essaim;
using namespace essaim::test;

namespace {

Setup chunking() {
  Setup setup;
  setup.settings.extensions.chunking = true;
  return setup;
}

const std::string kEnvelope =
    "S: 220\nC: HELO x\nS: 250\nC: MAIL FROM:<a@b>\nS: 250 2.1.0\nC: RCPT TO:<c@d>\nS: 250 2.1.5\n";

// What would be seen if it were taken for commands: the session would end.
const std::string kTrap = "C: QUIT\n";  // 6 octets

Check stores(std::vector<std::string> contents) {
  return [contents = std::move(contents)](const FakeActions& actions, const smtpd::ServerSession&) {
    std::vector<std::string> stored;
    for (const Stored& message : actions.stored) stored.push_back(message.content);
    BOOST_TEST(stored == contents);
  };
}

std::string repeated(const std::string& text, int times) {
  std::string out;
  for (int i = 0; i < times; ++i) out += text;
  return out;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(chunking_extension)

BOOST_AUTO_TEST_CASE(is_announced_and_takes_a_message_in_chunks) {
  run_transcript(chunking(), R"(
    S: 220
    C: EHLO x
    S: 250-mx.test
    S: 250-PIPELINING
    S: 250-SIZE
    S: 250-8BITMIME
    S: 250-CHUNKING
    S: 250 ENH
    C: MAIL FROM:<a@b>
    S: 250
    C: RCPT TO:<c@d>
    S: 250
    C: BDAT 12
    C: Subject: x
    S: 250 2.0.0 12 octets received
    C: bdat 5 last
    C: \r\nabc\c
    S: 250 2.0.0 queued
  )",
                 stores({"Subject: x\r\n\r\nabc\r\n"}));
}

BOOST_AUTO_TEST_CASE(pipelined_chunks_are_one_message_and_keep_their_dots) {
  run_transcript(chunking(), kEnvelope + R"(
    C: BDAT 12
    C: Subject: x
    C: BDAT 9
    C:
    C: .
    C: ..
    C: BDAT 2 LAST
    C: y\c
    C: \r\c
    C: NOOP
    S: 250 2.0.0 12 octets
    S: 250 2.0.0 9 octets
    S: 554 5.6.0
    S: 250 2.0.0
  )",
                 stores({}));
  run_transcript(
      chunking(), kEnvelope + R"(
    C: BDAT 13
    C: Subject: x
    C: \r\c
    C: BDAT 8
    C: \n.\r\n..\r\n\c
    C: BDAT 3 LAST
    C: y
    C: MAIL FROM:<second@b>
    C: RCPT TO:<c@d>
    C: BDAT 3 LAST
    C: z
    C: QUIT
    S: 250 2.0.0 13 octets
    S: 250 2.0.0 8 octets
    S: 250 2.0.0 queued as 0000000000001
    S: 250 2.1.0
    S: 250 2.1.5
    S: 250 2.0.0 queued as 0000000000002
    S: 221
    * closed
  )",
      [](const FakeActions& actions, const smtpd::ServerSession& session) {
        stores({"Subject: x\r\n\r\n.\r\n..\r\ny\r\n", "z\r\n"})(actions, session);
        BOOST_TEST(session.counts().to_string() == "helo=1 mail=2 rcpt=2 quit=1 bdat=4 commands=10");
        BOOST_TEST(session.counts().octets == 27U);
        BOOST_TEST(actions.received == 2);
      });
}

BOOST_AUTO_TEST_CASE(a_last_line_without_its_end_is_completed) {
  run_transcript(chunking(), kEnvelope + "C: BDAT 3 LAST\nC: a\\r\\n\\c\nS: 250\n", stores({"a\r\n"}));
  run_transcript(chunking(), kEnvelope + "C: BDAT 3 LAST\nC: abc\\c\nS: 250\n", stores({"abc\r\n"}));
  run_transcript(chunking(),
                 kEnvelope + "C: BDAT 3\nC: abc\\c\nS: 250\nC: BDAT 0 LAST\nS: 250 2.0.0 queued\n",
                 stores({"abc\r\n"}));
  run_transcript(chunking(), kEnvelope + "C: BDAT 0 LAST\nS: 250 2.0.0 queued\n", stores({""}));
  run_transcript(chunking(), kEnvelope + "C: BDAT 0\nS: 250 2.0.0 0 octets\nC: BDAT 0 LAST\nS: 250\n",
                 stores({""}));
}

BOOST_AUTO_TEST_CASE(out_of_order_it_is_a_503_and_its_octets_are_read_over) {
  const std::string greeted = "S: 220\nC: HELO x\nS: 250\n";
  const std::string chunk = "C: BDAT 6 LAST\n" + kTrap;
  run_transcript(chunking(), greeted + chunk + "C: NOOP\nS: 503 5.5.1\nS: 250 2.0.0\n* open\n", stores({}));
  run_transcript(chunking(),
                 greeted + "C: MAIL FROM:<a@b>\nS: 250\n" + chunk +
                     "S: 503 5.5.1\nC: RCPT TO:<c@d>\nS: 250\nC: BDAT 3 LAST\nC: x\nS: 250\n",
                 stores({"x\r\n"}));
  // After the last chunk the next one has no message.
  run_transcript(chunking(), kEnvelope + "C: BDAT 3 LAST\nC: x\n" + chunk + "S: 250\nS: 503 5.5.1\n* open\n",
                 stores({"x\r\n"}));
}

BOOST_AUTO_TEST_CASE(with_all_recipients_refused_every_chunk_is_read_over) {
  Setup setup = chunking();
  setup.answers["c@d"] = {smtp::reply(550, "5.1.1", "no"), nullptr, 0};
  run_transcript(setup,
                 "S: 220\nC: HELO x\nS: 250\nC: MAIL FROM:<a@b>\nC: RCPT TO:<c@d>\nC: BDAT 6\n" + kTrap +
                     "C: BDAT 6\n" + kTrap + "C: BDAT 6 LAST\n" + kTrap +
                     "C: RCPT TO:<e@f>\nC: BDAT 3 LAST\nC: x\n"
                     "S: 250 2.1.0\nS: 550 5.1.1\nS: 554 5.5.1 No valid\nS: 503 5.5.1 Chunk discarded\n"
                     "S: 503 5.5.1 Chunk discarded\nS: 250 2.1.5\nS: 250 2.0.0 queued\n",
                 [](const FakeActions& actions, const smtpd::ServerSession& session) {
                   stores({"x\r\n"})(actions, session);
                   BOOST_TEST(actions.rejected == (std::vector<std::string>{"RCPT 550", "BDAT 554"}));
                 });
}

BOOST_AUTO_TEST_CASE(sizes_that_nobody_can_count_end_the_connection) {
  for (const char* argument : {"", " ", " LAST", " -1", " -1 LAST", " +1", " 1x", " 0x10",
                               " 100000000000000000000", " 1\\0", " 1\\tLAST", " \\xc3\\xbc"}) {
    run_transcript(chunking(), kEnvelope + "C: BDAT" + argument + "\n" + kTrap + "S: 501 5.5.4\n* closed\n",
                   [](const FakeActions& actions, const smtpd::ServerSession&) {
                     BOOST_TEST(actions.stored.empty());
                     BOOST_TEST(actions.junk == 1);
                   });
  }
  run_transcript(chunking(), kEnvelope + "C: BDAT 6\\n\\c\n" + kTrap + "S: 500 5.5.2\n* closed\n",
                 stores({}));
  for (const char* size :
       {"9223372036854775807", "18446744073709551615", "18446744073709551616", "99999999999999999999"})
    run_transcript(chunking(), kEnvelope + "C: BDAT " + size + "\n" + kTrap + "S: 552 5.3.4\n* closed\n",
                   stores({}));
}

BOOST_AUTO_TEST_CASE(a_line_that_is_too_long_ends_the_connection_if_a_chunk_follows) {
  Setup submission = chunking();
  submission.settings.login.required = true;  // its lines may be longer, for AUTH
  for (const Setup& setup : {chunking(), submission}) {
    for (const char* word : {"BDAT 6 ", "bdat\t6 LAST "}) {
      for (const std::size_t more : {2'048, 20'000}) {
        run_transcript(
            setup,
            std::string("S: 220\nC: HELO x\nS: 250\nC: ") + word + std::string(more, 'x') + "\n" + kTrap +
                "S: 500 5.5.2 Line too long\n* closed\n",
            [](const FakeActions& actions, const smtpd::ServerSession&) { BOOST_TEST(actions.junk == 1); });
      }
    }
    run_transcript(setup, "S: 220\nC: HELO x\nS: 250\nC: BDATA" + std::string(2'048, 'x') +
                              "\nC: NOOP\nS: 500 5.5.2 Line too long\nS: 250\n* open\n");
  }
}

BOOST_AUTO_TEST_CASE(a_wrong_word_behind_the_size_fails_the_message_alone) {
  run_transcript(chunking(),
                 kEnvelope + "C: BDAT 6 FIRST\n" + kTrap + "C: BDAT 6 LAST\n" + kTrap +
                     "S: 501 5.5.4\nS: 503 5.5.1\nC: MAIL FROM:<a@b>\nS: 250 2.1.0\n* open\n",
                 stores({}));
}

BOOST_AUTO_TEST_CASE(bdat_and_data_do_not_mix) {
  run_transcript(chunking(), kEnvelope + R"(
    C: BDAT 3
    C: x
    S: 250
    C: DATA
    S: 503 5.5.1
    C: RCPT TO:<e@f>
    S: 503 5.5.1
    C: MAIL FROM:<a@b>
    S: 503 5.5.1
    C: NOOP
    S: 250
    C: BDAT 3 LAST
    C: y
    S: 250 2.0.0 queued
  )",
                 stores({"x\r\ny\r\n"}));
}

BOOST_AUTO_TEST_CASE(rset_and_ehlo_between_chunks_forget_them) {
  for (const std::string word : {"RSET", "HELO y"}) {
    run_transcript(chunking(),
                   kEnvelope + "C: BDAT 6\n" + kTrap + "S: 250 2.0.0\nC: " + word +
                       "\nS: 250\nC: BDAT 6 LAST\n" + kTrap +
                       "S: 503 5.5.1 Bad sequence\nC: MAIL FROM:<a@b>\nS: 250\nC: RCPT TO:<c@d>\nS: 250\n" +
                       "C: BDAT 3 LAST\nC: x\nS: 250\n",
                   stores({"x\r\n"}));
  }
}

BOOST_AUTO_TEST_CASE(the_size_limit_holds_over_all_chunks) {
  Setup setup = chunking();
  setup.settings.limits.max_message_octets = 1'000;
  const std::string chunk = "C: BDAT 500\nC: " + std::string(498, 'x') + "\n";
  run_transcript(setup,
                 kEnvelope + chunk + "S: 250\n" + chunk + "S: 250\nC: BDAT 0 LAST\nS: 250 2.0.0 queued\n");
  run_transcript(setup,
                 kEnvelope + chunk + chunk + chunk + chunk + "C: BDAT 6 LAST\n" + kTrap +
                     "S: 250\nS: 250\nS: 552 5.3.4\nS: 503 5.5.1\nS: 503 5.5.1\nC: MAIL FROM:<a@b>\nS: 250\n",
                 [](const FakeActions& actions, const smtpd::ServerSession&) {
                   BOOST_TEST(actions.stored.empty());
                   BOOST_TEST(actions.rejected == std::vector<std::string>{"BDAT 552"});
                 });
  // Refused chunks without end are not read for ever.
  setup.settings.limits.max_message_octets = 0;
  run_transcript(setup,
                 kEnvelope + "C: BDAT 1 FIRST\nC: x\\c\nS: 501\n" +
                     repeated("C: BDAT 65536\nC: " + std::string(65'536, 'x') + "\\c\n", 4) +
                     "S: 503\nS: 503\nS: 503\nS: 552 5.3.4\n* closed\n",
                 stores({}));
}

BOOST_AUTO_TEST_CASE(content_is_as_strict_as_behind_data) {
  for (const char* content : {"a\\nb\\r\\n", "a\\rb\\r\\n", "a\\0b\\r\\n"}) {
    run_transcript(chunking(),
                   kEnvelope + "C: BDAT 5\nC: " + content + "\\c\nC: BDAT 6 LAST\n" + kTrap +
                       "S: 554 5.6.0\nS: 503 5.5.1\nC: NOOP\nS: 250\n",
                   stores({}));
  }
  run_transcript(chunking(), kEnvelope + "C: BDAT 20002\nC: " + std::string(20'000, 'x') + "\nS: 554 5.6.0\n",
                 stores({}));
  Setup setup = chunking();
  setup.settings.bare_line_ends = smtp::BareLineEnds::kNormalise;
  run_transcript(setup, kEnvelope + "C: BDAT 5 LAST\nC: a\\n.\\r\\n\\c\nS: 250\n", stores({"a\r\n.\r\n"}));
}

BOOST_AUTO_TEST_CASE(idle_chunks_do_not_last_for_ever) {
  run_transcript(
      chunking(),
      kEnvelope + repeated("C: BDAT 0\n", 200) + repeated("S: 250\n", 99) + "S: 421 4.7.0\n* closed\n",
      stores({}));
}

BOOST_AUTO_TEST_CASE(silence_within_and_between_chunks_ends_the_session) {
  run_transcript(chunking(), kEnvelope + "C: BDAT 10\nC: abc\\c\n* timeout\nS: 421 4.4.2\n* closed\n",
                 stores({}));
  run_transcript(chunking(), kEnvelope + "C: BDAT 3\nC: x\nS: 250\n* timeout\nS: 421 4.4.2\n* closed\n",
                 stores({}));
}

BOOST_AUTO_TEST_CASE(where_it_is_not_offered_its_octets_are_read_over_too) {
  run_transcript(
      {}, kEnvelope + "C: BDAT 6 LAST\n" + kTrap + "S: 502 5.5.1\nC: DATA\nS: 354\nC: x\nC: .\nS: 250\n",
      stores({"x\r\n"}));
}

BOOST_AUTO_TEST_CASE(chunks_of_one_octet_do_not_move_the_deadline) {
  const Setup setup = chunking();
  smtp::MemoryBudget budget(100'000);
  FakeActions actions(setup);
  smtpd::ServerSession session(setup.settings, false, budget, actions);
  session.on_connected({});
  session.receive("HELO x\r\nMAIL FROM:<a@b>\r\nRCPT TO:<c@d>\r\n");
  BOOST_TEST(actions.answer_one(&session));
  session.receive("BDAT 1\r\nx");
  BOOST_TEST((actions.deadline == setup.settings.limits.command_deadline));
  BOOST_TEST((actions.stress_deadline == setup.settings.limits.stress_deadline));
  actions.deadline = {};
  for (int i = 0; i < 4'094; ++i) session.receive(i % 1'000 == 999 ? "NOOP\r\nBDAT 1\r\nx" : "BDAT 1\r\nx");
  BOOST_TEST((actions.deadline == Duration::zero()));
  session.receive("BDAT 1\r\nx");
  BOOST_TEST((actions.deadline == setup.settings.limits.command_deadline));
  actions.deadline = {};
  session.receive("RSET\r\n");
  BOOST_TEST((actions.deadline == setup.settings.limits.command_deadline));
}

BOOST_AUTO_TEST_SUITE_END()
