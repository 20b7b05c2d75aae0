#include "storage/sqlite/log_mending.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <string_view>
#include <thread>

#include <sqlite3.h>

#include "core/base/check.h"
#include "core/base/log.h"
#include "storage/sqlite/log_index.h"
#include "storage/sqlite/sqlite_error.h"

namespace essaim::storage {

namespace {

constexpr std::size_t kHeader = 32, kFrameHeader = 24;  // octets
constexpr std::uint32_t kMagic = 0x377f0682;            // its last bit: checksums are of big-endian words
// More than a frame, and SQLite's own file layer takes less than 128 KB.
constexpr std::size_t kAtOnce = 124U << 10;

// For a checkpoint that is under way: a second in all.
constexpr auto kWait = std::chrono::milliseconds(5);
constexpr int kWaits = 200;

std::uint32_t word(const char* at) {
  std::uint32_t value = 0;
  std::memcpy(&value, at, sizeof value);
  return value;
}
std::uint32_t big_endian(const char* at) {
  const std::uint32_t value = word(at);
  return std::endian::native == std::endian::little ? __builtin_bswap32(value) : value;
}

// The running checksum over the log, from its header to the last frame.
struct Checksum {
  bool swapped = false;
  std::uint32_t first = 0, second = 0;

  void add(const char* data, std::size_t size) {
    for (const char* const end = data + size; data != end; data += 8) {
      std::uint32_t a = word(data), b = word(data + 4);
      if (swapped) a = __builtin_bswap32(a), b = __builtin_bswap32(b);
      first += a + second;
      second += b + first;
    }
  }
  bool stands_at(const char* at) const { return big_endian(at) == first && big_endian(at + 4) == second; }
};

sqlite3_file* file_of(sqlite3* connection, int which) {
  sqlite3_file* file = nullptr;
  const int code = sqlite3_file_control(connection, "main", which, &file);
  return code == SQLITE_OK && file != nullptr && file->pMethods != nullptr ? file : nullptr;
}

// Reads and writes the log; the first call that fails leaves its code.
class LogCopy {
 public:
  LogCopy(sqlite3_file* log, const LogIndex& index) : log_(log), index_(index) {}

  // False: it is not as it was committed. An error says what code() is.
  Result<bool> write_again(std::string* doing) {
    if (index_.frames() == 0)
      return true;  // all is in the database, and durable; the header may be of what was before
    std::array<char, kHeader> header{};
    *doing = "read the log again";
    if (!read(header.data(), header.size(), 0)) return was_lost();
    const std::uint32_t magic = big_endian(header.data()), page = big_endian(header.data() + 8);
    if ((magic & ~1U) != kMagic || page < 512 || page > 65536 ||
        index_.salts() != std::string_view(&header[16], 8))
      return false;
    sum_.swapped = ((magic & 1U) != 0) != (std::endian::native == std::endian::big);
    sum_.add(header.data(), 24);
    if (!sum_.stands_at(&header[24])) return false;
    *doing = "write the log again";
    if (!write(header.data(), header.size(), 0)) return Error{ErrorCode::kIo, {}};
    const std::size_t frame = kFrameHeader + page;
    std::string block;
    for (std::uint32_t done = 0; done < index_.frames();) {
      const auto count =
          std::min<std::uint32_t>(index_.frames() - done, static_cast<std::uint32_t>(kAtOnce / frame));
      const std::size_t offset = kHeader + std::size_t{done} * frame;
      const auto at = static_cast<sqlite3_int64>(offset);
      block.resize(count * frame);
      *doing = "read the log again";
      if (!read(block.data(), block.size(), at)) return was_lost();
      for (std::size_t i = 0; i < count; ++i) {
        const char* const begin = block.data() + i * frame;
        sum_.add(begin, 8);
        sum_.add(begin + kFrameHeader, page);
        if (index_.salts() != std::string_view(begin + 8, 8) || !sum_.stands_at(begin + 16)) return false;
      }
      *doing = "write the log again";
      if (!write(block.data(), block.size(), at)) return Error{ErrorCode::kIo, {}};
      done += count;
    }
    if (!index_.ends_with(sum_.first, sum_.second)) return false;
    *doing = "sync the log";
    code_ = log_->pMethods->xSync(log_, SQLITE_SYNC_NORMAL);
    if (code_ != SQLITE_OK) return Error{ErrorCode::kIo, {}};
    return true;
  }
  int code() const { return code_; }

 private:
  bool read(char* to, std::size_t size, sqlite3_int64 at) {
    code_ = log_->pMethods->xRead(log_, to, static_cast<int>(size), at);
    return code_ == SQLITE_OK;
  }
  bool write(const char* from, std::size_t size, sqlite3_int64 at) {
    code_ = log_->pMethods->xWrite(log_, from, static_cast<int>(size), at);
    return code_ == SQLITE_OK;
  }
  // Behind a read: it is shorter than what was committed, or cannot be read now.
  Result<bool> was_lost() const {
    if (code_ == SQLITE_IOERR_SHORT_READ) return false;
    return Error{ErrorCode::kIo, {}};
  }

