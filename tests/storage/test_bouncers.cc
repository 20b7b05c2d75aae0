// Whose copies come back, on how many days, and who is stopped.
#include "storage/bouncer_store.h"
#include "tests/storage/fixtures.h"

using namespace essaim;
using namespace essaim::storage;
using namespace essaim::test;

namespace {
constexpr std::chrono::hours kDay(24);
constexpr std::int64_t kAny = MemberStore::kOfAnyPost;

struct Members {
  TempDatabase database;
  Members() {
    make_list(*database);
    commit(*database, [](Connection& c) -> Result<void> {
      MemberStore store(c);
      const auto joined = must(store.next_revision(kList));
      for (Id id = 1; id <= 3; ++id)
        ESSAIM_TRY(store.add(member(id, "m" + std::to_string(id), "a.test", joined)));
      auto owner = member(9, "m1", "a.test", joined);
      owner.role = Role::kOwner;
      return store.add(owner);
    });
  }
};

}  // namespace

BOOST_AUTO_TEST_SUITE(bouncers)

BOOST_AUTO_TEST_CASE(days_are_counted_whatever_comes_on_them) {
  Members m;
  commit(*m.database, [](Connection& c) -> Result<void> {
    BouncerStore store(c);
    for (const std::chrono::hours later : {0 * kDay, 0 * kDay, 1 * kDay, 3 * kDay, 3 * kDay, 2 * kDay})
      ESSAIM_TRY(store.note(1, kNow + later, kAny));
    ESSAIM_TRY(store.note(2, kNow, kAny));
    ESSAIM_TRY(store.note(9, kNow, kAny));    // an owner
    ESSAIM_TRY(store.note(777, kNow, kAny));  // nobody
    ESSAIM_TRY(store.note(3, kNow, 1));       // a post of before it joined
    const auto all = must(store.due(kList, 0, 0, 10));
    BOOST_REQUIRE_EQUAL(all.size(), 2U);
    BOOST_TEST(all[0].member_id == 1);
    BOOST_TEST(all[0].days == 3);
    BOOST_TEST((all[0].since == kNow));
    BOOST_TEST(must(store.due(kList, 2, 0, 10)).size() == 1U);
    BOOST_TEST(must(store.due(kList, 0, 1, 10)).size() == 1U);
    BOOST_TEST(must(store.due(kList, 0, 0, 1)).size() == 1U);
    BOOST_TEST((must(store.lists()) == std::vector<Id>{kList}));
    ESSAIM_TRY(store.take_back(1));
    BOOST_TEST(must(store.due(kList, 0, 0, 10))[0].days == 2);
    // Long silence begins anew.
    ESSAIM_TRY(store.note(1, kNow + 64 * kDay, kAny));
    BOOST_TEST(must(store.due(kList, 0, 0, 10))[0].days == 1);
    BOOST_TEST((must(store.due(kList, 0, 0, 10))[0].since == kNow + 64 * kDay));
    ESSAIM_TRY(store.forgive(1));
    ESSAIM_TRY(store.forgive(2));
    BOOST_TEST(must(store.due(kList, 0, 0, 10)).empty());
    return {};
  });
}

BOOST_AUTO_TEST_CASE(who_is_stopped_gets_it_back_as_it_was) {
  Members m;
  commit(*m.database, [](Connection& c) -> Result<void> {
    BouncerStore store(c);
    MemberStore members(c);
    ESSAIM_TRY(members.set(kList, Role::kMember, {"m1", "a.test"}, Reception::kDigest, ""));
    ESSAIM_TRY(members.set(kList, Role::kMember, {"m2", "a.test"}, Reception::kNone, ""));
    for (const Id id : {1, 2, 3}) ESSAIM_TRY(store.note(id, kNow, kAny));
    auto rows = must(store.due(kList, 1, 0, 10));
    BOOST_REQUIRE_EQUAL(rows.size(), 3U);
    BOOST_TEST(must(store.stop(rows[0], kNow)));
    BOOST_TEST(!must(store.stop(rows[0], kNow)));  // once
    BOOST_TEST(!must(store.stop(rows[1], kNow)));  // gets nothing anyway
    rows[2].days = 2;
    BOOST_TEST(!must(store.stop(rows[2], kNow)));  // was forgiven a day meanwhile
    auto ann = must(members.find_by_id(1)).value();
    BOOST_TEST(!ann.has_mail());
    BOOST_TEST((ann.wanted() == Reception::kDigest));
    BOOST_TEST(!must(members.find_by_id(2)).value().stopped.has_value());
    BOOST_TEST(must(store.stopped(kList, kNow, 0, 10)).size() == 1U);
    BOOST_TEST(must(store.stopped(kList, kNow + kDay, 0, 10)).empty());
    // Nothing is counted of who gets nothing.
    ESSAIM_TRY(store.note(1, kNow + kDay, kAny));
    ESSAIM_TRY(store.forgive(1));
    BOOST_TEST(must(store.stopped(kList, kNow, 0, 10))[0].days == 1);
    ESSAIM_TRY(members.set_name(1, "Ann"));
    BOOST_TEST(must(members.find_by_id(1)).value().stopped.has_value());
    BOOST_TEST(must(store.resume(1)));
    BOOST_TEST(!must(store.resume(1)));
    ann = must(members.find_by_id(1)).value();
    BOOST_TEST((ann.reception == Reception::kDigest));
    BOOST_TEST(!ann.stopped.has_value());
    return {};
  });
}

BOOST_AUTO_TEST_CASE(rows_end_with_what_they_are_about) {
  Members m;
  commit(*m.database, [](Connection& c) -> Result<void> {
    BouncerStore store(c);
    MemberStore members(c);
    for (const Id id : {1, 2, 3}) ESSAIM_TRY(store.note(id, kNow, kAny));
    for (const storage::Bouncer& one : must(store.due(kList, 1, 0, 10)))
      BOOST_TEST(must(store.stop(one, kNow)));
    BOOST_TEST(must(store.purge()) == 0);
    // Whoever says how posts are to be had, also that there are to be none.
    ESSAIM_TRY(members.set(kList, Role::kMember, {"m1", "a.test"}, Reception::kNone, ""));
    BOOST_TEST(must(store.stopped(kList, {}, 0, 10)).size() == 2U);
    BOOST_TEST(!must(members.find_by_id(1)).value().stopped.has_value());
    // Under another address it has posts as it had them.
    ESSAIM_TRY(members.move(must(members.find_by_id(2)).value(), {"new", "b.test"},
                            must(members.next_revision(kList)), 22));
    BOOST_TEST((must(members.find_by_id(2)).value().reception == Reception::kEach));
    BOOST_TEST(must(store.stopped(kList, {}, 0, 10)).size() == 1U);
    ESSAIM_TRY(members.remove(kList, Role::kMember, {"m3", "a.test"}, must(members.next_revision(kList))));
    BOOST_TEST(must(store.purge()) == 1);
    BOOST_TEST(must(store.purge()) == 0);
    BOOST_TEST(must(store.lists()).empty());
    return {};
  });
}

BOOST_AUTO_TEST_SUITE_END()
