// Posts that are deleted while a server has some of them in its hands: who lets them go, and who does not.
#include <algorithm>
#include <functional>
#include <span>
#include <utility>

#include "smtpd/operate/command_marks.h"
#include "smtpd/operate/post_groups.h"
#include "tests/smtpd/operate/queue_fixture.h"
#include "tests/storage/nodes.h"

using namespace essaim;
using namespace essaim::smtpd::operate;
using namespace essaim::storage;
using namespace essaim::test;
using namespace std::chrono_literals;

BOOST_AUTO_TEST_SUITE(deletion_marks)

// A server has a transaction under way that ends after the command.
BOOST_FIXTURE_TEST_CASE(a_post_that_is_deleted_stays_held_until_what_is_in_flight_is_back, Queue) {
  const BatchRecord in_flight = claim(*database, {1, 1}, 1).at(0);
  QueueRequest only = request(QueueAction::kDelete);
  only.selection.ids = {in_flight.post_id};
  only.reason = "wrong";
  const auto nothing_comes = [&](const std::vector<Id>&) { clock.advance(20s); };
  const QueueChange left = must(change_queue(*database, clock, only, nothing_comes));
  BOOST_TEST(left.recipients == 0);
  BOOST_TEST(left.busy == 5);
  BOOST_TEST(left.held == 1);
  BOOST_TEST(to_json(left).find("\"held\":1") != std::string::npos);
  // Not even a command that was killed lets it go.
  clock.advance(kDeletionMarkLasts + 1s);
  BOOST_TEST(must(release_abandoned_deletions(*database, clock.wall_now(), true)) == 0);
  BOOST_TEST(state(in_flight.post_id) == "3 pending 5 suppressed 0 held");
  BOOST_TEST(must(finish_withdrawals(*database, clock)) == 0);
  give_back(in_flight);
  for (const BatchRecord& other : claim(*database, {1, 1}, 3)) BOOST_TEST(other.post_id != in_flight.post_id);
  BOOST_TEST(must(make_deletions_job(clock).run(*database)).find("who came back: 5;") != std::string::npos);
  BOOST_TEST(state(in_flight.post_id) == "0 pending 0 suppressed 5");
  must(database->read_now([&](Connection& c) -> Result<void> {
    const BatchRecord batch = must(BatchStore(c).load(in_flight.post_id, 0, true)).value();
    BOOST_TEST(batch.progress.replies[batch.progress.recipients[0].reply] == "deleted by operator: wrong");
    return {};
  }));
}

// What an operator does to an account that was stolen: holds all, deletes what is spam, releases the rest.
BOOST_FIXTURE_TEST_CASE(what_was_held_and_then_deleted_is_not_released_with_the_rest, Queue) {
  const Id in_flight = 2;
  std::vector<BatchRecord> taken = claim(*database, {1, 1}, 3);
  for (const BatchRecord& one : taken)
    if (one.post_id != in_flight) give_back(one);
  QueueRequest hold = request(QueueAction::kHold);
  hold.reason = "stolen";
  BOOST_TEST(change(hold).posts == 3);
  QueueRequest spam = request(QueueAction::kDelete);
  spam.selection.ids = {1, in_flight};
  const auto nothing_comes = [&](const std::vector<Id>&) { clock.advance(20s); };
  const QueueChange left = must(change_queue(*database, clock, spam, nothing_comes));
  BOOST_TEST(left.recipients == 5);
  BOOST_TEST(left.busy == 5);
  BOOST_TEST(left.held == 1);
  for (const BatchRecord& one : taken)
    if (one.post_id == in_flight) give_back(one);
  BOOST_TEST(must(preview_queue_change(*database, clock, request(QueueAction::kRelease))).change.posts == 1);
  BOOST_TEST(change(QueueAction::kRelease).posts == 1);
  BOOST_TEST(state(3) == "2 pending 5 suppressed 0");
  BOOST_TEST(state(in_flight).ends_with(" held"));
  BOOST_TEST(must(finish_withdrawals(*database, clock)) == 5);
  BOOST_TEST(state(in_flight) == "0 pending 0 suppressed 5");
  // Who names it takes the deletion back.
  commit(*database, [](Connection& c) { return PostStore(c).set_held(3, true, withdrawal("")); });
  QueueRequest back = request(QueueAction::kRelease);
  back.selection.ids = {3};
  BOOST_TEST(change(back).posts == 1);
  BOOST_TEST(state(3) == "2 pending 5 suppressed 0");
}

