// What an operator does to the queue, and what is in its way: rows that cannot be read, and commands that end half-way.
#include <algorithm>
#include <utility>
#include <vector>

#include "smtpd/operate/queue_selection.h"
#include "smtpd/operate/queue_summary.h"
#include "tests/smtpd/operate/queue_fixture.h"
#include "tests/support/damaged_page.h"

using namespace essaim;
using namespace essaim::smtpd::operate;
using namespace essaim::storage;
using namespace essaim::test;
using namespace std::chrono_literals;

BOOST_AUTO_TEST_SUITE(queue_ops)

BOOST_FIXTURE_TEST_CASE(a_damaged_batch_is_shown_as_that_beside_the_others, Queue) {
  damage(2);
  for (const SumBy by : {SumBy::kDestination, SumBy::kReason, SumBy::kList}) {
    const QueueSums sums = must(sum_up(*database, {}, 0, by));
    BOOST_TEST(sums.recipients == 15);
    BOOST_REQUIRE(sums.lines.size() == 2u);
    BOOST_TEST(sums.lines[1].recipients == 5);
    BOOST_TEST(sums.lines[1].reason.find("damaged: batch 0000000000002/0: ") == 0u);
  }
  BOOST_TEST(must(sum_up(*database, {}, 2, SumBy::kDestination)).recipients == 5);
  PostFilter filter;
  filter.recipient = "u1@a.test";
  BOOST_TEST(must(sum_up(*database, filter, 0, SumBy::kReason)).recipients == 1 + 5 + 1);
  must(database->read_now([&](Connection& c) -> Result<void> {
    BOOST_TEST(must(BatchStore(c).waiting(filter)).size() == 3u);
    BOOST_TEST(must(PostStore(c).search(filter)).size() == 3u);
    return {};
  }));
  BOOST_TEST(must(preview_queue_change(*database, clock, {QueueAction::kDelete, {{}, filter}, ""}))
                 .change.recipients == 2);
}

// Rows: of a batch, or of a post, of which the batches tell how many wait.
BOOST_AUTO_TEST_CASE(what_is_on_a_damaged_page_is_summed_up_beside_the_rest) {
  if (!TempDatabase::is_sqlite()) return;
  for (const bool of_post : {false, true}) {
    Queue queue;
    commit(*queue.database, [&](Connection& c) -> Result<void> {
      for (Id id = 11; id <= 310; ++id) {
        PostRecord one = essaim::test::post(id);
        ESSAIM_TRY(add_expanded(c, &one, "Subject: x\r\n\r\n", "", id, people(1, "a.test")));
      }
      return c.execute(of_post ? "UPDATE post SET held_reason = 'damaged here' WHERE id = 150"
                               : "UPDATE batch_state SET why = 'damaged here' WHERE post_id = 150");
    });
    damage_pages_with(&queue.database, "damaged here");
    for (const SumBy by : {SumBy::kDestination, SumBy::kReason, SumBy::kList}) {
      const QueueSums sums = must(sum_up(*queue.database, {}, 0, by));
      std::int64_t posts = 0, lost = 0;
      for (const QueueSum& line : sums.lines) {
        posts += line.posts;
        const bool damaged = line.reason.starts_with("damaged: ");
        BOOST_TEST((line.oldest == WallTime{}) == damaged);
        if (!damaged) continue;
        lost += line.posts;
        BOOST_TEST(line.recipients == (of_post ? line.posts : 0));
      }
      BOOST_TEST(posts == 303);
      BOOST_TEST(lost > 0);
      BOOST_TEST(lost < 150);
      BOOST_TEST(sums.recipients == (of_post ? 315 : 315 - lost));
    }
  }
}

