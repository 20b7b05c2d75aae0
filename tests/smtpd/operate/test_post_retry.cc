// Posts are sent again to those whom delivery had failed: who, in what state of the post, and what others still say of them.
#include <thread>

#include "core/base/executor.h"
#include "delivery/claim.h"
#include "delivery/recovery.h"
#include "smtpd/operate/deletion_marks.h"
#include "smtpd/operate/post_retry.h"
#include "storage/fault.h"
#include "storage/journal.h"
#include "storage/post_again.h"
#include "storage/sql.h"
#include "tests/storage/fixtures.h"

using namespace essaim;
using namespace essaim::smtpd::operate;
using namespace essaim::storage;
using namespace essaim::test;
using namespace std::chrono_literals;

namespace {

constexpr const char* kBlocked = "554 5.7.1 you are on a Blocklist";

struct Told final : delivery::FailureListener {
  Result<void> on_failures(Connection&, const std::vector<delivery::Failure>& failures) override {
    count += failures.size();
    return {};
  }
  std::size_t count = 0;
};

// Posts 1 to 3 of a batch each: u0 was delivered, u1 to u3 at a.test have failed, u4 waits. Post 3 is over: u4 was delivered, too.
struct Site {
  Site() {
    clock.set_wall(kNow + 1h);
    auto to = people(4, "a.test");
    to.push_back({1004, "u4", "b.test"});
    make_list(*database);
    for (const Id id : {1, 2, 3}) {
      make_post(*database, post(id), to);
      auto batch = claim(*database, {1, 7}, 1).at(0);
      settle(&batch, 0, RecipientState::kDelivered);
      for (const std::size_t i : {1, 2, 3}) fail(&batch, i, i == 3 ? "550 5.1.1 no such user" : kBlocked);
      settle(&batch, 4, id == 3 ? RecipientState::kDelivered : RecipientState::kDeferred);
      batch.queue = id == 3 ? BatchQueue::kFinished : BatchQueue::kWaiting;
      batch.due = kNow + 10h;
      batch.destination = id == 3 ? "" : "b.test";
      commit(*database, [&](Connection& c) { return BatchStore(c).save({1, 7}, batch); });
    }
  }
  static void fail(BatchRecord* batch, std::size_t i, const std::string& reply) {
    settle(batch, i, RecipientState::kFailed);
    batch->progress.replies.push_back(reply);
    batch->progress.recipients[i].reply = static_cast<std::uint32_t>(batch->progress.replies.size() - 1);
  }
  static PostRetry request(std::vector<Id> ids) {
    PostRetry request;
    request.selection.ids = std::move(ids);
    request.reason = "the block is lifted";
    return request;
  }
  Result<QueueChange> retry(const PostRetry& request) {
    return retry_posts(*database, clock, request, nullptr);
  }
  BatchRecord batch(Id id) {
    BatchRecord out;
    must(database->read_now([&](Connection& c) -> Result<void> {
      out = must(BatchStore(c).load(id, 0, true)).value();
      return {};
    }));
    return out;
  }
  PostRecord record(Id id) {
    PostRecord out;
    must(database->read_now([&](Connection& c) -> Result<void> {
      out = must(PostStore(c).find(id)).value();
      return {};
    }));
    return out;
  }
  // "2 pending 4 failed 0: dwwww", the last being the recipients.
  std::string state(Id id) {
    const BatchRecord b = batch(id);
    std::string out = std::to_string(static_cast<int>(b.queue)) + " pending " + std::to_string(b.pending) +
                      " failed " + std::to_string(b.failed) + ": ";
    for (const auto& one : b.progress.recipients) out += "pdwfs"[static_cast<int>(one.state)];
    return out + (record(id).held ? " held" : "");
  }
  std::string reply(Id id, std::size_t i) {
    const BatchRecord b = batch(id);
    return b.progress.replies[b.progress.recipients[i].reply];
  }

