// The dialogue as transcripts, with the replies whole and byte by byte.
#include <boost/test/unit_test.hpp>

#include "tests/delivery/client/session_bench.h"

using namespace essaim;
using namespace essaim::delivery;
using bench::Feed;
using bench::make_post;
using bench::make_transaction;
using bench::play;
using bench::SessionBench;

namespace {

CourierSettings settings() {
  CourierSettings out;
  out.helo = "us.example";
  return out;
}

struct Case {
  std::vector<Transaction> work;
  CourierSettings with = settings();
  bool tls = true;
};

void check(const Case& what, std::string_view script) {
  for (const Feed feed : {Feed::kWhole, Feed::kByteByByte}) {
    SessionBench session(what.with, what.tls);
    for (const auto& transaction : what.work) session.give(transaction);
    const std::string difference = play(&session, script, feed);
    BOOST_TEST(difference == "", (feed == Feed::kWhole ? "whole: " : "byte by byte: ") << difference);
  }
}

// The two ways to become ready.
const std::string kPlain = R"(
  S: 220 mx ESMTP
  C: EHLO us.example
  S: 250 mx
  R:
)";
const std::string kPipelining = R"(
  S: 220-mx ESMTP
  S: 220 be nice
  C: EHLO us.example
  S: 250-mx
  S: 250 pipelining
  R:
)";

}  // namespace

BOOST_AUTO_TEST_SUITE(dialogue)

BOOST_AUTO_TEST_CASE(one_by_one_without_pipelining) {
  check({{make_transaction("a@x.example b@x.example")}}, kPlain + R"(
    C: MAIL FROM:<l-bounces@lists.example>
    S: 250 ok
    C: RCPT TO:<a@x.example>
    S: 250 ok
    C: RCPT TO:<b@x.example>
    S: 550 5.1.1 unknown
    O: 1 failed rcpt 550 5.1.1 unknown
    C: DATA
    S: 354 go
    C: (20 octets)
    C: .
    S: 250 2.0.0 queued
    O: 0 delivered final-dot 250 2.0.0 queued
    ! pass 5s
    C: QUIT
    E: ready orderly lost idle
  )");
}

BOOST_AUTO_TEST_CASE(with_pipelining_the_envelope_is_one_turn) {
  check({{make_transaction("a@x.example b@x.example"), make_transaction("c@x.example")}}, kPipelining + R"(
    C: MAIL FROM:<l-bounces@lists.example>
    C: RCPT TO:<a@x.example>
    C: RCPT TO:<b@x.example>
    C: DATA
    S: 250 ok
    S: 250 ok
    S: 451 4.2.0 later
    S: 354 go
    O: 1 deferred rcpt 451 4.2.0 later
    C: (20 octets)
    C: .
    S: 250 queued
    O: 0 delivered final-dot 250 queued
    C: MAIL FROM:<l-bounces@lists.example>
    C: RCPT TO:<c@x.example>
    C: DATA
    ! quit
    S: 250 ok
    S: 250 ok
    S: 354 go
    C: (20 octets)
    C: .
    S: 554 5.7.1 spam
    O: 0 failed final-dot 554 5.7.1 spam [message]
    C: QUIT
    E: ready orderly lost closed by us
  )");
}

BOOST_AUTO_TEST_CASE(capabilities_are_used_when_offered) {
  bench::PostOptions options;
  options.eight_bit = true;
  options.sender = "";
  check({{make_transaction("a@x.example", make_post(options))}}, R"(
    S: 220 mx
    C: EHLO us.example
    S: 250-mx hello STARTTLS
    S: 250-Size 1000
    S: 250-8bitMIME
    S: 250-X-UNKNOWN with parameters
    S: 250-EnhancedStatusCodes
    S: 250 help
    R:
    C: MAIL FROM:<> SIZE=20 BODY=8BITMIME
    ! pass 5m
    O: 0 deferred mail 451 4.4.2 conversation with mx[192.0.2.1]:25 timed out while waiting for replies to the envelope [ours]
    E: ready lost 451 4.4.2 conversation with mx[192.0.2.1]:25 timed out while waiting for replies to the envelope
  )");
}

