// Reads under which their connection to a server is lost.
#include <cstdint>
#include <memory>
#include <string>
#include <utility>

#include "core/base/log.h"
#include "storage/copy.h"
#include "storage/mariadb/mariadb_url.h"
#include "storage/sql.h"
#include "tests/storage/fixtures.h"
#include "tests/storage/server_port.h"

using namespace essaim;
using namespace essaim::storage;
using namespace essaim::test;

namespace {

struct Reads {
  TempDatabase made;
  std::unique_ptr<Database> database = open(made.url());
  std::string told;
  log::Capture capture{[this](log::Level, std::string_view line) { told.append(line) += '\n'; }};

  Reads() { set("1"); }
  static std::unique_ptr<Database> open(const std::string& url) {
    DatabaseOptions options;
    options.url = url;
    options.readers = 1;
    return must(Database::open(options));
  }
  void set(const std::string& value) {
    commit(*made, [&](Connection& c) { return SiteStore(c).set("a", value); });
  }
  // By somebody else, as a server that ends does it.
  void kill(Connection& c) {
    const std::int64_t id = number(c, "SELECT CONNECTION_ID()");
    commit(*made, [id](Connection& k) { return k.execute("KILL " + std::to_string(id)); });
  }
  static std::int64_t number(Connection& c, const std::string& text) { return must(sql::number(c, 0, text)); }
  std::size_t repeated() const {
    std::size_t times = 0;
    for (std::size_t at = told.find("database.read_repeated"); at != std::string::npos;
         at = told.find("database.read_repeated", at + 1))
      ++times;
    return times;
  }
};

}  // namespace

BOOST_AUTO_TEST_SUITE(reads_again)

BOOST_FIXTURE_TEST_CASE(a_read_whose_connection_is_lost_under_it_is_run_again_on_one_that_is_whole, Reads) {
  enum class Way { kSnapshot, kShort, kLatest, kPlain };
  for (const Way way : {Way::kSnapshot, Way::kShort, Way::kLatest, Way::kPlain}) {
    set("1");
    int runs = 0;
    std::string value, later;
    const auto work = [&](Connection& c) -> Result<void> {
      if (++runs == 1) kill(c);
      auto found = SiteStore(c).get("a");
      if (!found.ok()) return found.error();
      value = found->value_or("none");
      BOOST_TEST(number(c, "SELECT INSTR(@@SESSION.sql_mode, 'STRICT_ALL_TABLES')") > 0);
      BOOST_TEST(number(c, "SELECT @@SESSION.innodb_lock_wait_timeout") == 10);
      BOOST_TEST(number(c, "SELECT @@SESSION.autocommit") == 1);
      set("2");
      found = SiteStore(c).get("a");
      if (!found.ok()) return found.error();
      later = found->value_or("none");
      return {};
    };
    switch (way) {
      case Way::kSnapshot:
        must(database->read_now(work));
        break;
      case Way::kShort:
        must(database->short_read_now(work));
        break;
      case Way::kLatest:
        must(database->read_latest_now(work));
        break;
      case Way::kPlain:
        must(database->look_now(work));
        break;
    }
    BOOST_TEST(runs == 2);
    BOOST_TEST(value == "1");
    BOOST_TEST(later == (way == Way::kPlain ? "2" : "1"));
  }
  BOOST_TEST(repeated() == 4U);
  BOOST_TEST(told.find("database.read_failing") == std::string::npos, told);
}

BOOST_FIXTURE_TEST_CASE(a_read_whose_connection_is_lost_each_time_is_run_twice, Reads) {
  int runs = 0;
  const auto lost = database->short_read_now([&](Connection& c) -> Result<void> {
    ++runs;
    kill(c);
    const auto found = SiteStore(c).get("a");
    return found.ok() ? Result<void>() : found.error();
  });
  BOOST_TEST((code_of(lost) == ErrorCode::kIo));
  BOOST_TEST(runs == 2);
  BOOST_TEST(repeated() == 1U);
  // And the next one finds a connection.
  must(database->short_read_now([&](Connection& c) -> Result<void> {
    BOOST_TEST(must(SiteStore(c).get("a")).value_or("none") == "1");
    return {};
  }));
}

BOOST_FIXTURE_TEST_CASE(what_a_read_itself_calls_trouble_is_not_run_again, Reads) {
  for (const ErrorCode code : {ErrorCode::kIo, ErrorCode::kTemporary, ErrorCode::kNotFound}) {
    int runs = 0;
    const auto failed = database->read_now([&](Connection& c) -> Result<void> {
      ++runs;
      ESSAIM_TRY(SiteStore(c).get("a"));
      return Error{code, "somebody else's"};
    });
    BOOST_TEST((code_of(failed) == code));
    BOOST_TEST(runs == 1);
  }
  BOOST_TEST(repeated() == 0U);
}

BOOST_FIXTURE_TEST_CASE(a_read_whose_host_goes_under_it_is_run_at_another_one, Reads) {
  const auto url = must(parse_mariadb_url(made.url()));
  if (url.socket.empty()) return;  // beside a cluster
  ServerPort one(url.socket), other(url.socket);
  const auto through =
      open("mariadb://" + url.user + "@" + one.host() + "," + other.host() + "/" + url.database);
  const int before = one.visits();
  int runs = 0;
  must(through->short_read_now([&](Connection& c) -> Result<void> {
    if (++runs == 1) kill(c);
    const auto found = SiteStore(c).get("a");
    return found.ok() ? Result<void>() : found.error();
  }));
  BOOST_TEST(runs == 2);
  BOOST_TEST(one.visits() == before + 1);
  BOOST_TEST(other.visits() == 1);
}

// Whatever is in the target by then has come from a snapshot that is gone.
BOOST_FIXTURE_TEST_CASE(a_copy_whose_source_is_lost_under_it_is_not_gone_on_with, Reads) {
  TempDatabase target;
  bool killed = false;
  const auto copied = copy_database(*database, *target, [&](const CopiedTable&) {
    if (std::exchange(killed, true)) return;
    commit(*made, [](Connection& k) -> Result<void> {
      // All but its own; they are of this database alone.
      auto others = sql::ids(k.prepare(
          "SELECT id FROM information_schema.processlist WHERE db = DATABASE() AND id <> CONNECTION_ID()"));
      if (!others.ok()) return others.error();
      for (const Id id : *others) static_cast<void>(k.execute("KILL " + std::to_string(id)).ok());
      return {};
    });
  });
  BOOST_REQUIRE(!copied.ok());
  BOOST_TEST((copied.error().code == ErrorCode::kIo));
}

BOOST_AUTO_TEST_SUITE_END()
