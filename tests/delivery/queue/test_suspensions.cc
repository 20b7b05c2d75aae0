// What an operator suspends waits: lists and everything, also what is in memory, over restarts, until it is
// resumed, its time comes, or the post expires.
#include <boost/test/unit_test.hpp>

#include "core/base/log.h"
#include "delivery/destination_policy.h"
#include "delivery/loop_side.h"
#include "delivery/suspended_hosts.h"
#include "delivery/suspensions.h"
#include "storage/fault.h"
#include "storage/node_store.h"
#include "tests/delivery/queue/rig.h"

using namespace essaim;
using namespace essaim::test;
using namespace std::chrono_literals;
using storage::BatchQueue;
using storage::CopyMode;
using storage::SuspensionScope;

namespace {

struct Quiet {
  Quiet() { log::set_level(log::Level::kError); }
};
BOOST_GLOBAL_FIXTURE(Quiet);

void suspend(Site& site, SuspensionScope scope, const std::string& subject, WallTime until = {},
             const std::string& reason = "mail storm") {
  must(site.database->write_now(storage::Durability::kAccept, [&](storage::Connection& connection) {
    return storage::SuspensionStore(connection)
        .suspend({subject, reason, system_clock().wall_now(), until, scope});
  }));
}

void resume(Site& site, SuspensionScope scope, const std::string& subject) {
  must(site.database->write_now(storage::Durability::kAccept, [&](storage::Connection& connection) {
    return storage::SuspensionStore(connection).resume(subject, scope);
  }));
}

std::size_t records(Site& site) {
  std::size_t count = 0;
  must(site.database->read_now([&](storage::Connection& connection) -> Result<void> {
    count = must(storage::SuspensionStore(connection).all()).size();
    return {};
  }));
  return count;
}

bool all_wait(Site& site, Id post) {
  for (const auto& batch : site.batches(post))
    if (batch.queue != BatchQueue::kWaiting) return false;
  return true;
}

struct OneDomain {
  explicit OneDomain(int members, int message_ms = 0) {
    HostPolicy policy;
    policy.message_ms = message_ms;
    sink.set(address_of(0), policy);
    site.add_members(members, 1);
    settings = settings_for(site, sink);
  }
  std::unique_ptr<Run> run() {
    return std::make_unique<Run>(
        site, [](FakeResolver& dns) { serve_domains(dns, 1); }, settings);
  }
  TestSink sink;
  Site site;
  delivery::EngineSettings settings;
};

}  // namespace

BOOST_AUTO_TEST_CASE(posts_of_a_suspended_list_wait_and_others_go) {
  OneDomain setup(30);
  Site& site = setup.site;
  suspend(site, SuspensionScope::kList, "dev@lists.test");
  auto run = setup.run();
  const Id post = site.post_to_list(site.new_post(CopyMode::kPersonal, 1), 0);
  // Mail to the owners of the list, and of other lists, is not concerned.
  auto forward = site.new_post(CopyMode::kCommon, 0);
  forward.kind = storage::PostKind::kForward;
  const Id to_owner = site.post_to(forward, 0, {{0, "owner", "d0.test"}});
  auto other = site.new_post(CopyMode::kCommon, 0);
  other.list_address = "other@lists.test";
  const Id elsewhere = site.post_to(other, 0, {{0, "other", "d0.test"}});
  run->engine->ring();
  BOOST_REQUIRE(wait_until([&] { return site.finished(to_owner) && site.finished(elsewhere); }));
  BOOST_REQUIRE(wait_until([&] { return all_wait(site, post); }));
  const auto batch = site.batches(post)[0];
  BOOST_TEST(batch.why == "451 4.7.0 list suspended by the operator: mail storm");
  BOOST_TEST(batch.attempts == 0);
  BOOST_TEST(batch.pending == 30);
  BOOST_TEST(setup.sink.total() == 2U);

  resume(site, SuspensionScope::kList, "dev@lists.test");
  run->engine->suspensions_changed();
  BOOST_REQUIRE(wait_until([&] { return site.finished(post); }));
  BOOST_TEST(setup.sink.total() == 32U);
}

