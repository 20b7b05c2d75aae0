// Nodes that share a database: epochs, beats, takeover and fencing. On both engines.
#include <future>
#include <thread>

#include "storage/cluster/job_fence.h"
#include "storage/cluster/membership.h"
#include "storage/cluster/node_watch.h"
#include "storage/fault.h"
#include "storage/journal.h"
#include "storage/late_store.h"
#include "storage/node_removal.h"
#include "storage/sql.h"
#include "tests/storage/fixtures.h"
#include "tests/storage/nodes.h"

using namespace essaim;
using namespace essaim::storage;
using namespace essaim::test;
using namespace std::chrono_literals;

namespace {

struct Unarm {
  ~Unarm() { FaultPlan::disarm(); }
};

struct Listener final : Membership::Listener {
  int views = 0, again = 0, fenced = 0;
  bool dead = false;
  ClusterView last;
  std::vector<int> taken_over;
  void on_view(const ClusterView& view) override {
    ++views;
    last = view;
  }
  void on_taken_over(int node) override { taken_over.push_back(node); }
  void on_lease_again() override { ++again; }
  void on_fenced(bool was_dead) override {
    ++fenced;
    dead = was_dead;
  }
};

// A node whose steps the test takes.
struct Node {
  Node(TempDatabase& database, const std::string& hostname, ManualClock& c)
      : clock(c),
        self(begin(*database, hostname)),
        lease(clock),
        membership(*database, clock, self, lease, Membership::Options{15s}, listener) {}
  ManualClock& clock;
  NodeStore::Identity self;
  NodeLease lease;
  Listener listener;
  Membership membership;
};

}  // namespace

BOOST_AUTO_TEST_SUITE(nodes)

BOOST_AUTO_TEST_CASE(each_host_has_its_number_and_a_new_epoch_with_each_start) {
  TempDatabase database;
  const auto one = begin(*database, "one.test"), two = begin(*database, "two.test");
  BOOST_TEST(one.number == 1);
  BOOST_TEST(two.number == 2);
  const auto again = begin(*database, "one.test");
  BOOST_TEST(again.number == 1);
  BOOST_TEST(again.epoch == one.epoch + 1);
  commit(*database, [&](Connection& c) -> Result<void> {
    BOOST_TEST(!must(NodeStore(c).beat(one)));
    BOOST_TEST(must(NodeStore(c).beat(again)));
    return {};
  });
}

BOOST_AUTO_TEST_CASE(a_server_that_is_at_work_keeps_its_epoch_when_another_one_begins_under_its_name) {
  TempDatabase database;
  const auto one = begin(*database, "one.test");
  WallTime now = kNow;
  const auto begins = [&](const NodeStore::Ended& ended) {
    now += 1s;
    const Result<void> begun = database->write_now(Durability::kAccept, [&](Connection& c) -> Result<void> {
      auto node = NodeStore(c).begin_epoch("one.test", now, 15s, "1", &ended);
      if (!node.ok()) return node.error();
      BOOST_TEST(node->number == one.number);
      return {};
    });
    if (!begun.ok()) BOOST_TEST((begun.error().code == ErrorCode::kConflict));
    return begun.ok();
  };
  const auto beat = [&] {
    commit(*database, [&](Connection& c) -> Result<void> {
      BOOST_TEST(must(NodeStore(c).beat(one)));
      return {};
    });
  };
  const auto seen = [&] {
    const NodeSight row = sight(*database, one.number);
    return NodeStore::Ended{{}, row.epoch, row.beat};
  };
  BOOST_TEST(!begins({}));
  BOOST_TEST(!begins({kNow - 1ms, 0, 0}));
  const NodeStore::Ended silent = seen();
  beat();
  BOOST_TEST(!begins(silent));
  beat();  // none of them has ended the epoch
  BOOST_TEST(begins(seen()));
  // Its own start of before, and one that is not the last any more.
  const WallTime last = now;
  BOOST_TEST(begins({last, 0, 0}));
  BOOST_TEST(!begins({last, 0, 0}));
  // Who has ended in order, or was taken over, is in nobody's way; nor is who never was.
  for (const bool in_order : {true, false}) {
    commit(*database, [&](Connection& c) -> Result<void> {
      const NodeSight row = must(NodeStore(c).all()).at(0);
      BOOST_TEST(must(in_order ? NodeStore(c).end_epoch({row.number, row.epoch}) : NodeStore(c).fence(row)));
      return {};
    });
    BOOST_TEST(begins({}));
  }
  commit(*database, [&](Connection& c) -> Result<void> {
    const NodeStore::Ended nothing;
    BOOST_TEST(must(NodeStore(c).begin_epoch("two.test", now, 15s, "1", &nothing)).epoch == 1);
    return {};
  });
}