// The job deletes nothing of it; so nobody is told that.
BOOST_FIXTURE_TEST_CASE(some_of_a_held_post_are_deleted_and_what_is_out_is_called_busy_alone, Queue) {
  const BatchRecord in_flight = claim(*database, {1, 1}, 1).at(0);
  commit(*database, [&](Connection& c) { return PostStore(c).set_held(in_flight.post_id, true, "odd"); });
  QueueRequest some = request(QueueAction::kDelete);
  some.selection.filter.recipient = "u1@a.test";
  const auto nothing_comes = [&](const std::vector<Id>&) { clock.advance(4min); };
  const QueueChange left = must(change_queue(*database, clock, some, nothing_comes));
  BOOST_TEST(left.busy == 1);
  BOOST_TEST(left.held == 0);
  BOOST_TEST(state(in_flight.post_id).ends_with(" held"));
}

BOOST_FIXTURE_TEST_CASE(no_error_lets_a_deleted_post_go_out, Queue) {
  const Unarm unarm;
  const BatchRecord in_flight = claim(*database, {1, 1}, 1).at(0);
  QueueRequest only = request(QueueAction::kDelete);
  only.selection.ids = {in_flight.post_id};
  const auto nothing_comes = [&](const std::vector<Id>&) { clock.advance(20s); };
  BOOST_TEST(must(change_queue(*database, clock, only, nothing_comes)).held == 1);
  give_back(in_flight);
  // At each of its statements and commits: the job, and the same command typed again.
  bool all_done = false;
  for (const auto where : {FaultPlan::Where::kStatement, FaultPlan::Where::kBeforeCommit}) {
    all_done = false;
    for (std::uint64_t k = 1; k < 1000 && !all_done; ++k) {
      Queue other;
      const BatchRecord out = claim(*other.database, {1, 1}, 1).at(0);
      only.selection.ids = {out.post_id};
      BOOST_TEST(other.change(only).held == 1);
      other.give_back(out);
      FaultPlan::Plan plan;
      plan.where = where;
      plan.first = k;
      FaultPlan::arm(plan);
      static_cast<void>(k % 2 == 0 ? finish_withdrawals(*other.database, other.clock).ok()
                                   : change_queue(*other.database, other.clock, only, nullptr).ok());
      all_done = FaultPlan::seen(where) < k;
      FaultPlan::disarm();
      const std::string after = other.state(out.post_id);
      BOOST_TEST((after.ends_with(" held") || after == "0 pending 0 suppressed 5"), after);
      static_cast<void>(must(finish_withdrawals(*other.database, other.clock)));
      BOOST_TEST(other.state(out.post_id) == "0 pending 0 suppressed 5");
    }
    BOOST_TEST(all_done);
  }
  FaultPlan::Plan once;
  once.where = FaultPlan::Where::kBeforeCommit;
  FaultPlan::arm(once);
  const auto failed = finish_withdrawals(*database, clock);
  FaultPlan::disarm();
  BOOST_TEST(!failed.ok());
  BOOST_TEST(state(in_flight.post_id).ends_with(" held"));
  BOOST_TEST(must(finish_withdrawals(*database, clock)) == 5);
}

// Among nodes a command waits for what the others have; the job does not.
BOOST_FIXTURE_TEST_CASE(the_job_waits_for_no_node, Queue) {
  class Nodes final : public Forwarding {
   public:
    using Forwarding::Forwarding;
    bool wants_small_transactions() const override { return true; }
    void read(Work work, Done done) override {
      ++reads;
      Forwarding::read(std::move(work), std::move(done));
    }
    int reads = 0;
  } nodes(*database);
  for (const BatchRecord& one : claim(*database, {1, 1}, 3))
    commit(*database,
           [&](Connection& c) { return PostStore(c).set_held(one.post_id, true, withdrawal("")); });
  BOOST_TEST(must(finish_withdrawals(nodes, clock)) == 0);
  BOOST_TEST(nodes.reads > 3);
  BOOST_TEST(nodes.reads < 60);  // one patience alone looks more often
  BOOST_TEST(held() == 3);
}

