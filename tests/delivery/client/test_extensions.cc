// CHUNKING, DSN, LIMITS, SMTPUTF8 and 8BITMIME as transcripts; and what must not be taken for a failure.
#include <boost/test/unit_test.hpp>

#include "delivery/client/chunking_refusals.h"
#include "delivery/mailbox_text.h"
#include "tests/delivery/client/session_bench.h"

using namespace essaim;
using namespace essaim::delivery;
using bench::Feed;
using bench::make_post;
using bench::make_transaction;
using bench::play;
using bench::PostOptions;
using bench::SessionBench;

namespace {

const std::string kBody = "Subject: x\r\n\r\n.body\r\n";  // 21 octets; stuffed, 22

struct Case {
  std::vector<Transaction> work;
  bool chunking = false;
};

void check(const Case& what, std::string_view script) {
  for (const Feed feed : {Feed::kWhole, Feed::kByteByByte}) {
    CourierSettings settings;
    settings.helo = "us.example";
    if (what.chunking) settings.chunking = std::make_shared<ChunkingRefusals>();
    SessionBench session(settings);
    for (const auto& transaction : what.work) session.give(transaction);
    const std::string difference = play(&session, script, feed);
    BOOST_TEST(difference == "", (feed == Feed::kWhole ? "whole: " : "byte by byte: ") << difference);
  }
}

// A greeting that ends with these keywords, separated by ",".
std::string greeting(const std::string& keywords) {
  std::string out = "S: 220 mx\nC: EHLO us.example\n";
  std::string rest = keywords;
  out += "S: 250-mx\n";
  while (true) {
    const std::size_t comma = rest.find(',');
    out += "S: 250" + std::string(comma == std::string::npos ? " " : "-") + rest.substr(0, comma) + "\n";
    if (comma == std::string::npos) break;
    rest.erase(0, comma + 1);
  }
  return out + "R:\n";
}

PostOptions chunky() {
  PostOptions options;
  options.wire = "Subject: x\r\n\r\n..body\r\n.\r\n";
  options.plain = kBody;
  return options;
}

PostOptions utf8_post(bool with_7bit) {
  PostOptions options;
  options.smtputf8 = true;
  options.eight_bit = true;
  options.wire = "Subject: \xc3\xa9\r\n\r\nbody\r\n.\r\n";
  if (with_7bit) options.wire_7bit = "Subject: =?UTF-8?Q?=C3=A9?=\r\n\r\nbody\r\n.\r\n";
  return options;
}

const std::string kIdle = "! pass 5s\nC: QUIT\nE: ready orderly lost idle\n";

}  // namespace

BOOST_AUTO_TEST_SUITE(extensions)

// ---- CHUNKING ----

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

BOOST_AUTO_TEST_CASE(the_chunk_is_the_private_block_and_the_unstuffed_message) {
  PostOptions options = chunky();
  options.header = "X-To: {address}\r\n";
  CourierSettings settings;
  settings.helo = "us.example";
  settings.chunking = std::make_shared<ChunkingRefusals>();
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
  settings.chunking = std::make_shared<ChunkingRefusals>();
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
  ChunkingRefusals refusals;
  const MonoTime now{std::chrono::hours(1)};
  refusals.add("mx", now);
  BOOST_TEST(refusals.knows("mx", now + std::chrono::hours(23)));
  BOOST_TEST(!refusals.knows("mx", now + std::chrono::hours(24)));
  BOOST_TEST(!refusals.knows("other", now));
  for (std::size_t i = 0; i < 2 * ChunkingRefusals::kMost; ++i) refusals.add(std::to_string(i), now);
  BOOST_TEST(refusals.size() == ChunkingRefusals::kMost);
  BOOST_TEST(!refusals.knows("mx", now));
  BOOST_TEST(refusals.knows(std::to_string(2 * ChunkingRefusals::kMost - 1), now));
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
  PostOptions odd = chunky();
  odd.plain = "no end of line";
  check({{make_transaction("a@x.example", make_post(odd))}, true}, data);
}

// ---- DSN ----

