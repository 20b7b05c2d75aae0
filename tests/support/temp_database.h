// A fresh, migrated database that goes with the object: an SQLite file in a temporary directory, or, when
// ESSAIM_TEST_MARIADB names a server ("mariadb://root@/%?socket=/path", % for the name), a database there. For tests.
#pragma once

#include <memory>
#include <string>

#include "storage/database.h"
#include "tests/support/temp_dir.h"

namespace essaim::test {

class TempDatabase {
 public:
  TempDatabase();
  ~TempDatabase();
  TempDatabase(const TempDatabase&) = delete;
  TempDatabase& operator=(const TempDatabase&) = delete;
  static bool is_sqlite();
  // Closes and opens the same file again, as a restart does.
  void reopen();
  void close();
  storage::Database& operator*() { return *database_; }
  storage::Database* operator->() { return database_.get(); }
  const TempDir& directory() const { return directory_; }
  std::string file() const;
  std::string url() const;

 private:
  void open();

  TempDir directory_;
  std::string name_;  // on the server
  std::unique_ptr<storage::Database> database_;
};

}  // namespace essaim::test
