// How long an MTA-STS policy holds, and what takes its place (the table in delivery/tls/sts_policies.h), with policy hosts that are
// down, slow, wrong and rolled over, and nodes that share what one of them has fetched.
#include <optional>

#include <boost/test/unit_test.hpp>

#include "delivery/tls/sts_policies.h"
#include "tests/support/authority.h"
#include "tests/support/fake_resolver.h"
#include "tests/support/https_host.h"
#include "tests/support/run_until.h"
#include "tests/support/temp_database.h"
#include "tests/support/temp_dir.h"

using namespace essaim;
using namespace essaim::delivery;
using namespace std::chrono_literals;

namespace {

constexpr const char* kDomain = "a.test";
constexpr const char* kRecord = "_mta-sts.a.test";
constexpr const char* kHost = "mta-sts.a.test";

std::string policy_text(const std::string& mx, long max_age = 604'800, const std::string& mode = "enforce") {
  return "version: STSv1\nmode: " + mode + "\nmx: " + mx + "\nmax_age: " + std::to_string(max_age) + "\n";
}

struct World {
  World() {
    announce("1");
    resolver.set_addresses(kHost, {"127.0.0.1"});
    publish(policy_text("mx.a.test"));
  }

  void announce(const std::string& id) { resolver.set_text(kRecord, {"v=STSv1; id=" + id + ";"}); }
  void publish(const std::string& text) { host.set({200, "text/plain", text, false}); }
  std::string certificate(const test::Authority::Wish& wish) {
    return folder.write("host" + std::to_string(++files) + ".pem", authority.issue(wish).pem);
  }

  StsAnswer ask(StsPolicies& policies, Duration timeout = 30s) {
    return ask_at(policies, host.port(), timeout);
  }
  StsAnswer ask_at(StsPolicies& policies, std::uint16_t port, Duration timeout = 30s) {
    const StsSettings settings{ca_file, port, timeout, true, ipv6};
    std::optional<StsAnswer> out;
    const auto query =
        policies.find(loop, resolver, kDomain, settings, [&](StsAnswer answer) { out = std::move(answer); });
    BOOST_REQUIRE(test::run_until(loop, [&] { return out.has_value(); }));
    return *out;
  }
  // What was fetched is in the database.
  void settle() {
    const auto done = database->write_now(storage::Durability::kProgress,
                                          [](storage::Connection&) { return Result<void>(); });
    BOOST_REQUIRE(done.ok());
  }
  // The host that the policy names; "": none holds.
  static std::string mx(const StsAnswer& answer) { return answer.policy ? answer.policy->hosts.at(0) : ""; }

  int files = 0;
  bool ipv6 = true;
  const test::TempDir folder;
  const test::Authority authority;
  const std::string ca_file = folder.write("authority.pem", authority.pem());
  test::HttpsHost host{certificate({{kHost}})};
  ManualClock clock;  // works on the database may still read it when the rest is gone
  test::TempDatabase database;
  net::EventLoop loop{"test"};
  test::FakeResolver resolver{loop};
  http::HttpClient client;
};

struct Node : World {
  StsPolicies policies{&*database, clock, client};
};

}  // namespace

BOOST_AUTO_TEST_SUITE(sts_policies)

