#include "storage/sqlite/sqlite_checkpointer.h"

#include <cerrno>

#include "core/base/executor.h"
#include "storage/sqlite/sqlite_error.h"

namespace essaim::storage {

namespace {

// Pages at the ends of the tables and indexes change with every commit: the rarer a checkpoint, the fewer times each is
// written, and the fewer fsyncs of the database stand in the way of those of the log.
constexpr int kPagesPerCheckpoint = 4000;
constexpr int kPagesBeforeRestart = 16384;  // 64 MB
constexpr auto kInterval = std::chrono::seconds(1);
constexpr auto kWaitForReaders = std::chrono::seconds(2);    // for so long writers are held off at most,
constexpr auto kAfterWaitInVain = std::chrono::seconds(10);  // and not again for so long when it was in vain

}  // namespace

void SqliteCheckpointer::stop() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_all();
  if (thread_.joinable()) thread_.join();
}

void SqliteCheckpointer::start() {
  thread_ = std::thread([this] { run(); });
}

void SqliteCheckpointer::wal_grown(int pages) {
  const std::lock_guard lock(mutex_);
  if (pages < pages_) done_ = 0;  // the log began anew
  pages_ = pages;
  const bool first = !dirty_;
  dirty_ = true;
  if (first || pages_ - done_ >= kPagesPerCheckpoint) wake_.notify_one();
}

void SqliteCheckpointer::run() {
  name_this_thread("db-checkpoint");
  std::unique_lock lock(mutex_);
  for (;;) {
    wake_.wait(lock, [this] { return stopping_ || dirty_; });
    if (stopping_) break;
    wake_.wait_for(lock, kInterval, [this] { return stopping_ || pages_ - done_ >= kPagesPerCheckpoint; });
    if (stopping_) break;
    dirty_ = false;
    done_ = pages_;
    const bool too_long = pages_ > kPagesBeforeRestart;
    lock.unlock();
    const Result<void> result = copy(too_long);
    if (!result.ok()) {
      connection_.reset();
      if (trouble_.again()) log::error("database.checkpoint_failing", {{"error", result.error().message}});
    } else if (std::uint64_t failures = 0; trouble_.over(&failures)) {
      log::warning("database.checkpoint_recovered", {{"failures", failures}});
    }
    lock.lock();
    if (!result.ok()) {
      wake_.wait_for(lock, kInterval, [this] { return stopping_; });
      dirty_ = true;
    }
  }
  lock.unlock();
  // What is left goes into the database when the last connection is closed: not in doubt.
  if (!mending_.doubtful()) return;
  const auto last = checkpoint(SQLITE_CHECKPOINT_PASSIVE);
  if (!last.ok()) log::error("database.checkpoint_failing", {{"error", last.error().message}});
}

// First without holding anybody up; the rest, which stops writers for a moment, is little then. The log keeps its length: to
// write over what is there costs an fsync half of what it costs to grow a file.
Result<void> SqliteCheckpointer::copy(bool too_long) {
  const auto copied = checkpoint(SQLITE_CHECKPOINT_PASSIVE);
  if (!copied.ok()) return copied.error();
  if (!copied->whole) ESSAIM_TRY(sync_log());
  return too_long ? begin_anew(copied->frames) : Result<void>();
}

// Where there is always some reader with a snapshot from before the last commit, only this copies all of the log: it holds
// writers off, and such snapshots end within a read. A reader for minutes (a backup) must not hold them off again and again: it is
// still the same one as long as no more can be copied than when it was waited for.
Result<void> SqliteCheckpointer::begin_anew(int copied) {
  if (copied == held_up_at_ || std::chrono::steady_clock::now() < not_before_) return {};
  const auto done = checkpoint(SQLITE_CHECKPOINT_RESTART);
  if (!done.ok()) return done.error();
  held_up_at_ = done->whole ? -1 : done->frames;
  if (!done->whole) not_before_ = std::chrono::steady_clock::now() + kAfterWaitInVain;
  return {};
}

Result<void> SqliteCheckpointer::connect() {
  if (connection_ == nullptr) {
    auto opened = open_();
    if (!opened.ok()) return opened.error();
    connection_ = std::move(*opened);
    sqlite3_busy_timeout(connection_->handle(),
                         static_cast<int>(std::chrono::milliseconds(kWaitForReaders).count()));
  }
  return mending_.mend_or_end(connection_->handle());
}

// A checkpoint that a reader holds up (a backup, for minutes) copies nothing and syncs nothing either, but what was committed
// as progress is to be on the disk within a second: the journal relies on it.
Result<void> SqliteCheckpointer::sync_log() {
  sqlite3_file* log = nullptr;
  const int found = sqlite3_file_control(connection_->handle(), "main", SQLITE_FCNTL_JOURNAL_POINTER, &log);
  if (found != SQLITE_OK || log == nullptr || log->pMethods == nullptr) return {};  // there is none yet
  errno = 0;                                                                        // see sqlite_error()
  const int code = log->pMethods->xSync(log, SQLITE_SYNC_NORMAL);
  if (code != SQLITE_OK) return sqlite_error(nullptr, code, file_, "sync the log");
  return {};
}

Result<SqliteCheckpointer::Copied> SqliteCheckpointer::checkpoint(int mode) {
  ESSAIM_TRY(connect());
  ESSAIM_TRY(files_.not_written_over());
  int frames = -1, copied = -1;
  const int code = sqlite3_wal_checkpoint_v2(connection_->handle(), nullptr, mode, &frames, &copied);
  // Busy: a reader or another process is in the way; the next round tries again.
  if (code == SQLITE_OK || (code & 0xff) == SQLITE_BUSY || (code & 0xff) == SQLITE_LOCKED)
    return Copied{copied, code == SQLITE_OK && copied == frames};
  return sqlite_error(connection_->handle(), code, file_, "checkpoint");
}

}  // namespace essaim::storage
