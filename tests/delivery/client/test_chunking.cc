// CHUNKING (RFC 3030) as transcripts.
#include <boost/test/unit_test.hpp>

#include "tests/delivery/client/extension_cases.h"
#include "tests/support/wire_form.h"

using namespace essaim;
using namespace essaim::delivery;
using namespace essaim::delivery::bench;

BOOST_AUTO_TEST_SUITE(chunking)

BOOST_AUTO_TEST_CASE(with_chunking_a_whole_transaction_is_one_turn) {
  const auto post = make_post(chunky());
  check({{make_transaction("a@x.example b@x.example", post), make_transaction("c@x.example", post)}, true},
        greeting("PIPELINING,CHUNKING") + R"(
    C: MAIL FROM:<l-bounces@lists.example>
    C: RCPT TO:<a@x.example>
    C: RCPT TO:<b@x.example>
    C: BDAT 21 LAST
    C: (21 octets)
    S: 250 ok
    S: 550 5.1.1 unknown
    S: 250 ok
    S: 250 2.0.0 queued
    O: 0 failed rcpt 550 5.1.1 unknown
    O: 1 delivered final-dot 250 2.0.0 queued
    C: MAIL FROM:<l-bounces@lists.example>
    C: RCPT TO:<c@x.example>
    C: BDAT 21 LAST
    C: (21 octets)
    S: 250 ok
    S: 250 ok
    S: 250 queued
    O: 0 delivered final-dot 250 queued
  )" + kIdle);
}

BOOST_AUTO_TEST_CASE(an_envelope_that_is_not_answered_has_its_own_time_though_the_chunk_is_out) {
  const std::string envelope_answered = "S: 250 ok\nS: 250 ok\n! pass 4m\n! pass 4m\n";  // ten minutes
  for (const std::string& before :
       {std::string(), std::string("S: 250 ok\n! pass 4m\n"), envelope_answered}) {
    BOOST_TEST_CONTEXT(before) {
      CourierSettings settings;
      settings.helo = "us.example";
      settings.chunking = std::make_shared<TroubledHosts>();
      SessionBench session(settings);
      session.give(make_transaction("a@x.example", make_post(chunky())));
      play(&session, greeting("PIPELINING,CHUNKING") + R"(
        C: MAIL FROM:<l-bounces@lists.example>
        C: RCPT TO:<a@x.example>
        C: BDAT 21 LAST
        C: (21 octets)
        ! drained
        )" + before + "! pass 5m\n! pass 0ms",
           Feed::kWhole);
      BOOST_REQUIRE_EQUAL(session.outcomes().size(), 1U);
      const Outcome& outcome = session.outcomes().begin()->second.at(0);
      BOOST_TEST((outcome.kind == Outcome::Kind::kDeferred));
      // It may have been taken all the same.
      BOOST_TEST((outcome.stage == Stage::kFinalDot));
      BOOST_TEST(session.violation() == "");
    }
  }
}

BOOST_AUTO_TEST_CASE(the_chunk_is_the_private_block_and_the_unstuffed_message) {
  PostOptions options = chunky();
  options.header = "X-To: {address}\r\n";
  CourierSettings settings;
  settings.helo = "us.example";
  settings.chunking = std::make_shared<TroubledHosts>();
  SessionBench session(settings);
  session.give(make_transaction("a@x.example", make_post(options)));
  session.session().on_connected(session.now());
  session.feed("220 mx\r\n");
  session.feed("250-mx\r\n250-PIPELINING\r\n250 CHUNKING\r\n");
  BOOST_TEST(session.take_written() ==
             "EHLO us.example\r\nMAIL FROM:<l-bounces@lists.example>\r\nRCPT TO:<a@x.example>\r\n"
             "BDAT 40 LAST\r\nX-To: a@x.example\r\n" +
                 kBody);
}

BOOST_AUTO_TEST_CASE(without_pipelining_the_chunk_has_a_turn_of_its_own) {
  check({{make_transaction("a@x.example", make_post(chunky()))}, true}, greeting("CHUNKING,SIZE") + R"(
    C: MAIL FROM:<l-bounces@lists.example> SIZE=21
    S: 250 ok
    C: RCPT TO:<a@x.example>
    S: 250 ok
    C: BDAT 21 LAST
    C: (21 octets)
    S: 250 queued
    O: 0 delivered final-dot 250 queued
  )" + kIdle);
}

