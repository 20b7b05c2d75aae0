// What nodes tell each other of their demand, and where it stands. On both engines.
#include <map>
#include <string>

#include "storage/cluster/membership.h"
#include "storage/cluster/node_demand.h"
#include "storage/node_removal.h"
#include "tests/storage/fixtures.h"
#include "tests/storage/nodes.h"

using namespace essaim;
using namespace essaim::storage;
using namespace essaim::test;
using namespace std::chrono_literals;

namespace {

struct Seen final : Membership::Listener {
  std::map<int, std::string> demands;
  void on_view(const ClusterView& view) override {
    for (const NodeSight& node : view.nodes) demands[node.number] = node.demand;
  }
  void on_taken_over(int) override {}
  void on_lease_again() override {}
  void on_fenced(bool) override {}
};

struct Node {
  Node(TempDatabase& database, const std::string& hostname, ManualClock& clock)
      : self(begin(*database, hostname)),
        lease(clock),
        membership(*database, clock, self, lease, Membership::Options{15s}, seen) {}
  std::string sees(int number) {
    must(membership.watch());
    return seen.demands[number];
  }
  NodeStore::Identity self;
  NodeLease lease;
  Seen seen;
  Membership membership;
};

std::string in_row(TempDatabase& database, int number) {
  return sight(*database, number).demand;
}

// As a program does that knows of no other place.
void beat_in_row(TempDatabase& database, NodeStore::Identity node, const std::string& demand) {
  commit(*database, [&](Connection& c) -> Result<void> {
    BOOST_TEST(must(NodeStore(c).beat(node, demand)));
    return {};
  });
}

}  // namespace

BOOST_AUTO_TEST_SUITE(node_demand)

BOOST_AUTO_TEST_CASE(what_a_node_wants_is_told_and_stands_in_no_row_that_claims_write) {
  TempDatabase database;
  ManualClock clock;
  Node one(database, "one.test", clock), two(database, "two.test", clock);
  for (Node* node : {&one, &two}) must(node->membership.beat());
  for (Node* node : {&one, &two}) must(node->membership.watch());
  const std::string much(60'000, 'x');
  for (const std::string& demand : {std::string("a.test\t5\n"), much, std::string()}) {
    one.membership.set_demand(demand);
    must(one.membership.beat());
    BOOST_TEST((two.sees(1) == demand));
    BOOST_TEST(in_row(database, 1).empty());
  }
  BOOST_TEST(two.sees(2).empty());
}

BOOST_AUTO_TEST_CASE(beside_an_older_program_it_stands_in_the_row_too_until_that_one_has_ended) {
  TempDatabase database;
  ManualClock clock;
  Node one(database, "one.test", clock);
  const auto old = begin(*database, "old.test");
  one.membership.set_demand("a.test\t5\n");
  must(one.membership.beat());  // nobody has been seen yet
  BOOST_TEST(in_row(database, 1) == "a.test\t5\n");
  beat_in_row(database, old, "b.test\t7\n");
  BOOST_TEST(one.sees(2) == "b.test\t7\n");
  one.membership.set_demand("a.test\t6\n");
  must(one.membership.beat());
  BOOST_TEST(in_row(database, 1) == "a.test\t6\n");
  commit(*database, [&](Connection& c) -> Result<void> {
    BOOST_TEST(must(NodeStore(c).end_epoch(old)));
    return {};
  });
  must(one.membership.watch());
  must(one.membership.beat());
  BOOST_TEST(in_row(database, 1).empty());
  Node two(database, "two.test", clock);
  BOOST_TEST(two.sees(1) == "a.test\t6\n");
}

// The older program is back under the same name, after the newer one or beside another server of it.
BOOST_AUTO_TEST_CASE(what_an_earlier_epoch_told_counts_no_more) {
  TempDatabase database;
  ManualClock clock;
  Node one(database, "one.test", clock), two(database, "two.test", clock);
  two.membership.set_demand("a.test\t5\n");
  for (Node* node : {&one, &two}) must(node->membership.beat());
  BOOST_TEST(one.sees(2) == "a.test\t5\n");
  const auto again = begin(*database, "two.test");
  beat_in_row(database, again, "b.test\t7\n");
  BOOST_TEST(one.sees(2) == "b.test\t7\n");
  one.membership.set_demand("c.test\t1\n");
  must(one.membership.beat());
  BOOST_TEST(in_row(database, 1) == "c.test\t1\n");
}

BOOST_AUTO_TEST_CASE(what_somebody_wrote_over_is_told_again) {
  TempDatabase database;
  ManualClock clock;
  Node one(database, "one.test", clock), two(database, "two.test", clock);
  one.membership.set_demand("a.test\t5\n");
  for (Node* node : {&one, &two}) must(node->membership.beat());
  BOOST_TEST(two.sees(1) == "a.test\t5\n");
  commit(*database, [&](Connection& c) {
    return tell_demand(c, {1, one.self.epoch - 1}, "of the epoch before");
  });
  BOOST_TEST(two.sees(1) != "of the epoch before");
  must(one.membership.watch());
  must(one.membership.beat());
  BOOST_TEST(two.sees(1) == "a.test\t5\n");
}

BOOST_AUTO_TEST_CASE(it_goes_with_the_node) {
  TempDatabase database;
  ManualClock clock;
  Node one(database, "one.test", clock), two(database, "two.test", clock);
  for (Node* node : {&one, &two}) must(node->membership.beat());
  const auto told = [&] {
    std::vector<NodeSight> nodes(1);
    nodes[0].number = two.self.number;
    nodes[0].epoch = two.self.epoch;
    must(database->read_now([&](Connection& c) { return read_demands(c, &nodes); }));
    return nodes[0].tells_apart;
  };
  BOOST_TEST(told());
  commit(*database, [&](Connection& c) -> Result<void> {
    BOOST_TEST(must(NodeStore(c).end_epoch(two.self)));
    return {};
  });
  const NodeSight gone = sight(*database, 2);
  commit(*database, [&](Connection& c) { return remove_node(c, gone); });
  BOOST_TEST(!told());
}

BOOST_AUTO_TEST_SUITE_END()