BOOST_AUTO_TEST_CASE(what_exceeds_the_announced_size_is_not_tried) {
  bench::PostOptions big;
  big.wire = std::string(100, 'x') + "\r\n.\r\n";
  check({{make_transaction("a@x.example b@x.example", make_post(big)), make_transaction("c@x.example")}}, R"(
    S: 220 mx
    C: EHLO us.example
    S: 250-mx
    S: 250 SIZE 50
    R:
    O: 0 failed mail 552 5.3.4 message of 102 octets exceeds the limit of 50 announced by mx[192.0.2.1]:25 [ours] [message]
    O: 1 failed mail 552 5.3.4 message of 102 octets exceeds the limit of 50 announced by mx[192.0.2.1]:25 [ours] [message]
    C: MAIL FROM:<l-bounces@lists.example> SIZE=20
    ! close
    O: 0 deferred lost 451 4.4.2 lost connection with mx[192.0.2.1]:25 while waiting for replies to the envelope [ours]
    E: ready lost 451 4.4.2 lost connection with mx[192.0.2.1]:25 while waiting for replies to the envelope
  )");
}

BOOST_AUTO_TEST_CASE(ehlo_refused_for_good_is_followed_by_helo) {
  check({}, R"(
    S: 220 mx
    C: EHLO us.example
    S: 502 what?
    C: HELO us.example
    S: 250 PIPELINING
    R:
    ! pass 5s
    C: QUIT
    E: ready orderly lost idle
  )");
}

BOOST_AUTO_TEST_CASE(ehlo_refused_for_now_is_not) {
  check({}, R"(
    S: 220 mx
    C: EHLO us.example
    S: 421 busy
    E: unusable ehlo 421 busy
  )");
  check({}, R"(
    S: 220 mx
    C: EHLO us.example
    S: 550 no
    C: HELO us.example
    S: 550 no
    E: unusable ehlo 550 no
  )");
}

BOOST_AUTO_TEST_CASE(a_greeting_that_refuses_ends_it) {
  check({}, "S: 554 5.7.1 not you\nE: unusable banner 554 5.7.1 not you");
  check({}, "S: 421 busy\nE: unusable banner 421 busy");
}

BOOST_AUTO_TEST_CASE(under_tls_everything_begins_again) {
  check({{make_transaction("a@x.example b@x.example")}}, R"(
    S: 220 mx
    C: EHLO us.example
    S: 250-mx
    S: 250-PIPELINING
    S: 250 STARTTLS
    C: STARTTLS
    S: 220 go
    T:
    ! tls ok
    C: EHLO us.example
    S: 250-mx
    S: 250 STARTTLS
    R:
    C: MAIL FROM:<l-bounces@lists.example>
    ! close
    O: 0 deferred lost 451 4.4.2 lost connection with mx[192.0.2.1]:25 while waiting for replies to the envelope [ours]
    O: 1 deferred lost 451 4.4.2 lost connection with mx[192.0.2.1]:25 while waiting for replies to the envelope [ours]
    E: ready lost 451 4.4.2 lost connection with mx[192.0.2.1]:25 while waiting for replies to the envelope
  )");
}

BOOST_AUTO_TEST_CASE(a_failed_handshake_asks_for_clear) {
  const std::string begin = R"(
    S: 220 mx
    C: EHLO us.example
    S: 250-mx
    S: 250 starttls
    C: STARTTLS
    S: 220 go
    T:
  )";
  check(
      {},
      begin +
          "! tls fail\nE: unusable retry-in-clear tls 451 4.7.5 TLS with mx[192.0.2.1]:25 failed: handshake "
          "failure while negotiating TLS");
  check({}, begin +
                "! pass 5m\nE: unusable retry-in-clear lost tls 451 4.7.5 TLS with mx[192.0.2.1]:25 timed "
                "out while "
                "negotiating TLS");
}

BOOST_AUTO_TEST_CASE(starttls_offered_and_refused_goes_on_in_clear) {
  check({}, R"(
    S: 220 mx
    C: EHLO us.example
    S: 250-mx
    S: 250 STARTTLS
    C: STARTTLS
    S: 454 4.7.0 not now
    R:
    ! pass 5s
    C: QUIT
    E: ready orderly lost idle
  )");
}

BOOST_AUTO_TEST_CASE(without_tls_in_the_settings_it_is_not_asked_for) {
  check({{}, settings(), false}, R"(
    S: 220 mx
    C: EHLO us.example
    S: 250-mx
    S: 250 STARTTLS
    R:
    ! close
    E: ready lost closed by the peer while idle
  )");
}

BOOST_AUTO_TEST_CASE(replies_injected_behind_starttls_are_refused) {
  SessionBench session(settings());
  BOOST_TEST(play(&session, "S: 220 mx\nC: EHLO us.example\nS: 250-mx\nS: 250 STARTTLS\nC: STARTTLS",
                  Feed::kWhole) == "");
  for (const char* injected : {"220 go\r\n250 injected\r\n", "220 go\r\n2", "220 go\r\n\r\n"}) {
    SessionBench victim(settings());
    BOOST_TEST(play(&victim, "S: 220 mx\nC: EHLO us.example\nS: 250-mx\nS: 250 STARTTLS\nC: STARTTLS",
                    Feed::kWhole) == "");
    victim.feed(injected);
    const auto events = victim.take_events();
    BOOST_REQUIRE_EQUAL(events.size(), 1U);
    BOOST_TEST(events[0].starts_with("E: unusable tls 451"), events[0]);
  }
}