BOOST_AUTO_TEST_CASE(dsn_parameters_go_to_servers_that_know_them) {
  PostOptions options;
  options.dsn_return = DsnReturn::kHeaders;
  options.dsn_envelope_id = "QQ314+2B159";
  Transaction work = make_transaction("a@x.example b@x.example c@x.example", make_post(options));
  auto batch = std::make_shared<ActiveBatch>(*work.batch);
  batch->dsn = {{"SUCCESS,FAILURE", "rfc822;Alice+2Btag@x.example"}, {}, {"NEVER", "rfc822;no\r\nRSET"}};
  work.batch = batch;
  check({{work}}, greeting("PIPELINING,DSN") + R"(
    C: MAIL FROM:<l-bounces@lists.example> RET=HDRS ENVID=QQ314+2B159
    C: RCPT TO:<a@x.example> NOTIFY=SUCCESS,FAILURE ORCPT=rfc822;Alice+2Btag@x.example
    C: RCPT TO:<b@x.example>
    C: RCPT TO:<c@x.example> NOTIFY=NEVER
    C: DATA
    S: 250 ok
    S: 250 ok
    S: 250 ok
    S: 550 no
    S: 354 go
    O: 2 failed rcpt 550 no
    C: (20 octets)
    C: .
    S: 250 ok
    O: 0 delivered final-dot 250 ok [dsn]
    O: 1 delivered final-dot 250 ok [dsn]
  )" + kIdle);
  check({{work}}, greeting("PIPELINING") + R"(
    C: MAIL FROM:<l-bounces@lists.example>
    C: RCPT TO:<a@x.example>
    C: RCPT TO:<b@x.example>
    C: RCPT TO:<c@x.example>
    C: DATA
    S: 250 ok
    S: 250 ok
    S: 250 ok
    S: 250 ok
    S: 354 go
    C: (20 octets)
    C: .
    S: 250 ok
    O: 0 delivered final-dot 250 ok
    O: 1 delivered final-dot 250 ok
    O: 2 delivered final-dot 250 ok
  )" + kIdle);
}

BOOST_AUTO_TEST_CASE(a_parameter_value_is_xtext_or_is_not_sent) {
  for (const char* good : {"a", "NEVER", "QQ+2B", "rfc822;x@y"}) BOOST_TEST(is_safe_xtext(good, 20), good);
  for (const char* bad :
       {"", "a b", "a=b", "a+2b", "a+", "a+2", "a\r", "\xc3\xa9", "much too long for the limit"})
    BOOST_TEST(!is_safe_xtext(bad, 20), bad);
}

// ---- LIMITS ----

BOOST_AUTO_TEST_CASE(announced_limits_cut_transactions_and_connections) {
  check({{make_transaction("a@x.example b@x.example c@x.example"), make_transaction("d@x.example")}},
        greeting("PIPELINING,LIMITS RCPTMAX=2 MAILMAX=2 FUTURE=x") + R"(
    C: MAIL FROM:<l-bounces@lists.example>
    C: RCPT TO:<a@x.example>
    C: RCPT TO:<b@x.example>
    C: DATA
    S: 250 ok
    S: 250 ok
    S: 250 ok
    S: 354 go
    C: (20 octets)
    C: .
    S: 250 ok
    O: 0 delivered final-dot 250 ok
    O: 1 delivered final-dot 250 ok
    C: MAIL FROM:<l-bounces@lists.example>
    C: RCPT TO:<c@x.example>
    C: DATA
    S: 250 ok
    S: 250 ok
    S: 354 go
    C: (20 octets)
    C: .
    S: 250 ok
    O: 2 delivered final-dot 250 ok
    C: QUIT
    E: ready orderly lost limit of transactions reached
  )");
}