BOOST_FIXTURE_TEST_CASE(a_policy_that_is_announced_is_fetched_once_and_kept, Node) {
  const StsAnswer first = ask(policies);
  BOOST_TEST(mx(first) == "mx.a.test");
  BOOST_TEST(first.id == "1");
  BOOST_TEST((first.expires == first.fetched + std::chrono::seconds(604'800)));
  BOOST_TEST(first.trouble == "");
  BOOST_TEST(mx(ask(policies)) == "mx.a.test");
  BOOST_TEST(host.asked() == 1);
}

BOOST_FIXTURE_TEST_CASE(without_an_announcement_nobody_is_asked, Node) {
  resolver.set_text(kRecord, {}, dns::Status::kNoName);
  const StsAnswer answer = ask(policies);
  BOOST_TEST(mx(answer) == "");
  BOOST_TEST(answer.trouble == "");
  BOOST_TEST(host.asked() == 0);
}

BOOST_FIXTURE_TEST_CASE(it_is_fetched_anew_after_a_day, Node) {
  ask(policies);
  publish(policy_text("mx2.a.test"));
  clock.advance(23h);
  BOOST_TEST(mx(ask(policies)) == "mx.a.test");
  clock.advance(61min);
  BOOST_TEST(mx(ask(policies)) == "mx2.a.test");
  BOOST_TEST(host.asked() == 2);
}

BOOST_FIXTURE_TEST_CASE(one_of_a_short_time_is_fetched_anew_at_half_its_age, Node) {
  publish(policy_text("mx.a.test", 7'200));
  ask(policies);
  clock.advance(59min);
  ask(policies);
  BOOST_TEST(host.asked() == 1);
  clock.advance(2min);
  ask(policies);
  BOOST_TEST(host.asked() == 2);
}

BOOST_FIXTURE_TEST_CASE(another_id_brings_another_policy_at_once, Node) {
  ask(policies);
  publish(policy_text("mx2.a.test", 86'400, "testing"));
  announce("2");
  const StsAnswer answer = ask(policies);
  BOOST_TEST(mx(answer) == "mx2.a.test");
  BOOST_TEST(answer.id == "2");
  BOOST_TEST((answer.policy->mode == StsPolicy::Mode::kTesting));
  BOOST_TEST(host.asked() == 2);
}

BOOST_FIXTURE_TEST_CASE(another_id_whose_policy_cannot_be_had_leaves_the_kept_one, Node) {
  ask(policies);
  announce("2");
  host.set({500, "text/plain", "", false});
  StsAnswer answer = ask(policies);
  BOOST_TEST(mx(answer) == "mx.a.test");
  BOOST_TEST(answer.id == "1");
  BOOST_TEST(answer.trouble.find("500") != std::string::npos, answer.trouble);
  BOOST_TEST(answer.trouble_type == "sts-policy-fetch-error");
  // It is left alone for ten minutes, whoever asks.
  publish(policy_text("mx2.a.test"));
  clock.advance(9min);
  answer = ask(policies);
  BOOST_TEST(mx(answer) == "mx.a.test");
  BOOST_TEST(!answer.trouble.empty());
  BOOST_TEST(host.asked() == 2);
  clock.advance(2min);
  BOOST_TEST(mx(ask(policies)) == "mx2.a.test");
  BOOST_TEST(host.asked() == 3);
}

BOOST_FIXTURE_TEST_CASE(yet_another_id_is_fetched_although_the_one_before_failed, Node) {
  host.set({500, "text/plain", "", false});
  ask(policies);
  publish(policy_text("mx2.a.test"));
  announce("2");
  clock.advance(61s);
  BOOST_TEST(mx(ask(policies)) == "mx2.a.test");
}

BOOST_FIXTURE_TEST_CASE(ids_that_are_new_each_time_bring_no_fetch_within_the_minute, Node) {
  host.set({500, "text/plain", "", false});
  for (int i = 0; i < 5; ++i) {
    announce(std::to_string(i));
    BOOST_TEST(ask(policies).trouble.find("500") != std::string::npos);
  }
  BOOST_TEST(host.asked() == 1);
  clock.advance(61s);
  ask(policies);
  BOOST_TEST(host.asked() == 2);
}

// Whose turn does not come because of hosts of others.
struct Line : World {
  Line() {
    slow.set({200, "text/plain", "", true});
    resolver.set_text("_mta-sts.slow.test", {"v=STSv1; id=1;"});
    resolver.set_addresses("mta-sts.slow.test", {"127.0.0.1"});
  }
  // The slow one has its turn.
  std::unique_ptr<StsQuery> hold_up(StsPolicies& policies) {
    const StsSettings settings{ca_file, slow.port(), 1h, true, true, 1h};
    auto query = policies.find(loop, resolver, "slow.test", settings, [](const StsAnswer&) {});
    BOOST_REQUIRE(test::run_until(loop, [&] { return slow.asked() == 1; }));
    return query;
  }
  StsAnswer ask_for(StsPolicies& policies, Duration patience) {
    const StsSettings settings{ca_file, host.port(), 30s, true, true, patience};
    std::optional<StsAnswer> out;
    const auto query =
        policies.find(loop, resolver, kDomain, settings, [&](StsAnswer answer) { out = std::move(answer); });
    BOOST_REQUIRE(test::run_until(loop, [&] { return out.has_value(); }));
    return *out;
  }

  test::HttpsHost slow{certificate({{"mta-sts.slow.test"}})};
  http::HttpClient one_at_a_time{1};
};

BOOST_FIXTURE_TEST_CASE(a_turn_that_does_not_come_is_not_waited_for, Line) {
  StsPolicies policies(nullptr, clock, one_at_a_time);
  const auto held_up = hold_up(policies);
  for (int i = 0; i < 3; ++i) {
    const StsAnswer answer = ask_for(policies, 50ms);
    BOOST_TEST(mx(answer) == "");
    BOOST_TEST(answer.provisional);
    BOOST_TEST(answer.trouble_type == "");
    BOOST_TEST(answer.trouble.find("has not answered yet") != std::string::npos, answer.trouble);
  }
  BOOST_TEST(host.asked() == 0);
  // It was asked for once, and has its turn though nobody waits any more.
  slow.hang_up();
  BOOST_TEST(test::run_until(loop, [&] { return host.asked() == 1; }));
  const StsAnswer answer = ask_for(policies, 30s);
  BOOST_TEST(mx(answer) == "mx.a.test");
  BOOST_TEST(!answer.provisional);
  BOOST_TEST(host.asked() == 1);
}

BOOST_FIXTURE_TEST_CASE(that_too_many_are_asked_is_not_the_domains_trouble, Line) {
  StsPolicies policies(nullptr, clock, client, 1);
  const auto held_up = hold_up(policies);
  const StsAnswer answer = ask_for(policies, 30s);
  BOOST_TEST(mx(answer) == "");
  BOOST_TEST(answer.provisional);
  BOOST_TEST(answer.trouble.find("too many others") != std::string::npos, answer.trouble);
  slow.hang_up();
  BOOST_TEST(test::run_until(loop, [&] { return mx(ask_for(policies, 30s)) == "mx.a.test"; }));
}

// §3.3: who can take the record away cannot take the policy away.
BOOST_FIXTURE_TEST_CASE(a_record_that_goes_away_or_breaks_leaves_the_kept_one_until_its_time_is_over, Node) {
  publish(policy_text("mx.a.test", 86'400));
  ask(policies);
  const struct {
    std::vector<std::string> texts;
    dns::Status status;
    const char* trouble;
  } rows[] = {
      {{}, dns::Status::kNoName, ""},
      {{"v=STSv1; id=2", "v=STSv1; id=3"}, dns::Status::kOk, ""},
      {{"v=STSv1; id=not/an/id"}, dns::Status::kOk, "sts-policy-invalid"},
      {{}, dns::Status::kTemporary, "sts-policy-fetch-error"},
  };
  for (const auto& row : rows) {
    resolver.set_text(kRecord, row.texts, row.status);
    const StsAnswer answer = ask(policies);
    BOOST_TEST(mx(answer) == "mx.a.test");
    BOOST_TEST(answer.trouble_type == row.trouble);
  }
  BOOST_TEST(host.asked() == 1);
  resolver.set_text(kRecord, {}, dns::Status::kNoName);
  clock.advance(24h);
  BOOST_TEST(mx(ask(policies)) == "");
}

BOOST_FIXTURE_TEST_CASE(when_its_time_is_over_and_no_other_can_be_had_there_is_none, Node) {
  publish(policy_text("mx.a.test", 86'400));
  ask(policies);
  host.set({503, "text/plain", "", false});
  clock.advance(13h);  // past half its age
  BOOST_TEST(mx(ask(policies)) == "mx.a.test");
  clock.advance(11h);
  const StsAnswer answer = ask(policies);
  BOOST_TEST(mx(answer) == "");
  BOOST_TEST(answer.trouble.find("503") != std::string::npos, answer.trouble);
}

BOOST_FIXTURE_TEST_CASE(a_max_age_of_nothing_lasts_a_minute, Node) {
  publish(policy_text("mx.a.test", 0));
  BOOST_TEST(mx(ask(policies)) == "mx.a.test");
  resolver.set_text(kRecord, {}, dns::Status::kNoName);
  clock.advance(59s);
  BOOST_TEST(mx(ask(policies)) == "mx.a.test");
  clock.advance(2s);
  BOOST_TEST(mx(ask(policies)) == "");
}

BOOST_FIXTURE_TEST_CASE(what_a_policy_host_does_wrong_is_told_and_is_no_policy, World) {
  const struct {
    test::HttpsHost::Answer answer;
    const char *says, *type;
  } rows[] = {
      {{404, "text/plain", "", false}, "404", "sts-policy-fetch-error"},
      {{301, "text/plain", policy_text("mx.a.test"), false}, "301", "sts-policy-fetch-error"},
      {{200, "text/html", policy_text("mx.a.test"), false}, "text/html", "sts-policy-invalid"},
      {{200, "text/plain", "<html>", false}, "colon", "sts-policy-invalid"},
      {{200, "text/plain", policy_text("mx.a.test") + std::string(70'000, '\n'), false},
       kHost,
       "sts-policy-fetch-error"},
      {{200, "text/plain", "", true}, kHost, "sts-policy-fetch-error"},  // slow
  };
  for (const auto& row : rows) {
    StsPolicies policies(nullptr, clock, client);
    host.set(row.answer);
    const StsAnswer answer = ask(policies, row.answer.silent ? Duration(300ms) : Duration(30s));
    BOOST_TEST_CONTEXT(answer.trouble) {
      BOOST_TEST(mx(answer) == "");
      BOOST_TEST(answer.trouble.find(row.says) != std::string::npos);
      BOOST_TEST(answer.trouble_type == row.type);
    }
  }
}

BOOST_FIXTURE_TEST_CASE(a_policy_host_with_a_bad_certificate_is_not_believed, World) {
  const test::Authority stranger("stranger");
  const std::string pems[] = {certificate({{"a.test"}}), certificate({{kHost}, {}, -600, -60}),
                              certificate({{kHost}, {}, 3'600, 7'200}),
                              folder.write("stranger.pem", stranger.issue({{kHost}}).pem)};
  for (const std::string& pem : pems) {
    test::HttpsHost bad(pem);
    bad.set({200, "text/plain", policy_text("mx.a.test"), false});
    StsPolicies policies(nullptr, clock, client);
    const StsAnswer answer = ask_at(policies, bad.port());
    BOOST_TEST(mx(answer) == "");
    BOOST_TEST(answer.trouble_type == "sts-webpki-invalid", answer.trouble);
    BOOST_TEST(bad.asked() == 0);
  }
}

BOOST_FIXTURE_TEST_CASE(a_policy_host_that_is_not_there_is_told, World) {
  StsPolicies policies(nullptr, clock, client);
  BOOST_TEST(ask_at(policies, 1).trouble_type == "sts-policy-fetch-error");
  resolver.set_addresses(kHost, {});
  StsPolicies others(nullptr, clock, client);
  const StsAnswer answer = ask(others);
  BOOST_TEST(mx(answer) == "");
  BOOST_TEST(answer.trouble.find("has no address") != std::string::npos, answer.trouble);
}

BOOST_FIXTURE_TEST_CASE(a_policy_host_is_called_at_addresses_of_the_families_that_are_used, World) {
  ipv6 = false;
  resolver.set_addresses(kHost, {"2001:db8::1"});
  StsPolicies policies(nullptr, clock, client);
  const StsAnswer answer = ask(policies);
  BOOST_TEST(answer.trouble.find("no address that we may use") != std::string::npos, answer.trouble);
  resolver.set_addresses(kHost, {"2001:db8::1", "127.0.0.1"});
  StsPolicies others(nullptr, clock, client);
  BOOST_TEST(mx(ask(others)) == "mx.a.test");
}

BOOST_FIXTURE_TEST_CASE(what_one_node_has_fetched_the_others_have_also_after_a_restart, Node) {
  StsPolicies other(&*database, clock, client);
  BOOST_REQUIRE(other.load().ok());  // there is nothing yet
  ask(policies);
  settle();
  host.set({404, "text/plain", "", false});
  // It looks into the database once a minute, behind its own question.
  clock.advance(61s);
  BOOST_TEST(test::run_until(loop, [&] { return mx(ask(other)) == "mx.a.test"; }));
  StsPolicies restarted(&*database, clock, client);
  BOOST_REQUIRE(restarted.load().ok());
  const int before = host.asked();
  BOOST_TEST(mx(ask(restarted)) == "mx.a.test");
  BOOST_TEST(host.asked() == before);
}

BOOST_FIXTURE_TEST_CASE(nodes_share_policies_although_their_clocks_differ, Node) {
  ManualClock ahead;
  ahead.set_wall(clock.wall_now() + 4min);
  StsPolicies other(&*database, ahead, client);
  ask(other);
  settle();
  BOOST_REQUIRE(policies.load().ok());
  BOOST_TEST(mx(ask(policies)) == "mx.a.test");  // from a time to come, by its own clock
  BOOST_TEST(host.asked() == 1);
  // What it fetches is older, by its clock, than what the other has.
  clock.advance(1min);
  announce("2");
  publish(policy_text("mx2.a.test"));
  BOOST_TEST(mx(ask(policies)) == "mx2.a.test");
  BOOST_TEST(mx(ask(policies)) == "mx2.a.test");
  BOOST_TEST(host.asked() == 2);
  settle();
  ahead.advance(61s);
  host.set({404, "text/plain", "", false});
  BOOST_TEST(test::run_until(loop, [&] { return mx(ask(other)) == "mx2.a.test"; }));
}

BOOST_AUTO_TEST_SUITE_END()