  sqlite3_file* const log_;
  const LogIndex index_;
  Checksum sum_;
  int code_ = SQLITE_OK;
};

int run(sqlite3* connection, const char* sql) {
  return sqlite3_exec(connection, sql, nullptr, nullptr, nullptr);
}

struct Attempt {
  enum class End { kWhole, kLost, kBusy, kFailed } end = End::kWhole;
  std::uint32_t frames = 0;
  Error error{};
};

Attempt failed(Error error) {
  return {Attempt::End::kFailed, 0, std::move(error)};
}

// With the lock for writing.
Attempt mend_locked(sqlite3* connection, const std::string& file) {
  sqlite3_file* const database = file_of(connection, SQLITE_FCNTL_FILE_POINTER);
  sqlite3_file* const log = file_of(connection, SQLITE_FCNTL_JOURNAL_POINTER);
  auto index = database != nullptr ? LogIndex::of(database) : std::nullopt;
  if (log == nullptr || !index)
    return failed({ErrorCode::kIo, "database " + file + ": cannot reach the log to write it again"});
  if (index->version() != LogIndex::kVersion)
    return failed(
        {ErrorCode::kInternal, "database " + file + ": the index of the log has an unknown version"});
  const auto lock_checkpoints = [database](int how) {
    return database->pMethods->xShmLock(database, LogIndex::kCheckpointLock, 1, how | SQLITE_SHM_EXCLUSIVE);
  };
  // One that runs could still say what it has copied.
  if (const int code = lock_checkpoints(SQLITE_SHM_LOCK); code != SQLITE_OK) {
    Error error = sqlite_error(nullptr, code, file, "wait for a checkpoint");
    return {code == SQLITE_BUSY ? Attempt::End::kBusy : Attempt::End::kFailed, 0, std::move(error)};
  }
  errno = 0;  // see sqlite_error()
  LogCopy copy(log, *index);
  std::string doing;
  const auto whole = copy.write_again(&doing);
  const int number = errno;
  if (whole.ok() && *whole) index->nothing_is_backfilled();
  lock_checkpoints(SQLITE_SHM_UNLOCK);
  errno = number;
  if (!whole.ok()) return failed(sqlite_error(nullptr, copy.code(), file, doing));
  return {*whole ? Attempt::End::kWhole : Attempt::End::kLost, index->frames(), {}};
}

Attempt attempt(sqlite3* connection, const std::string& file) {
  errno = 0;
  if (const int code = run(connection, "BEGIN IMMEDIATE"); code != SQLITE_OK)
    return failed(sqlite_error(connection, code, file, "BEGIN IMMEDIATE"));
  Attempt result = mend_locked(connection, file);
  run(connection, "ROLLBACK");
  return result;
}

}  // namespace

void LogMending::note(int code) {
  if (code != SQLITE_IOERR_FSYNC) return;
  failed_.store(true);
  doubt();
}

int LogMending::sync_log(const std::function<int()>& sync) {
  const std::lock_guard lock(syncing_);
  if (doubtful() && mender_.load() != std::this_thread::get_id()) return SQLITE_IOERR_FSYNC;
  const int code = sync();
  note(code);
  return code;
}

Result<LogMending::Found> LogMending::mend(sqlite3* connection) {
  using End = Attempt::End;
  const std::lock_guard lock(mending_);
  if (!doubtful()) return Found::kWhole;
  const bool failed = failed_.load();
  mender_.store(std::this_thread::get_id());
  Attempt last;
  std::uint64_t doubts = 0;
  // This descriptor may still have to hear of a failure that another one has told of: once more, then.
  for (int waits = 0, failures = 0; waits < kWaits && failures < 2;) {
    doubts = doubts_.load();
    last = attempt(connection, file_);
    if (last.end == End::kWhole || last.end == End::kLost) break;
    if (last.end == End::kFailed && last.error.code != ErrorCode::kIo) break;
    // Without the lock for writing: a checkpoint that is to begin the log anew waits for it.
    if (last.end == End::kBusy) std::this_thread::sleep_for(kWait);
    ++(last.end == End::kBusy ? waits : failures);
  }
  mender_.store({});
  if (last.end == End::kLost) return Found::kLost;
  if (last.end != End::kWhole) return last.error;
  failed_.store(false);
  mended_.store(doubts);
  const std::initializer_list<log::Field> fields = {{"file", file_}, {"frames", last.frames}};
  if (failed)
    log::warning("database.log_rewritten", fields);
  else if (last.frames > 0)
    log::info("database.log_rewritten", fields);
  return Found::kWhole;
}

Result<void> LogMending::mend_or_end(sqlite3* connection) {
  if (!doubtful()) return {};
  const auto found = mend(connection);
  if (!found.ok()) return found.error();
  if (*found == Found::kWhole) return {};
  log::error("database.log_lost",
             {{"file", file_}, {"error", "after a sync that failed, the log lacks what was written to it"}});
  check_failed("the write-ahead log holds what was committed", __FILE__, __LINE__);
}

}  // namespace essaim::storage
