// The next envelope behind the final dot (RFC 2920 §3.1), and servers that do not take it well: nobody gets two
// copies or none, and the next connection does without.
#include <chrono>

#include <boost/test/unit_test.hpp>

#include "delivery/client/troubled_hosts.h"
#include "tests/delivery/client/session_bench.h"

namespace essaim::delivery::bench {
namespace {

constexpr const char* kPeer = "mx[192.0.2.1]:25";

// Up to the second envelope, whose MAIL, RCPT and DATA went out with the first message.
const std::string kChained = R"(
    S: 220 mx
    C: EHLO us.example
    S: 250-mx
    S: 250 PIPELINING
    R:
    C: MAIL FROM:<l-bounces@lists.example>
    C: RCPT TO:<a@x.example>
    C: DATA
    S: 250 ok
    S: 250 ok
    S: 354 go
    C: (20 octets)
    C: .
    C: MAIL FROM:<l-bounces@lists.example>
    C: RCPT TO:<b@x.example>
    C: DATA
)";

struct Row {
  const char* what;
  const char* script;
  bool remembered;  // the host gets no envelope behind a dot any more
};

const Row kRows[] = {
    {"421 to the dot sends us away, and the second has not been tried", R"(
    S: 421 4.3.2 shutting down
    O: 0 deferred final-dot 421 4.3.2 shutting down
    O: 0 returned lost 421 4.3.2 shutting down
    E: ready lost 421 4.3.2 shutting down)",
     false},
    {"421 behind the acceptance of the first", R"(
    S: 250 queued
    S: 421 4.7.0 enough
    O: 0 delivered final-dot 250 queued
    O: 0 returned mail 421 4.7.0 enough
    E: ready lost 421 4.7.0 enough)",
     false},
    {"the connection goes before the word on the first", R"(
    ! drained
    ! close
    O: 0 deferred final-dot 451 4.4.2 lost connection with mx[192.0.2.1]:25 while waiting for the reply to the end of the message [ours]
    O: 0 returned lost 451 4.4.2 lost connection with mx[192.0.2.1]:25 while waiting for the reply to the end of the message [ours]
    E: ready lost 451 4.4.2 lost connection with mx[192.0.2.1]:25 while waiting for the reply to the end of the message)",
     true},
    {"the connection goes behind the acceptance of the first", R"(
    S: 250 queued
    O: 0 delivered final-dot 250 queued
    ! close
    O: 0 returned lost 451 4.4.2 lost connection with mx[192.0.2.1]:25 while waiting for replies to the envelope [ours]
    E: ready lost 451 4.4.2 lost connection with mx[192.0.2.1]:25 while waiting for replies to the envelope)",
     true},
    {"what followed the dot was thrown away: silence", R"(
    S: 250 queued
    O: 0 delivered final-dot 250 queued
    ! pass 5m
    O: 0 returned lost 451 4.4.2 conversation with mx[192.0.2.1]:25 timed out while waiting for replies to the envelope [ours]
    E: ready lost 451 4.4.2 conversation with mx[192.0.2.1]:25 timed out while waiting for replies to the envelope)",
     true},
    {"the beginning of it was thrown away: RCPT is answered first", R"(
    S: 250 queued
    S: 503 5.5.1 need MAIL
    S: 503 5.5.1 need MAIL
    O: 0 delivered final-dot 250 queued
    O: 0 returned lost 451 4.5.0 mx[192.0.2.1]:25 lost what followed the final dot (503 5.5.1 need MAIL) while waiting for replies to the envelope [ours]
    E: ready lost 451 4.5.0 mx[192.0.2.1]:25 lost what followed the final dot (503 5.5.1 need MAIL) while waiting for replies to the envelope)",
     true},
    {"a part of a command was thrown away", R"(
    S: 250 queued
    S: 500 what is CPT
    O: 0 delivered final-dot 250 queued
    O: 0 returned lost 451 4.5.0 mx[192.0.2.1]:25 lost what followed the final dot (500 what is CPT) while waiting for replies to the envelope [ours]
    E: ready lost 451 4.5.0 mx[192.0.2.1]:25 lost what followed the final dot (500 what is CPT) while waiting for replies to the envelope)",
     true},
    {"offence is taken in answer to the dot: it is no word on the message", R"(
    ! drained
    S: 554 5.5.0 improper use of pipelining
    O: 0 returned lost 451 4.5.0 mx[192.0.2.1]:25 lost what followed the final dot (554 5.5.0 improper use of pipelining) while waiting for the reply to the end of the message [ours]
    O: 0 returned lost 451 4.5.0 mx[192.0.2.1]:25 lost what followed the final dot (554 5.5.0 improper use of pipelining) while waiting for the reply to the end of the message [ours]
    E: ready lost 451 4.5.0 mx[192.0.2.1]:25 lost what followed the final dot (554 5.5.0 improper use of pipelining) while waiting for the reply to the end of the message)",
     true},
    {"the first is refused, and the second is not touched by it", R"(
    S: 550 5.7.1 spam
    S: 250 ok
    S: 250 ok
    S: 354 go
    O: 0 failed final-dot 550 5.7.1 spam [message]
    C: (20 octets)
    C: .
    S: 250 queued
    O: 0 delivered final-dot 250 queued
    ! pass 5s
    C: QUIT
    E: ready orderly lost idle)",
     false},
    {"the second sender is refused, as it would be by itself", R"(
    S: 250 queued
    S: 550 5.1.8 no such sender
    S: 503 5.5.1 need MAIL
    S: 503 5.5.1 need MAIL
    O: 0 delivered final-dot 250 queued
    O: 0 failed mail 550 5.1.8 no such sender [message]
    ! pass 5s
    C: QUIT
    E: ready orderly lost idle)",
     false},
};

}  // namespace

