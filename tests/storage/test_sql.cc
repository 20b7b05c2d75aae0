// How the stores walk the rows of a statement, and what works of a read or a write give.
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "storage/sql.h"
#include "tests/storage/fixtures.h"

using namespace essaim;
using namespace essaim::storage;
using namespace essaim::test;

namespace {

constexpr std::string_view kInOrder =
    "SELECT name, value FROM site_value WHERE name LIKE 'row_' ORDER BY name";
constexpr std::string_view kMagnitudes = "SELECT ABS(due) FROM report_due ORDER BY post_id";
const std::vector<std::string> kNames{"row1", "row2", "row3"};

void add_values(Database& database) {
  commit(database, [](Connection& c) -> Result<void> {
    for (const std::string& name : kNames)
      ESSAIM_TRY(sql::run(c, "INSERT INTO site_value (name, value) VALUES (?, ?)", name,
                          sql::Blob{"value of " + name}));
    return {};
  });
}

// The magnitude of the third is more than a number holds.
void add_numbers(Database& database) {
  commit(database, [](Connection& c) -> Result<void> {
    Id id = 0;
    for (const std::int64_t due :
         {std::int64_t{-5}, std::int64_t{6}, std::numeric_limits<std::int64_t>::min()})
      ESSAIM_TRY(sql::run(c, "INSERT INTO report_due (post_id, due) VALUES (?, ?)", ++id, due));
    return {};
  });
}

// Runs a test's steps inside of a read.
template <typename Steps>
void in_read(Database& database, Steps steps) {
  must(database.read_now([&steps](Connection& c) -> Result<void> {
    steps(c);
    return {};
  }));
}

Result<std::string> but_the_second(Statement& row) {
  if (row.text(0) == kNames[1]) return Error{ErrorCode::kDamaged, "the second"};
  return sql::text(row, 1);
}

// A database that repeats each work, as one does behind a conflict.
class Repeating final : public Database {
 public:
  explicit Repeating(Database& inner) : inner_(inner) {}
  void read(Work work, Done done) override { inner_.read(twice(std::move(work)), std::move(done)); }
  void look(Work work, Done done) override { inner_.look(twice(std::move(work)), std::move(done)); }
  void write(Durability durability, Work work, Done done) override {
    inner_.write(durability, twice(std::move(work)), std::move(done));
  }
  Result<void> backup(const std::string& file) override { return inner_.backup(file); }
  Result<void> check() override { return inner_.check(); }
  Result<void> check_settings() override { return inner_.check_settings(); }
  Counters counters() const override { return inner_.counters(); }
  bool healthy() const override { return inner_.healthy(); }

 private:
  static Work twice(Work work) {
    return [work = std::move(work)](Connection& c) -> Result<void> {
      static_cast<void>(work(c));
      return work(c);
    };
  }
  Database& inner_;
};

// Has no value of its own accord.
struct Named {
  explicit Named(std::string what) : name(std::move(what)) {}
  std::string name;
};

Result<std::optional<std::string>> first_value(Connection& c) {
  return sql::row(c.prepare(kInOrder), [](Statement& row) { return sql::text(row, 1); });
}

Result<std::int64_t> count_values(Connection& c) {
  return sql::number(c, 0, "SELECT COUNT(*) FROM site_value WHERE name LIKE 'row_'");
}

}  // namespace

BOOST_AUTO_TEST_CASE(every_row_is_given_in_order) {
  TempDatabase database;
  add_values(*database);
  in_read(*database, [](Connection& c) {
    // Twice: the first walk has come to its end.
    for (int i = 0; i < 2; ++i) {
      std::vector<std::string> seen;
      must(sql::each(c.prepare(kInOrder), [&seen](Statement& row) { seen.push_back(sql::text(row, 0)); }));
      BOOST_TEST(seen == kNames, boost::test_tools::per_element());
    }
    BOOST_TEST(must(sql::texts(c.prepare(kInOrder))) == kNames, boost::test_tools::per_element());
    const auto values =
        must(sql::rows(c.prepare(kInOrder), [](Statement& row) { return sql::text(row, 1); }));
    BOOST_REQUIRE_EQUAL(values.size(), 3U);
    BOOST_TEST(values[2] == "value of row3");
    BOOST_TEST(must(sql::row(c.prepare(kInOrder), [](Statement& row) {
                 return sql::text(row, 1);
               })).value() == "value of row1");
  });
}