BOOST_AUTO_TEST_CASE(recipients_beyond_the_limit_share_the_fate_of_the_connection) {
  const std::string begin = greeting("PIPELINING,LIMITS RCPTMAX=1 MAILMAX=1") + R"(
    C: MAIL FROM:<l-bounces@lists.example>
    C: RCPT TO:<a@x.example>
    C: DATA
  )";
  check({{make_transaction("a@x.example b@x.example")}}, begin + R"(
    S: 550 no
    S: 503 no
    S: 503 no
    O: 0 failed mail 550 no
    C: QUIT
    O: 1 returned lost 451 4.4.2 limit of transactions reached [ours]
    E: ready orderly lost limit of transactions reached
  )");
  check({{make_transaction("a@x.example b@x.example")}}, begin + R"(
    ! reset
    O: 0 deferred lost 451 4.4.2 lost connection with mx[192.0.2.1]:25 (connection reset) while waiting for replies to the envelope [ours]
    O: 1 returned lost 451 4.4.2 lost connection with mx[192.0.2.1]:25 (connection reset) while waiting for replies to the envelope [ours]
    E: ready lost 451 4.4.2 lost connection with mx[192.0.2.1]:25 (connection reset) while waiting for replies to the envelope
  )");
}

BOOST_AUTO_TEST_CASE(a_limit_of_domains_ends_the_connection_before_the_next_one) {
  check({{make_transaction("a@x.example"), make_transaction("b@x.example"), make_transaction("c@y.example")}},
        greeting("PIPELINING,LIMITS RCPTDOMAINMAX=1") + R"(
    C: MAIL FROM:<l-bounces@lists.example>
    C: RCPT TO:<a@x.example>
    C: DATA
    S: 550 no
    S: 503 no
    S: 503 no
    O: 0 failed mail 550 no
    C: MAIL FROM:<l-bounces@lists.example>
    C: RCPT TO:<b@x.example>
    C: DATA
    S: 550 no
    S: 503 no
    S: 503 no
    O: 0 failed mail 550 no
    C: QUIT
    O: 0 returned lost 451 4.4.2 limit of domains reached [ours]
    E: ready orderly lost limit of domains reached
  )");
}

BOOST_AUTO_TEST_CASE(a_limit_told_only_by_a_refusal_is_kept_to_from_then_on) {
  check({{make_transaction("a@x.example b@x.example"), make_transaction("c@x.example d@x.example")}},
        greeting("PIPELINING") + R"(
    C: MAIL FROM:<l-bounces@lists.example>
    C: RCPT TO:<a@x.example>
    C: RCPT TO:<b@x.example>
    C: DATA
    S: 250 ok
    S: 250 ok
    S: 452 4.5.3 enough
    S: 354 go
    O: 1 returned rcpt 452 4.5.3 enough
    C: (20 octets)
    C: .
    S: 250 ok
    O: 0 delivered final-dot 250 ok
    C: MAIL FROM:<l-bounces@lists.example>
    C: RCPT TO:<c@x.example>
    C: DATA
    S: 250 ok
    S: 450 4.2.0 greylisted
    S: 503 nobody
    O: 0 deferred rcpt 450 4.2.0 greylisted
    C: RSET
    C: MAIL FROM:<l-bounces@lists.example>
    C: RCPT TO:<d@x.example>
    C: DATA
    ! close
    O: 1 returned lost 451 4.4.2 lost connection with mx[192.0.2.1]:25 while waiting for replies to the envelope [ours]
    E: ready lost 451 4.4.2 lost connection with mx[192.0.2.1]:25 while waiting for replies to the envelope
  )");
}