BOOST_AUTO_TEST_SUITE(chaining)

BOOST_AUTO_TEST_CASE(servers_that_take_an_envelope_behind_the_dot_badly_cost_nobody_a_message) {
  for (const Row& row : kRows)
    for (const Feed feed : {Feed::kWhole, Feed::kByteByByte}) {
      CourierSettings settings;
      settings.helo = "us.example";
      settings.chain_transactions = true;
      settings.chain_refusals = std::make_shared<TroubledHosts>();
      SessionBench bench(settings);
      bench.give(make_transaction("a@x.example"));
      bench.give(make_transaction("b@x.example"));
      const std::string difference = play(&bench, kChained + row.script, feed);
      BOOST_TEST(difference == "", row.what << ": " << difference);
      BOOST_TEST(bench.violation() == "", row.what << ": " << bench.violation());
      BOOST_TEST(settings.chain_refusals->knows(kPeer, bench.now()) == row.remembered, row.what);
    }
}

BOOST_AUTO_TEST_CASE(a_host_that_is_remembered_gets_one_after_the_other) {
  CourierSettings settings;
  settings.helo = "us.example";
  settings.chain_transactions = true;
  settings.chain_refusals = std::make_shared<TroubledHosts>();
  SessionBench bench(settings);
  settings.chain_refusals->add(kPeer, bench.now());
  bench.give(make_transaction("a@x.example"));
  bench.give(make_transaction("b@x.example"));
  BOOST_TEST(play(&bench, R"(
    S: 220 mx
    C: EHLO us.example
    S: 250-mx
    S: 250 PIPELINING
    R:
    C: MAIL FROM:<l-bounces@lists.example>
    C: RCPT TO:<a@x.example>
    C: DATA
    S: 250 ok
    S: 250 ok
    S: 354 go
    C: (20 octets)
    C: .
    S: 250 queued
    O: 0 delivered final-dot 250 queued
    C: MAIL FROM:<l-bounces@lists.example>
    C: RCPT TO:<b@x.example>
    C: DATA
    ! close
    O: 0 returned lost 451 4.4.2 lost connection with mx[192.0.2.1]:25 while waiting for replies to the envelope [ours]
    E: ready lost 451 4.4.2 lost connection with mx[192.0.2.1]:25 while waiting for replies to the envelope
  )",
                  Feed::kWhole) == "");
}

BOOST_AUTO_TEST_CASE(how_long_each_message_took_to_go_out_is_known) {
  using namespace std::chrono_literals;
  CourierSettings settings;
  settings.helo = "us.example";
  settings.chain_transactions = true;
  SessionBench bench(settings);
  bench.give(make_transaction("a@x.example"));
  bench.give(make_transaction("b@x.example"));
  BOOST_REQUIRE(play(&bench, kChained, Feed::kWhole) == "");
  BOOST_REQUIRE((bench.session().state() == SessionState::kBody));
  bench.pass(40s);
  bench.drained();
  BOOST_TEST((bench.session().sending() == 40s));
  bench.pass(30s);
  BOOST_TEST((bench.session().sending() == 40s), "the reply to it is waited for");
  bench.feed("451 4.3.0 not today\r\n");
  BOOST_TEST((bench.session().sending() == 0s), "of the next one nothing has gone");
  bench.pass(30s);
  bench.feed("250 ok\r\n250 ok\r\n354 go\r\n");
  BOOST_REQUIRE((bench.session().state() == SessionState::kBody));
  bench.pass(20s);
  bench.session().on_write_progress(bench.now());
  BOOST_TEST((bench.session().sending() == 20s));
  bench.pass(3min);
  BOOST_TEST(bench.done());
  BOOST_TEST((bench.session().sending() == 20s), "then nothing went out any more");
  BOOST_TEST(bench.violation() == "");
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace essaim::delivery::bench
