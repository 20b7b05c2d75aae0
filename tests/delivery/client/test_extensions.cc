// DSN, LIMITS, SMTPUTF8 and 8BITMIME as transcripts; and what must not be taken for a failure.
#include <boost/test/unit_test.hpp>

#include "delivery/client/recipient_limits.h"
#include "delivery/mailbox_text.h"
#include "tests/delivery/client/extension_cases.h"

using namespace essaim;
using namespace essaim::delivery;
using namespace essaim::delivery::bench;

BOOST_AUTO_TEST_SUITE(extensions)

// ---- REQUIRETLS (RFC 8689 §4.2.1) ----

namespace {

const std::string kOneMessage = R"(
    C: RCPT TO:<a@x.example>
    S: 250 ok
    C: DATA
    S: 354 go
    C: (20 octets)
    C: .
    S: 250 ok
    O: 0 delivered final-dot 250 ok
)";
// What is said in clear is no promise.
const std::string kUnderTls =
    "S: 220 mx\nC: EHLO us.example\nS: 250-mx\nS: 250-REQUIRETLS\nS: 250 STARTTLS\nC: STARTTLS\n"
    "S: 220 go\nT:\n! tls ok\nC: EHLO us.example\nS: 250-mx\n";

}  // namespace

BOOST_AUTO_TEST_CASE(requiretls_is_asked_for_where_it_is_offered_under_tls) {
  for (const RequireTls asked : {RequireTls::kAlways, RequireTls::kWhereOffered})
    check({.work = {make_transaction("a@x.example")}, .require_tls = asked},
          kUnderTls +
              "S: 250 REQUIRETLS\nR:\nC: MAIL FROM:<l-bounces@lists.example> REQUIRETLS\nS: 250 ok\n" +
              kOneMessage + kIdle);
  check({.work = {make_transaction("a@x.example")}},
        kUnderTls + "S: 250 REQUIRETLS\nR:\nC: MAIL FROM:<l-bounces@lists.example>\nS: 250 ok\n" +
            kOneMessage + kIdle);
}

BOOST_AUTO_TEST_CASE(a_host_that_does_not_offer_requiretls_gets_a_report_about_such_mail_and_nothing_else) {
  check(
      {.work = {make_transaction("a@x.example")}, .require_tls = RequireTls::kAlways},
      kUnderTls +
          "S: 250 SIZE\nC: QUIT\nE: unusable ehlo 550 5.7.30 mx[192.0.2.1]:25 does not offer REQUIRETLS, for "
          "which the message asks\n");
  check({.work = {make_transaction("a@x.example")}, .require_tls = RequireTls::kWhereOffered},
        kUnderTls + "S: 250 8BITMIME\nR:\nC: MAIL FROM:<l-bounces@lists.example>\nS: 250 ok\n" + kOneMessage +
            kIdle);
}

BOOST_AUTO_TEST_CASE(without_starttls_mail_with_requiretls_is_given_up_and_after_a_refused_one_put_off) {
  const std::string clear = "S: 220 mx\nC: EHLO us.example\nS: 250-mx\nS: 250-REQUIRETLS\n";
  check({.work = {make_transaction("a@x.example")}, .require_tls = RequireTls::kAlways},
        clear +
            "S: 250 SIZE\nC: QUIT\nE: unusable tls 550 5.7.10 mx[192.0.2.1]:25 offers no STARTTLS, and TLS "
            "is required "
            "(REQUIRETLS)\n");
  check({.work = {make_transaction("a@x.example")}, .require_tls = RequireTls::kAlways},
        clear +
            "S: 250 STARTTLS\nC: STARTTLS\nS: 454 4.3.0 not now\nE: unusable tls 451 4.7.10 mx[192.0.2.1]:25 "
            "refused "
            "STARTTLS (454 4.3.0 not now), and TLS is required (REQUIRETLS)\n");
  check({.work = {make_transaction("a@x.example")}, .require_tls = RequireTls::kAlways},
        clear +
            "S: 250 STARTTLS\nC: STARTTLS\nS: 220 go\nT:\n! tls fail\nE: unusable tls 451 4.7.5 TLS with "
            "mx[192.0.2.1]:25 failed: handshake failure while negotiating TLS\n");
}

BOOST_AUTO_TEST_CASE(to_ourselves_the_request_goes_without_tls) {
  for (const RequireTls asked : {RequireTls::kAlways, RequireTls::kWhereOffered})
    check({.work = {make_transaction("a@x.example")}, .require_tls = asked, .in_clear = true},
          greeting("REQUIRETLS") + "C: MAIL FROM:<l-bounces@lists.example> REQUIRETLS\nS: 250 ok\n" +
              kOneMessage + kIdle);
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
    O: 0 failed mail 550 no [message]
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
    O: 0 failed mail 550 no [message]
    C: MAIL FROM:<l-bounces@lists.example>
    C: RCPT TO:<b@x.example>
    C: DATA
    S: 550 no
    S: 503 no
    S: 503 no
    O: 0 failed mail 550 no [message]
    C: QUIT
    O: 0 returned lost 451 4.4.2 limit of domains reached [ours]
    E: ready orderly lost limit of domains reached
  )");
}

