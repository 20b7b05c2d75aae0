// Moves the write-ahead log into the database on a thread of its own, so that no commit waits for it, and
// keeps the log from growing without end. Its sync also makes progress commits power-loss safe within about a
// second, whether or not there is something to copy.
#pragma once

#include <condition_variable>
#include <memory>
#include <mutex>
#include <thread>

#include "core/base/log.h"
#include "storage/sqlite/log_mending.h"
#include "storage/sqlite/sqlite_connection.h"

namespace essaim::storage {

class SqliteCheckpointer {
 public:
  // `mending` outlives it.
  SqliteCheckpointer(std::string file, LogMending* mending) : file_(std::move(file)), mending_(*mending) {}
  ~SqliteCheckpointer();
  SqliteCheckpointer(const SqliteCheckpointer&) = delete;
  SqliteCheckpointer& operator=(const SqliteCheckpointer&) = delete;

  void start();
  // After a commit: pages in the log now. Any thread; cheap.
  void wal_grown(int pages);

 private:
  void run();
  Result<void> connect();
  Result<void> checkpoint(int mode, bool* whole);  // *whole: all of the log is in the database
  Result<void> sync_log();

  const std::string file_;
  LogMending& mending_;
  std::unique_ptr<SqliteConnection> connection_;
  std::mutex mutex_;
  std::condition_variable wake_;
  int pages_ = 0;  // in the log
  int done_ = 0;   // of them, when the last checkpoint ended
  bool dirty_ = false;
  bool stopping_ = false;
  std::thread thread_;
  log::Once trouble_;
};

}  // namespace essaim::storage
