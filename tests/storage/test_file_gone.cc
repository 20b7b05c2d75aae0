// Somebody removes the file of the database under the server, or puts another one in its place.
#include <cstdio>
#include <string>

#include <unistd.h>

#include "core/base/log.h"
#include "storage/sql.h"
#include "tests/storage/fixtures.h"

using namespace essaim;
using namespace essaim::storage;
using namespace essaim::test;

namespace {

struct Site {
  TempDatabase database;
  std::string told;
  log::Capture capture{[this](log::Level, std::string_view line) { told.append(line) += '\n'; }};

  Result<void> write(Durability durability) {
    return database->write_now(durability, [](Connection& c) {
      return c.execute("INSERT INTO site_value (name, value) SELECT 'n' || COUNT(*), '' FROM site_value");
    });
  }
  void move(const std::string& from, const std::string& to) {
    BOOST_REQUIRE(std::rename((database.file() + from).c_str(), (database.file() + to).c_str()) == 0);
  }
};

}  // namespace

BOOST_AUTO_TEST_SUITE(file_gone)

BOOST_FIXTURE_TEST_CASE(nothing_is_accepted_into_a_file_without_its_name, Site) {
  for (const std::string end : {"", "-wal"}) {
    BOOST_TEST(write(Durability::kAccept).ok());
    BOOST_TEST(database->healthy());
    move(end, ".away");
    BOOST_TEST((code_of(write(Durability::kAccept)) == ErrorCode::kIo));
    BOOST_TEST((code_of(write(Durability::kAccept)) == ErrorCode::kIo));
    BOOST_TEST(!database->healthy());
    // What was accepted goes out, and is noted there.
    BOOST_TEST(write(Durability::kProgress).ok());
    BOOST_TEST(told.find("database.file_gone") != std::string::npos, told);
    BOOST_TEST(told.find("database.file_gone") == told.rfind("database.file_gone"), told);
    move(".away", end);
    BOOST_TEST(write(Durability::kAccept).ok());
    BOOST_TEST(database->healthy());
    BOOST_TEST(told.find("database.file_back") != std::string::npos, told);
    told.clear();
  }
}

BOOST_FIXTURE_TEST_CASE(another_file_in_its_place_gets_nothing, Site) {
  BOOST_TEST(write(Durability::kAccept).ok());
  TempDatabase other;
  move("", ".away");
  BOOST_REQUIRE(::link(other.file().c_str(), database.file().c_str()) == 0);
  BOOST_TEST((code_of(write(Durability::kAccept)) == ErrorCode::kIo));
  BOOST_TEST(write(Durability::kProgress).ok());
  must(other->read_now([](Connection& c) -> Result<void> {
    BOOST_TEST(must(sql::number(c, 0, "SELECT COUNT(*) FROM site_value WHERE name LIKE 'n%'")) == 0);
    return {};
  }));
  BOOST_REQUIRE(::unlink(database.file().c_str()) == 0);
  move(".away", "");
  BOOST_TEST(write(Durability::kAccept).ok());
}

BOOST_AUTO_TEST_SUITE_END()