BOOST_AUTO_TEST_CASE(without_rows_nothing_is_called) {
  TempDatabase database;
  in_read(*database, [](Connection& c) {
    const auto none = [](Statement&) -> std::string {
      BOOST_ERROR("there is no row");
      return {};
    };
    must(sql::each(c.prepare(kInOrder), [&none](Statement& row) { none(row); }));
    BOOST_TEST(must(sql::rows(c.prepare(kInOrder), none)).empty());
    BOOST_TEST(must(sql::texts(c.prepare(kInOrder))).empty());
    BOOST_TEST(must(sql::ids(c.prepare(kMagnitudes))).empty());
    BOOST_TEST(!must(sql::row(c.prepare(kInOrder), none)).has_value());
  });
}

BOOST_AUTO_TEST_CASE(an_error_in_the_middle_of_the_rows_is_told) {
  TempDatabase database;
  add_numbers(*database);
  // Each in a read of its own: what a server does with the rest of one that failed is its own affair.
  in_read(*database, [](Connection& c) {
    std::vector<std::int64_t> seen;
    const auto walked =
        sql::each(c.prepare(kMagnitudes), [&seen](Statement& row) { seen.push_back(row.integer(0)); });
    BOOST_TEST(!walked.ok());
    // A server tells it before the first.
    const std::vector<std::int64_t> before =
        TempDatabase::is_sqlite() ? std::vector<std::int64_t>{5, 6} : std::vector<std::int64_t>{};
    BOOST_TEST(seen == before, boost::test_tools::per_element());
  });
  in_read(*database, [](Connection& c) { BOOST_TEST(!sql::ids(c.prepare(kMagnitudes)).ok()); });
  in_read(*database, [](Connection& c) {
    BOOST_TEST(!sql::row(c.prepare("SELECT ABS(due) FROM report_due WHERE post_id = 3"), [](Statement& row) {
                  return row.integer(0);
                }).ok());
  });
}

BOOST_AUTO_TEST_CASE(an_error_of_the_preparing_is_told) {
  TempDatabase database;
  in_read(*database, [](Connection& c) {
    const Result<Statement*> refused = Error{ErrorCode::kTemporary, "not prepared"};
    const auto number = [](Statement& row) { return row.integer(0); };
    BOOST_TEST(sql::each(refused, [](Statement&) {}).error().message == "not prepared");
    BOOST_TEST(sql::rows(refused, number).error().message == "not prepared");
    BOOST_TEST(sql::row(refused, number).error().message == "not prepared");
    BOOST_TEST(sql::texts(refused).error().message == "not prepared");
    BOOST_TEST(!sql::ids(c.prepare("SELECT nothing FROM nowhere")).ok());
  });
}

BOOST_AUTO_TEST_CASE(the_error_of_who_takes_a_row_ends_the_walk) {
  TempDatabase database;
  add_values(*database);
  in_read(*database, [](Connection& c) {
    std::size_t calls = 0;
    const auto walked = sql::each(c.prepare(kInOrder), [&calls](Statement&) -> Result<void> {
      if (++calls == 2) return Error{ErrorCode::kConflict, "enough"};
      return {};
    });
    BOOST_REQUIRE(!walked.ok());
    BOOST_TEST((walked.error().code == ErrorCode::kConflict));
    BOOST_TEST(walked.error().message == "enough");
    BOOST_TEST(calls == 2U);

    const auto made = sql::rows(c.prepare(kInOrder), but_the_second);
    BOOST_REQUIRE(!made.ok());
    BOOST_TEST((made.error().code == ErrorCode::kDamaged));
    BOOST_TEST(made.error().message == "the second");

    const auto second = sql::prepare(c, "SELECT name, value FROM site_value WHERE name = ?", kNames[1]);
    BOOST_TEST(sql::row(second, but_the_second).error().message == "the second");
    BOOST_TEST(must(sql::row(c.prepare(kInOrder), but_the_second)).value() == "value of row1");

    // The same text is read from its beginning again.
    BOOST_TEST(must(sql::texts(c.prepare(kInOrder))).size() == 3U);
  });
}