BOOST_AUTO_TEST_CASE(limits_that_make_no_sense_are_none) {
  for (const char* text :
       {"LIMITS", "LIMITS RCPTMAX", "LIMITS RCPTMAX=", "LIMITS RCPTMAX=0", "LIMITS RCPTMAX=-1",
        "LIMITS RCPTMAX=1000000", "LIMITS RCPTMAX=1x", "LIMITS =5", "LIMITS  "}) {
    BOOST_TEST(parse_capabilities("mx\n" + std::string(text)).recipients_max == 0U, text);
  }
  const auto good = parse_capabilities("mx\nlimits  mailmax=999999 RCPTDOMAINMAX=3 rcptmax=20");
  BOOST_TEST(good.mails_max == 999'999U);
  BOOST_TEST(good.domains_max == 3U);
  BOOST_TEST(good.recipients_max == 20U);
}

// ---- SMTPUTF8 and 8BITMIME ----

BOOST_AUTO_TEST_CASE(smtputf8_is_asked_for_when_the_message_or_an_address_needs_it) {
  const std::string keywords = greeting("PIPELINING,8BITMIME,SMTPUTF8");
  check({{make_transaction("a@x.example", make_post(utf8_post(true)))}}, keywords + R"(
    C: MAIL FROM:<l-bounces@lists.example> BODY=8BITMIME SMTPUTF8
    C: RCPT TO:<a@x.example>
    C: DATA
    S: 250 ok
    S: 250 ok
    S: 354 go
    C: (21 octets)
    C: .
    S: 250 ok
    O: 0 delivered final-dot 250 ok
  )" + kIdle);
  check({{make_transaction("jos\xc3\xa9@x.example b@\xc3\xa9.example")}}, keywords + R"(
    C: MAIL FROM:<l-bounces@lists.example> SMTPUTF8
)" + "C: RCPT TO:<jos\xc3\xa9@x.example>\nC: RCPT TO:<b@\xc3\xa9.example>\n" + R"(
    C: DATA
    S: 250 ok
    S: 250 ok
    S: 250 ok
    S: 354 go
    C: (20 octets)
    C: .
    S: 250 ok
    O: 0 delivered final-dot 250 ok
    O: 1 delivered final-dot 250 ok
  )" + kIdle);
}

BOOST_AUTO_TEST_CASE(without_smtputf8_the_rendering_in_ascii_goes_out) {
  PostOptions chunked = utf8_post(true);
  chunked.plain = "Subject: \xc3\xa9\r\n\r\nbody\r\n";
  for (const auto& options : {utf8_post(true), chunked})
    check({{make_transaction("a@x.example", make_post(options))}, true},
          greeting("PIPELINING,8BITMIME,CHUNKING") + R"(
    C: MAIL FROM:<l-bounces@lists.example>
    C: RCPT TO:<a@x.example>
    C: DATA
    S: 250 ok
    S: 250 ok
    S: 354 go
    C: (37 octets)
    C: .
    S: 250 ok
    O: 0 delivered final-dot 250 ok
  )" + kIdle);
}

BOOST_AUTO_TEST_CASE(what_needs_smtputf8_and_cannot_do_without_fails_by_itself) {
  PostOptions sender;
  sender.sender = "\xc3\xa9@lists.example";
  check({{make_transaction("a@x.example", make_post(utf8_post(false))),
          make_transaction("a@x.example", make_post(sender)),
          make_transaction("jos\xc3\xa9@x.example b@x.example")}},
        greeting("PIPELINING,8BITMIME") + R"(
    O: 0 failed mail 550 5.6.7 SMTPUTF8 is required and not offered by mx[192.0.2.1]:25 [ours] [message]
    O: 0 failed mail 550 5.6.7 SMTPUTF8 is required and not offered by mx[192.0.2.1]:25 [ours] [message]
    O: 0 failed rcpt 550 5.6.7 SMTPUTF8 is required and not offered by mx[192.0.2.1]:25 [ours] [message]
    C: MAIL FROM:<l-bounces@lists.example>
    C: RCPT TO:<b@x.example>
    C: DATA
    S: 250 ok
    S: 250 ok
    S: 354 go
    C: (20 octets)
    C: .
    S: 250 ok
    O: 1 delivered final-dot 250 ok
  )" + kIdle);
}

BOOST_AUTO_TEST_CASE(without_8bitmime_the_rendering_in_ascii_goes_out_if_there_is_one) {
  PostOptions options;
  options.eight_bit = true;
  options.wire = "Subject: x\r\n\r\n\xc3\xa9\r\n.\r\n";
  const std::string rest = R"(
    C: MAIL FROM:<l-bounces@lists.example>
    C: RCPT TO:<a@x.example>
    C: DATA
    S: 250 ok
    S: 250 ok
    S: 354 go
    C: (%)
    C: .
    S: 250 ok
    O: 0 delivered final-dot 250 ok
  )" + kIdle;
  const auto with = [&](const char* octets) {
    std::string out = greeting("PIPELINING") + rest;
    return out.replace(out.find('%'), 1, octets);
  };
  check({{make_transaction("a@x.example", make_post(options))}}, with("18 octets"));
  options.wire_7bit = "Subject: x\r\n\r\n=C3=A9\r\n.\r\n";
  check({{make_transaction("a@x.example", make_post(options))}}, with("22 octets"));
}

