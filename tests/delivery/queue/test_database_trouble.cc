// The k-th statement or commit of the engine fails in turn: every recipient still gets the mail once, every
// failure is told once, and nothing stays owned.
#include <boost/test/unit_test.hpp>

#include "core/base/log.h"
#include "delivery/claim.h"
#include "delivery/save.h"
#include "storage/fault.h"
#include "tests/delivery/queue/rig.h"

namespace essaim::test {
namespace {

using namespace std::chrono_literals;
using storage::FaultPlan;

constexpr int kMembers = 100, kBad = 10;

void deliver_with(const FaultPlan::Plan& plan) {
  TestSink sink;
  HostPolicy policy;
  policy.rcpt = [](const std::string& to, int) -> std::string {
    return to.find("7@") != std::string::npos ? "550 5.1.1 no such user" : "250 2.1.5 ok";
  };
  sink.set(address_of(0), policy);
  sink.set(address_of(1), policy);
  Site site;
  site.add_members(kMembers, 2);
  Run run(
      site, [](FakeResolver& dns) { serve_domains(dns, 2); }, settings_for(site, sink));
  std::this_thread::sleep_for(50ms);  // the first, empty claim is over
  const Id post = site.post_to_list(site.new_post(storage::CopyMode::kPersonal, 1), 0);
  FaultPlan::arm(plan);
  run.engine->ring();
  const bool met = wait_until([&] { return FaultPlan::seen(plan.where) >= plan.first + plan.times - 1; });
  FaultPlan::disarm();
  BOOST_TEST(met, "the fault was not reached");
  BOOST_REQUIRE(wait_until([&] { return site.finished(post); }));
  const auto accepted = sink.accepted();
  BOOST_TEST(accepted.size() == static_cast<std::size_t>(kMembers - kBad));
  for (const auto& [to, times] : accepted)
    BOOST_TEST(times == 1, to + " got it " + std::to_string(times) + " times");
  const auto bounces = site.bounces();
  BOOST_TEST(bounces.size() == static_cast<std::size_t>(kBad));
  for (const auto& [to, times] : bounces)
    BOOST_TEST(times == 1, to + " was told " + std::to_string(times) + " times");
  const auto counts = site.counts(post);
  BOOST_TEST(counts.delivered == kMembers - kBad);
  BOOST_TEST(counts.failed == kBad);
}

BOOST_AUTO_TEST_CASE(any_statement_or_commit_may_fail) {
  log::Capture quiet([](log::Level, std::string_view) {});
  using Where = FaultPlan::Where;
  const std::vector<FaultPlan::Plan> plans = {
      {Where::kStatement, 1, 1, FaultPlan::What::kFail, ErrorCode::kIo},
      {Where::kStatement, 3, 1, FaultPlan::What::kFail, ErrorCode::kTemporary},
      {Where::kStatement, 7, 1, FaultPlan::What::kFail, ErrorCode::kIo},
      {Where::kStatement, 12, 2, FaultPlan::What::kFail, ErrorCode::kExhausted},
      {Where::kBeforeCommit, 1, 1, FaultPlan::What::kFail, ErrorCode::kExhausted},
      {Where::kBeforeCommit, 2, 1, FaultPlan::What::kFail, ErrorCode::kIo},
      {Where::kBeforeCommit, 1, 4, FaultPlan::What::kFail, ErrorCode::kTemporary},
      {Where::kAfterCommit, 1, 1, FaultPlan::What::kFail, ErrorCode::kUnknownOutcome},
      {Where::kAfterCommit, 2, 1, FaultPlan::What::kFail, ErrorCode::kUnknownOutcome},
      {Where::kAfterCommit, 2, 2, FaultPlan::What::kFail, ErrorCode::kUnknownOutcome},
  };
  for (std::size_t i = 0; i < plans.size(); ++i) {
    BOOST_TEST_CONTEXT("plan " << i) {
      deliver_with(plans[i]);
    }
  }
}

// The release of two batches is committed and not heard of; they are due again before each release is tried again.
BOOST_AUTO_TEST_CASE(what_may_have_been_released_is_not_claimed_before_it_is_known) {
  std::atomic<int> lost{0};
  log::Capture capture([&](log::Level, std::string_view line) {
    if (line.find("batch-lost") != std::string_view::npos) ++lost;
  });
  TestSink sink;
  HostPolicy busy_at_first;
  busy_at_first.rcpt = [](const std::string&, int before) -> std::string {
    return before == 0 ? "451 4.2.1 mailbox busy" : "250 2.1.5 ok";
  };
  sink.set(address_of(0), busy_at_first);
  Site site;
  auto settings = settings_for(site, sink);
  settings.retry_initial = 50ms;
  Run run(
      site, [](FakeResolver& dns) { serve_domains(dns, 1); }, settings);
  std::this_thread::sleep_for(50ms);  // the first, empty claim is over
  std::vector<Id> posts;
  std::size_t recipients = 0;
  for (int i = 0; i < 8; ++i) {
    const std::string local = "user" + std::to_string(i);
    posts.push_back(site.post_to(site.new_post(storage::CopyMode::kPersonal, 1), i, {{0, local, "d0.test"}}));
    ++recipients;
  }
  FaultPlan::arm({FaultPlan::Where::kAfterCommit, 2, 3, FaultPlan::What::kFail, ErrorCode::kUnknownOutcome});
  run.engine->ring();
  BOOST_TEST(wait_until([] { return FaultPlan::seen(FaultPlan::Where::kAfterCommit) >= 4; }));
  FaultPlan::disarm();
  for (const Id post : posts) BOOST_REQUIRE(wait_until([&] { return site.finished(post); }));
  const auto accepted = sink.accepted();
  BOOST_TEST(accepted.size() == recipients);
  for (const auto& [to, times] : accepted)
    BOOST_TEST(times == 1, to + " got it " + std::to_string(times) + " times");
  BOOST_TEST(lost == 0);
}

// The row of a claimed batch cannot be changed for a while: so it is at a host of a cluster that has not applied the claim yet.
BOOST_AUTO_TEST_CASE(what_only_seems_lost_is_saved_when_the_host_has_caught_up) {
  if (!TempDatabase::is_sqlite()) return;
  std::atomic<int> lost{0}, tried{0};
  log::Capture capture([&](log::Level, std::string_view line) {
    if (line.find("batch-lost") != std::string_view::npos) ++lost;
  });
  TestSink sink;
  HostPolicy busy_at_first;
  busy_at_first.rcpt = [&tried](const std::string&, int before) -> std::string {
    ++tried;
    return before == 0 ? "451 4.2.1 mailbox busy" : "250 2.1.5 ok";
  };
  sink.set(address_of(0), busy_at_first);
  Site site;
  const auto change = [&site](const std::string& sql) {
    must(site.database->write_now(storage::Durability::kAccept,
                                  [&](storage::Connection& c) { return c.execute(sql); }));
  };
  change(
      "CREATE TRIGGER lags BEFORE UPDATE ON batch_state WHEN OLD.queue = 3 BEGIN SELECT RAISE(IGNORE); END");
  Run run(
      site, [](FakeResolver& dns) { serve_domains(dns, 1); }, settings_for(site, sink));
  const Id post = site.post_to(site.new_post(storage::CopyMode::kPersonal, 1), 0, {{0, "user", "d0.test"}});
  run.engine->ring();
  BOOST_TEST(wait_until([&] { return tried > 0; }));
  std::this_thread::sleep_for(500ms);  // the first save is over
  change("DROP TRIGGER lags");
  BOOST_TEST(wait_until([&] { return site.finished(post); }));
  BOOST_TEST(sink.accepted().count("user@d0.test") == 1u);
  BOOST_TEST(lost == 0);
}

// The time of a virtual machine stands still while its host pauses it: its lease holds though others have taken over.
void find_out_that_the_epoch_is_over(bool by_a_claim) {
  log::Capture quiet([](log::Level, std::string_view) {});
  TestSink sink;
  HostPolicy slow;
  slow.message_ms = 20;
  sink.set(address_of(0), slow);
  Site site;
  site.add_members(5000, 1);
  storage::NodeLease lease(system_clock());
  lease.extend(system_clock().mono_now() + 1h);
  auto settings = settings_for(site, sink);
  settings.connections_per_destination = 2;
  Run run(
      site, [](FakeResolver& dns) { serve_domains(dns, 1); }, settings, 2, {}, &lease);
  site.post_to_list(site.new_post(storage::CopyMode::kPersonal, 2), 0);
  run.engine->ring();
  BOOST_REQUIRE(wait_until([&] { return sink.total() > 10; }));
  must(site.database->write_now(storage::Durability::kAccept, [&](storage::Connection& c) -> Result<void> {
    auto taken = storage::NodeStore(c).end_epoch(run.node);
    if (!taken.ok()) return taken.error();
    BOOST_TEST(*taken);
    std::vector<storage::DamagedBatch> damaged;
    auto released = storage::NodeStore(c).release_fenced(run.node.number, 100, &damaged);
    if (!released.ok()) return released.error();
    BOOST_TEST(*released > 0);
    return {};
  }));
  if (by_a_claim) run.engine->ring();
  BOOST_TEST(wait_until([&] { return lease.ended(); }));
  // What was under way ends. Did it go on, there would be no such pause before all is sent.
  std::size_t sent = 0;
  while (sent != sink.total()) {
    sent = sink.total();
    std::this_thread::sleep_for(500ms);
  }
  BOOST_TEST(sent < 4900u);
}

BOOST_AUTO_TEST_CASE(nothing_is_sent_any_more_when_a_claim_finds_that_the_epoch_is_over) {
  find_out_that_the_epoch_is_over(true);
}

BOOST_AUTO_TEST_CASE(nothing_is_sent_any_more_when_a_save_finds_that_the_epoch_is_over) {
  find_out_that_the_epoch_is_over(false);
}

// What a node that shares its database may have sent without the database's knowing of it is bounded; where nobody else could send
// it again, delivery goes on beside the journal.
struct Outage {
  explicit Outage(int members, bool shared, storage::NodeLease* lease) {
    HostPolicy slow;
    slow.message_ms = 20;
    sink.set(address_of(0), slow);
    site.add_members(members, 1);
    auto settings = settings_for(site, sink);
    settings.connections_per_destination = 2;
    lease->extend(system_clock().mono_now() + 1h);
    run = std::make_unique<Run>(
        site, [](FakeResolver& dns) { serve_domains(dns, 1); }, settings, 2, delivery::KeySource(),
        shared ? lease : nullptr);
    post = site.post_to_list(site.new_post(storage::CopyMode::kPersonal, 2), 0);
    run->engine->ring();
    BOOST_REQUIRE(wait_until([this] { return sink.total() > 10; }));
  }
  // Of what was under way when nothing new was begun any more.
  std::size_t sent_in_the_end() const {
    std::this_thread::sleep_for(300ms);
    return sink.total();
  }
  void finish(int members) {
    BOOST_TEST(wait_until([this] { return site.finished(post); }));
    BOOST_TEST(!run->engine->paused());
    check_each_once(sink.accepted(), static_cast<std::size_t>(members));
  }

