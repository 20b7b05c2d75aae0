// What the retention job takes away and what it leaves. On both engines.
#include <algorithm>
#include <limits>

#include "core/base/log.h"
#include "storage/departure_store.h"
#include "storage/retention.h"
#include "storage/sql.h"
#include "storage/unsettled_keys.h"
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

BOOST_FIXTURE_TEST_CASE(who_left_goes_unless_a_post_of_that_very_list_waits_that_is_older, Site) {
  constexpr Id kOther = 13;
  make_list(*database, kOther, "other");
  commit(*database, [](Connection& c) -> Result<void> {
    MemberStore store(c);
    for (int i = 0; i < 3; ++i) {
      const std::string name = "u" + std::to_string(i);
      MemberRecord here = member(10 + i, name, "a.test", 1), there = member(20 + i, name, "a.test", 1);
      there.list_id = kOther;
      ESSAIM_TRY(store.add(here));
      ESSAIM_TRY(store.add(there));
    }
    const auto leave = [&](const std::string& name) -> Result<void> {
      for (const Id list : {kList, kOther})
        ESSAIM_TRY(store.remove(list, Role::kMember, {name, "a.test"}, must(store.next_revision(list))));
      return {};
    };
    ESSAIM_TRY(leave("u0"));
    PostRecord waits = post(5, must(DirectoryStore(c).revision(kList)));
    ESSAIM_TRY(PostStore(c).add(waits, "x"));
    ESSAIM_TRY(leave("u1"));
    MemberRecord master = member(30, "master", "a.test", 1);
    master.list_id = 0;  // of the site
    master.role = Role::kListmaster;
    ESSAIM_TRY(store.add(master));
    return store.remove(0, Role::kListmaster, {"master", "a.test"}, 1);
  });
  run();
  commit(*database, [](Connection& c) -> Result<void> {
    std::string kept;
    for (const Id id : {10, 11, 12, 20, 21, 22, 30})
      if (must(MemberStore(c).find_by_id(id)).has_value()) kept += " " + std::to_string(id);
    BOOST_TEST(kept == " 11 12 22");
    return {};
  });
}

BOOST_FIXTURE_TEST_CASE(members_of_a_deleted_list_stay_while_a_post_of_it_waits, Site) {
  commit(*database, [](Connection& c) -> Result<void> {
    ESSAIM_TRY(MemberStore(c).add(member(10, "a", "a.test", 1)));
    ESSAIM_TRY(PostStore(c).add(post(5), "x"));
    return DirectoryStore(c).delete_list(kList, kNow, "eve@e.example");
  });
  run();
  BOOST_TEST(rows("member") == 1);
  commit(*database, [](Connection& c) -> Result<void> {
    must(sql::run(c, "UPDATE post SET expanded = 1"));
    return {};
  });
  run();
  BOOST_TEST(rows("member") == 0);
}

BOOST_FIXTURE_TEST_CASE(listmasters_go_with_their_domain, Site) {
  commit(*database, [](Connection& c) -> Result<void> {
    for (const Id scope : {Id{0}, kDomain, kDomain + 100}) {
      MemberRecord master = member(30 + scope, "master", "a.test", 1);
      master.list_id = scope;
      master.role = Role::kListmaster;
      ESSAIM_TRY(MemberStore(c).add(master));
    }
    return DirectoryStore(c).add_domain({kDomain + 100, "other.test", {}, kNow});
  });
  run();
  BOOST_TEST(rows("member") == 3);
  commit(*database, [](Connection& c) { return DirectoryStore(c).delete_domain("other.test"); });
  run();
  BOOST_TEST(rows("member") == 2);
  BOOST_TEST(rows("member WHERE list_id > " + std::to_string(kDomain)) == 0);
}

