// Databases that rules ask: never waited for, kept for an hour, and no answer is no "no".
#include <future>

#include <boost/test/unit_test.hpp>
#include <sqlite3.h>

#include "smtpd/operate/rule_sources.h"
#include "tests/support/temp_dir.h"

using namespace essaim;
using namespace essaim::smtpd::operate;
using essaim::lists::scenario::SourceFilter;

namespace {

struct Friends {
  Friends() {
    run("CREATE TABLE friend (mail TEXT); INSERT INTO friend VALUES ('ann@a.example')");
    auto parsed =
        SourceFilter::parse("db_type SQLite\ndb_name " + file +
                                "\ndb_timeout 1\nstatement SELECT COUNT(*) FROM friend WHERE mail=[sender]\n",
                            "friends.sql");
    BOOST_REQUIRE(parsed.ok());
    filter = *std::move(parsed);
  }
  void run(const char* sql) {
    sqlite3* handle = nullptr;
    BOOST_REQUIRE(sqlite3_open(file.c_str(), &handle) == SQLITE_OK);
    BOOST_REQUIRE(sqlite3_exec(handle, sql, nullptr, nullptr, nullptr) == SQLITE_OK);
    sqlite3_close(handle);
  }
  // As one who decides does: asks, waits for what is on its way, asks again.
  std::string asked(const std::string& who) {
    const auto before = sources.answers();
    auto holds = sources.holds(filter, {who});
    if (!holds.ok() && sources.wait(before)) holds = sources.holds(filter, {who});
    if (!holds.ok()) return holds.error().message;
    return *holds ? "yes" : "no";
  }

  test::TempDir folder;
  const std::string file = folder.path() + "/friends.db";
  SourceFilter filter;
  ManualClock clock;
  RuleSources sources{clock};
};

}  // namespace

BOOST_AUTO_TEST_SUITE(rule_sources)

BOOST_AUTO_TEST_CASE(an_answer_comes_behind_and_is_good_for_an_hour) {
  Friends friends;
  const auto first = friends.sources.holds(friends.filter, {"ann@a.example"});
  BOOST_REQUIRE(!first.ok());
  BOOST_TEST((first.error().code == ErrorCode::kTemporary));
  BOOST_TEST(friends.asked("ann@a.example") == "yes");
  BOOST_TEST(friends.asked("bob@b.example") == "no");
  BOOST_TEST(friends.asked("x' OR '1'='1") == "no");
  friends.run("DELETE FROM friend");
  friends.clock.advance(std::chrono::minutes(59));
  BOOST_TEST(friends.sources.holds(friends.filter, {"ann@a.example"}).value());
  friends.clock.advance(std::chrono::minutes(2));
  BOOST_TEST(friends.asked("ann@a.example") == "no");
}

BOOST_AUTO_TEST_CASE(what_cannot_be_asked_is_trouble_and_is_tried_again_some_seconds_later) {
  Friends friends;
  friends.run("DROP TABLE friend");
  const std::string trouble = friends.asked("ann@a.example");
  BOOST_TEST(trouble.starts_with("the filter friends.sql cannot be asked: "), trouble);
  BOOST_TEST(trouble.find(friends.file) != std::string::npos, trouble);
  friends.run("CREATE TABLE friend (mail TEXT); INSERT INTO friend VALUES ('ann@a.example')");
  BOOST_TEST(friends.asked("ann@a.example") == trouble);
  friends.clock.advance(RuleSources::kFailed + std::chrono::seconds(1));
  BOOST_TEST(friends.asked("ann@a.example") == "yes");
}

BOOST_AUTO_TEST_CASE(a_statement_without_an_end_is_given_up) {
  Friends friends;
  auto endless =
      SourceFilter::parse("db_type SQLite\ndb_name " + friends.file +
                              "\ndb_timeout 1\nstatement WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL "
                              "SELECT x+1 FROM n) SELECT COUNT(*) FROM n WHERE x = [sender]\n",
                          "endless.sql");
  BOOST_REQUIRE(endless.ok());
  friends.filter = *endless;
  BOOST_TEST(friends.asked("ann@a.example").starts_with("the filter endless.sql cannot be asked: "));
}

BOOST_AUTO_TEST_CASE(who_settles_is_called_when_all_that_was_asked_has_ended_and_not_without_need) {
  Friends friends;
  BOOST_TEST(!friends.sources.settle(0, [] { BOOST_ERROR("nothing was asked"); }));
  BOOST_TEST(!friends.sources.holds(friends.filter, {"a"}).ok());
  BOOST_TEST(!friends.sources.holds(friends.filter, {"b"}).ok());
  std::promise<void> ended;
  BOOST_REQUIRE(friends.sources.settle(0, [&] { ended.set_value(); }));
  ended.get_future().wait();
  // The answers may have come before one who decides comes to wait for them: that is no reason to give up.
  BOOST_TEST(friends.sources.answers() == 2U);
  bool at_once = false;
  BOOST_TEST(friends.sources.settle(1, [&] { at_once = true; }));
  BOOST_TEST(at_once);
  BOOST_TEST(!friends.sources.settle(2, [] { BOOST_ERROR("nothing came since"); }));
  BOOST_TEST(friends.sources.holds(friends.filter, {"a"}).ok());
  BOOST_TEST(friends.sources.holds(friends.filter, {"b"}).ok());
  friends.sources.stop();
  BOOST_TEST(!friends.sources.holds(friends.filter, {"c"}).ok());
  BOOST_TEST(friends.sources.holds(friends.filter, {"a"}).ok());
}

BOOST_AUTO_TEST_SUITE_END()
