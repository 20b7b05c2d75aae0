#include <atomic>
#include <csignal>
#include <fstream>
#include <future>
#include <thread>

#include <sqlite3.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "core/base/log.h"
#include "storage/engine/group_writer.h"
#include "storage/fault.h"
#include "storage/schema.h"
#include "storage/sql.h"
#include "tests/storage/fixtures.h"

using namespace essaim;
using namespace essaim::storage;
using namespace essaim::test;

namespace {

Result<void> put(Connection& c, const std::string& name, const std::string& value) {
  return SiteStore(c).set(name, value);
}

std::string get(Database& database, const std::string& name) {
  std::string value;
  must(database.read_now([&](Connection& c) -> Result<void> {
    auto found = SiteStore(c).get(name);
    if (!found.ok()) return found.error();
    value = found->value_or("none");
    return {};
  }));
  return value;
}

Result<void> write(Database& database, const std::string& name, const std::string& value,
                   Durability durability = Durability::kAccept) {
  return database.write_now(durability, [&](Connection& c) { return put(c, name, value); });
}

// With a large post 1 whose text is damaged.
void damage_a_text(TempDatabase* database) {
  make_list(**database);
  commit(**database, [](Connection& c) { return PostStore(c).add(post(1), std::string(3 << 20, 'x')); });
  database->close();
  {
    std::fstream file(database->file(), std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(0, std::ios::end);
    const auto size = file.tellp();
    BOOST_REQUIRE(size > 100'000);
    for (std::streamoff at = size / 2 / 4096 * 4096; at < size; at += 4096) {
      file.seekp(at);
      file << std::string(4096, '\x7f');
    }
  }
  database->reopen();
}

// Collects the log lines of a scope.
class Lines {
 public:
  int count(const std::string& what) {
    const std::lock_guard lock(mutex_);
    return static_cast<int>(std::count_if(lines_.begin(), lines_.end(),
                                          [&](const auto& l) { return l.find(what) != std::string::npos; }));
  }

 private:
  std::mutex mutex_;
  std::vector<std::string> lines_;
  log::Capture capture_{[this](log::Level, std::string_view line) {
    const std::lock_guard lock(mutex_);
    lines_.emplace_back(line);
  }};
};

// No file may grow beyond a limit while it lives: a full disk without a disk.
class FileSizeLimit {
 public:
  explicit FileSizeLimit(rlim_t bytes) {
    ::signal(SIGXFSZ, SIG_IGN);
    ::getrlimit(RLIMIT_FSIZE, &before_);
    rlimit limit = before_;
    limit.rlim_cur = bytes;
    ::setrlimit(RLIMIT_FSIZE, &limit);
  }
  ~FileSizeLimit() { ::setrlimit(RLIMIT_FSIZE, &before_); }

 private:
  rlimit before_{};
};

struct Unarm {
  ~Unarm() { FaultPlan::disarm(); }
};

}  // namespace

BOOST_AUTO_TEST_SUITE(engine)

BOOST_AUTO_TEST_CASE(works_of_many_threads_share_commits_and_each_is_there) {
  TempDatabase database;
  const auto before = database->counters();
  constexpr int kThreads = 16, kWorks = 100;
  std::atomic<int> answered{0}, failed{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < kWorks; ++i) {
        const auto durability = i % 2 == 0 ? Durability::kAccept : Durability::kProgress;
        database->write(
            durability,
            [t, i](Connection& c) { return put(c, std::to_string(t) + "/" + std::to_string(i), "x"); },
            [&](Result<void> r) {
              if (!r.ok()) ++failed;
              ++answered;
            });
      }
    });
  }
  for (auto& thread : threads) thread.join();
  while (answered < kThreads * kWorks) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  BOOST_TEST(failed == 0);
  const auto after = database->counters();
  const auto commits = after.commits - before.commits;
  BOOST_TEST(commits >= 2U);
  BOOST_TEST(commits < kThreads * kWorks / 4U);
  BOOST_TEST(after.durable_commits - before.durable_commits < commits);
  for (int t = 0; t < kThreads; ++t) {
    for (int i = 0; i < kWorks; ++i)
      BOOST_REQUIRE(get(*database, std::to_string(t) + "/" + std::to_string(i)) == "x");
  }
}