// It ends in another transaction of the server, or a command ends before it has rung; or it ends at another node before this one has
// looked, and was told by the ring alone that it began.
BOOST_AUTO_TEST_CASE(suspensions_of_whose_end_nobody_tells_are_seen_to_end) {
  for (const bool shared : {false, true}) {
    OneDomain setup(3);
    Site& site = setup.site;
    suspend(site, SuspensionScope::kList, "dev@lists.test");
    storage::NodeLease lease(system_clock());
    lease.hold_for_ever();
    Run run(
        site, [](FakeResolver& dns) { serve_domains(dns, 1); }, setup.settings, 2, {},
        shared ? &lease : nullptr);
    // Of this node: what is another's would be left to it for two seconds, and nobody rings again.
    IdGenerator ids(system_clock(), run.node.number);
    auto record = site.new_post(CopyMode::kPersonal, 1);
    record.id = ids.next();
    const Id post = site.post_to_list(record, 0);
    run.engine->ring();
    BOOST_REQUIRE(wait_until([&] { return all_wait(site, post); }));
    resume(site, SuspensionScope::kList, "dev@lists.test");
    BOOST_TEST(wait_until([&] { return site.finished(post); }), "shared=" << shared);
    BOOST_TEST(setup.sink.total() == 3U);
  }
}

// The first statement and then the first commit behind the resumption fail: the table cannot be read, what waits cannot be
// made due.
BOOST_AUTO_TEST_CASE(a_resumption_that_meets_trouble_of_the_database_is_not_forgotten) {
  using storage::FaultPlan;
  for (const auto where : {FaultPlan::Where::kStatement, FaultPlan::Where::kBeforeCommit}) {
    OneDomain setup(3);
    Site& site = setup.site;
    suspend(site, SuspensionScope::kList, "dev@lists.test");
    auto run = setup.run();
    const Id post = site.post_to_list(site.new_post(CopyMode::kPersonal, 1), 0);
    run->engine->ring();
    BOOST_REQUIRE(wait_until([&] { return all_wait(site, post); }));
    resume(site, SuspensionScope::kList, "dev@lists.test");
    FaultPlan::arm({.where = where, .first = 1});
    run->engine->suspensions_changed();
    BOOST_REQUIRE(wait_until([&] { return FaultPlan::seen(where) > 0; }));
    BOOST_REQUIRE(wait_until([&] { return site.finished(post); }));
    FaultPlan::disarm();
    BOOST_TEST(setup.sink.total() == 3U);
  }
}