BOOST_AUTO_TEST_CASE(a_node_that_does_not_come_back_is_removed_when_it_owns_nothing) {
  TempDatabase database;
  make_post(*database, post(1), people(3, "a.test"));
  const auto one = begin(*database, "one.test"), two = begin(*database, "two.test");
  const auto remove = [&](const NodeSight& node) {
    return database->write_now(Durability::kAccept, [&](Connection& c) { return remove_node(c, node); });
  };
  const auto why = [&](const NodeSight& node) {
    const Result<void> refused = remove(node);
    BOOST_TEST((!refused.ok() && refused.error().code == ErrorCode::kConflict));
    BOOST_TEST(sight(*database, node.number).number == node.number);
    return refused.ok() ? std::string() : refused.error().message;
  };
  if (!TempDatabase::is_sqlite())
    BOOST_TEST(why(sight(*database, 2)).find("is serving") != std::string::npos);
  auto batch = claim(*database, {two.number, two.epoch}, 1).at(0);
  commit(*database, [&](Connection& c) -> Result<void> {
    BOOST_TEST(must(NodeStore(c).fence(sight(*database, 2))));
    return {};
  });
  const NodeSight dead = sight(*database, 2);
  BOOST_TEST(why(dead).find("still owns batches (1)") != std::string::npos);
  settle(&batch, 0, RecipientState::kDelivered);
  commit(*database, [&](Connection& c) -> Result<void> {
    std::vector<DamagedBatch> damaged;
    BOOST_TEST(must(NodeStore(c).release_fenced(2, 10, &damaged)) == 1);
    BOOST_TEST(damaged.empty());
    return LateStore(c).keep({two.number, two.epoch}, 1, 0, batch.progress);
  });
  BOOST_TEST(why(dead).find("job run late-outcomes") != std::string::npos);
  must(make_late_outcomes_job().run(*database));
  // It has begun anew since it was looked at.
  const auto again = begin(*database, "two.test");
  if (!TempDatabase::is_sqlite()) BOOST_TEST(!why(dead).empty());
  commit(*database, [&](Connection& c) -> Result<void> {
    BOOST_TEST(must(NodeStore(c).end_epoch(again)));
    return {};
  });
  must(remove(sight(*database, 2)));
  BOOST_TEST(sight(*database, 2).number == 0);
  BOOST_TEST(sight(*database, 1).epoch == one.epoch);
  commit(*database, [&](Connection& c) -> Result<void> {
    BOOST_TEST(!must(NodeStore(c).beat(again)));
    return {};
  });
  // Its number is in ids, and in what others know of its epochs.
  const auto back = begin(*database, "two.test");
  BOOST_TEST(back.number == 3);
  BOOST_TEST(back.epoch == 1);
}

