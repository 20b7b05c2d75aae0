// Changes of more rows than one transaction is to bear.
#include "storage/departure_store.h"
#include "storage/list_rest.h"
#include "storage/sql.h"
#include "tests/storage/fixtures.h"

using namespace essaim;
using namespace essaim::storage;
using namespace essaim::test;

namespace {

constexpr int kHeld = 600;

void hold(Database& database, Id list_id, Id first, int count, HeldState state = HeldState::kWaiting) {
  commit(database, [&](Connection& c) -> Result<void> {
    for (Id id = first; id < first + count; ++id) {
      HeldRecord held;
      held.id = id;
      held.state = state;
      held.key = "key" + std::to_string(id);
      held.list_id = list_id;
      held.list_address = "dev@lists.test";
      held.held = kNow;
      held.expires = kNow + std::chrono::hours(24);
      held.remind = kNow + std::chrono::hours(1);
      ESSAIM_TRY(HeldStore(c).add(held));
    }
    return {};
  });
}

void leave(Database& database, Id first, int count, WallTime when) {
  commit(database, [&](Connection& c) -> Result<void> {
    for (Id id = first; id < first + count; ++id)
      ESSAIM_TRY(DepartureStore(c).add({id, "dev@lists.test", "u@a.test", "operator", "", when}));
    return {};
  });
}

void rename(Database& database, const std::string& local) {
  commit(database, [&](Connection& c) { return DirectoryStore(c).rename_list(kList, local); });
}

std::int64_t rows(Database& database, const std::string& of) {
  std::int64_t count = 0;
  must(database.read_now([&](Connection& c) -> Result<void> {
    count = must(sql::number(c, 0, "SELECT COUNT(*) FROM " + of));
    return {};
  }));
  return count;
}

std::int64_t rests(Database& database) {
  return rows(database, "site_value WHERE name LIKE 'list-%'");
}

// The number of transactions.
std::uint64_t finish(Database& database) {
  const auto before = database.counters().commits;
  must(finish_lists(database, [&database](const EndedList& list) -> Result<void> {
    BOOST_TEST(list.id == kList);
    for (bool more = true; more;)
      commit(database, [&](Connection& c) -> Result<void> {
        more = must(HeldStore(c).decline_some(list.id, list.at, list.by));
        return {};
      });
    return {};
  }));
  return database.counters().commits - before;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(list_rest)

BOOST_AUTO_TEST_CASE(very_much_that_waits_on_a_list_that_goes_is_declined_in_steps) {
  TempDatabase database;
  make_list(*database);
  hold(*database, kList, 1, kHeld);
  hold(*database, kList + 1, 5000, 1);
  commit(*database, [](Connection& c) -> Result<void> {
    ESSAIM_TRY(sql::run(c,
                        "INSERT INTO job (name, started, finished, succeeded, result, node) VALUES "
                        "('held', ?, 0, 0, '', 0)",
                        kNow));
    return DirectoryStore(c).delete_list(kList, kNow, "eve@e.example");
  });
  BOOST_TEST(rows(*database, "job WHERE name = 'held' AND started = 0") == 1);  // it is due
  const std::string waiting = "held WHERE state = 0 AND list_id = " + std::to_string(kList);
  BOOST_TEST(rows(*database, waiting) == kHeld - kHeldTogether);
  BOOST_TEST(rests(*database) == 1);
  BOOST_TEST(finish(*database) >= 3U);
  BOOST_TEST(rows(*database, waiting) == 0);
  BOOST_TEST(rows(*database, "held WHERE state = 2 AND decided_by = 'eve@e.example' AND decided = " +
                                 std::to_string(to_millis(kNow))) == kHeld);
  BOOST_TEST(rows(*database, "held WHERE state = 0") == 1);
  BOOST_TEST(rests(*database) == 0);
  BOOST_TEST(finish(*database) == 0U);
}

BOOST_AUTO_TEST_CASE(the_oldest_are_declined_first_as_they_are_read) {
  TempDatabase database;
  make_list(*database);
  hold(*database, kList, 1, kHeld);
  commit(*database, [](Connection& c) -> Result<void> {
    HeldStore store(c);
    const auto first = must(store.of_list(kList, HeldState::kWaiting, 0, kHeldTogether));
    BOOST_REQUIRE(first.size() == static_cast<std::size_t>(kHeldTogether));
    BOOST_TEST(must(store.decline_some(kList, kNow, "eve@e.example")));
    const auto next = must(store.of_list(kList, HeldState::kWaiting, 0, 1));
    BOOST_REQUIRE(next.size() == 1U);
    BOOST_TEST(next.front().id == first.back().id + 1);
    const auto declined = must(store.of_list(kList, HeldState::kRejected, first[9].id, 1000));
    BOOST_REQUIRE(declined.size() == first.size() - 10);
    BOOST_TEST(declined.front().id == first[10].id);
    BOOST_TEST((declined.front().decided == kNow));
    return {};
  });
}

BOOST_AUTO_TEST_CASE(what_an_earlier_version_left_of_a_list_that_went_is_declined) {
  TempDatabase database;
  hold(*database, kList, 1, 3);
  commit(*database, [](Connection& c) {
    return SiteStore(c).set("list-rest:" + std::to_string(kList) + "/",
                            sql::encode_settings({{"list", std::to_string(kList)},
                                                  {"by", "eve@e.example"},
                                                  {"at", std::to_string(to_millis(kNow))}}));
  });
  finish(*database);
  BOOST_TEST(rows(*database, "held WHERE state = 2 AND decided_by = 'eve@e.example'") == 3);
  BOOST_TEST(rests(*database) == 0);
}

BOOST_AUTO_TEST_CASE(very_many_rows_get_the_new_name_of_a_list_in_steps) {
  TempDatabase database;
  make_list(*database);
  hold(*database, kList, 1, kHeld / 2);
  hold(*database, kList, 1000, kHeld / 2, HeldState::kRejected);
  leave(*database, 1, 2500, kNow);
  rename(*database, "bees");
  const std::string held = "held WHERE list_address = ", left = "departure WHERE list_address = ";
  BOOST_TEST(rows(*database, held + "'bees@lists.test'") == kHeldTogether);
  BOOST_TEST(rows(*database, left + "'bees@lists.test'") == 1000);
  // Renamed again, and another list gets the name that was the first, before a job came.
  rename(*database, "cees");
  make_list(*database, kList + 1);
  leave(*database, 9000, 1, kNow + std::chrono::minutes(1));
  hold(*database, kList + 1, 9000, 1);
  BOOST_TEST(finish(*database) > 4U);
  BOOST_TEST(rows(*database, held + "'cees@lists.test'") == kHeld);
  BOOST_TEST(rows(*database, left + "'cees@lists.test'") == 2500);
  BOOST_TEST(rows(*database, held + "'dev@lists.test'") == 1);
  BOOST_TEST(rows(*database, left + "'dev@lists.test'") == 1);
  BOOST_TEST(rests(*database) == 0);
}

BOOST_AUTO_TEST_CASE(a_list_that_is_called_as_before_again_keeps_all_who_left_it) {
  TempDatabase database;
  make_list(*database);
  leave(*database, 1, 1500, kNow);
  rename(*database, "bees");
  rename(*database, "dev");
  finish(*database);
  BOOST_TEST(rows(*database, "departure WHERE list_address = 'dev@lists.test'") == 1500);
  BOOST_TEST(rests(*database) == 0);
}

BOOST_AUTO_TEST_CASE(few_rows_are_changed_at_once) {
  TempDatabase database;
  make_list(*database);
  hold(*database, kList, 1, 3);
  leave(*database, 1, 3, kNow);
  rename(*database, "bees");
  BOOST_TEST(rows(*database, "held WHERE list_address = 'bees@lists.test'") == 3);
  BOOST_TEST(rows(*database, "departure WHERE list_address = 'bees@lists.test'") == 3);
  commit(*database,
         [](Connection& c) { return DirectoryStore(c).delete_list(kList, kNow, "eve@e.example"); });
  BOOST_TEST(rows(*database, "held WHERE state = 0") == 0);
  BOOST_TEST(rests(*database) == 0);
}

BOOST_AUTO_TEST_CASE(the_next_reminder_of_very_much_that_waits_is_set_in_steps) {
  TempDatabase database;
  hold(*database, kList, 1, kHeld);
  hold(*database, kList + 1, 5000, 1);
  const WallTime next = kNow + std::chrono::hours(24 * 3);
  HeldRecord one;
  commit(*database, [&](Connection& c) -> Result<void> {
    one = *must(HeldStore(c).find(7));
    BOOST_TEST(must(HeldStore(c).remind_together(one, next)));
    return {};
  });
  const std::string later = "held WHERE remind = " + std::to_string(to_millis(next));
  BOOST_TEST(rows(*database, later) == kHeldTogether);
  const auto before = database->counters().commits;
  must(finish_reminding(*database, one, next));
  BOOST_TEST(database->counters().commits - before >= 2U);
  BOOST_TEST(rows(*database, later) == kHeld);
  BOOST_TEST(rows(*database, "held") == kHeld + 1);
}

BOOST_AUTO_TEST_SUITE_END()
