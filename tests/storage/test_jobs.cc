#include <atomic>
#include <thread>

#include "storage/account_store.h"
#include "storage/job_runner.h"
#include "storage/retention.h"
#include "storage/sql.h"
#include "storage/sts_store.h"
#include "storage/tls_result_store.h"
#include "tests/storage/fixtures.h"

using namespace essaim;
using namespace essaim::storage;
using namespace essaim::test;

namespace {

Job counting(std::atomic<int>* runs, Duration interval) {
  return {"count", interval,
          [runs](Database&) -> Result<std::string> { return "run " + std::to_string(++*runs); }};
}

template <typename Condition>
bool eventually(Condition condition) {
  for (int i = 0; i < 12'000 && !condition(); ++i) std::this_thread::sleep_for(std::chrono::milliseconds(10));
  return condition();
}

}  // namespace

BOOST_AUTO_TEST_SUITE(jobs)

BOOST_AUTO_TEST_CASE(a_job_runs_once_among_nodes_and_not_again_after_a_restart) {
  TempDatabase database;
  std::atomic<int> runs{0};
  {
    JobRunner one(*database, system_clock(), 1), two(*database, system_clock(), 2);
    one.add(counting(&runs, std::chrono::hours(1)));
    two.add(counting(&runs, std::chrono::hours(1)));
    one.start();
    two.start();
    BOOST_TEST(eventually([&] { return runs > 0; }));
    std::this_thread::sleep_for(std::chrono::milliseconds(300));
  }
  BOOST_TEST(runs == 1);
  JobRunner restarted(*database, system_clock(), 1);
  restarted.add(counting(&runs, std::chrono::hours(1)));
  restarted.start();
  std::this_thread::sleep_for(std::chrono::milliseconds(300));
  BOOST_TEST(runs == 1);
  BOOST_TEST(must(restarted.run_now("count")) == "run 2");
  BOOST_TEST((restarted.run_now("nothing").error().code == ErrorCode::kNotFound));
}

BOOST_AUTO_TEST_CASE(a_node_that_lacks_something_for_a_job_comes_behind_those_that_may_have_it) {
  TempDatabase database;
  NodeLease lease(system_clock());
  lease.hold_for_ever();
  constexpr std::chrono::hours kInterval{1};
  std::atomic<int> runs{0}, asked{0};
  JobRunner lacking(*database, system_clock(), 1, &lease), able(*database, system_clock(), 2, &lease);
  Job lacks = counting(&runs, kInterval);
  lacks.others_first = [&asked](Database&) {
    ++asked;
    return true;
  };
  lacking.add(lacks);
  Job has = counting(&runs, kInterval);
  has.others_first = [](Database&) { return false; };
  able.add(has);
  must(able.run_now("count"));
  const auto last_start = [&database](Duration ago) {
    commit(*database, [ago](Connection& c) -> Result<void> {
      const WallTime then = system_clock().wall_now() - std::chrono::duration_cast<std::chrono::minutes>(ago);
      must(sql::run(c, "UPDATE job SET started = ?, node = 0", then));
      return {};
    });
  };
  const auto who_ran = [&database] {
    std::int64_t node = 0;
    must(database->read_now([&node](Connection& c) -> Result<void> {
      node = must(sql::number(c, 0, "SELECT node FROM job"));
      return {};
    }));
    return node;
  };
  // Due, and not late: the other one's turn.
  last_start(kInterval + std::chrono::minutes(10));
  lacking.start();
  BOOST_TEST(eventually([&] { return asked > 0; }));
  lacking.stop();
  BOOST_TEST(runs == 1);
  able.start();
  BOOST_TEST(eventually([&] { return runs == 2; }));
  able.stop();
  BOOST_TEST(who_ran() == 2);
  // There is no other one, it seems.
  last_start(2 * kInterval);
  lacking.start();
  BOOST_TEST(eventually([&] { return runs == 3; }));
  lacking.stop();
  BOOST_TEST(who_ran() == 1);
  // Who is told to do it, or has the database alone, does it.
  BOOST_TEST(must(lacking.run_now("count")) == "run 4");
  last_start(kInterval + std::chrono::minutes(10));
  JobRunner alone(*database, system_clock(), 1);
  alone.add(lacks);
  alone.start();
  BOOST_TEST(eventually([&] { return runs == 5; }));
}

BOOST_AUTO_TEST_CASE(a_job_comes_again_after_its_interval_and_after_a_failure) {
  TempDatabase database;
  std::atomic<int> runs{0};
  JobRunner runner(*database, system_clock(), 1);
  runner.add({"fails", std::chrono::milliseconds(50), [&](Database&) -> Result<std::string> {
                if (++runs % 2 == 0) throw std::runtime_error("oh");
                return Error{ErrorCode::kTemporary, "not now"};
              }});
  runner.add(
      {"works", std::chrono::hours(1), [](Database&) -> Result<std::string> { return std::string("well"); }});
  runner.start();
  BOOST_TEST(eventually([&] { return runs >= 3; }));
  runner.stop();
  BOOST_TEST(JobRunner::failures().at("fails") == static_cast<std::uint64_t>(runs));
  BOOST_TEST(JobRunner::failures().at("works") == 0U);
}

BOOST_AUTO_TEST_CASE(a_job_that_is_not_due_is_run_soon_by_the_node_that_is_told_so) {
  TempDatabase database;
  std::atomic<int> runs{0}, others{0};
  JobRunner runner(*database, system_clock(), 1);
  Job other = counting(&others, std::chrono::hours(1));
  other.name = "other";
  runner.add(other);
  runner.add(counting(&runs, std::chrono::hours(1)));
  runner.run_soon("nothing");
  runner.start();
  BOOST_TEST(eventually([&] { return runs == 1 && others == 1; }));
  runner.run_soon("count");
  BOOST_TEST(eventually([&] { return runs == 2; }));
  runner.stop();
  runner.run_soon("count");  // when it begins again
  runner.run_soon("count");
  runner.start();
  BOOST_TEST(eventually([&] { return runs == 3; }));
  runner.stop();
  BOOST_TEST(runs == 3);
  BOOST_TEST(others == 1);
}

BOOST_AUTO_TEST_CASE(the_end_does_not_wait_for_a_job_that_has_much_to_do) {
  for (const bool writes : {true, false}) {
    TempDatabase database;
    JobRunner runner(*database, system_clock(), 1);
    std::atomic<int> steps{0};
    std::optional<ErrorCode> ended;
    Job job;
    job.name = "endless";
    job.interval = std::chrono::hours(1);
    job.run = [&](Database& fenced) -> Result<std::string> {
      const Work work = [&](Connection&) -> Result<void> {
        ++steps;
        return {};
      };
      while (steps < 1'000'000) {
        auto step = writes ? fenced.write_now(Durability::kProgress, work) : fenced.read_now(work);
        if (!step.ok()) ended = step.error().code;
        if (!step.ok()) return step.error();
      }
      return std::string("it went on");
    };
    runner.add(job);
    runner.start();
    BOOST_TEST(eventually([&] { return steps > 10; }));
    runner.stop();
    BOOST_TEST((ended == ErrorCode::kCancelled));
  }
}

BOOST_AUTO_TEST_CASE(a_run_whose_turn_another_node_has_taken_did_not_fail) {
  TempDatabase database;
  NodeLease lease(system_clock());
  lease.hold_for_ever();
  JobRunner runner(*database, system_clock(), 1, &lease);
  Job job;
  job.name = "overtaken";
  job.interval = std::chrono::hours(1);
  job.run = [&](Database& fenced) -> Result<std::string> {
    commit(*database, [](Connection& c) -> Result<void> {
      must(sql::run(c, "UPDATE job SET started = started + 1, node = 2"));
      return {};
    });
    ESSAIM_TRY(fenced.write_now(Durability::kProgress, [](Connection&) -> Result<void> { return {}; }));
    return std::string("it went on");
  };
  runner.add(job);
  BOOST_TEST((runner.run_now("overtaken").error().code == ErrorCode::kConflict));
  BOOST_TEST(JobRunner::failures().at("overtaken") == 0U);
}

BOOST_AUTO_TEST_CASE(a_clock_that_was_wrong_does_not_silence_a_job) {
  TempDatabase database;
  ManualClock clock;
  clock.set_wall(kNow + std::chrono::hours(24 * 365));
  std::atomic<int> runs{0};
  JobRunner ahead(*database, clock, 1);
  ahead.add(counting(&runs, std::chrono::hours(1)));
  must(ahead.run_now("count"));
  ManualClock right;
  JobRunner runner(*database, right, 1);
  runner.add(counting(&runs, std::chrono::hours(1)));
  runner.start();
  BOOST_TEST(eventually([&] { return runs == 2; }));
  runner.stop();
}

BOOST_AUTO_TEST_CASE(retention_keeps_what_is_young_or_unfinished) {
  TempDatabase database;
  make_list(*database);
  for (Id id = 1; id <= 45; ++id) make_post(*database, post(id), people(2, "a.test"), id);
  auto batches = claim(*database, {1, 1}, 44);
  BOOST_REQUIRE(batches.size() == 44U);
  for (auto& b : batches) {
    settle(&b, 0, RecipientState::kDelivered, b.post_id == 44 ? 7200 : 5);
    settle(&b, 1, RecipientState::kFailed);
    b.queue = BatchQueue::kFinished;
    commit(*database, [&](Connection& c) { return BatchStore(c).save({1, 1}, b); });
  }
  commit(*database, [](Connection& c) -> Result<void> {
    must(PostStore(c).remember(kList, "k", 1, kNow));
    return {};
  });
  ManualClock clock;
  clock.set_wall(kNow + std::chrono::hours(2));
  RetentionOptions options;
  options.keep_posts = std::chrono::hours(1);
  options.keep_failed = {};
  options.keep_seen = std::chrono::hours(1);
  const Job job = make_retention_job(clock, options);
  must(job.run(*database));
  must(database->read_now([](Connection& c) -> Result<void> {
    BOOST_TEST(must(PostStore(c).search({})).size() == 2U);
    BOOST_TEST(must(PostStore(c).find(44)).has_value());  // finished, but not long ago
    BOOST_TEST(!PostStore(c).rendering(44).ok());
    BOOST_TEST(must(PostStore(c).find(45)).has_value());  // still waits
    BOOST_TEST(PostStore(c).rendering(45).ok());
    return {};
  }));
  commit(*database, [](Connection& c) -> Result<void> {
    BOOST_TEST(!must(PostStore(c).remember(kList, "k", 9, kNow)).has_value());
    return {};
  });
}

BOOST_AUTO_TEST_CASE(counts_of_tls_are_kept_for_thirty_days_and_policies_until_they_have_expired) {
  TempDatabase database;
  const std::int64_t today = to_millis(kNow) / 86'400'000;
  commit(*database, [today](Connection& c) -> Result<void> {
    for (const std::int64_t day : {today - 400, today - 31, today - 30, today}) {
      TlsResultRow row;
      row.day = day;
      row.domain = "a.test";
      row.sessions = 1;
      ESSAIM_TRY(TlsResultStore(c).add(1, row));
    }
    const auto days = [](int number) { return std::chrono::hours(24 * number); };
    ESSAIM_TRY(StsStore(c).put({"over.test", "1", "text", kNow - days(9), kNow - days(2)}));
    ESSAIM_TRY(StsStore(c).put({"just.test", "1", "text", kNow - days(9), kNow - std::chrono::hours(1)}));
    return StsStore(c).put({"good.test", "1", "text", kNow - days(9), kNow + days(1)});
  });
  ManualClock clock;
  clock.set_wall(kNow);
  const Job job = make_retention_job(clock, {});
  must(job.run(*database));
  must(database->read_now([today](Connection& c) -> Result<void> {
    TlsResultStore results(c);
    BOOST_TEST(must(results.of_day(today - 400, "")).empty());
    BOOST_TEST(must(results.of_day(today - 31, "")).empty());
    BOOST_TEST(must(results.of_day(today - 30, "")).size() == 1U);
    BOOST_TEST(must(results.of_day(today, "")).size() == 1U);
    BOOST_TEST(must(StsStore(c).fetched_since({}, from_millis(0), 10)).size() == 2U);
    return {};
  }));
}

BOOST_AUTO_TEST_CASE(what_strangers_made_is_dropped_some_rows_at_a_time) {
  TempDatabase database;
  constexpr int kGuesses = 2500;
  commit(*database, [](Connection& c) -> Result<void> {
    for (int i = 0; i < kGuesses / 2; ++i)
      ESSAIM_TRY(LoginFailureStore(c).count("name" + std::to_string(i), "192.0.2.1", kNow));
    return {};
  });
  const auto rows = [&database] {
    std::int64_t number = 0;
    must(database->read_now([&number](Connection& c) -> Result<void> {
      Statement& statement = *must(c.prepare("SELECT COUNT(*) FROM login_failure"));
      must(statement.step());
      number = statement.integer(0);
      return {};
    }));
    return number;
  };
  BOOST_TEST(rows() > kGuesses);
  ManualClock clock;
  clock.set_wall(kNow + std::chrono::hours(2));
  const Job job = make_retention_job(clock, {});
  const auto commits_of_a_run = [&] {
    const auto before = database->counters().commits;
    must(job.run(*database));
    return database->counters().commits - before;
  };
  const auto commits = commits_of_a_run();
  BOOST_TEST(rows() == 0);
  BOOST_TEST(commits == commits_of_a_run() + 3);  // full, full and the rest
}

BOOST_AUTO_TEST_SUITE_END()