BOOST_AUTO_TEST_CASE(a_dead_node_is_taken_over_once_and_finds_out) {
  TempDatabase database;
  make_post(*database, post(1), people(1500, "a.test"));
  ManualClock clock;
  Node one(database, "one.test", clock), two(database, "two.test", clock),
      three(database, "three.test", clock);
  for (Node* node : {&one, &two, &three}) must(node->membership.beat());
  const auto claimed = claim(*database, {three.self.number, three.self.epoch}, 9);
  BOOST_REQUIRE(claimed.size() == 2U);
  for (int i = 0; i < 15; ++i) {
    for (Node* node : {&one, &two}) {
      must(node->membership.beat());
      must(node->membership.watch());
    }
    BOOST_TEST((sight(*database, 3).state == NodeState::kServing));
    clock.advance(1s);
  }
  BOOST_TEST(!three.lease.holds());  // it stopped before
  for (Node* node : {&one, &two}) must(node->membership.watch());
  BOOST_TEST((sight(*database, 3).state == NodeState::kDead));
  BOOST_TEST(one.listener.taken_over == std::vector<int>{3});
  BOOST_TEST(two.listener.taken_over.empty());
  BOOST_TEST(sight(*database, 3).epoch == three.self.epoch + 1);
  must(one.membership.watch());
  BOOST_TEST(one.listener.last.at_work == (std::vector<int>{1, 2}));
  commit(*database, [](Connection& c) -> Result<void> {
    BOOST_TEST(must(NodeStore(c).want(2, true)));
    return {};
  });
  must(one.membership.watch());
  BOOST_TEST(one.listener.last.at_work == (std::vector<int>{1, 2}));
  BOOST_TEST(one.listener.last.serving == (std::vector<int>{1}));
  BOOST_TEST(one.listener.last.ready);
  BOOST_TEST(claim(*database, {1, one.self.epoch}, 9).size() == 2U);
  // What it still believes to own it cannot save, and no beat brings the lease back.
  BOOST_TEST((code_of(save(*database, three.self, claimed[0])) == ErrorCode::kConflict));
  BOOST_TEST((code_of(three.membership.beat()) == ErrorCode::kConflict));
  BOOST_TEST(three.listener.fenced == 1);
  BOOST_TEST(three.listener.dead);
  BOOST_TEST(three.lease.ended());
}

BOOST_AUTO_TEST_CASE(a_node_that_freezes_inside_a_transaction_is_taken_over_and_the_others_beat_meanwhile) {
  if (TempDatabase::is_sqlite()) return;  // one process has the file
  TempDatabase database;
  make_post(*database, post(1), people(500, "a.test"));
  ManualClock clock;
  Node one(database, "one.test", clock), two(database, "two.test", clock);
  must(one.membership.beat());
  must(two.membership.beat());
  must(one.membership.watch());
  DatabaseOptions options;
  options.url = database.url();
  options.idle_limit = 8s;
  auto frozen = must(Database::open(options));
  std::promise<void> claimed, thaws;
  auto claiming = std::async(std::launch::async, [&] {
    return frozen->write_now(Durability::kProgress, [&](Connection& c) -> Result<void> {
      auto ours = NodeStore(c).beat(two.self);
      if (!ours.ok()) return ours.error();
      if (!*ours) return Error{ErrorCode::kConflict, "the epoch of this node is over"};
      auto batches = BatchStore(c).claim({two.self.number, two.self.epoch}, 0, 9, 9, {});
      if (!batches.ok()) return batches.error();
      claimed.set_value();
      thaws.get_future().wait();
      return {};
    });
  });
  claimed.get_future().wait();
  const auto began = std::chrono::steady_clock::now();
  const auto since = [](auto then) { return std::chrono::steady_clock::now() - then; };
  for (int i = 0; i < 16; ++i) {
    must(one.membership.beat());
    must(one.membership.watch());
    clock.advance(1s);
  }
  while (sight(*database, 2).state == NodeState::kServing && since(began) < 60s) {
    const auto round = std::chrono::steady_clock::now();
    must(one.membership.watch());
    must(one.membership.beat());
    BOOST_TEST((since(round) < 6s));
    std::this_thread::sleep_for(200ms);
    clock.advance(200ms);
  }
  BOOST_TEST((sight(*database, 2).state == NodeState::kDead));
  BOOST_TEST(claim(*database, {1, one.self.epoch}, 9).size() == 1U);
  thaws.set_value();
  BOOST_TEST((code_of(claiming.get()) == ErrorCode::kUnknownOutcome));  // its COMMIT finds nobody
}