  // Posts 10 and on, in which both have failed.
  void add_posts_of_two(int posts) {
    for (Id id = 10; id < 10 + posts; ++id) {
      make_post(*database, post(id), people(2, "a.test"));
      auto batch = claim(*database, {1, 7}, 1).at(0);
      for (const std::size_t i : {0, 1}) fail(&batch, i, kBlocked);
      batch.queue = BatchQueue::kFinished;
      commit(*database, [&](Connection& c) { return BatchStore(c).save({1, 7}, batch); });
    }
  }
  int bounces() {
    int out = 0;
    must(database->read_now([&](Connection& c) -> Result<void> {
      out = must(MemberStore(c).find_by_id(1001)).value().bounces;
      return {};
    }));
    return out;
  }

  TempDatabase database;
  ManualClock clock;
};

}  // namespace

BOOST_AUTO_TEST_SUITE(post_retry)

BOOST_FIXTURE_TEST_CASE(who_has_failed_waits_again_and_the_ledger_says_why, Site) {
  BOOST_TEST(state(1) == "2 pending 1 failed 3: dfffw");
  BOOST_TEST(must(preview_post_retry(*database, request({1}))).recipients == 3);
  BOOST_TEST(state(1) == "2 pending 1 failed 3: dfffw");
  const WallTime expired = record(1).expires;
  clock.set_wall(expired + 1h);
  const QueueChange done = must(retry(request({1})));
  BOOST_TEST(done.posts == 1);
  BOOST_TEST(done.recipients == 3);
  BOOST_TEST(done.busy + done.damaged + done.failed == 0);
  BOOST_TEST(state(1) == "2 pending 4 failed 0: dwwww");
  BOOST_TEST(reply(1, 1) ==
             std::string("451 4.7.0 sent again by the operator: the block is lifted; had failed: ") +
                 kBlocked);
  BOOST_TEST(reply(1, 3).ends_with("had failed: 550 5.1.1 no such user"));
  const BatchRecord batch = this->batch(1);
  BOOST_TEST(batch.destination.empty());
  BOOST_TEST((batch.due == clock.wall_now()));
  BOOST_TEST(batch.progress.recipients[1].attempts == 1);
  BOOST_TEST(split_host(batch.progress.hosts[batch.progress.recipients[1].host]).with_its_batch);
  BOOST_TEST((record(1).expires >= clock.wall_now() + 24h));
  // Nobody has failed any more.
  BOOST_TEST(must(retry(request({1}))).recipients == 0);
}

BOOST_FIXTURE_TEST_CASE(only_those_who_are_meant, Site) {
  PostRetry some = request({1});
  some.selection.filter.why = "blocklist";
  BOOST_TEST(must(retry(some)).recipients == 2);
  BOOST_TEST(state(1) == "2 pending 3 failed 1: dwwfw");
  some = request({2});
  some.selection.filter.recipient = "U3@A.test";
  BOOST_TEST(must(retry(some)).recipients == 1);
  BOOST_TEST(state(2) == "2 pending 2 failed 2: dffww");
  some.selection.filter = {};
  some.selection.filter.domain = "b.test";
  BOOST_TEST(must(retry(some)).recipients == 0);
  PostRetry without = request({2});
  without.reason.clear();
  BOOST_TEST(!retry(without).ok());
}

BOOST_FIXTURE_TEST_CASE(a_post_that_is_over_and_not_settled_goes_on, Site) {
  BOOST_TEST(state(3) == "0 pending 0 failed 3: dfffd");
  BOOST_TEST(must(retry(request({3}))).recipients == 3);
  BOOST_TEST(state(3) == "2 pending 3 failed 0: dwwwd");
  BOOST_TEST(batch(3).destination == "a.test");
  commit(*database, [](Connection& c) -> Result<void> {
    BOOST_TEST(settle_posts(c) == 0);
    return {};
  });
}

