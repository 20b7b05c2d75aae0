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

BOOST_AUTO_TEST_SUITE_END()
