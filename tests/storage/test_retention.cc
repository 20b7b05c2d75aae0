// What the retention job takes away and what it leaves. On both engines.
#include "storage/retention.h"
#include "storage/sql.h"
#include "tests/storage/fixtures.h"

using namespace essaim;
using namespace essaim::storage;
using namespace essaim::test;
using namespace std::chrono_literals;

namespace {

struct Site {
  TempDatabase database;
  ManualClock clock;
  Job job = make_retention_job(clock, {});

  Site() {
    clock.set_wall(kNow);
    make_list(*database);
  }
  void run() { must(job.run(*database)); }
  std::int64_t rows(const std::string& of) {
    std::int64_t number = 0;
    must(database->read_now([&](Connection& c) -> Result<void> {
      number = must(sql::number(c, 0, "SELECT COUNT(*) FROM " + of));
      return {};
    }));
    return number;
  }
  void stage(Id id) {
    const std::string large(1'000'000, 'x');
    for (std::int64_t piece = 0; piece < PostStore::pieces(large); piece += PostStore::kStagedTogether)
      commit(*database, [&](Connection& c) { return PostStore(c).stage(id, Form::kAsIs, large, piece); });
  }
};

}  // namespace

BOOST_AUTO_TEST_SUITE(retention)

BOOST_FIXTURE_TEST_CASE(forms_that_nobody_will_send_go_whole, Site) {
  stage(first_id_at(kNow) + 7);
  clock.set_wall(kNow + 30min);
  run();
  BOOST_TEST(rows("rendering") == 4);  // its post may come
  clock.set_wall(kNow + 2h);
  run();
  BOOST_TEST(rows("rendering") == 0);
  const Id next = first_id_at(kNow + 2h) + 7, sent = next + 1;
  stage(next);
  stage(sent);
  PostRecord settles = post(sent);
  settles.expanded = true;
  commit(*database, [&](Connection& c) { return PostStore(c).add(settles, std::string(1'000'000, 'x')); });
  run();
  BOOST_TEST(rows("rendering") == 4);
  clock.set_wall(kNow + 4h);
  run();
  BOOST_TEST(rows("rendering") == 0);
  BOOST_TEST(rows("post WHERE finished > 0") == 1);
}

BOOST_FIXTURE_TEST_CASE(a_step_that_fails_does_not_keep_the_others_from_their_work, Site) {
  commit(*database, [](Connection& c) -> Result<void> {
    MemberStore store(c);
    ESSAIM_TRY(store.add(member(10, "a", "a.test", 1)));
    ESSAIM_TRY(store.remove(kList, Role::kMember, {"a", "a.test"}, must(store.next_revision(kList))));
    return c.execute("ALTER TABLE seen RENAME TO mislaid");
  });
  const auto result = job.run(*database);
  BOOST_REQUIRE(!result.ok());
  BOOST_TEST(result.error().message.find("keys forgotten: ") == 0U, result.error().message);
  BOOST_TEST(rows("member") == 0);
}

BOOST_AUTO_TEST_SUITE_END()