BOOST_FIXTURE_TEST_CASE(what_is_settled_cannot_be_sent, Site) {
  commit(*database, [](Connection& c) -> Result<void> {
    BOOST_TEST(settle_posts(c) == 1);
    return {};
  });
  for (const auto& [ids, words] : {std::pair{std::vector<Id>{3}, "post 0000000000003 cannot be sent again"},
                                   std::pair{std::vector<Id>{3, 99}, "no post 0000000000033; post 000000000"},
                                   std::pair{std::vector<Id>{99}, "no post 0000000000033"}}) {
    const auto refused = retry(request(ids));
    BOOST_REQUIRE(!refused.ok());
    BOOST_TEST(refused.error().message.find(words) == 0u, refused.error().message);
    BOOST_TEST(!preview_post_retry(*database, request(ids)).ok());
  }
  BOOST_TEST(state(1) == "2 pending 1 failed 3: dfffw");
  BOOST_TEST(state(3) == "0 pending 0 failed 3: dfffd");
  // Settled since it was looked at.
  commit(*database, [&](Connection& c) -> Result<void> {
    BOOST_TEST(!must(take_up_again(c, 3, kNow)));
    return {};
  });
}

// Whoever has a list of hundreds wants those that can be done, and the names of those that cannot.
BOOST_FIXTURE_TEST_CASE(of_many_posts_those_are_sent_that_can_be, Site) {
  commit(*database, [](Connection& c) -> Result<void> {
    BOOST_TEST(settle_posts(c) == 1);
    return {};
  });
  const std::vector<Id> unknown = {98, 99};
  for (const bool done : {false, true}) {
    const auto change = done ? must(retry(request({99, 1, 3, 98, 2, 1})))
                             : must(preview_post_retry(*database, request({99, 1, 3, 98, 2, 1})));
    BOOST_TEST(change.posts == 2);
    BOOST_TEST(change.recipients == 6);
    BOOST_TEST(change.failed == 0);
    BOOST_TEST(change.unknown == unknown, boost::test_tools::per_element());
    BOOST_REQUIRE(change.refused.size() == 1U);
    BOOST_TEST(change.refused[0].find("post 0000000000003 cannot be sent again") == 0u);
    BOOST_TEST(to_json(change).find("\"refused\":[\"post 0000000000003 cannot") != std::string::npos);
  }
  for (const Id id : {1, 2}) BOOST_TEST(state(id) == "2 pending 4 failed 0: dwwww");
}

BOOST_FIXTURE_TEST_CASE(what_is_held_stays_held, Site) {
  commit(*database, [](Connection& c) { return PostStore(c).set_held(1, true, "looks odd"); });
  BOOST_TEST(must(retry(request({1}))).recipients == 3);
  BOOST_TEST(state(1) == "4 pending 4 failed 0: dwwww held");
  BOOST_TEST(record(1).held_reason == "looks odd");
  commit(*database, [](Connection& c) { return PostStore(c).set_held(1, false, ""); });
  BOOST_TEST(state(1) == "2 pending 4 failed 0: dwwww");
  // Another command is at work.
  commit(*database,
         [&](Connection& c) { return PostStore(c).set_held(2, true, deletion_mark(clock.wall_now())); });
  const auto refused = retry(request({2}));
  BOOST_TEST((!refused.ok() && refused.error().code == ErrorCode::kConflict));
  BOOST_TEST(state(2) == "4 pending 1 failed 3: dfffw held");
  clock.advance(kDeletionMarkLasts + 1s);
  BOOST_TEST(must(retry(request({2}))).recipients == 3);
  BOOST_TEST(state(2) == "2 pending 4 failed 0: dwwww");
}

BOOST_FIXTURE_TEST_CASE(what_a_node_has_in_its_hands_is_waited_for, Site) {
  const auto take = [&](int owner) {
    commit(*database, [&](Connection& c) -> Result<void> {
      must(sql::run(c, "UPDATE batch_state SET queue = ?, owner = ?, epoch = ? WHERE post_id = 1",
                    owner == 0 ? 1 : 3, owner, owner));
      return {};
    });
  };
  take(1);
  const QueueChange kept = must(retry(request({1, 2})));
  BOOST_TEST(kept.busy == 3);
  BOOST_TEST(kept.recipients == 3);
  BOOST_TEST(state(1) == "3 pending 1 failed 3: dfffw");
  std::vector<std::vector<Id>> recalled;
  const auto recall = [&](const std::vector<Id>& posts) {
    recalled.push_back(posts);
    BOOST_TEST(is_deletion_mark(record(1).held_reason));
    take(0);
  };
  BOOST_TEST(must(retry_posts(*database, clock, request({1}), recall)).recipients == 3);
  BOOST_TEST((recalled == std::vector<std::vector<Id>>{{1}}));
  BOOST_TEST(state(1) == "2 pending 4 failed 0: dwwww");
}

