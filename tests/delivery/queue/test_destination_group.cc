// One limit for many destinations (together = true): what a group decides, told by hand, and an engine that keeps to it.
#include <algorithm>
#include <atomic>
#include <future>

#include <boost/test/unit_test.hpp>

#include "core/base/log.h"
#include "delivery/destination_policy.h"
#include "delivery/loop_side.h"
#include "storage/journal.h"
#include "tests/delivery/queue/rig.h"

namespace essaim::test {
namespace {

using namespace std::chrono_literals;
using delivery::DestinationStatus;
using delivery::EngineSettings;
using delivery::Report;
using delivery::Saturation;
using delivery::Stage;
using storage::CopyMode;

const std::string kGroup = "[[destination]] 1 (mx *.big.test)";

class NoJournal final : public storage::JournalWriter {
 public:
  Result<std::uint64_t> append(const storage::JournalRecord&) override { return 1; }
  void segment_done(std::uint64_t, std::size_t) override {}
};

// What the queue was told.
class Queue final : public delivery::NoteSink {
 public:
  void take_notes(std::vector<delivery::Note> some) override {
    for (delivery::Note& note : some) notes.push_back(std::move(note));
  }
  void destination_saturated(const std::string& key, std::set<std::string> domains, Saturation how) override {
    saturated[key] = {std::move(domains), how};
  }
  void destination_back(const std::string& words) override { back.push_back(words); }

  std::vector<delivery::Note> notes;
  std::map<std::string, std::pair<std::set<std::string>, Saturation>> saturated;
  std::vector<std::string> back;
};

// A loop's side on which nothing that is lent is sent: what would have become of it is told by hand.
class Home {
 public:
  explicit Home(int connections, delivery::Rate rate = {}, int node = 1, storage::NodeLease* lease = nullptr)
      : settings_(std::make_shared<EngineSettings>()) {
    delivery::DestinationRule rule;
    rule.name = kGroup;
    rule.hosts = {"*.big.test"};
    rule.connections = connections;
    rule.rate = rate;
    rule.together = true;
    settings_->destinations = {rule};
    settings_->connections_initial = connections;
    fabric.node = node;
    fabric.lease = lease;
    side = std::make_shared<delivery::LoopSide>(fabric, 0, dns, journal, settings_);
    fabric.sides = {side};
    side->begin();
  }
  ~Home() {
    side->shut();
    loop.post([] {});
    loop.run_turn();
    fabric.sides.clear();
  }
  Home(const Home&) = delete;
  Home& operator=(const Home&) = delete;

  // `recipients` with copies of their own, for customer `n` of the provider, or for a domain that has nothing to do with it.
  void arrive(int n, std::uint16_t recipients = 1, bool of_group = true) {
    auto post = std::make_shared<delivery::ActivePost>();
    post->post.mode = CopyMode::kPersonal;
    auto batch = std::make_shared<delivery::ActiveBatch>();
    batch->post = std::move(post);
    std::vector<std::uint16_t> indices;
    for (std::uint16_t i = 0; i < recipients; ++i) {
      batch->recipients.push_back({i + 1, "user" + std::to_string(i), domain(n)});
      indices.push_back(i);
    }
    auto hop = std::make_shared<delivery::NextHop>();
    hop->kind = delivery::NextHop::Kind::kHosts;
    hop->key = key(n);
    hop->policy = delivery::make_policy(*settings_, of_group ? settings_->destinations.data() : nullptr);
    side->arrive(domain(n), hop, {batch, indices, clock.mono_now()});
  }
  static std::string domain(int n) { return "d" + std::to_string(n) + ".test"; }
  static std::string key(int n) { return "mx" + std::to_string(n) + ".big.test:25"; }

  void reload(int connections) {
    auto changed = std::make_shared<EngineSettings>(*settings_);
    changed->destinations[0].connections = connections;
    settings_ = changed;
    side->reconfigure(changed);
  }

  void tell(int n, Report report) { side->take_report(key(n), std::move(report)); }
  // A connection ends that has sent what was lent.
  void ends(int n, std::size_t messages = 1) {
    Report report;
    report.consumed = messages;
    report.ready = 1;
    report.successes = static_cast<int>(messages);
    report.closed.push_back({true, Stage::kLost, {}, false});
    tell(n, std::move(report));
  }
  // One that could not be had. Its message comes back.
  void fails(int n, Stage stage, bool refused) {
    Report report;
    report.closed.push_back({false, stage, smtp::reply(421, "4.7.0", "not now"), refused});
    tell(n, std::move(report));
  }
  // A message was not taken, as it would be too much.
  void refuses(int n) {
    Report report;
    report.consumed = 1;
    report.troubles = 1;
    report.trouble = smtp::reply(451, "4.7.500", "Server busy");
    tell(n, std::move(report));
  }
  void close_all(int n) {
    Report report;
    for (int left = status(n).connections; left > 0; --left)
      report.closed.push_back({true, Stage::kLost, {}, false});
    tell(n, std::move(report));
  }

