// The write-ahead log after a sync that failed: written again as it was, believed only if it is what was committed, and the
// database made whole from it. What a real failure takes is tried by tests/crash/run --power.
#include <atomic>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <mutex>
#include <optional>
#include <string>
#include <thread>

#include <boost/test/unit_test.hpp>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "storage/sql.h"
#include "storage/sqlite/file_layer.h"
#include "storage/sqlite/log_mending.h"
#include "storage/sqlite/sqlite_connection.h"
#include "tests/storage/sqlite_handle.h"
#include "tests/support/temp_database.h"

using essaim::ErrorCode;
using essaim::storage::LogMending;
using Found = LogMending::Found;
using essaim::test::rows;
using essaim::test::SqliteHandle;

namespace {

// Syncs of files whose names end so fail, so many times.
struct FailingSyncs {
  std::mutex mutex;
  std::string ending;
  int times = 0;
  int of_logs = 0;  // how many were asked for
} g_syncs;

void fail_syncs(const std::string& ending, int times) {
  const std::lock_guard lock(g_syncs.mutex);
  g_syncs.ending = ending;
  g_syncs.times = times;
}
int syncs_of_logs() {
  const std::lock_guard lock(g_syncs.mutex);
  return g_syncs.of_logs;
}
int failures_left() {
  const std::lock_guard lock(g_syncs.mutex);
  return g_syncs.times;
}

}  // namespace

// In place of the C library's, for SQLite too.
extern "C" int fdatasync(int fd) {
  {
    const std::lock_guard lock(g_syncs.mutex);
    std::error_code ignored;
    const std::string path = std::filesystem::read_symlink("/proc/self/fd/" + std::to_string(fd), ignored);
    if (path.ends_with("-wal")) ++g_syncs.of_logs;
    if (g_syncs.times > 0 && path.ends_with(g_syncs.ending)) {
      --g_syncs.times;
      errno = EIO;
      return -1;
    }
  }
  return static_cast<int>(::syscall(SYS_fdatasync, fd));
}

namespace {

// Notes which octets of a file are written, and when it is synced.
class Recorder : public essaim::test::ReplacedMethods {
 public:
  explicit Recorder(sqlite3* connection) : ReplacedMethods(connection, SQLITE_FCNTL_JOURNAL_POINTER) {
    self = this;
    methods_.xWrite = [](sqlite3_file* file, const void* data, int size, sqlite3_int64 at) {
      self->contiguous = self->contiguous && at == self->written;
      self->written = at + size;
      self->synced = false;
      return self->below_->xWrite(file, data, size, at);
    };
    methods_.xSync = [](sqlite3_file* file, int flags) {
      self->synced = true;
      return self->below_->xSync(file, flags);
    };
  }

  bool contiguous = true, synced = false;
  sqlite3_int64 written = 0;

 private:
  static inline Recorder* self = nullptr;
};

// Reads or writes of the log fail, so many times, from the second on.
class FailingLog : public essaim::test::ReplacedMethods {
 public:
  FailingLog(sqlite3* connection, int code, int times)
      : ReplacedMethods(connection, SQLITE_FCNTL_JOURNAL_POINTER), code_(code), left(times) {
    self = this;
    methods_.xRead = [](sqlite3_file* file, void* data, int size, sqlite3_int64 at) {
      return self->fails(SQLITE_IOERR_READ) ? self->code_ : self->below_->xRead(file, data, size, at);
    };
    methods_.xWrite = [](sqlite3_file* file, const void* data, int size, sqlite3_int64 at) {
      const bool fails = self->fails(SQLITE_IOERR_WRITE) || self->fails(SQLITE_FULL);
      return fails ? self->code_ : self->below_->xWrite(file, data, size, at);
    };
  }

 private:
  bool fails(int code) { return code == code_ && calls_++ > 0 && left-- > 0; }
  static inline FailingLog* self = nullptr;
  const int code_;
  int calls_ = 0;

 public:
  int left;
};

const std::string kCount = "SELECT COUNT(*) FROM t";

struct Site {
  essaim::test::TempDir folder;
  const std::string file = folder.path("x.db"), log = file + "-wal";
  SqliteHandle ours{file, essaim::storage::file_layer()};
  SqliteHandle other{file, nullptr};
  LogMending mending{file};
  Site() { BOOST_REQUIRE(ours.run("CREATE TABLE t (a INTEGER PRIMARY KEY, b TEXT)")); }

