// The budget of a destination among nodes.
#include <cstdint>
#include <iterator>
#include <map>
#include <set>
#include <string>
#include <vector>

#include <boost/test/unit_test.hpp>

#include "delivery/claim.h"
#include "delivery/destination.h"
#include "delivery/destination_policy.h"
#include "delivery/left_to_others.h"
#include "delivery/loop_side.h"
#include "delivery/shares.h"
#include "tests/delivery/queue/rig.h"

using namespace essaim;
using namespace essaim::delivery;

namespace {

// What every node of `demands` takes for itself.
std::vector<Share> shares(const std::string& key, const std::vector<Demand>& demands, int connections,
                          const Rate& rate = {}) {
  std::vector<Share> out;
  for (const Demand& own : demands) {
    std::vector<Demand> others;
    for (const Demand& one : demands)
      if (one.node != own.node) others.push_back(one);
    out.push_back(share_of(key, own, others, connections, rate));
  }
  return out;
}

int connections_of(const std::vector<Share>& all) {
  int sum = 0;
  for (const Share& one : all) sum += one.connections;
  return sum;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(shares_among_nodes)

BOOST_AUTO_TEST_CASE(who_wants_it_alone_has_all_of_it) {
  const Share share = share_of("gmail.test", {1, 5}, {}, 20, {100, std::chrono::seconds(1)});
  BOOST_TEST(share.connections == 20);
  BOOST_TEST(share.rate == 1.0);
}

BOOST_AUTO_TEST_CASE(all_together_never_have_more_than_the_budget) {
  for (int budget = 1; budget <= 25; ++budget) {
    for (int nodes = 1; nodes <= 12; ++nodes) {
      std::vector<Demand> demands;
      for (int node = 1; node <= nodes; ++node) demands.push_back({node, node * node * 7});
      const int sum = connections_of(shares("d" + std::to_string(budget), demands, budget));
      BOOST_TEST(sum <= budget);
      BOOST_TEST(sum >= std::min(budget, nodes));
    }
  }
}

BOOST_AUTO_TEST_CASE(more_demand_has_more_and_nobody_is_left_out_while_there_is_one_for_each) {
  const auto all = shares("gmail.test", {{1, 9000}, {2, 1000}, {3, 0}}, 20);
  BOOST_TEST(all[0].connections > 12);
  BOOST_TEST(all[1].connections > all[2].connections);
  BOOST_TEST(all[2].connections == 1);
}

BOOST_AUTO_TEST_CASE(below_one_for_each_it_is_owned_and_by_different_nodes_for_different_destinations) {
  std::vector<int> owned(5, 0);
  for (int i = 0; i < 200; ++i) {
    const auto all = shares("d" + std::to_string(i) + ".test", {{1, 5}, {2, 5}, {3, 5}, {4, 5}}, 1);
    BOOST_TEST(connections_of(all) == 1);
    for (std::size_t n = 0; n < all.size(); ++n) owned[n] += all[n].connections;
  }
  for (std::size_t n = 0; n < 4; ++n) BOOST_TEST(owned[n] > 20);
  // When the owner wants none any more, another one has it; the others do not change places.
  const auto before = shares("x.test", {{1, 5}, {2, 5}, {3, 5}}, 1);
  for (std::size_t gone = 0; gone < 3; ++gone) {
    std::vector<Demand> left;
    for (int node = 1; node <= 3; ++node)
      if (static_cast<std::size_t>(node) != gone + 1) left.push_back({node, 5});
    const auto after = shares("x.test", left, 1);
    BOOST_TEST(connections_of(after) == 1);
    if (before[gone].connections == 0)
      for (std::size_t i = 0, n = 0; n < 3; ++n)
        if (n != gone) BOOST_TEST(after[i++].connections == before[n].connections);
  }
}

BOOST_AUTO_TEST_CASE(a_rate_is_shared_by_demand_or_owned_when_it_is_small) {
  const auto large = shares("a.test", {{1, 300}, {2, 100}}, 20, {100, std::chrono::seconds(1)});
  BOOST_TEST(large[0].rate == 0.75);
  BOOST_TEST(large[1].rate == 0.25);
  const auto small = shares("a.test", {{1, 300}, {2, 100}}, 20, {60, std::chrono::hours(1)});
  BOOST_TEST((small[0].connections == 0) != (small[1].connections == 0));
  for (const Share& one : small) BOOST_TEST(one.rate == 1.0);
}

BOOST_AUTO_TEST_CASE(demands_survive_their_way_and_nonsense_is_left_out) {
  Demands all;
  add_demands(2, encode_demands({{"mx.a.test:25", 7}, {"b\ttest", 3}, {"c.test", 0}, {"d.test", 5}}), &all);
  add_demands(3, "d.test\t9\nno tab\nx\t-1\nx\t99999999999999999999\n\n", &all);
  BOOST_TEST(all.size() == 2U);
  BOOST_REQUIRE(all["d.test"].size() == 2U);
  BOOST_TEST(all["d.test"][0].recipients == 5);
  BOOST_TEST(all["d.test"][1].node == 3);
  BOOST_TEST(all["mx.a.test:25"].at(0).recipients == 7);
}

BOOST_AUTO_TEST_CASE(of_too_many_those_with_a_limit_are_told_and_then_the_busiest) {
  std::vector<OwnDemand> own;
  own.reserve(1000);
  for (int i = 0; i < 700; ++i) own.push_back({"limited" + std::to_string(i), 1 + i % 3, true});
  for (int i = 0; i < 300; ++i) own.push_back({"other" + std::to_string(i), 1000 + i, false});
  keep_told(&own);
  BOOST_REQUIRE(own.size() == kLimitedTold + kOthersTold);
  BOOST_TEST(own[0].recipients == 3);
  BOOST_TEST(own[kLimitedTold - 1].recipients == 1);
  for (std::size_t i = 0; i < own.size(); ++i) BOOST_TEST(own[i].limited == (i < kLimitedTold));
  BOOST_TEST(own[kLimitedTold].key == "other299");
  BOOST_TEST(own.back().key == "other200");

  std::vector<OwnDemand> few{{"b.test", 5}, {"a.test", 5, true}};
  keep_told(&few);
  BOOST_REQUIRE(few.size() == 2u);
  BOOST_TEST(few[0].key == "a.test");
}

// A key is the names of hosts, which are as long as their owners like.
BOOST_AUTO_TEST_CASE(long_names_of_hosts_do_not_make_a_demand_longer_than_a_row_takes) {
  std::vector<OwnDemand> own;
  own.reserve(200);
  for (int i = 0; i < 200; ++i) own.push_back({std::string(900, 'x') + std::to_string(i), 1});
  const std::string text = encode_demands(own);
  BOOST_TEST(text.size() <= kLongestTold);
  Demands all;
  add_demands(2, text, &all);
  BOOST_TEST(all.size() >= kLongestTold / 920);
  BOOST_TEST(all.size() <= kLongestTold / 900);
  BOOST_TEST(all.contains(own[0].key));
}

class NoJournal : public storage::JournalWriter {
 public:
  Result<std::uint64_t> append(const storage::JournalRecord&) override { return 1; }
  void segment_done(std::uint64_t, std::size_t) override {}
};

// What the queue was told, in order.
class ToldSaturated final : public NoteSink {
 public:
  void take_notes(std::vector<Note> some) override {
    notes.insert(notes.end(), std::make_move_iterator(some.begin()), std::make_move_iterator(some.end()));
  }
  void destination_saturated(const std::string&, std::set<std::string>, Saturation saturation) override {
    told.push_back(saturation != Saturation::kNone);
  }
  void destination_back(const std::string&) override {}
  std::vector<bool> told;
  std::vector<Note> notes;
};

// A node that loses against node 1 when there is one connection for both.
int second_of_two(const std::string& key) {
  int node = 2;
  while (share_of(key, {node, 1}, {{1, 1}}, 1, {}).connections > 0) ++node;
  return node;
}

BOOST_AUTO_TEST_CASE(what_was_left_to_others_may_be_claimed_when_it_is_forgotten) {
  const std::string key = "a.test";
  net::EventLoop loop("loop");
  test::FakeResolver dns(loop);
  test::Tokens tokens;
  NoJournal journal;
  ToldSaturated queue;
  ManualClock clock;
  EngineSettings settings;
  settings.connections_per_destination = 1;
  Fabric fabric{clock, tokens, nullptr, {&loop}, {}, &queue, {}, {}, {}};
  fabric.node = second_of_two(key);
  fabric.demands.set(std::make_shared<const Demands>(Demands{{key, {{1, 1}}}}), 2);
  auto side =
      std::make_shared<LoopSide>(fabric, 0, dns, journal, std::make_shared<const EngineSettings>(settings));
  fabric.sides = {side};
  side->begin();

  auto hop = std::make_shared<NextHop>();
  hop->kind = NextHop::Kind::kHosts;
  hop->key = key;
  auto policy = std::make_shared<DestinationPolicy>();
  policy->connections = 1;
  hop->policy = policy;
  auto batch = std::make_shared<ActiveBatch>();
  batch->post = std::make_shared<const ActivePost>();
  batch->recipients.push_back({1, "one", key});
  side->arrive(key, hop, {batch, {0}, clock.mono_now()});
  BOOST_REQUIRE(queue.told.size() == 1u);
  BOOST_TEST(queue.told.back());
  side->sweep();
  clock.advance(std::chrono::minutes(11));
  side->sweep();
  BOOST_TEST(side->destinations().empty());
  BOOST_TEST(!queue.told.back());
  side->shut();
  fabric.sides.clear();
}

BOOST_AUTO_TEST_CASE(what_was_left_to_others_is_read_in_vain_by_no_claim_that_does_not_meet_it) {
  using Names = std::set<std::pair<Id, int>>;
  ClaimRequest request;
  request.elsewhere = {"a.test"};
  request.leave_to_others({1, 0}, 0, "a.test");  // passed over by its domain
  request.leave_to_others({2, 0}, 0, "");        // goes to several
  request.leave_to_others({3, 1}, 9, "b.test");
  BOOST_TEST((request.except[0] == Names{{2, 0}}));
  BOOST_TEST(request.except[1].empty());
  BOOST_TEST((request.except[2] == Names{{3, 1}}));
  // With more than a claim can pass over, the same ones would come and go for ever.
  for (std::size_t i = 0; i < ClaimRequest::kMostLeft; ++i) {
    BOOST_TEST(!request.left_enough(1));
    request.leave_to_others({static_cast<Id>(10 + i), 0}, 1, "");
  }
  BOOST_TEST(request.left_enough(1));
  BOOST_TEST(!request.left_enough(0));
}

// Nor is a class that has so many of them left alone for longer than the others need to see them.
BOOST_AUTO_TEST_CASE(what_was_left_to_others_is_claimed_sooner_where_it_stops_a_class) {
  const MonoTime begin{};
  LeftToOthers left;
  left.add({1, 0}, {begin, 2, ""});
  for (std::size_t i = 0; i < ClaimRequest::kMostLeft; ++i)
    left.add({static_cast<Id>(10 + i), 0}, {begin + std::chrono::milliseconds(i), 1, ""});
  left.forget(begin + LeftToOthers::kSeen - std::chrono::milliseconds(1));
  BOOST_TEST(left.all().size() == ClaimRequest::kMostLeft + 1);
  left.forget(begin + LeftToOthers::kSeen + std::chrono::milliseconds(9));
  BOOST_TEST(left.all().size() == ClaimRequest::kMostLeft + 1 - 10);
  BOOST_TEST(left.all().count({1, 0}) == 1u);  // of a class with few of them
  // Few are left now, and stay as long as others may need.
  left.forget(begin + LeftToOthers::kLeftFor - std::chrono::milliseconds(1));
  BOOST_TEST(left.all().size() == ClaimRequest::kMostLeft + 1 - 10);
  left.forget(begin + LeftToOthers::kLeftFor);
  BOOST_TEST(left.all().count({1, 0}) == 0u);
}

// What a node tells of which a destination with a rule has one recipient, and many others more.
std::vector<OwnDemand> told_beside_many(const std::string& key, const EngineSettings& settings) {
  net::EventLoop loop("loop");
  test::FakeResolver dns(loop);
  test::Tokens tokens;
  NoJournal journal;
  ToldSaturated queue;
  ManualClock clock;
  storage::NodeLease lease(clock);  // not held: what arrives waits
  Fabric fabric{clock, tokens, nullptr, {&loop}, {}, &queue, {}, {}, {}};
  fabric.lease = &lease;
  auto side =
      std::make_shared<LoopSide>(fabric, 0, dns, journal, std::make_shared<const EngineSettings>(settings));
  fabric.sides = {side};
  side->begin();
  const auto arrive = [&](const std::string& domain, const DestinationRule* rule, std::size_t recipients) {
    auto hop = std::make_shared<NextHop>();
    hop->kind = NextHop::Kind::kHosts;
    hop->key = domain;
    hop->policy = make_policy(settings, rule);
    auto batch = std::make_shared<ActiveBatch>();
    batch->post = std::make_shared<const ActivePost>();
    std::vector<std::uint16_t> indices;
    for (std::size_t i = 0; i < recipients; ++i) {
      batch->recipients.push_back({static_cast<Id>(i + 1), "user" + std::to_string(i), domain});
      indices.push_back(static_cast<std::uint16_t>(i));
    }
    side->arrive(domain, hop, {batch, indices, clock.mono_now()});
  };
  for (std::size_t i = 0; i < 2 * kOthersTold; ++i) arrive("d" + std::to_string(i) + ".test", nullptr, 3);
  arrive(key, &settings.destinations.front(), 1);
  std::vector<OwnDemand> told = side->demands();
  side->shut();
  fabric.sides.clear();
  return told;
}

BOOST_AUTO_TEST_CASE(a_small_destination_with_a_limit_has_no_more_of_it_from_all_nodes_together) {
  const std::string key = "small.test";
  for (const bool by_rate : {false, true}) {
    EngineSettings settings;
    DestinationRule rule;
    rule.name = "[[destination]] 1 (small.test)";
    rule.domains = {key};
    if (by_rate)
      rule.rate = {10, std::chrono::seconds(1)};
    else
      rule.connections = 4;
    settings.destinations = {rule};
    const auto policy = make_policy(settings, &rule);
    constexpr int kNodes = 3;
    std::map<int, std::string> told;
    for (int node = 1; node <= kNodes; ++node) told[node] = encode_demands(told_beside_many(key, settings));
    int connections = 0;
    double rate = 0;
    for (int node = 1; node <= kNodes; ++node) {
      Demands others;
      for (const auto& [other, text] : told)
        if (other != node) add_demands(other, text, &others);
      const Share share = share_of(key, {node, 1}, others[key], policy->connections, policy->rate);
      connections += share.connections;
      rate += share.rate;
    }
    BOOST_TEST(connections <= policy->connections);
    if (by_rate) BOOST_TEST(rate < 1.001);
  }
}

// Behind a smart host of all the queue knows no domain by which to pass over it.
BOOST_AUTO_TEST_CASE(what_arrives_for_a_smart_host_without_a_share_goes_back_at_once) {
  const std::string key = "smart.test";
  net::EventLoop loop("loop");
  test::FakeResolver dns(loop);
  test::Tokens tokens;
  NoJournal journal;
  ToldSaturated queue;
  ManualClock clock;
  Fabric fabric{clock, tokens, nullptr, {&loop}, {}, &queue, {}, {}, {}};
  fabric.node = second_of_two(key);
  fabric.demands.set(std::make_shared<const Demands>(Demands{{key, {{1, 1}}}}), 2);
  auto side = std::make_shared<LoopSide>(fabric, 0, dns, journal, std::make_shared<const EngineSettings>());
  fabric.sides = {side};
  side->begin();
  auto hop = std::make_shared<NextHop>();
  hop->kind = NextHop::Kind::kHosts;
  hop->key = key;
  auto policy = std::make_shared<DestinationPolicy>();
  policy->connections = 1;
  hop->policy = policy;
  auto batch = std::make_shared<ActiveBatch>();
  batch->post = std::make_shared<const ActivePost>();
  batch->recipients.push_back({1, "one", "a.test"});
  side->arrive("", hop, {batch, {0}, clock.mono_now()});
  BOOST_REQUIRE(side->destinations().size() == 1u);
  BOOST_TEST(side->destinations()[0].waiting == 0);
  loop.run_turn();
  BOOST_REQUIRE(queue.notes.size() == 1u);
  BOOST_TEST(queue.notes[0].for_others);
  side->shut();
  fabric.sides.clear();
}

// A loop's side of node 2; the destinations are the test's own, and nothing that they lend is sent.
struct Lender {
  Lender() {
    fabric.node = 2;
    fabric.sides = {side};
    side->begin();
  }
  ~Lender() {
    side->shut();
    loop.run_turn();
    fabric.sides.clear();
  }
  Lender(const Lender&) = delete;
  Lender& operator=(const Lender&) = delete;
  void hear(const Demands& others, int nodes) {
    fabric.demands.set(std::make_shared<const Demands>(others), nodes);
  }
  // A connection for every four messages that may go at once, of what waits and what is lent.
  int connections(const Destination& destination) const {
    return destination.status(clock.mono_now(), clock.wall_now()).connections;
  }

  net::EventLoop loop{"loop"};
  test::FakeResolver dns{loop};
  test::Tokens tokens;
  NoJournal journal;
  ToldSaturated queue;
  ManualClock clock;
  Fabric fabric{clock, tokens, nullptr, {&loop}, {}, &queue, {}, {}, {}};
  std::shared_ptr<LoopSide> side = std::make_shared<LoopSide>(fabric, 0, dns, journal, settings());

 private:
  static std::shared_ptr<const EngineSettings> settings() {
    auto out = std::make_shared<EngineSettings>();
    out->connections_initial = out->connections_per_destination = 50;
    return out;
  }
};

NextHopPtr hop_with_rate(const std::string& key, std::uint32_t per_second) {
  auto policy = std::make_shared<DestinationPolicy>();
  policy->connections = policy->connections_initial = 50;
  policy->recipients_per_transaction = 1;
  policy->rate = {per_second, std::chrono::seconds(1)};
  auto hop = std::make_shared<NextHop>();
  hop->kind = NextHop::Kind::kHosts;
  hop->key = key;
  hop->policy = policy;
  return hop;
}

Slice slice_of(std::uint16_t recipients, MonoTime now) {
  auto batch = std::make_shared<ActiveBatch>();
  batch->post = std::make_shared<const ActivePost>();
  std::vector<std::uint16_t> indices;
  for (std::uint16_t i = 0; i < recipients; ++i) {
    batch->recipients.push_back({static_cast<Id>(i + 1), "user" + std::to_string(i), "a.test"});
    indices.push_back(i);
  }
  return {batch, indices, now};
}

// As all nodes do that are reloaded at the same moment with a rule that names it.
BOOST_AUTO_TEST_CASE(with_a_new_rate_a_node_takes_no_more_than_its_part_until_others_are_heard) {
  for (const int nodes : {1, 2}) {
    Lender lender;
    lender.hear({}, nodes);
    Destination destination(*lender.side, "a.test");
    destination.update(hop_with_rate("a.test", 40));
    destination.enqueue("a.test", slice_of(300, lender.clock.mono_now()));
    destination.pump();
    BOOST_TEST(lender.connections(destination) == (nodes == 1 ? 10 : 5));
    if (nodes == 1) continue;
    // Nobody else wants it: then all of it is this one's.
    lender.clock.advance(std::chrono::seconds(11));
    destination.pump();  // with what its part has brought
    lender.clock.advance(std::chrono::seconds(1));
    destination.pump();
    BOOST_TEST(lender.connections(destination) == 20);
  }
}

BOOST_AUTO_TEST_CASE(of_another_rate_a_node_takes_the_share_that_it_has) {
  Lender lender;
  lender.hear({{"a.test", {{1, 100}}}}, 2);
  Destination destination(*lender.side, "a.test");
  destination.update(hop_with_rate("a.test", 40));
  destination.enqueue("a.test", slice_of(100, lender.clock.mono_now()));
  for (int i = 0; i < 3; ++i) destination.pump();  // what it wants changes no more
  BOOST_TEST(lender.connections(destination) == 5);
  destination.update(hop_with_rate("a.test", 80));
  lender.clock.advance(std::chrono::seconds(1));
  destination.pump();
  BOOST_TEST(lender.connections(destination) == 15);  // of a half; with all of it more
}

BOOST_AUTO_TEST_CASE(an_even_part_is_taken_of_a_rate_that_has_one_for_each) {
  const auto part = [](const Rate& rate, int nodes) {
    return before_others_are_heard({20, 0.5}, rate, nodes).rate;
  };
  BOOST_TEST(part({100, std::chrono::seconds(1)}, 4) == 0.25);
  BOOST_TEST(part({100, std::chrono::seconds(1)}, 1) == 0.5);
  BOOST_TEST(part({100, std::chrono::minutes(1)}, 4) == 0.5);
  BOOST_TEST(part({}, 4) == 0.5);
}

BOOST_AUTO_TEST_CASE(others_hear_of_a_destination_with_many_hosts_too) {
  const std::string key(3000, 'm');
  const auto hear_of = [](const std::string& one) {
    Lender other;
    other.side->arrive("a.test", hop_with_rate(one, 40), slice_of(100, other.clock.mono_now()));
    Demands heard;
    add_demands(1, encode_demands(other.side->demands()), &heard);
    return heard;
  };
  BOOST_TEST(told_key(key).size() < 200U);
  BOOST_TEST(told_key(key) != told_key(key + "m"));
  BOOST_TEST(told_key("a.test") == "a.test");
  for (const bool same : {true, false}) {
    Lender lender;
    Destination destination(*lender.side, key);
    destination.update(hop_with_rate(key, 40));
    lender.clock.advance(std::chrono::seconds(11));
    lender.hear(hear_of(same ? key : key + "m"), 2);
    destination.enqueue("a.test", slice_of(100, lender.clock.mono_now()));
    destination.pump();
    BOOST_TEST(lender.connections(destination) == (same ? 5 : 10));
  }
}

BOOST_AUTO_TEST_SUITE_END()