BOOST_FIXTURE_TEST_CASE(whatever_fails_it_leaves_the_sums_right_and_nothing_held, Site) {
  struct Unarm {
    ~Unarm() { FaultPlan::disarm(); }
  } unarm;
  FaultPlan::arm({FaultPlan::Where::kStatement, 0});
  static_cast<void>(must(retry(request({1, 3}))));
  const std::uint64_t statements = FaultPlan::seen(FaultPlan::Where::kStatement);
  for (const auto where :
       {FaultPlan::Where::kStatement, FaultPlan::Where::kBeforeCommit, FaultPlan::Where::kAfterCommit})
    for (std::uint64_t k = 1; k <= statements; ++k) {
      Site other;
      FaultPlan::Plan plan;
      plan.where = where;
      plan.first = k;
      FaultPlan::arm(plan);
      const auto outcome = other.retry(request({1, 3}));
      const bool all_done = FaultPlan::seen(where) < k;
      FaultPlan::disarm();
      other.clock.advance(kDeletionMarkLasts + 1s);
      static_cast<void>(must(release_abandoned_deletions(*other.database, other.clock.wall_now())));
      // The same command does what is left.
      static_cast<void>(must(other.retry(request({1, 3}))));
      BOOST_TEST(other.state(1) == "2 pending 4 failed 0: dwwww");
      BOOST_TEST(other.state(3) == "2 pending 3 failed 0: dwwwd");
      if (all_done) break;
    }
}

BOOST_FIXTURE_TEST_CASE(a_journal_that_still_tells_the_failure_does_not_fail_them_again, Site) {
  const std::string directory = database.directory().path("journal");
  Executor executor("journal", 1);
  const auto write = [&](WallTime time) {
    JournalWriter::Options options;
    options.directory = directory;
    options.name = "loop-0";
    options.epoch = 7;
    auto writer = must(JournalWriter::open(options, executor));
    JournalRecord failure;
    failure.post_id = 1;
    failure.index = 1;
    failure.state = RecipientState::kFailed;
    failure.attempts = 2;
    failure.time = time;
    failure.reply = kBlocked;
    must(writer->append(failure));
  };
  Told told;
  write(post(1).accepted + 5s);
  BOOST_TEST(must(retry(request({1}))).recipients == 3);
  must(delivery::recover(*database, directory, {1, 8}, told));
  BOOST_TEST(told.count == 0u);
  BOOST_TEST(state(1) == "2 pending 4 failed 0: dwwww");
  // They may fail again.
  write(clock.wall_now() + 5s);
  must(delivery::recover(*database, directory, {1, 9}, told));
  BOOST_TEST(told.count == 1u);
  BOOST_TEST(state(1) == "2 pending 3 failed 1: dfwww");
}

