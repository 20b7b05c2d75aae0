// The rows of BAD-INPUT that concern the dialogue: 1, 3, 6, 9, 10, 12, 19.
#include <random>

#include <boost/test/unit_test.hpp>

#include "tests/smtpd/session/session_runner.h"
#include "tests/support/feeding.h"

using namespace essaim;
using namespace essaim::test;

namespace {

const std::string kUpToData =
    "S: 220\nC: HELO x\nS: 250\nC: MAIL FROM:<a@b>\nS: 250\nC: RCPT TO:<c@d>\nS: 250\nC: DATA\nS: 354\n";

}  // namespace

BOOST_AUTO_TEST_SUITE(bad_input)

BOOST_AUTO_TEST_CASE(a_smuggled_end_of_data_ends_nothing) {
  for (const char* end : {"\\n.\\n", "\\n.\\r\\n", "\\r\\n.\\n", "\\r.\\r", "\\r\\n.\\r", "\\r.\\r\\n",
                          "\\r\\n\\0.\\r\\n", "\\r\\n.\\0\\r\\n", "\\r\\0\\n.\\r\\n"}) {
    run_transcript({},
                   kUpToData + "C: first" + end +
                       "MAIL FROM:<forged@b>\\r\\nRCPT TO:<c@d>\\r\\nDATA\\r\\nforged\n" +
                       "C: .\nS: 554 5.6.0\nC: NOOP\nS: 250 2.0.0",
                   [](const FakeActions& actions, const smtpd::ServerSession&) {
                     BOOST_TEST(actions.stored.empty());
                     BOOST_TEST(actions.asked.size() == 1U);
                   });
  }
}

BOOST_AUTO_TEST_CASE(a_message_that_is_not_taken_is_counted_once) {
  const auto told = [](const std::vector<int>& expected) {
    return [expected](const FakeActions& actions, const smtpd::ServerSession&) {
      BOOST_TEST(actions.not_taken == expected, boost::test_tools::per_element());
    };
  };
  run_transcript({}, kUpToData + "C: a\\nb\nC: .\nS: 554 5.6.0", told({554}));
  run_transcript({}, kUpToData + "C: ab\nC: .\nS: 250", told({}));
  for (const int code : {451, 550}) {
    Setup setup;
    setup.submit_reply = smtp::reply(code, code == 451 ? "4.3.0" : "5.7.2", "not this one");
    run_transcript(setup, kUpToData + "C: ab\nC: .\nS: " + std::to_string(code), told({code}));
  }
}

BOOST_AUTO_TEST_CASE(bare_line_ends_may_be_normalised) {
  Setup setup;
  setup.settings.bare_line_ends = smtp::BareLineEnds::kNormalise;
  run_transcript(setup, kUpToData + "C: a\\n.\\nb\\rc\nC: .\nS: 250",
                 [](const FakeActions& actions, const smtpd::ServerSession&) {
                   BOOST_REQUIRE(actions.stored.size() == 1U);
                   BOOST_TEST(actions.stored[0].content == "a\r\n.\r\nb c\r\n");
                 });
}

BOOST_AUTO_TEST_CASE(commands_need_crlf) {
  run_transcript({}, R"(
    S: 220
    C: HELO x\nMAIL FROM:<a@b>
    S: 500 5.5.2 Line must end with CRLF
    S: 503
    C: HELO x\r\r
    S: 501 5.5.2
    C: HELO x\rMAIL FROM:<a@b>
    S: 501 5.5.2
    C: HELO x
    S: 250
  )");
}

BOOST_AUTO_TEST_CASE(what_follows_starttls_in_clear_is_dropped) {
  Setup setup;
  setup.tls = true;
  run_transcript(setup, R"(
    S: 220
    C: STARTTLS
    C: EHLO injected
    C: MAIL FROM:<injected@x>
    S: 220 2.0.0
    * tls
    C: RCPT TO:<a@b>
    S: 503
    C: MAIL FROM:<a@b>
    S: 503
  )");
}

BOOST_AUTO_TEST_CASE(a_handshake_without_end_is_closed_without_a_word) {
  Setup setup;
  setup.tls = true;
  run_transcript(setup, "S: 220\nC: STARTTLS\nS: 220\n* timeout\n* closed");
}

