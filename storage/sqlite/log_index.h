// The index of the write-ahead log in shared memory, as far as storage/sqlite needs to know it beside SQLite: its format is
// documented and has not changed since 2010 (https://www.sqlite.org/walformat.html). Words are in the host's order.
#pragma once

#include <atomic>
#include <cstdint>
#include <cstring>
#include <optional>
#include <string_view>

#include <sqlite3.h>

namespace essaim::storage {

class LogIndex {
 public:
  // Slots among the locks.
  static constexpr int kWriteLock = 0, kCheckpointLock = 1, kRecoverLock = 2, kReadDatabaseLock = 3;
  static constexpr std::uint32_t kVersion = 3007000;

  // Of the file of a database that is in WAL mode and has been read; nothing if it cannot be mapped.
  static std::optional<LogIndex> of(sqlite3_file* database) {
    void volatile* memory = nullptr;
    if (database->pMethods->xShmMap(database, 0, kRegion, 0, &memory) != SQLITE_OK || memory == nullptr)
      return std::nullopt;
    return LogIndex(const_cast<char*>(static_cast<volatile char*>(memory)));
  }

  // As the last commit left them; only with the lock for writing they stay so.
  std::uint32_t version() const { return word(0); }
  std::uint32_t frames() const { return word(16); }
  bool ends_with(std::uint32_t first_sum, std::uint32_t second_sum) const {
    return word(24) == first_sum && word(28) == second_sum;
  }
  // They change when the log begins anew. As they are in the log.
  std::string_view salts() const { return {memory_ + 32, 8}; }

  // The next checkpoint begins at the first frame. With the locks for writing and for checkpoints; others read it meanwhile.
  void nothing_is_backfilled() { std::atomic_ref(*reinterpret_cast<std::uint32_t*>(memory_ + 96)).store(0); }

 private:
  static constexpr int kRegion = 32768;  // octets of the first one
  explicit LogIndex(char* memory) : memory_(memory) {}
  std::uint32_t word(int at) const {
    std::uint32_t value = 0;
    std::memcpy(&value, memory_ + at, sizeof value);
    return value;
  }

  char* memory_;
};

}  // namespace essaim::storage