BOOST_AUTO_TEST_CASE(data_accepted_for_nobody_gets_an_empty_message) {
  check({{make_transaction("a@x.example"), make_transaction("b@x.example")}}, kPipelining + R"(
    C: MAIL FROM:<l-bounces@lists.example>
    C: RCPT TO:<a@x.example>
    C: DATA
    S: 250 ok
    S: 550 no
    S: 354 go
    O: 0 failed rcpt 550 no
    C: .
    S: 250 odd
    C: MAIL FROM:<l-bounces@lists.example>
    C: RCPT TO:<b@x.example>
    C: DATA
    S: 550 no
    S: 503 no
    S: 503 no
    O: 0 failed mail 550 no [message]
    ! pass 5s
    C: QUIT
    E: ready orderly lost idle
  )");
}

BOOST_AUTO_TEST_CASE(a_transaction_given_up_is_reset_before_the_next) {
  const std::vector<Transaction> work{make_transaction("a@x.example"), make_transaction("b@x.example")};
  check({work}, kPipelining + R"(
    C: MAIL FROM:<l-bounces@lists.example>
    C: RCPT TO:<a@x.example>
    C: DATA
    S: 250 ok
    S: 550 no
    S: 554 no valid recipients
    O: 0 failed rcpt 550 no
    C: RSET
    C: MAIL FROM:<l-bounces@lists.example>
    C: RCPT TO:<b@x.example>
    C: DATA
    S: 250 ok
    S: 250 ok
    S: 250 ok
    S: 451 later
    O: 0 deferred data 451 later
    ! pass 5s
    C: QUIT
    E: ready orderly lost idle
  )");
  check({work}, kPlain + R"(
    C: MAIL FROM:<l-bounces@lists.example>
    S: 250 ok
    C: RCPT TO:<a@x.example>
    S: 550 no
    O: 0 failed rcpt 550 no
    C: RSET
    S: 250 ok
    C: MAIL FROM:<l-bounces@lists.example>
    S: 451 later
    O: 0 deferred mail 451 later
    ! pass 5s
    C: QUIT
    E: ready orderly lost idle
  )");
}

BOOST_AUTO_TEST_CASE(a_421_ends_the_connection_and_returns_the_rest) {
  check({{make_transaction("a@x.example b@x.example c@x.example")}}, kPipelining + R"(
    C: MAIL FROM:<l-bounces@lists.example>
    C: RCPT TO:<a@x.example>
    C: RCPT TO:<b@x.example>
    C: RCPT TO:<c@x.example>
    C: DATA
    S: 250 ok
    S: 250 ok
    S: 421 4.3.2 bye
    O: 1 deferred rcpt 421 4.3.2 bye
    O: 0 returned lost 421 4.3.2 bye
    O: 2 returned lost 421 4.3.2 bye
    E: ready lost 421 4.3.2 bye
  )");
}

BOOST_AUTO_TEST_CASE(too_many_recipients_come_back_at_once) {
  check({{make_transaction("a@x.example b@x.example")}}, kPipelining + R"(
    C: MAIL FROM:<l-bounces@lists.example>
    C: RCPT TO:<a@x.example>
    C: RCPT TO:<b@x.example>
    C: DATA
    S: 250 ok
    S: 250 ok
    S: 552 too many recipients
    S: 354 go
    O: 1 returned rcpt 552 too many recipients
    C: (20 octets)
    C: .
    S: 250 ok
    O: 0 delivered final-dot 250 ok
    ! close
    E: ready lost closed by the peer while idle
  )");
}

BOOST_AUTO_TEST_CASE(idle_and_told_421_does_no_harm) {
  check({}, kPlain + R"(
    S: 421 4.4.2 idle for too long
    E: ready lost closed by the peer while idle: 421 4.4.2 idle for too long
  )");
}

BOOST_AUTO_TEST_CASE(a_421_behind_the_verdict_does_not_touch_it) {
  check({{make_transaction("a@x.example")}}, kPipelining + R"(
    C: MAIL FROM:<l-bounces@lists.example>
    C: RCPT TO:<a@x.example>
    C: DATA
    S: 250 ok
    S: 250 ok
    S: 354 go
    C: (20 octets)
    C: .
    S: 250 ok
    S: 421 bye
    O: 0 delivered final-dot 250 ok
    E: ready lost closed by the peer while idle: 421 bye
  )");
}