// Two shells delete some of one post, within one second: the one that ends first does not let it go.
BOOST_FIXTURE_TEST_CASE(a_post_is_held_until_the_last_delete_of_it_ends, Queue) {
  const BatchRecord in_flight = claim(*database, {1, 1}, 1).at(0);
  QueueRequest one = request(QueueAction::kDelete), two = one;
  one.selection.ids = two.selection.ids = {in_flight.post_id};
  one.selection.filter.recipient = "u1@a.test";
  two.selection.filter.recipient = "u2@a.test";
  int recalls = 0;
  const auto recall = [&](const std::vector<Id>&) {
    if (++recalls == 1) BOOST_TEST(change(two).busy == 1);
    BOOST_TEST(held() == 1);
    if (recalls == 3) give_back(in_flight);
  };
  const QueueChange done = must(change_queue(*database, clock, one, recall));
  BOOST_TEST(done.recipients == 1);
  BOOST_TEST(done.busy == 0);
  BOOST_TEST(held() == 0);
}

BOOST_FIXTURE_TEST_CASE(marks_of_several_commands_are_beside_each_other, Queue) {
  const auto put = [&](const std::string& mark) {
    commit(*database, [&](Connection& c) { return put_mark(c, 1, mark, clock.wall_now()); });
  };
  const auto take = [&](const std::string& mark) {
    commit(*database, [&](Connection& c) { return take_marks(c, 1, {mark}); });
  };
  const std::string first = deletion_mark(clock.wall_now());
  put(first);
  put(first);  // a transaction that is run again
  clock.advance(kDeletionMarkLasts / 2);
  const std::string second = retry_mark(clock.wall_now());
  put(second);
  clock.advance(kDeletionMarkLasts / 2 + 1s);
  BOOST_TEST(must(release_abandoned_deletions(*database, clock.wall_now())) == 0);
  take(first);
  BOOST_TEST(held() == 1);
  take(first);
  BOOST_TEST(held() == 1);
  take(second);
  BOOST_TEST(held() == 0);
  // One that is over makes way, and all of them do.
  put(first);
  put(second);
  take(second);
  BOOST_TEST(held() == 0);
  put(second);
  clock.advance(kDeletionMarkLasts);
  BOOST_TEST(must(release_abandoned_deletions(*database, clock.wall_now())) == 1);
  // An operator's hold stays.
  commit(*database, [](Connection& c) { return PostStore(c).set_held(1, true, "odd"); });
  put(second);
  take(second);
  BOOST_TEST(held() == 1);
}

// A server that was killed and is back, or was taken over, is not at work under what it left; a command line may be.
BOOST_FIXTURE_TEST_CASE(the_mark_of_a_server_is_over_when_its_epoch_is, Queue) {
  const auto one = begin(*database, "one.test"), two = begin(*database, "two.test");
  const auto put = [&](const std::string& mark) {
    commit(*database, [&](Connection& c) { return put_mark(c, 1, mark, clock.wall_now()); });
  };
  const auto released = [&] { return must(release_abandoned_deletions(*database, clock.wall_now())); };
  CommandMarks marks(*database, CommandMarks::Kind::kDeletion, "", one);
  put(marks.make(clock.wall_now()).text);
  BOOST_TEST(released() == 0);
  const auto again = begin(*database, "one.test");
  BOOST_TEST(again.epoch > one.epoch);
  BOOST_TEST(released() == 1);
  BOOST_TEST(held() == 0);

  // Another one is at work on the post as well, until it is taken over.
  put(retry_mark(clock.wall_now(), kDeletionMarkLasts, again));
  put(deletion_mark(clock.wall_now(), kDeletionMarkLasts, two));
  begin(*database, "one.test");
  BOOST_TEST(released() == 0);
  commit(*database, [&](Connection& c) -> Result<void> {
    for (const NodeSight& node : must(NodeStore(c).all()))
      if (node.number == two.number) BOOST_TEST(must(NodeStore(c).fence(node)));
    return {};
  });
  BOOST_TEST(released() == 1);

  for (const NodeStore::Identity& by : {NodeStore::Identity{}, NodeStore::Identity{9, 1}}) {
    const std::string mark = deletion_mark(clock.wall_now(), kDeletionMarkLasts, by);
    put(mark);
    BOOST_TEST(is_deletion_mark(mark));
    BOOST_TEST(released() == 0);
    commit(*database, [&](Connection& c) { return take_marks(c, 1, {mark}); });
    BOOST_TEST(held() == 0);
  }
  // What is no such text is none, whatever stands in it.
  const NodeEpochs epochs{{1, 5}};
  const auto is_over = [&](const std::string& by) {
    return is_abandoned("being deleted, at most until 2099-11-22T18:52:04.000Z " + by, clock.wall_now(),
                        epochs);
  };
  BOOST_TEST(is_over("(1 by node 1, epoch 4)"));
  for (const char* odd :
       {"(1 by node 1, epoch 5)", "(1 by node 1, epoch 0", "(1 by node , epoch 0)", "(1 by node 1, epoch )",
        "(1 by node 1)", "(1 by node 99999999999999999999, epoch 0)", "(1 by node 4294967297, epoch 0)"})
    BOOST_TEST(!is_over(odd), odd);
}