BOOST_AUTO_TEST_CASE(a_failing_work_is_rolled_back_alone) {
  TempDatabase database;
  std::promise<void> gate, inside;
  auto opened = gate.get_future().share();
  std::vector<std::future<ErrorCode>> results;
  const auto submit = [&](Work work) {
    auto promise = std::make_shared<std::promise<ErrorCode>>();
    results.push_back(promise->get_future());
    database->write(Durability::kAccept, std::move(work), [promise](Result<void> r) {
      promise->set_value(r.ok() ? ErrorCode::kInternal : r.error().code);
    });
  };
  // The first one holds the writer until the others are queued: they share a transaction.
  submit([&, opened](Connection&) -> Result<void> {
    inside.set_value();
    opened.wait();
    return {};
  });
  inside.get_future().wait();
  submit([](Connection& c) { return put(c, "a", "1"); });
  submit([](Connection& c) -> Result<void> {
    ESSAIM_TRY(put(c, "b", "1"));
    return Error{ErrorCode::kConflict, "changed my mind"};
  });
  submit([](Connection& c) -> Result<void> {
    ESSAIM_TRY(put(c, "c", "1"));
    throw std::runtime_error("from a library");
  });
  submit([](Connection& c) { return c.execute("INSERT INTO nowhere VALUES (1)"); });
  submit([](Connection& c) { return put(c, "d", "1"); });
  const auto commits = database->counters().commits;
  gate.set_value();
  std::vector<ErrorCode> codes;
  for (auto& r : results) codes.push_back(r.get());
  BOOST_TEST((codes[2] == ErrorCode::kConflict));
  BOOST_TEST(database->counters().commits - commits <= 2U);
  BOOST_TEST(get(*database, "a") == "1");
  BOOST_TEST(get(*database, "b") == "none");
  BOOST_TEST(get(*database, "c") == "none");
  BOOST_TEST(get(*database, "d") == "1");
  BOOST_TEST(database->healthy());
}

BOOST_AUTO_TEST_CASE(what_is_told_of_a_work_is_told_behind_its_commit_and_once) {
  TempDatabase database;
  std::vector<std::string> told;
  const auto work = [&told](const std::string& name, bool fails) {
    return [&told, name, fails](Connection& c) -> Result<void> {
      c.behind_commit([&told, name] { told.push_back(name); });
      ESSAIM_TRY(put(c, name, "1"));
      if (fails) return Error{ErrorCode::kConflict, "changed my mind"};
      return {};
    };
  };
  // All of one group, which runs again when one of it has failed.
  std::promise<void> gate, inside, ended;
  auto opened = gate.get_future().share();
  database->write(
      Durability::kAccept,
      [&, opened](Connection&) -> Result<void> {
        inside.set_value();
        opened.wait();
        return {};
      },
      [](const Result<void>&) {});
  inside.get_future().wait();
  database->write(Durability::kAccept, work("a", false), [](const Result<void>&) {});
  database->write(Durability::kAccept, work("b", true), [](const Result<void>&) {});
  std::size_t before_answer = 0;
  database->write(Durability::kAccept, work("c", false), [&](const Result<void>&) {
    before_answer = told.size();
    ended.set_value();
  });
  gate.set_value();
  ended.get_future().wait();
  const std::vector<std::string> both = {"a", "c"};
  BOOST_TEST(told == both, boost::test_tools::per_element());
  BOOST_TEST(before_answer == 2U);
  const Unarm unarm;
  for (const auto where : {FaultPlan::Where::kBeforeCommit, FaultPlan::Where::kAfterCommit}) {
    FaultPlan::arm({where, 1, 1'000'000});
    BOOST_TEST(!database->write_now(Durability::kAccept, work("d", false)).ok());
  }
  FaultPlan::disarm();
  BOOST_TEST(told.size() == 2U);
  must(database->read_now([&](Connection& c) -> Result<void> {
    c.behind_commit([&told] { told.push_back("a read"); });
    return {};
  }));
  must(write(*database, "e", "1"));
  BOOST_TEST(told.size() == 2U);
}

