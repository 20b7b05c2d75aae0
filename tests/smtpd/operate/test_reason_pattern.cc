// One cause that keeps mail for many domains waiting is one line of `queue why`.
#include <string>
#include <vector>

#include "smtpd/operate/queue_summary.h"
#include "smtpd/operate/reason_pattern.h"
#include "tests/smtpd/operate/queue_fixture.h"

using namespace essaim;
using namespace essaim::smtpd::operate;
using namespace essaim::storage;
using namespace essaim::test;

BOOST_AUTO_TEST_SUITE(reason_patterns)

BOOST_AUTO_TEST_CASE(what_differs_between_hosts_and_messages_is_left_out) {
  struct Row {
    const char *reason, *domain, *pattern;
  };
  for (const Row& row : std::vector<Row>{
           {"451 4.4.1 delivery to d7.test temporarily suspended: mx.d7.test[192.0.2.8]:25: connect to "
            "192.0.2.8:25: "
            "Connection refused",
            "d7.test", "451 4.4.1 delivery to * temporarily suspended: *: connect to *: Connection refused"},
           {"451 4.4.3 look-up of MX.D7.test failed", "d7.test", "451 4.4.3 look-up of * failed"},
           {"450 4.2.0 <ann@a.test>: Recipient address rejected: greylisted, see https://help.test/x?id=ab",
            "a.test", "450 4.2.0 <*>: Recipient address rejected: greylisted, see https://help.test/x?id=ab"},
           {"450 4.2.0 greylisted, see http://help.test/help/a.test.html and "
            "http://x.test/why?id=ann%40a.test",
            "a.test", "450 4.2.0 greylisted, see http://help.test/help/* and http://x.test/why?id=*"},
           {"450 4.2.0 try again in 299 seconds, at 12:34:56", "a.test",
            "450 4.2.0 try again in * seconds, at *"},
           {"451 4.3.0 said: 554 5.7.1 AUP#1310 (S3140) BL000010", "a.test",
            "451 4.3.0 said: 554 5.7.1 AUP#1310 (S3140) BL000010"},
           {"451 4.3.0 queued as 3F2A1B9C: [2001:db8::7]:25: closed, 192.0.2.9:587 too", "",
            "451 4.3.0 queued as *: *: closed, * too"},
           {"550 5.7.1 blocked", "a.test", "550 5.7.1 blocked"},
           {"550 5.1.1 <ann@example.org>: no such user: ann@example.org.", "",
            "550 5.1.1 <*>: no such user: *."},
           {"550 5.7.26 see https://mail.test/?p=Un 20-af79cd13be357.17 - gsmtp", "a.test",
            "550 5.7.26 see https://mail.test/?p=Un * - gsmtp"},
           // Which address of ours it is stays to be read.
           {"550 5.7.1 [198.51.100.177] and [2001:db8:1234::25], [IPv6:2001:db8:1234::26]", "a.test",
            "550 5.7.1 [198.51.100.177] and [2001:db8:1234::25], [IPv6:2001:db8:1234::26]"},
           {"550 5.7.1 on our list (S3140). [MxId=11BB5EDBFEE1DD3A] [am7.x.test 2026-01-05T08:45:21.386Z]",
            "a.test", "550 5.7.1 on our list (S3140). [MxId=*] [am7.x.test *]"},
           {"[", "a.test", "["},
           {"mx[192.0.2.1", "a.test", "mx[192.0.2.1"},
           {"421-4.7.0 try later l12-20020a05600c4f0cb0040csi123 - gsmtp", "a.test",
            "421-4.7.0 try later * - gsmtp"},
           {"554 5.7.1 Client host [192.0.2.1] blocked, 2001:db8::25 too", "a.test",
            "554 5.7.1 Client host [192.0.2.1] blocked, 2001:db8::25 too"},
           {"452 4.2.2 mailbox full", "x.test", "452 4.2.2 mailbox full"},
           {"nota.test and a.test", "a.test", "nota.test and *"},
           {"", "a.test", ""},
           {"... a.test", "", "... a.test"}})
    BOOST_TEST(reason_pattern(row.reason, row.domain) == row.pattern);
}

BOOST_AUTO_TEST_CASE(one_cause_of_many_domains_is_one_line) {
  TempDatabase database;
  make_list(*database);
  std::vector<BatchRecipient> all;
  for (int i = 0; i < 40; ++i)
    for (const BatchRecipient& one : people(2, "d" + std::to_string(i) + ".test")) all.push_back(one);
  make_post(*database, post(1), all);
  auto batches = claim(*database, {1, 1}, 10);
  BOOST_REQUIRE(!batches.empty());
  for (BatchRecord& batch : batches) {
    batch.progress.replies = {""};
    for (std::size_t i = 0; i < batch.recipients.size(); ++i) {
      settle(&batch, i, RecipientState::kDeferred);
      batch.progress.recipients[i].reply = static_cast<std::uint32_t>(batch.progress.replies.size());
      batch.progress.replies.push_back("451 4.4.1 mx." + batch.recipients[i].domain + "[192.0.2." +
                                       std::to_string(i) + "]:25: Connection timed out");
    }
    batch.queue = BatchQueue::kWaiting;
    batch.due = kNow + std::chrono::hours(1);
    commit(*database, [&](Connection& c) { return BatchStore(c).save({1, 1}, batch); });
  }
  for (const SumBy by : {SumBy::kReason, SumBy::kList}) {
    const QueueSums sums = must(sum_up(*database, {}, 0, by));
    BOOST_REQUIRE(sums.lines.size() == 1U);
    BOOST_TEST(sums.lines[0].reason == "451 4.4.1 *: Connection timed out");
    BOOST_TEST(sums.lines[0].recipients == 80);
    BOOST_TEST(sums.lines[0].domains == 40);
    BOOST_TEST(sums.lines[0].posts == 1);
  }
  // Of one destination, each with what its host said.
  const QueueSums each = must(sum_up(*database, {}, 0, SumBy::kDestination));
  BOOST_TEST(each.lines[0].reason.find("mx.d") != std::string::npos);
}

// As a server that is not on this machine takes a while for each.
BOOST_AUTO_TEST_CASE(batches_are_read_some_at_a_time_and_count_once) {
  class Counted final : public Forwarding {
   public:
    using Forwarding::Forwarding;
    void read(Work work, Done done) override {
      ++reads;
      // Each is done twice, as after a lost connection.
      Forwarding::read(
          [work = std::move(work)](Connection& c) {
            must(work(c));
            return work(c);
          },
          std::move(done));
    }
    void look(Work work, Done done) override { read(std::move(work), std::move(done)); }
    int reads = 0;
  };
  TempDatabase database;
  constexpr int kPosts = 45;
  for (int id = 1; id <= kPosts; ++id) {
    std::vector<BatchRecipient> to = people(2, "a.test");
    for (const BatchRecipient& one : people(3, "b.test")) to.push_back(one);
    make_post(*database, post(id), to);
  }
  Counted counted(*database);
  const QueueSums sums = must(sum_up(counted, {}, 0, SumBy::kDestination));
  BOOST_REQUIRE(sums.lines.size() == 2U);
  BOOST_TEST(sums.lines[0].key == "b.test");
  BOOST_TEST(sums.lines[0].recipients == 3 * kPosts);
  BOOST_TEST(sums.lines[0].posts == kPosts);
  BOOST_TEST(sums.lines[1].recipients == 2 * kPosts);
  BOOST_TEST(counted.reads > 0);
  BOOST_TEST(counted.reads <= 4);
}

BOOST_AUTO_TEST_SUITE_END()