  DestinationStatus status(int n) { return status_of(key(n)); }
  DestinationStatus group() { return status_of("together " + kGroup); }
  int open() {  // the group is the sum of some of them
    int sum = 0;
    for (const DestinationStatus& one : side->destinations())
      if (!one.key.starts_with("together")) sum += one.connections;
    return sum;
  }
  bool suspended() { return group().state.starts_with("suspended"); }
  // The LoopSide counts what its destinations have.
  void look(const std::function<bool()>& until) {
    const auto end = std::chrono::steady_clock::now() + 60s;
    while (!until() && std::chrono::steady_clock::now() < end) loop.run_turn();
  }

  net::EventLoop loop{"loop"};
  FakeResolver dns{loop};
  Tokens tokens;
  NoJournal journal;
  Queue queue;
  ManualClock clock;
  delivery::Fabric fabric{clock, tokens, nullptr, {&loop}, {}, &queue, {}, {}, {}};
  std::shared_ptr<delivery::LoopSide> side;

 private:
  DestinationStatus status_of(const std::string& key) {
    for (const DestinationStatus& one : side->destinations())
      if (one.key == key) return one;
    BOOST_ERROR("there is no " + key);
    return {};
  }
  std::shared_ptr<EngineSettings> settings_;
};

struct Quiet {
  Quiet() { log::set_level(log::Level::kError); }
};
BOOST_GLOBAL_FIXTURE(Quiet);

BOOST_AUTO_TEST_SUITE(one_limit_for_many)

BOOST_AUTO_TEST_CASE(connections_are_counted_over_all_and_given_in_turn) {
  Home home(5);
  for (int n = 0; n < 30; ++n) home.arrive(n);
  home.arrive(100, 1, false);
  BOOST_TEST(home.open() == 5 + 1);  // the last one's limit is its own
  BOOST_TEST(home.group().connections == 5);
  BOOST_TEST(home.group().limit == 5);
  BOOST_TEST(home.group().state.find("25 wait for a connection") != std::string::npos, home.group().state);
  BOOST_TEST(home.status(4).connections == 1);
  BOOST_TEST(home.status(5).connections == 0);
  home.ends(2);
  BOOST_TEST(home.status(5).connections == 1);
  BOOST_TEST(home.open() == 5 + 1);
  for (int n = 0; n < 30; ++n)
    if (n != 2) home.ends(n);
  BOOST_TEST(home.open() == 1);
  BOOST_TEST(home.group().connections == 0);
}

BOOST_AUTO_TEST_CASE(who_has_much_mail_keeps_nobody_from_a_connection) {
  Home home(4);
  home.arrive(0, 900);
  BOOST_TEST(home.status(0).connections == 4);
  for (int n = 1; n < 10; ++n) home.arrive(n);
  home.ends(0, 10);
  BOOST_TEST(home.status(0).connections == 3);
  BOOST_TEST(home.status(1).connections == 1);
  home.ends(1);
  BOOST_TEST(home.status(2).connections == 1);
  for (int n = 2; n < 10; ++n) home.ends(n);
  BOOST_TEST(home.status(0).connections == 4);  // nobody else wants one
}

BOOST_AUTO_TEST_CASE(a_rate_is_that_of_all_and_each_has_its_turn) {
  Home home(50, {10, 1s});
  home.arrive(0, 900);
  const auto lent = [&] { return home.group().connections; };
  BOOST_TEST(lent() > 0);
  for (int n = 1; n < 25; ++n) home.arrive(n);
  for (int n = 1; n < 25; ++n) BOOST_TEST(home.status(n).connections == 0);
  home.clock.advance(1s);
  home.side->shares_changed();
  int served = 0;
  for (int n = 1; n < 25; ++n) served += home.status(n).connections;
  BOOST_TEST(served > 0);
  BOOST_TEST(served <= 10);
  for (int second = 0; second < 5; ++second) {
    home.clock.advance(1s);
    home.side->shares_changed();
  }
  served = 0;
  for (int n = 1; n < 25; ++n) served += home.status(n).connections;
  BOOST_TEST(served == 24);
}

BOOST_AUTO_TEST_CASE(what_two_of_them_refuse_stops_all_and_nobody_else) {
  Home home(2);
  home.arrive(0, 100);
  home.arrive(1, 100);
  home.arrive(2, 1);
  home.arrive(100, 1, false);
  for (int i = 0; i < 4; ++i) home.refuses(i % 2);
  BOOST_TEST(!home.suspended());
  home.refuses(0);
  BOOST_TEST(home.suspended());
  BOOST_TEST(home.group().state.find("Server busy") != std::string::npos);
  BOOST_TEST(home.status(2).state.starts_with("suspended"));
  BOOST_TEST(home.status(2).waiting == 0);
  BOOST_TEST(home.status(100).state == "active");
  // A customer that has not been met before is put off as well, by the group's name.
  home.arrive(3);
  BOOST_TEST(home.status(3).waiting == 0);
  home.look([&] {
    return std::any_of(home.queue.notes.begin(), home.queue.notes.end(), [](const delivery::Note& note) {
      return note.batch->recipients[0].domain == "d3.test" &&
             note.reply.find(delivery::suspended_words(kGroup) + ": Server busy") != std::string::npos;
    });
  });
  // With no hosts there, the loop ends what was open. When the time is over one of them shows whether all can go; the first message that is taken brings them back.
  home.look([&] { return home.group().connections == 0; });
  home.clock.advance(2min);
  for (int n = 4; n < 8; ++n) home.arrive(n);
  BOOST_TEST(home.group().limit == 1);
  BOOST_TEST(home.group().connections == 1);
  BOOST_TEST(home.status(4).connections == 1);
  home.ends(4);
  BOOST_TEST(home.group().limit == 2);
  BOOST_REQUIRE(!home.queue.back.empty());
  BOOST_TEST(home.queue.back.front() == delivery::suspended_words(kGroup));
}

BOOST_AUTO_TEST_CASE(a_customer_that_refuses_alone_is_left_alone_alone) {
  Home home(4);
  home.arrive(0, 400);
  for (int i = 0; i < 40 && !home.status(0).state.starts_with("suspended"); ++i) home.refuses(0);
  BOOST_TEST(home.status(0).state.starts_with("suspended"));
  BOOST_TEST(!home.suspended());
  home.close_all(0);
  home.arrive(1);
  BOOST_TEST(home.status(1).connections == 1);
}

BOOST_AUTO_TEST_CASE(a_customer_whose_hosts_are_dead_says_nothing_of_the_others_and_ten_do) {
  Home home(4);
  for (int n = 0; n < 40; ++n) home.arrive(n);
  const auto dies = [&](int n) {
    BOOST_REQUIRE(home.status(n).connections == 1);
    home.fails(n, Stage::kConnect, false);
  };
  for (int n = 0; n < 9; ++n) dies(n);
  BOOST_TEST(!home.suspended());
  BOOST_TEST(home.group().limit == 4);
  home.ends(9);  // somebody lets us in
  for (int n = 10; n < 19; ++n) dies(n);
  BOOST_TEST(!home.suspended());
  dies(19);
  BOOST_TEST(home.suspended());
  // As the greeting of a few refuses us.
  Home other(4);
  for (int n = 0; n < 40; ++n) other.arrive(n);
  for (int n = 0; n < 5 && !other.suspended(); ++n) other.fails(n, Stage::kBanner, true);
  BOOST_TEST(other.suspended());
}

// Ten customers may be gone for good, and the others are there.
BOOST_AUTO_TEST_CASE(that_ten_cannot_be_reached_never_stops_all_for_longer_than_at_first) {
  Home home(1);
  for (int round = 0; round < 4; ++round) {
    for (int n = 0; n < 10; ++n) home.arrive(round * 10 + n);
    for (int n = 0; n < 10; ++n) {
      BOOST_TEST(!home.suspended());
      BOOST_REQUIRE(home.status(round * 10 + n).connections == 1);
      home.fails(round * 10 + n, Stage::kConnect, false);
    }
    BOOST_TEST(home.suspended());
    home.clock.advance(45s);
    BOOST_TEST(home.suspended());
    home.clock.advance(30s);  // a minute and a fifth, and a little
    BOOST_TEST(!home.suspended());
  }
}

BOOST_AUTO_TEST_CASE(the_word_of_the_operator_wakes_the_group_of_the_domain) {
  Home home(2);
  for (int n = 0; n < 20; ++n) home.arrive(n);
  for (int n = 0; n < 20 && !home.suspended(); ++n) home.fails(n, Stage::kBanner, true);
  BOOST_REQUIRE(home.suspended());
  home.side->retry_destination(Home::domain(15));
  BOOST_TEST(!home.suspended());
  home.arrive(15);
  BOOST_TEST(home.group().connections >= 1);
}

BOOST_AUTO_TEST_CASE(too_much_for_all_together_is_told_with_all_their_domains) {
  storage::NodeLease lease(system_clock());  // not held: what arrives waits
  Home home(2, {}, 1, &lease);
  for (int n = 0; n < 300; ++n) home.arrive(n, 8);
  const std::string key = "together " + kGroup;
  home.look([&] { return home.queue.saturated.contains(key); });
  BOOST_REQUIRE(home.queue.saturated.contains(key));
  BOOST_TEST(false == (home.queue.saturated[key].second == Saturation::kNone));
  BOOST_TEST(home.queue.saturated[key].first.size() == 300u);
  home.arrive(300, 5);
  home.look([&] { return home.queue.saturated[key].first.size() > 300u; });
  BOOST_TEST(home.queue.saturated[key].first.size() == 301u);
}

BOOST_AUTO_TEST_CASE(while_we_may_not_send_it_has_not_too_much) {
  storage::NodeLease lease(system_clock());
  Home home(2, {}, 1, &lease);
  home.arrive(0);
  home.look([&] { return home.group().waiting == 1; });
  home.clock.advance(1min);
  home.arrive(1);
  home.look([&] { return home.group().waiting == 2; });
  BOOST_TEST(!home.queue.saturated.contains("together " + kGroup));
}

// One that has moved to another provider would be passed over for as long as this one has too much.
BOOST_AUTO_TEST_CASE(of_the_domains_those_are_told_whose_mail_has_come_since) {
  storage::NodeLease lease(system_clock());
  Home home(2, {}, 1, &lease);
  const auto told = [&]() -> auto& {
    return home.queue.saturated["together " + kGroup];
  };
  for (int n = 0; n < 3; ++n) home.arrive(n, 900);
  home.look([&] { return told().second == Saturation::kFull; });
  BOOST_TEST(told().first.size() == 3u);
  auto all = std::make_shared<delivery::RecallFilter>();
  all->all = true;
  home.side->recall(all);
  home.side->recall_over(all);
  home.look([&] { return told().second == Saturation::kNone; });
  for (int i = 0; i < 3; ++i) home.arrive(1, 900);
  home.look([&] { return told().second == Saturation::kFull; });
  BOOST_TEST(told().first == std::set<std::string>{Home::domain(1)});
}

BOOST_AUTO_TEST_CASE(other_settings_hold_for_the_group_at_once) {
  Home home(10);
  for (int n = 0; n < 10; ++n) home.arrive(n);
  BOOST_TEST(home.group().limit == 10);
  home.reload(3);
  BOOST_TEST(home.group().limit == 3);
  BOOST_TEST(home.group().connections == 10);  // those that are open may end what they have
  for (int n = 0; n < 10; ++n) home.ends(n);
  for (int n = 30; n < 40; ++n) home.arrive(n);
  BOOST_TEST(home.group().connections == 3);
}

BOOST_AUTO_TEST_CASE(nodes_share_what_all_together_may_have) {
  storage::NodeLease lease(system_clock());
  Home one(10, {}, 1, &lease);
  for (int n = 0; n < 200; ++n) one.arrive(n);
  one.look([&] { return one.group().waiting == 200; });
  const std::vector<delivery::OwnDemand> told = one.side->demands();
  BOOST_REQUIRE(told.size() == 1u);  // and none of its destinations
  BOOST_TEST(told[0].recipients == 200);
  BOOST_TEST(told[0].limited);
  Home two(10, {}, 2);
  delivery::Demands others;
  delivery::add_demands(1, delivery::encode_demands(told), &others);
  two.fabric.demands.set(std::make_shared<const delivery::Demands>(others), 2);
  for (int n = 300; n < 320; ++n) two.arrive(n);
  BOOST_TEST(two.group().limit == 1);  // one for each, the rest by what they have
  BOOST_TEST(two.open() == 1);
}

// Customers of a provider, each with a host of its own name and address, and domains of others.
constexpr int kCustomers = 24, kOthers = 4;

struct Provider {
  explicit Provider(int members_of_each = 4) {
    HostPolicy policy;
    policy.mail = [this] {
      const int now = ++at_once;
      int known = most;
      while (now > known && !most.compare_exchange_weak(known, now)) continue;
      return "250 2.1.0 ok";
    };
    policy.dot = [this] {
      std::this_thread::sleep_for(20ms);
      --at_once;
      return "250 2.0.0 ok";
    };
    for (int d = 0; d < kCustomers; ++d) sink.set(address_of(d), policy);
    site.add_members(kCustomers * members_of_each, kCustomers);
    site.add_members(kOthers * 4, kOthers, kCustomers);
  }
  static void dns(FakeResolver& resolver) {
    for (int d = 0; d < kCustomers + kOthers; ++d) {
      const std::string host = "c" + std::to_string(d) + (d < kCustomers ? ".big.test" : ".small.test");
      resolver.set_mx(Site::domain_name(d), {{10, host}});
      resolver.set_addresses(host, {address_of(d)});
    }
  }
  EngineSettings settings() {
    EngineSettings out = settings_for(site, sink);
    delivery::DestinationRule rule;
    rule.name = kGroup;
    rule.hosts = {"*.big.test"};
    rule.connections = 3;
    rule.together = true;
    out.destinations = {rule};
    out.connections_initial = 20;
    return out;
  }