BOOST_FIXTURE_TEST_CASE(a_claim_knows_of_the_new_lifetime_and_who_has_left_since, Site) {
  delivery::ClaimRequest claim;
  claim.fence = {1, 8};
  claim.limits.fill(10);
  claim.known = std::make_shared<delivery::PostCache>(1U << 20);
  claim.known->add(must(delivery::activate_post(record(1), share("x"))));
  commit(*database,
         [](Connection& c) -> Result<void> { return MemberStore(c).add(member(1002, "u2", "a.test", 1)); });
  commit(*database, [](Connection& c) -> Result<void> {
    const std::int64_t revision = must(MemberStore(c).next_revision(kList));
    return MemberStore(c).remove(kList, Role::kMember, {"u2", "a.test"}, revision);
  });
  clock.set_wall(record(1).expires + 1h);
  BOOST_TEST(must(retry(request({1}))).recipients == 3);
  clock.advance(1s);
  claim.now = clock.wall_now();
  claim.look_for_due = true;
  delivery::ClaimResult result;
  commit(*database, [&](Connection& c) { return delivery::run_claim(c, claim, &result); });
  BOOST_REQUIRE(result.posts.count(1) == 1u);
  BOOST_TEST((result.posts[1]->post.expires > claim.now));
  BOOST_TEST(result.has_left(result.posts[1]->post, {1002, "u2", "a.test"}));
}

// It was typed at another node, and nothing was recalled here.
BOOST_FIXTURE_TEST_CASE(a_claim_within_the_old_lifetime_knows_of_the_new_one, Site) {
  delivery::ClaimRequest claim;
  claim.fence = {1, 8};
  claim.limits.fill(10);
  claim.known = std::make_shared<delivery::PostCache>(1U << 20);
  const auto known = must(delivery::activate_post(record(1), share("x")));
  claim.known->add(known);
  clock.set_wall(known->post.expires - 2h);
  BOOST_TEST(must(retry(request({1}))).recipients == 3);
  clock.advance(1s);
  claim.now = clock.wall_now();
  claim.look_for_due = true;
  delivery::ClaimResult result;
  commit(*database, [&](Connection& c) { return delivery::run_claim(c, claim, &result); });
  BOOST_REQUIRE(result.posts.count(1) == 1u);
  BOOST_TEST((result.posts[1]->post.expires > known->post.expires));
  BOOST_TEST((result.posts[1]->post.expires == record(1).expires));
  BOOST_TEST((result.posts[1]->wire == known->wire));
}

BOOST_FIXTURE_TEST_CASE(posts_are_found_by_when_and_why_they_failed, Site) {
  PostRetry some = request({});
  some.selection.filter.since = kNow;
  some.selection.filter.why = "blocklist";
  PostRetry none = some;
  none.selection.filter.since = kNow + 1h;
  BOOST_TEST(must(preview_post_retry(*database, none)).recipients == 0);
  BOOST_TEST(must(retry(none)).recipients == 0);
  none = some;
  none.selection.filter.list = "other@lists.test";
  BOOST_TEST(must(retry(none)).recipients == 0);
  none = some;
  none.selection.filter.domain = "b.test";
  BOOST_TEST(must(retry(none)).recipients == 0);
  BOOST_TEST(state(1) == "2 pending 1 failed 3: dfffw");
  BOOST_TEST(must(preview_post_retry(*database, some)).recipients == 6);
  BOOST_TEST(must(preview_post_retry(*database, some)).posts == 3);
  BOOST_TEST(state(1) == "2 pending 1 failed 3: dfffw");
  clock.set_wall(record(1).expires + 1h);
  const QueueChange done = must(retry(some));
  BOOST_TEST(done.posts == 3);
  BOOST_TEST(done.recipients == 6);
  BOOST_TEST(done.busy + done.damaged + done.failed + done.forgiven == 0);
  for (const Id id : {1, 2}) BOOST_TEST(state(id) == "1 pending 3 failed 1: dwwfw");
  BOOST_TEST(state(3) == "1 pending 2 failed 1: dwwfd");
  BOOST_TEST((record(1).expires >= clock.wall_now() + 24h));
  BOOST_TEST(reply(1, 1).ends_with(std::string("; had failed: ") + kBlocked));
  // They have failed no more.
  BOOST_TEST(must(retry(some)).recipients == 0);
}