BOOST_AUTO_TEST_CASE(what_is_on_a_damaged_page_keeps_no_other_post_from_what_is_done) {
  if (!TempDatabase::is_sqlite()) return;
  for (const bool of_post : {false, true}) {
    Queue queue;
    commit(*queue.database, [&](Connection& c) -> Result<void> {
      for (Id id = 11; id <= 310; ++id) {
        PostRecord one = essaim::test::post(id);
        ESSAIM_TRY(add_expanded(c, &one, "Subject: x\r\n\r\n", "", id, people(1, "a.test")));
      }
      ESSAIM_TRY(
          c.execute("UPDATE batch_state SET why = '450 Greylisted' WHERE post_id IN (20, 21, 280, 281)"));
      return c.execute(of_post ? "UPDATE post SET held_reason = 'damaged here' WHERE id = 150"
                               : "UPDATE batch_state SET why = 'damaged here' WHERE post_id = 150");
    });
    damage_pages_with(&queue.database, "damaged here");
    const auto asked = [&](QueueAction action, const std::string& why) {
      QueueRequest request = queue.request(action);
      request.selection.filter.why = why;
      return request;
    };
    const auto does_the_rest = [](const QueueChange& done, std::int64_t posts) {
      BOOST_TEST(done.posts == posts);
      BOOST_TEST(done.failed > 0);
      BOOST_TEST(done.failed < 150);
      BOOST_TEST(done.error.find("post ") == 0u, done.error);
      return done.failed;
    };
    const QueueRequest hold = asked(QueueAction::kHold, "greylisted");
    const auto lost = does_the_rest(must(preview_queue_change(*queue.database, queue.clock, hold)).change, 4);
    BOOST_TEST(does_the_rest(queue.change(hold), 4) == lost);
    BOOST_TEST(queue.state(280).ends_with(" held"));
    // By their names, what can be read and what cannot.
    QueueRequest named = queue.request(QueueAction::kRelease);
    named.selection.ids = {150, 280};
    const QueueChange released = queue.change(named);
    BOOST_TEST(released.posts == 1);
    BOOST_TEST(released.failed == 1);
    BOOST_TEST(released.error.find("post " + format_id(150) + ": ") == 0u, released.error);
    const QueueChange removed = queue.change(asked(QueueAction::kDelete, "greylisted"));
    BOOST_TEST(does_the_rest(removed, 4) == lost);
    BOOST_TEST(removed.recipients == 4);
    BOOST_TEST(queue.state(281).starts_with("0 pending 0 suppressed 1"));
    // Those beside them may be out of reach as well, where their rows get longer; none is given up for what others are.
    QueueRequest rest = queue.request(QueueAction::kHold);
    rest.selection.filter.list = "dev@lists.test";
    const QueueChange all = queue.change(rest);
    BOOST_TEST(all.failed >= lost);
    BOOST_TEST(all.failed < 200);
    BOOST_TEST(all.posts + all.failed == 303 - 4);
  }
}

class ReadsCounted : public Forwarding {
 public:
  using Forwarding::Forwarding;
  void read(Work work, Done done) override {
    ++reads;
    Forwarding::read(std::move(work), std::move(done));
  }
  int reads = 0;
};

BOOST_FIXTURE_TEST_CASE(posts_are_selected_by_reads_that_do_not_grow_with_the_queue, Queue) {
  commit(*database, [](Connection& c) -> Result<void> {
    for (Id id = 11; id <= 1210; ++id) {
      PostRecord one = essaim::test::post(id);
      ESSAIM_TRY(
          add_expanded(c, &one, "Subject: x\r\n\r\n", "", id, people(1, id % 2 == 0 ? "a.test" : "b.test")));
    }
    must(sql::run(c, "UPDATE batch_state SET queue = 0, delivered = 1, pending = 0 WHERE post_id = 20"));
    return PostStore(c).add(essaim::test::post(5), "x");  // is not expanded yet
  });
  const auto selected = [&](const QueueSelection& selection) {
    ReadsCounted counted(*database);
    std::vector<Id> unknown;
    Unread unread;
    auto ids = must(select_posts(counted, selection, &unknown, &unread));
    BOOST_TEST(unread.posts.empty());
    BOOST_TEST(unknown.empty());
    BOOST_TEST(counted.reads == 1 + 3);
    BOOST_TEST(std::is_sorted(ids.begin(), ids.end()));
    return ids;
  };
  QueueSelection some;
  some.filter.domain = "a.test";
  const auto of_domain = selected(some);
  BOOST_TEST(of_domain.size() == 3u + 600u - 1u);
  BOOST_TEST(std::count(of_domain.begin(), of_domain.end(), 20) == 0);
  some.filter.domain.clear();
  some.filter.list = "dev@lists.test";
  BOOST_TEST(selected(some).size() == 3u + 1200u - 1u + 1u);
}

