// What follows from a sync that failed. Linux reports it once and then holds the pages for clean that it could not write:
// the next sync succeeds and they are still not on the disk. SQLite takes it for an error like others and goes on, so that
// what is acknowledged later would rest on frames of the write-ahead log that a power failure takes (recovery ends
// at the first that is missing), and a checkpoint would copy pages into the database whose frames are not durable.
//
// So after such a failure no sync of the log is believed, nothing is begun and nothing checkpointed before the log has been
// mended: what it holds up to the last commit is read (from the kernel's cache, where it still is), verified by its
// checksums, written again and synced, and the next checkpoint begins at its first frame, for pages of the database may be
// missing, too. All this under the lock for writing: no other process adds to the log or begins it anew meanwhile.
//
// Each process knows of its own syncs only. Linux (since 4.13) tells a failure to every descriptor that was open by
// then: those of a server that runs beside a command hear of it.
//
// Formats: https://www.sqlite.org/fileformat2.html#walformat and https://www.sqlite.org/walformat.html. On failing syncs:
// Rebello et al., Can Applications Recover from fsync Failures?, USENIX ATC 2020.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <mutex>
#include <string>
#include <thread>

#include "core/base/result.h"

struct sqlite3;

namespace essaim::storage {

class LogMending {
 public:
  explicit LogMending(std::string file) : file_(std::move(file)) {}
  LogMending(const LogMending&) = delete;
  LogMending& operator=(const LogMending&) = delete;

  // Notes what a sync gave. Thread-safe.
  void note(int code);
  // Runs a sync of the log, one at a time, and notes what it gave. SQLITE_IOERR_FSYNC without running it while there is
  // doubt: it would succeed. Thread-safe.
  int sync_log(const std::function<int()>& sync);
  // As if a sync had failed: for a log that a process which is gone has left. It may have known more than it could
  // tell. Thread-safe.
  void doubt() { doubts_.fetch_add(1); }
  bool doubtful() const { return doubts_.load() != mended_.load(); }

  // Nothing to do if there is no doubt. The connection is in no transaction. Thread-safe, one after the other. An error
  // leaves the doubt: kTemporary (somebody else holds a lock), kIo. kLost: the log lacks what was committed, so that
  // nothing that this process knows of the database can be relied on. It must end; the next start finds what is on the
  // disk, and nobody was told of more.
  enum class Found { kWhole, kLost };
  Result<Found> mend(sqlite3* connection);
  // As mend(), and ends the process then.
  Result<void> mend_or_end(sqlite3* connection);

 private:
  const std::string file_;
  std::mutex mending_, syncing_;
  std::atomic<std::thread::id> mender_{};             // the thread that mends: its syncs run
  std::atomic<std::uint64_t> doubts_{0}, mended_{0};  // the second is what the first was when mending began
  std::atomic<bool> failed_{false};                   // a sync did, since the log was mended
};

}  // namespace essaim::storage
