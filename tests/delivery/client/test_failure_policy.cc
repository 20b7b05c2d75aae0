#include <set>

#include <boost/test/unit_test.hpp>

#include "delivery/failure_policy.h"
#include "delivery/refusals.h"

using namespace essaim;
using namespace essaim::delivery;
using V = Verdict;

BOOST_AUTO_TEST_SUITE(failure_policy)

namespace {

struct Row {
  Stage stage;
  int code;
  const char* enhanced;
  const char* text;
  bool from_peer, more_candidates, progress;
  Verdict verdict;
  bool bdat = false;
};

const Row kRows[] = {
    {Stage::kDns, 550, "5.1.2", "no such domain", false, false, false, V::kFail},
    {Stage::kDns, 556, "5.1.10", "null MX", false, false, false, V::kFail},
    {Stage::kDns, 451, "4.4.3", "name server silent", false, true, true, V::kDefer},
    {Stage::kConnect, 451, "4.4.1", "refused", false, true, false, V::kNextCandidate},
    {Stage::kConnect, 451, "4.4.1", "refused", false, false, false, V::kDefer},
    {Stage::kTls, 454, "4.7.5", "handshake", false, false, false, V::kDefer},
    {Stage::kBanner, 554, "5.7.1", "go away", true, true, false, V::kNextCandidate},
    {Stage::kBanner, 554, "5.7.1", "go away", true, false, false, V::kDefer},
    {Stage::kBanner, 421, "", "busy", true, true, false, V::kNextCandidate},
    {Stage::kEhlo, 550, "", "bad name", true, false, false, V::kDefer},
    {Stage::kEhlo, 450, "", "later", true, true, false, V::kNextCandidate},
    {Stage::kEhlo, 550, "5.7.30", "no REQUIRETLS", false, true, false, V::kNextCandidate},
    {Stage::kEhlo, 550, "5.7.30", "no REQUIRETLS", false, false, false, V::kFail},
    {Stage::kTls, 550, "5.7.10", "no STARTTLS", false, false, false, V::kFail},
    {Stage::kTls, 451, "4.7.10", "no STARTTLS", false, false, false, V::kDefer},
    {Stage::kBanner, 550, "5.7.10", "encrypt", true, false, false, V::kDefer},
    {Stage::kMail, 550, "5.7.1", "no", true, false, false, V::kFail},
    {Stage::kMail, 451, "4.7.1", "later", true, true, false, V::kDefer},
    {Stage::kMail, 452, "4.3.1", "disk full", true, true, false, V::kNextCandidate},
    {Stage::kMail, 452, "4.3.1", "disk full", true, false, false, V::kDefer},
    {Stage::kMail, 451, "4.1.8", "who are you", true, true, false, V::kDefer},
    {Stage::kMail, 421, "", "go away", true, true, false, V::kNextCandidate},
    {Stage::kMail, 421, "4.7.28", "too much from you", true, true, false, V::kDefer},
    {Stage::kMail, 451, "4.4.2", "silence", false, true, false, V::kNextCandidate},
    {Stage::kMail, 451, "4.3.5", "our mistake", false, true, false, V::kDefer},
    {Stage::kMail, 421, "", "too many messages", true, false, true, V::kReturn},
    {Stage::kMail, 421, "", "go away", true, false, false, V::kDefer},
    {Stage::kMail, 552, "5.3.4", "too big", false, false, true, V::kFail},
    {Stage::kRcpt, 550, "5.1.1", "unknown", true, false, true, V::kFail},
    {Stage::kRcpt, 550, "5.7.1", "policy", true, false, true, V::kFail},
    {Stage::kRcpt, 450, "4.2.0", "greylisted", true, false, true, V::kDefer},
    {Stage::kRcpt, 452, "4.5.3", "enough", true, false, true, V::kReturn},
    {Stage::kRcpt, 452, "", "Too many recipients", true, false, true, V::kReturn},
    {Stage::kRcpt, 452, "4.5.3", "enough", true, false, false, V::kDefer},
    {Stage::kRcpt, 552, "", "too many recipients", true, false, true, V::kReturn},
    {Stage::kRcpt, 450, "4.7.1", "Error: too many recipients from 192.0.2.1", true, false, true, V::kDefer},
    {Stage::kRcpt, 552, "5.2.2", "mailbox full", true, false, true, V::kDefer},
    {Stage::kRcpt, 550, "", "too many recipients for you", true, false, true, V::kFail},
    {Stage::kRcpt, 501, "5.1.3", "no such form", false, false, false, V::kFail},
    {Stage::kRcpt, 421, "", "bye", true, false, true, V::kDefer},
    {Stage::kRcpt, 421, "4.3.2", "shutting down", true, true, true, V::kNextCandidate},
    {Stage::kRcpt, 450, "", "greylisted", true, true, false, V::kDefer},
    {Stage::kRcpt, 451, "4.4.2", "silence", false, true, true, V::kNextCandidate},
    {Stage::kData, 554, "5.7.1", "no", true, false, false, V::kFail},
    {Stage::kData, 451, "", "later", true, false, false, V::kDefer},
    {Stage::kData, 500, "5.5.1", "BDAT?", true, false, false, V::kReturn, true},
    {Stage::kData, 502, "", "what", true, true, true, V::kReturn, true},
    {Stage::kData, 502, "", "what", true, false, false, V::kFail},
    {Stage::kData, 501, "5.1.8", "sender", true, false, false, V::kFail, true},
    {Stage::kFinalDot, 552, "5.3.4", "too big", true, false, false, V::kFail},
    {Stage::kFinalDot, 451, "", "disk full", true, false, true, V::kDefer},
    {Stage::kFinalDot, 451, "", "disk full", true, true, true, V::kNextCandidate},
    {Stage::kFinalDot, 451, "4.7.1", "greylisted", true, true, false, V::kDefer},
    {Stage::kFinalDot, 452, "4.2.2", "mailbox full", true, true, false, V::kDefer},
    {Stage::kFinalDot, 451, "4.4.2", "lost connection", false, false, true, V::kDefer},
    {Stage::kFinalDot, 451, "4.4.2", "lost connection", false, true, true, V::kDefer},
    {Stage::kLost, 451, "4.4.2", "lost connection", false, false, true, V::kReturn},
    {Stage::kLost, 451, "4.4.2", "lost connection", false, true, false, V::kNextCandidate},
    {Stage::kLost, 451, "4.3.2", "we may not send", false, true, false, V::kDefer},
    {Stage::kLost, 451, "4.4.2", "lost connection", false, false, false, V::kDefer},
    {Stage::kLost, 421, "", "bye", true, true, true, V::kReturn},
};

}  // namespace