// The others of its batch are in transmission, and come back when the operator has released it.
BOOST_AUTO_TEST_CASE(a_release_lets_no_post_go_while_some_of_it_are_deleted) {
  for (const bool operator_holds : {false, true}) {
    Queue queue;
    const BatchRecord in_flight = claim(*queue.database, {1, 1}, 1).at(0);
    const Id id = in_flight.post_id;
    if (operator_holds)
      commit(*queue.database, [&](Connection& c) { return PostStore(c).set_held(id, true, "odd; very"); });
    QueueRequest some = queue.request(QueueAction::kDelete), release = queue.request(QueueAction::kRelease);
    some.selection.ids = release.selection.ids = {id};
    some.selection.filter.recipient = "u1@a.test";
    int recalls = 0;
    const auto recall = [&](const std::vector<Id>&) {
      if (++recalls == 1) {
        const std::int64_t ended = operator_holds ? 1 : 0;
        BOOST_TEST(must(preview_queue_change(*queue.database, queue.clock, release)).change.posts == ended);
        const QueueChange released = queue.change(release);
        BOOST_TEST(released.posts == ended);
        BOOST_TEST(released.kept == 1);
        BOOST_TEST(released.kept_by.starts_with("post " + format_id(id) + ": being deleted, at most until "));
        BOOST_TEST(to_json(released).find("\"kept\":1,\"kept_by\":\"post ") != std::string::npos);
        BOOST_TEST(queue.change(release).posts == 0);
      }
      BOOST_TEST(queue.held() == 1);
      if (recalls == 2) queue.give_back(in_flight);
    };
    const QueueChange done = must(change_queue(*queue.database, queue.clock, some, recall));
    BOOST_TEST(done.recipients == 1);
    BOOST_TEST(done.busy == 0);
    BOOST_TEST(queue.held() == 0);
    BOOST_TEST(queue.state(id).ends_with("pending 4 suppressed 1"));
  }
}

BOOST_FIXTURE_TEST_CASE(an_operators_hold_is_beside_the_marks_and_outlives_them, Queue) {
  const std::string mark = deletion_mark(clock.wall_now());
  const auto put = [&] {
    commit(*database, [&](Connection& c) { return put_mark(c, 1, mark, clock.wall_now()); });
  };
  const auto take = [&] { commit(*database, [&](Connection& c) { return take_marks(c, 1, {mark}); }); };
  QueueRequest hold = request(QueueAction::kHold);
  hold.selection.ids = {1};
  hold.reason = "odd; being deleted, at most until we know more";
  for (const bool mark_first : {true, false}) {
    if (mark_first) put();
    BOOST_TEST(change(hold).posts == 1);
    if (!mark_first) put();
    take();
    BOOST_TEST(held() == 1);
    const QueueChange released = change(QueueAction::kRelease);
    BOOST_TEST(released.posts == 1);
    BOOST_TEST(released.kept == 0);
    BOOST_TEST(held() == 0);
  }
  // A command that was interrupted keeps it no longer than its mark says, and an operator's hold longer.
  change(hold);
  put();
  clock.advance(kDeletionMarkLasts + 1s);
  BOOST_TEST(must(release_abandoned_deletions(*database, clock.wall_now())) == 0);
  BOOST_TEST(change(QueueAction::kRelease).posts == 1);
  BOOST_TEST(held() == 0);
  // What is withdrawn is no operator's hold either, and not held anew.
  commit(*database, [](Connection& c) { return PostStore(c).set_held(1, true, withdrawal("spam")); });
  commit(*database, [&](Connection& c) { return put_hold(c, 1, "odd", clock.wall_now()); });
  put();
  const QueueChange left = change(QueueAction::kRelease);
  BOOST_TEST(left.posts == 0);
  BOOST_TEST(left.kept == 1);
  BOOST_TEST(left.kept_by == "post " + format_id(1) + ": " + withdrawal("spam"));
  commit(*database, [&](Connection& c) -> Result<void> {
    BOOST_TEST(must(take_hold(c, 1, clock.wall_now(), false)) == withdrawal("spam"));
    BOOST_TEST(must(take_hold(c, 1, clock.wall_now(), true)).empty());
    return {};
  });
  BOOST_TEST(held() == 0);
}

