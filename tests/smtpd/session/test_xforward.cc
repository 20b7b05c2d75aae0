// XFORWARD (Postfix, XFORWARD_README): of a relay of ours, and of nobody else.
#include <boost/test/unit_test.hpp>

#include "tests/smtpd/session/session_runner.h"

using namespace essaim;
using namespace essaim::test;

namespace {

// The client of a transcript is 192.0.2.1.
Setup from_a_relay() {
  Setup setup;
  setup.settings.forwarders = {*parse_network("192.0.2.0/30")};
  return setup;
}

std::string forwarded(const Stored& stored) {
  const auto& first = stored.transaction.client.forwarded;
  return first ? first->ip + " " + first->reverse_name + " " + first->helo : "nobody";
}

}  // namespace

BOOST_AUTO_TEST_SUITE(xforward)

BOOST_AUTO_TEST_CASE(says_for_whom_the_next_message_is_handed_on) {
  run_transcript(from_a_relay(), R"(
    S: 220
    C: EHLO relay
    S: 250-mx.test
    S: 250-PIPELINING
    S: 250-SIZE 25000000
    S: 250-8BITMIME
    S: 250-XFORWARD NAME ADDR HELO SOURCE
    S: 250 ENHANCEDSTATUSCODES
    C: XFORWARD NAME=mail.client.test ADDR=198.51.100.7 PORT=4711
    S: 250 2.0.0
    C: xforward PROTO=ESMTP helo=the+20client SOURCE=REMOTE IDENT=ABC
    S: 250 2.0.0
    C: XFORWARD HELO=client.test
    S: 250 2.0.0
    C: MAIL FROM:<a@b>
    S: 250
    C: RCPT TO:<c@d>
    S: 250
    C: DATA
    S: 354
    C: x
    C: .
    S: 250
    C: MAIL FROM:<a@b>
    S: 250
    C: RCPT TO:<c@d>
    S: 250
    C: DATA
    S: 354
    C: x
    C: .
    S: 250
  )",
                 [](const FakeActions& actions, const smtpd::ServerSession& session) {
                   BOOST_REQUIRE(actions.stored.size() == 2u);
                   BOOST_TEST(forwarded(actions.stored[0]) == "198.51.100.7 mail.client.test client.test");
                   BOOST_TEST(actions.stored[0].transaction.client.ip == "192.0.2.1");
                   BOOST_TEST(actions.stored[0].transaction.client.helo == "relay");
                   BOOST_TEST(forwarded(actions.stored[1]) == "nobody");
                   BOOST_TEST(!session.client().forwarded.has_value());
                 });
}

BOOST_AUTO_TEST_CASE(what_is_not_known_or_local_or_forgotten_is_nobody) {
  struct Row {
    std::string said, who;
  };
  const Row rows[] = {
      {"C: XFORWARD NAME=x.test ADDR=[UNAVAILABLE]\nS: 250\n", "nobody"},
      {"C: XFORWARD NAME=x.test\nS: 250\nC: XFORWARD HELO=x.test SOURCE=REMOTE\nS: 250\n", "nobody"},
      {"C: XFORWARD ADDR=198.51.100.7 SOURCE=LOCAL\nS: 250\n", "nobody"},
      {"C: XFORWARD ADDR=198.51.100.7\nS: 250\nC: RSET\nS: 250\n", "nobody"},
      {"C: XFORWARD ADDR=198.51.100.7\nS: 250\nC: HELO relay\nS: 250\n", "nobody"},
      {"C: XFORWARD ADDR=198.51.100.7\nS: 250\nC: MAIL FROM:<\nS: 501\n", "nobody"},
      {"C: XFORWARD NAME=[TEMPUNAVAIL] ADDR=IPV6:2001:DB8:0::1 HELO=[UNAVAILABLE]\nS: 250\n",
       "2001:db8::1  "},
      {"C: XFORWARD NAME=unknown ADDR=198.51.100.7 HELO=a+20b\nS: 250\n", "198.51.100.7  "},
      {"C: XFORWARD HELO=a=b== ADDR=198.51.100.7\nS: 250\n", "198.51.100.7  a=b=="},
      {"C: XFORWARD ADDR=198.51.100.7\nS: 250\nC: XFORWARD HELO=a=b SOURCE=LOCAL\nS: 250\n", "nobody"},
  };
  for (const Row& row : rows)
    run_transcript(from_a_relay(),
                   "S: 220\nC: HELO relay\nS: 250\n" + row.said +
                       "C: MAIL FROM:<a@b>\nS: 250\nC: RCPT TO:<c@d>\nS: 250\nC: DATA\nS: 354\n"
                       "C: x\nC: .\nS: 250\n",
                   [&row](const FakeActions& actions, const smtpd::ServerSession&) {
                     BOOST_REQUIRE(actions.stored.size() == 1u);
                     BOOST_TEST(forwarded(actions.stored[0]) == row.who, row.said);
                   });
}