BOOST_AUTO_TEST_CASE(an_address_in_utf8_cannot_leave_its_place) {
  for (const char* bad : {"a\xc2\x85@", "\xc3(", "\xff", "\xed\xa0\x80", "a\r\n\xc3\xa9"}) {
    std::string out;
    BOOST_TEST(!append_mailbox(bad, "x.example", &out, true), bad);
    BOOST_TEST(!append_mailbox("a", bad, &out, true), bad);
    BOOST_TEST(!is_safe_reverse_path(bad, true), bad);
    BOOST_TEST(out == "");
  }
  std::string out;
  BOOST_TEST(append_mailbox("jos\xc3\xa9 \"x\"", "x.example", &out, true));
  BOOST_TEST(out == "\"jos\xc3\xa9 \\\"x\\\"\"@x.example");
  BOOST_TEST(!append_mailbox("jos\xc3\xa9", "x.example", &out));
}

// ---- what is no failure ----

BOOST_AUTO_TEST_CASE(a_connection_that_went_while_idle_costs_nobody_anything) {
  const std::string reused = greeting("PIPELINING") + R"(
    C: MAIL FROM:<l-bounces@lists.example>
    C: RCPT TO:<a@x.example>
    C: DATA
    S: 250 ok
    S: 250 ok
    S: 354 go
    C: (20 octets)
    C: .
    S: 250 ok
    O: 0 delivered final-dot 250 ok
  )";
  // Idle: nothing is told but the end.
  check({{make_transaction("a@x.example")}}, reused + R"(
    ! reset
    E: ready lost closed by the peer while idle
  )");
  // Its end crossed our next envelope: the work is for another connection, at once.
  for (const char* end : {"! close\n", "! reset\n"}) {
    CourierSettings settings;
    settings.helo = "us.example";
    SessionBench session(settings);
    session.give(make_transaction("a@x.example"));
    session.give(make_transaction("b@x.example"));
    play(&session,
         reused + "C: MAIL FROM:<l-bounces@lists.example>\nC: RCPT TO:<b@x.example>\nC: DATA\n" + end,
         Feed::kWhole);
    BOOST_TEST(session.done());
    BOOST_TEST(session.violation() == "");
    const auto& second = session.outcomes().at({session.taken()[1].batch.get(), 0}).at(0);
    BOOST_TEST((second.kind == Outcome::Kind::kReturned));
  }
  check({{make_transaction("a@x.example"), make_transaction("b@x.example")}}, reused + R"(
    C: MAIL FROM:<l-bounces@lists.example>
    C: RCPT TO:<b@x.example>
    C: DATA
    S: 421 4.4.2 idle too long
    O: 0 returned mail 421 4.4.2 idle too long
    E: ready lost 421 4.4.2 idle too long
  )");
}

BOOST_AUTO_TEST_CASE(greylisting_defers_those_it_names) {
  check({{make_transaction("a@x.example b@x.example")}}, greeting("PIPELINING") + R"(
    C: MAIL FROM:<l-bounces@lists.example>
    C: RCPT TO:<a@x.example>
    C: RCPT TO:<b@x.example>
    C: DATA
    S: 250 ok
    S: 450 4.7.1 greylisted, see you in 5 minutes
    S: 250 ok
    S: 354 go
    O: 0 deferred rcpt 450 4.7.1 greylisted, see you in 5 minutes
    C: (20 octets)
    C: .
    S: 451 4.7.1 greylisted at the end
    O: 1 deferred final-dot 451 4.7.1 greylisted at the end
  )" + kIdle);
}

BOOST_AUTO_TEST_SUITE_END()
