#include "storage/sqlite/sqlite_readers.h"

#include <algorithm>
#include <exception>

#include "core/base/executor.h"
#include "storage/sqlite/sqlite_error.h"

namespace essaim::storage {

SqliteReaders::SqliteReaders(const DatabaseOptions& options, std::string file)
    : file_(std::move(file)),
      busy_timeout_(options.busy_timeout),
      threads_wanted_(std::max(1, options.readers)) {}

void SqliteReaders::stop() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_all();
  for (auto& thread : threads_) thread.join();
  threads_.clear();
}

void SqliteReaders::start() {
  for (int i = 0; i < threads_wanted_; ++i) threads_.emplace_back([this] { run(); });
}

void SqliteReaders::read(Work work, Done done) {
  {
    const std::lock_guard lock(mutex_);
    if (!stopping_) {
      queue_.push_back({std::move(work), std::move(done)});
      wake_.notify_one();
      return;
    }
  }
  done(Error{ErrorCode::kCancelled, "database " + file_ + ": is being closed"});
}

void SqliteReaders::run() {
  name_this_thread("db-reader");
  std::unique_ptr<SqliteConnection> connection;
  std::unique_lock lock(mutex_);
  for (;;) {
    wake_.wait(lock, [this] { return stopping_ || !queue_.empty(); });
    if (queue_.empty()) return;
    Item item = std::move(queue_.front());
    queue_.pop_front();
    lock.unlock();

    Result<void> result = run_one(&connection, item.work);
    item.work = nullptr;
    if (!result.ok() && is_serious(result.error().code)) {
      connection.reset();
      if (trouble_.again()) log::error("database.read_failing", {{"error", result.error().message}});
    } else if (std::uint64_t failures = 0; result.ok() && trouble_.over(&failures)) {
      log::warning("database.read_recovered", {{"failures", failures}});
    }
    item.done(std::move(result));

    lock.lock();
  }
}

Result<void> SqliteReaders::run_one(std::unique_ptr<SqliteConnection>* connection, const Work& work) {
  if (*connection == nullptr) {
    auto opened = SqliteConnection::open(file_, SqliteConnection::Use::kRead, busy_timeout_, false, nullptr);
    if (!opened.ok()) return opened.error();
    *connection = std::move(*opened);
  }
  ESSAIM_TRY((*connection)->control("BEGIN"));
  Result<void> result;
  try {
    result = work(**connection);
  } catch (const std::exception& e) {
    result = Error{ErrorCode::kInternal, std::string("a work on the database threw: ") + e.what()};
  }
  (*connection)->settle();
  if ((*connection)->in_transaction()) {
    // Nothing was written; ending the transaction only lets the snapshot go.
    if (!(*connection)->control("ROLLBACK").ok()) connection->reset();
  }
  return result;
}

}  // namespace essaim::storage
