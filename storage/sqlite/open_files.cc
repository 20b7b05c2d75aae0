#include "storage/sqlite/open_files.h"

#include <array>
#include <cerrno>
#include <cstring>

#include <sys/stat.h>

#include "storage/sqlite/sqlite_connection.h"
#include "storage/sqlite/sqlite_error.h"

namespace essaim::storage {

OpenFiles::~OpenFiles() = default;

Result<OpenFiles::FileId> OpenFiles::id_of(const std::string& path) {
  struct stat status {};
  if (::stat(path.c_str(), &status) == 0) return FileId{status.st_dev, status.st_ino};
  const int number = errno;
  const std::string what = "database " + path;
  if (number == ENOENT)
    return Error{ErrorCode::kNotFound, what + ": the file was removed or replaced while it is open"};
  return Error{ErrorCode::kIo,
               what + ": whether it is still the file that is open cannot be seen: " + std::strerror(number)};
}

void OpenFiles::remember(std::unique_ptr<SqliteConnection> stays) {
  if (auto id = id_of(file_); id.ok()) opened_ = *id;
  if (auto id = id_of(file_ + "-wal"); id.ok()) opened_log_ = *id;
  stays_ = std::move(stays);
  if (auto now = changes(); now.ok()) changes_ = *now;
}

// By the connection's own descriptor: who closes another one of the file gives up all locks that the process has on it.
Result<std::uint32_t> OpenFiles::changes() const {
  sqlite3_file* file = nullptr;
  const int found = sqlite3_file_control(stays_->handle(), "main", SQLITE_FCNTL_FILE_POINTER, &file);
  if (found != SQLITE_OK || file == nullptr || file->pMethods == nullptr) return changes_;
  constexpr int where = 24;
  std::array<unsigned char, 4> counter{};
  errno = 0;  // see sqlite_error()
  const int code = file->pMethods->xRead(file, counter.data(), counter.size(), where);
  // It has only begun: all that is in it is in the log yet.
  if (code == SQLITE_IOERR_SHORT_READ) return 0;
  if (code != SQLITE_OK) return sqlite_error(nullptr, code, file_, "read the header");
  return std::uint32_t{counter[0]} << 24 | std::uint32_t{counter[1]} << 16 | std::uint32_t{counter[2]} << 8 |
         counter[3];
}

Result<void> OpenFiles::not_written_over() const {
  if (!stays_) return {};
  const std::lock_guard lock(reading_);
  if (!written_over_) {
    const auto now = changes();
    if (!now.ok()) return now.error();
    written_over_ = *now < changes_;
    changes_ = *now;
  }
  if (!written_over_) return {};
  return Error{ErrorCode::kIo,
               "database " + file_ + ": another database was copied over it while it is open"};
}

Result<void> OpenFiles::is_at(const std::string& path, const FileId& opened) const {
  const auto now = id_of(path);
  if (!now.ok()) return Error{ErrorCode::kIo, now.error().message};
  if (*now == opened) return {};
  return Error{ErrorCode::kIo, "database " + path + ": the file was removed or replaced while it is open"};
}

Result<void> OpenFiles::in_place() const {
  if (!opened_) return {};
  Result<void> found = is_at(file_, *opened_);
  if (found.ok() && opened_log_) found = is_at(file_ + "-wal", *opened_log_);
  if (found.ok()) found = not_written_over();
  return tell(found);
}

Result<void> OpenFiles::tell(const Result<void>& found) const {
  if (found.ok()) {
    if (gone_.over()) log::warning("database.file_back", {{"file", file_}});
    return found;
  }
  if (gone_.again())
    log::error("database.file_gone", {{"error", found.error().message},
                                      {"do",
                                       "do not stop the server before its files are saved: "
                                       "docs/operating.md, A database file that is gone"}});
  return found;
}

}  // namespace essaim::storage