BOOST_FIXTURE_TEST_CASE(batches_are_selected_by_reads_that_do_not_grow_with_the_queue, Queue) {
  commit(*database, [](Connection& c) -> Result<void> {
    for (Id id = 11; id <= 1210; ++id) {
      PostRecord one = essaim::test::post(id);
      ESSAIM_TRY(add_expanded(c, &one, "Subject: x\r\n\r\n", "", id, people(1, "b.test")));
    }
    must(sql::run(c, "UPDATE batch_state SET why = '450 Greylisted' WHERE post_id IN (2, 700, 701, 1210)"));
    return {};
  });
  QueueRequest some = request(QueueAction::kHold);
  some.selection.filter.why = "greylisted";
  std::vector<Id> unknown;
  Unread unread;
  auto ids = must(select_posts(*database, some.selection, &unknown, &unread));
  BOOST_TEST(ids.size() == 3u + 1200u);
  std::erase(ids, 701);
  ReadsCounted counted(*database);
  const std::vector<std::pair<Id, int>> wanted = {{2, 0}, {700, 0}, {1210, 0}};
  BOOST_TEST((must(select_batches(counted, some.selection.filter, ids, &unread)) == wanted));
  BOOST_TEST(counted.reads == 3);
  BOOST_TEST(must(preview_queue_change(*database, clock, some)).change.posts == 4);
  BOOST_TEST(change(some).posts == 4);
  BOOST_TEST(held() == 4);
}

BOOST_FIXTURE_TEST_CASE(a_batch_that_says_an_impossible_number_is_shown, Queue) {
  commit(*database, [](Connection& c) -> Result<void> {
    must(sql::run(c, "UPDATE batch SET total = 5000 WHERE post_id = 2"));
    return {};
  });
  must(database->read_now([&](Connection& c) -> Result<void> {
    const auto all = must(BatchStore(c).waiting({}));
    BOOST_REQUIRE(all.size() == 3u);
    BOOST_TEST(must(BatchStore(c).of_post(2, false)).at(0).why.find("damaged: ") == 0u);
    return {};
  }));
  BOOST_TEST(must(sum_up(*database, {}, 0, SumBy::kReason)).recipients == 15);
}

BOOST_FIXTURE_TEST_CASE(what_delivery_parked_is_released_to_be_tried_again, Queue) {
  damage(2);
  BOOST_TEST(state(2) == "4 pending 5 suppressed 0");
  BOOST_TEST(must(preview_queue_change(*database, clock, request(QueueAction::kRelease))).change.recipients ==
             5);
  const QueueChange released = change(QueueAction::kRelease);
  BOOST_TEST(released.posts == 1);
  BOOST_TEST(released.recipients == 5);
  BOOST_TEST(state(2) == "2 pending 5 suppressed 0");
  BOOST_TEST(change(QueueAction::kRelease).posts == 0);
}