BOOST_AUTO_TEST_CASE(that_a_node_drains_outlives_its_end_and_can_be_changed_while_it_is_down) {
  TempDatabase database;
  auto node = begin(*database, "one.test");
  const auto want = [&](bool drains) {
    commit(*database, [&](Connection& c) -> Result<void> {
      BOOST_TEST(must(NodeStore(c).want(node.number, drains)));
      return {};
    });
  };
  const auto end = [&](bool in_order) {
    commit(*database, [&](Connection& c) -> Result<void> {
      NodeStore nodes(c);
      BOOST_TEST(must(in_order ? nodes.end_epoch(node) : nodes.fence(must(nodes.all()).at(0))));
      return {};
    });
    const NodeSight seen = sight(*database, 1);
    BOOST_TEST(!seen.at_work());
    BOOST_TEST((seen.state == (in_order ? NodeState::kStopped : NodeState::kDead)));
  };
  const auto back = [&] {
    node = begin(*database, "one.test");
    return sight(*database, 1).state;
  };
  for (const bool in_order : {true, false}) {
    want(true);
    BOOST_TEST((sight(*database, 1).state == NodeState::kDraining));
    end(in_order);
    BOOST_TEST(sight(*database, 1).drains);
    BOOST_TEST((back() == NodeState::kDraining));
    BOOST_TEST((back() == NodeState::kDraining));  // after a crash that nobody saw
    end(in_order);
    want(false);
    BOOST_TEST((sight(*database, 1).state == (in_order ? NodeState::kStopped : NodeState::kDead)));
    BOOST_TEST((back() == NodeState::kServing));
    end(in_order);
    BOOST_TEST((back() == NodeState::kServing));
    end(in_order);
    want(true);
    BOOST_TEST((back() == NodeState::kDraining));
    // An older program lets it serve again: it knows of the state alone.
    commit(*database, [](Connection& c) { return c.execute("UPDATE node SET state = 0"); });
    BOOST_TEST(!sight(*database, 1).drains);
    end(in_order);
    BOOST_TEST((back() == NodeState::kServing));
  }
}

BOOST_AUTO_TEST_CASE(a_beat_in_the_last_moment_keeps_the_node) {
  TempDatabase database;
  const auto node = begin(*database, "one.test");
  const NodeSight seen = sight(*database, 1);
  commit(*database, [&](Connection& c) -> Result<void> {
    BOOST_TEST(must(NodeStore(c).beat(node)));
    return {};
  });
  commit(*database, [&](Connection& c) -> Result<void> {
    BOOST_TEST(!must(NodeStore(c).fence(seen)));
    return {};
  });
  BOOST_TEST((sight(*database, 1).state == NodeState::kServing));
}

BOOST_AUTO_TEST_CASE(a_node_that_ended_in_order_is_left_alone_and_a_second_one_of_its_name_is_told_apart) {
  TempDatabase database;
  ManualClock clock;
  Node one(database, "one.test", clock);
  must(one.membership.beat());
  const auto second = begin(*database, "one.test");
  BOOST_TEST((code_of(one.membership.beat()) == ErrorCode::kConflict));
  BOOST_TEST(!one.listener.dead);
  commit(*database, [&](Connection& c) -> Result<void> {
    BOOST_TEST(must(NodeStore(c).end_epoch(second)));
    BOOST_TEST(!must(NodeStore(c).want(2, true)));
    return {};
  });
  BOOST_TEST((sight(*database, 1).state == NodeState::kStopped));
}

BOOST_AUTO_TEST_CASE(a_node_whose_lease_was_ended_begins_anew_whatever_its_beat_says) {
  TempDatabase database;
  ManualClock clock;
  Node one(database, "one.test", clock);
  must(one.membership.beat());
  one.lease.end();
  must(one.membership.beat());
  BOOST_TEST(one.listener.fenced == 1);
  BOOST_TEST(one.listener.dead);
}

BOOST_AUTO_TEST_CASE(whoever_may_not_act_takes_nothing_over) {
  TempDatabase database;
  ManualClock clock;
  Node one(database, "one.test", clock), two(database, "two.test", clock);
  must(one.membership.beat());
  must(two.membership.beat());
  for (int i = 0; i < 30; ++i) {
    must(one.membership.watch());  // reads, but does not beat
    clock.advance(1s);
  }
  BOOST_TEST((sight(*database, 2).state == NodeState::kServing));
}

