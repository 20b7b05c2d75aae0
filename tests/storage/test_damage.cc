// Rows of the queue that somebody has edited: the others go on without them.
#include <filesystem>
#include <string>

#include "core/base/executor.h"
#include "core/base/log.h"
#include "storage/journal.h"
#include "storage/schema.h"
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

BOOST_FIXTURE_TEST_CASE(what_the_journal_has_of_a_row_that_does_not_decode_stays_in_it, Queue) {
  const log::Capture quiet([](log::Level, std::string_view) {});
  BOOST_TEST(claim(*database, {1, 1}, 10).size() == 3U);
  const std::string directory = database.directory().path("journal");
  Executor executor("journal", 1);
  {
    auto writer = must(JournalWriter::open({directory, "loop0", 1, 64 << 10}, executor));
    for (const Id id : {1, 2, 3})
      must(writer->append({id, 0, 0, RecipientState::kDelivered, 1, kNow, "250 2.0.0 Ok", "mx.a.test"}));
  }
  std::string recipients;
  must(database->read_now([&](Connection& c) -> Result<void> {
    auto row = must(sql::prepare(c, "SELECT recipients FROM batch WHERE post_id = 2"));
    BOOST_REQUIRE(must(row->step()));
    recipients = row->text(0);
    return {};
  }));
  run("UPDATE batch SET recipients = x'0102' WHERE post_id = 2");
  BOOST_TEST(must(recover_journal(*database, directory, 1, 2)) == 2U);
  BOOST_TEST(!std::filesystem::is_empty(directory));
  commit(*database, [&](Connection& c) -> Result<void> {  // it was mended
    must(sql::run(c, "UPDATE batch SET recipients = ? WHERE post_id = 2", sql::Blob{recipients}));
    return {};
  });
  BOOST_TEST(must(recover_journal(*database, directory, 1, 3)) == 1U);
  BOOST_TEST(std::filesystem::is_empty(directory));
  BOOST_TEST(rows("batch_state WHERE delivered = 1 AND pending = 1") == 3);
}

BOOST_AUTO_TEST_CASE(a_table_that_somebody_has_dropped_is_named) {
  TempDatabase database;
  commit(*database, [](Connection& c) { return c.execute("DROP TABLE departure"); });
  const auto required = require_newest(*database);
  BOOST_TEST((code_of(required) == ErrorCode::kInvalid));
  BOOST_TEST(required.error().message.find("lacks tables: departure:") != std::string::npos,
             required.error().message);
}

BOOST_AUTO_TEST_SUITE_END()