BOOST_AUTO_TEST_CASE(everything_that_is_out_comes_back_waits_over_a_restart_and_goes_on) {
  OneDomain setup(2'500, 4);
  Site& site = setup.site;
  setup.settings.connections_per_destination = 4;
  auto run = setup.run();
  const Id post = site.post_to_list(site.new_post(CopyMode::kPersonal, 1), 0);
  run->engine->ring();
  BOOST_REQUIRE(wait_until([&] { return setup.sink.total() > 40; }));
  suspend(site, SuspensionScope::kEverything, "");
  run->engine->suspensions_changed();
  BOOST_REQUIRE(wait_until([&] { return all_wait(site, post); }));
  const std::size_t reached = setup.sink.total();
  BOOST_TEST(reached < 2'500U);
  BOOST_TEST(static_cast<std::size_t>(site.counts(post).delivered) == reached);
  // What comes meanwhile is taken, and expanded, and waits too.
  const Id later = site.post_to_list(site.new_post(CopyMode::kCommon, 1), 0, 0);
  run->engine->ring();
  BOOST_REQUIRE(wait_until([&] { return site.batches(later).size() == 3 && all_wait(site, later); }));

  run.reset();
  run = setup.run();
  run->engine->ring();
  BOOST_REQUIRE(wait_until([&] { return all_wait(site, post) && all_wait(site, later); }));
  BOOST_TEST(setup.sink.total() == reached);
  run.reset();

  // Resumed while nothing runs.
  resume(site, SuspensionScope::kEverything, "");
  run = setup.run();
  BOOST_REQUIRE(wait_until([&] { return site.finished(post) && site.finished(later); }));
  BOOST_TEST(setup.sink.total() == 5'000U);
}

// Rows: what is suspended while the first host has not answered yet. It does not take the message, and the next one would.
BOOST_AUTO_TEST_CASE(what_was_in_flight_when_a_suspension_began_is_not_tried_at_the_next_host) {
  for (const auto scope : {SuspensionScope::kDestination, SuspensionScope::kEverything}) {
    std::atomic<bool> asked{false}, answers{false};
    HostPolicy full;
    full.mail = [&] {
      asked = true;
      wait_until([&] { return answers.load(); });
      return "452 4.3.1 disk full";
    };
    TestSink sink;
    sink.set("127.0.2.1", full);
    sink.set("127.0.2.2", HostPolicy{});
    Site site;
    const auto settings = settings_for(site, sink);
    const auto post = [&] {
      return site.post_to(site.new_post(CopyMode::kPersonal, 1), 0, {{0, "user", "d0.test"}});
    };
    const Id first = post();
    Run run(
        site,
        [](FakeResolver& dns) {
          dns.set_mx("d0.test", {{10, "a.test"}, {20, "b.test"}});
          dns.set_addresses("a.test", {"127.0.2.1"});
          dns.set_addresses("b.test", {"127.0.2.2"});
        },
        settings);
    BOOST_REQUIRE(wait_until([&] { return asked.load(); }));
    const std::string subject = scope == SuspensionScope::kDestination ? "d0.test" : "";
    suspend(site, scope, subject);
    run.engine->suspensions_changed();
    const Id second = post();
    run.engine->ring();
    BOOST_REQUIRE(wait_until([&] { return all_wait(site, second); }));
    std::this_thread::sleep_for(300ms);  // all that was not in flight has come back
    answers = true;
    BOOST_REQUIRE(wait_until([&] { return all_wait(site, first); }));
    BOOST_TEST(site.batches(first)[0].why.find("suspended by the operator") != std::string::npos);
    BOOST_TEST(sink.total() == 0U);
    resume(site, scope, subject);
    run.engine->suspensions_changed();
    BOOST_TEST(wait_until([&] { return site.finished(first) && site.finished(second); }));
    BOOST_TEST(sink.total() == 2U);
  }
}

BOOST_AUTO_TEST_CASE(a_suspension_ends_at_its_time_and_leaves_the_table) {
  OneDomain setup(10);
  Site& site = setup.site;
  const WallTime end = system_clock().wall_now() + 6s;
  suspend(site, SuspensionScope::kList, "dev@lists.test", end);
  suspend(site, SuspensionScope::kDestination, "d7.test", end);
  auto run = setup.run();
  const Id post = site.post_to_list(site.new_post(CopyMode::kPersonal, 1), 0);
  run->engine->ring();
  BOOST_REQUIRE(wait_until([&] { return all_wait(site, post); }));
  BOOST_TEST(to_millis(site.batches(post)[0].due) == to_millis(end));
  BOOST_TEST(records(site) == 2U);
  BOOST_REQUIRE(wait_until([&] { return site.finished(post); }));
  BOOST_TEST((system_clock().wall_now() >= end));
  BOOST_TEST(wait_until([&] { return records(site) == 0; }));
  check_each_once(setup.sink.accepted(), 10);
}

BOOST_AUTO_TEST_CASE(another_end_for_a_suspension_moves_what_waits_for_it) {
  OneDomain setup(10);
  Site& site = setup.site;
  suspend(site, SuspensionScope::kEverything, "", system_clock().wall_now() + 1h);
  auto run = setup.run();
  const Id post = site.post_to_list(site.new_post(CopyMode::kPersonal, 1), 0);
  run->engine->ring();
  BOOST_REQUIRE(wait_until([&] { return all_wait(site, post); }));
  suspend(site, SuspensionScope::kEverything, "", system_clock().wall_now() + 500ms, "shorter");
  run->engine->suspensions_changed();
  BOOST_REQUIRE(wait_until([&] { return site.finished(post); }));
  check_each_once(setup.sink.accepted(), 10);
}

BOOST_AUTO_TEST_CASE(what_is_suspended_expires_with_its_post_as_failed_and_is_no_bounce) {
  OneDomain setup(10);
  Site& site = setup.site;
  suspend(site, SuspensionScope::kList, "dev@lists.test");
  auto run = setup.run();
  auto record = site.new_post(CopyMode::kPersonal, 1);
  record.expires = system_clock().wall_now() + 800ms;
  const Id post = site.post_to_list(record, 0);
  run->engine->ring();
  BOOST_REQUIRE(wait_until([&] { return site.finished(post); }));
  BOOST_TEST((system_clock().wall_now() >= record.expires));
  BOOST_TEST(site.counts(post).failed == 10);
  const auto batch = site.batches(post)[0];
  BOOST_TEST(batch.progress.replies[batch.progress.recipients[0].reply] ==
             "554 4.4.7 delivery time expired before any attempt");
  // Told, so that it can be reported, but not against the members.
  BOOST_TEST(run->failures.told().size() == 10u);
  BOOST_TEST(run->failures.about_message("user0@d0.test"));
  BOOST_TEST(site.bounces().empty());
  BOOST_TEST(setup.sink.total() == 0U);
}

BOOST_AUTO_TEST_CASE(more_batches_than_one_claim_passes_over_all_wait_and_do_not_hide_the_others) {
  OneDomain setup(1);
  Site& site = setup.site;
  suspend(site, SuspensionScope::kList, "dev@lists.test");
  const std::size_t many = 2 * storage::BatchStore::kParkedAtOnce + 10;
  std::vector<Id> posts;
  for (std::size_t i = 0; i < many; ++i)
    posts.push_back(site.post_to_list(site.new_post(CopyMode::kCommon, 1), 0));
  auto other = site.new_post(CopyMode::kCommon, 1);
  other.list_address = "other@lists.test";
  const Id last = site.post_to(other, 1'000'000, {{0, "other", "d0.test"}});
  auto run = setup.run();
  run->engine->ring();
  BOOST_REQUIRE(wait_until([&] { return site.finished(last); }));
  BOOST_REQUIRE(wait_until([&] { return all_wait(site, posts.front()) && all_wait(site, posts.back()); }));
  BOOST_TEST(setup.sink.total() == 1U);
}

// A provider that has blocked us: two of its domains, and one elsewhere.
BOOST_AUTO_TEST_CASE(whatever_goes_to_suspended_hosts_waits_also_what_was_on_its_way) {
  const std::string hosts = std::string(storage::kSuspendedHosts) + "*.big.test";
  TestSink sink;
  HostPolicy slow;
  slow.message_ms = 100;
  sink.set(address_of(0), slow);
  Site site;
  site.add_members(300, 2);
  auto settings = settings_for(site, sink);
  settings.connections_per_destination = 4;  // seconds in which it can be suspended
  Run run(
      site,
      [](FakeResolver& dns) {
        serve_domains(dns, 3);
        for (int d = 0; d < 2; ++d) dns.set_mx(Site::domain_name(d), {{10, "in.big.test"}});
        dns.set_addresses("in.big.test", {address_of(0)});
      },
      settings);
  const Id post = site.post_to_list(site.new_post(CopyMode::kPersonal, 1), 0);
  run.engine->ring();
  BOOST_REQUIRE(wait_until([&] { return sink.total() > 10; }));
  suspend(site, SuspensionScope::kDestination, hosts);
  run.engine->suspensions_changed();
  BOOST_REQUIRE(wait_until([&] { return all_wait(site, post); }));
  const std::size_t sent = sink.total();
  BOOST_TEST(sent < 300u);
  const auto batch = site.batches(post)[0];
  const std::string why = "451 4.7.0 destination suspended by the operator: hosts *.big.test: mail storm";
  BOOST_TEST(batch.why == why);
  BOOST_TEST(batch.attempts == 0);
  const Id later = site.post_to(site.new_post(CopyMode::kPersonal, 0), 0, {{0, "ann", "d1.test"}});
  const Id elsewhere = site.post_to(site.new_post(CopyMode::kPersonal, 0), 0, {{0, "ben", "d2.test"}});
  run.engine->ring();
  BOOST_REQUIRE(wait_until([&] { return site.finished(elsewhere) && all_wait(site, later); }));
  BOOST_TEST(sink.total() == sent + 1);

  resume(site, SuspensionScope::kDestination, hosts);
  run.engine->suspensions_changed();
  BOOST_REQUIRE(wait_until([&] { return site.finished(post) && site.finished(later); }));
  check_each_once(sink.accepted(), 302);
}

// A smart host that is set by its address has that in brackets for a name, and the operator writes it without.
BOOST_AUTO_TEST_CASE(a_host_that_is_an_address_is_suspended_by_it) {
  delivery::NextHop hop;
  hop.hosts.push_back({0, {"[192.0.2.7]", "192.0.2.7", 25}, false, {}});
  const auto waits = [&hop](const std::string& address) {
    storage::SuspensionRecord record;
    record.subject = std::string(storage::kSuspendedHosts) + address;
    delivery::SuspendedHosts hosts;
    BOOST_TEST(hosts.set({record}));
    return hosts.of(hop, WallTime{}).has_value();
  };
  BOOST_TEST(waits("192.0.2.7"));
  BOOST_TEST(!waits("192.0.2.70"));
}

class NoJournal : public storage::JournalWriter {
 public:
  Result<std::uint64_t> append(const storage::JournalRecord&) override { return 1; }
  void segment_done(std::uint64_t, std::size_t) override {}
};

// By what words the queue was told who is back.
class ToldBack final : public delivery::NoteSink {
 public:
  void take_notes(std::vector<delivery::Note>) override {}
  void destination_saturated(const std::string&, std::set<std::string>, delivery::Saturation) override {}
  void destination_back(const std::string& words) override { told.insert(words); }
  std::set<std::string> told;
};

// It bears the name of the first of its domains, and another one has come in front between two suspensions.
BOOST_AUTO_TEST_CASE(who_was_put_off_in_an_earlier_suspension_hears_of_its_end) {
  const std::string key = "mx.test";
  net::EventLoop loop("loop");
  FakeResolver dns(loop);
  Tokens tokens;
  NoJournal journal;
  ToldBack queue;
  ManualClock clock;
  delivery::Fabric fabric{clock, tokens, nullptr, {&loop}, {}, &queue, {}, {}, {}};
  auto side = std::make_shared<delivery::LoopSide>(fabric, 0, dns, journal,
                                                   std::make_shared<const delivery::EngineSettings>());
  fabric.sides = {side};
  side->begin();
  auto hop = std::make_shared<delivery::NextHop>();
  hop->kind = delivery::NextHop::Kind::kHosts;
  hop->key = key;
  hop->policy = std::make_shared<delivery::DestinationPolicy>();
  const auto arrive = [&](const std::string& domain) {
    auto batch = std::make_shared<delivery::ActiveBatch>();
    batch->post = std::make_shared<const delivery::ActivePost>();
    batch->recipients.push_back({1, "one", domain});
    side->arrive(domain, hop, {batch, {0}, clock.mono_now()});
  };
  const auto connections_fail = [&] {
    delivery::Report report;
    report.consumed = 1;
    report.closed.push_back({false, delivery::Stage::kConnect, smtp::reply(421, "4.4.1", "refused")});
    side->take_report(key, std::move(report));
  };
  arrive("b.test");
  connections_fail();
  arrive("b.test");  // is put off
  clock.advance(std::chrono::hours(1));
  arrive("a.test");
  connections_fail();
  side->retry_destination("a.test");
  BOOST_TEST(queue.told.count(delivery::suspended_words("b.test")) == 1u);
  side->shut();
  loop.run_turn();  // what was lent
  fabric.sides.clear();
}

BOOST_AUTO_TEST_CASE(suspensions_know_what_has_changed) {
  using delivery::Suspensions;
  const WallTime now = from_millis(1'000'000);
  const Suspensions none;
  const Suspensions one({{"a.test", "", now, {}, SuspensionScope::kDestination}});
  const Suspensions over({{"a.test", "", now, now, SuspensionScope::kDestination}});
  const Suspensions reason({{"a.test", "why", now, {}, SuspensionScope::kDestination}});
  BOOST_TEST((one.since(none, now).begun && !one.since(none, now).ended));
  BOOST_TEST((none.since(one, now).ended && !none.since(one, now).begun));
  BOOST_TEST(over.since(one, now).ended);
  BOOST_TEST(reason.since(one, now).ended);
  BOOST_TEST(!one.since(one, now).ended);
  BOOST_TEST(!over.since(none, now).begun);
  BOOST_TEST((one.of_domain("a.test", now) != nullptr));
  BOOST_TEST((one.of_domain("b.test", now) == nullptr));
  BOOST_TEST((over.of_domain("a.test", now) == nullptr));
  BOOST_TEST((over.first_end() == now));
  BOOST_TEST(!one.first_end().has_value());
}
