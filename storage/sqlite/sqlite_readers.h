// The reader threads of an SQLite database, each with its own connection. Every work sees one snapshot.
#pragma once

#include <condition_variable>
#include <deque>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "core/base/log.h"
#include "storage/database.h"
#include "storage/sqlite/sqlite_connection.h"

namespace essaim::storage {

class SqliteReaders {
 public:
  SqliteReaders(const DatabaseOptions& options, std::string file);
  ~SqliteReaders() { stop(); }
  SqliteReaders(const SqliteReaders&) = delete;
  SqliteReaders& operator=(const SqliteReaders&) = delete;

  void start();
  // Runs what was queued, refuses what comes after (kCancelled). Idempotent.
  void stop();
  void read(Work work, Done done);

 private:
  struct Item {
    Work work;
    Done done;
  };
  void run();
  Result<void> run_one(std::unique_ptr<SqliteConnection>* connection, const Work& work);

  const std::string file_;
  const Duration busy_timeout_;
  const int threads_wanted_;
  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<Item> queue_;
  bool stopping_ = false;
  std::vector<std::thread> threads_;
  log::Once trouble_;
};

}  // namespace essaim::storage
