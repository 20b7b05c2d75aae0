#include <chrono>

#include "storage/backup_note.h"
#include "storage/directory_store.h"
#include "tests/storage/fixtures.h"

using namespace essaim;
using namespace essaim::storage;
using namespace essaim::test;
using namespace std::chrono_literals;

BOOST_AUTO_TEST_SUITE(backup_notes)

BOOST_AUTO_TEST_CASE(the_next_backup_is_due_only_where_somebody_has_said_how_often) {
  TempDatabase database;
  const auto noted = [&] {
    BackupNote note;
    commit(*database, [&](Connection& c) -> Result<void> {
      note = must(backup_note(c));
      return {};
    });
    return note;
  };
  const auto made = [&](std::int64_t at, std::optional<Duration> every) {
    commit(*database, [&](Connection& c) { return note_backup(c, from_millis(at), every); });
  };
  const auto expected = [&](std::int64_t at, std::optional<Duration> every) {
    commit(*database, [&](Connection& c) { return begin_backup(c, from_millis(at), every); });
  };
  BOOST_TEST(to_millis(noted().last) == 0);
  expected(1'000'000, std::nullopt);
  BOOST_TEST(to_millis(noted().begun) == 1'000'000);
  BOOST_TEST(to_millis(noted().last) == 0, "it may fail");
  BOOST_TEST(to_millis(noted().due) == 0);
  made(1'000'000, std::nullopt);
  BOOST_TEST(to_millis(noted().last) == 1'000'000);
  BOOST_TEST(to_millis(noted().due) == 0, "by hand, and no other is expected");
  expected(2'000'000, 1h);
  BOOST_TEST(to_millis(noted().due) == 2'000'000, "the first, if it fails");
  BOOST_TEST(to_millis(noted().last) == 1'000'000);
  expected(3'000'000, 1h);
  BOOST_TEST(to_millis(noted().due) == 2'000'000, "what fails again moves nothing");
  made(3'000'000, 1h);
  BOOST_TEST(to_millis(noted().due) == 6'600'000);
  made(4'000'000, std::nullopt);
  BOOST_TEST(to_millis(noted().due) == 7'600'000, "one by hand is a backup, too");
  commit(*database, [&](Connection& c) { return renew_backup_note(c, from_millis(9'000'000)); });
  BOOST_TEST(to_millis(noted().due) == 12'600'000);
  BOOST_TEST(to_millis(noted().last) == 4'000'000);
  BOOST_TEST(to_millis(noted().begun) == 3'000'000);
  made(5'000'000, 0s);
  BOOST_TEST(to_millis(noted().due) == 0);
  commit(*database, [&](Connection& c) { return renew_backup_note(c, from_millis(9'000'000)); });
  BOOST_TEST(to_millis(noted().due) == 0);
}

BOOST_AUTO_TEST_CASE(a_note_that_cannot_be_read_is_none) {
  TempDatabase database;
  for (const char* value : {"", "1", "1 2", "1 2 3", "1 2 3 x", "1 2 3 4 5", "99999999999999999999 1 2 3"}) {
    commit(*database, [&](Connection& c) -> Result<void> {
      ESSAIM_TRY(SiteStore(c).set("backup", value));
      const BackupNote note = must(backup_note(c));
      BOOST_TEST(to_millis(note.last) == 0, value);
      BOOST_TEST(to_millis(note.due) == 0, value);
      return {};
    });
  }
}

BOOST_AUTO_TEST_SUITE_END()
