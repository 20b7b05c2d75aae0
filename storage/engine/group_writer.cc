#include "storage/engine/group_writer.h"

#include <algorithm>
#include <exception>
#include <utility>

#include "core/base/executor.h"
#include "core/base/gathered_wakes.h"
#include "core/base/log.h"
#include "core/base/random.h"
#include "core/base/timings.h"

namespace essaim::storage {

namespace {

constexpr std::size_t kMaxGroup = 256;
// A group that takes longer than this commits what it has: nobody waits long behind slow works.
constexpr auto kMaxGroupTime = std::chrono::milliseconds(50);
constexpr int kAcceptGroupsBeforeProgress = 4;

// Nothing of the group is in the database, for sure, and another attempt may fare better.
bool may_be_repeated(ErrorCode code) {
  return code == ErrorCode::kTemporary || code == ErrorCode::kIo;
}

// 5, 10, 20 ... ms, with jitter: two that met once should not meet again.
std::chrono::microseconds pause_before_repeat(int repeat) {
  const double fraction = 0.5 + random_fraction();
  return std::chrono::microseconds(static_cast<std::int64_t>(5000.0 * fraction * (1 << repeat)));
}

}  // namespace

GroupWriter::GroupWriter(std::string name, OpenConnection open, int repeats)
    : name_(std::move(name)), open_(std::move(open)), repeats_(repeats) {}

void GroupWriter::stop() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_all();
  if (thread_.joinable()) thread_.join();
}

Result<void> GroupWriter::open() {
  return ensure_connection();
}

void GroupWriter::start() {
  thread_ = std::thread([this] { run(); });
}

void GroupWriter::write(Durability durability, Work work, Done done) {
  std::unique_lock lock(mutex_);
  if (stopping_) {
    lock.unlock();
    return done(Error{ErrorCode::kCancelled, "database " + name_ + ": is being closed"});
  }
  (durability == Durability::kAccept ? accept_ : progress_)
      .push_back({std::move(work), std::move(done), {}, {}});
  const bool wake = std::exchange(idle_, false);
  lock.unlock();
  if (wake) wake_.notify_one();
}

Database::Counters GroupWriter::counters() const {
  Database::Counters all{statements_.load(), commits_.load(), durable_commits_.load(),
                         failed_commits_.load()};
  all.attempts = attempts_.load();
  return all;
}

Durability GroupWriter::choose() {
  const bool accept =
      !accept_.empty() && (progress_.empty() || accept_groups_in_a_row_ < kAcceptGroupsBeforeProgress);
  accept_groups_in_a_row_ = accept ? accept_groups_in_a_row_ + 1 : 0;
  return accept ? Durability::kAccept : Durability::kProgress;
}

void GroupWriter::run() {
  name_this_thread("db-writer");
  std::unique_lock lock(mutex_);
  for (;;) {
    wake_.wait(lock, [this] {
      idle_ = !stopping_ && accept_.empty() && progress_.empty();
      return !idle_;
    });
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
    {
      const log::Gather lines;  // are written before anybody hears of it
      for (std::size_t i = 0; i < ran; ++i) {
        if (!group[i].result.ok()) continue;
        for (const auto& then : group[i].behind) then();
      }
    }
    {
      const GatheredWakes wakes;
      const log::Gather lines;
      for (std::size_t i = 0; i < ran; ++i) {
        group[i].work = nullptr;  // what it captured goes before the answer
        group[i].done(std::move(group[i].result));
      }
    }

    lock.lock();
    for (std::size_t i = group.size(); i > ran; --i) queue.push_front(std::move(group[i - 1]));
  }
}

Result<void> GroupWriter::ensure_connection() {
  if (connection_ != nullptr) return {};
  auto opened = open_();
  if (!opened.ok()) return opened.error();
  connection_ = std::move(*opened);
  return {};
}