BOOST_FIXTURE_TEST_CASE(the_text_of_what_failed_for_somebody_is_kept_for_days_after_the_last_outcome, Site) {
  for (const Id id : {1, 2}) make_post(*database, post(id), people(2, "a.test"), id);
  for (BatchRecord& batch : claim(*database, {1, 1}, 2)) {
    settle(&batch, 0, RecipientState::kDelivered, 86'400);
    settle(&batch, 1, batch.post_id == 1 ? RecipientState::kFailed : RecipientState::kDelivered, 7200);
    batch.queue = BatchQueue::kFinished;
    commit(*database, [&](Connection& c) { return BatchStore(c).save({1, 1}, batch); });
  }
  clock.set_wall(kNow + 24h);
  run();
  BOOST_TEST(rows("rendering WHERE post_id = 1") == 1);
  BOOST_TEST(rows("rendering WHERE post_id = 2") == 0);
  clock.set_wall(kNow + 4 * 24h - 1h);
  run();
  BOOST_TEST(rows("rendering") == 1);
  BOOST_TEST(rows("post WHERE finished = 0") == 1);
  clock.set_wall(kNow + 4 * 24h + 1h);
  run();
  BOOST_TEST(rows("rendering") == 0);
  BOOST_TEST(rows("post WHERE finished = accepted + 86400000") == 2);
}

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
  settles.expanded = settles.staged = true;
  commit(*database, [&](Connection& c) { return PostStore(c).add(settles, std::string(1'000'000, 'x')); });
  run();
  BOOST_TEST(rows("rendering") == 4);
  clock.set_wall(kNow + 4h);
  run();
  BOOST_TEST(rows("rendering") == 0);
  BOOST_TEST(rows("post WHERE finished > 0") == 1);
}

// A server replicates what goes, with all that is in it.
BOOST_FIXTURE_TEST_CASE(texts_of_large_posts_go_one_after_the_other_on_a_server, Site) {
  std::vector<Id> ids;
  for (Id id = 1; id <= 6; ++id) {
    ids.push_back(id);
    PostRecord large = post(id);
    large.expanded = true;
    large.size = id == 1 ? 3000 : 300'000;
    const std::string text(static_cast<std::size_t>(large.size), 'x');
    commit(*database, [&](Connection& c) { return PostStore(c).add(large, text, text); });
  }
  BOOST_TEST(rows("rendering") == 2 + 5 * 4);
  PostsSettled done;
  commit(*database, [&](Connection& c) -> Result<void> {
    done = must(PostStore(c).settle(ids, WallTime::max()));
    return {};
  });
  const bool small = database->wants_small_transactions();
  BOOST_TEST(done.looked_at == (small ? 1U : 6U));
  BOOST_TEST(rows("rendering") == (small ? 5 * 4 : 0));
  run();
  BOOST_TEST(rows("rendering") == 0);
  BOOST_TEST(rows("post WHERE finished > 0") == 6);
}

// A post to a million has a thousand batches.
BOOST_FIXTURE_TEST_CASE(a_large_post_goes_in_steps_and_nothing_is_sent_between_them, Site) {
  constexpr std::int64_t kBatches = 500, kMostRows = 200;
  PostRecord large = post(1);
  large.expanded = true;
  commit(*database, [&](Connection& c) -> Result<void> {
    ESSAIM_TRY(PostStore(c).add(large, std::string(5'000'000, 'x')));
    std::vector<BatchRecord> batches(kBatches);
    for (std::size_t i = 0; i < batches.size(); ++i) {
      BatchRecord& batch = batches[i];
      batch.post_id = 1;
      batch.number = static_cast<int>(i);
      batch.queue = BatchQueue::kFinished;
      batch.recipients = people(1, "a.test");
      batch.count = batch.delivered = 1;
      batch.progress.recipients.resize(1);
      batch.progress.recipients[0].state = RecipientState::kDelivered;
    }
    return BatchStore(c).add(batches);
  });
  PostsSettled settled;
  const std::vector<Id> ids{1};
  commit(*database, [&](Connection& c) -> Result<void> {
    settled = must(PostStore(c).settle(ids, WallTime::max()));
    return {};
  });
  BOOST_TEST(settled.posts == 1);
  BOOST_TEST(settled.with_forms.size() == 1U);
  BOOST_TEST(rows("rendering") > 0);
  database.reopen();
  std::int64_t left = 2 * kBatches + rows("rendering"), steps = 0;
  for (std::int64_t some = 1; some > 0; ++steps) {
    commit(*database, [&some](Connection& c) -> Result<void> {
      some = must(PostStore(c).drop_finished(kNow + 48h, 20));
      return {};
    });
    const std::int64_t now = rows("batch") + rows("batch_state") + rows("rendering");
    BOOST_TEST(left - now < 3 * kMostRows);
    left = now;
    BOOST_TEST((left == 0 || rows("post WHERE finished > 0") == 1));
    BOOST_TEST(claim(*database, {1, 1}, 10).empty());
    if (steps == 1) database.reopen();
  }
  BOOST_TEST(steps >= 4);
  BOOST_TEST(left == 0);
  BOOST_TEST(rows("post") == 0);
}