BOOST_AUTO_TEST_CASE(a_session_under_shutdown_ends_after_the_handshake) {
  Setup setup;
  setup.tls = true;
  run_transcript(setup, "S: 220\nC: STARTTLS\nS: 220\n* shutdown\n* open\n* tls\nS: 421 4.3.2\n* closed");
}

BOOST_AUTO_TEST_CASE(parameters_are_read_strictly) {
  run_transcript({}, R"(
    S: 220
    C: EHLO x
    S: 250
    S: 250
    S: 250
    S: 250
    S: 250
    C: MAIL FROM:<a@b> =x
    S: 501 5.5.4
    C: MAIL FROM:<a@b> SIZE=1 SIZE=1
    S: 501 5.5.4
    C: MAIL FROM:<a@b> SIZE=9223372036854775808
    S: 552 5.3.4
    C: MAIL FROM:<a@b> SIZE=99999999999999999999
    S: 552 5.3.4
    C: MAIL FROM:<a@b> SIZE=-1
    S: 501 5.5.4
    C: MAIL FROM:<a@b> ENVID=+0D+0A
    S: 555 5.5.4
    C: MAIL FROM:<"a@b>
    S: 501 5.1.7
    C: MAIL FROM:<a@b> SIZE=25000000
    S: 250
    C: RCPT TO:<c@d> NOTIFY=SUCCESS
    S: 555 5.5.4
    C: RCPT TO:<""@x>
    S: 501 5.1.3
    C: RCPT TO:<@one,@two:c@d>
    S: 250
    * open
  )",
                 [](const FakeActions& actions, const smtpd::ServerSession&) {
                   BOOST_TEST(actions.asked == std::vector<std::string>{"c@d"});
                 });
}