Result<void> GroupWriter::try_group(Durability durability, Group* group, std::size_t* ran, bool* any) {
  *ran = 0;
  *any = false;
  attempts_.fetch_add(1, std::memory_order_relaxed);
  ESSAIM_TRY(ensure_connection());
  EngineConnection& connection = *connection_;
  Failing failing = Failing::kTogether;
  std::size_t most = group->size();
  Result<void> outcome = connection.begin_writing(durability);
  while (outcome.ok()) {
    Ended ended = Ended::kWell;
    outcome = run_works(connection, failing, most, group, ran, &ended);
    if (!outcome.ok() || ended == Ended::kWell) break;
    if (ended == Ended::kFailed) failing = Failing::kAlone;
    if (ended == Ended::kDamaged) {
      // Those before it again; it comes first in the next group.
      most = *ran - 1;
      (*group)[most].result = {};
    }
    outcome = connection.roll_back();
    if (outcome.ok()) outcome = connection.begin_writing(durability);
  }
  if (outcome.ok()) {
    *any = std::any_of(group->begin(), group->begin() + static_cast<std::ptrdiff_t>(*ran),
                       [](const Item& item) { return item.result.ok(); });
    if (*any) {
      const auto began = std::chrono::steady_clock::now();
      outcome = connection.commit();
      note_time(durability == Durability::kAccept ? Timing::kDurableCommit : Timing::kProgressCommit,
                std::chrono::steady_clock::now() - began);
    }
  }
  // After the loss of an answer to COMMIT there is nothing left to roll back.
  if (connection.in_transaction()) static_cast<void>(connection.roll_back());
  connection.settle();
  if (connection.in_transaction() || (!outcome.ok() && is_serious(outcome.error().code))) connection_.reset();
  return outcome;
}

std::size_t GroupWriter::run_group(Durability durability, Group* group) {
  std::size_t ran = 0;
  bool any = false;
  Result<void> outcome = try_group(durability, group, &ran, &any);
  for (int i = 0; i < repeats_ && !outcome.ok() && may_be_repeated(outcome.error().code); ++i) {
    std::this_thread::sleep_for(pause_before_repeat(i));
    for (Item& item : *group) item.result = {};
    outcome = try_group(durability, group, &ran, &any);
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

Result<void> GroupWriter::run_works(EngineConnection& connection, Failing failing, std::size_t most,
                                    Group* group, std::size_t* ran, Ended* ended) {
  const auto began = std::chrono::steady_clock::now();
  *ran = 0;
  // A work alone fails with the whole transaction.
  const bool alone = most == 1;
  const bool savepoints = failing == Failing::kAlone && !alone;
  for (std::size_t i = 0; i < most; ++i) {
    Item& item = (*group)[i];
    if (*ran > 0 && std::chrono::steady_clock::now() - began > kMaxGroupTime) break;
    ++*ran;
    if (savepoints) ESSAIM_TRY(connection.set_savepoint());
    item.result = run_one(connection, &item);
    connection.settle();
    if (item.result.ok()) {
      // A work may have passed over an error at which the engine rolled everything back. A COMMIT now would commit nothing.
      if (!connection.in_transaction())
        return Error{ErrorCode::kTemporary, "database " + name_ + ": the transaction was lost under a work"};
      if (savepoints) ESSAIM_TRY(connection.release_savepoint());
      continue;
    }
    // A full disk, an I/O error or a deadlock makes the engine roll back everything: the works before this one are lost, too.
    if (!connection.in_transaction()) return item.result.error();
    // SQLite writes and commits nothing more in a transaction that has met a damaged page.
    if (item.result.error().code == ErrorCode::kDamaged) {
      if (i > 0) *ended = Ended::kDamaged;
      return {};
    }
    if (savepoints) {
      ESSAIM_TRY(connection.roll_back_to_savepoint());
    } else if (!alone) {
      *ended = Ended::kFailed;
      return {};
    }
  }
  return {};
}

Result<void> GroupWriter::run_one(EngineConnection& connection, Item* item) {
  // Of its last run: it may have had others.
  item->behind.clear();
  connection.gather_behind(&item->behind);
  Result<void> result;
  try {
    result = item->work(connection);
  } catch (const std::exception& e) {
    result = Error{ErrorCode::kInternal, std::string("a work on the database threw: ") + e.what()};
  }
  connection.gather_behind(nullptr);
  return result;
}

void GroupWriter::report(const Result<void>& outcome) {
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