BOOST_FIXTURE_TEST_CASE(a_damaged_batch_is_deleted_and_the_posts_behind_it_are, Queue) {
  damage(2);
  // Who is in it cannot be known.
  QueueRequest one = request(QueueAction::kDelete);
  one.selection.filter.recipient = "u1@a.test";
  const QueueChange some = change(one);
  BOOST_TEST(some.recipients == 2);
  BOOST_TEST(some.damaged == 5);
  BOOST_TEST(state(3) == "2 pending 4 suppressed 1");
  BOOST_TEST(held() == 0);
  const QueueChange all = change(QueueAction::kDelete);
  BOOST_TEST(all.posts == 3);
  BOOST_TEST(all.recipients == 4 + 5 + 4);
  BOOST_TEST(all.damaged == 0);
  for (const Id id : {1, 2, 3}) BOOST_TEST(state(id).find("0 pending 0 suppressed 5") == 0u, state(id));
  commit(*database, [](Connection& c) -> Result<void> {
    BOOST_TEST(settle_posts(c) == 3);  // all have settled
    return {};
  });
}

BOOST_FIXTURE_TEST_CASE(a_post_in_trouble_does_not_keep_the_others_from_being_deleted, Queue) {
  commit(*database, [](Connection& c) -> Result<void> {
    must(sql::run(c, "UPDATE batch_state SET pending = 4 WHERE post_id = 2"));  // its sums are never saved
    return {};
  });
  const QueueChange all = change(QueueAction::kDelete);
  BOOST_TEST(all.posts == 2);
  BOOST_TEST(all.recipients == 10);
  BOOST_TEST(all.failed == 1);
  BOOST_TEST(all.error.find("post 0000000000002: ") == 0u, all.error);
  BOOST_TEST(to_json(all).find("\"failed\":1") != std::string::npos);
  // Nobody is to get that one either.
  BOOST_TEST(all.held == 1);
  BOOST_TEST(state(2).ends_with(" held"));
  QueueRequest only = request(QueueAction::kDelete);
  only.selection.ids = {2};
  const QueueChange again = change(only);
  BOOST_TEST(again.failed == 1);
  BOOST_TEST(again.held == 1);
  BOOST_TEST(again.error.find("post 0000000000002: ") == 0u, again.error);
  // The job cannot either, and does the others.
  make_post(*database, post(4), people(5, "a.test"));
  commit(*database, [](Connection& c) { return PostStore(c).set_held(4, true, withdrawal("")); });
  const auto done = finish_withdrawals(*database, clock);
  BOOST_REQUIRE(!done.ok());
  BOOST_TEST(done.error().message.find("post 0000000000002: ") == 0u, done.error().message);
  BOOST_TEST(state(4) == "0 pending 0 suppressed 5");
  BOOST_TEST(held() == 1);
}

BOOST_FIXTURE_TEST_CASE(whatever_fails_a_delete_leaves_nothing_held, Queue) {
  const Unarm unarm;
  QueueRequest request = this->request(QueueAction::kDelete);
  request.selection.filter.domain = "a.test";
  FaultPlan::arm({FaultPlan::Where::kStatement, 0});
  static_cast<void>(change(request));
  const std::uint64_t statements = FaultPlan::seen(FaultPlan::Where::kStatement);
  BOOST_TEST(statements > 20u);
  for (const auto where :
       {FaultPlan::Where::kStatement, FaultPlan::Where::kBeforeCommit, FaultPlan::Where::kAfterCommit})
    for (std::uint64_t k = 1; k <= statements; ++k) {
      Queue other;
      FaultPlan::Plan plan;
      plan.where = where;
      plan.first = k;
      FaultPlan::arm(plan);
      const auto outcome = change_queue(*other.database, other.clock, request, nullptr);
      const bool all_done = FaultPlan::seen(where) < k;
      FaultPlan::disarm();
      // Only where the taking back itself failed is one left, for whom comes later.
      BOOST_TEST(other.held() <= 1);
      other.clock.advance(kDeletionMarkLasts + 1s);
      static_cast<void>(must(release_abandoned_deletions(*other.database, other.clock.wall_now())));
      BOOST_TEST(other.held() == 0);
      if (all_done) break;
    }
}