BOOST_AUTO_TEST_CASE(what_a_work_gives_is_given) {
  TempDatabase database;
  BOOST_TEST(!must(database->read_now(first_value)).has_value());
  const auto added = database->write_now(Durability::kAccept, [](Connection& c) -> Result<Named> {
    ESSAIM_TRY(sql::run(c, "INSERT INTO site_value (name, value) VALUES (?, ?)", kNames[0], sql::Blob{"a"}));
    return Named(kNames[0]);
  });
  BOOST_REQUIRE(added.ok());
  BOOST_TEST(added->name == kNames[0]);
  BOOST_TEST(must(database->read_now(first_value)).value() == "a");
  BOOST_TEST(must(database->look_now(count_values)) == 1);
  BOOST_TEST(must(database->read_latest_now(count_values)) == 1);
  BOOST_TEST(must(database->short_read_now(count_values)) == 1);
  const bool any = must(database->read_now([](Connection& c) -> Result<bool> {
    const auto number = count_values(c);
    if (!number.ok()) return number.error();
    return *number > 1;
  }));
  BOOST_TEST(!any);
}

BOOST_AUTO_TEST_CASE(a_work_that_fails_gives_its_error_and_writes_nothing) {
  TempDatabase database;
  const auto refused = database->write_now(Durability::kAccept, [](Connection& c) -> Result<Named> {
    ESSAIM_TRY(sql::run(c, "INSERT INTO site_value (name, value) VALUES (?, ?)", kNames[0], sql::Blob{"a"}));
    return Error{ErrorCode::kConflict, "not that one"};
  });
  BOOST_REQUIRE(!refused.ok());
  BOOST_TEST((refused.error().code == ErrorCode::kConflict));
  BOOST_TEST(refused.error().message == "not that one");
  BOOST_TEST(must(database->read_now(count_values)) == 0);
}

BOOST_AUTO_TEST_CASE(of_a_work_that_is_repeated_the_last_run_counts) {
  TempDatabase made;
  add_values(*made);
  Repeating database(*made);
  // Rows do not come twice.
  const auto names = [](Connection& c) { return sql::texts(c.prepare(kInOrder)); };
  BOOST_TEST(must(database.read_now(names)) == kNames, boost::test_tools::per_element());
  BOOST_TEST(must(database.look_now(names)) == kNames, boost::test_tools::per_element());
  BOOST_TEST(must(database.write_now(Durability::kProgress, names)) == kNames,
             boost::test_tools::per_element());

  int runs = 0;
  const auto number = database.read_now([&runs](Connection&) -> Result<int> { return ++runs; });
  BOOST_TEST(must(number) == 2);

  // What the first run gave is nothing that was committed.
  runs = 0;
  const auto failed = database.write_now(Durability::kProgress, [&runs](Connection&) -> Result<int> {
    if (++runs == 2) return Error{ErrorCode::kNotFound, "gone meanwhile"};
    return runs;
  });
  BOOST_REQUIRE(!failed.ok());
  BOOST_TEST(failed.error().message == "gone meanwhile");

  runs = 0;
  const auto mended = database.read_now([&runs](Connection&) -> Result<int> {
    if (++runs == 1) return Error{ErrorCode::kTemporary, "busy"};
    return runs;
  });
  BOOST_TEST(must(mended) == 2);
}
