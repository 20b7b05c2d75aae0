// Who is dead, and until when a node may act: by simulated clocks alone.
#include <set>

#include <boost/test/unit_test.hpp>

#include "storage/cluster/node_lease.h"
#include "storage/cluster/observer.h"

using namespace essaim;
using namespace essaim::storage;
using namespace std::chrono_literals;

namespace {

constexpr Duration kLease = 15s;

// One observer (node 1) that looks every second; each look takes some time.
struct Watch {
  ManualClock clock;
  Observer observer{1, kLease};
  std::vector<NodeSight> nodes;

  Watch() {
    for (int number : {1, 2, 3}) {
      NodeSight node;
      node.number = number;
      node.epoch = 4;
      node.lease = kLease;
      nodes.push_back(node);
    }
  }
  NodeSight& node(int number) { return nodes[static_cast<std::size_t>(number) - 1]; }
  std::vector<int> look(Duration takes = 10ms) {
    const MonoTime asked = clock.mono_now();
    clock.advance(takes);
    std::vector<int> dead;
    for (const NodeSight& one : observer.look(nodes, asked, clock.mono_now())) dead.push_back(one.number);
    return dead;
  }
  // The first second at which somebody is called dead, within `seconds`; 0: nobody.
  int seconds_until_dead(int seconds, const std::set<int>& beating, std::vector<int>* dead) {
    for (int i = 1; i <= seconds; ++i) {
      for (const int number : beating) ++node(number).beat;
      *dead = look();
      if (!dead->empty()) return i;
      clock.advance(990ms);
    }
    return 0;
  }
};

}  // namespace

BOOST_AUTO_TEST_SUITE(observer)

BOOST_AUTO_TEST_CASE(calls_dead_who_has_not_beaten_for_a_lease_and_nobody_else) {
  Watch watch;
  std::vector<int> dead;
  const int after = watch.seconds_until_dead(40, {2}, &dead);
  BOOST_TEST(after >= 16);
  BOOST_TEST(after <= 17);
  BOOST_TEST(dead == std::vector<int>{3});
}

BOOST_AUTO_TEST_CASE(never_calls_itself_dead_nor_those_that_have_ended) {
  Watch watch;
  watch.node(2).state = NodeState::kStopped;
  watch.node(3).state = NodeState::kDead;
  std::vector<int> dead;
  BOOST_TEST(watch.seconds_until_dead(60, {}, &dead) == 0);
}

BOOST_AUTO_TEST_CASE(a_new_epoch_is_a_sign_of_life) {
  Watch watch;
  std::vector<int> dead;
  BOOST_TEST(watch.seconds_until_dead(14, {2}, &dead) == 0);
  ++watch.node(3).epoch;
  BOOST_TEST(watch.seconds_until_dead(14, {2}, &dead) == 0);
}

BOOST_AUTO_TEST_CASE(waits_the_longer_of_two_leases) {
  Watch watch;
  watch.node(3).lease = 40s;
  std::vector<int> dead;
  BOOST_TEST(watch.seconds_until_dead(40, {2}, &dead) == 0);
  BOOST_TEST(watch.seconds_until_dead(5, {2}, &dead) > 0);
}

BOOST_AUTO_TEST_CASE(after_an_outage_of_the_database_a_whole_lease_is_waited) {
  Watch watch;
  std::vector<int> dead;
  BOOST_TEST(watch.seconds_until_dead(10, {2}, &dead) == 0);
  watch.clock.advance(60s);  // nobody could be asked
  const int after = watch.seconds_until_dead(40, {2}, &dead);
  BOOST_TEST(after >= 16);
}

BOOST_AUTO_TEST_CASE(what_was_asked_late_proves_nothing_for_the_time_of_the_answer) {
  // The answer took five seconds: what it shows may be as old as the question.
  Watch watch;
  std::vector<int> dead;
  BOOST_TEST(watch.seconds_until_dead(13, {2}, &dead) == 0);
  ++watch.node(2).beat;
  BOOST_TEST(watch.look(5s).empty());
}

BOOST_AUTO_TEST_CASE(the_holder_stops_before_anybody_takes_over) {
  // For every moment of the last beat, and every moment of the looks: while the lease holds nobody calls its holder dead.
  for (int beat_at = 0; beat_at < 1000; beat_at += 50) {
    Watch watch;
    NodeLease lease(watch.clock);
    watch.clock.advance(std::chrono::milliseconds(beat_at));
    const MonoTime sent = watch.clock.mono_now();
    ++watch.node(3).beat;
    lease.extend(sent + kLease - kLease / 5);
    bool dead = false;
    for (int i = 0; i < 400 && !dead; ++i) {
      watch.clock.advance(100ms);
      ++watch.node(2).beat;
      dead = !watch.look(1ms).empty();
      if (dead) BOOST_TEST(!lease.holds());
    }
    BOOST_TEST(dead);
    BOOST_TEST((watch.clock.mono_now() - sent >= kLease));
  }
}

BOOST_AUTO_TEST_CASE(a_lease_is_never_shortened_and_does_not_come_back_once_ended) {
  ManualClock clock;
  NodeLease lease(clock);
  BOOST_TEST(!lease.holds());
  lease.extend(clock.mono_now() + 10s);
  lease.extend(clock.mono_now() + 5s);
  clock.advance(9s);
  BOOST_TEST(lease.holds());
  clock.advance(1s);
  BOOST_TEST(!lease.holds());
  lease.extend(clock.mono_now() + 5s);
  BOOST_TEST(lease.holds());
  lease.end();
  lease.extend(clock.mono_now() + 50s);
  BOOST_TEST(!lease.holds());
}

BOOST_AUTO_TEST_SUITE_END()