BOOST_AUTO_TEST_CASE(each_failure_gets_its_verdict_and_each_row_is_needed) {
  std::set<std::size_t> used;
  for (const Row& row : kRows) {
    const auto reply = smtp::reply(row.code, row.enhanced, row.text);
    const Trouble trouble{row.stage, &reply, row.from_peer, row.more_candidates, row.progress, row.bdat};
    BOOST_TEST(to_string(decide(trouble)) == to_string(row.verdict),
               to_string(row.stage) << " " << reply.to_string() << ": " << to_string(decide(trouble)));
    used.insert(matching_row(trouble));
  }
  BOOST_TEST(used.size() == policy_rows());
}

BOOST_AUTO_TEST_CASE(a_recipient_never_fails_for_what_a_host_says_of_itself) {
  for (const Stage stage : {Stage::kConnect, Stage::kTls, Stage::kBanner, Stage::kEhlo, Stage::kLost})
    for (int code = 400; code < 600; ++code)
      for (int bits = 0; bits < 8; ++bits) {
        const smtp::Reply reply{code, {}, "x"};
        BOOST_TEST((decide({stage, &reply, (bits & 1) != 0, (bits & 2) != 0, (bits & 4) != 0}) != V::kFail));
      }
}

BOOST_AUTO_TEST_CASE(that_nobody_is_there_is_said_by_the_domain_alone) {
  const struct {
    Stage stage;
    const char* enhanced;
    bool our_way, nobody;
  } rows[] = {
      {Stage::kDns, "4.4.3", false, true},      {Stage::kDns, "4.4.3", true, false},
      {Stage::kDns, "4.7.5", false, false},     {Stage::kDns, "4.3.5", false, false},
      {Stage::kConnect, "4.4.1", false, true},  {Stage::kConnect, "4.4.1", true, false},
      {Stage::kConnect, "4.3.5", false, false}, {Stage::kTls, "4.7.5", false, false},
      {Stage::kBanner, "4.4.2", false, false},  {Stage::kLost, "4.4.2", false, false},
  };
  for (const auto& row : rows)
    BOOST_TEST(
        says_nobody_is_there(row.stage, smtp::reply(451, row.enhanced, "x"), row.our_way) == row.nobody,
        to_string(row.stage) << " " << row.enhanced << (row.our_way ? " on our way" : ""));
}

