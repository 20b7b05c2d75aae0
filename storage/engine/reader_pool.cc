#include "storage/engine/reader_pool.h"

#include <algorithm>
#include <chrono>
#include <exception>
#include <string>
#include <utility>

#include "core/base/executor.h"

namespace essaim::storage {

ReaderPool::ReaderPool(std::string name, int threads, OpenConnection open, Duration long_repeated_within)
    : name_(std::move(name)),
      threads_wanted_(std::max(1, threads)),
      open_(std::move(open)),
      long_repeated_within_(long_repeated_within) {}

void ReaderPool::stop() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_all();
  for (auto& thread : threads_) thread.join();
  threads_.clear();
}

void ReaderPool::start() {
  for (int i = 0; i < threads_wanted_; ++i) threads_.emplace_back([this] { run(); });
}

void ReaderPool::read(How how, Length length, Work work, Done done) {
  {
    const std::lock_guard lock(mutex_);
    if (!stopping_) {
      queue_.push_back({std::move(work), std::move(done), how, length});
      wake_.notify_one();
      return;
    }
  }
  done(Error{ErrorCode::kCancelled, "database " + name_ + ": is being closed"});
}

// Whoever ends a long one looks here again before it sleeps, so that nobody else need be woken for the next one.
ReaderPool::Items::iterator ReaderPool::next() {
  const bool room = stopping_ || long_at_work_ < std::max(1, threads_wanted_ - 1);
  if (room) return queue_.begin();
  return std::find_if(queue_.begin(), queue_.end(),
                      [](const Item& item) { return item.length == Length::kShort; });
}

void ReaderPool::run() {
  name_this_thread("db-reader");
  std::unique_ptr<EngineConnection> connection;
  std::unique_lock lock(mutex_);
  for (;;) {
    wake_.wait(lock, [this] { return stopping_ || next() != queue_.end(); });
    if (queue_.empty()) return;
    const auto first = next();
    Item item = std::move(*first);
    queue_.erase(first);
    if (item.length == Length::kLong) ++long_at_work_;
    lock.unlock();

    Result<void> result = run_one(&connection, item);
    item.work = nullptr;
    if (!result.ok() && is_serious(result.error().code)) {
      connection.reset();
      if (trouble_.again()) log::error("database.read_failing", {{"error", result.error().message}});
    } else if (std::uint64_t failures = 0; result.ok() && trouble_.over(&failures)) {
      log::warning("database.read_recovered", {{"failures", failures}});
    }
    item.done(std::move(result));

    lock.lock();
    if (item.length == Length::kLong) --long_at_work_;
  }
}

Result<void> ReaderPool::begin(std::unique_ptr<EngineConnection>* connection, How how) {
  if (*connection == nullptr) {
    auto opened = open_();
    if (!opened.ok()) return opened.error();
    *connection = std::move(*opened);
  }
  switch (how) {
    case How::kSnapshot:
      return (*connection)->begin_reading();
    case How::kLatest:
      return (*connection)->begin_reading_latest();
    case How::kPlain:
      break;
  }
  return {};
}

Result<void> ReaderPool::run_one(std::unique_ptr<EngineConnection>* connection, const Item& item) {
  bool again = false;
  Result<void> result = attempt(connection, item, &again);
  if (!again) return result;
  log::info("database.read_repeated", {{"error", result.error().message}});
  return attempt(connection, item, &again);
}

Result<void> ReaderPool::attempt(std::unique_ptr<EngineConnection>* connection, const Item& item,
                                 bool* again) {
  const bool used = *connection != nullptr;
  if (Result<void> begun = begin(connection, item.how); !begun.ok()) {
    // The host may have ended since the last work, and another one is there. One that went silent is noticed only now, by the time
    // that a reply may take; but it has nothing of the work.
    *again = used && is_serious(begun.error().code);
    if (*again) connection->reset();
    return begun;
  }
  const auto began = std::chrono::steady_clock::now();
  Result<void> result;
  try {
    result = item.work(**connection);
  } catch (const std::exception& e) {
    result = Error{ErrorCode::kInternal, std::string("a work on the database threw: ") + e.what()};
  }
  const bool lost = !result.ok() && (*connection)->lost();
  const bool may_be_at_work =
      item.length == Length::kLong && std::chrono::steady_clock::now() - began >= long_repeated_within_;
  *again = lost && !may_be_at_work;
  (*connection)->settle();
  if ((*connection)->in_transaction()) {
    // Nothing was written; ending the transaction only lets the snapshot go.
    if (!(*connection)->roll_back().ok()) connection->reset();
  }
  if (lost) connection->reset();
  return result;
}

}  // namespace essaim::storage
