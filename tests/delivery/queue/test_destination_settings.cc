// What the operator set for some destinations only: pure parts, and an engine that follows it.
#include <algorithm>
#include <future>

#include <boost/test/unit_test.hpp>

#include "core/base/log.h"
#include "delivery/destination_policy.h"
#include "delivery/token_bucket.h"
#include "tests/delivery/queue/rig.h"

namespace essaim::test {
namespace {

using namespace std::chrono_literals;
using delivery::DestinationRule;
using storage::CopyMode;

struct Quiet {
  Quiet() { log::set_level(log::Level::kError); }
};
BOOST_GLOBAL_FIXTURE(Quiet);

DestinationRule rule(std::vector<std::string> domains, std::vector<std::string> hosts = {}) {
  DestinationRule out;
  out.name = "[[destination]] " + (domains.empty() ? hosts : domains).front();
  out.domains = std::move(domains);
  out.hosts = std::move(hosts);
  return out;
}

BOOST_AUTO_TEST_CASE(a_pattern_names_a_domain_or_all_below_one) {
  const std::tuple<const char*, const char*, bool> rows[] = {
      {"example.org", "example.org", true},     {"example.org", "a.example.org", false},
      {"*.example.org", "a.example.org", true}, {"*.example.org", "b.a.example.org", true},
      {"*.example.org", "example.org", false},  {"*.example.org", "notexample.org", false},
      {"*.example.org", ".example.org", false}, {"*", "whatever.example", true},
  };
  for (const auto& [pattern, name, expected] : rows)
    BOOST_TEST(delivery::matches_pattern(pattern, name) == expected, pattern << " " << name);
}

BOOST_AUTO_TEST_CASE(the_first_rule_that_names_the_domain_holds) {
  const std::vector<DestinationRule> rules = {rule({"b.test", "*.a.test"}), rule({}, {"mx.*", "*.big.test"}),
                                              rule({"*.test"})};
  BOOST_TEST(delivery::rule_for_domain(rules, "x.a.test") == &rules[0]);
  BOOST_TEST(delivery::rule_for_domain(rules, "b.test") == &rules[0]);
  BOOST_TEST(delivery::rule_for_domain(rules, "a.test") == &rules[2]);
  BOOST_TEST(delivery::rule_for_domain(rules, "a.example") == nullptr);
  BOOST_TEST(delivery::rule_for_hosts(rules, {"mx1.other.test", "mx2.big.test"}) == &rules[1]);
  BOOST_TEST(delivery::rule_for_hosts(rules, {"mx1.other.test"}) == nullptr);
}

BOOST_AUTO_TEST_CASE(a_rate_is_spread_over_its_time_and_saves_a_second_at_most) {
  const MonoTime t0{100s};
  delivery::TokenBucket bucket;
  BOOST_TEST(bucket.available(t0) > 1'000'000u);
  bucket.take(50);
  bucket.set_rate({600, 1min}, t0);  // ten a second
  BOOST_TEST(bucket.available(t0) == 10u);
  BOOST_TEST(bucket.full(t0));
  bucket.take(10);
  BOOST_TEST(!bucket.full(t0 + 999ms));
  BOOST_TEST(bucket.full(t0 + 1001ms));
  BOOST_TEST(bucket.available(t0) == 0u);
  BOOST_TEST((bucket.wait(t0) >= 100ms && bucket.wait(t0) < 101ms));
  BOOST_TEST(bucket.available(t0 + 99ms) == 0u);
  BOOST_TEST(bucket.available(t0 + 101ms) == 1u);
  BOOST_TEST(bucket.available(t0 + 1h) == 10u);
  // Slower than one a second: one at a time.
  bucket.set_rate({30, 1min}, t0 + 1h);
  BOOST_TEST(bucket.available(t0 + 1h) == 1u);
  bucket.take(1);
  BOOST_TEST(bucket.available(t0 + 1h + 1900ms) == 0u);
  BOOST_TEST(bucket.available(t0 + 1h + 2001ms) == 1u);
  BOOST_TEST(bucket.available(t0 + 2h) == 1u);
  bucket.take(1);
  bucket.give(1);  // it was not sent
  BOOST_TEST(bucket.available(t0 + 2h) == 1u);
  bucket.give(5);
  BOOST_TEST(bucket.available(t0 + 2h) == 1u);
  // In any ten seconds no more than the rate and what was saved.
  bucket.set_rate({100, 1s}, t0 + 2h);
  std::size_t sent = 0;
  for (Duration at{}; at < 10s; at += 7ms) {
    const std::size_t now = bucket.available(t0 + 2h + at);
    bucket.take(now);
    sent += now;
  }
  BOOST_TEST(sent >= 990u);
  BOOST_TEST(sent <= 1'101u);
  bucket.set_rate({}, t0 + 3h);
  BOOST_TEST(bucket.available(t0 + 3h) > 1'000'000u);
}

struct Asked {
  delivery::NextHopPtr hop;
};

delivery::NextHopPtr resolve(const std::string& domain, const delivery::EngineSettings& settings,
                             const std::function<void(FakeResolver&)>& records,
                             delivery::TlsDemand demand = delivery::TlsDemand::kNone) {
  net::EventLoop loop("asks");
  FakeResolver dns(loop);
  records(dns);
  delivery::NextHopPtr out;
  const auto query = delivery::resolve_destination(loop, dns, nullptr, {domain, demand}, settings,
                                                   [&](delivery::NextHopPtr hop) { out = std::move(hop); });
  for (int turn = 0; turn < 100 && !out; ++turn) {
    loop.post([] {});
    loop.run_turn();
  }
  return out;
}

BOOST_AUTO_TEST_CASE(each_way_has_a_key_of_its_own) {
  delivery::EngineSettings settings;
  const auto records = [](FakeResolver& dns) {
    for (const char* domain : {"a.test", "b.test", "c.test", "d.test"})
      dns.set_mx(domain, {{10, "mx.big.test"}});
    dns.set_addresses("mx.big.test", {"192.0.2.1"});
    dns.set_addresses("relay.test", {"192.0.2.7"});
  };
  settings.destinations = {rule({"b.test"}), rule({"c.test"}), rule({"d.test"})};
  settings.destinations[0].source_ipv4 = "192.0.2.9";
  settings.destinations[1].port = 2525;
  settings.destinations[2].smarthost = "relay.test:26";
  std::set<std::string> keys;
  for (const char* domain : {"a.test", "b.test", "c.test", "d.test"}) {
    const auto hop = resolve(domain, settings, records);
    BOOST_REQUIRE(hop);
    BOOST_REQUIRE(hop->policy);
    BOOST_REQUIRE(hop->hosts.size() == 1u);
    keys.insert(hop->key);
  }
  BOOST_TEST(keys.size() == 4u);
  BOOST_TEST(resolve("a.test", settings, records)->key == "mx.big.test:25");
  BOOST_TEST(resolve("c.test", settings, records)->hosts[0].candidate.port == 2525);
  BOOST_TEST(resolve("d.test", settings, records)->hosts[0].candidate.address == "192.0.2.7");
  // By the MX host, and from there to a relay.
  settings.destinations = {rule({}, {"*.big.test"})};
  settings.destinations[0].connections = 3;
  BOOST_TEST(resolve("a.test", settings, records)->policy->connections == 3);
  BOOST_TEST(resolve("a.test", settings, records)->policy->connections_initial == 2);
  settings.destinations[0].smarthost = "relay.test:26";
  BOOST_TEST(resolve("a.test", settings, records)->hosts[0].candidate.port == 26);
  // The smart host of all, and the domains that do not go there.
  settings.smarthost = "relay.test:25";
  settings.destinations = {rule({"b.test"})};
  settings.destinations[0].smarthost = "";
  BOOST_TEST(delivery::goes_with_all(settings, "a.test"));
  BOOST_TEST(!delivery::goes_with_all(settings, "b.test"));
  BOOST_TEST(delivery::smarthost_of(settings, "a.test") == "relay.test:25");
  BOOST_TEST(delivery::smarthost_of(settings, "b.test").empty());
  BOOST_TEST(resolve("", settings, records)->hosts[0].candidate.name == "relay.test");
  const auto takes_all = [&settings](const delivery::DestinationRule* of) {
    return delivery::takes_all(settings, *delivery::make_policy(settings, of));
  };
  BOOST_TEST(!takes_all(nullptr));
  settings.destinations[0].domains = {"*"};
  BOOST_TEST(!takes_all(settings.destinations.data()));
  settings.destinations[0].smarthost = "relay.test:26";
  BOOST_TEST(takes_all(settings.destinations.data()));
  BOOST_TEST(!takes_all(nullptr));
  settings.destinations.clear();
  BOOST_TEST(takes_all(nullptr));
  settings.destinations = {rule({"b.test"})};
  settings.destinations[0].smarthost = "";
  BOOST_TEST(resolve("b.test", settings, records)->hosts[0].candidate.name == "mx.big.test");
}

// RFC 5321 §5.1: mail for a domain whose host we are goes round, unless we take it ourselves.
BOOST_AUTO_TEST_CASE(mail_for_ourselves_goes_to_our_own_port_whatever_is_said_of_others) {
  const auto records = [](FakeResolver& dns) {
    dns.set_mx("lists.test", {{10, "mx.lists.test"}, {20, "second.test"}});
    dns.set_mx("backup.test", {{10, "second.test"}, {20, "mx.lists.test"}});
    dns.set_mx("other.test", {{10, "balancer.test"}});
    dns.set_addresses("mx.lists.test", {"192.0.2.5"});
    dns.set_addresses("second.test", {"192.0.2.6"});
    dns.set_addresses("balancer.test", {"192.0.2.5"});
  };
  delivery::EngineSettings settings;
  settings.hostname = "mx.lists.test";
  settings.own_addresses = {"192.0.2.5"};
  const auto round = resolve("lists.test", settings, records);
  BOOST_TEST((round->kind == delivery::NextHop::Kind::kFail));
  BOOST_TEST(round->reply.code == 554);
  settings.own_port = 2599;
  settings.tls = delivery::TlsSetting::kVerify;
  settings.destinations = {rule({}, {"mx.lists.test"})};
  settings.destinations[0].smarthost = "second.test:26";
  for (const char* domain : {"lists.test", "other.test"}) {  // by name, by address
    const auto own = resolve(domain, settings, records);
    BOOST_TEST_INFO(domain);
    BOOST_REQUIRE((own->kind == delivery::NextHop::Kind::kHosts));
    BOOST_REQUIRE(own->hosts.size() == 1u);
    BOOST_TEST(own->own);
    BOOST_TEST(own->key.starts_with("ourselves"));
    BOOST_TEST(own->hosts[0].candidate.address == "127.0.0.1");
    BOOST_TEST(own->hosts[0].candidate.port == 2599);
    BOOST_TEST(own->hosts[0].candidate.name == "mx.lists.test");
    BOOST_TEST((own->hosts[0].candidate.tls->level == delivery::HostTls::Level::kNever));
    BOOST_TEST(own->policy->recipients_per_transaction == 1u);  // each list has a reply of its own
  }
  const auto required = resolve("lists.test", settings, records, delivery::TlsDemand::kRequired);
  BOOST_REQUIRE((required->kind == delivery::NextHop::Kind::kHosts));
  BOOST_TEST((required->hosts[0].candidate.tls->require_tls == delivery::RequireTls::kAlways));
  BOOST_TEST(delivery::describe_require_tls(*required).find("here as well") != std::string::npos);
  const auto better = resolve("backup.test", settings, records);
  BOOST_TEST(!better->own);
  BOOST_REQUIRE(!better->hosts.empty());
  BOOST_TEST(better->hosts[0].candidate.name == "second.test");
}

// d0 to d3 at one host.
void one_host(FakeResolver& dns) {
  for (int d = 0; d < 4; ++d) dns.set_mx(Site::domain_name(d), {{10, "mx.test"}});
  dns.set_addresses("mx.test", {"127.0.1.1"});
}

BOOST_AUTO_TEST_CASE(domains_with_settings_of_their_own_share_no_connection) {
  TestSink sink;
  Site site;
  site.add_members(200, 4);
  auto settings = settings_for(site, sink);
  settings.destinations = {rule({"d0.test"}), rule({"d1.test"}), rule({"d2.test"})};
  settings.destinations[0].source_ipv4 = "127.0.0.71";
  settings.destinations[1].source_ipv4 = "127.0.0.72";
  settings.destinations[2].smarthost = "127.0.0.9:" + std::to_string(sink.port());
  const Id post = site.post_to_list(site.new_post(CopyMode::kPersonal, 1), 0);
  Run run(site, one_host, settings);
  BOOST_REQUIRE(wait_until([&] { return site.finished(post); }));
  BOOST_TEST(site.counts(post).delivered == 200);
  for (const auto& [to, from] : sink.came_from()) {
    const std::string expected = to.ends_with("@d0.test")   ? "127.0.0.71"
                                 : to.ends_with("@d1.test") ? "127.0.0.72"
                                                            : "127.0.0.1";
    BOOST_TEST(from == expected, to << " came from " << from);
  }
  BOOST_TEST(sink.commands("127.0.0.9").size() == 150u);  // MAIL, RCPT and DATA of 50
}

BOOST_AUTO_TEST_CASE(limits_of_a_rule_hold_for_its_destination_only) {
  TestSink sink;
  HostPolicy slow;
  slow.message_ms = 3;
  sink.set("127.0.1.1", slow);
  sink.set("127.0.1.2", slow);
  Site site;
  site.add_members(400, 2);
  auto settings = settings_for(site, sink);
  settings.connections_per_destination = 6;
  settings.transactions_per_connection = 0;  // none is opened while the sink has not seen another one's end
  settings.destinations = {rule({}, {"*.d0.test"})};
  settings.destinations[0].connections = 1;
  const Id post = site.post_to_list(site.new_post(CopyMode::kPersonal, 1), 0);
  {
    Run run(
        site, [](FakeResolver& dns) { serve_domains(dns, 2); }, settings);
    BOOST_REQUIRE(wait_until([&] { return site.finished(post); }));
  }
  BOOST_TEST(sink.most_at_once("127.0.1.1") == 1);
  BOOST_TEST(sink.most_at_once("127.0.1.2") > 1);

  settings.destinations[0].recipients_per_transaction = 7;
  settings.destinations[0].transactions_per_connection = 4;
  const int before = sink.connections("127.0.1.1");
  const Id common = site.post_to_list(site.new_post(CopyMode::kCommon, 1), 0);
  Run run(
      site, [](FakeResolver& dns) { serve_domains(dns, 2); }, settings);
  BOOST_REQUIRE(wait_until([&] { return site.finished(common); }));
  std::size_t recipients = 0, most = 0;
  for (const std::string& command : sink.commands("127.0.1.1")) {
    recipients = command.starts_with("RCPT") ? recipients + 1 : 0;
    most = std::max(most, recipients);
  }
  BOOST_TEST(most == 7u);
  BOOST_TEST(sink.connections("127.0.1.1") - before >= 200 / 7 / 4);
}

// Or each of several nodes would send at the whole rate what comes one by one.
BOOST_AUTO_TEST_CASE(other_nodes_are_told_of_a_rate_that_is_used_up) {
  TestSink sink;
  Site site;
  site.add_members(2, 2);
  auto settings = settings_for(site, sink);
  settings.destinations = {rule({"d0.test"})};
  settings.destinations[0].rate = {1, 1h};
  const Id post = site.post_to_list(site.new_post(CopyMode::kPersonal, 1), 0);
  Run run(
      site, [](FakeResolver& dns) { serve_domains(dns, 2); }, settings);
  BOOST_REQUIRE(wait_until([&] { return site.finished(post); }));
  const auto connections = [&] {
    std::promise<int> told;
    run.engine->destinations([&](const std::vector<delivery::DestinationStatus>& all) {
      int sum = 0;
      for (const auto& one : all) sum += one.connections;
      told.set_value(sum);
    });
    return told.get_future().get();
  };
  BOOST_REQUIRE(wait_until([&] { return connections() == 0; }));
  std::promise<std::vector<delivery::OwnDemand>> told;
  run.engine->demands([&](std::vector<delivery::OwnDemand> all) { told.set_value(std::move(all)); });
  const std::vector<delivery::OwnDemand> demands = told.get_future().get();
  BOOST_REQUIRE(demands.size() == 1u);
  BOOST_TEST(demands[0].key.find("d0.test") != std::string::npos, demands[0].key);
  BOOST_TEST(demands[0].recipients == 1);
  BOOST_TEST(demands[0].limited);
}

BOOST_AUTO_TEST_CASE(who_expires_behind_a_rate_before_any_attempt_gets_no_bounce) {
  TestSink sink;
  Site site;
  site.add_members(2, 1);
  auto settings = settings_for(site, sink);
  settings.destinations = {rule({"d0.test"})};
  settings.destinations[0].rate = {1, 20s};
  auto record = site.new_post(CopyMode::kPersonal, 1);
  record.expires = record.accepted + 6s;
  const Id post = site.post_to_list(record, 0);
  Run run(
      site, [](FakeResolver& dns) { serve_domains(dns, 1); }, settings);
  BOOST_REQUIRE(wait_until([&] { return site.finished(post); }));
  BOOST_TEST(site.counts(post).delivered == 1);
  BOOST_TEST(site.counts(post).failed == 1);
  BOOST_TEST(site.bounces().empty());
  const auto told = run.failures.told();
  BOOST_REQUIRE(told.size() == 1u);
  BOOST_TEST(run.failures.about_message(told.begin()->first));
  BOOST_TEST(run.failures.reply(told.begin()->first) == "554 4.4.7 delivery time expired before any attempt");
}

// Another one of the batch was tried meanwhile, and the server was restarted: the batch is in its second round.
BOOST_AUTO_TEST_CASE(who_expires_behind_a_rate_in_a_later_round_gets_no_bounce_either) {
  TestSink sink;
  HostPolicy greylisting;
  greylisting.rcpt = [](const std::string&, int) { return "451 4.7.1 greylisted"; };
  sink.set(address_of(1), greylisting);
  Site site;
  site.add_members(3, 1);
  site.add_members(1, 1, 1);
  auto settings = settings_for(site, sink);
  settings.destinations = {rule({"d0.test"})};
  settings.destinations[0].rate = {1, 20s};
  auto record = site.new_post(CopyMode::kPersonal, 1);
  record.expires = record.accepted + 10s;
  const Id post = site.post_to_list(record, 0);
  const auto dns = [](FakeResolver& resolver) { serve_domains(resolver, 2); };
  {
    const Run run(site, dns, settings);
    BOOST_REQUIRE(wait_until([&] { return sink.total() == 1 && sink.commands(address_of(1)).size() > 1; }));
  }
  BOOST_REQUIRE(site.batches(post).size() == 1U);
  BOOST_TEST(site.batches(post)[0].attempts == 1);
  const Run run(site, dns, settings);
  BOOST_REQUIRE(wait_until([&] { return site.finished(post); }));
  BOOST_TEST(site.counts(post).delivered == 2);
  BOOST_TEST(run.failures.told().size() == 2U);
  const auto bounces = site.bounces();
  BOOST_TEST(bounces.size() == 1U);
  BOOST_TEST(bounces.count("user0@d1.test") == 1U);
}

BOOST_AUTO_TEST_CASE(a_rate_holds_back_what_is_too_fast_and_loses_nothing) {
  TestSink sink;
  Site site;
  site.add_members(60, 2);
  auto settings = settings_for(site, sink);
  settings.destinations = {rule({"d0.test"})};
  settings.destinations[0].rate = {10, 1s};
  const auto begin = std::chrono::steady_clock::now();
  const Id post = site.post_to_list(site.new_post(CopyMode::kPersonal, 1), 0);
  Run run(
      site, [](FakeResolver& dns) { serve_domains(dns, 2); }, settings);
  BOOST_REQUIRE(wait_until([&] { return site.finished(post); }));
  // Ten at once, then ten a second: 30 cannot be done before two seconds are over.
  BOOST_TEST((std::chrono::steady_clock::now() - begin >= 1900ms));
  BOOST_TEST(sink.total() == 60u);
  BOOST_TEST(site.counts(post).delivered == 60);
  // What the rate did not hold back was done first.
  const auto order = sink.order();
  BOOST_TEST(order.back().ends_with("@d0.test"));
}

BOOST_AUTO_TEST_CASE(a_source_address_that_is_not_ours_defers_and_is_said_once) {
  TestSink sink;
  Site site;
  site.add_members(40, 2);
  auto settings = settings_for(site, sink);
  settings.retry_initial = settings.retry_max = 1h;  // no second round within this test
  settings.destinations = {rule({"d0.test"})};
  settings.destinations[0].source_ipv4 = "192.0.2.77";
  std::vector<std::string> lines;
  std::mutex mutex;
  {
    log::Capture capture([&](log::Level, std::string_view line) {
      std::lock_guard lock(mutex);
      lines.emplace_back(line);
    });
    const Id post = site.post_to_list(site.new_post(CopyMode::kPersonal, 1), 0);
    Run run(
        site, [](FakeResolver& dns) { serve_domains(dns, 2); }, settings);
    BOOST_REQUIRE(wait_until([&] { return site.batches(post)[0].queue == storage::BatchQueue::kWaiting; }));
    BOOST_TEST(site.counts(post).delivered == 20);
    BOOST_TEST(site.counts(post).pending == 20);
    BOOST_TEST(site.batches(post)[0].why.find("from 192.0.2.77") != std::string::npos);
    BOOST_TEST(run.failures.told().empty());
  }
  std::lock_guard lock(mutex);
  BOOST_TEST(std::count_if(lines.begin(), lines.end(), [](const std::string& line) {
               return line.find("source-address-unusable") != std::string::npos;
             }) == 1);
}

BOOST_AUTO_TEST_CASE(a_reload_takes_what_waits_to_its_new_way) {
  TestSink sink;
  HostPolicy slow;
  slow.message_ms = 15;
  sink.set("127.0.1.1", slow);
  Site site;
  site.add_members(900, 1);
  auto settings = settings_for(site, sink);
  settings.connections_per_destination = 1;
  const Id post = site.post_to_list(site.new_post(CopyMode::kPersonal, 1), 0);
  Run run(
      site, [](FakeResolver& dns) { serve_domains(dns, 1); }, settings);
  BOOST_REQUIRE(wait_until([&] { return sink.total() > 20; }));
  settings.destinations = {rule({"*.test"})};
  settings.destinations[0].smarthost = "127.0.0.9:" + std::to_string(sink.port());
  run.engine->reconfigure(settings);
  BOOST_REQUIRE(wait_until([&] { return site.finished(post); }));
  BOOST_TEST(sink.total() == 900u);
  BOOST_TEST(sink.commands("127.0.0.9").size() >= 3u * 500);

  std::promise<std::string> told;
  run.engine->explain("d0.test", [&](const delivery::DestinationStatus& status, const std::string& text) {
    told.set_value(status.rule + "\n" + text);
  });
  const std::string text = told.get_future().get();
  BOOST_TEST(text.find("settings: [[destination]] *.test\n") != std::string::npos, text);
  BOOST_TEST(text.find("smart host: 127.0.0.9:") != std::string::npos, text);
}

}  // namespace
}  // namespace essaim::test