BOOST_AUTO_TEST_CASE(a_large_message_waits_for_its_recipients) {
  PostOptions big = chunky();
  big.plain = std::string(69'998, 'x') + "\r\n";
  const auto post = make_post(big);
  check({{make_transaction("a@x.example", post), make_transaction("b@x.example", post)}, true},
        greeting("PIPELINING,CHUNKING") + R"(
    C: MAIL FROM:<l-bounces@lists.example>
    C: RCPT TO:<a@x.example>
    S: 250 ok
    S: 550 unknown
    O: 0 failed rcpt 550 unknown
    C: RSET
    C: MAIL FROM:<l-bounces@lists.example>
    C: RCPT TO:<b@x.example>
    S: 250 ok
    S: 250 ok
    S: 250 ok
    C: BDAT 70000 LAST
    C: (70,000 octets)
    S: 250 queued
    O: 0 delivered final-dot 250 queued
  )" + kIdle);
}

BOOST_AUTO_TEST_CASE(a_refused_chunk_is_followed_by_rset) {
  const auto post = make_post(chunky());
  check({{make_transaction("a@x.example", post), make_transaction("b@x.example", post)}, true},
        greeting("PIPELINING,CHUNKING") + R"(
    C: MAIL FROM:<l-bounces@lists.example>
    C: RCPT TO:<a@x.example>
    C: BDAT 21 LAST
    C: (21 octets)
    S: 250 ok
    S: 250 ok
    S: 554 5.6.0 no such mail
    O: 0 failed final-dot 554 5.6.0 no such mail [message]
    C: RSET
    C: MAIL FROM:<l-bounces@lists.example>
    C: RCPT TO:<b@x.example>
    C: BDAT 21 LAST
    C: (21 octets)
    S: 250 ok
    S: 250 ok
    S: 450 4.2.0 greylisted
    S: 503 5.5.1 nobody
    O: 0 deferred rcpt 450 4.2.0 greylisted
  )" + kIdle);
}

BOOST_AUTO_TEST_CASE(a_refused_sender_costs_the_chunk_and_nothing_else) {
  const auto post = make_post(chunky());
  check({{make_transaction("a@x.example", post), make_transaction("b@x.example")}, true},
        greeting("PIPELINING,CHUNKING") + R"(
    C: MAIL FROM:<l-bounces@lists.example>
    C: RCPT TO:<a@x.example>
    C: BDAT 21 LAST
    C: (21 octets)
    S: 451 4.7.1 later
    S: 503 no
    S: 503 no
    O: 0 deferred mail 451 4.7.1 later
    C: RSET
    C: MAIL FROM:<l-bounces@lists.example>
    C: RCPT TO:<b@x.example>
    C: DATA
    S: 250 ok
    S: 451 4.7.1 later
    S: 503 no
    S: 503 no
    O: 0 deferred mail 451 4.7.1 later
  )" + kIdle);
}

BOOST_AUTO_TEST_CASE(a_chunk_without_reply_may_have_arrived) {
  const auto post = make_post(chunky());
  check({{make_transaction("a@x.example b@x.example", post)}, true}, greeting("PIPELINING,CHUNKING") + R"(
    C: MAIL FROM:<l-bounces@lists.example>
    C: RCPT TO:<a@x.example>
    C: RCPT TO:<b@x.example>
    C: BDAT 21 LAST
    C: (21 octets)
    S: 250 ok
    S: 250 ok
    ! close
    O: 0 deferred final-dot 451 4.4.2 lost connection with mx[192.0.2.1]:25 while waiting for the reply to the end of the message [ours]
    O: 1 deferred final-dot 451 4.4.2 lost connection with mx[192.0.2.1]:25 while waiting for the reply to the end of the message [ours]
    E: ready lost 451 4.4.2 lost connection with mx[192.0.2.1]:25 while waiting for the reply to the end of the message
  )");
  // ... but not when the server has said good-bye before it.
  check({{make_transaction("a@x.example b@x.example", post)}, true}, greeting("PIPELINING,CHUNKING") + R"(
    C: MAIL FROM:<l-bounces@lists.example>
    C: RCPT TO:<a@x.example>
    C: RCPT TO:<b@x.example>
    C: BDAT 21 LAST
    C: (21 octets)
    S: 250 ok
    S: 421 4.3.2 bye
    O: 0 deferred rcpt 421 4.3.2 bye
    O: 1 returned lost 421 4.3.2 bye
    E: ready lost 421 4.3.2 bye
  )");
}

BOOST_AUTO_TEST_CASE(a_host_that_does_not_know_bdat_after_all_gets_data_on_the_next_connection) {
  CourierSettings settings;
  settings.helo = "us.example";
  settings.chunking = std::make_shared<TroubledHosts>();
  const auto post = make_post(chunky());
  SessionBench first(settings);
  first.give(make_transaction("a@x.example", post));
  BOOST_TEST(play(&first, greeting("PIPELINING,CHUNKING") + R"(
    C: MAIL FROM:<l-bounces@lists.example>
    C: RCPT TO:<a@x.example>
    C: BDAT 21 LAST
    C: (21 octets)
    S: 250 ok
    S: 250 ok
    S: 502 5.5.2 unknown command
    O: 0 returned data 502 5.5.2 unknown command
    E: ready lost 502 5.5.2 unknown command
  )",
                  Feed::kWhole) == "");
  SessionBench second(settings);
  second.give(make_transaction("a@x.example", post));
  BOOST_TEST(play(&second, greeting("PIPELINING,CHUNKING") + R"(
    C: MAIL FROM:<l-bounces@lists.example>
    C: RCPT TO:<a@x.example>
    C: DATA
    S: 250 ok
    S: 250 ok
    S: 354 go
    C: (22 octets)
    C: .
    S: 250 ok
    O: 0 delivered final-dot 250 ok
  )" + kIdle,
                  Feed::kWhole) == "");
}

