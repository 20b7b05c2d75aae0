#include "storage/sqlite/sqlite_connection.h"

#include <cerrno>
#include <mutex>

#include "core/base/crash_point.h"
#include "storage/fault.h"
#include "storage/sqlite/file_layer.h"
#include "storage/sqlite/log_mending.h"
#include "storage/sqlite/sqlite_error.h"

namespace essaim::storage {

namespace {

constexpr std::size_t kMaxCached = 256;              // statements per connection
constexpr std::int64_t kApplicationId = 0x45737361;  // "Essa"

void configure_library() {
  static std::once_flag once;
  std::call_once(once, [] {
    // Each connection is used by one thread at a time; the statistics would cost a global mutex.
    sqlite3_config(SQLITE_CONFIG_MULTITHREAD);
    sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
    sqlite3_initialize();
  });
}

// The log keeps up to 256 MB, which it reaches when more messages come in than checkpoints keep up with: a commit that makes it
// longer takes half as long again as one that writes over what is there.
std::string pragmas(SqliteConnection::Use use) {
  using Use = SqliteConnection::Use;
  std::string sql =
      "PRAGMA temp_store=MEMORY; PRAGMA trusted_schema=OFF; PRAGMA cell_size_check=ON;"
      "PRAGMA wal_autocheckpoint=0; PRAGMA journal_size_limit=268435456; PRAGMA secure_delete=FAST;";
  switch (use) {
    case Use::kWrite:
      return sql + "PRAGMA synchronous=FULL; PRAGMA cache_size=-16000;";
    case Use::kRead:
      return sql + "PRAGMA synchronous=NORMAL; PRAGMA cache_size=-4000; PRAGMA query_only=ON;";
    case Use::kMaintenance:
      return sql + "PRAGMA synchronous=FULL; PRAGMA cache_size=-1000;";
  }
  return sql;
}

}  // namespace

// --- statements

void SqliteStatement::bound(int code) {
  if (code != SQLITE_OK && bind_error_ == SQLITE_OK) bind_error_ = code;
}

Statement& SqliteStatement::bind(int index, std::int64_t value) {
  if (running_) reset();
  bound(sqlite3_bind_int64(handle_, index, value));
  return *this;
}

Statement& SqliteStatement::bind_text(int index, std::string_view value) {
  if (running_) reset();
  // A null data pointer would bind NULL; an empty text is not NULL.
  const char* data = value.data() != nullptr ? value.data() : "";
  bound(sqlite3_bind_text64(handle_, index, data, value.size(), SQLITE_TRANSIENT, SQLITE_UTF8));
  return *this;
}

Statement& SqliteStatement::bind_blob(int index, std::string_view value) {
  if (running_) reset();
  const char* data = value.data() != nullptr ? value.data() : "";
  bound(sqlite3_bind_blob64(handle_, index, data, value.size(), SQLITE_TRANSIENT));
  return *this;
}

Result<bool> SqliteStatement::step() {
  if (!running_) {
    if (bind_error_ != SQLITE_OK) {
      return sqlite_error(connection_.handle_, bind_error_, connection_.file_, sqlite3_sql(handle_));
    }
    if (auto fault = FaultPlan::check(FaultPlan::Where::kStatement)) return *fault;
    if (connection_.statements_ != nullptr) connection_.statements_->fetch_add(1, std::memory_order_relaxed);
    running_ = true;
    ++connection_.running_;
  }
  errno = 0;  // see sqlite_error()
  const int code = sqlite3_step(handle_);
  if (code == SQLITE_ROW) return true;
  if (code == SQLITE_DONE) {
    reset();
    return false;
  }
  Error error = sqlite_error(connection_.handle_, sqlite3_extended_errcode(connection_.handle_),
                             connection_.file_, sqlite3_sql(handle_));
  reset();
  return error;
}

Result<std::int64_t> SqliteStatement::run() {
  for (;;) {
    auto row = step();
    if (!row.ok()) return row.error();
    if (!*row) return static_cast<std::int64_t>(sqlite3_changes64(connection_.handle_));
  }
}

std::string_view SqliteStatement::text(int column) {
  const auto* data = static_cast<const char*>(sqlite3_column_blob(handle_, column));
  const int size = sqlite3_column_bytes(handle_, column);
  return data == nullptr ? std::string_view() : std::string_view(data, static_cast<std::size_t>(size));
}

void SqliteStatement::reset() {
  sqlite3_reset(handle_);
  if (running_) --connection_.running_;
  running_ = false;
}

void SqliteStatement::renew() {
  reset();
  sqlite3_clear_bindings(handle_);
  bind_error_ = SQLITE_OK;
}

// --- connection

Result<std::unique_ptr<SqliteConnection>> SqliteConnection::open(const std::string& file, Use use,
                                                                 Duration busy_timeout, bool create,
                                                                 std::atomic<std::uint64_t>* statements,
                                                                 LogMending* mending) {
  configure_library();
  sqlite3* handle = nullptr;
  const int flags =
      SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE | (create ? SQLITE_OPEN_CREATE : 0);
  const int code = sqlite3_open_v2(file.c_str(), &handle, flags, file_layer());
  if (code != SQLITE_OK) {
    Error error = sqlite_error(handle, code, file, "open");
    sqlite3_close_v2(handle);
    return error;
  }
  if (mending != nullptr) watch_syncs(handle, *mending);
  std::unique_ptr<SqliteConnection> connection(new SqliteConnection(file, handle, statements, mending));
  ESSAIM_TRY(connection->set_up(use, busy_timeout, create));
  return connection;
}

Result<void> SqliteConnection::set_up(Use use, Duration busy_timeout, bool create) {
  const auto wait = std::chrono::duration_cast<std::chrono::milliseconds>(busy_timeout).count();
  sqlite3_busy_timeout(handle_, static_cast<int>(wait));
  sqlite3_db_config(handle_, SQLITE_DBCONFIG_DEFENSIVE, 1, nullptr);
  // A plan must not depend on what is bound: where it might (a partial index), every run would make it anew.
  sqlite3_db_config(handle_, SQLITE_DBCONFIG_ENABLE_QPSG, 1, nullptr);
  const int code = sqlite3_exec(handle_, pragmas(use).c_str(), nullptr, nullptr, nullptr);
  if (code != SQLITE_OK) return sqlite_error(handle_, code, file_, "open");
  if (use == Use::kRead) return {};
  ESSAIM_TRY(claim_file(create));
  auto mode = pragma("journal_mode=WAL");
  if (!mode.ok()) return mode.error();
  if (*mode != "wal") {
    return Error{ErrorCode::kIo,
                 "database " + file_ + ": cannot use a write-ahead log here (journal mode is " + *mode + ")"};
  }
  return {};
}

Result<void> SqliteConnection::claim_file(bool create) {
  auto id = pragma("application_id");
  if (!id.ok()) return id.error();
  if (*id == std::to_string(kApplicationId)) return {};
  auto pages = pragma("schema_version");
  if (!pages.ok()) return pages.error();
  if (*id != "0" || *pages != "0") {
    return Error{ErrorCode::kInvalid, "database " + file_ + ": this file belongs to another program"};
  }
  if (!create) return {};
  return control(("PRAGMA application_id=" + std::to_string(kApplicationId)).c_str());
}

SqliteConnection::~SqliteConnection() {
  cache_.clear();
  for (sqlite3_stmt* boundary : boundaries_) sqlite3_finalize(boundary);
  sqlite3_close_v2(handle_);
}

Result<Statement*> SqliteConnection::prepare(std::string_view sql) {
  const auto found = cache_.find(sql);
  if (found != cache_.end()) {
    found->second->renew();
    return found->second.get();
  }
  sqlite3_stmt* handle = nullptr;
  const int code = sqlite3_prepare_v3(handle_, sql.data(), static_cast<int>(sql.size()),
                                      SQLITE_PREPARE_PERSISTENT, &handle, nullptr);
  if (code != SQLITE_OK) return sqlite_error(handle_, code, file_, sql);
  auto statement = std::make_unique<SqliteStatement>(*this, handle);
  Statement* raw = statement.get();
  cache_.emplace(std::string(sql), std::move(statement));
  return raw;
}

Result<void> SqliteConnection::execute(std::string_view sql) {
  if (auto fault = FaultPlan::check(FaultPlan::Where::kStatement)) return *fault;
  if (statements_ != nullptr) statements_->fetch_add(1, std::memory_order_relaxed);
  settle();  // a statement that is not at its end locks the tables that it reads
  return control(std::string(sql).c_str());
}

Result<void> SqliteConnection::control(const char* sql) {
  errno = 0;  // see sqlite_error()
  const int code = sqlite3_exec(handle_, sql, nullptr, nullptr, nullptr);
  if (code != SQLITE_OK) return sqlite_error(handle_, code, file_, sql);
  return {};
}

int SqliteConnection::step(Boundary boundary) {
  constexpr std::array kTexts = {"BEGIN", "BEGIN IMMEDIATE", "COMMIT", "ROLLBACK"};
  const auto which = static_cast<std::size_t>(boundary);
  sqlite3_stmt*& statement = boundaries_[which];
  if (statement == nullptr) {
    const int code =
        sqlite3_prepare_v3(handle_, kTexts[which], -1, SQLITE_PREPARE_PERSISTENT, &statement, nullptr);
    if (code != SQLITE_OK) return code;
  }
  errno = 0;  // see sqlite_error()
  sqlite3_step(statement);
  return sqlite3_reset(statement);
}

Result<void> SqliteConnection::run(Boundary boundary) {
  const int code = step(boundary);
  if (code != SQLITE_OK)
    return sqlite_error(handle_, code, file_, sqlite3_sql(boundaries_[static_cast<std::size_t>(boundary)]));
  return {};
}

// One connection for both kinds of commits: the pages that it has cached stay good. With one connection for each, every
// commit of one made the other read anew what it had.
Result<void> SqliteConnection::begin_writing(Durability durability) {
  if (durability_ != durability) {
    durability_.reset();
    ESSAIM_TRY(
        control(durability == Durability::kAccept ? "PRAGMA synchronous=FULL" : "PRAGMA synchronous=NORMAL"));
    durability_ = durability;
  }
  if (mending_ != nullptr) ESSAIM_TRY(mending_->mend_or_end(handle_));
  return run(Boundary::kBeginWriting);
}

Result<void> SqliteConnection::commit() {
  if (auto fault = FaultPlan::check(FaultPlan::Where::kBeforeCommit)) return *fault;
  ESSAIM_CRASH_POINT("commit.before");
  const int code = step(Boundary::kCommit);
  if (code != SQLITE_OK) return sqlite_commit_error(handle_, code, file_);
  ESSAIM_CRASH_POINT("commit.after");
  if (auto fault = FaultPlan::check(FaultPlan::Where::kAfterCommit)) return *fault;
  return {};
}

void SqliteConnection::settle() {
  if (running_ > 0) {
    for (auto& [sql, statement] : cache_) {
      if (statement->running()) statement->reset();
    }
  }
  // Texts made for lists of values could fill the memory; the common ones are prepared again soon.
  if (cache_.size() > kMaxCached) cache_.clear();
}

Result<std::string> SqliteConnection::pragma(const std::string& name) {
  std::string value;
  const auto first = [](void* out, int columns, char** values, char**) {
    auto* text = static_cast<std::string*>(out);
    if (columns > 0 && values[0] != nullptr && text->empty()) *text = values[0];
    return 0;
  };
  const std::string sql = "PRAGMA " + name;
  const int code = sqlite3_exec(handle_, sql.c_str(), first, &value, nullptr);
  if (code != SQLITE_OK) return sqlite_error(handle_, code, file_, sql);
  return value;
}

}  // namespace essaim::storage
