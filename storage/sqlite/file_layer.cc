#include "storage/sqlite/file_layer.h"

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <string>

#include <sqlite3.h>

#include "core/base/check.h"
#include "storage/sqlite/log_index.h"
#include "storage/sqlite/log_mending.h"

namespace essaim::storage {

namespace {

constexpr int kFrameHeader = 24;         // octets; https://www.sqlite.org/fileformat2.html#walformat
constexpr int kWatchSyncs = 0x45737361;  // of our own: those of SQLite are small
constexpr std::size_t kMostGathered = 1U << 20;
constexpr std::size_t kMostAtOnce = 124U << 10;  // the layer below takes less than 128 KB

sqlite3_vfs* below = nullptr;

// Log and database are wrapped; the file of the layer below lies behind the wrapper.
struct DatabaseFile;
struct LogFile {
  sqlite3_file base;
  DatabaseFile* database;
  std::string* gathered;
  sqlite3_int64 begin;  // of what is gathered, in the file
  sqlite3_int64 end;    // of all that was written under this lock
  bool commits;         // the frame that is being written does
};
struct DatabaseFile {
  sqlite3_file base;
  LogFile* log;  // of the same connection; null while it is not open
  LogMending* mending;
  bool checkpoints;     // it has the lock for that
  std::uint64_t salts;  // of the log, when it took it
};

template <typename Wrapper>
sqlite3_file* real(sqlite3_file* file) {
  return reinterpret_cast<sqlite3_file*>(reinterpret_cast<Wrapper*>(file) + 1);
}
LogFile* log_of(sqlite3_file* file) {
  return reinterpret_cast<LogFile*>(file);
}

// A method that does what the layer below does.
template <typename Wrapper, auto Method>
struct Below;
template <typename Wrapper, typename R, typename... A, R (*sqlite3_io_methods::*Method)(sqlite3_file*, A...)>
struct Below<Wrapper, Method> {
  static R call(sqlite3_file* file, A... arguments) {
    sqlite3_file* const to = real<Wrapper>(file);
    return (to->pMethods->*Method)(to, arguments...);
  }
};

// --- the log

int flush(LogFile* log) {
  int code = SQLITE_OK;
  const std::string& all = *log->gathered;
  for (std::size_t at = 0; at < all.size() && code == SQLITE_OK; at += kMostAtOnce) {
    const auto size = static_cast<int>(std::min(kMostAtOnce, all.size() - at));
    code = Below<LogFile, &sqlite3_io_methods::xWrite>::call(&log->base, all.data() + at, size,
                                                             log->begin + static_cast<sqlite3_int64>(at));
  }
  log->gathered->clear();
  return code;
}

// What is gathered goes first.
template <auto Method>
struct Flushed;
template <typename... A, int (*sqlite3_io_methods::*Method)(sqlite3_file*, A...)>
struct Flushed<Method> {
  static int call(sqlite3_file* file, A... arguments) {
    const int code = flush(log_of(file));
    return code != SQLITE_OK ? code : Below<LogFile, Method>::call(file, arguments...);
  }
};

bool is_commit(const void* frame_header) {
  std::uint32_t pages_after_commit = 0;
  std::memcpy(&pages_after_commit, static_cast<const char*>(frame_header) + 4, sizeof pages_after_commit);
  return pages_after_commit != 0;
}

int write_log(sqlite3_file* file, const void* data, int size, sqlite3_int64 offset) {
  LogFile* log = log_of(file);
  // A frame that is changed where it stands, or a place given up by ROLLBACK TO.
  if (offset < log->end) return Flushed<&sqlite3_io_methods::xWrite>::call(file, data, size, offset);
  if (offset != log->begin + static_cast<sqlite3_int64>(log->gathered->size())) {
    if (const int code = flush(log); code != SQLITE_OK) return code;
  }
  if (log->gathered->empty()) log->begin = offset;
  log->gathered->append(static_cast<const char*>(data), static_cast<std::size_t>(size));
  log->end = offset + size;
  if (size == kFrameHeader) {
    log->commits = is_commit(data);
    return SQLITE_OK;
  }
  return log->commits || log->gathered->size() >= kMostGathered ? flush(log) : SQLITE_OK;
}

void begin_anew(LogFile* log) {
  log->gathered->clear();
  log->begin = log->end = 0;
  log->commits = false;
}

int sync_log(sqlite3_file* file, int flags) {
  LogMending* const mending = log_of(file)->database->mending;
  const auto sync = [&] { return Flushed<&sqlite3_io_methods::xSync>::call(file, flags); };
  return mending != nullptr ? mending->sync_log(sync) : sync();
}

int close_log(sqlite3_file* file) {
  LogFile* log = log_of(file);
  log->database->log = nullptr;
  delete log->gathered;
  return Below<LogFile, &sqlite3_io_methods::xClose>::call(file);
}

// --- the database

std::uint64_t salts_of(sqlite3_file* database) {
  std::uint64_t salts = 0;
  if (const auto index = LogIndex::of(database)) std::memcpy(&salts, index->salts().data(), sizeof salts);
  return salts;
}

// Up to 3.51.2 SQLite has a checkpoint go on that has read how long the log is before a commit began it anew: it then
// says of the new frames that they are in the database, and they are lost (https://www.sqlite.org/wal.html#walresetbug).
// Between the two it takes the lock that keeps others from beginning anew: by then the log must be the same.
int lock_for_copying(sqlite3_file* file, int first, int count, int flags) {
  const int code = Below<DatabaseFile, &sqlite3_io_methods::xShmLock>::call(file, first, count, flags);
  if (code != SQLITE_OK || salts_of(file) == reinterpret_cast<DatabaseFile*>(file)->salts) return code;
  Below<DatabaseFile, &sqlite3_io_methods::xShmLock>::call(file, first, count,
                                                           SQLITE_SHM_UNLOCK | SQLITE_SHM_EXCLUSIVE);
  return SQLITE_BUSY;  // as if a reader were in the way
}

int lock_shared_memory(sqlite3_file* file, int first, int count, int flags) {
  constexpr int kTaking = SQLITE_SHM_LOCK | SQLITE_SHM_EXCLUSIVE,
                kGivingUp = SQLITE_SHM_UNLOCK | SQLITE_SHM_EXCLUSIVE;
  auto* const database = reinterpret_cast<DatabaseFile*>(file);
  if (database->log != nullptr && flags == kGivingUp && first <= LogIndex::kWriteLock &&
      LogIndex::kWriteLock < first + count)
    begin_anew(database->log);
  if (database->checkpoints && flags == kTaking && first == LogIndex::kReadDatabaseLock && count == 1)
    return lock_for_copying(file, first, count, flags);
  const int code = Below<DatabaseFile, &sqlite3_io_methods::xShmLock>::call(file, first, count, flags);
  if (database->mending != nullptr && code == SQLITE_OK && flags == kTaking &&
      first <= LogIndex::kRecoverLock && LogIndex::kRecoverLock < first + count)
    database->mending->doubt();
  if (first == LogIndex::kCheckpointLock && count == 1 && code == SQLITE_OK) {
    database->checkpoints = flags == kTaking;
    if (database->checkpoints) database->salts = salts_of(file);
  }
  return code;
}

int sync_database(sqlite3_file* file, int flags) {
  const int code = Below<DatabaseFile, &sqlite3_io_methods::xSync>::call(file, flags);
  LogMending* const mending = reinterpret_cast<DatabaseFile*>(file)->mending;
  if (mending != nullptr) mending->note(code);
  return code;
}

int control_database(sqlite3_file* file, int what, void* argument) {
  if (what != kWatchSyncs)
    return Below<DatabaseFile, &sqlite3_io_methods::xFileControl>::call(file, what, argument);
  reinterpret_cast<DatabaseFile*>(file)->mending = static_cast<LogMending*>(argument);
  return SQLITE_OK;
}

template <typename Wrapper>
constexpr sqlite3_io_methods methods() {
  using M = sqlite3_io_methods;
  M methods{};
  methods.iVersion = 1;
  methods.xClose = Below<Wrapper, &M::xClose>::call;
  methods.xRead = Below<Wrapper, &M::xRead>::call;
  methods.xWrite = Below<Wrapper, &M::xWrite>::call;
  methods.xTruncate = Below<Wrapper, &M::xTruncate>::call;
  methods.xSync = Below<Wrapper, &M::xSync>::call;
  methods.xFileSize = Below<Wrapper, &M::xFileSize>::call;
  methods.xLock = Below<Wrapper, &M::xLock>::call;
  methods.xUnlock = Below<Wrapper, &M::xUnlock>::call;
  methods.xCheckReservedLock = Below<Wrapper, &M::xCheckReservedLock>::call;
  methods.xFileControl = Below<Wrapper, &M::xFileControl>::call;
  methods.xSectorSize = Below<Wrapper, &M::xSectorSize>::call;
  methods.xDeviceCharacteristics = Below<Wrapper, &M::xDeviceCharacteristics>::call;
  return methods;
}

constexpr sqlite3_io_methods log_methods() {
  using M = sqlite3_io_methods;
  M log = methods<LogFile>();
  log.xClose = close_log;
  log.xWrite = write_log;
  log.xRead = Flushed<&M::xRead>::call;
  log.xTruncate = Flushed<&M::xTruncate>::call;
  log.xSync = sync_log;
  log.xFileSize = Flushed<&M::xFileSize>::call;
  return log;
}

constexpr sqlite3_io_methods database_methods() {
  using M = sqlite3_io_methods;
  M database = methods<DatabaseFile>();
  database.iVersion = 3;
  database.xSync = sync_database;
  database.xFileControl = control_database;
  database.xShmMap = Below<DatabaseFile, &M::xShmMap>::call;
  database.xShmLock = lock_shared_memory;
  database.xShmBarrier = Below<DatabaseFile, &M::xShmBarrier>::call;
  database.xShmUnmap = Below<DatabaseFile, &M::xShmUnmap>::call;
  database.xFetch = Below<DatabaseFile, &M::xFetch>::call;
  database.xUnfetch = Below<DatabaseFile, &M::xUnfetch>::call;
  return database;
}

constexpr sqlite3_io_methods kLogMethods = log_methods(), kDatabaseMethods = database_methods();

// --- the layer

template <typename Wrapper>
int open_below(const char* name, sqlite3_file* file, int flags, int* flags_out) {
  sqlite3_file* const behind = real<Wrapper>(file);
  behind->pMethods = nullptr;
  const int code = below->xOpen(below, name, behind, flags, flags_out);
  if (code != SQLITE_OK && behind->pMethods != nullptr) behind->pMethods->xClose(behind);
  return code;
}

int open_file(sqlite3_vfs*, const char* name, sqlite3_file* file, int flags, int* flags_out) {
  file->pMethods = nullptr;
  if ((flags & SQLITE_OPEN_MAIN_DB) != 0) {
    const int code = open_below<DatabaseFile>(name, file, flags, flags_out);
    if (code == SQLITE_OK)
      *reinterpret_cast<DatabaseFile*>(file) = {{&kDatabaseMethods}, nullptr, nullptr, false, 0};
    return code;
  }
  if ((flags & SQLITE_OPEN_WAL) == 0) return below->xOpen(below, name, file, flags, flags_out);
  const int code = open_below<LogFile>(name, file, flags, flags_out);
  if (code != SQLITE_OK) return code;
  auto* database = reinterpret_cast<DatabaseFile*>(sqlite3_database_file_object(name));
  *log_of(file) = {{&kLogMethods}, database, new std::string, 0, 0, false};
  database->log = log_of(file);
  return SQLITE_OK;
}

sqlite3_vfs make_layer() {
  below = sqlite3_vfs_find(nullptr);
  ESSAIM_CHECK(below != nullptr);
  sqlite3_vfs layer = *below;
  layer.zName = "essaim";
  layer.pNext = nullptr;
  layer.szOsFile += static_cast<int>(std::max(sizeof(LogFile), sizeof(DatabaseFile)));
  layer.xOpen = open_file;
  return layer;
}

}  // namespace

const char* file_layer() {
  static sqlite3_vfs layer = make_layer();
  static const int registered = sqlite3_vfs_register(&layer, 0);
  ESSAIM_CHECK(registered == SQLITE_OK);
  return layer.zName;
}

void watch_syncs(sqlite3* connection, LogMending& mending) {
  ESSAIM_CHECK(sqlite3_file_control(connection, "main", kWatchSyncs, &mending) == SQLITE_OK);
}

}  // namespace essaim::storage
