// Somebody removes the file of the database under the server, or puts another one in its place.
#include <chrono>
#include <cstdio>
#include <fstream>
#include <mutex>
#include <string>
#include <thread>

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
  std::mutex mutex;
  std::string told;  // under `mutex` where the checkpointer has something to tell
  log::Capture capture{[this](log::Level, std::string_view line) {
    const std::lock_guard lock(mutex);
    told.append(line) += '\n';
  }};

  bool hears(const std::string& what) {
    for (int tries = 0; tries < 3000; ++tries) {
      {
        const std::lock_guard lock(mutex);
        if (told.find(what) != std::string::npos) return true;
      }
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
    return false;
  }

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

// It connects at the first commit, and again after an error.
BOOST_FIXTURE_TEST_CASE(the_checkpointer_does_not_open_another_file, Site) {
  database.reopen();  // it has no connection
  TempDatabase other;
  move("", ".away");
  BOOST_REQUIRE(::link(other.file().c_str(), database.file().c_str()) == 0);
  BOOST_TEST(write(Durability::kProgress).ok());
  BOOST_TEST(hears("database.checkpoint_failing"), told);
  BOOST_TEST(told.find("removed or replaced") != std::string::npos, told);
  BOOST_REQUIRE(::unlink(database.file().c_str()) == 0);
  move(".away", "");
  BOOST_TEST(hears("database.checkpoint_recovered"), told);
}

BOOST_FIXTURE_TEST_CASE(a_backup_and_a_check_do_not_read_another_file, Site) {
  TempDatabase other;
  move("", ".away");
  BOOST_REQUIRE(::link(other.file().c_str(), database.file().c_str()) == 0);
  BOOST_TEST((code_of(database->check()) == ErrorCode::kIo));
  BOOST_TEST((code_of(database->backup(database.directory().path("backup.db"))) == ErrorCode::kIo));
  BOOST_TEST(::access(database.directory().path("backup.db").c_str(), F_OK) != 0);
  BOOST_REQUIRE(::unlink(database.file().c_str()) == 0);
  move(".away", "");
  must(database->check());
}

BOOST_FIXTURE_TEST_CASE(a_place_where_nobody_can_look_is_not_called_empty, Site) {
  move("", ".away");
  const std::string name = database.file();
  BOOST_REQUIRE(::symlink(name.c_str(), name.c_str()) == 0);
  const auto refused = write(Durability::kAccept);
  BOOST_REQUIRE((code_of(refused) == ErrorCode::kIo));
  BOOST_TEST(refused.error().message.find("Too many levels of symbolic links") != std::string::npos);
  BOOST_TEST(refused.error().message.find("removed") == std::string::npos);
  BOOST_REQUIRE(::unlink(name.c_str()) == 0);
  move(".away", "");
  BOOST_TEST(write(Durability::kAccept).ok());
}

BOOST_FIXTURE_TEST_CASE(a_backup_that_is_copied_over_it_gets_nothing, Site) {
  for (int i = 0; i < 3; ++i) {
    BOOST_TEST(write(Durability::kAccept).ok());
    database.reopen();  // all is in the file
  }
  const std::string backup = database.directory().path("backup.db");
  must(database->backup(backup));
  BOOST_TEST(database->healthy());
  const auto content = [](const std::string& file) {
    std::ifstream in(file, std::ios::binary);
    return std::string(std::istreambuf_iterator<char>(in), {});
  };
  // As cp does: into the same inode.
  std::ofstream(database.file(), std::ios::binary | std::ios::trunc) << content(backup);
  const auto refused = write(Durability::kAccept);
  BOOST_REQUIRE((code_of(refused) == ErrorCode::kIo));
  BOOST_TEST(refused.error().message.find("copied over") != std::string::npos);
  BOOST_TEST(!database->healthy());
  // What goes out meanwhile is noted in the log, and is not copied into the other database.
  (void)write(Durability::kProgress);
  BOOST_TEST(hears("database.checkpoint_failing"), told);
  BOOST_TEST((content(database.file()) == content(backup)));
  // What is in the file is another's for as long as the process lives.
  BOOST_TEST((code_of(write(Durability::kAccept)) == ErrorCode::kIo));
}

BOOST_AUTO_TEST_SUITE_END()
