// The layer under SQLite that gathers what a commit adds to the write-ahead log, with one connection through it and one
// beside it, as the server's and the command line's are.
#include <filesystem>
#include <string>

#include <boost/test/unit_test.hpp>

#include "storage/sqlite/file_layer.h"
#include "tests/storage/sqlite_handle.h"
#include "tests/support/temp_database.h"

namespace {

using Handle = essaim::test::SqliteHandle;
using essaim::test::rows;

struct Pair {
  essaim::test::TempDir folder;
  Handle ours{folder.path("x.db"), essaim::storage::file_layer()};
  Handle other{folder.path("x.db"), nullptr};
  Pair() { BOOST_REQUIRE(ours.run("CREATE TABLE t (a INTEGER PRIMARY KEY, b TEXT)")); }
};

const std::string kCount = "SELECT COUNT(*) FROM t";

}  // namespace

BOOST_AUTO_TEST_SUITE(gathering)

BOOST_AUTO_TEST_CASE(what_was_committed_is_seen_beside_it_at_once) {
  Pair pair;
  for (int i = 0; i < 50; ++i) {
    BOOST_REQUIRE(pair.ours.run(rows(i * 10, 10, 3000)));
    BOOST_TEST(pair.other.value(kCount) == std::to_string(i * 10 + 10));
  }
  BOOST_TEST(pair.other.value("PRAGMA integrity_check") == "ok");
}

BOOST_AUTO_TEST_CASE(a_file_copied_at_any_time_has_what_was_committed) {
  Pair pair;
  for (int i = 0; i < 5; ++i) {
    BOOST_REQUIRE(pair.ours.run(rows(i * 10, 10, 3000)));
    BOOST_REQUIRE(pair.ours.run("BEGIN; INSERT INTO t VALUES (1000, 'not yet')"));
    const std::string copy = pair.folder.path("copy" + std::to_string(i) + ".db");
    std::filesystem::copy_file(pair.folder.path("x.db"), copy);
    std::filesystem::copy_file(pair.folder.path("x.db-wal"), copy + "-wal");
    Handle survivor(copy, nullptr);
    BOOST_TEST(survivor.value(kCount) == std::to_string(i * 10 + 10));
    BOOST_TEST(survivor.value("PRAGMA integrity_check") == "ok");
    BOOST_REQUIRE(pair.ours.run("ROLLBACK"));
  }
}

BOOST_AUTO_TEST_CASE(what_was_given_up_never_gets_into_the_way_of_others) {
  Pair pair;
  // More than the cache holds: it goes to the log before the end, and is read back from there.
  BOOST_REQUIRE(pair.ours.run("PRAGMA cache_size=10"));
  for (int i = 0; i < 20; ++i) {
    BOOST_REQUIRE(pair.ours.run("BEGIN"));
    BOOST_REQUIRE(pair.ours.run(rows(100'000, 50 + 7 * i, 3000)));
    BOOST_REQUIRE(pair.ours.run("UPDATE t SET b = 'x' || b WHERE a >= 100000 AND a % 3 = 0"));
    BOOST_TEST(pair.ours.value("SELECT COUNT(*) FROM t WHERE a >= 100000") == std::to_string(50 + 7 * i));
    BOOST_REQUIRE(pair.ours.run("ROLLBACK"));
    BOOST_REQUIRE(pair.other.run(rows(i * 100, 30, 2000)));
    BOOST_REQUIRE(pair.ours.run(rows(i * 100 + 50, 20, 2000)));
    BOOST_TEST(pair.other.value(kCount) == std::to_string(50 * (i + 1)));
    if (i % 5 == 4) BOOST_REQUIRE(pair.other.run("PRAGMA wal_checkpoint(TRUNCATE)"));
    BOOST_TEST(pair.other.value("PRAGMA integrity_check") == "ok");
  }
}

BOOST_AUTO_TEST_CASE(a_part_can_be_given_up_and_the_rest_committed) {
  Pair pair;
  BOOST_REQUIRE(pair.ours.run("PRAGMA cache_size=10"));
  for (int i = 0; i < 10; ++i) {
    BOOST_REQUIRE(pair.ours.run("BEGIN"));
    BOOST_REQUIRE(pair.ours.run(rows(i * 1000, 100, 3000)));
    BOOST_REQUIRE(pair.ours.run("SAVEPOINT s"));
    BOOST_REQUIRE(pair.ours.run(rows(i * 1000 + 500, 200, 3000)));
    BOOST_REQUIRE(pair.ours.run("ROLLBACK TO s"));
    BOOST_REQUIRE(pair.ours.run(rows(i * 1000 + 500, 30, 3000)));
    BOOST_REQUIRE(pair.ours.run("COMMIT"));
    BOOST_TEST(pair.other.value(kCount) == std::to_string(130 * (i + 1)));
    BOOST_TEST(pair.other.value("PRAGMA integrity_check") == "ok");
  }
}

BOOST_AUTO_TEST_CASE(a_commit_larger_than_what_is_gathered_is_whole) {
  Pair pair;
  BOOST_REQUIRE(pair.ours.run(rows(0, 2000, 4000)));
  BOOST_TEST(pair.other.value(kCount) == "2000");
  BOOST_TEST(pair.other.value("SELECT MIN(LENGTH(b)) FROM t") == "4000");
  BOOST_TEST(pair.other.value("PRAGMA integrity_check") == "ok");
}

BOOST_AUTO_TEST_SUITE_END()