BOOST_AUTO_TEST_CASE(what_the_message_is_to_blame_for_is_told_apart) {
  const struct {
    Stage stage;
    int code;
    const char* enhanced;
    bool message;
    const char* text = "x";
    std::size_t recipients = 1;
  } rows[] = {
      {Stage::kMail, 550, "5.6.7", true},
      {Stage::kMail, 552, "5.3.4", true},
      {Stage::kMail, 552, "", true},
      {Stage::kFinalDot, 554, "5.6.0", true},
      {Stage::kFinalDot, 552, "5.2.2", false},
      {Stage::kFinalDot, 554, "5.7.1", true},
      {Stage::kRcpt, 550, "5.1.1", false},
      {Stage::kFinalDot, 550, "5.7.26", true},
      {Stage::kData, 554, "5.7.9", true},
      {Stage::kRcpt, 550, "5.7.1", false},
      {Stage::kMail, 554, "5.7.1", true},
      {Stage::kMail, 550, "", true},
      {Stage::kMail, 550, "5.1.8", true},
      {Stage::kFinalDot, 550, "5.1.1", false},
      {Stage::kFinalDot, 550, "5.1.1", false, "x", 9},
      {Stage::kFinalDot, 451, "4.7.1", false},
      {Stage::kMail, 451, "4.7.1", false},
      {Stage::kBanner, 554, "5.7.1", false},
      {Stage::kMail, 451, "4.6.0", false},
      {Stage::kEhlo, 550, "5.7.30", true},
      {Stage::kDns, 550, "5.7.10", true},
      {Stage::kTls, 451, "4.7.10", false},
      // Without an enhanced code: the message's behind the recipients, unless it names the mailbox of one alone.
      {Stage::kFinalDot, 552, "", true},
      {Stage::kFinalDot, 554, "", true},
      {Stage::kFinalDot, 451, "", false},
      {Stage::kData, 550, "", true, "This message was classified as SPAM"},
      {Stage::kData, 503, "", true, "RCPT first"},
      {Stage::kFinalDot, 554, "", true, "Message not allowed - [PH01]"},
      {Stage::kFinalDot, 554, "", true, "Recipients' policy"},
      {Stage::kFinalDot, 552, "", true, "spam score exceeded"},
      {Stage::kFinalDot, 550, "", false, "Unknown User"},
      {Stage::kFinalDot, 553, "", false, "no such mailbox here"},
      {Stage::kFinalDot, 552, "", false, "Quota exceeded"},
      {Stage::kFinalDot, 550, "", true, "Unknown User", 2},
      {Stage::kRcpt, 550, "", false},
      {Stage::kRcpt, 550, "", false, "x", 2},
      {Stage::kFinalDot, 554, "4.7.1", false},
      {Stage::kFinalDot, 554, "5.0.0", false},
      {Stage::kDns, 550, "", false},
  };
  for (const auto& row : rows)
    BOOST_TEST(
        says_message(row.stage, smtp::reply(row.code, row.enhanced, row.text), row.recipients) == row.message,
        to_string(row.stage) << " " << row.code << " " << row.enhanced << " " << row.text);
}