BOOST_AUTO_TEST_CASE(a_commit_is_synced_when_its_works_were_to_be_accepted_and_else_not) {
  TempDatabase database;
  const auto synchronous = [&](Durability durability) {
    std::int64_t value = -1;
    must(database->write_now(durability, [&](Connection& c) -> Result<void> {
      ESSAIM_TRY(put(c, "a", "1"));
      value = must(sql::number(c, -1, "PRAGMA synchronous"));
      return {};
    }));
    return value;
  };
  for (int i = 0; i < 2; ++i) {
    BOOST_TEST(synchronous(Durability::kAccept) == 2);  // FULL
    BOOST_TEST(synchronous(Durability::kAccept) == 2);
    BOOST_TEST(synchronous(Durability::kProgress) == 1);  // NORMAL
    BOOST_TEST(synchronous(Durability::kProgress) == 1);
  }
}

BOOST_AUTO_TEST_CASE(a_reader_sees_one_snapshot_while_others_write) {
  TempDatabase database;
  must(write(*database, "x", "1"));
  must(database->read_now([&](Connection& c) -> Result<void> {
    BOOST_TEST(must(SiteStore(c).get("x")).value() == "1");
    must(write(*database, "x", "2"));
    BOOST_TEST(must(SiteStore(c).get("x")).value() == "1");
    BOOST_TEST(!put(c, "x", "3").ok());  // readers cannot write
    return {};
  }));
  BOOST_TEST(get(*database, "x") == "2");
}

BOOST_AUTO_TEST_CASE(what_was_queued_is_finished_when_the_database_closes) {
  TempDatabase database;
  std::atomic<int> done{0};
  for (int i = 0; i < 500; ++i) {
    database->write(
        Durability::kProgress, [i](Connection& c) { return put(c, std::to_string(i), "x"); },
        [&](Result<void> r) { done += r.ok() ? 1 : 0; });
  }
  database.close();
  BOOST_TEST(done == 500);
  database.reopen();
  BOOST_TEST(get(*database, "499") == "x");
}

