// Whom delivery has failed for good: found by when, who and why, and summed up by who refused and how.
#include "smtpd/operate/failure_summary.h"
#include "storage/sql.h"
#include "tests/storage/fixtures.h"

using namespace essaim;
using namespace essaim::smtpd::operate;
using namespace essaim::storage;
using namespace essaim::test;
using namespace std::chrono_literals;

namespace {

constexpr const char* kHost = "mx1.mail.big.test[192.0.2.1]:25 TLSv1.3";

struct Failing {
  std::string domain;
  std::uint32_t time;  // seconds after the post was accepted
  std::string reply;
  std::string host = kHost;
};

struct Ledger {
  Ledger() {
    make_list(*database);
    // Accepted at kNow + 1 s and so on. One recipient of each was delivered.
    add(1, {{"a.test", 5, "554 5.7.1 [198.51.100.7] is blocked, ask for 1a2b3c4d5e6f"},
            {"b.test", 6, "554 5.7.1 [198.51.100.7] is blocked, ask for 0f1e2d3c4b5a"}});
    add(2, {{"a.test", 3600, "554 5.7.1 [198.51.100.7] is blocked, ask for 99ffaa11bb22"},
            {"c.test", 5, "550 5.1.1 <u1@c.test>: no such user", "mx.c.test[192.0.2.9]:25"}});
    PostRecord other = post(3);
    other.list_address = "other@lists.test";
    add(3,
        {{"b.test", 7, "554 5.7.1 [198.51.100.8] is blocked",
          std::string(kHost) + std::string(kAboutMessage)}},
        other);
  }
  void add(Id id, const std::vector<Failing>& failing) { add(id, failing, post(id)); }
  void add(Id id, const std::vector<Failing>& failing, const PostRecord& record) {
    std::vector<BatchRecipient> to = {{1000, "u0", "z.test"}};
    for (const Failing& one : failing)
      to.push_back({1000 + static_cast<Id>(to.size()), "u" + std::to_string(to.size()), one.domain});
    make_post(*database, record, to);
    auto batch = claim(*database, {1, 7}, 1).at(0);
    BOOST_REQUIRE(batch.post_id == id);
    for (std::size_t i = 0; i < to.size(); ++i) {
      // A batch has them in an order of its own.
      const std::size_t number = std::stoul(batch.recipients[i].local.substr(1));
      settle(&batch, i, number == 0 ? RecipientState::kDelivered : RecipientState::kFailed);
      if (number == 0) continue;
      const Failing& one = failing[number - 1];
      batch.progress.replies.push_back(one.reply);
      batch.progress.hosts.push_back(one.host);
      auto& status = batch.progress.recipients[i];
      status.time = one.time;
      status.reply = static_cast<std::uint32_t>(batch.progress.replies.size() - 1);
      status.host = static_cast<std::uint32_t>(batch.progress.hosts.size() - 1);
    }
    batch.queue = BatchQueue::kFinished;
    commit(*database, [&](Connection& c) { return BatchStore(c).save({1, 7}, batch); });
  }
  // Posts that have ended for all, and whose text goes.
  void settle_all_before(WallTime failed_before) {
    commit(*database, [&](Connection& c) -> Result<void> {
      static_cast<void>(settle_posts(c, failed_before));
      return {};
    });
  }
  FailureSums sums(const PostFilter& filter, FailuresBy by = FailuresBy::kProvider) {
    return must(sum_up_failures(*database, filter, by));
  }
  std::vector<Id> found(PostFilter filter) {
    filter.failed = true;
    std::vector<Id> ids;
    must(database->read_now([&](Connection& c) -> Result<void> {
      ids.clear();
      for (const PostRecord& one : must(PostStore(c).search(filter))) ids.push_back(one.id);
      return {};
    }));
    return ids;
  }
  static std::string text(const FailureSums& sums) {
    std::string out;
    for (const FailureSum& one : sums.lines)
      out += one.key + " " + std::to_string(one.recipients) + "/" + std::to_string(one.posts) + " again " +
             std::to_string(one.again) + " bounces " + std::to_string(one.bounces) + ": " + one.pattern +
             "\n";
    return out;
  }

  TempDatabase database;
};

constexpr const char* kAll =
    "big.test 3/2 again 3 bounces 3: 554 5.7.1 [198.51.100.7] is blocked, ask for *\n"
    "big.test 1/1 again 1 bounces 0: 554 5.7.1 [198.51.100.8] is blocked\n"
    "c.test 1/1 again 1 bounces 1: 550 5.1.1 <*>: no such user\n";

}  // namespace

BOOST_AUTO_TEST_SUITE(failure_summary)

BOOST_AUTO_TEST_CASE(a_provider_is_known_by_the_names_of_its_hosts) {
  for (const auto& [host, provider] :
       {std::pair{kHost, "big.test"}, std::pair{"MX.Example.CO.UK[192.0.2.1]:25", "example.co.uk"},
        std::pair{"a-test.mail.protection.big.test.[2001:db8::1]:25", "big.test"},
        std::pair{"mx.example.de:25", "example.de"}, std::pair{"big.test[192.0.2.1]:25", "big.test"},
        std::pair{"ab.de[192.0.2.1]:25", "ab.de"}, std::pair{"localhost[127.0.0.1]:25", "localhost"},
        std::pair{"192.0.2.1[192.0.2.1]:25", "192.0.2.1"}, std::pair{"", ""}})
    BOOST_TEST(provider_of(host) == provider);
}

