// Copies between databases; on MariaDB from and to SQLite.
#include "storage/copy.h"
#include "storage/fault.h"
#include "storage/schema.h"
#include "storage/sql.h"
#include "storage/table_reader.h"
#include "tests/storage/fixtures.h"
#include "tests/storage/other_file.h"

using namespace essaim;
using namespace essaim::storage;
using namespace essaim::test;

namespace {

const std::string kSeenKey("k\0y", 3);

// A post that comes again is known behind a copy, wherever the engines keep its key.
void is_remembered(Database& database) {
  commit(database, [](Connection& c) -> Result<void> {
    BOOST_TEST(must(PostStore(c).remember_with_post(kList, kSeenKey, 80, kNow)).value_or(0) == 79);
    return {};
  });
}

// Members in several domains and lists, posts with batches, a rendering of several pieces, and octets that are no text.
void fill(Database& database, int members) {
  make_list(database);
  make_list(database, kList + 1, "news");
  commit(database, [&](Connection& c) -> Result<void> {
    MemberStore store(c);
    for (int i = 0; i < members; ++i) {
      MemberRecord one = member(100 + i, "m" + std::to_string(i), "d" + std::to_string(i % 5) + ".test", 1);
      one.name = "N\xff" + std::to_string(i);
      one.list_id = kList + i % 2;
      ESSAIM_TRY(store.add(one));
    }
    ESSAIM_TRY(SiteStore(c).set("mac-key", std::string("\0\x01\xfe'\\", 5)));
    PostRecord remembered = post(79);
    remembered.seen_key = kSeenKey;
    BOOST_TEST(!must(PostStore(c).remember_with_post(kList, kSeenKey, 79, kNow)).has_value());
    ESSAIM_TRY(PostStore(c).add(remembered, "seen"));
    return PostStore(c).add(post(77), std::string(600'000, 'r'), "seven");
  });
  make_post(database, post(78), people(2300, "a.test"));
}

std::int64_t rows(Database& database, const std::string& table) {
  std::int64_t count = -1;
  must(database.read_now([&](Connection& c) -> Result<void> {
    count = must(sql::number(c, -1, "SELECT COUNT(*) FROM " + table));
    return {};
  }));
  return count;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(copy)

BOOST_AUTO_TEST_CASE(all_arrives_and_is_usable) {
  TempDatabase from;
  fill(*from, 2503);
  File to;
  const auto copied = must(copy_database(*from, *to.database));
  for (const CopiedTable& table : copied)
    BOOST_TEST(rows(*to.database, table.name) == rows(*from, table.name));
  BOOST_TEST(rows(*to.database, "member") == 2503);
  must(to.database->read_now([](Connection& c) -> Result<void> {
    BOOST_TEST(must(MemberStore(c).find(kList, Role::kMember, {"M4", "d4.test"}))->name ==
               "N\xff"
               "4");
    BOOST_TEST(must(SiteStore(c).get("mac-key")).value() == std::string("\0\x01\xfe'\\", 5));
    BOOST_TEST(must(PostStore(c).rendering(77)).size() == 600'000U);
    BOOST_TEST(must(PostStore(c).counts(78)).pending == 2300);
    return {};
  }));
  must(to.database->check());
  is_remembered(*to.database);
}

BOOST_AUTO_TEST_CASE(comes_back_from_a_file) {
  File from;
  must(migrate(*from.database));
  fill(*from.database, 400);
  TempDatabase to;
  static_cast<void>(must(copy_database(*from.database, *to)));
  BOOST_TEST(rows(*to, "member") == 400);
  const auto claimed = claim(*to, {1, 1}, 9);
  BOOST_TEST(claimed.size() == 3U);
  is_remembered(*to);
}

// Each is looked at once, however many there are.
BOOST_AUTO_TEST_CASE(keys_are_kept_apart_in_the_order_of_their_posts) {
  TempDatabase database;
  commit(*database, [](Connection& c) -> Result<void> {
    for (const Id id : {1, 2, 3, 4, 5}) ESSAIM_TRY(PostStore(c).add(post(id), "text"));
    must(sql::run(c, "UPDATE post SET seen_key = 'k' WHERE id <> 4"));
    return {};
  });
  const auto kept = [&](Id after, Id reached) {
    bool some = false;
    commit(*database, [&](Connection& c) -> Result<void> {
      Id at = after;
      some = must(PostStore(c).keep_keys_apart(&at, 2));
      BOOST_TEST(at == reached);
      return {};
    });
    return some;
  };
  if (TempDatabase::is_sqlite()) {  // which keeps them where they are
    BOOST_TEST(!kept(0, 0));
    return;
  }
  BOOST_TEST(kept(2, 4));
  BOOST_TEST(kept(4, 5));
  BOOST_TEST(!kept(5, 5));
  must(database->read_now([](Connection& c) -> Result<void> {
    BOOST_TEST(must(sql::number(c, 0, "SELECT COUNT(*) FROM post WHERE id <= 2 AND seen_key = 'k'")) == 2);
    BOOST_TEST(must(sql::number(c, 0, "SELECT COUNT(*) FROM post WHERE id > 2 AND seen_key = ''")) == 3);
    return {};
  }));
}

BOOST_AUTO_TEST_CASE(the_keys_of_many_posts_of_a_file_are_known_behind_a_copy) {
  constexpr Id kPosts = 450;  // more than are moved together
  File from;
  must(migrate(*from.database));
  const auto key = [](Id id) { return "key " + std::to_string(id); };
  commit(*from.database, [&](Connection& c) -> Result<void> {
    for (Id id = 1; id <= kPosts; ++id) {
      PostRecord one = post(id);
      one.seen_key = key(id);
      BOOST_TEST(!must(PostStore(c).remember_with_post(kList, one.seen_key, id, kNow)).has_value());
      ESSAIM_TRY(PostStore(c).add(one, "text"));
    }
    return {};
  });
  TempDatabase to;
  static_cast<void>(must(copy_database(*from.database, *to)));
  commit(*to, [&](Connection& c) -> Result<void> {
    for (Id id = 1; id <= kPosts; ++id)
      BOOST_TEST(must(PostStore(c).remember_with_post(kList, key(id), 1000, kNow)).value_or(0) == id);
    return {};
  });
}

// An earlier version kept keys of any length, for which a server has no room.
BOOST_AUTO_TEST_CASE(a_long_key_of_a_file_does_not_stop_it) {
  File from;
  must(migrate(*from.database));
  commit(*from.database, [](Connection& c) -> Result<void> {
    BOOST_TEST(!must(PostStore(c).remember(kList, std::string(100, 'k'), 80, kNow)).has_value());
    BOOST_TEST(!must(PostStore(c).remember(kList, std::string(64, 'k'), 81, kNow)).has_value());
    must(sql::run(c, "INSERT INTO seen (list_id, seen_key, post_id, at) VALUES (?, ?, 82, ?)", kList,
                  sql::Blob{"owner-failure:" + std::string(51, 'x')}, kNow));
    return {};
  });
  TempDatabase to;
  static_cast<void>(must(copy_database(*from.database, *to)));
  BOOST_TEST(rows(*to, "seen") == 2);
  commit(*to, [](Connection& c) -> Result<void> {
    BOOST_TEST(must(PostStore(c).remember(kList, std::string(100, 'k'), 90, kNow)).value_or(0) == 80);
    BOOST_TEST(must(PostStore(c).remember(kList, std::string(64, 'k'), 90, kNow)).value_or(0) == 81);
    return {};
  });
}

BOOST_AUTO_TEST_CASE(does_not_write_over_what_is_there) {
  TempDatabase from;
  fill(*from, 10);
  File to;
  must(migrate(*to.database));
  make_list(*to.database);
  const auto refused = copy_database(*from, *to.database);
  BOOST_REQUIRE(!refused.ok());
  BOOST_TEST((refused.error().code == ErrorCode::kConflict));
  BOOST_TEST(rows(*to.database, "list") == 1);
}

BOOST_AUTO_TEST_CASE(interrupted_anywhere_it_is_refused_by_servers_and_begins_anew) {
  const Unarm unarm;
  TempDatabase from;
  fill(*from, 300);
  int interrupted = 0;
  for (std::uint64_t k = 1;; k += 7) {
    File to;
    must(migrate(*to.database));
    FaultPlan::arm({FaultPlan::Where::kBeforeCommit, k, 1'000'000});
    const auto first = copy_database(*from, *to.database);
    FaultPlan::disarm();
    if (first.ok()) break;
    if (must(copy_unfinished(*to.database))) {
      ++interrupted;
      BOOST_TEST((code_of(require_newest(*to.database)) == ErrorCode::kInvalid));
    }
    static_cast<void>(must(copy_database(*from, *to.database)));
    must(require_newest(*to.database));
    BOOST_TEST(rows(*to.database, "member") == 300);
  }
  BOOST_TEST(interrupted > 0);
}

BOOST_AUTO_TEST_CASE(pages_are_in_key_order_and_complete) {
  TempDatabase database;
  fill(*database, 2503);
  must(database->read_now([](Connection& c) -> Result<void> {
    const auto shapes = must(table_shapes(c));
    const auto member =
        std::find_if(shapes.begin(), shapes.end(), [](const auto& s) { return s.name == "member"; });
    BOOST_REQUIRE(member != shapes.end());
    BOOST_TEST(member->key.size() == 4U);
    std::vector<std::string> keys;
    std::size_t pages = 0;
    must(read_table(c, *member, [&](const std::vector<TableRow>& page) -> Result<void> {
      ++pages;
      for (const TableRow& row : page)
        keys.push_back(std::to_string(row[member->key[0]].number) + " " + row[member->key[2]].bytes + " " +
                       row[member->key[3]].bytes);
      return {};
    }));
    BOOST_TEST(keys.size() == 2503U);
    BOOST_TEST(pages > 2U);
    BOOST_TEST(std::is_sorted(keys.begin(), keys.end()));
    BOOST_TEST((std::adjacent_find(keys.begin(), keys.end()) == keys.end()));
    return {};
  }));
}

BOOST_AUTO_TEST_CASE(a_backup_is_a_database) {
  TempDatabase database;
  fill(*database, 30);
  TempDir directory;
  must(database->backup(directory.path("backup.db")));
  BOOST_TEST((code_of(database->backup(directory.path("backup.db"))) == ErrorCode::kExists));
  DatabaseOptions options;
  options.url = "sqlite:" + directory.path("backup.db");
  const auto backup = must(Database::open(options));
  must(require_newest(*backup));
  BOOST_TEST(rows(*backup, "member") == 30);
}

BOOST_AUTO_TEST_SUITE_END()
