// A host that lets us in and takes nothing is left for the next one, and recipients come back for it.
#include <boost/test/unit_test.hpp>

#include "tests/delivery/client/extension_cases.h"

using namespace essaim;
using namespace essaim::delivery;
using namespace essaim::delivery::bench;

BOOST_AUTO_TEST_SUITE(next_host)

namespace {

const std::string kEnvelope = R"(
    C: MAIL FROM:<l-bounces@lists.example>
    C: RCPT TO:<a@x.example>
    C: DATA
)";
const std::string kTaken = kEnvelope + R"(
    S: 250 ok
    S: 250 ok
    S: 354 go
    C: (20 octets)
    C: .
    S: 250 ok
    O: 0 delivered final-dot 250 ok
)";
const std::string kLost = "lost connection with mx[192.0.2.1]:25 while waiting for replies to the envelope";
const std::string kSilent =
    "conversation with mx[192.0.2.1]:25 timed out while waiting for replies to the envelope";

void check_host(bool more_hosts, int messages, const std::string& script) {
  for (const Feed feed : {Feed::kWhole, Feed::kByteByByte}) {
    CourierSettings settings;
    settings.helo = "us.example";
    SessionBench session(settings);
    session.set_more_hosts(more_hosts);
    for (int i = 0; i < messages; ++i) session.give(make_transaction("a@x.example"));
    const std::string difference = play(&session, greeting("PIPELINING") + script, feed);
    BOOST_TEST(difference == "", (feed == Feed::kWhole ? "whole: " : "byte by byte: ") << difference);
  }
}

}  // namespace

// Two are given: the second one is not begun here.
BOOST_AUTO_TEST_CASE(one_that_takes_no_message_is_left_for_the_next_one) {
  check_host(true, 2, kEnvelope + R"(
    S: 452 4.3.1 disk full
    S: 503 no
    S: 503 no
    O: 0 returned mail 452 4.3.1 disk full
    C: QUIT
    E: ready orderly next-host mail 452 4.3.1 disk full
  )");
  check_host(true, 2, kEnvelope + R"(
    S: 250 ok
    S: 250 ok
    S: 354 go
    C: (20 octets)
    C: .
    S: 451 4.3.0 queue file write error
    O: 0 returned final-dot 451 4.3.0 queue file write error
    C: QUIT
    E: ready orderly next-host final-dot 451 4.3.0 queue file write error
  )");
  check_host(true, 2, kEnvelope + R"(
    S: 421 4.3.2 shutting down
    O: 0 returned mail 421 4.3.2 shutting down
    E: ready next-host mail 421 4.3.2 shutting down
  )");
}

BOOST_AUTO_TEST_CASE(so_is_one_that_falls_silent_or_hangs_up_before_the_message) {
  check_host(true, 2,
             kEnvelope + "! pass 5m\nO: 0 returned mail 451 4.4.2 " + kSilent +
                 " [ours]\nE: ready next-host mail 451 4.4.2 " + kSilent + "\n");
  check_host(true, 2,
             kEnvelope + "! close\nO: 0 returned lost 451 4.4.2 " + kLost +
                 " [ours]\nE: ready next-host lost 451 4.4.2 " + kLost + "\n");
}

BOOST_AUTO_TEST_CASE(the_last_host_has_the_last_word) {
  check_host(false, 1, kEnvelope + R"(
    S: 452 4.3.1 disk full
    S: 503 no
    S: 503 no
    O: 0 deferred mail 452 4.3.1 disk full
  )" + kIdle);
}

BOOST_AUTO_TEST_CASE(what_is_said_of_us_or_of_a_recipient_is_no_reason_to_ask_another) {
  check_host(true, 1, kEnvelope + R"(
    S: 450 4.7.1 not you
    S: 503 no
    S: 503 no
    O: 0 deferred mail 450 4.7.1 not you
  )" + kIdle);
  check_host(true, 1, kEnvelope + R"(
    S: 250 ok
    S: 450 4.2.0 greylisted
    S: 503 no
    O: 0 deferred rcpt 450 4.2.0 greylisted
  )" + kIdle);
}

BOOST_AUTO_TEST_CASE(one_that_has_taken_mail_on_this_connection_is_well) {
  check_host(true, 2, kTaken + kEnvelope + R"(
    S: 452 4.3.1 disk full
    S: 503 no
    S: 503 no
    O: 0 deferred mail 452 4.3.1 disk full
  )" + kIdle);
}

// It may have been taken (RFC 1047): another host would send it twice.
BOOST_AUTO_TEST_CASE(a_final_dot_without_an_answer_is_not_asked_of_another) {
  const std::string lost =
      "451 4.4.2 lost connection with mx[192.0.2.1]:25 while waiting for the reply to the end of the message";
  check_host(true, 1,
             kEnvelope + R"(
    S: 250 ok
    S: 250 ok
    S: 354 go
    C: (20 octets)
    C: .
    ! drained
    ! close
    O: 0 deferred final-dot )" +
                 lost + " [ours]\nE: ready lost " + lost + "\n");
}

BOOST_AUTO_TEST_SUITE_END()
