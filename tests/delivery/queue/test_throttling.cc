// Hosts that let us in and then do not take what we bring.
#include <algorithm>

#include <boost/test/unit_test.hpp>

#include "core/base/log.h"
#include "tests/delivery/queue/rig.h"

namespace essaim::test {
namespace {

using namespace std::chrono_literals;
using storage::CopyMode;

struct Quiet {
  Quiet() { log::set_level(log::Level::kError); }
};
BOOST_GLOBAL_FIXTURE(Quiet);

constexpr std::size_t kMembers = 300;

std::size_t said(const TestSink& sink, const std::string& verb) {
  const auto commands = sink.commands(address_of(0));
  return static_cast<std::size_t>(std::count_if(
      commands.begin(), commands.end(), [&](const std::string& line) { return line.starts_with(verb); }));
}

// All have an attempt behind them, made or put off.
bool each_deferred(Site& site, Id post) {
  std::size_t count = 0;
  for (const auto& batch : site.batches(post))
    for (const auto& status : batch.progress.recipients)
      count += status.state == storage::RecipientState::kDeferred ? 1 : 0;
  return count == kMembers;
}

void check_each_once(const TestSink& sink) {
  BOOST_TEST(sink.accepted().size() == kMembers);
  BOOST_TEST(sink.total() == kMembers);
}

BOOST_AUTO_TEST_CASE(one_that_says_421_to_each_message_is_left_alone_for_growing_times) {
  TestSink sink;
  std::atomic<bool> takes_mail{false};
  HostPolicy policy;
  policy.mail = [&] { return takes_mail ? "250 2.1.0 ok" : "421 4.7.28 unusual rate of mail from you"; };
  sink.set(address_of(0), policy);
  Site site;
  site.add_members(kMembers, 1);
  const Id post = site.post_to_list(site.new_post(CopyMode::kPersonal, 1), 0);
  Run run(
      site, [](FakeResolver& dns) { serve_domains(dns, 1); }, settings_for(site, sink));
  BOOST_TEST(wait_until([&] { return each_deferred(site, post); }));
  std::this_thread::sleep_for(2s);
  BOOST_TEST(sink.connections(address_of(0)) < 20);
  BOOST_TEST(site.batches(post)[0].why.find("421 4.7.28") != std::string::npos);
  takes_mail = true;
  BOOST_TEST(wait_until([&] { return site.finished(post); }));
  check_each_once(sink);
}

BOOST_AUTO_TEST_CASE(one_that_refuses_us_behind_each_message_is_left_alone) {
  TestSink sink;
  std::atomic<bool> takes_mail{false};
  HostPolicy policy;
  policy.dot = [&] { return takes_mail ? "250 2.0.0 ok" : "451 4.7.28 too much unsolicited mail from you"; };
  sink.set(address_of(0), policy);
  Site site;
  site.add_members(kMembers, 1);
  auto settings = settings_for(site, sink);
  settings.retry_initial = settings.retry_max = 10s;  // no second round before all is looked at
  const Id post = site.post_to_list(site.new_post(CopyMode::kPersonal, 1), 0);
  Run run(
      site, [](FakeResolver& dns) { serve_domains(dns, 1); }, settings);
  BOOST_TEST(wait_until([&] { return each_deferred(site, post); }));
  BOOST_TEST(said(sink, "DATA") < 100u);
  takes_mail = true;
  BOOST_TEST(wait_until([&] { return site.finished(post); }));
  check_each_once(sink);
}

// As Microsoft says that it has too much of us. What is said of a recipient is not meant by that: see greylisting below.
BOOST_AUTO_TEST_CASE(one_that_is_too_busy_for_each_recipient_is_left_alone) {
  TestSink sink;
  std::atomic<bool> takes_mail{false};
  HostPolicy policy;
  policy.rcpt = [&](const std::string&, int) {
    return takes_mail ? "250 2.1.5 ok" : "451 4.7.500 Server busy. Please try again later";
  };
  sink.set(address_of(0), policy);
  Site site;
  site.add_members(kMembers, 1);
  auto settings = settings_for(site, sink);
  settings.retry_initial = settings.retry_max = 10s;  // no second round before all is looked at
  const Id post = site.post_to_list(site.new_post(CopyMode::kPersonal, 1), 0);
  Run run(
      site, [](FakeResolver& dns) { serve_domains(dns, 1); }, settings);
  BOOST_TEST(wait_until([&] { return each_deferred(site, post); }));
  BOOST_TEST(said(sink, "RCPT") < 100u);
  takes_mail = true;
  BOOST_TEST(wait_until([&] { return site.finished(post); }));
  check_each_once(sink);
}

// As one of a provider's, which are more than a destination keeps.
BOOST_AUTO_TEST_CASE(a_call_for_a_retry_wakes_the_host_also_of_a_domain_that_it_has_not_met) {
  TestSink sink;
  HostPolicy dead;
  dead.greeting = "421 4.3.2 not now";
  sink.set(address_of(0), dead);
  Site site;
  auto settings = settings_for(site, sink);
  settings.retry_initial = settings.retry_max = 1h;
  const auto post_to = [&](const std::string& domain) {
    return site.post_to(site.new_post(CopyMode::kPersonal, 1), 0, {{0, "user", domain}});
  };
  const Id first = post_to("d0.test");
  Run run(
      site,
      [](FakeResolver& dns) {
        serve_domains(dns, 1);
        dns.set_mx("d1.test", {{10, "mx.d0.test"}});
      },
      settings);
  BOOST_REQUIRE(wait_until([&] { return site.batches(first)[0].attempts >= 1; }));
  sink.set(address_of(0), HostPolicy{});
  run.engine->retry_destination("d1.test");
  const Id second = post_to("d1.test");
  run.engine->ring();
  BOOST_TEST(wait_until([&] { return site.finished(second); }));
  BOOST_TEST(sink.accepted().count("user@d1.test") == 1u);
}

// A filter that takes three recipients and hangs up, as some do at "421 too many recipients".
BOOST_AUTO_TEST_CASE(one_that_hangs_up_over_too_many_recipients_gets_as_many_as_it_takes) {
  TestSink sink;
  std::atomic<int> named{0};
  HostPolicy policy;
  policy.mail = [&] {
    named = 0;
    return "250 2.1.0 ok";
  };
  policy.rcpt = [&](const std::string&, int) {
    return ++named > 3 ? "421 4.5.3 too many recipients" : "250 2.1.5 ok";
  };
  sink.set(address_of(0), policy);
  Site site;
  site.add_members(10, 1);
  auto settings = settings_for(site, sink);
  settings.connections_per_destination = 1;
  settings.connections_initial = 1;
  settings.retry_initial = settings.retry_max = 1h;
  const Id post = site.post_to_list(site.new_post(CopyMode::kCommon, 1), 0);
  Run run(
      site, [](FakeResolver& dns) { serve_domains(dns, 1); }, settings);
  BOOST_TEST(wait_until([&] { return site.finished(post); }));
  BOOST_TEST(sink.total() == 10U);
  BOOST_TEST(sink.transactions() == 4);
  BOOST_TEST(sink.connections(address_of(0)) == 2);
}

BOOST_AUTO_TEST_CASE(what_is_said_of_us_or_of_the_message_is_no_bounce_of_the_members) {
  TestSink sink;
  HostPolicy listed, spam, unknown, wordless;
  listed.mail = [] { return "554 5.7.1 [192.0.2.1] is on a blocklist"; };
  spam.dot = [] { return "550 5.7.26 unauthenticated"; };
  unknown.rcpt = [](const std::string&, int) { return "550 5.7.1 not for this one"; };
  wordless.dot = [] { return "554 Transaction failed"; };
  sink.set(address_of(0), listed);
  sink.set(address_of(1), spam);
  sink.set(address_of(2), unknown);
  sink.set(address_of(3), wordless);
  Site site;
  site.add_members(8, 4);
  for (const CopyMode mode : {CopyMode::kPersonal, CopyMode::kCommon}) {
    const Id post = site.post_to_list(site.new_post(mode, 1), 0);
    Run run(
        site, [](FakeResolver& dns) { serve_domains(dns, 4); }, settings_for(site, sink));
    BOOST_REQUIRE(wait_until([&] { return site.finished(post); }));
    BOOST_TEST(site.counts(post).failed == 8);
    for (const auto& [to, times] : run.failures.told()) {
      BOOST_TEST(times == 1);
      BOOST_TEST(run.failures.about_message(to) == !to.ends_with("@d2.test"));
    }
    BOOST_TEST(run.failures.told().size() == 8u);
  }
  const auto bounces = site.bounces();
  BOOST_TEST(bounces.size() == 2u);
  BOOST_TEST((bounces.count("user2@d2.test") == 1 && bounces.count("user6@d2.test") == 1));
}

int attempts_of(Site& site, Id post) {
  int sum = 0;
  for (const auto& batch : site.batches(post))
    for (const auto& status : batch.progress.recipients) sum += status.attempts;
  return sum;
}

// As in an outage of our own line: at the end of each suspension all of the batch are looked at.
BOOST_AUTO_TEST_CASE(who_is_put_off_for_the_same_again_has_no_further_line_in_the_log) {
  constexpr int kDomains = 6, kAll = 24, kRounds = 4;
  TestSink sink;
  HostPolicy dead;
  dead.greeting = "421 4.3.2 not now";
  for (int d = 0; d < kDomains; ++d) sink.set(address_of(d), dead);
  Site site;
  site.add_members(kAll, kDomains);
  std::atomic<int> lines{0};
  log::Capture capture([&](log::Level, std::string_view line) {
    if (line.find("deferred") != std::string_view::npos && line.find("to=user") != std::string_view::npos)
      ++lines;
  });
  log::set_level(log::Level::kInfo);
  const Id post = site.post_to_list(site.new_post(CopyMode::kPersonal, 1), 0);
  Run run(
      site, [](FakeResolver& dns) { serve_domains(dns, kDomains); }, settings_for(site, sink));
  BOOST_TEST(wait_until([&] { return attempts_of(site, post) >= kRounds * kAll; }));
  run.stop(5s);
  log::set_level(log::Level::kError);
  BOOST_TEST(lines > 0);
  BOOST_TEST(lines <= attempts_of(site, post) + kAll);  // once it may have been before the first attempt
}

// Rows: a host that refuses us in its greeting, where all that waits had a connection made for it in vain, and at MAIL, where
// only those were asked who were named.
BOOST_AUTO_TEST_CASE(who_expires_while_a_host_refuses_us_gets_no_bounce) {
  for (const bool in_greeting : {true, false}) {
    BOOST_TEST_CONTEXT((in_greeting ? "in the greeting" : "at MAIL")) {
      TestSink sink;
      HostPolicy policy;
      if (in_greeting) policy.greeting = "554 no service for 192.0.2.1";
      policy.mail = [] { return "421 4.7.0 not from 192.0.2.1"; };
      sink.set(address_of(0), policy);
      Site site;
      site.add_members(kMembers, 1);
      auto settings = settings_for(site, sink);
      settings.retry_initial = 300ms;
      settings.retry_max = 600ms;
      auto record = site.new_post(CopyMode::kPersonal, 1);
      record.expires = record.accepted + 8s;
      const Id post = site.post_to_list(record, 0);
      Run run(
          site, [](FakeResolver& dns) { serve_domains(dns, 1); }, settings);
      BOOST_REQUIRE(wait_until([&] { return site.finished(post); }));
      BOOST_TEST(site.counts(post).failed == static_cast<std::int64_t>(kMembers));
      BOOST_TEST(site.bounces().empty());
      const auto told = run.failures.told();
      BOOST_TEST(told.size() == kMembers);
      for (const auto& [to, times] : told) BOOST_TEST(run.failures.about_message(to));
      if (!in_greeting) {
        BOOST_TEST(attempts_of(site, post) > 0);
        BOOST_TEST(attempts_of(site, post) <= sink.connections(address_of(0)));
      }
    }
  }
}

// A domain for each reason: its own host does not answer; our smart host does not, or has no address; its hosts have no TLSA records,
// or addresses only of the family that is off here.
BOOST_AUTO_TEST_CASE(who_expires_for_want_of_what_is_not_the_domains_gets_no_bounce) {
  constexpr int kDomains = 5;
  TestSink sink;
  Site site;
  site.add_members(kDomains, kDomains);
  auto settings = settings_for(site, sink);
  settings.retry_initial = 300ms;
  settings.retry_max = 600ms;
  settings.ipv6 = false;
  for (int d = 0; d < kDomains; ++d) {
    delivery::DestinationRule rule;
    rule.name = Site::domain_name(d);
    rule.domains = {Site::domain_name(d)};
    settings.destinations.push_back(rule);
  }
  settings.destinations[0].port = 1;
  settings.destinations[1].smarthost = "127.0.3.1:1";
  settings.destinations[2].smarthost = "relay.test:25";
  settings.destinations[3].tls = delivery::TlsSetting::kDane;
  auto record = site.new_post(CopyMode::kPersonal, 1);
  record.expires = record.accepted + 8s;
  const Id post = site.post_to_list(record, 0);
  Run run(
      site,
      [](FakeResolver& dns) {
        serve_domains(dns, kDomains);
        dns.set_addresses("relay.test", {});
        dns.set_addresses("mx.d4.test", {"2001:db8::1"});
      },
      settings);
  BOOST_REQUIRE(wait_until([&] { return site.finished(post); }));
  BOOST_TEST(run.failures.told().size() == static_cast<std::size_t>(kDomains));
  for (int d = 0; d < kDomains; ++d) {
    const std::string to = "user" + std::to_string(d) + "@" + Site::domain_name(d);
    BOOST_TEST(run.failures.about_message(to) == (d > 0), run.failures.reply(to));
    BOOST_TEST(run.failures.reply(to).find("before any attempt") == std::string::npos, to);
  }
  BOOST_TEST(site.bounces().size() == 1u);
}

// The operator says that the host is there again, and the next post shows it: what was put off does not wait for the end of
// the suspension.
BOOST_AUTO_TEST_CASE(what_was_put_off_goes_when_the_host_is_back) {
  TestSink sink;
  HostPolicy dead;
  dead.greeting = "421 4.3.2 not now";
  sink.set(address_of(0), dead);
  Site site;
  site.add_members(kMembers, 1);
  auto settings = settings_for(site, sink);
  settings.retry_initial = settings.retry_max = 1h;
  Run run(
      site, [](FakeResolver& dns) { serve_domains(dns, 1); }, settings);
  const auto waits = [&](Id post) { return site.batches(post)[0].queue == storage::BatchQueue::kWaiting; };
  const Id first = site.post_to_list(site.new_post(CopyMode::kPersonal, 1), 0);
  run.engine->ring();
  BOOST_REQUIRE(wait_until([&] { return waits(first); }));
  const Id second = site.post_to_list(site.new_post(CopyMode::kPersonal, 1), 0);
  run.engine->ring();
  BOOST_REQUIRE(wait_until([&] { return waits(second); }));
  BOOST_TEST(attempts_of(site, first) == static_cast<int>(kMembers));
  BOOST_TEST(attempts_of(site, second) == 0);
  BOOST_TEST(site.batches(second)[0].attempts == 0);

  sink.set(address_of(0), HostPolicy{});
  run.engine->retry_destination(Site::domain_name(0));
  const Id third = site.post_to(site.new_post(CopyMode::kPersonal, 0), 0, {{0, "one", Site::domain_name(0)}});
  run.engine->ring();
  for (const Id post : {third, first, second}) BOOST_TEST(wait_until([&] { return site.finished(post); }));
  BOOST_TEST(sink.total() == 2 * kMembers + 1);
}

// Rows: by the server that found it dead, and by one that was started since.
BOOST_AUTO_TEST_CASE(what_was_put_off_goes_when_an_operator_says_that_the_host_is_back) {
  for (const bool started_anew : {false, true}) {
    BOOST_TEST_CONTEXT((started_anew ? "started anew" : "the same")) {
      TestSink sink;
      HostPolicy dead;
      dead.greeting = "421 4.3.2 not now";
      sink.set(address_of(0), dead);
      Site site;
      site.add_members(kMembers, 1);
      auto settings = settings_for(site, sink);
      settings.retry_initial = std::chrono::minutes(10);
      settings.retry_max = std::chrono::hours(1);
      const Id post = site.post_to_list(site.new_post(CopyMode::kPersonal, 1), 0);
      const auto dns = [](FakeResolver& resolver) { serve_domains(resolver, 1); };
      auto run = std::make_unique<Run>(site, dns, settings);
      BOOST_REQUIRE(wait_until([&] { return site.batches(post)[0].queue == storage::BatchQueue::kWaiting; }));
      sink.set(address_of(0), HostPolicy{});
      if (started_anew) {
        run.reset();
        run = std::make_unique<Run>(site, dns, settings);
      }
      run->engine->retry_destination(Site::domain_name(0));
      BOOST_TEST(wait_until([&] { return site.finished(post); }));
      BOOST_TEST(sink.total() == kMembers);
    }
  }
}

// Rows: where recipients are greylisted, each of them once.
BOOST_AUTO_TEST_CASE(greylisting_is_no_throttling) {
  for (const bool at_the_dot : {false, true}) {
    BOOST_TEST_CONTEXT((at_the_dot ? "at the final dot" : "at RCPT")) {
      TestSink sink;
      std::atomic<std::size_t> seen{0};
      HostPolicy policy;
      if (at_the_dot)
        policy.dot = [&] { return seen++ < kMembers ? "451 4.7.1 try again later" : "250 2.0.0 ok"; };
      else
        policy.rcpt = [](const std::string&, int before) {
          return before == 0 ? "450 4.7.1 greylisted" : "250 2.1.5 ok";
        };
      sink.set(address_of(0), policy);
      Site site;
      site.add_members(kMembers, 1);
      auto settings = settings_for(site, sink);
      settings.retry_initial = 3s;
      settings.retry_max = 60s;
      const Id post = site.post_to_list(site.new_post(CopyMode::kPersonal, 1), 0);
      Run run(
          site, [](FakeResolver& dns) { serve_domains(dns, 1); }, settings);
      BOOST_TEST(wait_until([&] { return site.finished(post); }));
      check_each_once(sink);
      BOOST_TEST(said(sink, "MAIL") == 2 * kMembers);
    }
  }
}

}  // namespace
}  // namespace essaim::test