// Triggers refuse what a damaged page would not give.
BOOST_FIXTURE_TEST_CASE(posts_with_a_damaged_row_do_not_keep_the_others, Site) {
  if (!TempDatabase::is_sqlite()) return;
  constexpr Id kPosts = 50;
  for (Id id = 1; id <= kPosts; ++id) make_post(*database, post(id), people(1, "a.test"), id);
  commit(*database, [](Connection& c) -> Result<void> {
    ESSAIM_TRY(c.execute("UPDATE batch_state SET queue = 0, pending = 0, delivered = 1"));
    ESSAIM_TRY(
        c.execute("CREATE TRIGGER keeps BEFORE UPDATE ON post WHEN OLD.id = 7 "
                  "BEGIN SELECT RAISE(ABORT, 'refused'); END"));
    return c.execute(
        "CREATE TRIGGER stays BEFORE DELETE ON batch_state WHEN OLD.post_id IN (3, 30) "
        "BEGIN SELECT RAISE(ABORT, 'refused'); END");
  });
  run();
  BOOST_TEST(rows("post WHERE finished = 0") == 1);
  BOOST_TEST(rows("rendering") == 1);
  clock.set_wall(kNow + 31 * 24h);
  run();
  BOOST_TEST(rows("post") == 3);
  BOOST_TEST(rows("batch_state") == 3);
  commit(*database, [](Connection& c) -> Result<void> {
    ESSAIM_TRY(c.execute("DROP TRIGGER keeps"));
    return c.execute("DROP TRIGGER stays");
  });
  run();
  BOOST_TEST(rows("post") == 0);
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

// A reconciliation removes all of them at the same moment.
BOOST_FIXTURE_TEST_CASE(departures_of_one_moment_are_forgotten_some_at_a_time, Site) {
  commit(*database, [](Connection& c) -> Result<void> {
    DepartureStore store(c);
    for (Id id = 1; id <= 50; ++id)
      ESSAIM_TRY(store.add({id, "dev@lists.test", "u@a.test", "operator", "", kNow}));
    return store.add({51, "dev@lists.test", "u@a.test", "operator", "", kNow + 1s});
  });
  for (const std::int64_t expected : {20, 20, 10, 0}) {
    commit(*database, [expected](Connection& c) -> Result<void> {
      BOOST_TEST(must(DepartureStore(c).forget_before(kNow + 1s, 20)) == expected);
      return {};
    });
  }
  BOOST_TEST(rows("departure") == 1);
}

// Counts what is asked of the database.
class Asked : public Connection {
 public:
  explicit Asked(Connection& inner) : inner_(inner) {}
  Result<Statement*> prepare(std::string_view sql) override {
    ++statements;
    return inner_.prepare(sql);
  }
  Result<void> execute(std::string_view sql) override { return inner_.execute(sql); }
  Dialect dialect() const override { return inner_.dialect(); }

  int statements = 0;

 private:
  Connection& inner_;
};

BOOST_FIXTURE_TEST_CASE(who_left_and_what_was_deleted_is_asked_for_all_lists_at_once, Site) {
  constexpr Id kFirst = 100, kLists = 60, kSite = 0;
  for (Id i = 0; i < kLists; ++i) make_list(*database, kFirst + i, "l" + std::to_string(i));
  commit(*database, [&](Connection& c) -> Result<void> {
    std::vector<MemberRecord> people;
    const auto add = [&people](Id list, const std::string& local, Role role = Role::kMember) {
      MemberRecord one = member(static_cast<Id>(people.size()) + 1, local, "x.test", 1);
      one.list_id = list;
      one.role = role;
      people.push_back(one);
    };
    for (Id i = 0; i < kLists; ++i)
      for (const char* local : {"ann", "bob", "eve"}) add(kFirst + i, local);
    add(kSite, "master", Role::kListmaster);
    add(kDomain, "master", Role::kListmaster);
    must(MemberStore(c).add_new(people));
    ESSAIM_TRY(c.execute("UPDATE list SET revision = 10 + id WHERE id >= 100"));
    ESSAIM_TRY(
        c.execute("UPDATE member SET left_rev = 4 + list_id WHERE local_key = 'bob' AND list_id % 2 = 0"));
    ESSAIM_TRY(c.execute("UPDATE member SET left_rev = 6 + list_id WHERE local_key = 'eve'"));
    return c.execute("DELETE FROM list WHERE id IN (100, 131, 159)");
  });
  must(database->read_now([&](Connection& c) -> Result<void> {
    Asked asked(c);
    const auto left = must(MemberStore(asked).lists_that_were_left());
    const auto deleted = must(MemberStore(asked).deleted_lists());
    BOOST_TEST(asked.statements == 2);
    BOOST_TEST(deleted == (std::vector<Id>{100, 131, 159}), boost::test_tools::per_element());
    BOOST_REQUIRE(left.size() == static_cast<std::size_t>(kLists));
    for (const ListLeft& list : left) {
      BOOST_TEST(list.first == list.id + (list.id % 2 == 0 ? 4 : 6));
      const bool gone = std::find(deleted.begin(), deleted.end(), list.id) != deleted.end();
      BOOST_TEST(list.revision == (gone ? std::numeric_limits<std::int64_t>::max() : 10 + list.id));
    }
    return {};
  }));
  commit(*database, [](Connection& c) -> Result<void> {
    BOOST_TEST(purge_left(c) == 90);
    BOOST_TEST(must(MemberStore(c).lists_that_were_left()).empty());
    return {};
  });
  run();
  BOOST_TEST(rows("member") == 57 + 28 + 2);  // ann, bob where he stays, listmasters
}

BOOST_AUTO_TEST_CASE(messages_that_came_are_known_before_the_first_one_comes_again) {
  TempDatabase database;
  make_list(*database);
  commit(*database, [](Connection& c) -> Result<void> {
    for (Id id = 1; id <= 3; ++id) {
      PostRecord one = post(id);
      one.seen_key = "key " + std::to_string(id);
      BOOST_TEST(!must(PostStore(c).remember_with_post(kList, one.seen_key, id, kNow)).has_value());
      ESSAIM_TRY(PostStore(c).add(one, "x"));
    }
    return {};
  });
  database.reopen();
  for (int i = 0; i < 2; ++i) {
    commit(*database, [](Connection& c) -> Result<void> {
      must(PostStore(c).know_keys());
      BOOST_TEST((c.unsettled_keys() == nullptr || c.unsettled_keys()->size() == 3U));
      return {};
    });
  }
  commit(*database, [](Connection& c) -> Result<void> {
    BOOST_TEST(must(PostStore(c).remember(kList, "key 2", 9, kNow)).value() == 2);
    BOOST_TEST(!must(PostStore(c).remember(kList, "key 9", 9, kNow)).has_value());
    return {};
  });
}

// No claim looks for them, nor does a command; and their posts would never end.
BOOST_FIXTURE_TEST_CASE(batches_that_nobody_would_find_are_parked_or_ended, Site) {
  for (Id id = 1; id <= 8; ++id) make_post(*database, post(id), people(2, "a.test"), id);
  commit(*database, [](Connection& c) -> Result<void> {
    for (const char* change :
         {"SET queue = 7 WHERE post_id = 1", "SET queue = -3, owner = 5, epoch = 2 WHERE post_id = 2",
          "SET priority = -1 WHERE post_id = 3", "SET queue = 2, priority = 5000000 WHERE post_id = 4",
          "SET queue = 3, owner = 1, epoch = 1, priority = -1 WHERE post_id = 5",  // its owner writes it anew
          "SET queue = 0, suppressed = 2, pending = 0, priority = -1 WHERE post_id = 6"})
      ESSAIM_TRY(c.execute(std::string("UPDATE batch_state ") + change));
    return c.execute("DELETE FROM batch WHERE post_id = 7");
  });
  int told = 0;
  log::Capture capture([&](log::Level, std::string_view line) {
    told += line.find("batch.damaged") != std::string_view::npos ? 1 : 0;
  });
  run();
  BOOST_TEST(told == 5);
  run();
  BOOST_TEST(told == 5);
  BOOST_TEST(rows("batch_state WHERE queue = 4 AND owner = 0 AND post_id <= 4") == 4);
  BOOST_TEST(rows("batch_state WHERE queue = 3 AND post_id = 5") == 1);
  BOOST_TEST(rows("batch_state WHERE queue = 0 AND suppressed = 2 AND pending = 0 AND post_id IN (6, 7)") ==
             2);
  BOOST_TEST(rows("batch_state WHERE queue = 1 AND post_id = 8") == 1);
  commit(*database, [](Connection& c) -> Result<void> {
    PostFilter all;
    all.state = static_cast<int>(BatchQueue::kHeld);
    const auto parked = must(BatchStore(c).waiting(all));
    BOOST_REQUIRE(parked.size() == 4U);
    BOOST_TEST(parked[0].why.starts_with("damaged: "));
    // What `queue release` does.
    for (Id id = 1; id <= 4; ++id) ESSAIM_TRY(PostStore(c).set_held(id, false, ""));
    return {};
  });
  commit(*database, [](Connection& c) -> Result<void> {
    BOOST_TEST(must(BatchStore(c).promote_due(kNow + 1h)) == 4);
    BOOST_TEST(must(BatchStore(c).claim({1, 1}, 0, 9, 9, {})).size() == 5U);
    return {};
  });
}

// Each batch that waits has to be looked at for it.
BOOST_FIXTURE_TEST_CASE(recipients_that_are_gone_are_looked_for_once_a_day, Site) {
  for (Id id = 1; id <= 3; ++id) make_post(*database, post(id), people(2, "a.test"), id);
  run();
  commit(*database, [](Connection& c) -> Result<void> {
    ESSAIM_TRY(c.execute("UPDATE batch_state SET queue = 7 WHERE post_id = 1"));
    return c.execute("DELETE FROM batch WHERE post_id = 2");
  });
  clock.advance(23h);
  run();
  BOOST_TEST(rows("batch_state WHERE queue = 4 AND post_id = 1") == 1);
  BOOST_TEST(rows("batch_state WHERE queue = 1 AND post_id = 2") == 1);
  clock.advance(1h);
  run();
  BOOST_TEST(rows("batch_state WHERE queue = 0 AND suppressed = 2 AND post_id = 2") == 1);
  BOOST_TEST(rows("batch_state WHERE queue = 1 AND post_id = 3") == 1);
  // And after a start.
  commit(*database, [](Connection& c) { return c.execute("DELETE FROM batch WHERE post_id = 3"); });
  must(make_retention_job(clock, {}).run(*database));
  BOOST_TEST(rows("batch_state WHERE queue = 0 AND suppressed = 2 AND post_id = 3") == 1);
}

BOOST_AUTO_TEST_SUITE_END()
