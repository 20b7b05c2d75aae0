#include "storage/sqlite/sqlite_error.h"

#include <cerrno>
#include <cstring>

#include "core/base/text.h"

namespace essaim::storage {

namespace {

// SQLite does not note the system's error number at COMMIT; then the thread's own is what is left (the caller
// cleared it before the call).
int system_error(sqlite3* handle) {
  const int thread_number = errno;
  const int noted = handle != nullptr ? sqlite3_system_errno(handle) : 0;
  return noted != 0 ? noted : thread_number;
}

bool is_full(sqlite3* handle, int code) {
  if ((code & 0xff) == SQLITE_FULL) return true;
  if (code != SQLITE_IOERR_WRITE && code != SQLITE_IOERR_TRUNCATE && code != SQLITE_IOERR_SHMSIZE)
    return false;
  const int number = system_error(handle);
  return number == ENOSPC || number == EDQUOT || number == EFBIG;
}

ErrorCode error_code(sqlite3* handle, int code) {
  if (is_full(handle, code)) return ErrorCode::kExhausted;
  if (code == SQLITE_CONSTRAINT_UNIQUE || code == SQLITE_CONSTRAINT_PRIMARYKEY ||
      code == SQLITE_CONSTRAINT_ROWID) {
    return ErrorCode::kExists;
  }
  switch (code & 0xff) {
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
    case SQLITE_PROTOCOL:
      return ErrorCode::kTemporary;
    case SQLITE_NOMEM:
      return ErrorCode::kExhausted;
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
      return ErrorCode::kDamaged;
    case SQLITE_IOERR:
    case SQLITE_CANTOPEN:
    case SQLITE_READONLY:
    case SQLITE_PERM:
    case SQLITE_AUTH:
      return ErrorCode::kIo;
    case SQLITE_CONSTRAINT:
    case SQLITE_MISMATCH:
    case SQLITE_TOOBIG:
      return ErrorCode::kInvalid;
    case SQLITE_INTERRUPT:
      return ErrorCode::kCancelled;
    default:
      return ErrorCode::kInternal;
  }
}

const char* advice(ErrorCode code) {
  switch (code) {
    case ErrorCode::kExhausted:
      return " (no space left for the database or its -wal file: free some; no restart is needed)";
    case ErrorCode::kDamaged:
      return " (the file is damaged: stop the server, keep a copy and restore a backup)";
    case ErrorCode::kTemporary:
      return " (another process holds the lock)";
    default:
      return "";
  }
}

}  // namespace

Error sqlite_error(sqlite3* handle, int code, const std::string& file, std::string_view doing) {
  const int number = (code & 0xff) == SQLITE_IOERR ? system_error(handle) : 0;
  const ErrorCode kind = error_code(handle, code);
  std::string text = "database " + file + ": " + std::string(doing.substr(0, 120)) + ": ";
  text += handle != nullptr ? sqlite3_errmsg(handle) : sqlite3_errstr(code);
  if (number != 0) text += std::string(": ") + std::strerror(number);
  text += " [" + std::to_string(code) + "]";
  text += advice(kind);
  return {kind, std::move(text)};
}

Error sqlite_commit_error(sqlite3* handle, int code, const std::string& file) {
  Error error = sqlite_error(handle, code, file, "COMMIT");
  // The commit frame is the last write. If it could not be written, nothing is committed. If a sync failed
  // after it, a crash now may or may not bring it back at recovery.
  if (error.code == ErrorCode::kIo && code != SQLITE_IOERR_WRITE && (code & 0xff) == SQLITE_IOERR) {
    error.code = ErrorCode::kUnknownOutcome;
  }
  return error;
}

}  // namespace essaim::storage