BOOST_FIXTURE_TEST_CASE(sums_are_by_who_refused_and_how, Ledger) {
  const FailureSums all = sums({});
  BOOST_TEST(text(all) == kAll);
  BOOST_TEST(all.recipients == 5);
  BOOST_TEST(all.posts == 3);
  BOOST_TEST(all.again == 5);
  const FailureSum& first = all.lines.at(0);
  BOOST_TEST((first.first == post(1).accepted + 5s));
  BOOST_TEST((first.last == post(2).accepted + 3600s));
  BOOST_TEST(first.post_id == 2);
  BOOST_TEST(first.recipient == "u1@a.test");
  BOOST_TEST(first.reply == "554 5.7.1 [198.51.100.7] is blocked, ask for 99ffaa11bb22");
  BOOST_TEST(first.host == kHost);
  BOOST_TEST((first.lists == std::set<std::string>{"dev@lists.test"}));
  BOOST_TEST(sums({}, FailuresBy::kDestination).lines.size() == 4U);
  BOOST_TEST(sums({}, FailuresBy::kDestination).lines[0].key == "a.test");
  BOOST_TEST(sums({}, FailuresBy::kList).lines.size() == 3U);
  BOOST_TEST(sums({}, FailuresBy::kReply).lines[0].key.empty());
}

BOOST_FIXTURE_TEST_CASE(a_filter_means_those_who_failed, Ledger) {
  struct Row {
    PostFilter filter;
    std::int64_t recipients;
    std::vector<Id> posts;
  };
  std::vector<Row> rows(8);
  rows[0] = {{}, 5, {3, 2, 1}};
  rows[1].filter.domain = "A.test";
  rows[1].recipients = 2;
  rows[1].posts = {2, 1};
  rows[2].filter.why = "No Such";
  rows[2].recipients = 1;
  rows[2].posts = {2};
  // The post was accepted an hour before.
  rows[3].filter.since = post(2).accepted + 1h;
  rows[3].recipients = 1;
  rows[3].posts = {2};
  rows[4].filter.until = post(2).accepted + 5s;
  rows[4].recipients = 1;
  rows[4].posts = {1};
  rows[5].filter.list = "other@lists.test";
  rows[5].recipients = 1;
  rows[5].posts = {3};
  // Delivered, there or with this reply.
  rows[6].filter.domain = "z.test";
  rows[7].filter.domain = "c.test";
  rows[7].filter.why = "blocked";
  // Some or all of them are settled.
  for (const WallTime failed_before : {WallTime{}, post(2).accepted, WallTime::max()}) {
    settle_all_before(failed_before);
    for (const Row& row : rows) {
      BOOST_TEST(sums(row.filter).recipients == row.recipients);
      BOOST_TEST(found(row.filter) == row.posts, boost::test_tools::per_element());
    }
  }
  PostFilter newest;
  newest.limit = 1;
  newest.why = "blocked";
  BOOST_TEST(found(newest) == std::vector<Id>{3}, boost::test_tools::per_element());
}

BOOST_FIXTURE_TEST_CASE(of_what_is_settled_nothing_can_be_sent_again, Ledger) {
  settle_all_before(post(3).accepted + 1min);
  const FailureSums some = sums({});
  BOOST_TEST(some.recipients == 5);
  BOOST_TEST(some.again == 2);  // of post 2, whose last failure is later
  settle_all_before(WallTime::max());
  BOOST_TEST(sums({}).recipients == 5);
  BOOST_TEST(sums({}).again == 0);
}

BOOST_FIXTURE_TEST_CASE(what_cannot_be_read_is_told_of, Ledger) {
  commit(*database, [](Connection& c) -> Result<void> {
    ESSAIM_TRY(sql::run(c, "UPDATE batch SET recipients = 'rubbish' WHERE post_id = 1"));
    return {};
  });
  const FailureSums some = sums({});
  BOOST_TEST(some.recipients == 3);
  BOOST_REQUIRE(some.unread.size() == 1U);
  BOOST_TEST(some.unread[0].first == 1);
  // Who is searched for may be in it.
  PostFilter who;
  who.domain = "zz.test";
  BOOST_TEST(found(who).empty());
  who.domain = "b.test";
  BOOST_TEST(found(who) == (std::vector<Id>{3, 1}), boost::test_tools::per_element());
}

BOOST_FIXTURE_TEST_CASE(replies_that_all_differ_are_summed_up_in_the_end, Ledger) {
  std::vector<Failing> many;
  const auto word = [](std::size_t n) {
    std::string out;
    for (; n > 0; n /= 26) out += static_cast<char>('a' + n % 26);
    return out;
  };
  Id id = 100;
  const std::size_t rows = FailureSums::kMostLines + 500;
  for (std::size_t i = 1; i <= rows; ++i) {
    many.push_back({"a.test", 5, "550 no " + word(i)});
    if (many.size() < 900 && i < rows) continue;
    add(id++, many);
    many.clear();
  }
  const FailureSums all = sums({});
  BOOST_TEST(all.recipients == 5 + static_cast<std::int64_t>(rows));
  BOOST_TEST(all.lines.size() <= FailureSums::kMostLines + 2);
  BOOST_TEST(all.lines.at(0).pattern == "(others)");
  BOOST_TEST(all.lines.at(0).recipients >= 500);
  std::int64_t sum = 0;
  for (const FailureSum& one : all.lines) sum += one.recipients;
  BOOST_TEST(sum == all.recipients);
}

BOOST_AUTO_TEST_SUITE_END()