BOOST_AUTO_TEST_CASE(refusals_of_chunking_are_forgotten_after_a_day_and_are_not_many) {
  TroubledHosts refusals;
  const MonoTime now{std::chrono::hours(1)};
  refusals.add("mx", now);
  BOOST_TEST(refusals.knows("mx", now + std::chrono::hours(23)));
  BOOST_TEST(!refusals.knows("mx", now + std::chrono::hours(24)));
  BOOST_TEST(!refusals.knows("other", now));
  for (std::size_t i = 0; i < 2 * TroubledHosts::kMost; ++i) refusals.add(std::to_string(i), now);
  BOOST_TEST(refusals.size() == TroubledHosts::kMost);
  BOOST_TEST(!refusals.knows("mx", now));
  BOOST_TEST(refusals.knows(std::to_string(2 * TroubledHosts::kMost - 1), now));
}

BOOST_AUTO_TEST_CASE(chunking_is_not_used_unasked) {
  const std::string data = greeting("PIPELINING,CHUNKING") + R"(
    C: MAIL FROM:<l-bounces@lists.example>
    C: RCPT TO:<a@x.example>
    C: DATA
    ! close
    O: 0 deferred lost 451 4.4.2 lost connection with mx[192.0.2.1]:25 while waiting for replies to the envelope [ours]
    E: ready lost 451 4.4.2 lost connection with mx[192.0.2.1]:25 while waiting for replies to the envelope
  )";
  check({{make_transaction("a@x.example", make_post(chunky()))}, false}, data);
  check({{make_transaction("a@x.example")}, true}, data);
  // With so many dots a chunk would be made of too many parts.
  PostOptions dotted = chunky();
  for (int i = 0; i < 100; ++i) dotted.plain += ".\r\n";
  check({{make_transaction("a@x.example", make_post(dotted))}, true}, data);
}

BOOST_AUTO_TEST_CASE(the_parts_of_a_stuffed_message_are_the_message) {
  const char* const messages[] = {"a\r\n",
                                  ".\r\n",
                                  "..\r\n",
                                  "a\r\n.\r\n",
                                  "a\r\n..\r\n.\r\n",
                                  ".a\r\n\r\n.b\r\n",
                                  "no end of line",
                                  "a.\r\n.b.\r\nc\r\n...\r\n"};
  for (const std::string message : messages) {
    const std::string wire = test::dot_stuffed_message(message);
    const ByteRanges plain = unstuffed(wire);
    std::string joined;
    for (const auto& [offset, length] : plain.ranges) joined += wire.substr(offset, length);
    BOOST_TEST(joined == (message.ends_with("\r\n") ? message : message + "\r\n"));
    BOOST_TEST(joined.size() == plain.octets);
  }
  for (const char* odd : {"", "a", "a\r\n", "a\r\n.", ".\r\n"}) BOOST_TEST(unstuffed(odd).ranges.empty());
  const std::string many = test::dot_stuffed_message("x\r\n.\r\n.\r\n.\r\n");
  BOOST_TEST(unstuffed(many, 4).ranges.size() == 4U);
  BOOST_TEST(unstuffed(many, 3).ranges.empty());
}

BOOST_AUTO_TEST_SUITE_END()