BOOST_FIXTURE_TEST_CASE(what_a_killed_delete_left_held_goes_on, Queue) {
  const auto hold = [&](Id id, const std::string& reason) {
    commit(*database, [&](Connection& c) { return PostStore(c).set_held(id, true, reason); });
  };
  hold(1, deletion_mark(clock.wall_now()));
  hold(3, "looks like spam");
  // It may be at work still.
  BOOST_TEST(must(release_abandoned_deletions(*database, clock.wall_now())) == 0);
  clock.advance(kDeletionMarkLasts + 1s);
  QueueRequest nobody = request(QueueAction::kDelete);
  nobody.selection.filter.domain = "elsewhere.test";
  BOOST_TEST(change(nobody).posts == 0);
  BOOST_TEST(state(1) == "2 pending 5 suppressed 0");
  BOOST_TEST(state(3) == "4 pending 5 suppressed 0 held");
  // A server alone need not wait; the job says what it did.
  hold(1, deletion_mark(clock.wall_now()));
  BOOST_TEST(must(release_abandoned_deletions(*database, clock.wall_now(), true)) == 1);
  hold(1, deletion_mark(clock.wall_now()));
  clock.advance(kDeletionMarkLasts + 1s);
  BOOST_TEST(must(make_deletions_job(clock).run(*database)).ends_with("held: 1"));
  BOOST_TEST(held() == 1);
}

BOOST_FIXTURE_TEST_CASE(an_operator_may_hold_what_is_being_deleted, Queue) {
  QueueRequest some = request(QueueAction::kDelete);
  some.selection.filter.recipient = "u1@a.test";
  QueueRequest hold = request(QueueAction::kHold);
  hold.selection.ids = {2};
  const auto meanwhile = [&](const std::vector<Id>&) { BOOST_TEST(change(hold).posts == 1); };
  BOOST_TEST(must(change_queue(*database, clock, some, meanwhile)).recipients == 3);
  BOOST_TEST(state(1) == "2 pending 4 suppressed 1");
  BOOST_TEST(state(2).ends_with(" held"));
  BOOST_TEST(held() == 1);
}

BOOST_FIXTURE_TEST_CASE(a_long_delete_renews_its_marks, Queue) {
  QueueRequest some = request(QueueAction::kDelete);
  some.selection.filter.recipient = "u1@a.test";
  std::vector<std::vector<Id>> recalled;
  const auto slow = [&](const std::vector<Id>& posts) {
    if (recalled.empty()) {
      clock.advance(kDeletionMarkLasts + 1s);
      BOOST_TEST(must(release_abandoned_deletions(*database, clock.wall_now())) == 3);
    }
    recalled.push_back(posts);
  };
  BOOST_TEST(must(change_queue(*database, clock, some, slow)).recipients == 3);
  BOOST_REQUIRE(recalled.size() == 2u);
  BOOST_TEST((recalled[1] == std::vector<Id>{1, 2, 3}));
  BOOST_TEST(held() == 0);
}

BOOST_FIXTURE_TEST_CASE(a_delete_that_cannot_begin_recalls_nothing, Queue) {
  const Unarm unarm;
  QueueRequest only = request(QueueAction::kDelete);
  only.selection.ids = {2};
  std::vector<std::vector<Id>> recalled;
  const auto recall = [&](const std::vector<Id>& posts) { recalled.push_back(posts); };
  FaultPlan::Plan full;
  full.where = FaultPlan::Where::kBeforeCommit;
  full.times = 1'000'000;
  full.code = ErrorCode::kExhausted;
  FaultPlan::arm(full);
  const auto outcome = change_queue(*database, clock, only, recall);
  FaultPlan::disarm();
  BOOST_REQUIRE(!outcome.ok());
  BOOST_TEST(static_cast<int>(outcome.error().code) == static_cast<int>(ErrorCode::kExhausted));
  BOOST_TEST(recalled.empty());
  BOOST_TEST(state(2) == "1 pending 5 suppressed 0");
}

