// Lists, domains and what waits for digests, changed at once by different nodes on one server of MariaDB. A file has one writer.
#include <future>
#include <memory>
#include <thread>
#include <utility>

#include "storage/digest_store.h"
#include "storage/sql.h"
#include "tests/storage/fixtures.h"

using namespace essaim;
using namespace essaim::storage;
using namespace essaim::test;

namespace {

struct TwoNodes {
  TempDatabase database;
  std::unique_ptr<Database> other;

  TwoNodes() {
    DatabaseOptions options;
    options.url = database.url();
    other = must(Database::open(options));
    make_list(*database);
    commit(*database, [](Connection& c) {
      return DirectoryStore(c).add_domain({21, "team.test", {}, kNow});
    });
  }
  // What becomes of the second change, which begins when the first is made and not committed yet.
  Result<void> second_of(const Work& first, const Work& second) {
    std::promise<void> made;
    auto behind = std::async(std::launch::async, [&] {
      made.get_future().wait();
      return other->write_now(Durability::kAccept, second);
    });
    bool told = false;
    commit(*database, [&](Connection& c) -> Result<void> {
      ESSAIM_TRY(first(c));
      if (!std::exchange(told, true)) made.set_value();
      std::this_thread::sleep_for(std::chrono::seconds(1));  // the other one waits
      return {};
    });
    return behind.get();
  }
  std::int64_t number(const std::string& sql) {
    std::int64_t out = 0;
    must(database->read_now([&](Connection& c) -> Result<void> {
      out = must(sql::number(c, 0, sql));
      return {};
    }));
    return out;
  }
};

Result<void> add_list(Connection& connection) {
  ListRecord list;
  list.id = 22;
  list.domain_id = 21;
  list.local = "dev";
  list.domain = "team.test";
  list.created = kNow;
  return DirectoryStore(connection).add_list(list);
}

Result<void> delete_domain(Connection& connection) {
  return DirectoryStore(connection).delete_domain("team.test");
}

Result<void> make_digest(Connection& connection) {
  DigestStore digests(connection);
  const std::vector<Id> posts = must(digests.posts(21, 10));
  BOOST_TEST(posts.size() == 2U);  // the second reads them, too
  if (!must(digests.take_posts(21, posts))) return Error{ErrorCode::kConflict, "taken"};
  return digests.set_made(21, {must(digests.made(21)).number + 1, kNow});
}

constexpr const char* kLost = "SELECT COUNT(*) FROM list WHERE domain_id NOT IN (SELECT id FROM domain)";

}  // namespace

BOOST_AUTO_TEST_SUITE(changes_at_once)

BOOST_FIXTURE_TEST_CASE(what_waits_is_in_one_digest_though_two_make_it, TwoNodes) {
  commit(*database, [](Connection& c) -> Result<void> {
    for (const Id id : {31, 32}) ESSAIM_TRY(DigestStore(c).add_post(21, id, kNow));
    return {};
  });
  BOOST_TEST((code_of(second_of(make_digest, make_digest)) == ErrorCode::kConflict));
  BOOST_TEST(number("SELECT number FROM digest WHERE list_id = 21") == 1);
  BOOST_TEST(number("SELECT COUNT(*) FROM digest_post") == 0);
}

BOOST_FIXTURE_TEST_CASE(no_list_is_made_in_a_domain_that_is_being_deleted, TwoNodes) {
  BOOST_TEST((code_of(second_of(delete_domain, add_list)) == ErrorCode::kNotFound));
  BOOST_TEST(number(kLost) == 0);
}

BOOST_FIXTURE_TEST_CASE(no_domain_is_deleted_in_which_a_list_is_being_made, TwoNodes) {
  BOOST_TEST((code_of(second_of(add_list, delete_domain)) == ErrorCode::kConflict));
  BOOST_TEST(number(kLost) == 0);
  BOOST_TEST(number("SELECT COUNT(*) FROM domain WHERE id = 21") == 1);
}

// Of a transaction that leaves the row as it was a cluster copies nothing of it, and at two hosts both would be committed.
BOOST_FIXTURE_TEST_CASE(the_lock_of_changes_is_written_each_time, TwoNodes) {
  std::vector<std::string> values;
  for (int i = 0; i < 3; ++i) {
    commit(*database, [&](Connection& c) -> Result<void> {
      ESSAIM_TRY(SiteStore(c).lock_changes());
      values.push_back(must(SiteStore(c).get("changes-lock")).value_or("none"));
      return {};
    });
  }
  BOOST_TEST(values[0] != values[1]);
  BOOST_TEST(values[1] != values[2]);
}

BOOST_AUTO_TEST_SUITE_END()
