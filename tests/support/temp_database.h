// A fresh, migrated SQLite database in a temporary directory that goes with it. For tests.
#pragma once

#include <cstdlib>
#include <filesystem>
#include <memory>
#include <stdexcept>
#include <string>

#include "storage/database.h"
#include "storage/schema.h"

namespace essaim::test {

class TempDirectory {
 public:
  TempDirectory() {
    std::string pattern = (std::filesystem::temp_directory_path() / "essaim-test-XXXXXX").string();
    if (::mkdtemp(pattern.data()) == nullptr) throw std::runtime_error("mkdtemp failed");
    path_ = pattern;
  }
  ~TempDirectory() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  TempDirectory(const TempDirectory&) = delete;
  TempDirectory& operator=(const TempDirectory&) = delete;
  const std::string& path() const { return path_; }
  std::string file(const std::string& name) const { return path_ + "/" + name; }

 private:
  std::string path_;
};

class TempDatabase {
 public:
  TempDatabase() {
    open();
    check(storage::migrate(*database_));
  }
  // Closes and opens the same file again, as a restart does.
  void reopen() {
    close();
    open();
  }
  void close() { database_.reset(); }
  storage::Database& operator*() { return *database_; }
  storage::Database* operator->() { return database_.get(); }
  const TempDirectory& directory() const { return directory_; }
  std::string file() const { return directory_.file("essaim.db"); }
  std::string url() const { return "sqlite:" + file(); }

 private:
  void open() {
    storage::DatabaseOptions options;
    options.url = url();
    options.create = true;
    auto opened = storage::Database::open(options);
    if (!opened.ok()) throw std::runtime_error(opened.error().message);
    database_ = std::move(*opened);
  }
  static void check(const Result<void>& result) {
    if (!result.ok()) throw std::runtime_error(result.error().message);
  }

  TempDirectory directory_;
  std::unique_ptr<storage::Database> database_;
};

}  // namespace essaim::test
