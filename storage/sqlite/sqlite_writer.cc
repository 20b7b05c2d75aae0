#include "storage/sqlite/sqlite_writer.h"

#include <algorithm>
#include <exception>

#include "core/base/executor.h"
#include "storage/sqlite/sqlite_error.h"

namespace essaim::storage {

namespace {

constexpr std::size_t kMaxGroup = 256;
// A group that takes longer than this commits what it has: nobody waits long behind slow works.
constexpr auto kMaxGroupTime = std::chrono::milliseconds(50);
constexpr int kAcceptGroupsBeforeProgress = 4;

int on_wal(void* context, sqlite3*, const char*, int pages) {
  (*static_cast<const std::function<void(int)>*>(context))(pages);
  return SQLITE_OK;
}

}  // namespace

SqliteWriter::SqliteWriter(const DatabaseOptions& options, std::string file,
                           std::function<void(int)> wal_grown)
    : file_(std::move(file)), busy_timeout_(options.busy_timeout), wal_grown_(std::move(wal_grown)) {}

void SqliteWriter::stop() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_all();
  if (thread_.joinable()) thread_.join();
}

Result<void> SqliteWriter::open() {
  ESSAIM_TRY(ensure(Durability::kAccept));
  return ensure(Durability::kProgress);
}

void SqliteWriter::start() {
  thread_ = std::thread([this] { run(); });
}

void SqliteWriter::write(Durability durability, Work work, Done done) {
  {
    const std::lock_guard lock(mutex_);
    if (!stopping_) {
      (durability == Durability::kAccept ? accept_ : progress_)
          .push_back({std::move(work), std::move(done), {}});
      wake_.notify_one();
      return;
    }
  }
  done(Error{ErrorCode::kCancelled, "database " + file_ + ": is being closed"});
}

Database::Counters SqliteWriter::counters() const {
  return {statements_.load(), commits_.load(), durable_commits_.load(), failed_commits_.load()};
}

Durability SqliteWriter::choose() {
  const bool accept =
      !accept_.empty() && (progress_.empty() || accept_groups_in_a_row_ < kAcceptGroupsBeforeProgress);
  accept_groups_in_a_row_ = accept ? accept_groups_in_a_row_ + 1 : 0;
  return accept ? Durability::kAccept : Durability::kProgress;
}

void SqliteWriter::run() {
  name_this_thread("db-writer");
  std::unique_lock lock(mutex_);
  for (;;) {
    wake_.wait(lock, [this] { return stopping_ || !accept_.empty() || !progress_.empty(); });
    if (accept_.empty() && progress_.empty()) return;
    const Durability durability = choose();
    auto& queue = durability == Durability::kAccept ? accept_ : progress_;
    Group group;
    const auto size = static_cast<std::ptrdiff_t>(std::min(queue.size(), kMaxGroup));
    group.reserve(static_cast<std::size_t>(size));
    std::move(queue.begin(), queue.begin() + size, std::back_inserter(group));
    queue.erase(queue.begin(), queue.begin() + size);
    lock.unlock();

    const std::size_t ran = run_group(durability, &group);
    for (std::size_t i = 0; i < ran; ++i) {
      group[i].work = nullptr;  // what it captured goes before the answer
      group[i].done(std::move(group[i].result));
    }

    lock.lock();
    for (std::size_t i = group.size(); i > ran; --i) queue.push_front(std::move(group[i - 1]));
  }
}

Result<void> SqliteWriter::ensure(Durability durability) {
  auto& connection = slot(durability);
  if (connection != nullptr) return {};
  const auto use =
      durability == Durability::kAccept ? SqliteConnection::Use::kAccept : SqliteConnection::Use::kProgress;
  auto opened = SqliteConnection::open(file_, use, busy_timeout_, false, &statements_);
  if (!opened.ok()) return opened.error();
  connection = std::move(*opened);
  sqlite3_wal_hook(connection->handle(), on_wal, const_cast<std::function<void(int)>*>(&wal_grown_));
  return {};
}

std::size_t SqliteWriter::run_group(Durability durability, Group* group) {
  std::size_t ran = 0;
  Result<void> outcome = ensure(durability);
  bool any = false;
  if (outcome.ok()) {
    SqliteConnection& connection = *slot(durability);
    outcome = connection.control("BEGIN IMMEDIATE");
    if (outcome.ok()) outcome = run_works(connection, group, &ran);
    if (outcome.ok()) {
      any = std::any_of(group->begin(), group->begin() + static_cast<std::ptrdiff_t>(ran),
                        [](const Item& item) { return item.result.ok(); });
      if (any) outcome = connection.commit();
    }
    // After the loss of an answer to COMMIT there is nothing left to roll back.
    if (connection.in_transaction()) static_cast<void>(connection.control("ROLLBACK"));
    connection.settle();
    if (connection.in_transaction() || (!outcome.ok() && is_serious(outcome.error().code)))
      slot(durability).reset();
  }
  if (!outcome.ok()) {
    failed_commits_.fetch_add(1, std::memory_order_relaxed);
    ran = group->size();
    for (Item& item : *group) {
      if (item.result.ok()) item.result = outcome;
    }
  } else if (any) {
    commits_.fetch_add(1, std::memory_order_relaxed);
    if (durability == Durability::kAccept) durable_commits_.fetch_add(1, std::memory_order_relaxed);
  }
  const auto damaged = std::find_if(group->begin(), group->end(), [](const Item& item) {
    return !item.result.ok() && item.result.error().code == ErrorCode::kDamaged;
  });
  if (outcome.ok() && damaged != group->end()) {
    // One damaged page does not make the database useless, but the operator must hear of it, once.
    if (damage_.again()) log::error("database.damaged", {{"error", damaged->result.error().message}});
  }
  if (any || !outcome.ok()) report(outcome);
  return ran;
}

Result<void> SqliteWriter::run_works(SqliteConnection& connection, Group* group, std::size_t* ran) {
  const auto began = std::chrono::steady_clock::now();
  for (Item& item : *group) {
    if (*ran > 0 && std::chrono::steady_clock::now() - began > kMaxGroupTime) break;
    ++*ran;
    ESSAIM_TRY(connection.control("SAVEPOINT work"));
    item.result = run_one(connection, &item);
    connection.settle();
    if (item.result.ok()) {
      ESSAIM_TRY(connection.control("RELEASE work"));
      continue;
    }
    // A full disk or an I/O error makes SQLite roll back everything: the works before this one are lost, too.
    if (!connection.in_transaction()) return item.result.error();
    ESSAIM_TRY(connection.control("ROLLBACK TO work; RELEASE work"));
  }
  return {};
}

Result<void> SqliteWriter::run_one(SqliteConnection& connection, Item* item) {
  try {
    return item->work(connection);
  } catch (const std::exception& e) {
    return Error{ErrorCode::kInternal, std::string("a work on the database threw: ") + e.what()};
  }
}

void SqliteWriter::report(const Result<void>& outcome) {
  std::uint64_t failures = 0;
  if (!outcome.ok()) {
    healthy_.store(false);
    if (trouble_.again()) log::error("database.failing", {{"error", outcome.error().message}});
  } else if (trouble_.over(&failures)) {
    healthy_.store(true);
    log::warning("database.recovered", {{"failures", failures}});
  }
}

}  // namespace essaim::storage