BOOST_AUTO_TEST_CASE(work_that_comes_later_finds_the_connection_open) {
  SessionBench session(settings());
  BOOST_TEST(play(&session, kPipelining, Feed::kWhole) == "");
  session.give(make_transaction("a@x.example"));
  session.session().wake(session.now());
  BOOST_TEST(session.take_written() ==
             "EHLO us.example\r\nMAIL FROM:<l-bounces@lists.example>\r\nRCPT TO:<a@x.example>\r\nDATA\r\n");
}

BOOST_AUTO_TEST_CASE(the_connection_ends_after_its_number_of_transactions) {
  Case one{{make_transaction("a@x.example"), make_transaction("b@x.example")}};
  one.with.transactions_per_connection = 1;
  check(one, kPlain + R"(
    C: MAIL FROM:<l-bounces@lists.example>
    S: 550 no
    O: 0 failed mail 550 no [message]
    C: QUIT
    E: ready orderly lost limit of transactions reached
  )");
}

BOOST_AUTO_TEST_CASE(a_final_dot_without_reply_is_marked_as_such) {
  for (const char* misfortune : {"close", "reset", "pass 10m"}) {
    SessionBench session(settings());
    session.give(make_transaction("a@x.example"));
    BOOST_TEST(play(&session, kPipelining + R"(
      C: MAIL FROM:<l-bounces@lists.example>
      C: RCPT TO:<a@x.example>
      C: DATA
      S: 250 ok
      S: 250 ok
      S: 354 go
      C: (20 octets)
      C: .
      ! drained
      ! )" + misfortune + "\n! pass 0ms",
                    Feed::kWhole) != "");
    BOOST_REQUIRE_EQUAL(session.outcomes().size(), 1U);
    const Outcome& outcome = session.outcomes().begin()->second.at(0);
    BOOST_TEST((outcome.kind == Outcome::Kind::kDeferred));
    BOOST_TEST((outcome.stage == Stage::kFinalDot));
    BOOST_TEST(!outcome.reply_from_peer);
    BOOST_TEST(session.violation() == "");
  }
}

BOOST_AUTO_TEST_CASE(a_refusal_in_the_middle_of_the_message_counts_and_ends_the_connection) {
  const std::string begin = kPipelining + R"(
    C: MAIL FROM:<l-bounces@lists.example>
    C: RCPT TO:<a@x.example>
    C: DATA
    S: 250 ok
    S: 250 ok
    S: 354 go
    C: (20 octets)
    C: .
    ! stalled
  )";
  check({{make_transaction("a@x.example")}}, begin + R"(
    S: 552 5.3.4 too big
    O: 0 failed final-dot 552 5.3.4 too big [message]
    E: ready lost 552 5.3.4 too big
  )");
  check({{make_transaction("a@x.example")}}, begin + R"(
    S: 250 fine already
    O: 0 deferred final-dot 451 4.5.0 unexpected reply 250 of mx[192.0.2.1]:25 to the message while sending the message [ours]
    E: ready lost 451 4.5.0 unexpected reply 250 of mx[192.0.2.1]:25 to the message while sending the message
  )");
  check({{make_transaction("a@x.example")}}, begin + R"(
    ! pass 3m
    O: 0 deferred final-dot 451 4.4.2 conversation with mx[192.0.2.1]:25 timed out while sending the message [ours]
    E: ready lost 451 4.4.2 conversation with mx[192.0.2.1]:25 timed out while sending the message
  )");
}

BOOST_AUTO_TEST_CASE(a_body_that_moves_does_not_time_out) {
  SessionBench session(settings());
  session.give(make_transaction("a@x.example"));
  BOOST_TEST(play(&session, kPipelining + R"(
      C: MAIL FROM:<l-bounces@lists.example>
      C: RCPT TO:<a@x.example>
      C: DATA
      S: 250 ok
      S: 250 ok
      S: 354 go
      C: (20 octets)
      C: .)",
                  Feed::kWhole) == "");
  for (int i = 0; i < 10; ++i) {
    session.pass(std::chrono::minutes(2));
    session.session().on_write_progress(session.now());
  }
  BOOST_TEST(!session.done());
  session.pass(std::chrono::minutes(3));
  BOOST_TEST(session.done());
}

