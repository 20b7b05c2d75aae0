// Forms of large posts that are stored in pieces before the post itself. On both engines.
#include <optional>

#include "storage/mariadb/mariadb_error.h"
#include "storage/sql.h"
#include "tests/storage/fixtures.h"

using namespace essaim;
using namespace essaim::storage;
using namespace essaim::test;
using namespace std::chrono_literals;

BOOST_AUTO_TEST_SUITE(staging)

BOOST_AUTO_TEST_CASE(what_was_staged_does_not_make_a_post_of_unknown_outcome_an_accepted_one) {
  TempDatabase database;
  const std::string large(700'000, 'x');
  const Id lost = first_id_at(kNow) + 7, kept = lost + 1;
  for (const Id id : {lost, kept}) {
    for (std::int64_t piece = 0; piece < PostStore::pieces(large); piece += PostStore::kStagedTogether)
      commit(*database, [&](Connection& c) { return PostStore(c).stage(id, Form::kAsIs, large, piece); });
  }
  const auto write = [&](const Work& work) {
    const auto written = database->write_now(Durability::kAccept, work);
    return written.ok() ? std::optional<ErrorCode>() : written.error().code;
  };
  const auto add = [&](Id id) {
    PostRecord staged = post(id);
    staged.staged = true;
    return write([&](Connection& c) { return PostStore(c).add(staged, large); });
  };
  const auto bury = [&](Id id) {
    return write([&](Connection& c) { return PostStore(c).add_tombstone(id, kNow); });
  };
  BOOST_TEST(!add(kept));
  BOOST_TEST((bury(kept) == ErrorCode::kExists));  // its commit happened
  BOOST_TEST(!bury(lost));                         // this one's did not, and cannot any more
  BOOST_TEST((add(lost) == ErrorCode::kExists));
  commit(*database, [&](Connection& c) -> Result<void> {
    BOOST_TEST(settle_posts(c) == 1);  // the tombstone
    drop_useless_forms(c, kNow + 1h);
    BOOST_TEST((PostStore(c).rendering(lost).error().code == ErrorCode::kNotFound));
    BOOST_TEST(must(PostStore(c).rendering(kept)) == large);
    return {};
  });
}

BOOST_AUTO_TEST_CASE(a_large_form_that_was_staged_is_published_by_its_post_and_else_forgotten) {
  TempDatabase database;
  const std::string large(1'000'000, 'x'), other(900'000, 'y');
  const Id old = first_id_at(kNow) + 7, orphan = old + 1, fresh = first_id_at(kNow + 2h) + 7;
  for (const Id id : {old, orphan, fresh}) {
    for (std::int64_t piece = 0; piece < PostStore::pieces(large); piece += PostStore::kStagedTogether)
      commit(*database, [&](Connection& c) { return PostStore(c).stage(id, Form::kAsIs, large, piece); });
  }
  const auto staged = [](Id id) {
    PostRecord record = post(id);
    record.staged = true;
    return record;
  };
  commit(*database, [&](Connection& c) { return PostStore(c).add(staged(old), large, "seven"); });
  const auto sweep = [&] {
    commit(*database, [](Connection& c) -> Result<void> {
      drop_useless_forms(c, kNow + 1h);
      return {};
    });
  };
  sweep();
  must(database->read_now([&](Connection& c) -> Result<void> {
    PostStore posts(c);
    BOOST_TEST(must(posts.rendering(old)) == large);
    BOOST_TEST(must(posts.rendering(old, Form::kSevenBit)) == "seven");
    BOOST_TEST((posts.rendering(orphan).error().code == ErrorCode::kNotFound));
    BOOST_TEST(must(posts.rendering(fresh)) == large);
    return {};
  }));
  // Another text under the same id: what was staged does not count.
  commit(*database, [&](Connection& c) -> Result<void> {
    ESSAIM_TRY(PostStore(c).unstage(fresh, Form::kAsIs));
    return PostStore(c).add(staged(fresh), other);
  });
  commit(*database, [&](Connection& c) -> Result<void> {
    BOOST_TEST(must(PostStore(c).rendering(fresh)) == other);
    must(sql::run(c, "UPDATE post SET finished = 1"));
    return {};
  });
  sweep();
  commit(*database, [&](Connection& c) -> Result<void> {
    BOOST_TEST((PostStore(c).rendering(old).error().code == ErrorCode::kNotFound));
    return {};
  });
}

BOOST_AUTO_TEST_CASE(a_write_set_that_is_too_large_names_the_setting) {
  const Error error = mariadb_commit_error(1105, "Maximum writeset size exceeded", "db1/essaim");
  BOOST_TEST(error.message.find("wsrep_max_ws_size") != std::string::npos, error.message);
  BOOST_TEST(mariadb_commit_error(1105, "Unknown error", "db1/essaim").message.find("wsrep") ==
             std::string::npos);
}

BOOST_AUTO_TEST_SUITE_END()