  // What was in the way.
  std::optional<ErrorCode> mend() {
    const auto mended = mending.mend(ours.get());
    if (mended.ok()) return std::nullopt;
    return mended.error().code;
  }
  bool mends() {
    const auto mended = mending.mend(ours.get());
    if (!mended.ok()) BOOST_TEST_MESSAGE(mended.error().message);
    return mended.ok() && *mended == Found::kWhole;
  }
  bool finds_it_lost() {
    const auto mended = mending.mend(ours.get());
    return mended.ok() && *mended == Found::kLost;
  }
};

std::string contents(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

void overwrite(const std::string& path, std::size_t at, const std::string& with) {
  std::fstream file(path, std::ios::binary | std::ios::in | std::ios::out);
  file.seekp(static_cast<std::streamoff>(at));
  file.write(with.data(), static_cast<std::streamsize>(with.size()));
  BOOST_REQUIRE(file.good());
}

// Without the log.
void expect_in_the_database(const Site& site, const std::string& count) {
  const std::string copy = site.folder.path("copy.db");
  std::filesystem::copy_file(site.file, copy);
  SqliteHandle survivor(copy, nullptr);
  BOOST_TEST(survivor.value(kCount) == count);
  BOOST_TEST(survivor.value("PRAGMA integrity_check") == "ok");
}

}  // namespace

BOOST_AUTO_TEST_SUITE(log_mending)

BOOST_AUTO_TEST_CASE(only_a_sync_that_failed_makes_doubt) {
  LogMending mending("x");
  for (const int code : {SQLITE_OK, SQLITE_BUSY, SQLITE_FULL, SQLITE_IOERR_WRITE, SQLITE_IOERR_READ})
    mending.note(code);
  BOOST_TEST(!mending.doubtful());
  mending.note(SQLITE_IOERR_FSYNC);
  BOOST_TEST(mending.doubtful());
}

BOOST_AUTO_TEST_CASE(the_log_is_written_again_as_it_was) {
  Site site;
  for (int i = 0; i < 20; ++i) BOOST_REQUIRE(site.ours.run(rows(i * 100, 100, 3000)));
  const std::string before = contents(site.log);
  site.mending.doubt();
  {
    const Recorder recorder(site.ours.get());
    BOOST_REQUIRE(site.mends());
    BOOST_TEST(recorder.contiguous);
    BOOST_TEST(recorder.written == static_cast<sqlite3_int64>(before.size()));
    BOOST_TEST(recorder.synced);
  }
  BOOST_TEST(!site.mending.doubtful());
  BOOST_TEST((contents(site.log) == before));
  site.mending.doubt();
  const auto mended = site.mending.mend(site.other.get());  // through SQLite's own layer
  BOOST_TEST(mended.ok());
  BOOST_TEST((contents(site.log) == before));
  BOOST_REQUIRE(site.ours.run(rows(5000, 10, 3000)));
  BOOST_TEST(site.other.value(kCount) == "2010");
  BOOST_TEST(site.other.value("PRAGMA integrity_check") == "ok");
}

BOOST_AUTO_TEST_CASE(a_log_with_nothing_in_it_or_other_pages_is_mended_too) {
  for (const char* size : {"512", "65536"}) {
    essaim::test::TempDir folder;
    const std::string file = folder.path("x.db");
    {
      SqliteHandle plain(file, nullptr);
      BOOST_REQUIRE(
          plain.run("PRAGMA journal_mode=DELETE; PRAGMA page_size=" + std::string(size) + "; VACUUM"));
    }
    SqliteHandle handle(file, essaim::storage::file_layer());
    LogMending mending(file);
    mending.doubt();
    auto mended = mending.mend(handle.get());
    BOOST_TEST(mended.ok());
    BOOST_REQUIRE(handle.run("CREATE TABLE t (a INTEGER PRIMARY KEY, b TEXT)"));
    BOOST_REQUIRE(handle.run(rows(0, 300, 3000)));
    const std::string old_salts = contents(file + "-wal").substr(16, 8);
    BOOST_REQUIRE(handle.run("PRAGMA wal_checkpoint(RESTART)"));
    BOOST_REQUIRE(handle.run(rows(1000, 1, 3000)));  // new frames in front of old ones
    BOOST_TEST((contents(file + "-wal").substr(16, 8) != old_salts));
    mending.doubt();
    mended = mending.mend(handle.get());
    BOOST_TEST((mended.ok() && *mended == Found::kWhole));
    BOOST_REQUIRE(handle.run("PRAGMA wal_checkpoint(TRUNCATE)"));
    mending.doubt();
    mended = mending.mend(handle.get());  // all is in the database
    BOOST_TEST((mended.ok() && *mended == Found::kWhole));
    BOOST_TEST(handle.value(kCount) == "301");
    BOOST_TEST(handle.value("PRAGMA page_size") == size);
  }
}

BOOST_AUTO_TEST_CASE(what_was_given_up_behind_the_last_commit_does_not_count) {
  Site site;
  BOOST_REQUIRE(site.ours.run("PRAGMA cache_size=10"));
  BOOST_REQUIRE(site.ours.run(rows(0, 100, 3000)));
  BOOST_REQUIRE(site.ours.run("BEGIN"));
  BOOST_REQUIRE(site.ours.run(rows(1000, 500, 3000)));
  BOOST_REQUIRE(site.ours.run("ROLLBACK"));
  site.mending.doubt();
  BOOST_REQUIRE(site.mends());
  BOOST_TEST(site.other.value(kCount) == "100");
}

BOOST_AUTO_TEST_CASE(what_is_not_as_it_was_committed_is_not_believed) {
  for (const std::size_t at : {std::size_t{17}, std::size_t{40}, std::size_t{5000}, std::size_t{200'000}}) {
    Site site;
    BOOST_REQUIRE(site.ours.run(rows(0, 100, 3000)));
    const std::string now = contents(site.log);
    BOOST_REQUIRE(now.size() > at);
    overwrite(site.log, at, std::string(1, static_cast<char>(now[at] ^ 1)));
    site.mending.doubt();
    BOOST_TEST(site.finds_it_lost(), "octet " << at);
    BOOST_TEST(site.mending.doubtful());
    overwrite(site.log, at, now.substr(at, 1));
    BOOST_TEST(site.mends());
  }
  Site site;
  BOOST_REQUIRE(site.ours.run(rows(0, 100, 3000)));
  std::filesystem::resize_file(site.log, 100'000);
  site.mending.doubt();
  BOOST_TEST(site.finds_it_lost());
}

BOOST_AUTO_TEST_CASE(the_next_checkpoint_writes_all_pages_again) {
  Site site;
  BOOST_REQUIRE(site.ours.run(rows(0, 500, 3000)));
  BOOST_REQUIRE(site.ours.run("PRAGMA wal_checkpoint(PASSIVE)"));
  // The kernel did not get these pages to the disk, though they were copied long before the sync that told of it.
  overwrite(site.file, 4096, std::string(40 * 4096, '\0'));
  BOOST_REQUIRE(site.ours.run("PRAGMA wal_checkpoint(PASSIVE)"));
  site.mending.doubt();
  BOOST_REQUIRE(site.mends());
  BOOST_REQUIRE(site.ours.run("PRAGMA wal_checkpoint(PASSIVE)"));
  expect_in_the_database(site, "500");
}

BOOST_AUTO_TEST_CASE(in_doubt_the_log_outlives_the_last_connection) {
  using essaim::storage::SqliteConnection;
  for (const bool doubtful : {false, true}) {
    essaim::test::TempDir folder;
    const std::string file = folder.path("x.db");
    LogMending mending(file);
    {
      auto opened = SqliteConnection::open(file, SqliteConnection::Use::kWrite, std::chrono::seconds(1), true,
                                           nullptr, &mending);
      BOOST_REQUIRE(opened.ok());
      BOOST_REQUIRE((*opened)->pragma("schema_version").ok());
      BOOST_TEST(mending.doubtful());  // the first that reads it trusts no log
      BOOST_REQUIRE(mending.mend((*opened)->handle()).ok());
      BOOST_TEST(!mending.doubtful());
      BOOST_REQUIRE((*opened)->execute("CREATE TABLE t (a INTEGER PRIMARY KEY, b TEXT)").ok());
      BOOST_REQUIRE((*opened)->execute(rows(0, 100, 3000)).ok());
      if (doubtful) mending.doubt();
    }
    std::error_code ignored;
    BOOST_TEST((std::filesystem::exists(file + "-wal", ignored) == doubtful));
    SqliteHandle next(file, nullptr);
    BOOST_TEST(next.value(kCount) == "100");
  }
}

BOOST_AUTO_TEST_CASE(what_a_reader_held_back_is_copied_again_too) {
  Site site;
  BOOST_REQUIRE(site.ours.run(rows(0, 300, 3000)));
  BOOST_REQUIRE(site.other.run("BEGIN"));
  BOOST_TEST(site.other.value(kCount) == "300");
  BOOST_REQUIRE(site.ours.run(rows(1000, 300, 3000)));
  BOOST_REQUIRE(site.ours.run("PRAGMA wal_checkpoint(PASSIVE)"));  // a part, and no sync of it
  overwrite(site.file, 4096, std::string(40 * 4096, '\0'));
  site.mending.doubt();
  BOOST_REQUIRE(site.mends());
  BOOST_REQUIRE(site.other.run("COMMIT"));
  BOOST_REQUIRE(site.ours.run("PRAGMA wal_checkpoint(PASSIVE)"));
  expect_in_the_database(site, "600");
}

BOOST_AUTO_TEST_CASE(a_log_that_a_dead_process_left_is_in_doubt_and_one_in_use_is_not) {
  Site site;
  BOOST_REQUIRE(site.ours.run(rows(0, 100, 3000)));
  const auto doubted = [](const std::string& file) {
    LogMending mending(file);
    SqliteHandle handle(file, essaim::storage::file_layer(), &mending);
    BOOST_TEST(handle.value(kCount) == "100");
    return mending.doubtful();
  };
  BOOST_TEST(!doubted(site.file));
  const std::string left = site.folder.path("left.db");
  std::filesystem::copy_file(site.file, left);
  std::filesystem::copy_file(site.log, left + "-wal");
  BOOST_TEST(doubted(left));
  BOOST_TEST(doubted(left));  // it was only read: the log is there as it was
  BOOST_TEST((contents(left + "-wal") == contents(site.log)));
}

BOOST_AUTO_TEST_CASE(while_somebody_else_writes_or_copies_the_doubt_stays) {
  Site site;
  BOOST_REQUIRE(site.ours.run(rows(0, 10, 3000)));
  site.mending.doubt();
  BOOST_REQUIRE(site.other.run("BEGIN IMMEDIATE"));
  BOOST_TEST((site.mend() == ErrorCode::kTemporary));
  BOOST_TEST(site.mending.doubtful());
  BOOST_REQUIRE(site.other.run("COMMIT"));
  sqlite3_file* database = nullptr;
  BOOST_REQUIRE(sqlite3_file_control(site.other.get(), "main", SQLITE_FCNTL_FILE_POINTER, &database) ==
                SQLITE_OK);
  const auto checkpoints = [database](int how) {
    return database->pMethods->xShmLock(database, 1, 1, how | SQLITE_SHM_EXCLUSIVE);
  };
  BOOST_REQUIRE(checkpoints(SQLITE_SHM_LOCK) == SQLITE_OK);
  BOOST_TEST((site.mend() == ErrorCode::kTemporary));
  BOOST_TEST(site.mending.doubtful());
  BOOST_REQUIRE(checkpoints(SQLITE_SHM_UNLOCK) == SQLITE_OK);
  BOOST_TEST(site.mends());
  BOOST_TEST(!site.mending.doubtful());
}

BOOST_AUTO_TEST_CASE(
    a_descriptor_that_hears_late_of_a_failure_does_no_harm_and_a_disk_that_stays_broken_does) {
  Site site;
  essaim::storage::watch_syncs(site.ours.get(), site.mending);
  BOOST_REQUIRE(site.ours.run(rows(0, 10, 3000)));
  site.mending.doubt();
  fail_syncs("-wal", 1);
  BOOST_TEST(site.mends());
  BOOST_TEST(!site.mending.doubtful());
  site.mending.doubt();
  fail_syncs("-wal", 2);
  BOOST_TEST((site.mend() == ErrorCode::kIo));
  BOOST_TEST(failures_left() == 0);
  BOOST_TEST(site.mending.doubtful());
  BOOST_TEST(site.other.run(rows(100, 10, 3000)));  // no lock is left behind
  BOOST_TEST(site.other.run("PRAGMA wal_checkpoint(PASSIVE)"));
  BOOST_TEST(site.mends());
  BOOST_TEST(site.other.value(kCount) == "20");
}

BOOST_AUTO_TEST_CASE(a_log_that_cannot_be_read_or_written_again_stays_in_doubt_and_is_not_lost) {
  for (const int code : {SQLITE_IOERR_READ, SQLITE_IOERR_WRITE, SQLITE_FULL}) {
    BOOST_TEST_CONTEXT(sqlite3_errstr(code)) {
      Site site;
      BOOST_REQUIRE(site.ours.run(rows(0, 300, 3000)));
      const std::string before = contents(site.log);
      site.mending.doubt();
      {
        const FailingLog log(site.ours.get(), code, 2);
        const auto expected = code == SQLITE_FULL ? ErrorCode::kExhausted : ErrorCode::kIo;
        BOOST_TEST((site.mend() == expected));
        BOOST_TEST(site.mending.doubtful());
        BOOST_TEST((log.left < 2));
      }
      BOOST_TEST(site.other.run("BEGIN IMMEDIATE; ROLLBACK"));  // no lock is left behind
      BOOST_TEST(site.mends());
      BOOST_TEST((contents(site.log) == before));
      BOOST_TEST(site.other.value(kCount) == "300");
    }
  }
}

BOOST_AUTO_TEST_CASE(in_doubt_no_sync_of_the_log_is_believed) {
  Site site;
  SqliteHandle second(site.file, essaim::storage::file_layer());
  for (SqliteHandle* handle : {&site.ours, &second}) {
    essaim::storage::watch_syncs(handle->get(), site.mending);
    BOOST_REQUIRE(handle->run("PRAGMA synchronous=FULL"));
  }
  BOOST_REQUIRE(site.ours.run(rows(0, 10, 3000)));
  fail_syncs("-wal", 1);
  BOOST_TEST(!site.ours.run(rows(100, 10, 3000)));
  BOOST_TEST(failures_left() == 0);
  BOOST_TEST(site.mending.doubtful());
  // Its sync would succeed: whoever was past asking when the other one failed.
  BOOST_TEST(!second.run(rows(200, 10, 3000)));
  BOOST_TEST(!second.run("PRAGMA wal_checkpoint(PASSIVE)"));
  BOOST_TEST(site.mends());
  BOOST_TEST(second.run(rows(300, 10, 3000)));
  BOOST_TEST(second.run("PRAGMA wal_checkpoint(PASSIVE)"));
  BOOST_TEST(site.other.value(kCount) == "20");
  // The database's own.
  fail_syncs("x.db", 1);
  BOOST_TEST(site.ours.run(rows(400, 10, 3000)));
  BOOST_TEST(!site.ours.run("PRAGMA wal_checkpoint(PASSIVE)"));
  BOOST_TEST(site.mending.doubtful());
  BOOST_TEST(site.mends());
  BOOST_TEST(site.ours.run("PRAGMA wal_checkpoint(PASSIVE)"));
}

BOOST_AUTO_TEST_CASE(a_database_goes_on_when_syncs_have_failed) {
  if (!essaim::test::TempDatabase::is_sqlite()) return;
  using essaim::storage::Durability;
  essaim::test::TempDatabase database;
  const auto add = [&](int i) {
    return database->write_now(Durability::kAccept, [i](essaim::storage::Connection& c) {
      return c.execute("INSERT INTO meta (name, value) VALUES ('mending " + std::to_string(i) + "', 'x')");
    });
  };
  int kept = 0;
  for (int i = 0; i < 60; ++i) {
    if (i % 10 == 5) fail_syncs(i % 20 == 5 ? "-wal" : ".db", 1 + i % 3);
    const auto added = add(i);
    kept += added.ok() ? 1 : 0;
    if (!added.ok())
      BOOST_TEST((added.error().code == ErrorCode::kUnknownOutcome || added.error().code == ErrorCode::kIo));
    if (i % 10 == 6)
      std::this_thread::sleep_for(std::chrono::milliseconds(1200));  // checkpoints meet it, too
  }
  fail_syncs("", 0);
  BOOST_TEST(kept >= 50);
  BOOST_TEST(kept < 60);
  BOOST_REQUIRE(add(1000).ok());
  database.reopen();
  int found = 0;
  const auto counted = database->read_now([&](essaim::storage::Connection& c) -> essaim::Result<void> {
    const auto count =
        essaim::storage::sql::number(c, 0, "SELECT COUNT(*) FROM meta WHERE name LIKE 'mending %'");
    if (!count.ok()) return count.error();
    found = static_cast<int>(*count);
    return {};
  });
  BOOST_REQUIRE(counted.ok());
  BOOST_TEST(found == kept + 1);
  BOOST_TEST(database->check().ok());
}

// As a backup does. A checkpoint copies nothing then, and would sync nothing.
BOOST_AUTO_TEST_CASE(progress_is_synced_while_somebody_reads_for_long) {
  if (!essaim::test::TempDatabase::is_sqlite()) return;
  essaim::test::TempDatabase database;
  SqliteHandle reader(database.file(), nullptr);
  const auto note = [&](int i) {
    const auto added =
        database->write_now(essaim::storage::Durability::kProgress, [i](essaim::storage::Connection& c) {
          return c.execute("INSERT INTO meta (name, value) VALUES ('progress " + std::to_string(i) +
                           "', 'x')");
        });
    BOOST_REQUIRE(added.ok());
  };
  note(0);
  BOOST_REQUIRE(reader.run("BEGIN"));
  reader.value("SELECT COUNT(*) FROM meta");
  for (int i = 1; i < 5; ++i) {
    note(i);
    const int before = syncs_of_logs();
    for (int waits = 0; waits < 12'000 && syncs_of_logs() == before; ++waits)
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    BOOST_TEST(syncs_of_logs() > before, "progress " << i);
  }
  BOOST_REQUIRE(reader.run("COMMIT"));
}

BOOST_AUTO_TEST_CASE(a_process_whose_log_is_lost_ends) {
  const pid_t child = ::fork();
  BOOST_REQUIRE(child >= 0);
  if (child == 0) {
    std::signal(SIGABRT, SIG_DFL);  // not the test's affair
    Site site;
    site.ours.run(rows(0, 100, 3000));
    overwrite(site.log, 5000, "lost");
    site.mending.doubt();
    static_cast<void>(site.mending.mend_or_end(site.ours.get()));
    ::_exit(0);
  }
  int status = 0;
  BOOST_REQUIRE(::waitpid(child, &status, 0) == child);
  BOOST_TEST(WIFSIGNALED(status));
}

BOOST_AUTO_TEST_CASE(beside_others_that_write_and_checkpoint_nothing_is_lost) {
  Site site;
  std::atomic<bool> stop{false};
  std::atomic<int> written{0};
  std::thread beside([&] {
    SqliteHandle handle(site.file, nullptr);
    handle.run("PRAGMA busy_timeout=10000");
    for (int i = 0; !stop; ++i) {
      if (handle.run(rows(1'000'000 + i * 10, 10, 2000))) written += 10;
      if (i % 7 == 0)
        handle.run(i % 2 == 0 ? "PRAGMA wal_checkpoint(RESTART)" : "PRAGMA wal_checkpoint(TRUNCATE)");
    }
  });
  site.ours.run("PRAGMA busy_timeout=10000");
  int mended = 0;
  for (int i = 0; i < 200; ++i) {
    if (site.ours.run(rows(i * 10, 10, 2000))) written += 10;
    site.mending.doubt();
    const auto trouble = site.mend();
    BOOST_TEST((!trouble || *trouble == ErrorCode::kTemporary));
    mended += trouble ? 0 : 1;
  }
  stop = true;
  beside.join();
  BOOST_TEST(mended > 10);
  BOOST_TEST(site.other.value(kCount) == std::to_string(written));
  BOOST_TEST(site.other.value("PRAGMA integrity_check") == "ok");
}

BOOST_AUTO_TEST_SUITE_END()