BOOST_FIXTURE_TEST_CASE(what_was_released_before_everything_fails_counts_as_released, Queue) {
  const Unarm unarm;
  for (Id id = 4; id <= 30; ++id) make_post(*database, post(id), people(5, "a.test"));
  BOOST_TEST(change(QueueAction::kHold).recipients == 150);
  FaultPlan::Plan later;
  later.where = FaultPlan::Where::kBeforeCommit;
  later.first = 11;  // a commit for each post
  later.times = 1'000'000;
  FaultPlan::arm(later);
  const auto released = change_queue(*database, clock, request(QueueAction::kRelease), nullptr);
  FaultPlan::disarm();
  const QueueChange done = must(released);
  BOOST_TEST(done.posts == 10);
  BOOST_TEST(done.recipients == 50);
  BOOST_TEST(done.failed == 20);
  BOOST_TEST(held() == 20);
}

BOOST_FIXTURE_TEST_CASE(what_comes_back_while_some_are_deleted_is_deleted_too, Queue) {
  const BatchRecord in_flight = claim(*database, {1, 1}, 1).at(0);
  QueueRequest some = request(QueueAction::kDelete);
  some.selection.filter.recipient = "u1@a.test";
  int recalls = 0;
  const auto recall = [&](const std::vector<Id>& posts) {
    if (++recalls != 2) return;
    BOOST_TEST((posts == std::vector<Id>{in_flight.post_id}));
    BOOST_TEST(held() == 1);  // and the others are on their way
    give_back(in_flight);
  };
  const QueueChange done = must(change_queue(*database, clock, some, recall));
  BOOST_TEST(done.recipients == 3);
  BOOST_TEST(done.posts == 3);
  BOOST_TEST(done.busy == 0);
  BOOST_TEST(held() == 0);
}

BOOST_FIXTURE_TEST_CASE(some_recipients_of_each_post_are_deleted_in_one_go, Queue) {
  QueueRequest named = request(QueueAction::kDelete);
  named.selection.recipients = {{1, {"u4@A.test", "u1@a.test", "stranger@a.test"}}, {3, {"u0@a.test"}}};
  // As the server is told it.
  named.selection = must(QueueSelection::from_arguments(named.selection.to_arguments()));
  BOOST_TEST((named.selection.ids == std::vector<Id>{1, 3}));
  const QueuePreview planned = must(preview_queue_change(*database, clock, named));
  BOOST_TEST(planned.change.recipients == 3);
  BOOST_TEST(planned.change.posts == 2);
  const QueueChange done = change(named);
  BOOST_TEST(done.recipients == 3);
  BOOST_TEST(done.posts == 2);
  BOOST_TEST(state(1) == "2 pending 3 suppressed 2");
  BOOST_TEST(state(2) == "1 pending 5 suppressed 0");
  BOOST_TEST(state(3) == "2 pending 4 suppressed 1");
  BOOST_TEST(change(named).recipients == 0);  // done already
  BOOST_TEST(!QueueSelection::from_arguments({{"recipients", "nonsense u0@a.test\n"}}).ok());
  BOOST_TEST(!QueueSelection::from_arguments({{"recipients", format_id(1) + "\n"}}).ok());
}

