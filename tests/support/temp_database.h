// A fresh, migrated database that goes with the object: an SQLite file in a temporary directory, or, when
// ESSAIM_TEST_MARIADB names a server ("mariadb://root@/%?socket=/path", % for the name), a database there. For tests.
#pragma once

#include <cstdlib>
#include <memory>
#include <stdexcept>
#include <string>

#include <unistd.h>

#include "storage/database.h"
#include "storage/schema.h"
#include "tests/support/temp_dir.h"

namespace essaim::test {

class TempDatabase {
 public:
  TempDatabase() {
    if (server() != nullptr) {
      name_ = "essaim_test_" + std::to_string(::getpid()) + "_" + std::to_string(made()++);
      on_server("CREATE DATABASE " + name_);
    }
    open();
    check(storage::migrate(*database_));
  }
  ~TempDatabase() {
    database_.reset();
    if (server() != nullptr) on_server("DROP DATABASE " + name_);
  }
  TempDatabase(const TempDatabase&) = delete;
  TempDatabase& operator=(const TempDatabase&) = delete;
  static bool is_sqlite() { return server() == nullptr; }
  // Closes and opens the same file again, as a restart does.
  void reopen() {
    close();
    open();
  }
  void close() { database_.reset(); }
  storage::Database& operator*() { return *database_; }
  storage::Database* operator->() { return database_.get(); }
  const TempDir& directory() const { return directory_; }
  std::string file() const { return directory_.path("essaim.db"); }
  std::string url() const { return server() == nullptr ? "sqlite:" + file() : url_of(name_); }

 private:
  void open() {
    storage::DatabaseOptions options;
    options.url = url();
    options.create = true;
    auto opened = storage::Database::open(options);
    if (!opened.ok()) throw std::runtime_error(opened.error().message);
    database_ = std::move(*opened);
  }
  static const char* server() { return std::getenv("ESSAIM_TEST_MARIADB"); }
  static int& made() {
    static int number = 0;
    return number;
  }
  static std::string url_of(const std::string& name) {
    std::string url = server();
    return url.replace(url.find('%'), 1, name);
  }
  static void on_server(const std::string& statement) {
    storage::DatabaseOptions options;
    options.url = url_of("mysql");
    options.readers = 1;
    auto opened = storage::Database::open(options);
    if (!opened.ok()) throw std::runtime_error(opened.error().message);
    check((*opened)->write_now(storage::Durability::kAccept,
                               [&](storage::Connection& c) { return c.execute(statement); }));
  }
  static void check(const Result<void>& result) {
    if (!result.ok()) throw std::runtime_error(result.error().message);
  }

  TempDir directory_;
  std::string name_;
  std::unique_ptr<storage::Database> database_;
};

}  // namespace essaim::test
