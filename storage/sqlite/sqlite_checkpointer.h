// Moves the write-ahead log into the database on a thread of its own, so that no commit waits for it, and
// keeps the log from growing without end. Its sync also makes progress commits power-loss safe within about a
// second, whether or not there is something to copy.
#pragma once

#include <chrono>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>

#include "core/base/log.h"
#include "storage/sqlite/log_mending.h"
#include "storage/sqlite/open_files.h"
#include "storage/sqlite/sqlite_connection.h"

namespace essaim::storage {

class SqliteCheckpointer {
 public:
  // Gives its connection, of Use::kMaintenance and watched by `mending`; called on its thread, again after errors.
  using Open = std::function<Result<std::unique_ptr<SqliteConnection>>()>;
  // `mending` and `files` outlive it. Nothing is copied into a file that another database was copied over.
  SqliteCheckpointer(std::string file, LogMending* mending, const OpenFiles* files, Open open)
      : file_(std::move(file)), mending_(*mending), files_(*files), open_(std::move(open)) {}
  ~SqliteCheckpointer() { stop(); }
  SqliteCheckpointer(const SqliteCheckpointer&) = delete;
  SqliteCheckpointer& operator=(const SqliteCheckpointer&) = delete;

  void start();
  // Its thread ends; what the log has left is copied by whoever closes the last connection. Idempotent.
  void stop();
  // After a commit: pages in the log now. Any thread; cheap.
  void wal_grown(int pages);

 private:
  void run();
  Result<void> connect();
  struct Copied {
    int frames = -1;     // of the log, that are in the database; -1: not known
    bool whole = false;  // these are all of it
  };
  Result<Copied> checkpoint(int mode);
  Result<void> copy(bool too_long);
  Result<void> begin_anew(int copied);
  Result<void> sync_log();

  const std::string file_;
  LogMending& mending_;
  const OpenFiles& files_;
  const Open open_;
  std::unique_ptr<SqliteConnection> connection_;
  std::mutex mutex_;
  std::condition_variable wake_;
  int pages_ = 0;  // in the log
  int done_ = 0;   // of them, when the last checkpoint ended
  // Of the checkpointer's thread: where the last try to begin the log anew was held up (-1: it was not), and when the next may be.
  int held_up_at_ = -1;
  std::chrono::steady_clock::time_point not_before_{};
  bool dirty_ = false;
  bool stopping_ = false;
  std::thread thread_;
  log::Once trouble_;
};

}  // namespace essaim::storage