// What is in transmission has its time also where the work on the others alone takes longer.
BOOST_FIXTURE_TEST_CASE(a_delete_of_many_waits_behind_its_first_pass, Queue) {
  class Slow final : public Forwarding {
   public:
    Slow(Database& inner, ManualClock& moved) : Forwarding(inner), clock_(moved) {}
    void write(Durability durability, Work work, Done done) override {
      clock_.advance(4min);
      Forwarding::write(durability, std::move(work), std::move(done));
    }

   private:
    ManualClock& clock_;
  } slow(*database, clock);
  const BatchRecord in_flight = claim(*database, {1, 1}, 1).at(0);
  QueueRequest some = request(QueueAction::kDelete);
  some.selection.filter.recipient = "u1@a.test";
  const auto recall = [&](const std::vector<Id>& posts) {
    if (posts == std::vector<Id>{in_flight.post_id} && state(in_flight.post_id).starts_with("3 "))
      give_back(in_flight);
  };
  const QueueChange done = must(change_queue(slow, clock, some, recall));
  BOOST_TEST(done.recipients == 3);
  BOOST_TEST(done.busy == 0);
  BOOST_TEST(held() == 0);
}

// The others of the post are to have it.
BOOST_FIXTURE_TEST_CASE(a_post_of_which_some_are_deleted_is_not_held_for_ever, Queue) {
  const BatchRecord in_flight = claim(*database, {1, 1}, 1).at(0);
  QueueRequest some = request(QueueAction::kDelete);
  some.selection.filter.recipient = "u1@a.test";
  const auto nothing_comes = [&](const std::vector<Id>&) { clock.advance(4min); };
  const QueueChange left = must(change_queue(*database, clock, some, nothing_comes));
  BOOST_TEST(left.recipients == 2);
  BOOST_TEST(left.busy == 1);  // who is meant, and not all of the batch
  BOOST_TEST(left.held == 0);
  BOOST_TEST(held() == 0);
}

// It comes back for the recall, and the server claims it again at once.
BOOST_FIXTURE_TEST_CASE(a_retry_reaches_what_a_server_has_in_its_hands_again, Queue) {
  auto open = claim(*database, {1, 1}, 1).at(0);
  for (const std::size_t i : {1, 2}) settle(&open, i, RecipientState::kDeferred);
  commit(*database, [&](Connection& c) { return BatchStore(c).save({1, 1}, open); });
  QueueRequest retry = request(QueueAction::kRetry);
  retry.selection.ids = {open.post_id};
  int recalls = 0;
  const auto recall = [&](const std::vector<Id>&) {
    if (++recalls != 2) return;
    BOOST_TEST(state(open.post_id) == "3 pending 5 suppressed 0 held");
    give_back(open);
  };
  const QueueChange done = must(change_queue(*database, clock, retry, recall));
  BOOST_TEST(done.recipients == 2);
  BOOST_TEST(done.busy == 0);
  BOOST_TEST(recalls == 2);
  BOOST_TEST(held() == 0);
  must(database->read_now([&](Connection& c) -> Result<void> {
    const auto batch = must(BatchStore(c).load(open.post_id, 0, true)).value();
    for (const std::size_t i : {1, 2})
      BOOST_TEST(split_host(batch.progress.hosts[batch.progress.recipients[i].host]).with_its_batch);
    return {};
  }));
}

// As a server does with a transaction that gave way to another one, or whose connection was lost.
BOOST_FIXTURE_TEST_CASE(a_transaction_that_is_run_again_counts_once, Queue) {
  class Twice final : public Forwarding {
   public:
    using Forwarding::Forwarding;
    void read(Work work, Done done) override { inner_.read(again(std::move(work)), std::move(done)); }
    void look(Work work, Done done) override { inner_.look(again(std::move(work)), std::move(done)); }
    // Once too seldom committed: what was done first is undone.
    void write(Durability durability, Work work, Done done) override {
      const Result<void> first = inner_.write_now(durability, [&](Connection& c) -> Result<void> {
        ESSAIM_TRY(work(c));
        return Error{ErrorCode::kInternal, "undone"};
      });
      BOOST_TEST(!first.ok());
      inner_.write(durability, std::move(work), std::move(done));
    }

   private:
    static Work again(Work work) {
      return [work = std::move(work)](Connection& c) -> Result<void> {
        ESSAIM_TRY(work(c));
        return work(c);
      };
    }
  } twice(*database);
  const auto recipients = [&](QueueAction action) {
    const QueueRequest what = request(action);
    return must(change_queue(twice, clock, what, nullptr)).recipients;
  };
  BOOST_TEST(recipients(QueueAction::kHold) == 15);
  BOOST_TEST(recipients(QueueAction::kRelease) == 15);
  BOOST_TEST(recipients(QueueAction::kRetry) == 15);
  BOOST_TEST(recipients(QueueAction::kDelete) == 15);
}

