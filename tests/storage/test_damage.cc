// Rows of the queue that somebody has edited, or a disk has damaged: the others go on without them.
#include <string>
#include <vector>

#include "storage/sql.h"
#include "tests/storage/fixtures.h"

using namespace essaim;
using namespace essaim::storage;
using namespace essaim::test;

namespace {

struct Queue {
  TempDatabase database;

  Queue() {
    make_list(*database);
    for (Id id = 1; id <= 3; ++id) make_post(*database, post(id), people(2, "a.test"), id);
  }
  void run(const std::string& text) {
    commit(*database, [&text](Connection& c) { return c.execute(text); });
  }
  // With a trigger, which only a file lets everybody make.
  void refuse(const std::string& change) {
    run("CREATE TRIGGER refuses BEFORE " + change + " BEGIN SELECT RAISE(ABORT, 'refused'); END");
  }
  std::int64_t rows(const std::string& of) {
    std::int64_t number = 0;
    must(database->read_now([&](Connection& c) -> Result<void> {
      number = must(sql::number(c, 0, "SELECT COUNT(*) FROM " + of));
      return {};
    }));
    return number;
  }
};

}  // namespace

BOOST_AUTO_TEST_SUITE(damage)

BOOST_FIXTURE_TEST_CASE(a_row_that_cannot_be_changed_keeps_no_other_from_being_made_due, Queue) {
  if (!TempDatabase::is_sqlite()) return;
  run("UPDATE batch_state SET queue = 2, due = 5");
  refuse("UPDATE ON batch_state WHEN OLD.post_id = 2");
  commit(*database, [](Connection& c) -> Result<void> {
    BatchStore store(c);
    BOOST_TEST(must(store.promote_due(kNow)) == 2);
    BOOST_REQUIRE(store.damaged().size() == 1U);
    BOOST_TEST(store.damaged()[0].post_id == 2);
    BOOST_TEST(!store.damaged()[0].held);
    BOOST_TEST(!must(store.next_due(kNow)).has_value());
    return {};
  });
  BOOST_TEST(claim(*database, {1, 1}, 10).size() == 2U);
}

BOOST_FIXTURE_TEST_CASE(a_row_that_cannot_be_changed_keeps_no_other_from_being_released, Queue) {
  if (!TempDatabase::is_sqlite()) return;
  BOOST_TEST(claim(*database, {1, 1}, 10).size() == 3U);
  refuse("UPDATE ON batch_state WHEN OLD.post_id = 2");
  commit(*database, [](Connection& c) -> Result<void> {
    BatchStore store(c);
    BOOST_TEST(must(store.release_stale(1, 2)) == 2);
    BOOST_REQUIRE(store.damaged().size() == 1U);
    BOOST_TEST(store.damaged()[0].post_id == 2);
    return {};
  });
  BOOST_TEST(claim(*database, {1, 2}, 10).size() == 2U);
}

BOOST_FIXTURE_TEST_CASE(counts_that_somebody_has_edited_are_counted_anew, Queue) {
  run("UPDATE batch_state SET pending = 77, suppressed = 5 WHERE post_id = 1");
  auto batches = claim(*database, {1, 1}, 10);
  BOOST_REQUIRE(batches.size() == 3U);
  BOOST_TEST(batches[0].pending == 2);
  BOOST_TEST(batches[0].suppressed == 0);
  commit(*database, [&](Connection& c) { return BatchStore(c).save({1, 1}, batches[0]); });
  // So it is where an earlier claim was not heard of, and all is given back.
  run("UPDATE batch_state SET failed = 9 WHERE post_id = 1");
  commit(*database, [](Connection& c) -> Result<void> {
    BatchStore store(c);
    auto owned = must(store.owned({1, 1}, {}));
    BOOST_TEST(owned.size() == 3U);
    for (BatchRecord& one : owned) {
      one.queue = BatchQueue::kReady;
      ESSAIM_TRY(store.save({1, 1}, one));
    }
    return {};
  });
  BOOST_TEST(rows("batch_state WHERE pending = 2 AND failed = 0 AND queue = 1") == 3);
}

BOOST_FIXTURE_TEST_CASE(what_does_not_decode_is_parked_also_when_it_is_given_back, Queue) {
  BOOST_TEST(claim(*database, {1, 1}, 2).size() == 2U);
  run("UPDATE batch SET recipients = x'0102' WHERE post_id IN (1, 3)");
  commit(*database, [](Connection& c) -> Result<void> {
    BatchStore store(c);
    const auto owned = must(store.owned({1, 1}, {}));
    BOOST_REQUIRE(owned.size() == 1U);
    BOOST_TEST(owned[0].post_id == 2);
    BOOST_TEST(must(store.claim({1, 1}, 0, 9, 10, {})).empty());
    BOOST_REQUIRE(store.damaged().size() == 2U);
    BOOST_TEST(store.damaged()[0].post_id == 1);
    BOOST_TEST(store.damaged()[1].post_id == 3);
    for (const DamagedBatch& one : store.damaged()) BOOST_TEST(one.held);
    return {};
  });
  BOOST_TEST(rows("batch_state WHERE queue = 4 AND owner = 0") == 2);
}

BOOST_FIXTURE_TEST_CASE(a_time_that_is_none_is_not_waited_for, Queue) {
  run("UPDATE batch_state SET queue = 2, due = 9223372036854775807 WHERE post_id = 1");
  if (TempDatabase::is_sqlite()) run("UPDATE batch_state SET queue = 2, due = 'never' WHERE post_id = 2");
  commit(*database, [](Connection& c) -> Result<void> {
    BOOST_TEST(!must(BatchStore(c).next_due()).has_value());
    return {};
  });
}

BOOST_AUTO_TEST_SUITE_END()