  std::atomic<int> at_once{0}, most{0};
  TestSink sink;
  Site site;
};

BOOST_AUTO_TEST_CASE(no_more_messages_are_under_way_to_a_provider_than_it_has_connections) {
  for (const int loops : {1, 3}) {
    Provider provider;
    EngineSettings settings = provider.settings();
    settings.idle_timeout = 60s;  // they make room for each other before
    const Id post = provider.site.post_to_list(provider.site.new_post(CopyMode::kPersonal, 1), 0);
    Run run(provider.site, Provider::dns, settings, loops);
    BOOST_REQUIRE(wait_until([&] { return provider.site.finished(post); }, 50s));
    BOOST_TEST(provider.site.counts(post).delivered == (kCustomers + kOthers) * 4);
    BOOST_TEST(provider.most == 3);
    std::promise<std::string> told;
    run.engine->explain("d1.test", [&](const DestinationStatus& status, const std::string& text) {
      told.set_value(status.group + "\n" + text);
    });
    const std::string text = told.get_future().get();
    BOOST_TEST(text.starts_with(kGroup + "\n"), text);
    BOOST_TEST(
        text.find("connections: at most 3, of all that the table names together\n") != std::string::npos,
        text);
    BOOST_TEST(text.find("together, by " + kGroup + ":\n  state: ") != std::string::npos, text);
  }
}

// A batch has recipients of many of its domains, and is passed over by none of them.
BOOST_AUTO_TEST_CASE(what_waits_for_a_provider_makes_room_for_what_does_not) {
  Provider provider(100);
  EngineSettings settings = provider.settings();
  settings.destinations[0].rate = {1, 1h};
  settings.active_batches = 2;
  settings.retry_initial = settings.retry_max = 1h;
  provider.site.post_to_list(provider.site.new_post(CopyMode::kPersonal, 1), 0);
  Run run(provider.site, Provider::dns, settings, 2);
  BOOST_REQUIRE(wait_until([&] { return provider.sink.total() > 0; }));
  const Id post =
      provider.site.post_to(provider.site.new_post(CopyMode::kPersonal, 1), run.engine->current_rank(),
                            {{0, "one", Site::domain_name(kCustomers)}});
  run.engine->ring();
  BOOST_TEST(wait_until([&] { return provider.site.finished(post); }, 25s));
}

BOOST_AUTO_TEST_CASE(a_provider_that_is_busy_is_left_alone_as_a_whole_and_then_gets_all) {
  Provider provider;
  std::atomic<bool> busy{true};
  std::atomic<int> asked{0};
  HostPolicy policy;
  policy.rcpt = [&](const std::string&, int) {
    if (!busy) return "250 2.1.5 ok";
    ++asked;
    return "451 4.7.500 Server busy. Please try again later";
  };
  for (int d = 0; d < kCustomers; ++d) provider.sink.set(address_of(d), policy);
  EngineSettings settings = provider.settings();
  settings.retry_initial = settings.retry_max = 10s;  // no second round before all is looked at
  const Id post = provider.site.post_to_list(provider.site.new_post(CopyMode::kPersonal, 1), 0);
  Run run(provider.site, Provider::dns, settings, 2);
  BOOST_REQUIRE(wait_until([&] { return provider.site.counts(post).delivered == kOthers * 4; }));
  std::this_thread::sleep_for(1s);
  BOOST_TEST(asked > 0);
  BOOST_TEST(asked < kCustomers);  // of 96 who wait
  const auto batches = provider.site.batches(post);
  BOOST_REQUIRE(!batches.empty());
  busy = false;
  BOOST_TEST(wait_until([&] { return provider.site.finished(post); }));
  BOOST_TEST(provider.sink.total() == (kCustomers + kOthers) * 4u);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace essaim::test
