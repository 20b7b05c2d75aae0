// A whole engine against a sink: everything once, the ledger agrees, and what goes wrong with a part stays
// there.
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

// A backup of a running server is put on a machine with another name.
BOOST_AUTO_TEST_CASE(what_a_node_of_another_name_owned_in_the_file_goes_out) {
  TestSink sink;
  Site site;
  site.add_members(3, 1);
  const Id post = site.post_to_list(site.new_post(CopyMode::kPersonal, 1), 0);
  must(site.database->write_now(storage::Durability::kAccept, [&](storage::Connection& c) -> Result<void> {
    const auto other = must(storage::NodeStore(c).begin_epoch("other.test", system_clock().wall_now()));
    BOOST_TEST(must(storage::BatchStore(c).claim({other.number, other.epoch}, 0, 9, 9, {})).size() == 1U);
    return {};
  }));
  const Run run(
      site, [](FakeResolver& dns) { serve_domains(dns, 1); }, settings_for(site, sink));
  BOOST_TEST(wait_until([&] { return site.finished(post); }));
  BOOST_TEST(sink.total() == 3U);
}

BOOST_AUTO_TEST_CASE(every_member_gets_a_personal_copy_once) {
  TestSink sink;
  Site site;
  site.add_members(2'500, 30);
  const Id post = site.post_to_list(site.new_post(CopyMode::kPersonal, 2), 0);
  Run run(
      site, [](FakeResolver& dns) { serve_domains(dns, 30); }, settings_for(site, sink));
  BOOST_REQUIRE(wait_until([&] { return site.finished(post); }));
  check_each_once(sink.accepted(), 2'500);
  const auto counts = site.counts(post);
  BOOST_TEST(counts.accepted == 2'500);
  BOOST_TEST(counts.delivered == 2'500);
  const auto senders = sink.senders();
  BOOST_TEST(std::set<std::string>(senders.begin(), senders.end()).size() == 2'500u);
  const auto batches = site.batches(post);
  const auto& status = batches[0].progress.recipients[5];
  BOOST_TEST(batches[0].progress.replies[status.reply] == "250 2.0.0 ok");
  BOOST_TEST(batches[0].progress.hosts[status.host].find("[127.0.1.") != std::string::npos);
  BOOST_TEST(status.attempts == 1);
}

BOOST_AUTO_TEST_CASE(a_common_post_goes_out_in_few_transactions) {
  TestSink sink;
  Site site;
  site.add_members(2'500, 30);
  const Id post = site.post_to_list(site.new_post(CopyMode::kCommon, 2), 0);
  Run run(
      site, [](FakeResolver& dns) { serve_domains(dns, 30); }, settings_for(site, sink));
  BOOST_REQUIRE(wait_until([&] { return site.finished(post); }));
  check_each_once(sink.accepted(), 2'500);
  BOOST_TEST(sink.transactions() <= 3 * 30 * 2);
  BOOST_TEST(site.counts(post).delivered == 2'500);
}

BOOST_AUTO_TEST_CASE(a_big_post_is_expanded_here_and_a_smart_host_takes_all) {
  TestSink sink;
  Site site;
  site.add_members(5'200, 30);
  const Id post = site.post_to_list(site.new_post(CopyMode::kCommon, 2), 0, 0);
  auto settings = settings_for(site, sink);
  settings.smarthost = "127.0.0.9:" + std::to_string(sink.port());
  Run run(
      site, [](FakeResolver&) {}, settings);
  BOOST_REQUIRE(wait_until([&] { return sink.total() >= 5'200 && site.finished(post); }));
  check_each_once(sink.accepted(), 5'200);
  BOOST_TEST(site.counts(post).delivered == 5'200);
  BOOST_TEST(sink.transactions() <= 80);
  BOOST_TEST(sink.connections("127.0.0.9") >= 1);
}

BOOST_AUTO_TEST_CASE(a_big_post_whose_home_does_not_serve_is_expanded_by_the_node_to_which_its_id_falls) {
  TestSink sink;
  Site site;  // its posts come in at node 7
  site.add_members(20, 4);
  Run run(
      site, [](FakeResolver& dns) { serve_domains(dns, 4); }, settings_for(site, sink));
  run.engine->set_nodes({1, 7});  // this one is 1
  const auto post_with = [&](Id parity) {
    auto post = site.new_post(CopyMode::kCommon, 2);
    while (post.id % 2 != parity) post = site.new_post(CopyMode::kCommon, 2);
    return site.post_to_list(std::move(post), 0, 0);
  };
  const Id ours = post_with(0), theirs = post_with(1);
  const auto expanded = [&](Id post) {
    run.engine->ring();
    return !site.batches(post).empty();
  };
  BOOST_TEST(!wait_until([&] { return expanded(ours) || expanded(theirs); }, 1s));
  run.engine->set_nodes({1, 2});
  BOOST_TEST(wait_until([&] { return expanded(ours); }));
  BOOST_TEST(!expanded(theirs));
  run.engine->set_nodes({1});
  BOOST_TEST(wait_until([&] { return expanded(theirs); }));
}

BOOST_AUTO_TEST_CASE(a_post_rung_in_while_it_runs_is_delivered) {
  TestSink sink;
  Site site;
  site.add_members(40, 4);
  Run run(
      site, [](FakeResolver& dns) { serve_domains(dns, 4); }, settings_for(site, sink));
  for (int i = 0; i < 5; ++i) {
    const Id post = site.post_to_list(site.new_post(CopyMode::kPersonal, 1), run.engine->current_rank());
    run.engine->ring();
    BOOST_REQUIRE(wait_until([&] { return site.finished(post); }));
  }
  BOOST_TEST(sink.total() == 200u);
}

BOOST_AUTO_TEST_CASE(refusals_are_told_once_and_deferrals_are_tried_again) {
  TestSink sink;
  HostPolicy policy;
  policy.rcpt = [](const std::string& to, int before) -> std::string {
    if (to.rfind("user1@", 0) == 0) return "550 5.1.1 no such user";
    if (to.rfind("user3@", 0) == 0 && before < 2) return "451 4.7.1 greylisted";
    return "250 2.1.5 ok";
  };
  sink.set(address_of(0), policy);
  Site site;
  site.add_members(20, 1);
  for (const CopyMode mode : {CopyMode::kPersonal, CopyMode::kCommon}) {
    const Id post = site.post_to_list(site.new_post(mode, 1), 0);
    Run run(
        site, [](FakeResolver& dns) { serve_domains(dns, 1); }, settings_for(site, sink));
    BOOST_REQUIRE(wait_until([&] { return site.finished(post); }));
    const auto counts = site.counts(post);
    BOOST_TEST(counts.delivered == 19);
    BOOST_TEST(counts.failed == 1);
    BOOST_TEST(run.failures.told().size() == 1u);
    BOOST_TEST(run.failures.told()["user1@d0.test"] == 1);
    BOOST_TEST(run.failures.reply("user1@d0.test") == "550 5.1.1 no such user");
    if (mode == CopyMode::kPersonal) {
      for (const auto& batch : site.batches(post)) BOOST_TEST(batch.attempts >= 2);
    }
  }
}

BOOST_AUTO_TEST_CASE(a_dead_destination_is_suspended_and_does_not_slow_the_others) {
  TestSink sink;
  HostPolicy dead;
  dead.greeting = "421 4.3.2 not now";
  sink.set(address_of(0), dead);
  Site site;
  site.add_members(1'000, 10);
  auto settings = settings_for(site, sink);
  settings.retry_initial = settings.retry_max = 1h;  // no second round within this test
  const Id post = site.post_to_list(site.new_post(CopyMode::kPersonal, 1), 0);
  Run run(
      site, [](FakeResolver& dns) { serve_domains(dns, 10); }, settings);
  BOOST_REQUIRE(wait_until([&] {
    const auto batches = site.batches(post);
    return batches[0].queue == storage::BatchQueue::kWaiting;
  }));
  check_each_once(sink.accepted(), 900);
  const auto batch = site.batches(post)[0];
  BOOST_TEST(batch.delivered == 900);
  BOOST_TEST(batch.pending == 100);
  BOOST_TEST(batch.destination == "d0.test");
  BOOST_TEST(batch.why.find("421") != std::string::npos);
  BOOST_TEST(sink.connections(address_of(0)) <= 4);

  std::atomic<bool> told{false};
  std::string state;
  run.engine->explain("d0.test", [&](const delivery::DestinationStatus& status, const std::string& text) {
    state = status.state + text;
    told = true;
  });
  BOOST_REQUIRE(wait_until([&] { return told.load(); }));
  BOOST_TEST(state.find("suspended until") != std::string::npos);
  std::atomic<std::size_t> destinations{0};
  run.engine->destinations(
      [&](const std::vector<delivery::DestinationStatus>& all) { destinations = all.size(); });
  BOOST_REQUIRE(wait_until([&] { return destinations.load() == 10u; }));
}

BOOST_AUTO_TEST_CASE(a_dead_destination_that_comes_back_gets_its_mail) {
  TestSink sink;
  HostPolicy dead;
  dead.greeting = "421 4.3.2 not now";
  sink.set(address_of(0), dead);
  Site site;
  site.add_members(50, 1);
  const Id post = site.post_to_list(site.new_post(CopyMode::kPersonal, 1), 0);
  Run run(
      site, [](FakeResolver& dns) { serve_domains(dns, 1); }, settings_for(site, sink));
  BOOST_REQUIRE(wait_until([&] { return site.batches(post)[0].attempts >= 1; }));
  sink.set(address_of(0), HostPolicy{});
  BOOST_REQUIRE(wait_until([&] { return site.finished(post); }));
  check_each_once(sink.accepted(), 50);
}

BOOST_AUTO_TEST_CASE(the_second_host_serves_when_the_first_refuses) {
  TestSink sink;
  HostPolicy dead;
  dead.greeting = "554 5.3.2 go away";
  sink.set("127.0.2.1", dead);
  Site site;
  site.add_members(60, 1);
  const Id post = site.post_to_list(site.new_post(CopyMode::kPersonal, 1), 0);
  Run run(
      site,
      [](FakeResolver& dns) {
        dns.set_mx("d0.test", {{10, "a.test"}, {20, "b.test"}});
        dns.set_addresses("a.test", {"127.0.2.1"});
        dns.set_addresses("b.test", {"127.0.2.2"});
      },
      settings_for(site, sink));
  BOOST_REQUIRE(wait_until([&] { return site.finished(post); }));
  check_each_once(sink.accepted(), 60);
  BOOST_TEST(sink.connections("127.0.2.1") <= 3);  // remembered as failing
}

void two_hosts(FakeResolver& dns) {
  dns.set_mx("d0.test", {{10, "a.test"}, {20, "b.test"}});
  dns.set_addresses("a.test", {"127.0.2.1"});
  dns.set_addresses("b.test", {"127.0.2.2"});
}

delivery::EngineSettings one_round(Site& site, const TestSink& sink) {
  auto settings = settings_for(site, sink);
  settings.retry_initial = settings.retry_max = std::chrono::minutes(10);
  return settings;
}

BOOST_AUTO_TEST_CASE(the_second_host_serves_at_once_when_the_first_lets_us_in_and_takes_nothing) {
  const std::string full = "452 4.3.1 insufficient system storage", down = "421 4.3.2 shutting down";
  HostPolicy rows[3];
  rows[0].mail = rows[1].dot = [&] { return full; };
  rows[2].mail = [&] { return down; };
  for (const HostPolicy& first : rows) {
    TestSink sink;
    sink.set("127.0.2.1", first);
    Site site;
    site.add_members(60, 1);
    const Id post = site.post_to_list(site.new_post(CopyMode::kPersonal, 1), 0);
    Run run(site, two_hosts, one_round(site, sink));
    BOOST_REQUIRE(wait_until([&] { return site.finished(post); }));
    check_each_once(sink.accepted(), 60);
    BOOST_TEST(sink.connections("127.0.2.1") <= 3);  // remembered as failing
  }
}

// Rows: the second one does the same, or is not there for us.
BOOST_AUTO_TEST_CASE(hosts_that_all_take_nothing_are_asked_a_few_times_and_left_alone) {
  HostPolicy full, closed;
  full.mail = [] { return "452 4.3.1 insufficient system storage"; };
  closed.greeting = "421 4.3.2 closed";
  for (const HostPolicy& second : {full, closed}) {
    TestSink sink;
    sink.set("127.0.2.1", full);
    sink.set("127.0.2.2", second);
    Site site;
    site.add_members(60, 1);
    const Id post = site.post_to_list(site.new_post(CopyMode::kPersonal, 1), 0);
    Run run(site, two_hosts, one_round(site, sink));
    BOOST_REQUIRE(wait_until([&] { return site.batches(post)[0].queue == storage::BatchQueue::kWaiting; }));
    BOOST_TEST(site.batches(post)[0].why.find("4.3.") != std::string::npos);
    for (const char* address : {"127.0.2.1", "127.0.2.2"}) {
      BOOST_TEST(sink.connections(address) >= 1);
      BOOST_TEST(sink.connections(address) <= 6);
    }
  }
}

BOOST_AUTO_TEST_CASE(what_the_name_server_says_decides) {
  TestSink sink;
  Site site;
  site.add_members(6, 6);
  const Id post = site.post_to_list(site.new_post(CopyMode::kPersonal, 1), 0);
  auto settings = settings_for(site, sink);
  settings.retry_initial = 20s;
  settings.own_addresses = {"127.0.3.3"};
  Run run(
      site,
      [](FakeResolver& dns) {
        dns.set_mx("d0.test", {{0, "."}});
        dns.set_mx("d1.test", {}, dns::Status::kNoName);
        dns.set_mx("d2.test", {}, dns::Status::kTemporary);
        dns.set_mx("d3.test", {{10, "us.test"}});
        dns.set_addresses("us.test", {"127.0.3.3"});
        dns.set_mx("d4.test", {{10, "nothing.test"}});
        dns.set_addresses("nothing.test", {});
        dns.set_mx("d5.test", {});  // implicit MX
        dns.set_addresses("d5.test", {"127.0.3.5"});
      },
      settings);
  BOOST_REQUIRE(wait_until([&] { return site.batches(post)[0].queue == storage::BatchQueue::kWaiting; }));
  BOOST_TEST(run.failures.reply("user0@d0.test").rfind("556 5.1.10", 0) == 0u);
  BOOST_TEST(run.failures.reply("user1@d1.test").rfind("550 5.1.2", 0) == 0u);
  BOOST_TEST(run.failures.reply("user3@d3.test").rfind("554 5.4.6", 0) == 0u);
  BOOST_TEST(run.failures.reply("user4@d4.test").rfind("550 5.4.4", 0) == 0u);
  BOOST_TEST(site.batches(post)[0].why.rfind("451 4.4.3", 0) == 0u);
  check_each_once(sink.accepted(), 1);
  BOOST_TEST(site.counts(post).pending == 1);
}

BOOST_AUTO_TEST_CASE(a_post_to_few_overtakes_one_to_many) {
  TestSink sink;
  HostPolicy slow;
  slow.message_ms = 30;
  sink.set(address_of(0), slow);
  Site site;
  site.add_members(4'000, 1);
  auto settings = settings_for(site, sink);
  settings.connections_per_destination = 4;
  settings.active_batches = 4;
  const Id big = site.post_to_list(site.new_post(CopyMode::kPersonal, 2), 0);
  Run run(
      site, [](FakeResolver& dns) { serve_domains(dns, 1); }, settings);
  BOOST_REQUIRE(wait_until([&] { return sink.total() > 50; }));
  const Id small = site.post_to(site.new_post(CopyMode::kPersonal, 0), run.engine->current_rank(),
                                {{0, "one", "d0.test"}, {0, "two", "d0.test"}});
  const std::size_t before = sink.total();
  run.engine->ring();
  BOOST_REQUIRE(wait_until([&] {
    const auto accepted = sink.accepted();
    return accepted.count("one@d0.test") > 0 && accepted.count("two@d0.test") > 0;
  }));
  BOOST_TEST(sink.total() - before < 400u);
  BOOST_TEST(!site.finished(big));
  BOOST_REQUIRE(wait_until([&] { return site.finished(small); }));
  BOOST_TEST(sink.most_at_once(address_of(0)) <= 4);
}

BOOST_AUTO_TEST_CASE(those_who_left_after_acceptance_are_suppressed) {
  TestSink sink;
  Site site;
  site.add_members(30, 3);
  const Id post = site.post_to_list(site.new_post(CopyMode::kPersonal, 1), 0);
  site.remove_member("user4", Site::domain_name(1));
  site.remove_member("user5", Site::domain_name(2));
  Run run(
      site, [](FakeResolver& dns) { serve_domains(dns, 3); }, settings_for(site, sink));
  BOOST_REQUIRE(wait_until([&] { return site.finished(post); }));
  const auto counts = site.counts(post);
  BOOST_TEST(counts.suppressed == 2);
  BOOST_TEST(counts.delivered == 28);
  const auto accepted = sink.accepted();
  check_each_once(accepted, 28);
  BOOST_TEST(accepted.count("user4@d1.test") == 0u);
}

BOOST_AUTO_TEST_CASE(those_who_left_get_nothing_when_the_list_is_gone_either) {
  TestSink sink;
  Site site;
  site.add_members(12, 3);
  const Id post = site.post_to_list(site.new_post(CopyMode::kPersonal, 1), 0);
  site.remove_member("user4", Site::domain_name(1));
  must(site.database->write_now(storage::Durability::kAccept, [&](storage::Connection& connection) {
    return storage::DirectoryStore(connection)
        .delete_list(site.list_id, system_clock().wall_now(), "the test");
  }));
  Run run(
      site, [](FakeResolver& dns) { serve_domains(dns, 3); }, settings_for(site, sink));
  BOOST_REQUIRE(wait_until([&] { return site.finished(post); }));
  BOOST_TEST(site.counts(post).suppressed == 1);
  BOOST_TEST(site.counts(post).delivered == 11);
  BOOST_TEST(sink.accepted().count("user4@d1.test") == 0u);
}

// At a stop that port closes first, while delivery to others goes on.
BOOST_AUTO_TEST_CASE(what_is_for_ourselves_is_given_back_untried_once_our_own_port_closes) {
  TestSink sink;
  Site site;
  site.add_members(4, 2);
  auto settings = settings_for(site, sink);
  settings.own_port = 1;  // nobody listens there
  Run run(
      site,
      [](FakeResolver& dns) {
        serve_domains(dns, 2);
        dns.set_mx(Site::domain_name(1), {{10, "node.test"}});
      },
      settings);
  run.engine->close_own();
  const Id post = site.post_to_list(site.new_post(CopyMode::kPersonal, 1), 0);
  run.engine->ring();
  BOOST_REQUIRE(wait_until([&] { return sink.accepted().size() == 2; }));
  std::this_thread::sleep_for(100ms);  // in which it would be refused
  run.stop(60s);
  BOOST_TEST(site.counts(post).delivered == 2);
  BOOST_TEST(site.counts(post).pending == 2);
  for (const auto& batch : site.batches(post)) {
    BOOST_TEST((batch.queue == storage::BatchQueue::kReady));
    for (std::size_t i = 0; i < batch.recipients.size(); ++i)
      if (batch.recipients[i].domain == Site::domain_name(1))
        BOOST_TEST(batch.progress.recipients[i].attempts == 0);
  }
}

BOOST_AUTO_TEST_CASE(what_cannot_be_delivered_in_time_fails) {
  TestSink sink;
  HostPolicy busy;
  busy.rcpt = [](const std::string&, int) { return std::string("451 4.2.1 mailbox busy"); };
  sink.set(address_of(0), busy);
  Site site;
  site.add_members(10, 1);
  auto record = site.new_post(CopyMode::kPersonal, 1);
  record.expires = record.accepted + 5200ms;  // between two attempts
  const Id post = site.post_to_list(record, 0);
  Run run(
      site, [](FakeResolver& dns) { serve_domains(dns, 1); }, settings_for(site, sink));
  BOOST_REQUIRE(wait_until([&] { return site.finished(post); }));
  BOOST_TEST(site.counts(post).failed == 10);
  BOOST_TEST(run.failures.told().size() == 10u);
  const std::string reply = run.failures.reply("user0@d0.test");
  BOOST_TEST(reply.find("4.4.7 delivery time expired") != std::string::npos);
  BOOST_TEST(reply.find("mailbox busy") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(a_suspended_domain_waits_and_the_others_go) {
  TestSink sink;
  Site site;
  site.add_members(40, 4);
  must(site.database->write_now(storage::Durability::kAccept, [&](storage::Connection& connection) {
    return storage::SuspensionStore(connection)
        .suspend({"d2.test", "asked us to", system_clock().wall_now(), {}});
  }));
  Run run(
      site, [](FakeResolver& dns) { serve_domains(dns, 4); }, settings_for(site, sink));
  const Id post = site.post_to_list(site.new_post(CopyMode::kPersonal, 1), 0);
  run.engine->ring();
  BOOST_REQUIRE(wait_until([&] { return site.batches(post)[0].queue == storage::BatchQueue::kWaiting; }));
  check_each_once(sink.accepted(), 30);
  const std::string why = "451 4.7.0 destination suspended by the operator: asked us to";
  const auto batch = site.batches(post)[0];
  BOOST_TEST(batch.why == why);
  BOOST_TEST(batch.destination == "d2.test");
  BOOST_TEST(batch.attempts == 0);
  int waiting = 0;
  for (std::size_t i = 0; i < batch.recipients.size(); ++i) {
    if (batch.recipients[i].domain != "d2.test") continue;
    ++waiting;
    const storage::RecipientStatus& status = batch.progress.recipients[i];
    BOOST_TEST((status.state == storage::RecipientState::kDeferred));
    BOOST_TEST(batch.progress.replies[status.reply] == why);
    BOOST_TEST(status.attempts == 0);
  }
  BOOST_TEST(waiting == 10);

  must(site.database->write_now(storage::Durability::kAccept, [&](storage::Connection& connection) {
    return storage::SuspensionStore(connection).resume("d2.test");
  }));
  run.engine->suspensions_changed();
  BOOST_REQUIRE(wait_until([&] { return site.finished(post); }));
  check_each_once(sink.accepted(), 40);
  BOOST_TEST(site.batches(post)[0].attempts == 0);
}

BOOST_AUTO_TEST_CASE(a_domain_that_is_suspended_now_gets_no_more_and_goes_on_later) {
  TestSink sink;
  HostPolicy slow;
  slow.message_ms = 10;
  sink.set(address_of(0), slow);
  Site site;
  site.add_members(900, 1);
  auto settings = settings_for(site, sink);
  settings.connections_per_destination = 2;
  Run run(
      site, [](FakeResolver& dns) { serve_domains(dns, 1); }, settings);
  const Id post = site.post_to_list(site.new_post(CopyMode::kPersonal, 1), 0);
  run.engine->ring();
  BOOST_REQUIRE(wait_until([&] { return sink.total() > 20; }));
  must(site.database->write_now(storage::Durability::kAccept, [&](storage::Connection& connection) {
    return storage::SuspensionStore(connection).suspend({"d0.test", "", system_clock().wall_now(), {}});
  }));
  run.engine->suspensions_changed();
  BOOST_REQUIRE(wait_until([&] { return site.batches(post)[0].queue == storage::BatchQueue::kWaiting; }));
  const std::size_t reached = sink.total();
  BOOST_TEST(reached < 900u);
  BOOST_TEST(site.batches(post)[0].why == "451 4.7.0 destination suspended by the operator");
  BOOST_TEST(static_cast<std::size_t>(site.batches(post)[0].delivered) == reached);
  must(site.database->write_now(storage::Durability::kAccept, [&](storage::Connection& connection) {
    return storage::SuspensionStore(connection).resume("d0.test");
  }));
  run.engine->suspensions_changed();
  BOOST_REQUIRE(wait_until([&] { return site.finished(post); }));
  check_each_once(sink.accepted(), 900);
}

BOOST_AUTO_TEST_CASE(a_drain_in_the_middle_loses_nothing_and_repeats_nothing) {
  TestSink sink;
  for (int d = 0; d < 10; ++d) {
    HostPolicy slow;
    slow.message_ms = 5;
    sink.set(address_of(d), slow);
  }
  Site site;
  site.add_members(3'000, 10);
  const auto dns = [](FakeResolver& resolver) { serve_domains(resolver, 10); };
  const Id post = site.post_to_list(site.new_post(CopyMode::kPersonal, 2), 0);
  for (int round = 0; round < 3; ++round) {
    Run run(site, dns, settings_for(site, sink));
    const std::size_t enough = sink.total() + 400;
    BOOST_REQUIRE(wait_until([&] { return sink.total() > enough; }));
    run.stop(60s);
    const auto counts = site.counts(post);
    BOOST_TEST(static_cast<std::size_t>(counts.delivered) == sink.total());
    BOOST_TEST(counts.accepted == 3'000);
    for (const auto& batch : site.batches(post)) BOOST_TEST((batch.queue != storage::BatchQueue::kOwned));
  }
  Run run(site, dns, settings_for(site, sink));
  BOOST_REQUIRE(wait_until([&] { return site.finished(post); }));
  check_each_once(sink.accepted(), 3'000);
}

BOOST_AUTO_TEST_CASE(every_recipient_has_a_line_in_the_log) {
  TestSink sink;
  Site site;
  site.add_members(5, 1);
  std::mutex mutex;
  std::vector<std::string> lines;
  log::set_level(log::Level::kInfo);
  {
    log::Capture capture([&](log::Level, std::string_view line) {
      std::lock_guard lock(mutex);
      lines.emplace_back(line);
    });
    const Id post = site.post_to_list(site.new_post(CopyMode::kPersonal, 1), 0);
    Run run(
        site, [](FakeResolver& dns) { serve_domains(dns, 1); }, settings_for(site, sink));
    BOOST_REQUIRE(wait_until([&] { return site.finished(post); }));
    std::size_t delivered = 0;
    std::lock_guard lock(mutex);
    for (const std::string& line : lines) {
      if (line.find(" delivered ") == std::string::npos) continue;
      ++delivered;
      for (const char* part : {"list=dev@lists.test", "to=user", "relay=mx.d0.test[127.0.1.1]:", "delay=",
                               "delays=", "dsn=2.0.0", "reply=\"250 2.0.0 ok\"", "tls=no", "conn_use="})
        BOOST_TEST(line.find(part) != std::string::npos, line + " lacks " + part);
      BOOST_TEST(line.find("id=" + format_id(post)) != std::string::npos);
    }
    BOOST_TEST(delivered == 5u);
  }
  log::set_level(log::Level::kError);
}

BOOST_AUTO_TEST_CASE(the_trace_of_a_destination_reads_as_a_transcript) {
  TestSink sink;
  Site site;
  site.add_members(2, 2);
  std::mutex mutex;  // these outlive the engine, which traces to its end
  std::string text;
  Run run(
      site, [](FakeResolver& dns) { serve_domains(dns, 2); }, settings_for(site, sink));
  run.engine->set_trace({"d0.test", ""}, [&](const std::string& line) {
    std::lock_guard lock(mutex);
    text += line + "\n";
  });
  const Id post = site.post_to_list(site.new_post(CopyMode::kPersonal, 1), 0);
  run.engine->ring();
  BOOST_REQUIRE(wait_until([&] { return site.finished(post); }));
  BOOST_REQUIRE(wait_until([&] {
    std::lock_guard lock(mutex);
    return text.find("C: RCPT TO:<user0@d0.test>") != std::string::npos &&
           text.find("S: 354 go on") != std::string::npos;
  }));
  std::lock_guard lock(mutex);
  BOOST_TEST(text.find("user1@d1.test") == std::string::npos);
}

}  // namespace
}  // namespace essaim::test