// As to a smart host.
BOOST_AUTO_TEST_CASE(a_transaction_to_more_domains_than_the_limit_is_cut) {
  check({{make_transaction("a@x.example b@y.example c@z.example d@x.example")}},
        greeting("PIPELINING,LIMITS RCPTDOMAINMAX=2") + R"(
    C: MAIL FROM:<l-bounces@lists.example>
    C: RCPT TO:<a@x.example>
    C: RCPT TO:<b@y.example>
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
    C: QUIT
    O: 2 returned lost 451 4.4.2 limit of domains reached [ours]
    O: 3 returned lost 451 4.4.2 limit of domains reached [ours]
    E: ready orderly lost limit of domains reached
  )");
  check({{make_transaction("a@x.example b@x.example c@y.example")}},
        greeting("PIPELINING,LIMITS RCPTMAX=1 RCPTDOMAINMAX=1") + R"(
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
    C: QUIT
    O: 2 returned lost 451 4.4.2 limit of domains reached [ours]
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

// Rows: what the host does when it has had enough. Nobody would be served if the next connection brought as many.
BOOST_AUTO_TEST_CASE(a_host_that_ends_the_connection_over_too_many_recipients_gets_fewer_on_the_next_one) {
  const struct {
    const char *reply, *act, *why;
  } rows[] = {
      {"421 4.5.3 enough", "", "421 4.5.3 enough"},
      {"421 too many recipients", "", "421 too many recipients"},
      {"452 4.5.3 enough", "! close\n",
       "451 4.4.2 lost connection with mx[192.0.2.1]:25 while waiting for replies to the envelope"},
  };
  for (const auto& row : rows)
    for (const bool remembers : {true, false}) {
      CourierSettings settings;
      settings.helo = "us.example";
      if (remembers) settings.recipient_limits = std::make_shared<RecipientLimits>();
      const std::string ours = *row.act == 0 ? "" : " [ours]";
      SessionBench first(settings);
      first.give(make_transaction("a@x.example b@x.example"));
      BOOST_TEST(play(&first,
                      greeting("PIPELINING") +
                          "C: MAIL FROM:<l-bounces@lists.example>\nC: RCPT TO:<a@x.example>\n"
                          "C: RCPT TO:<b@x.example>\nC: DATA\nS: 250 ok\nS: 250 ok\nS: " +
                          row.reply + "\nO: 1 returned rcpt " + row.reply + "\n" + row.act + "O: 0 " +
                          (remembers ? "returned" : "deferred") + " lost " + row.why + ours +
                          "\nE: ready lost " + row.why + "\n",
                      Feed::kWhole) == "");
      if (!remembers) continue;
      SessionBench next(settings);
      next.give(make_transaction("a@x.example b@x.example"));
      BOOST_TEST(play(&next,
                      greeting("X") + "C: MAIL FROM:<l-bounces@lists.example>\nS: 250 ok\n" + kOneMessage +
                          "C: MAIL FROM:<l-bounces@lists.example>\nS: 250 ok\n"
                          "C: RCPT TO:<b@x.example>\nS: 250 ok\nC: DATA\nS: 354 go\nC: (20 octets)\n"
                          "C: .\nS: 250 ok\nO: 1 delivered final-dot 250 ok\n" +
                          kIdle,
                      Feed::kWhole) == "");
    }
}

BOOST_AUTO_TEST_CASE(learned_limits_shrink_and_are_forgotten_after_an_hour) {
  RecipientLimits limits;
  const MonoTime now{std::chrono::hours(1)};
  BOOST_TEST(limits.of("a", now) == 0U);
  limits.learn("a", 5, now);
  limits.learn("a", 7, now);
  BOOST_TEST(limits.of("a", now) == 5U);
  limits.learn("a", 3, now);
  BOOST_TEST(limits.of("a", now) == 3U);
  BOOST_TEST(limits.of("b", now) == 0U);
  const MonoTime later = now + RecipientLimits::kTime;
  BOOST_TEST(limits.of("a", later) == 0U);
  limits.learn("a", 7, later);
  BOOST_TEST(limits.of("a", later) == 7U);
  for (std::size_t i = 0; i < RecipientLimits::kMost; ++i) limits.learn("x" + std::to_string(i), 1, later);
  BOOST_TEST(limits.size() == RecipientLimits::kMost);
  BOOST_TEST(limits.of("a", later) == 0U);
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
