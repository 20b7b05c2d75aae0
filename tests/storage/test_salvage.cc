// What can be read of a damaged file is saved into a new one.
#include <algorithm>
#include <string>
#include <vector>

#include <unistd.h>

#include "storage/copied_away.h"
#include "storage/copy.h"
#include "storage/held_store.h"
#include "storage/journal.h"
#include "storage/salvage.h"
#include "storage/schema.h"
#include "storage/sql.h"
#include "storage/table_reader.h"
#include "tests/storage/fixtures.h"
#include "tests/support/damaged_page.h"

using namespace essaim;
using namespace essaim::storage;
using namespace essaim::test;

namespace {

constexpr Id kMembers = 9000, kPosts = 1500;
constexpr std::size_t kText = 9000;  // octets: some pages behind each row

std::string text_of(Id id) {
  std::string text = "Subject: x\r\n\r\n";
  while (text.size() < kText) text += "line of post " + std::to_string(id) + "\r\n";
  return text;
}

struct Site {
  TempDatabase database;
  const std::string saved = database.directory().path("saved.db");

  Site() {
    make_list(*database);
    commit(*database, [](Connection& c) -> Result<void> {
      for (Id id = 1; id <= kMembers; ++id)
        ESSAIM_TRY(MemberStore(c).add(member(id, "m" + std::to_string(100'000 + id), "d.test", 1)));
      for (Id id = 1; id <= kPosts; ++id) {
        PostRecord p = post(id);
        const std::string text = text_of(id);
        p.size = static_cast<std::int64_t>(text.size());
        p.subject = std::string(60, 's');
        ESSAIM_TRY(add_expanded(c, &p, text, "", id, people(3, "a.test")));
      }
      ESSAIM_TRY(
          c.execute("UPDATE batch_state SET why = 'a reply that is long enough to fill some pages with it'"));
      ESSAIM_TRY(
          c.execute("UPDATE batch_state SET queue = 0, pending = 0, delivered = 3 WHERE post_id <= 20"));
      ESSAIM_TRY(c.execute("UPDATE post SET finished = accepted + 9000 WHERE id <= 20"));
      HeldRecord held;
      held.id = 77;
      held.key = "0123456789abcdef";
      held.list_id = kList;
      held.size = 500'000;
      held.held = held.expires = kNow;
      return HeldStore(c).add(held, std::string(400'000, 'h') + std::string(100'000, 'i'), false);
    });
  }

  // The server has ended.
  Result<Salvaged> salvaged() {
    database.close();
    auto result = salvage(database.file(), saved);
    return result;
  }
  static std::unique_ptr<Database> open(const std::string& file) {
    DatabaseOptions options;
    options.url = "sqlite:" + file;
    auto opened = must(Database::open(options));
    must(require_newest(*opened));
    must(opened->check());
    return opened;
  }
};

std::int64_t number(Database& database, const std::string& text) {
  std::int64_t value = 0;
  must(database.read_now([&](Connection& c) -> Result<void> {
    value = must(sql::number(c, -1, text));
    return {};
  }));
  return value;
}

const SalvagedTable& table(const Salvaged& salvaged, const std::string& name) {
  return *std::find_if(salvaged.tables.begin(), salvaged.tables.end(),
                       [&name](const SalvagedTable& one) { return one.name == name; });
}

std::int64_t lost_of(const SalvagedTable& one) {
  std::int64_t rows = 0;
  for (const LostRows& lost : one.lost) rows += lost.rows;
  return rows;
}

bool whole_but_for(const Salvaged& salvaged, const std::string& name) {
  return std::all_of(salvaged.tables.begin(), salvaged.tables.end(), [&name](const SalvagedTable& one) {
    return one.name == name ? !one.whole() : one.whole();
  });
}

std::string notes_of(const Salvaged& salvaged) {
  std::string notes;
  for (const std::string& note : salvaged.notes) notes += note + "\n";
  return notes;
}

// Every value of every row, and where each row lies.
std::vector<std::string> content(const std::string& file) {
  auto database = Site::open(file);
  std::vector<std::string> lines;
  must(database->read_now([&](Connection& c) -> Result<void> {
    lines = must(
        sql::texts(c.prepare("SELECT name || ' ' || COALESCE(sql, '') FROM sqlite_master ORDER BY name")));
    for (const TableShape& shape : must(table_shapes(c))) {
      std::string columns;
      for (const TableColumn& column : shape.columns)
        columns += (columns.empty() ? "quote(" : " || ',' || quote(") + column.name + ")";
      const bool placed =
          must(sql::number(c, 0, "SELECT wr FROM pragma_table_list WHERE name = ?", shape.name)) == 0;
      if (placed) columns += " || ' at ' || rowid";
      for (std::string& row : must(sql::texts(c.prepare("SELECT " + columns + " FROM " + shape.name))))
        lines.push_back(shape.name + ": " + std::move(row));
    }
    return {};
  }));
  return lines;
}

void damage_one(TempDatabase* database, const std::string& name, const std::string& which) {
  const auto pages = pages_of(database, name, which);
  BOOST_REQUIRE(!pages.empty());
  damage_pages(database, {pages[pages.size() / 2]});
}

}  // namespace

BOOST_AUTO_TEST_SUITE(salvage_file)

BOOST_FIXTURE_TEST_CASE(without_damage_all_is_the_same, Site) {
  const Salvaged done = must(salvaged());
  BOOST_TEST(done.whole());
  BOOST_TEST(done.notes.empty());
  BOOST_TEST(table(done, "member").rows == kMembers);
  const auto before = content(database.file()), after = content(saved);
  BOOST_TEST(before.size() > static_cast<std::size_t>(kMembers + kPosts));
  BOOST_TEST((before == after));
  BOOST_TEST(::access((saved + "-wal").c_str(), F_OK) != 0);
}

BOOST_FIXTURE_TEST_CASE(it_takes_no_place_of_another_file_and_leaves_nothing_where_it_fails, Site) {
  must(salvaged());
  const auto again = salvage(database.file(), saved);
  BOOST_REQUIRE(!again.ok());
  BOOST_TEST((again.error().code == ErrorCode::kExists));

  const std::string other = database.directory().path("other.db");
  const auto none = salvage(database.directory().path("none.db"), other);
  BOOST_TEST((!none.ok() && none.error().code == ErrorCode::kNotFound));
  const std::string empty = database.directory().path("empty.db");
  {
    DatabaseOptions options;
    options.url = "sqlite:" + empty;
    options.create = true;
    must(Database::open(options));
  }
  const auto nothing = salvage(empty, other);
  BOOST_TEST((!nothing.ok() && nothing.error().code == ErrorCode::kInvalid));
  database.reopen();
  commit(*database, [](Connection& c) {
    return c.execute("UPDATE meta SET value = 999 WHERE name = 'schema-version'");
  });
  database.close();
  const auto newer = salvage(database.file(), other);
  BOOST_REQUIRE(!newer.ok());
  BOOST_TEST(newer.error().message.find("newer") != std::string::npos);
  for (const char* end : {"", ".part", ".part-wal"}) BOOST_TEST(::access((other + end).c_str(), F_OK) != 0);
}

// Without places in the file: a row is known by its key, which another index has, too.
BOOST_FIXTURE_TEST_CASE(members_of_a_damaged_page_are_named, Site) {
  damage_leaves_of(&database, "member", {3, 4, 8});
  const Salvaged done = must(salvaged());
  BOOST_TEST(whole_but_for(done, "member"));
  const SalvagedTable& members = table(done, "member");
  const std::int64_t lost = lost_of(members);
  BOOST_TEST(lost > 20);
  BOOST_TEST(lost < kMembers / 20);
  BOOST_TEST(members.rows + lost == kMembers);
  BOOST_TEST(!members.why.empty());
  BOOST_REQUIRE(members.lost.size() == 3U);
  BOOST_TEST(members.lost[0].first.find("domain d.test, local_key m10") != std::string::npos,
             members.lost[0].first);
  BOOST_TEST((members.lost[0].first < members.lost[0].last));
  auto opened = open(saved);
  BOOST_TEST(number(*opened, "SELECT COUNT(*) FROM member") == members.rows);
}

BOOST_FIXTURE_TEST_CASE(a_damaged_index_loses_nothing, Site) {
  damage_leaves_of(&database, "member_id", {2, 5});
  damage_root_of(&database, "post_finished");
  damage_one(&database, "batch_claim", "pagetype = 'leaf'");
  const Salvaged done = must(salvaged());
  BOOST_TEST(done.whole());
  BOOST_TEST(table(done, "member").rows == kMembers);
  BOOST_TEST(table(done, "post").rows == kPosts);
  open(saved);
}

// All that lies below is out of reach; what is, is known.
BOOST_FIXTURE_TEST_CASE(an_inner_page_loses_what_is_below_it, Site) {
  damage_one(&database, "member", "pagetype = 'internal' AND path <> '/'");
  const Salvaged done = must(salvaged());
  BOOST_TEST(whole_but_for(done, "member"));
  const SalvagedTable& members = table(done, "member");
  BOOST_TEST(members.rows > 500);
  BOOST_TEST(lost_of(members) > 500);
  BOOST_TEST(members.rows + lost_of(members) == kMembers);
  open(saved);
}

// The table and the only other one that tells of its rows.
BOOST_FIXTURE_TEST_CASE(where_nobody_knows_what_is_lost_it_says_between_what, Site) {
  damage_leaves_of(&database, "member", {5});
  for (const char* index : {"member_id", "member_person"}) damage_leaves_of(&database, index, {5});
  const Salvaged done = must(salvaged());
  const SalvagedTable& members = table(done, "member");
  BOOST_TEST(members.rows < kMembers);
  BOOST_TEST(members.rows > kMembers * 9 / 10);
  BOOST_REQUIRE(!members.lost.empty());
  const LostRows& unknown = members.lost.back();
  BOOST_TEST(unknown.rows == 0);
  BOOST_TEST(unknown.first.find("local_key m10") != std::string::npos, unknown.first);
  BOOST_TEST((unknown.first < unknown.last));
  open(saved);
}

BOOST_FIXTURE_TEST_CASE(with_places_the_table_is_walked_where_no_index_is_whole, Site) {
  damage_leaves_of(&database, "batch_state", {2, 7});
  for (const char* index : {"batch_claim", "sqlite_autoindex_batch_state_1"})
    damage_leaves_of(&database, index, {1, 3, 9});
  const Salvaged done = must(salvaged());
  BOOST_TEST(whole_but_for(done, "batch_state"));
  const SalvagedTable& states = table(done, "batch_state");
  BOOST_TEST(states.rows > kPosts * 7 / 10);
  BOOST_TEST(states.rows < kPosts);
  BOOST_TEST(states.lost.back().rows == 0);
  open(saved);
}

// Otherwise their posts would end as if all had got them.
BOOST_FIXTURE_TEST_CASE(batches_whose_state_is_lost_are_held, Site) {
  damage_root_of(&database, "batch_state");
  const Salvaged done = must(salvaged());
  BOOST_TEST(whole_but_for(done, "batch_state"));
  BOOST_TEST(lost_of(table(done, "batch_state")) == kPosts);
  BOOST_TEST(table(done, "batch_state").rows == 0);
  BOOST_TEST(done.notes.size() == static_cast<std::size_t>(kPosts - 20));
  BOOST_TEST(done.notes.front().find("held") != std::string::npos, done.notes.front());
  auto opened = open(saved);
  BOOST_TEST(number(*opened, "SELECT COUNT(*) FROM batch_state WHERE queue = 4 AND pending = 3") ==
             kPosts - 20);
  // It can be sent, and told to whom.
  must(opened->read_now([](Connection& c) -> Result<void> {
    const auto batch = must(BatchStore(c).load(100, 0, true));
    BOOST_REQUIRE(batch.has_value());
    BOOST_TEST(batch->recipients.size() == 3U);
    BOOST_TEST(batch->progress.recipients.size() == 3U);
    BOOST_TEST(batch->why.find("its state is lost") != std::string::npos);
    return {};
  }));
  must(opened->write_now(Durability::kAccept, [](Connection& c) -> Result<void> {
    BOOST_TEST(must(BatchStore(c).claim({1, 1}, 0, 9, 5000, {})).empty());
    for (Id id = 21; id <= kPosts; ++id) ESSAIM_TRY(PostStore(c).set_held(id, false, ""));
    BOOST_TEST(must(BatchStore(c).promote_due(kNow + std::chrono::hours(1))) == kPosts - 20);
    const auto claimed = BatchStore(c).claim({1, 1}, 0, 9, 5000, {});
    BOOST_TEST(must(claimed).size() == static_cast<std::size_t>(kPosts - 20));
    return {};
  }));
}

BOOST_FIXTURE_TEST_CASE(without_the_first_page_of_posts_nothing_of_them_is_left, Site) {
  damage_root_of(&database, "post");
  const Salvaged done = must(salvaged());
  BOOST_TEST(whole_but_for(done, "post"));
  const SalvagedTable& posts = table(done, "post");
  BOOST_TEST(lost_of(posts) == kPosts);
  BOOST_TEST(posts.lost.size() == 1U);
  BOOST_TEST(posts.lost[0].first.find("id 00") != std::string::npos, posts.lost[0].first);
  BOOST_TEST(notes_of(done).find("3 recipients get nothing of it any more") != std::string::npos);
  auto opened = open(saved);
  for (const char* name : {"batch", "batch_state", "rendering"})
    BOOST_TEST(number(*opened, std::string("SELECT COUNT(*) FROM ") + name) == 0);
  BOOST_TEST(number(*opened, "SELECT COUNT(*) FROM member") == kMembers);
}

// A text is not sent by half.
BOOST_FIXTURE_TEST_CASE(a_text_with_a_damaged_page_is_dropped_whole, Site) {
  damage_pages_with(&database, "line of post 123\r\n");
  const Salvaged done = must(salvaged());
  BOOST_TEST(whole_but_for(done, "rendering"));
  BOOST_TEST(notes_of(done).find("post " + format_id(123) + ": its text is lost") != std::string::npos,
             notes_of(done));
  auto opened = open(saved);
  must(opened->read_now([](Connection& c) -> Result<void> {
    const auto lost = PostStore(c).rendering(123, Form::kAsIs);
    BOOST_TEST((!lost.ok() && lost.error().code == ErrorCode::kNotFound));
    BOOST_TEST(must(PostStore(c).rendering(200, Form::kAsIs)) == text_of(200));
    return {};
  }));
}

BOOST_FIXTURE_TEST_CASE(a_message_that_waits_for_a_decision_is_not_sent_by_half, Site) {
  damage_pages_with(&database, std::string(100, 'i'));  // its second piece
  const Salvaged done = must(salvaged());
  BOOST_TEST(whole_but_for(done, "held_message"));
  BOOST_TEST(notes_of(done).find("cannot be approved") != std::string::npos, notes_of(done));
  auto opened = open(saved);
  BOOST_TEST(number(*opened, "SELECT COUNT(*) FROM held_message") == 0);
  BOOST_TEST(number(*opened, "SELECT COUNT(*) FROM held WHERE state = 0") == 1);
}

BOOST_FIXTURE_TEST_CASE(recipients_that_are_lost_are_counted, Site) {
  damage_leaves_of(&database, "batch", {5});
  const Salvaged done = must(salvaged());
  BOOST_TEST(whole_but_for(done, "batch"));
  const auto lost = lost_of(table(done, "batch"));
  BOOST_TEST(lost > 0);
  BOOST_TEST(static_cast<std::int64_t>(done.notes.size()) == lost);
  BOOST_TEST(notes_of(done).find("3 recipients that it waited for are lost") != std::string::npos,
             notes_of(done));
  auto opened = open(saved);
  BOOST_TEST(number(*opened, "SELECT COUNT(*) FROM batch_state") == kPosts);
}

BOOST_FIXTURE_TEST_CASE(a_table_that_is_gone_is_told_and_made, Site) {
  commit(*database, [](Connection& c) { return c.execute("DROP TABLE departure"); });
  const Salvaged done = must(salvaged());
  BOOST_TEST(whole_but_for(done, "departure"));
  BOOST_TEST(table(done, "departure").why.find("no such table") != std::string::npos);
  open(saved);
}

BOOST_FIXTURE_TEST_CASE(what_has_gone_on_elsewhere_is_not_served_from_again, Site) {
  commit(*database,
         [](Connection& c) { return c.execute("INSERT INTO meta (name, value) VALUES ('copied-away', 5)"); });
  if (must(copied_away(*database)).has_value()) {
    const auto refused = salvaged();
    BOOST_TEST((!refused.ok() && refused.error().code == ErrorCode::kConflict));
  } else {
    BOOST_FAIL("the mark has another name");
  }
}

BOOST_AUTO_TEST_SUITE_END()
