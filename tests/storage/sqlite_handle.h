// A file of SQLite, opened without the rest of the storage, and rows in it.
#pragma once

#include <string>

#include <boost/test/unit_test.hpp>
#include <sqlite3.h>

#include "storage/sqlite/file_layer.h"
#include "storage/sqlite/log_mending.h"

namespace essaim::test {

class SqliteHandle {
 public:
  // `layer`: as for sqlite3_open_v2(); with ours, somebody may watch. In WAL mode, and checkpoints only when asked for.
  SqliteHandle(const std::string& file, const char* layer, storage::LogMending* mending = nullptr) {
    const int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE;
    BOOST_REQUIRE(sqlite3_open_v2(file.c_str(), &handle_, flags, layer) == SQLITE_OK);
    if (mending != nullptr) storage::watch_syncs(handle_, *mending);
    BOOST_REQUIRE(run("PRAGMA journal_mode=WAL; PRAGMA wal_autocheckpoint=0; PRAGMA synchronous=NORMAL"));
  }
  ~SqliteHandle() { sqlite3_close(handle_); }
  SqliteHandle(const SqliteHandle&) = delete;
  SqliteHandle& operator=(const SqliteHandle&) = delete;

  bool run(const std::string& sql) {
    return sqlite3_exec(handle_, sql.c_str(), nullptr, nullptr, nullptr) == SQLITE_OK;
  }
  std::string value(const std::string& sql) {
    std::string value;
    const auto first = [](void* out, int, char** values, char**) {
      *static_cast<std::string*>(out) = values[0] != nullptr ? values[0] : "";
      return 0;
    };
    BOOST_REQUIRE(sqlite3_exec(handle_, sql.c_str(), first, &value, nullptr) == SQLITE_OK);
    return value;
  }

  sqlite3* get() { return handle_; }

 private:
  sqlite3* handle_ = nullptr;
};

// Lets a test come in between SQLite and a file of a connection (SQLITE_FCNTL_FILE_POINTER or _JOURNAL_POINTER) while it lives:
// methods_ is what SQLite calls, below_ what it called before.
class ReplacedMethods {
 public:
  ReplacedMethods(const ReplacedMethods&) = delete;
  ReplacedMethods& operator=(const ReplacedMethods&) = delete;

 protected:
  ReplacedMethods(sqlite3* connection, int which) {
    BOOST_REQUIRE(sqlite3_file_control(connection, "main", which, &file_) == SQLITE_OK);
    below_ = file_->pMethods;
    methods_ = *below_;
    file_->pMethods = &methods_;
  }
  ~ReplacedMethods() { file_->pMethods = below_; }

  const sqlite3_io_methods* below_ = nullptr;
  sqlite3_io_methods methods_{};

 private:
  sqlite3_file* file_ = nullptr;
};

// An INSERT into t (a INTEGER PRIMARY KEY, b TEXT): so many rows from `first` on, of this size.
inline std::string rows(int first, int count, int size) {
  return "WITH RECURSIVE n(i) AS (SELECT " + std::to_string(first) + " UNION ALL SELECT i + 1 FROM n LIMIT " +
         std::to_string(count) + ") INSERT INTO t SELECT i, hex(zeroblob(" + std::to_string(size / 2) +
         ")) FROM n";
}

}  // namespace essaim::test