  TestSink sink;
  Site site;
  std::unique_ptr<Run> run;
  Id post = 0;
};

BOOST_AUTO_TEST_CASE(sending_pauses_while_a_shared_database_takes_no_outcomes) {
  constexpr int kAll = 1500;
  std::atomic<int> paused{0}, went_on{0};
  log::Capture capture([&](log::Level, std::string_view line) {
    if (line.find("sending-paused") != std::string_view::npos) ++paused;
    if (line.find("sending-goes-on") != std::string_view::npos) ++went_on;
  });
  storage::NodeLease lease(system_clock());
  Outage outage(kAll, true, &lease);
  BOOST_TEST(!outage.run->engine->paused());
  const auto begun = std::chrono::steady_clock::now();
  FaultPlan::arm(
      {FaultPlan::Where::kBeforeCommit, 1, 1'000'000'000, FaultPlan::What::kFail, ErrorCode::kTemporary});
  const bool met = wait_until([&] { return outage.run->engine->paused(); }, 20s);
  const std::size_t sent = outage.sent_in_the_end();
  std::this_thread::sleep_for(2s);  // saves are tried, and fail
  const std::size_t later = outage.sink.total();
  // Then it is known to whoever asks whether mail should rather go to others, and not before.
  const bool met_long = wait_until([&] { return outage.run->engine->paused_long(); }, 60s);
  const auto lasted = std::chrono::steady_clock::now() - begun;
  FaultPlan::disarm();
  BOOST_TEST(met);
  BOOST_TEST(met_long);
  BOOST_TEST((lasted >= 5s));
  BOOST_TEST(wait_until([&] { return !outage.run->engine->paused_long(); }));
  BOOST_TEST(sent < 1000u);  // two connections and 20 ms each: a hundred in a second
  BOOST_TEST(later == sent);
  outage.finish(kAll);
  BOOST_TEST(paused == 1);
  BOOST_TEST(went_on == 1);
}

// As where a network lets nothing through any more: no save fails.
BOOST_AUTO_TEST_CASE(sending_pauses_while_a_shared_database_answers_nothing) {
  constexpr int kAll = 1500;
  log::Capture quiet([](log::Level, std::string_view) {});
  storage::NodeLease lease(system_clock());
  Outage outage(kAll, true, &lease);
  std::atomic<bool> silent{true}, over{false};
  outage.site.database->write(
      storage::Durability::kProgress,
      [&silent](storage::Connection&) -> Result<void> {
        while (silent) std::this_thread::sleep_for(5ms);
        return {};
      },
      [&over](const Result<void>&) { over = true; });
  const bool met = wait_until([&] { return outage.run->engine->paused(); }, 20s);
  const std::size_t sent = outage.sent_in_the_end();
  std::this_thread::sleep_for(500ms);
  const std::size_t later = outage.sink.total();
  silent = false;
  BOOST_TEST(met);
  BOOST_TEST(sent < 1000u);
  BOOST_TEST(later == sent);
  BOOST_TEST(wait_until([&over] { return over.load(); }));
  outage.finish(kAll);
}

// As a beat: the saves that failed would be tried in two seconds or more.
BOOST_AUTO_TEST_CASE(sending_goes_on_as_soon_as_a_shared_database_takes_anything) {
  constexpr int kAll = 500;  // one batch
  log::Capture quiet([](log::Level, std::string_view) {});
  storage::NodeLease lease(system_clock());
  Outage outage(kAll, true, &lease);
  FaultPlan::arm(
      {FaultPlan::Where::kBeforeCommit, 1, 1'000'000'000, FaultPlan::What::kFail, ErrorCode::kTemporary});
  BOOST_TEST(wait_until([&] { return outage.run->engine->paused(); }, 20s));
  const auto failed = [] { return FaultPlan::seen(FaultPlan::Where::kBeforeCommit); };
  BOOST_TEST(wait_until([&] { return failed() >= 3; }, 20s));
  FaultPlan::disarm();
  must(outage.site.database->write_now(storage::Durability::kAccept, [](storage::Connection& c) {
    return c.execute("UPDATE batch_state SET due = due WHERE 1 = 0");
  }));
  BOOST_TEST(wait_until([&] { return !outage.run->engine->paused(); }, 1500ms));
  outage.finish(kAll);
}

// Its rows are locked by somebody who forgets to end a transaction.
BOOST_AUTO_TEST_CASE(a_save_that_fails_alone_does_not_keep_sending_paused) {
  log::Capture quiet([](log::Level, std::string_view) {});
  storage::NodeLease lease(system_clock());
  lease.extend(system_clock().mono_now() + 1h);
  TestSink sink;
  HostPolicy policy;
  policy.rcpt = [](const std::string& to, int) {
    return to.find("nobody") != std::string::npos ? "550 5.1.1 no such user" : "250 2.1.5 ok";
  };
  sink.set(address_of(0), policy);
  Site site;
  const auto post_to = [&site](const std::string& local) {
    return site.post_to(site.new_post(storage::CopyMode::kPersonal, 1), 0, {{0, local, "d0.test"}});
  };
  Run run(
      site, [](FakeResolver& dns) { serve_domains(dns, 1); }, settings_for(site, sink), 2,
      delivery::KeySource(), &lease);
  run.failures.locked = true;
  const Id fails = post_to("nobody");
  // As the watch over what others have done.
  const auto ring = [&run] {
    run.engine->ring();
    return true;
  };
  BOOST_TEST(wait_until([&] { return ring() && run.engine->paused(); }, 60s));
  const Id post = post_to("user");
  // The database takes all else, as beats.
  const auto beat = [&site] {
    must(site.database->write_now(storage::Durability::kAccept, [](storage::Connection& c) {
      return c.execute("UPDATE batch_state SET due = due WHERE 1 = 0");
    }));
    return true;
  };
  BOOST_TEST(wait_until([&] { return beat() && ring() && site.finished(post); }, 60s));
  BOOST_TEST(!site.finished(fails));
  run.failures.locked = false;
  BOOST_TEST(wait_until([&] { return site.finished(fails); }));
  BOOST_TEST(wait_until([&] { return !run.engine->paused(); }));
}

// It is tried again after two seconds, four, and more.
BOOST_AUTO_TEST_CASE(a_save_that_fails_does_not_keep_others_waiting) {
  if (!TempDatabase::is_sqlite()) return;
  log::Capture quiet([](log::Level, std::string_view) {});
  TestSink sink;
  sink.set(address_of(0), HostPolicy());
  Site site;
  const auto post_to = [&site](const std::string& local) {
    return site.post_to(site.new_post(storage::CopyMode::kPersonal, 1), 0, {{0, local, "d0.test"}});
  };
  const auto change = [&site](const std::string& sql) {
    must(site.database->write_now(storage::Durability::kAccept,
                                  [&](storage::Connection& c) { return c.execute(sql); }));
  };
  const Id fails = post_to("fails");
  change("CREATE TRIGGER fails BEFORE UPDATE ON batch_state WHEN OLD.queue = 3 AND OLD.post_id = " +
         std::to_string(fails) + " BEGIN SELECT RAISE(ABORT, 'not this one'); END");
  Run run(
      site, [](FakeResolver& dns) { serve_domains(dns, 1); }, settings_for(site, sink));
  BOOST_TEST(wait_until([&] { return sink.total() == 1; }));
  std::this_thread::sleep_for(5s);
  for (int i = 0; i < 2; ++i) {
    const Id post = post_to("user" + std::to_string(i));
    run.engine->ring();
    BOOST_TEST(wait_until([&] { return site.finished(post); }, 2s));
  }
  BOOST_TEST(!site.finished(fails));
  change("DROP TRIGGER fails");
  BOOST_TEST(wait_until([&] { return site.finished(fails); }));
  BOOST_TEST(sink.total() == 3u);
}

BOOST_AUTO_TEST_CASE(a_node_alone_sends_on_for_its_journal_has_the_outcomes) {
  constexpr int kAll = 400;
  log::Capture quiet([](log::Level, std::string_view) {});
  storage::NodeLease lease(system_clock());
  Outage outage(kAll, false, &lease);
  FaultPlan::arm(
      {FaultPlan::Where::kBeforeCommit, 1, 1'000'000'000, FaultPlan::What::kFail, ErrorCode::kTemporary});
  bool paused = false;
  const bool all = wait_until([&] {
    paused = paused || outage.run->engine->paused();
    return outage.sink.total() == kAll;
  });
  FaultPlan::disarm();
  BOOST_TEST(all);
  BOOST_TEST(!paused);
  outage.finish(kAll);
}

BOOST_AUTO_TEST_CASE(what_was_released_to_wait_and_is_due_when_the_save_is_tried_again_is_not_lost) {
  Site site;
  site.add_members(2, 1);
  const Id id = site.post_to_list(site.new_post(storage::CopyMode::kPersonal, 1), 0);
  KeptFailures failures;
  must(site.database->write_now(storage::Durability::kAccept, [&](storage::Connection& c) -> Result<void> {
    const storage::Fence fence{1, 1};
    auto claimed = must(storage::BatchStore(c).claim(fence, 0, 9, 1, {}));
    BOOST_REQUIRE(claimed.size() == 1u);
    const delivery::OpenBatch open(
        std::move(claimed[0]),
        must(delivery::activate_post(site.new_post(storage::CopyMode::kCommon, 1), share("x\r\n.\r\n"))));
    delivery::OpenBatch::Release end;
    end.queue = storage::BatchQueue::kWaiting;
    end.due = system_clock().wall_now();
    ESSAIM_TRY(storage::BatchStore(c).save(fence, open.release_record(end)));
    end.queue = storage::BatchQueue::kReady;
    std::vector<delivery::SaveItem> items(1);
    items[0].batch = open.batch();
    items[0].record = open.release_record(end);
    items[0].retried = true;
    std::vector<bool> conflicts;
    ESSAIM_TRY(delivery::run_saves(c, fence, items, failures, &conflicts));
    BOOST_TEST(!conflicts.at(0));
    return {};
  }));
  BOOST_TEST(site.batches(id)[0].pending == 2);
}

BOOST_AUTO_TEST_CASE(what_no_trying_again_mends_is_about_the_work) {
  for (const ErrorCode code : {ErrorCode::kInvalid, ErrorCode::kNotFound, ErrorCode::kExists,
                               ErrorCode::kConflict, ErrorCode::kDamaged, ErrorCode::kInternal})
    BOOST_TEST(delivery::is_about_the_work(Error{code, ""}));
  for (const ErrorCode code : {ErrorCode::kTemporary, ErrorCode::kUnknownOutcome, ErrorCode::kExhausted,
                               ErrorCode::kIo, ErrorCode::kCancelled})
    BOOST_TEST(!delivery::is_about_the_work(Error{code, ""}));
}

}  // namespace
}  // namespace essaim::test
