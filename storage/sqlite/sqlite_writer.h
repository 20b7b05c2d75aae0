// The writer of an SQLite database: one thread, two connections (synchronous=FULL for what must survive power
// loss, NORMAL for progress). Works queued while a commit runs share the next one; each runs under a
// savepoint, so that it can fail alone. A group begins when the last commit has returned: under little load a
// work waits for nobody, under much load the groups grow by themselves.
#pragma once

#include <array>
#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "core/base/log.h"
#include "storage/database.h"
#include "storage/sqlite/sqlite_connection.h"

namespace essaim::storage {

class SqliteWriter {
 public:
  // `wal_grown` gets the number of pages in the write-ahead log after a commit; on the writer's thread.
  SqliteWriter(const DatabaseOptions& options, std::string file, std::function<void(int)> wal_grown);
  ~SqliteWriter() { stop(); }
  SqliteWriter(const SqliteWriter&) = delete;
  SqliteWriter& operator=(const SqliteWriter&) = delete;

  // Opens both connections; before start().
  Result<void> open();
  void start();
  // Runs what was queued, refuses what comes after (kCancelled). Idempotent.
  void stop();
  void write(Durability durability, Work work, Done done);
  Database::Counters counters() const;
  bool healthy() const { return healthy_.load(std::memory_order_relaxed); }

 private:
  struct Item {
    Work work;
    Done done;
    Result<void> result;
  };
  using Group = std::vector<Item>;

  void run();
  Durability choose();  // with mutex_ held and something queued
  // Runs the group's works; those that find no time any more are left at its end. Gives how many were run.
  std::size_t run_group(Durability durability, Group* group);
  Result<void> run_works(SqliteConnection& connection, Group* group, std::size_t* ran);
  Result<void> run_one(SqliteConnection& connection, Item* item);
  void report(const Result<void>& outcome);
  std::unique_ptr<SqliteConnection>& slot(Durability d) {
    return connections_[d == Durability::kAccept ? 0 : 1];
  }
  Result<void> ensure(Durability durability);

  const std::string file_;
  const Duration busy_timeout_;
  const std::function<void(int)> wal_grown_;
  std::array<std::unique_ptr<SqliteConnection>, 2> connections_;

  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<Item> accept_, progress_;
  int accept_groups_in_a_row_ = 0;
  bool stopping_ = false;
  std::thread thread_;

  std::atomic<bool> healthy_{true};
  log::Once trouble_, damage_;
  std::atomic<std::uint64_t> statements_{0}, commits_{0}, durable_commits_{0}, failed_commits_{0};
};

}  // namespace essaim::storage