BOOST_AUTO_TEST_CASE(personal_copies_have_their_own_sender_and_header) {
  bench::PostOptions options;
  options.sender = "l-bounces+{verp}@lists.example";
  options.header = "List-Unsubscribe: <mailto:l-unsubscribe+{leave}@lists.example>\r\nX-To: {address}\r\n";
  const auto post = make_post(options);
  Transaction both = make_transaction("ann@x.example \"bob@x.example", post);
  Transaction first = both, second = both;
  first.indices = {0};
  second.indices = {1};
  SessionBench session(settings());
  session.give(first);
  session.give(second);
  BOOST_TEST(play(&session, kPipelining, Feed::kWhole) != "");  // more is said than the script has
  session.take_written();
  session.feed("250 ok\r\n250 ok\r\n354 go\r\n");
  BOOST_TEST(session.take_written() ==
             "List-Unsubscribe: <mailto:l-unsubscribe+l1@lists.example>\r\nX-To: ann@x.example\r\n"
             "Subject: x\r\n\r\nbody\r\n.\r\n");
  session.drained();
  session.feed("250 ok\r\n");
  BOOST_TEST(session.take_written() ==
             "MAIL FROM:<l-bounces+v2@lists.example>\r\nRCPT TO:<\"\\\"bob\"@x.example>\r\nDATA\r\n");
  session.feed("250 ok\r\n250 ok\r\n354 go\r\n");
  BOOST_TEST(session.take_written() ==
             "List-Unsubscribe: <mailto:l-unsubscribe+l2@lists.example>\r\nX-To: \"\\\"bob\"@x.example\r\n"
             "Subject: x\r\n\r\nbody\r\n.\r\n");
}

BOOST_AUTO_TEST_CASE(what_cannot_be_sent_never_reaches_the_wire) {
  Transaction odd = make_transaction("a@x.example b@x.example c@x.example");
  auto batch = std::make_shared<ActiveBatch>(*odd.batch);
  batch->recipients[0].local = "a>\r\nRSET";
  batch->recipients[2].domain = "x.example> SIZE=1";
  odd.batch = batch;
  Transaction none = odd;
  none.batch = std::make_shared<ActiveBatch>(*batch);
  none.indices = {0};
  bench::PostOptions header, sender, slots, endless;
  header.header = "A: b\nC: d\r\n";
  sender.sender = "a>\r\nRSET\r\n";
  slots.sender = "{verp}@x";
  endless.wire = "no end\r\n";
  check({{none, make_transaction("a@x.example", make_post(header)),
          make_transaction("a@x.example", make_post(sender)),
          make_transaction("a@x.example b@x.example", make_post(slots)),
          make_transaction("a@x.example", make_post(endless)), odd}},
        kPlain + R"(
    O: 0 failed rcpt 501 5.1.3 the address cannot be sent by SMTP [ours]
    O: 0 deferred mail 451 4.6.0 the private header block cannot be sent [ours]
    O: 0 deferred mail 451 4.1.7 the envelope sender cannot be sent [ours]
    O: 0 deferred mail 451 4.3.5 a personal copy was given for several recipients at once [ours]
    O: 1 deferred mail 451 4.3.5 a personal copy was given for several recipients at once [ours]
    O: 0 deferred mail 451 4.6.0 the stored rendering has no end [ours]
    O: 0 failed rcpt 501 5.1.3 the address cannot be sent by SMTP [ours]
    O: 2 failed rcpt 501 5.1.3 the address cannot be sent by SMTP [ours]
    C: MAIL FROM:<l-bounces@lists.example>
    S: 250 ok
    C: RCPT TO:<b@x.example>
    S: 250 ok
    C: DATA
    S: 354 go
    C: (20 octets)
    C: .
    S: 250 ok
    O: 1 delivered final-dot 250 ok
    ! pass 5s
    C: QUIT
    E: ready orderly lost idle
  )");
}

BOOST_AUTO_TEST_CASE(chained_transactions_follow_the_final_dot) {
  Case chained{
      {make_transaction("a@x.example"), make_transaction("b@x.example"), make_transaction("c@x.example")}};
  chained.with.chain_transactions = true;
  check(chained, kPipelining + R"(
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
    S: 250 queued
    S: 250 ok
    S: 250 ok
    S: 354 go
    O: 0 delivered final-dot 250 queued
    C: (20 octets)
    C: .
    C: MAIL FROM:<l-bounces@lists.example>
    C: RCPT TO:<c@x.example>
    C: DATA
    ! close
    O: 0 deferred final-dot 451 4.4.2 lost connection with mx[192.0.2.1]:25 while sending the message [ours]
    O: 0 returned lost 451 4.4.2 lost connection with mx[192.0.2.1]:25 while sending the message [ours]
    E: ready lost 451 4.4.2 lost connection with mx[192.0.2.1]:25 while sending the message
  )");
}

BOOST_AUTO_TEST_SUITE_END()
