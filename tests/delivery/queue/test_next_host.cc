// A host that lets us in and does not take one message is better than others that are not there.
#include <boost/test/unit_test.hpp>

#include "tests/delivery/queue/rig.h"

using namespace essaim;
using namespace essaim::test;
using namespace std::chrono_literals;

BOOST_AUTO_TEST_SUITE(next_host)

namespace {

thread_local std::string to;  // one thread of the sink is one connection

}  // namespace

BOOST_AUTO_TEST_CASE(one_message_that_is_deferred_holds_nothing_up_when_the_other_host_is_dead) {
  const std::string host = "127.0.2.1", backup = "127.0.2.2";
  HostPolicy picky, dead;
  picky.rcpt = [](const std::string& recipient, int) -> std::string {
    to = recipient;
    return "250 2.1.5 ok";
  };
  picky.dot = [] { return to == "deferred@d0.test" ? "451 4.3.0 not this one" : "250 2.0.0 ok"; };
  dead.greeting = "421 4.3.2 closed";
  TestSink sink;
  sink.set(host, picky);
  sink.set(backup, dead);
  Site site;
  Id deferred = 0, taken = 0;
  const auto post = [&](std::int64_t rank) {
    const auto mode = storage::CopyMode::kPersonal;
    deferred = site.post_to(site.new_post(mode, 1), rank, {{0, "deferred", "d0.test"}});
    taken = site.post_to(site.new_post(mode, 1), rank, {{0, "taken", "d0.test"}});
  };
  post(0);
  auto settings = settings_for(site, sink);
  settings.retry_initial = settings.retry_max = 10min;  // a suspension would be one of a minute
  settings.idle_timeout = 50ms;
  Run run(
      site,
      [&](FakeResolver& dns) {
        dns.set_mx("d0.test", {{10, "a.test"}, {20, "b.test"}});
        dns.set_addresses("a.test", {host});
        dns.set_addresses("b.test", {backup});
      },
      settings);
  for (int round = 0; round < 2; ++round) {
    BOOST_REQUIRE(wait_until([&] { return site.finished(taken); }));
    BOOST_REQUIRE(
        wait_until([&] { return site.batches(deferred)[0].queue == storage::BatchQueue::kWaiting; }));
    const auto batch = site.batches(deferred)[0];
    BOOST_TEST(batch.attempts == 1);
    BOOST_TEST(batch.why.find("451 4.3.0 not this one") != std::string::npos);
    BOOST_TEST(sink.connections(backup) <= 1);  // the next time it is known to fail
    if (round > 0) break;
    std::this_thread::sleep_for(300ms);  // the connection ends
    post(run.engine->current_rank());
    run.engine->ring();
  }
  BOOST_TEST(sink.total() == 2u);
}

// Else it would wait for the rate until the first host is no longer known to fail, and begin with it again.
BOOST_AUTO_TEST_CASE(a_message_for_which_the_next_host_is_asked_counts_once_for_a_rate) {
  const std::string host = "127.0.2.1", backup = "127.0.2.2";
  HostPolicy full;
  full.mail = [] { return "452 4.3.1 disk full"; };
  TestSink sink;
  sink.set(host, full);
  sink.set(backup, HostPolicy{});
  Site site;
  const Id post = site.post_to(site.new_post(storage::CopyMode::kPersonal, 1), 0, {{0, "user", "d0.test"}});
  auto settings = settings_for(site, sink);
  settings.retry_initial = settings.retry_max = 10min;
  delivery::DestinationRule rule;
  rule.name = "slow";
  rule.domains = {"d0.test"};
  rule.rate = {1, 1h};
  settings.destinations = {rule};
  Run run(
      site,
      [&](FakeResolver& dns) {
        dns.set_mx("d0.test", {{10, "a.test"}, {20, "b.test"}});
        dns.set_addresses("a.test", {host});
        dns.set_addresses("b.test", {backup});
      },
      settings);
  BOOST_REQUIRE(wait_until([&] { return site.finished(post); }));
  BOOST_TEST(sink.accepted().count("user@d0.test") == 1u);
  BOOST_TEST(sink.connections(host) == 1);
  BOOST_TEST(sink.connections(backup) == 1);
}

BOOST_AUTO_TEST_SUITE_END()