BOOST_AUTO_TEST_CASE(a_refusal_of_us_is_told_apart_from_one_of_a_mailbox) {
  const struct {
    Stage stage;
    int code;
    const char* enhanced;
    bool us;
  } rows[] = {
      {Stage::kMail, 550, "", true},           {Stage::kMail, 554, "5.7.1", true},
      {Stage::kMail, 550, "5.1.8", true},      {Stage::kMail, 552, "5.3.4", false},
      {Stage::kMail, 450, "4.7.1", false},     {Stage::kRcpt, 550, "5.7.1", true},
      {Stage::kRcpt, 554, "", true},           {Stage::kRcpt, 554, "5.0.0", true},
      {Stage::kRcpt, 550, "", false},          {Stage::kRcpt, 550, "5.1.1", false},
      {Stage::kRcpt, 554, "5.2.2", false},     {Stage::kRcpt, 550, "5.4.1", false},
      {Stage::kData, 554, "", true},           {Stage::kFinalDot, 550, "", true},
      {Stage::kFinalDot, 550, "5.7.26", true}, {Stage::kFinalDot, 550, "5.7.30", false},
      {Stage::kFinalDot, 550, "5.1.1", false}, {Stage::kFinalDot, 554, "5.6.0", false},
      {Stage::kFinalDot, 552, "5.2.3", false}, {Stage::kFinalDot, 451, "4.7.1", false},
      {Stage::kConnect, 554, "5.7.1", false},
  };
  for (const auto& row : rows)
    BOOST_TEST(refuses_us(row.stage, smtp::reply(row.code, row.enhanced, "x")) == row.us,
               to_string(row.stage) << " " << row.code << " " << row.enhanced);
}

BOOST_AUTO_TEST_CASE(a_destination_refuses_all_by_refusals_in_a_row_of_two_posts) {
  using std::chrono::minutes;
  const MonoTime start{std::chrono::hours(5)};
  const std::vector<Id> one{1}, two{2};
  Refusals refusals;
  BOOST_TEST(!refusals.add(500, one, start));
  BOOST_TEST(!refusals.all(start));
  BOOST_TEST(refusals.add(1, two, start));  // says so once
  BOOST_TEST(!refusals.add(1, one, start));
  BOOST_TEST(refusals.all(start + minutes(60)));
  BOOST_TEST(refusals.recipients() == 502U);
  BOOST_TEST(!refusals.all(start + minutes(61)));
  // After that it begins anew, as it does after a message that was taken.
  BOOST_TEST(!refusals.add(19, one, start + minutes(62)));
  BOOST_TEST(!refusals.add(0, two, start + minutes(62)));
  BOOST_TEST(refusals.add(1, two, start + minutes(62)));
  refusals.end();
  BOOST_TEST(!refusals.all(start + minutes(62)));
  BOOST_TEST(!refusals.add(19, two, start + minutes(62)));
}

BOOST_AUTO_TEST_CASE(what_is_said_of_a_recipient_for_now_is_told_apart) {
  const struct {
    Stage stage;
    int code;
    const char* enhanced;
    bool recipient;
  } rows[] = {
      {Stage::kDns, 451, "4.4.3", false},      {Stage::kConnect, 451, "4.4.1", false},
      {Stage::kTls, 454, "4.7.5", false},      {Stage::kBanner, 451, "4.4.1", false},
      {Stage::kEhlo, 450, "", false},          {Stage::kMail, 450, "", false},
      {Stage::kMail, 451, "4.1.8", false},     {Stage::kRcpt, 450, "4.2.0", true},
      {Stage::kRcpt, 450, "4.7.1", true},      {Stage::kRcpt, 452, "", true},
      {Stage::kRcpt, 421, "4.7.0", false},     {Stage::kData, 451, "4.7.1", false},
      {Stage::kData, 451, "", true},           {Stage::kFinalDot, 452, "4.2.2", true},
      {Stage::kFinalDot, 451, "4.7.1", false}, {Stage::kFinalDot, 451, "4.6.0", false},
      {Stage::kFinalDot, 421, "", false},      {Stage::kLost, 421, "4.4.2", false},
      {Stage::kLost, 451, "4.4.2", false},
  };
  for (const auto& row : rows)
    BOOST_TEST(speaks_of_recipient(row.stage, smtp::reply(row.code, row.enhanced, "x")) == row.recipient,
               to_string(row.stage) << " " << row.code << " " << row.enhanced);
}

BOOST_AUTO_TEST_SUITE_END()