BOOST_AUTO_TEST_CASE(a_takeover_that_stops_anywhere_is_ended_by_another_one) {
  const Unarm unarm;
  bool whole = false;
  for (std::uint64_t k = 1; !whole; ++k) {
    TempDatabase database;
    make_post(*database, post(1), people(1500, "a.test"));
    ManualClock clock;
    Node one(database, "one.test", clock), two(database, "two.test", clock);
    must(one.membership.beat());
    must(two.membership.beat());
    BOOST_TEST(claim(*database, {two.self.number, two.self.epoch}, 9).size() == 2U);
    for (int i = 0; i < 16; ++i) {
      must(one.membership.beat());
      must(one.membership.watch());
      clock.advance(1s);
    }
    must(one.membership.beat());
    FaultPlan::arm({FaultPlan::Where::kBeforeCommit, k, 100});
    const Result<void> broken = one.membership.watch();
    whole = FaultPlan::seen(FaultPlan::Where::kBeforeCommit) < k;
    FaultPlan::disarm();
    must(broken);
    for (int i = 0; i < 3; ++i) must(one.membership.watch());
    const Job orphans = make_orphans_job(clock);
    must(orphans.run(*database));
    BOOST_TEST((sight(*database, 2).state == NodeState::kDead));
    BOOST_TEST(claim(*database, {1, one.self.epoch}, 9).size() == 2U);
  }
}

BOOST_AUTO_TEST_CASE(the_view_tells_of_work_and_of_suspensions) {
  TempDatabase database;
  begin(*database, "one.test");
  const auto view = [&] {
    ClusterView seen;
    must(database->look_now([&](Connection& c) { return read_cluster_view(c, kNow, &seen); }));
    return seen;
  };
  const ClusterView before = view();
  BOOST_TEST(before.nodes.size() == 1U);
  BOOST_TEST(!before.ready);
  BOOST_TEST(!before.due);
  BOOST_TEST(!before.unexpanded);
  make_post(*database, post(1), people(5, "a.test"));
  BOOST_TEST(view().ready);
  auto batch = claim(*database, {1, 1}, 1).at(0);
  BOOST_TEST(!view().ready);
  batch.queue = BatchQueue::kWaiting;
  batch.due = kNow + 1s;
  must(save(*database, {1, 1}, batch));
  BOOST_TEST(!view().due);
  batch.queue = BatchQueue::kOwned;
  commit(*database, [](Connection& c) -> Result<void> {
    must(sql::run(c, "UPDATE batch_state SET due = ? WHERE queue = 2", kNow));
    PostRecord big = post(2);
    ESSAIM_TRY(PostStore(c).add(big, "x"));
    return SuspensionStore(c).suspend({"a.test", "why", kNow, {}, SuspensionScope::kDestination});
  });
  BOOST_TEST(view().due);
  BOOST_TEST(view().unexpanded);
  BOOST_TEST(view().suspensions != before.suspensions);
}

BOOST_AUTO_TEST_CASE(the_view_tells_of_holds_and_a_node_which_of_its_posts_are_held) {
  TempDatabase database;
  const auto one = begin(*database, "one.example"), two = begin(*database, "two.example");
  const auto view = [&] {
    ClusterView seen;
    must(database->look_now([&](Connection& c) { return read_cluster_view(c, kNow, &seen); }));
    return seen;
  };
  const auto held_of = [&](NodeStore::Identity node) {
    std::vector<Id> posts;
    must(database->read_now([&](Connection& c) -> Result<void> {
      posts = must(BatchStore(c).held_of({node.number, node.epoch}));
      return {};
    }));
    return posts;
  };
  for (const Id id : {1, 2, 3}) make_post(*database, post(id), people(5, "a.test"));
  BOOST_TEST(claim(*database, {two.number, two.epoch}, 2).size() == 2u);
  BOOST_TEST(claim(*database, {one.number, one.epoch}, 1).size() == 1u);
  const std::string before = view().holds;
  BOOST_TEST(held_of(two).empty());
  const auto hold = [&](Id id, bool held) {
    commit(*database, [&](Connection& c) { return PostStore(c).set_held(id, held, "wrong"); });
  };
  hold(2, true);
  const std::string after = view().holds;
  BOOST_TEST(after != before);
  BOOST_TEST((held_of(two) == std::vector<Id>{2}));
  BOOST_TEST(held_of(one).empty());
  BOOST_TEST(held_of({two.number, two.epoch - 1}).empty());
  hold(2, false);
  BOOST_TEST(view().holds == after);  // a release concerns nobody's open batches
  BOOST_TEST(held_of(two).empty());
  hold(3, true);
  BOOST_TEST(view().holds != after);
  BOOST_TEST((held_of(one) == std::vector<Id>{3}));
}

