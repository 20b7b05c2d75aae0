// One SQLite connection with its cache of prepared statements. One thread at a time (opened without SQLite's
// mutexes).
#pragma once

#include <array>
#include <atomic>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>

#include <sqlite3.h>

#include "storage/engine/engine_connection.h"
#include "storage/unsettled_keys.h"

namespace essaim::storage {

class LogMending;
class SqliteConnection;

class SqliteStatement : public Statement {
 public:
  SqliteStatement(SqliteConnection& connection, sqlite3_stmt* handle)
      : connection_(connection), handle_(handle) {}
  ~SqliteStatement() override { sqlite3_finalize(handle_); }
  SqliteStatement(const SqliteStatement&) = delete;
  SqliteStatement& operator=(const SqliteStatement&) = delete;

  Statement& bind(int index, std::int64_t value) override;
  Statement& bind_text(int index, std::string_view value) override;
  Statement& bind_blob(int index, std::string_view value) override;
  Result<bool> step() override;
  Result<std::int64_t> run() override;
  std::int64_t integer(int column) override { return sqlite3_column_int64(handle_, column); }
  std::string_view text(int column) override;
  bool is_null(int column) override { return sqlite3_column_type(handle_, column) == SQLITE_NULL; }

  void renew();  // reset, nothing bound
  void reset();
  bool running() const { return running_; }

 private:
  void bound(int code);

  SqliteConnection& connection_;
  sqlite3_stmt* handle_;
  bool running_ = false;  // between the first step and the last
  int bind_error_ = SQLITE_OK;
};

// Lets a text be found without making a string of it.
struct TextHash {
  using is_transparent = void;
  std::size_t operator()(std::string_view text) const { return std::hash<std::string_view>()(text); }
};

class SqliteConnection : public EngineConnection {
 public:
  enum class Use { kWrite, kRead, kMaintenance };
  // `statements` counts what works run, `mending` hears of syncs that fail and is asked before a
  // transaction begins; they outlive the connection and may be null.
  static Result<std::unique_ptr<SqliteConnection>> open(const std::string& file, Use use,
                                                        Duration busy_timeout, bool create,
                                                        std::atomic<std::uint64_t>* statements,
                                                        LogMending* mending = nullptr);
  ~SqliteConnection() override;
  SqliteConnection(const SqliteConnection&) = delete;
  SqliteConnection& operator=(const SqliteConnection&) = delete;

  Result<Statement*> prepare(std::string_view sql) override;
  Result<void> execute(std::string_view sql) override;
  Dialect dialect() const override { return Dialect::kSqlite; }
  UnsettledKeys* unsettled_keys() override { return &unsettled_keys_; }

  Result<void> begin_reading() override { return run(Boundary::kBeginReading); }
  Result<void> begin_writing(Durability durability) override;
  Result<void> set_savepoint() override { return control("SAVEPOINT work"); }
  Result<void> release_savepoint() override { return control("RELEASE work"); }
  Result<void> roll_back_to_savepoint() override { return control("ROLLBACK TO work; RELEASE work"); }
  Result<void> commit() override;
  Result<void> roll_back() override { return run(Boundary::kRollBack); }
  bool in_transaction() const override { return sqlite3_get_autocommit(handle_) == 0; }
  void settle() override;

  // The engine's own statements: neither counted nor made to fail by a FaultPlan.
  Result<void> control(const char* sql);
  sqlite3* handle() { return handle_; }
  const std::string& file() const { return file_; }
  // First value of a PRAGMA, as text.
  Result<std::string> pragma(const std::string& name);

 private:
  friend class SqliteStatement;
  SqliteConnection(std::string file, sqlite3* handle, std::atomic<std::uint64_t>* statements,
                   LogMending* mending)
      : file_(std::move(file)), handle_(handle), statements_(statements), mending_(mending) {}
  // Of transactions: prepared once, for they run around every work.
  enum class Boundary { kBeginReading, kBeginWriting, kCommit, kRollBack };
  int step(Boundary boundary);  // SQLite's result code
  Result<void> run(Boundary boundary);
  Result<void> set_up(Use use, Duration busy_timeout, bool create);
  Result<void> claim_file(bool create);

  std::string file_;
  sqlite3* handle_;
  std::atomic<std::uint64_t>* statements_;
  LogMending* const mending_;
  std::array<sqlite3_stmt*, 4> boundaries_{};
  std::unordered_map<std::string, std::unique_ptr<SqliteStatement>, TextHash, std::equal_to<>> cache_;
  UnsettledKeys unsettled_keys_;
  int running_ = 0;                       // statements between their first and last step
  std::optional<Durability> durability_;  // that PRAGMA synchronous is set for; unknown at first
};

}  // namespace essaim::storage