// Each write takes a minute, and somebody looks for what is abandoned before each.
BOOST_FIXTURE_TEST_CASE(no_post_is_let_go_before_a_long_delete_comes_to_it, Queue) {
  class Slow final : public Forwarding {
   public:
    Slow(Database& inner, ManualClock& moved) : Forwarding(inner), clock_(moved) {}
    void write(Durability durability, Work work, Done done) override {
      clock_.advance(1min);
      released += must(release_abandoned_deletions(inner_, clock_.wall_now()));
      Forwarding::write(durability, std::move(work), std::move(done));
    }
    std::int64_t released = 0;

   private:
    ManualClock& clock_;
  } slow(*database, clock);
  for (Id id = 4; id <= 30; ++id) make_post(*database, post(id), people(5, "a.test"));
  QueueRequest some = request(QueueAction::kDelete);
  some.selection.filter.recipient = "u1@a.test";
  BOOST_TEST(must(change_queue(slow, clock, some, nullptr)).recipients == 30);
  BOOST_TEST(slow.released == 0);
  BOOST_TEST(held() == 0);
}

BOOST_AUTO_TEST_CASE(marks_of_many_posts_last_longer) {
  Queue queue;
  CommandMarks marks(*queue.database, CommandMarks::Kind::kDeletion, "");
  const auto lasts = [&] { return marks.make(queue.clock.wall_now()).until - queue.clock.wall_now(); };
  marks.expect(1);
  BOOST_TEST((lasts() == kDeletionMarkLasts));
  marks.expect(600'000);
  BOOST_TEST((lasts() == 10 * kDeletionMarkLasts));
  const std::string mark = marks.make(queue.clock.wall_now()).text;
  BOOST_TEST(!is_abandoned(mark, queue.clock.wall_now() + 99min));
  BOOST_TEST(is_abandoned(mark, queue.clock.wall_now() + 101min));
}

BOOST_FIXTURE_TEST_CASE(many_posts_are_held_by_few_commits, Queue) {
  for (Id id = 4; id <= 120; ++id) make_post(*database, post(id), people(5, "a.test"));
  const auto commits = [&](QueueAction action, std::int64_t posts) {
    const auto before = database->counters().commits;
    BOOST_TEST(change(action).posts == posts);
    return database->counters().commits - before;
  };
  BOOST_TEST(commits(QueueAction::kHold, 120) <= 6u);
  BOOST_TEST(held() == 120);
  BOOST_TEST(change(QueueAction::kRelease).posts == 120);
  // A post may have many batches, all of which are changed.
  commit(*database, [](Connection& c) -> Result<void> {
    must(sql::run(c, "UPDATE post SET batches = 400"));
    return {};
  });
  BOOST_TEST(commits(QueueAction::kHold, 120) == 120u);
}

BOOST_FIXTURE_TEST_CASE(posts_are_counted_that_were_held_by_a_commit_without_an_answer, Queue) {
  const Unarm unarm;
  FaultPlan::Plan lost;
  lost.where = FaultPlan::Where::kAfterCommit;
  FaultPlan::arm(lost);
  const QueueChange done = change(QueueAction::kHold);
  FaultPlan::disarm();
  BOOST_TEST(done.posts == 3);
  BOOST_TEST(done.recipients == 15);
  BOOST_TEST(done.failed == 0);
  BOOST_TEST(held() == 3);
}

BOOST_AUTO_TEST_CASE(one_post_in_trouble_keeps_no_other_of_its_group) {
  std::vector<Id> ids, expected, done;
  for (Id id = 1; id <= 20; ++id) ids.push_back(id);
  expected = ids;
  std::erase(expected, 5);
  int calls = 0;
  const auto change = [&](std::span<const Id> group) -> Result<std::size_t> {
    ++calls;
    BOOST_TEST(group.size() <= 8u);
    if (std::find(group.begin(), group.end(), 5) != group.end()) return Error{ErrorCode::kIo, "broken"};
    const auto taken = std::min<std::size_t>(group.size(), 3);  // what one transaction takes
    done.insert(done.end(), group.begin(), group.begin() + static_cast<std::ptrdiff_t>(taken));
    return taken;
  };
  const auto alone = [](Id /*id*/, const std::function<Result<void>()>& work) { return work().ok(); };
  BOOST_TEST((change_in_groups(ids, 8, change, alone) == expected));
  BOOST_TEST((done == expected));
  BOOST_TEST(calls < 20);
}

BOOST_AUTO_TEST_SUITE_END()