BOOST_AUTO_TEST_CASE(a_full_disk_is_told_once_and_over_when_there_is_space_again) {
  TempDatabase database;
  Lines lines;
  // Somebody who reads keeps the log from beginning anew, which would make room in it.
  std::promise<void> reading, over, read;
  database->read(
      [&](Connection& c) -> Result<void> {
        auto seen = SiteStore(c).get("after");
        if (!seen.ok()) return seen.error();
        reading.set_value();
        over.get_future().wait();
        return {};
      },
      [&](const Result<void>&) { read.set_value(); });
  reading.get_future().wait();
  {
    const FileSizeLimit limit(1U << 20);
    const std::string much(300'000, 'x');
    int failures = 0;
    for (int i = 0; i < 8; ++i) {
      const auto result = write(*database, "big" + std::to_string(i), much);
      if (result.ok()) continue;
      ++failures;
      BOOST_TEST((result.error().code == ErrorCode::kExhausted), result.error().message);
      BOOST_TEST(!database->healthy());
    }
    BOOST_TEST(failures > 1);
    BOOST_TEST(lines.count("database.failing") == 1);
  }
  over.set_value();
  read.get_future().wait();
  must(write(*database, "after", "x"));
  BOOST_TEST(database->healthy());
  BOOST_TEST(lines.count("database.recovered") == 1);
  must(database->check());
  database.reopen();
  BOOST_TEST(get(*database, "after") == "x");
}

BOOST_AUTO_TEST_CASE(a_lock_held_by_another_process_is_temporary) {
  TempDatabase database;
  DatabaseOptions options;
  options.url = database.url();
  options.busy_timeout = std::chrono::milliseconds(50);
  auto ours = must(Database::open(options));
  sqlite3* other = nullptr;
  BOOST_REQUIRE(sqlite3_open(database.file().c_str(), &other) == SQLITE_OK);
  BOOST_REQUIRE(sqlite3_exec(other, "BEGIN IMMEDIATE", nullptr, nullptr, nullptr) == SQLITE_OK);
  Lines lines;
  BOOST_TEST((code_of(write(*ours, "x", "1")) == ErrorCode::kTemporary));
  BOOST_TEST(!ours->healthy());
  BOOST_TEST(get(*ours, "x") == "none");  // reading goes on
  sqlite3_exec(other, "COMMIT", nullptr, nullptr, nullptr);
  sqlite3_close(other);
  must(write(*ours, "x", "1"));
  BOOST_TEST(ours->healthy());
}

BOOST_AUTO_TEST_CASE(a_damaged_or_foreign_file_is_refused_with_its_name) {
  TempDir directory;
  DatabaseOptions options;
  options.create = true;
  options.url = "sqlite:" + directory.path("garbage.db");
  std::ofstream(directory.path("garbage.db")) << std::string(8192, 'g');
  auto garbage = Database::open(options);
  BOOST_REQUIRE(!garbage.ok());
  BOOST_TEST((garbage.error().code == ErrorCode::kDamaged), garbage.error().message);
  BOOST_TEST(garbage.error().message.find("garbage.db") != std::string::npos);
  sqlite3* other = nullptr;
  sqlite3_open(directory.path("other.db").c_str(), &other);
  sqlite3_exec(other, "CREATE TABLE t (x)", nullptr, nullptr, nullptr);
  sqlite3_close(other);
  options.url = "sqlite:" + directory.path("other.db");
  BOOST_TEST((Database::open(options).error().code == ErrorCode::kInvalid));
  options.url = "postgres:x";
  BOOST_TEST((Database::open(options).error().code == ErrorCode::kInvalid));
}

// SQLite writes nothing more in a transaction that has met a damaged page.
BOOST_AUTO_TEST_CASE(what_meets_a_damaged_page_takes_no_other_work_with_it) {
  TempDatabase database;
  damage_a_text(&database);
  Lines lines;
  std::promise<void> go;
  std::promise<std::string> all;
  std::string results;
  const auto told = [&](const char* name) {
    return [&results, &all, name](const Result<void>& result) {
      results += std::string(name) + (result.ok() ? "+" : "-");
      if (results.size() == 12) all.set_value(results);
    };
  };
  const auto adds = [](const char* name) { return [name](Connection& c) { return put(c, name, "1"); }; };
  const auto damaged = [](Connection& c) { return c.execute("DELETE FROM rendering WHERE post_id = 1"); };
  // While the first one waits, the others gather.
  database->write(
      Durability::kProgress,
      [ready = go.get_future().share()](Connection&) -> Result<void> {
        ready.wait();
        return {};
      },
      [](const Result<void>&) {});
  database->write(Durability::kProgress, adds("a"), told("a"));
  database->write(Durability::kProgress, damaged, told("x"));
  database->write(Durability::kProgress, adds("b"), told("b"));
  database->write(Durability::kProgress, adds("c"), told("c"));
  database->write(Durability::kProgress, damaged, told("y"));
  database->write(Durability::kProgress, adds("d"), told("d"));
  go.set_value();
  BOOST_TEST(all.get_future().get() == "a+x-b+c+y-d+");
  for (const char* name : {"a", "b", "c", "d"}) BOOST_TEST(get(*database, name) == "1");
}

BOOST_AUTO_TEST_CASE(a_page_that_is_damaged_later_fails_what_needs_it) {
  TempDatabase database;
  damage_a_text(&database);
  Lines lines;
  const auto read = database->read_now([](Connection& c) -> Result<void> {
    auto rendering = PostStore(c).rendering(1);
    return rendering.ok() ? Result<void>() : rendering.error();
  });
  BOOST_TEST((code_of(read) == ErrorCode::kDamaged));
  BOOST_TEST(read.error().message.find("restore a backup") != std::string::npos);
  const auto result = database->write_now(Durability::kAccept, [](Connection& c) {
    return c.execute("DELETE FROM rendering WHERE post_id = 1");
  });
  BOOST_REQUIRE(!result.ok());
  BOOST_TEST((result.error().code == ErrorCode::kDamaged), result.error().message);
  BOOST_TEST(lines.count("database.damaged") == 1);
  must(write(*database, "x", "1"));  // what is whole goes on
  BOOST_TEST((code_of(database->check()) == ErrorCode::kDamaged));
}

BOOST_AUTO_TEST_CASE(every_statement_and_commit_can_be_made_to_fail_and_leaves_nothing_behind) {
  TempDatabase database;
  make_list(*database);
  const Unarm unarm;
  Lines lines;
  const auto accept = [&](Id id) {
    return database->write_now(Durability::kAccept, [&](Connection& c) -> Result<void> {
      auto p = post(id);
      return add_expanded(c, &p, "body", "", 0, people(3, "a.test"));
    });
  };
  FaultPlan::Plan plan;
  plan.first = 0;
  FaultPlan::arm(plan);
  must(accept(1));
  const auto statements = FaultPlan::seen(FaultPlan::Where::kStatement);
  BOOST_TEST(statements == 4U);  // post, rendering, batch, its state
  for (std::uint64_t k = 1; k <= statements; ++k) {
    plan.first = k;
    FaultPlan::arm(plan);
    BOOST_TEST((code_of(accept(2)) == ErrorCode::kIo));
    FaultPlan::disarm();
    must(database->read_now([](Connection& c) -> Result<void> {
      BOOST_TEST(!must(PostStore(c).find(2)).has_value());
      BOOST_TEST(must(BatchStore(c).of_post(2, false)).empty());
      return {};
    }));
  }
  plan = {FaultPlan::Where::kBeforeCommit, 1, 1, FaultPlan::What::kFail, ErrorCode::kExhausted};
  FaultPlan::arm(plan);
  BOOST_TEST((code_of(accept(2)) == ErrorCode::kExhausted));
  BOOST_TEST(!database->healthy());
  BOOST_TEST(lines.count("database.failing") == 1);
  must(accept(2));
  BOOST_TEST(database->healthy());
  BOOST_TEST(lines.count("database.recovered") == 1);
  plan.where = FaultPlan::Where::kAfterCommit;
  FaultPlan::arm(plan);
  BOOST_TEST((code_of(accept(3)) == ErrorCode::kUnknownOutcome));
  FaultPlan::disarm();
  BOOST_TEST((code_of(accept(3)) == ErrorCode::kExists));  // it was committed
}

BOOST_AUTO_TEST_CASE(a_backup_of_a_running_database_is_whole_and_never_overwrites) {
  TempDatabase database;
  make_list(*database);
  std::atomic<bool> stop{false};
  std::thread writer([&] {
    for (int i = 0; !stop; ++i)
      static_cast<void>(write(*database, std::to_string(i % 100), std::string(5000, 'x')).ok());
  });
  const std::string copy = database.directory().path("copy.db");
  const auto result = database->backup(copy);
  const auto again = database->backup(copy);
  stop = true;
  writer.join();
  must(result);
  BOOST_TEST((code_of(again) == ErrorCode::kExists));
  struct stat status {};
  BOOST_REQUIRE(::stat(copy.c_str(), &status) == 0);
  BOOST_TEST((status.st_mode & 0777) == 0600U);
  DatabaseOptions options;
  options.url = "sqlite:" + copy;
  auto restored = must(Database::open(options));
  must(require_newest(*restored));
  must(restored->check());
  must(restored->read_now([](Connection& c) -> Result<void> {
    BOOST_TEST(must(DirectoryStore(c).find_list("dev", "lists.test")).has_value());
    return {};
  }));
}

BOOST_AUTO_TEST_CASE(the_log_is_checkpointed_and_does_not_grow_for_ever) {
  TempDatabase database;
  const std::string value(100'000, 'x');
  for (int i = 0; i < 200; ++i) must(write(*database, std::to_string(i % 10), value, Durability::kProgress));
  struct stat status {};
  const auto size = [&] {
    return ::stat((database.file() + "-wal").c_str(), &status) == 0 ? status.st_size : 0;
  };
  std::this_thread::sleep_for(std::chrono::milliseconds(1500));
  for (int i = 0; i < 20; ++i) must(write(*database, "one", "x", Durability::kProgress));
  BOOST_TEST(size() < 25'000'000);
  must(database->check());
}

BOOST_AUTO_TEST_CASE(what_is_asked_often_is_found_by_its_index) {
  TempDatabase database;
  const std::vector<std::pair<std::string, std::string>> asked = {
      {"INDEX batch_due (queue=?", "SELECT MIN(due) FROM batch_state WHERE queue = 2"},
      {"INDEX batch_due (queue=?", "SELECT 1 FROM batch_state WHERE queue = 2 AND due <= 1 LIMIT 1"},
      {"INDEX batch_due (queue=?", "SELECT rowid FROM batch_state WHERE queue = 2 AND due <= 1 LIMIT 5000"},
      {"INDEX batch_due (queue=?",
       "SELECT rowid FROM batch_state WHERE queue = 2 AND due > 1 AND INSTR(why, 'x') > 0 ORDER BY due DESC "
       "LIMIT 5000"},
      {"USING INTEGER PRIMARY KEY",
       "UPDATE batch_state SET queue = 1 WHERE rowid IN (SELECT rowid FROM batch_state WHERE queue = 2 AND "
       "due <= 1 LIMIT 5000)"},
      {"INDEX post_message_id (message_id=?",
       "SELECT p.id FROM post p WHERE p.finished > 0 AND p.message_id = ? ORDER BY p.accepted DESC, p.id "
       "DESC"},
      {"INDEX post_accepted",
       "SELECT p.id FROM post p WHERE p.finished > 0 ORDER BY p.accepted DESC, p.id DESC"},
      {"INDEX post_accepted (accepted>?",
       "SELECT p.id FROM post p WHERE p.finished > 0 AND p.accepted >= 1 ORDER BY p.accepted DESC, p.id "
       "DESC"},
      {"INDEX post_finished (finished=?",
       "SELECT p.id FROM post p WHERE p.finished = 0 AND p.message_id = ? ORDER BY p.accepted DESC, p.id "
       "DESC"}};
  must(database->read_now([&asked](Connection& c) -> Result<void> {
    for (const auto& [index, statement] : asked) {
      Statement& plan = *must(c.prepare("EXPLAIN QUERY PLAN " + statement));
      BOOST_TEST(must(plan.step()));
      BOOST_TEST(std::string(plan.text(3)).find(index) != std::string::npos, statement);
    }
    return {};
  }));
}

BOOST_AUTO_TEST_CASE(a_writer_whose_database_is_out_of_reach_is_seen_to_try) {
  GroupWriter writer(
      "x",
      []() -> Result<std::unique_ptr<EngineConnection>> {
        return Error{ErrorCode::kIo, "no route"};
      },
      3);
  writer.start();
  std::promise<Result<void>> done;
  writer.write(
      Durability::kProgress, [](Connection&) { return Result<void>(); },
      [&done](Result<void> result) { done.set_value(std::move(result)); });
  BOOST_TEST((code_of(done.get_future().get()) == ErrorCode::kIo));
  BOOST_TEST(writer.counters().attempts == 4U);
  BOOST_TEST(writer.counters().failed_commits == 1U);
}

BOOST_AUTO_TEST_SUITE_END()