BOOST_AUTO_TEST_CASE(what_is_wrong_changes_nothing) {
  run_transcript(from_a_relay(), R"(
    S: 220
    C: XFORWARD ADDR=198.51.100.7
    S: 503 5.5.1
    C: HELO relay
    S: 250
    C: XFORWARD ADDR=198.51.100.7 HELO=client.test
    S: 250 2.0.0
    C: XFORWARD
    S: 501 5.5.4
    C: XFORWARD ADDR
    S: 501 5.5.4
    C: XFORWARD ADDR==198.51.100.8
    S: 501 5.5.4
    C: XFORWARD ADDR=198.51.100
    S: 501 5.5.4
    C: XFORWARD ADDR=198.51.100.0/24
    S: 501 5.5.4
    C: XFORWARD ADDR=2001:db8::1
    S: 501 5.5.4
    C: XFORWARD ADDR=IPV6:::ffff:198.51.100.8
    S: 501 5.5.4
    C: XFORWARD HELO=other.test ADDR=nonsense
    S: 501 5.5.4
    C: XFORWARD HELO=other+0Atest
    S: 501 5.5.4
    C: XFORWARD SOURCE=ELSEWHERE
    S: 501 5.5.4
    C: XFORWARD LOGIN=ann
    S: 501 5.5.4
    C: XFORWARD ADDR=198.51.100.8 ADDR=198.51.100.9
    S: 501 5.5.4
    C: MAIL FROM:<a@b>
    S: 250
    C: XFORWARD ADDR=198.51.100.8
    S: 503 5.5.1
    C: RCPT TO:<c@d>
    S: 250
    C: DATA
    S: 354
    C: x
    C: .
    S: 250
  )",
                 [](const FakeActions& actions, const smtpd::ServerSession&) {
                   BOOST_REQUIRE(actions.stored.size() == 1u);
                   BOOST_TEST(forwarded(actions.stored[0]) == "198.51.100.7  client.test");
                 });
}

BOOST_AUTO_TEST_CASE(nobody_else_may_say_who_he_is) {
  Setup setup;
  setup.settings.forwarders = {*parse_network("192.0.2.2")};
  run_transcript(setup, R"(
    S: 220
    C: EHLO x
    S: 250-mx.test
    S: 250-PIPELINING
    S: 250-SIZE 25000000
    S: 250-8BITMIME
    S: 250 ENHANCEDSTATUSCODES
    C: XFORWARD ADDR=198.51.100.7
    S: 500 5.5.2
    C: MAIL FROM:<a@b>
    S: 250
    C: RCPT TO:<c@d>
    S: 250
    C: DATA
    S: 354
    C: x
    C: .
    S: 250
  )",
                 [](const FakeActions& actions, const smtpd::ServerSession&) {
                   BOOST_REQUIRE(actions.stored.size() == 1u);
                   BOOST_TEST(forwarded(actions.stored[0]) == "nobody");
                 });
}

BOOST_AUTO_TEST_SUITE_END()
