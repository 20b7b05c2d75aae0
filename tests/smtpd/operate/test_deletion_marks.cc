// Posts that are deleted while a server has some of them in its hands: who lets them go, and who does not.
#include "tests/smtpd/operate/queue_fixture.h"

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

BOOST_AUTO_TEST_SUITE_END()