BOOST_FIXTURE_TEST_CASE(of_those_found_what_is_held_stays_so_and_what_is_settled_is_none, Site) {
  commit(*database, [&](Connection& c) -> Result<void> {
    BOOST_TEST(settle_posts(c) == 1);
    ESSAIM_TRY(PostStore(c).set_held(1, true, "looks odd"));
    return PostStore(c).set_held(2, true, deletion_mark(clock.wall_now()));
  });
  PostRetry all = request({});
  all.selection.filter.since = kNow;
  const QueueChange done = must(retry(all));
  BOOST_TEST(done.recipients == 3);
  BOOST_REQUIRE(done.refused.size() == 1U);
  BOOST_TEST(done.refused[0].find("post 0000000000002 is held") == 0u);
  BOOST_TEST(state(1) == "4 pending 4 failed 0: dwwww held");
  BOOST_TEST(state(2) == "4 pending 1 failed 3: dfffw held");
  BOOST_TEST(state(3) == "0 pending 0 failed 3: dfffd");
}

BOOST_FIXTURE_TEST_CASE(of_those_found_what_a_node_has_is_recalled, Site) {
  const auto take = [&](int owner) {
    commit(*database, [&](Connection& c) -> Result<void> {
      must(sql::run(c, "UPDATE batch_state SET queue = ?, owner = ?, epoch = ? WHERE post_id = 1",
                    owner == 0 ? 1 : 3, owner, owner));
      return {};
    });
  };
  take(1);
  PostRetry all = request({});
  all.selection.filter.since = kNow;
  std::vector<std::vector<Id>> recalled;
  const auto recall = [&](const std::vector<Id>& posts) {
    recalled.push_back(posts);
    take(0);
  };
  BOOST_TEST(must(retry_posts(*database, clock, all, recall)).recipients == 9);
  BOOST_TEST((recalled == std::vector<std::vector<Id>>{{1}}));
  BOOST_TEST(state(1) == "2 pending 4 failed 0: dwwww");
  BOOST_TEST(state(2) == "1 pending 4 failed 0: dwwww");
}

BOOST_FIXTURE_TEST_CASE(a_server_that_ends_waits_for_nobody, Site) {
  commit(*database, [&](Connection& c) -> Result<void> {
    must(sql::run(c, "UPDATE batch_state SET queue = 3, owner = 1, epoch = 1 WHERE post_id IN (1, 2)"));
    return {};
  });
  PostRetry found = request({});
  found.selection.filter.since = kNow;
  for (const PostRetry& asked : {request({1, 2}), found}) {
    int recalls = 0;
    const auto done = retry_posts(
        *database, clock, asked, [&recalls](const std::vector<Id>&) { ++recalls; },
        [&recalls] { return recalls > 0; });
    BOOST_TEST(recalls == 1);
    const std::string error = done.ok() ? done->error : done.error().message;
    BOOST_TEST(error.find("about to end") != std::string::npos, error);
    for (const Id id : {1, 2}) BOOST_TEST(state(id) == "3 pending 1 failed 3: dfffw");
  }
}

BOOST_FIXTURE_TEST_CASE(more_posts_than_one_transaction_takes, Site) {
  add_posts_of_two(80);
  PostRetry all = request({});
  all.selection.filter.since = kNow;
  // The server ends: the same request does the rest.
  int asked = 0;
  const QueueChange some =
      must(retry_posts(*database, clock, all, nullptr, [&asked] { return ++asked > 2; }));
  BOOST_TEST(some.recipients > 0);
  BOOST_TEST(some.recipients < 169);
  BOOST_TEST(some.error.find("about to end") != std::string::npos);
  const QueueChange rest = must(retry(all));
  BOOST_TEST(some.recipients + rest.recipients == 169);
  BOOST_TEST(rest.failed == 0);
}

BOOST_FIXTURE_TEST_CASE(where_everything_fails_not_every_post_is_tried, Site) {
  struct Unarm {
    ~Unarm() { FaultPlan::disarm(); }
  } unarm;
  add_posts_of_two(160);
  PostRetry all = request({});
  all.selection.filter.since = kNow;
  FaultPlan::Plan plan;
  plan.where = FaultPlan::Where::kBeforeCommit;
  plan.first = 4;
  plan.times = 1000;
  FaultPlan::arm(plan);
  const auto outcome = retry(all);
  // A server's client tries each of them some times; one for each post would be hundreds.
  BOOST_TEST(FaultPlan::seen(FaultPlan::Where::kBeforeCommit) < 100U);
  FaultPlan::disarm();
  const std::int64_t some = outcome.ok() ? outcome->recipients : 0;
  if (outcome.ok()) BOOST_TEST(!outcome->error.empty());
  BOOST_TEST(some < 329);
  BOOST_TEST(must(retry(all)).recipients == 329 - some);
}