BOOST_AUTO_TEST_CASE(small_posts_stay_where_they_came_in_for_a_while_and_big_ones_do_not) {
  TempDatabase database;
  const Id at_two = (Id{1'000'000} << 22) | (2 << 12) | 1;
  PostRecord small = post(at_two), big = post(at_two + 1);
  small.priority = 1;
  small.accepted = big.accepted = kNow;
  big.priority = 2;
  make_post(*database, small, people(5, "a.test"));
  make_post(*database, big, people(5, "b.test"));
  const auto claim_for = [&](int node, WallTime others_until, int priority, bool no_others = false) {
    std::size_t count = 0;
    commit(*database, [&](Connection& c) -> Result<void> {
      const ClaimHome home{node, others_until, no_others};
      count = must(BatchStore(c).claim({node, 1}, priority, priority, 9, {}, {}, nullptr, home)).size();
      return {};
    });
    return count;
  };
  BOOST_TEST(claim_for(1, kNow - 2s, 1) == 0U);
  BOOST_TEST(claim_for(2, kNow - 2s, 1) == 1U);
  commit(*database, [&](Connection& c) -> Result<void> {
    must(sql::run(c, "UPDATE batch_state SET queue = 1, owner = 0, epoch = 0"));
    return {};
  });
  BOOST_TEST(claim_for(1, kNow, 1, true) == 0U);
  BOOST_TEST(claim_for(2, kNow, 1, true) == 0U);
  BOOST_TEST(claim_for(1, kNow, 1) == 1U);
  commit(*database, [&](Connection& c) -> Result<void> {
    must(sql::run(c, "UPDATE batch_state SET queue = 1, owner = 0, epoch = 0 WHERE priority = 1"));
    return {};
  });
  BOOST_TEST(claim_for(1, kNow - 2s, 1, true) == 0U);
  BOOST_TEST(claim_for(2, kNow - 2s, 1, true) == 1U);
  BOOST_TEST(claim(*database, {1, 1}, 9).size() == 1U);
}

BOOST_AUTO_TEST_CASE(a_job_writes_nothing_more_when_its_node_or_its_turn_is_lost) {
  TempDatabase database;
  ManualClock clock;
  NodeLease lease(clock);
  lease.extend(clock.mono_now() + 10s);
  commit(*database, [](Connection& c) -> Result<void> {
    must(sql::run(
        c,
        "INSERT INTO job (name, started, finished, succeeded, result, node) VALUES ('j', 7, 0, 0, '', 1)"));
    return {};
  });
  const std::atomic<bool> stopping = false;
  JobFence fence(*database, &lease, stopping, {"j", 7, 1});
  const auto write = [&fence] {
    return fence.write_now(Durability::kProgress, [](Connection& c) { return SiteStore(c).set("x", "y"); });
  };
  must(write());
  commit(*database, [](Connection& c) -> Result<void> {
    must(sql::run(c, "UPDATE job SET started = 8, node = 2"));
    return {};
  });
  BOOST_TEST((code_of(write()) == ErrorCode::kConflict));
  commit(*database, [](Connection& c) -> Result<void> {
    must(sql::run(c, "UPDATE job SET started = 7, node = 1"));
    return {};
  });
  must(write());
  clock.advance(11s);
  BOOST_TEST((code_of(write()) == ErrorCode::kConflict));
}

BOOST_AUTO_TEST_CASE(a_key_of_the_site_that_two_nodes_make_at_once_is_one) {
  TempDatabase database;
  commit(*database, [](Connection& c) { return SiteStore(c).set_if_missing("key", "first"); });
  commit(*database, [](Connection& c) { return SiteStore(c).set_if_missing("key", "second"); });
  must(database->read_now([](Connection& c) -> Result<void> {
    BOOST_TEST(must(SiteStore(c).get("key")).value() == "first");
    return {};
  }));
}

BOOST_AUTO_TEST_SUITE_END()