BOOST_AUTO_TEST_CASE(octets_that_no_command_has_are_refused_and_the_session_lives) {
  run_transcript({}, R"(
    S: 220
    C: \xff\xfe\x80
    S: 500 5.5.2
    C: NO\0OP
    S: 500 5.5.2
    C: NOOP \0
    S: 501 5.5.2
    C: HELO caf\xc3\xa9
    S: 501 5.5.2
    C: HELO x\x1b[31m
    S: 501 5.5.2
    C: HELO x
    S: 250
  )");
}

BOOST_AUTO_TEST_CASE(a_line_of_64_kb_is_one_error) {
  run_transcript(
      {}, "S: 220\nC: EHLO " + std::string(65'536, 'x') + "\nC: HELO x\nS: 500 5.5.2 Line too long\nS: 250");
  // 2,048 octets with CRLF are a line, one more is not.
  run_transcript({}, "S: 220\nC: NOOP " + std::string(2'041, 'x') + "\nS: 250");
  run_transcript({}, "S: 220\nC: NOOP " + std::string(2'042, 'x') + "\nS: 500 5.5.2 Line too long");
}

BOOST_AUTO_TEST_CASE(a_line_without_end_is_cut) {
  Setup setup;
  setup.settings.limits.max_skipped_octets = 5'000;
  run_transcript(setup, "S: 220\nC: " + std::string(10'000, 'x') + "\\c\nS: 421 4.7.0\n* closed");
}

BOOST_AUTO_TEST_CASE(other_protocols_are_cut_at_the_first_line) {
  run_transcript({}, "S: 220\nC: GET / HTTP/1.1\nC: Host: x\nC: MAIL FROM:<a@b>\nS: 554 5.5.1\n* closed");
  run_transcript({}, "S: 220\nC: POST / HTTP/1.0\nS: 554 5.5.1\n* closed");
  run_transcript({}, "S: 220\nC: CONNECT a:25 HTTP/1.0\nS: 554 5.5.1\n* closed");
  run_transcript({},
                 "S: 220\nC: PROXY TCP4 192.0.2.1 192.0.2.2 1 25\nC: NOOP\nS: 554 5.5.1 No PROXY\n* closed");
  run_transcript({}, "S: 220\nC: HELO x\nS: 250\nC: proxy UNKNOWN\nC: NOOP\nS: 554 5.5.1 No PROXY\n* closed");
  run_transcript({}, "S: 220\nC: \\x16\\x03\\x01\\x02\\0\\x01\\c\nS: 554 5.5.1\n* closed");
}

BOOST_AUTO_TEST_CASE(addresses_are_no_code) {
  Setup setup;
  run_transcript(setup, R"(
    S: 220
    C: HELO $(id)
    S: 250
    C: MAIL FROM:<"x';DROP TABLE--"@b>
    S: 250
    C: RCPT TO:<${run{x}}@d>
    S: 250
    C: RCPT TO:<%@d>
    S: 250
    C: RCPT TO:<;sh@d>
    S: 501
    C: RCPT TO:<`sh`@d>
    S: 250
  )",
                 [](const FakeActions& actions, const smtpd::ServerSession&) {
                   BOOST_TEST(actions.asked == (std::vector<std::string>{"${run{x}}@d", "%@d", "`sh`@d"}));
                 });
}

// What a session says to `input`, fed in these pieces.
std::string said(const std::vector<std::string_view>& pieces, std::size_t* stored) {
  Setup setup;
  setup.settings.limits.max_errors = 50;
  setup.settings.limits.max_message_octets = 30'000;
  setup.settings.extensions = {.chunking = true, .limits = true, .smtputf8 = true, .dsn = true};
  // Whether octets behind DATA came before our 354 depends on the segments by its nature.
  setup.settings.early_talk.cut_behind_data = false;
  setup.answers["nobody@d"] = {smtp::reply(550, "5.1.1", "no"), nullptr, 0};
  smtp::MemoryBudget budget(1'000'000);
  FakeActions actions(setup);
  smtpd::ServerSession session(setup.settings, false, budget, actions);
  session.on_connected({});
  for (const std::string_view piece : pieces) {
    session.receive(piece);
    while (actions.answer_one(&session)) {
    }
  }
  *stored = actions.stored.size();
  return actions.output;
}

BOOST_AUTO_TEST_CASE(what_is_said_does_not_depend_on_where_segments_end) {
  static const std::string kTokens[] = {"HELO x\r\n",
                                        "EHLO x\r\n",
                                        "MAIL FROM:<a@b>\r\n",
                                        "MAIL FROM:<>\r\n",
                                        "RCPT TO:<c@d>\r\n",
                                        "RCPT TO:<nobody@d>\r\n",
                                        "DATA\r\n",
                                        "DATA\r\n",
                                        "text\r\n",
                                        ".\r\n",
                                        "\r\n.\r\n",
                                        "..\r\n",
                                        ".",
                                        "\r",
                                        "\n",
                                        "\r\n",
                                        "RSET\r\n",
                                        "NOOP\r\n",
                                        "VRFY x\r\n",
                                        "BDAT 6\r\ntext\r\n",
                                        "BDAT 6\r\n",
                                        "BDAT 0\r\n",
                                        "BDAT 3 LAST\r\n.\r\n",
                                        "BDAT 0 LAST\r\n",
                                        "BDAT 25000\r\n" + std::string(25'000, 'y'),
                                        "BDAT 5 FIRST\r\nNOOP\n",
                                        "MAIL FROM:<\xc3\xbc@b> SMTPUTF8 RET=HDRS\r\n",
                                        "RCPT TO:<\xc3\xbc@d> NOTIFY=NEVER\r\n",
                                        std::string("\0", 1),
                                        "\xff",
                                        " ",
                                        "<",
                                        "STARTTLS\r\n",
                                        std::string(2'100, 'x')};
  std::mt19937 random(7);
  std::size_t all_stored = 0;
  for (int round = 0; round < 400; ++round) {
    // Half of the rounds get as far as the data.
    std::string input = round % 2 == 0 ? "HELO x\r\nMAIL FROM:<a@b>\r\nRCPT TO:<c@d>\r\n" : "";
    if (round % 4 == 0) input += "DATA\r\n";
    for (int i = 0; i < 25; ++i) input += kTokens[random() % std::size(kTokens)];
    std::size_t stored_whole = 0;
    const std::string whole = said({input}, &stored_whole);
    all_stored += stored_whole;
    for (const auto& way : all_splits(input, 2)) {
      std::size_t stored = 0;
      BOOST_TEST(said(way, &stored) == whole);
      BOOST_TEST(stored == stored_whole);
    }
  }
  BOOST_TEST(all_stored > 20U);
}

BOOST_AUTO_TEST_SUITE_END()