BOOST_FIXTURE_TEST_CASE(an_id_that_is_unknown_does_not_keep_the_others_from_what_is_done, Queue) {
  QueueRequest some = request(QueueAction::kHold);
  some.selection.ids = {99, 3, 1, 98, 3, 98};
  const std::vector<Id> unknown = {98, 99};
  for (const auto& [action, held_after] :
       {std::pair{QueueAction::kHold, 2}, std::pair{QueueAction::kRelease, 0},
        std::pair{QueueAction::kDelete, 0}}) {
    some.action = action;
    BOOST_TEST((must(preview_queue_change(*database, clock, some)).change.unknown == unknown));
    const QueueChange done = change(some);
    BOOST_TEST(done.posts == 2);
    BOOST_TEST((done.unknown == unknown));
    BOOST_TEST(to_json(done).find("\"unknown\":[\"" + format_id(98) + "\",\"" + format_id(99) + "\"]") !=
               std::string::npos);
    BOOST_TEST(held() == held_after);
  }
  BOOST_TEST(state(1).find("pending 0 suppressed 5") != std::string::npos, state(1));
  BOOST_TEST(state(2).find("pending 5 suppressed 0") != std::string::npos, state(2));
  some.selection.ids = {99, 98};
  const auto none = change_queue(*database, clock, some, nullptr);
  BOOST_REQUIRE(!none.ok());
  BOOST_TEST((none.error().code == ErrorCode::kNotFound));
  BOOST_TEST(none.error().message == "no post " + format_id(98) + ", " + format_id(99));
}

// Rows: what a batch with deferred recipients waits for: their pause, or a claim, as it came back for others.
BOOST_FIXTURE_TEST_CASE(a_retry_ends_the_pauses_of_those_who_are_meant, Queue) {
  for (const BatchQueue queue : {BatchQueue::kWaiting, BatchQueue::kReady}) {
    auto deferred = claim(*database, {1, 1}, 1).at(0);
    const Id id = deferred.post_id;
    for (const std::size_t i : {1, 2}) settle(&deferred, i, RecipientState::kDeferred);
    deferred.queue = queue;
    deferred.due = queue == BatchQueue::kWaiting ? kNow + 1h : kNow;
    commit(*database, [&](Connection& c) { return BatchStore(c).save({1, 1}, deferred); });
    QueueRequest one = request(QueueAction::kRetry);
    one.selection.ids = {id};
    one.selection.filter.recipient = "u1@a.test";
    BOOST_TEST(must(preview_queue_change(*database, clock, one)).change.recipients == 1);
    BOOST_TEST(change(one).recipients == 1);
    BatchRecord after;
    must(database->read_now([&](Connection& c) -> Result<void> {
      after = must(BatchStore(c).load(id, 0, true)).value();
      return {};
    }));
    BOOST_TEST((after.queue == BatchQueue::kReady));
    const auto goes_now = [&](std::size_t i) {
      return split_host(after.progress.hosts[after.progress.recipients[i].host]).with_its_batch;
    };
    BOOST_TEST((goes_now(1) && !goes_now(2)));
    BOOST_TEST(change(one).recipients == 0);
    // Out of the way of the next row.
    BOOST_TEST(claim(*database, {1, 1}, 1).at(0).post_id == id);
  }
}

BOOST_AUTO_TEST_SUITE_END()
