// A commit that begins the log anew while a checkpoint is between reading how long the log is and copying it: the bug of
// SQLite up to 3.51.2 that loses what was committed (https://www.sqlite.org/wal.html#walresetbug).
#include <functional>
#include <string>
#include <utility>

#include <boost/test/unit_test.hpp>

#include "storage/sqlite/file_layer.h"
#include "tests/storage/sqlite_handle.h"
#include "tests/support/temp_database.h"

using essaim::test::rows;
using essaim::test::SqliteHandle;

namespace {

// Runs something once when the connection has read the index of the log and found it changed: SQLite then drops what it
// has mapped of the database.
class Interruption : public essaim::test::ReplacedMethods {
 public:
  Interruption(sqlite3* connection, std::function<void()> what)
      : ReplacedMethods(connection, SQLITE_FCNTL_FILE_POINTER), what_(std::move(what)) {
    self = this;
    methods_.xUnfetch = [](sqlite3_file* file, sqlite3_int64 at, void* page) {
      if (const auto now = std::exchange(self->what_, nullptr)) now();
      return self->below_->xUnfetch(file, at, page);
    };
  }
  bool came() const { return what_ == nullptr; }

 private:
  static inline Interruption* self = nullptr;
  std::function<void()> what_;
};

}  // namespace

BOOST_AUTO_TEST_SUITE(checkpoint_race)

BOOST_AUTO_TEST_CASE(a_commit_that_begins_the_log_anew_under_a_checkpoint_is_kept) {
  essaim::test::TempDir folder;
  const std::string file = folder.path("x.db");
  SqliteHandle writer(file, essaim::storage::file_layer()), checkpointer(file, essaim::storage::file_layer());
  BOOST_REQUIRE(writer.run("CREATE TABLE t (a INTEGER PRIMARY KEY, b TEXT)"));
  BOOST_TEST(checkpointer.value("SELECT COUNT(*) FROM t") == "0");
  BOOST_REQUIRE(writer.run(rows(0, 100, 3000)));
  BOOST_REQUIRE(writer.run("PRAGMA wal_checkpoint(PASSIVE)"));  // all of it: the next commit begins anew
  {
    const Interruption commit(checkpointer.get(), [&] { BOOST_TEST(writer.run(rows(1000, 10, 3000))); });
    BOOST_TEST(checkpointer.run("PRAGMA wal_checkpoint(PASSIVE)"));
    BOOST_TEST(commit.came());
  }
  BOOST_TEST(writer.value("SELECT COUNT(*) FROM t") == "110");
  BOOST_TEST(checkpointer.value("SELECT COUNT(*) FROM t") == "110");
  // The next checkpoints copy it, and the log may begin anew again.
  for (int i = 0; i < 3; ++i) {
    BOOST_TEST(checkpointer.run("PRAGMA wal_checkpoint(RESTART)"));
    BOOST_TEST(writer.run(rows(2000 + i, 1, 3000)));
  }
  BOOST_TEST(writer.value("SELECT COUNT(*) FROM t") == "113");
  BOOST_TEST(writer.value("PRAGMA integrity_check") == "ok");
}

BOOST_AUTO_TEST_SUITE_END()