BOOST_FIXTURE_TEST_CASE(whatever_fails_those_found_are_sent_again_once, Site) {
  struct Unarm {
    ~Unarm() { FaultPlan::disarm(); }
  } unarm;
  PostRetry all = request({});
  all.selection.filter.since = kNow;
  all.forgive = true;
  for (const auto where :
       {FaultPlan::Where::kStatement, FaultPlan::Where::kBeforeCommit, FaultPlan::Where::kAfterCommit})
    for (std::uint64_t k = 1;; ++k) {
      Site other;
      commit(*other.database, [](Connection& c) -> Result<void> {
        ESSAIM_TRY(MemberStore(c).add(member(1001, "u1", "a.test", 1)));
        for (int i = 0; i < 5; ++i) ESSAIM_TRY(MemberStore(c).record_bounce(1001, kBlocked, kNow));
        return {};
      });
      FaultPlan::Plan plan;
      plan.where = where;
      plan.first = k;
      FaultPlan::arm(plan);
      static_cast<void>(other.retry(all));
      const bool all_done = FaultPlan::seen(where) < k;
      FaultPlan::disarm();
      other.clock.advance(kDeletionMarkLasts + 1s);
      static_cast<void>(must(release_abandoned_deletions(*other.database, other.clock.wall_now())));
      static_cast<void>(must(other.retry(all)));
      for (const Id id : {1, 2, 3}) BOOST_TEST(other.batch(id).failed == 0);
      BOOST_TEST(other.bounces() == 2);
      if (all_done) break;
    }
}

BOOST_FIXTURE_TEST_CASE(bounces_are_taken_back_if_that_is_asked, Site) {
  commit(*database, [](Connection& c) -> Result<void> {
    ESSAIM_TRY(MemberStore(c).add(member(1001, "u1", "a.test", 1)));
    for (int i = 0; i < 4; ++i) ESSAIM_TRY(MemberStore(c).record_bounce(1001, kBlocked, kNow));
    return {};
  });
  BOOST_TEST(must(retry(request({1}))).forgiven == 0);
  BOOST_TEST(bounces() == 4);
  PostRetry some = request({2});
  some.forgive = true;
  const QueueChange done = must(retry(some));
  BOOST_TEST(done.forgiven == 1);  // the others are members no more
  BOOST_TEST(to_json(done).find("\"forgiven\":1") != std::string::npos);
  BOOST_TEST(bounces() == 3);
  // What was said of us, or the message, was none.
  BatchRecord batch = this->batch(3);
  batch.progress.hosts.push_back("mx.a.test[192.0.2.1]:25" + std::string(kAboutMessage));
  for (auto& one : batch.progress.recipients)
    one.host = static_cast<std::uint32_t>(batch.progress.hosts.size() - 1);
  commit(*database, [&](Connection& c) { return BatchStore(c).save_unowned(batch); });
  some = request({3});
  some.forgive = true;
  BOOST_TEST(must(retry(some)).forgiven == 0);
  BOOST_TEST(bounces() == 3);
  // The last one takes along what it said.
  commit(*database, [](Connection& c) -> Result<void> {
    for (const bool left : {true, true, true, false})
      BOOST_TEST(must(MemberStore(c).take_back_bounce(1001)) == left);
    const MemberRecord ann = must(MemberStore(c).find_by_id(1001)).value();
    BOOST_TEST(ann.last_bounce.empty());
    BOOST_TEST((ann.last_bounce_at == WallTime{}));
    return {};
  });
}

BOOST_AUTO_TEST_SUITE_END()
