// What a test costs, in steps of SQLite's machine, which no other load changes.
#pragma once

#include <atomic>
#include <cstdint>

#include <boost/test/unit_test.hpp>
#include <sqlite3.h>

namespace essaim::test {

// Counts the steps of all connections that are opened while it lives.
class CountedSteps {
 public:
  CountedSteps() {
    clear();
    BOOST_REQUIRE(sqlite3_auto_extension(reinterpret_cast<void (*)()>(&watch)) == SQLITE_OK);
  }
  ~CountedSteps() { sqlite3_cancel_auto_extension(reinterpret_cast<void (*)()>(&watch)); }
  CountedSteps(const CountedSteps&) = delete;
  CountedSteps& operator=(const CountedSteps&) = delete;
  static void clear() { writing_ = reading_ = 0; }
  static std::int64_t writing() { return writing_; }
  static std::int64_t reading() { return reading_; }

 private:
  static constexpr int kTogether = 10;
  static int watch(sqlite3* connection, char**, const sqlite3_api_routines*) {
    sqlite3_progress_handler(connection, kTogether, &count, connection);
    return SQLITE_OK;
  }
  static int count(void* connection) {
    const bool writes = sqlite3_txn_state(static_cast<sqlite3*>(connection), "main") == SQLITE_TXN_WRITE;
    (writes ? writing_ : reading_) += kTogether;
    return 0;
  }
  static inline std::atomic<std::int64_t> writing_ = 0, reading_ = 0;
};

}  // namespace essaim::test
