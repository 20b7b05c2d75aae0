// Pages of a file that a disk has damaged: what is on the others goes on without them.
#include <algorithm>
#include <filesystem>
#include <set>
#include <string>
#include <vector>

#include "core/base/executor.h"
#include "core/base/log.h"
#include "storage/failure_search.h"
#include "storage/journal.h"
#include "storage/queue_load.h"
#include "storage/sql.h"
#include "tests/storage/fixtures.h"
#include "tests/support/damaged_page.h"

using namespace essaim;
using namespace essaim::storage;
using namespace essaim::test;

namespace {

struct ManyPosts {
  TempDatabase database;
  std::string told;
  log::Capture capture{[this](log::Level, std::string_view line) { told.append(line) += '\n'; }};

  void add_posts(Id posts, std::int64_t rank = 0) {
    make_list(*database);
    commit(*database, [&](Connection& c) -> Result<void> {
      for (Id id = 1; id <= posts; ++id) {
        PostRecord p = post(id);
        ESSAIM_TRY(add_expanded(c, &p, "Subject: x\r\n\r\nbody\r\n", "", rank + id, people(1, "a.test")));
      }
      return {};
    });
  }
  Result<void> write(const Work& work) { return database->write_now(Durability::kProgress, work); }
};

}  // namespace

BOOST_AUTO_TEST_SUITE(damaged_pages)

// SQLite writes nothing in a transaction that has met a damaged page: each row is tried for itself.
BOOST_FIXTURE_TEST_CASE(rows_of_a_damaged_page_keep_no_others_from_being_claimed, ManyPosts) {
  if (!TempDatabase::is_sqlite()) return;
  constexpr Id kPosts = 300, kDamaged = 150;
  add_posts(kPosts);
  commit(*database, [](Connection& c) -> Result<void> {
    ESSAIM_TRY(c.execute("UPDATE batch_state SET queue = 2, due = 5 WHERE post_id % 2 = 0"));
    return c.execute("UPDATE batch_state SET why = 'damaged here' WHERE post_id = " +
                     std::to_string(kDamaged));
  });
  damage_pages_with(&database, "damaged here");
  BOOST_TEST((code_of(write([](Connection& c) -> Result<void> {
                auto claimed = BatchStore(c).claim({1, 1}, 0, 9, 1000, {});
                return claimed.ok() ? Result<void>() : claimed.error();
              })) == ErrorCode::kDamaged));
  BOOST_TEST((code_of(write([](Connection& c) -> Result<void> {
                auto due = BatchStore(c).promote_due(kNow);
                return due.ok() ? Result<void>() : due.error();
              })) == ErrorCode::kDamaged));

  std::vector<Place> due, ready, bad;
  must(database->read_now([&](Connection& c) -> Result<void> {
    due = must(BatchStore(c).due_places(kNow, 1000, {}));
    return {};
  }));
  BOOST_TEST(due.size() == static_cast<std::size_t>(kPosts / 2));
  for (const Place place : due) {
    const auto done = write([&](Connection& c) -> Result<void> {
      const auto promoted = BatchStore(c).promote(place);
      ESSAIM_TRY(promoted);
      BOOST_TEST(*promoted);
      BOOST_TEST(!must(BatchStore(c).promote(place)));
      return {};
    });
    if (!done.ok()) bad.push_back(place);
  }
  BOOST_TEST(!bad.empty());
  must(database->read_now([&](Connection& c) -> Result<void> {
    BOOST_TEST(must(BatchStore(c).due_places(kNow, 1000, {bad.begin(), bad.end()})).empty());
    BOOST_TEST(must(BatchStore(c).ready_places(0, 9, 3, {})).size() == 3U);
    BOOST_TEST(must(BatchStore(c).ready_places(2, 9, 1000, {})).empty());
    ready = must(BatchStore(c).ready_places(0, 9, 1000, {}));
    return {};
  }));
  BOOST_TEST(ready.size() + bad.size() == static_cast<std::size_t>(kPosts));
  std::vector<Id> claimed;
  for (const Place place : ready) {
    const auto done = write([&](Connection& c) -> Result<void> {
      auto one = BatchStore(c).claim({1, 1}, 0, 9, 1, {}, {}, nullptr, {}, {}, place);
      if (!one.ok()) return one.error();
      BOOST_REQUIRE(one->size() == 1U);
      claimed.push_back(one->front().post_id);
      return {};
    });
    if (!done.ok()) bad.push_back(place);
  }
  // Rows of the pages beside it are lost where they get longer.
  BOOST_REQUIRE(claimed.size() > static_cast<std::size_t>(kPosts / 3));
  BOOST_TEST(claimed.front() == 1);
  BOOST_TEST(claimed.back() == kPosts);
  must(database->read_now([&](Connection& c) -> Result<void> {
    std::vector<Id> names;
    names.reserve(bad.size());
    for (const Place place : bad) names.push_back(BatchStore(c).name_of(place, "why").post_id);
    BOOST_TEST(std::count(names.begin(), names.end(), kDamaged) == 1);
    BOOST_TEST(std::count(names.begin(), names.end(), Id{0}) == 0);
    return {};
  }));
}

BOOST_FIXTURE_TEST_CASE(a_damaged_page_hides_no_other_batch_from_who_looks_at_the_queue, ManyPosts) {
  if (!TempDatabase::is_sqlite()) return;
  constexpr Id kPosts = 300, kDamaged = 150;
  add_posts(kPosts);
  commit(*database, [](Connection& c) -> Result<void> {
    ESSAIM_TRY(c.execute("UPDATE batch_state SET due = 1000 - post_id"));
    ESSAIM_TRY(c.execute("UPDATE batch_state SET queue = 2, due = 5000 - post_id WHERE post_id > 200"));
    ESSAIM_TRY(c.execute("UPDATE batch_state SET queue = 4 WHERE post_id = 1"));
    return c.execute("UPDATE batch_state SET why = 'damaged here' WHERE post_id = " +
                     std::to_string(kDamaged));
  });
  damage_pages_with(&database, "damaged here");
  must(database->read_now([&](Connection& c) -> Result<void> {
    PostFilter filter;
    filter.limit = 10'000;
    const auto all = must(BatchStore(c).waiting(filter));
    BOOST_TEST(all.size() == static_cast<std::size_t>(kPosts));
    std::vector<Id> sound;
    std::size_t damaged = 0;
    for (const BatchRecord& one : all) {
      const bool whole = one.pending == 1;
      BOOST_TEST(one.why.starts_with("damaged: ") == !whole);
      BOOST_TEST(one.unread == !whole);
      damaged += whole ? 0 : 1;
      if (one.post_id == kDamaged) BOOST_TEST(!whole);
      if (whole) sound.push_back(one.post_id);
    }
    BOOST_TEST(damaged > 0U);
    BOOST_REQUIRE(sound.size() > static_cast<std::size_t>(kPosts / 3));
    BOOST_TEST(std::is_sorted(all.begin(), all.end(),
                              [](const BatchRecord& a, const BatchRecord& b) { return a.due < b.due; }));
    const auto counts = must(BatchStore(c).queue_counts());
    BOOST_TEST(counts.ready + counts.waiting + counts.held == kPosts);
    BOOST_TEST(counts.held == 1);
    BOOST_TEST(counts.pending_recipients == static_cast<std::int64_t>(sound.size()));
    filter.limit = damaged + 2;
    BOOST_TEST(must(BatchStore(c).waiting(filter)).back().post_id == sound[1]);
    filter.limit = 10'000;
    filter.message_id = "m300@client.test";
    const auto named = must(BatchStore(c).waiting(filter));
    BOOST_TEST(std::any_of(named.begin(), named.end(),
                           [](const BatchRecord& one) { return one.post_id == 300 && !one.unread; }));
    return {};
  }));
}

BOOST_FIXTURE_TEST_CASE(a_damaged_page_of_posts_leaves_what_their_batches_say, ManyPosts) {
  if (!TempDatabase::is_sqlite()) return;
  constexpr Id kPosts = 300, kDamaged = 150;
  add_posts(kPosts);
  commit(*database, [](Connection& c) {
    return c.execute("UPDATE post SET held_reason = 'damaged here' WHERE id = " + std::to_string(kDamaged));
  });
  damage_pages_with(&database, "damaged here");
  must(database->read_now([&](Connection& c) -> Result<void> {
    const auto found = [&](const PostFilter& filter) { return must(BatchStore(c).waiting(filter)); };
    PostFilter filter;
    filter.limit = 10'000;
    std::size_t damaged = 0;
    for (const BatchRecord& one : found(filter)) {
      const bool whole = one.why.find("damaged: its post: ") == one.why.npos;
      BOOST_TEST(!one.unread);
      BOOST_TEST(one.pending == 1);
      damaged += whole ? 0 : 1;
      if (one.post_id == kDamaged) BOOST_TEST(!whole);
    }
    BOOST_TEST(damaged > 0U);
    BOOST_TEST(damaged < static_cast<std::size_t>(kPosts / 3));
    BOOST_TEST(found(filter).size() == static_cast<std::size_t>(kPosts));
    filter.domain = "a.test";
    BOOST_TEST(found(filter).size() == static_cast<std::size_t>(kPosts));
    filter.domain = "b.test";
    BOOST_TEST(found(filter).empty());
    filter.domain = "a.test";
    filter.message_id = "m300@client.test";
    BOOST_TEST(found(filter).size() == damaged + 1);
    filter.state = static_cast<int>(BatchQueue::kReady);
    BOOST_TEST(found(filter).size() == damaged + 1);
    filter.state = static_cast<int>(BatchQueue::kHeld);
    BOOST_TEST(found(filter).empty());
    return {};
  }));
}

BOOST_FIXTURE_TEST_CASE(a_damaged_page_of_settled_posts_hides_no_other_failure, ManyPosts) {
  if (!TempDatabase::is_sqlite()) return;
  constexpr Id kPosts = 300, kDamaged = 150;
  add_posts(kPosts);
  commit(*database, [](Connection& c) -> Result<void> {
    ESSAIM_TRY(c.execute("UPDATE batch_state SET queue = 0, pending = 0, failed = 1, last_outcome = 5"));
    ESSAIM_TRY(c.execute("UPDATE post SET finished = accepted + 5000"));
    return c.execute("UPDATE post SET held_reason = 'damaged here' WHERE id = " + std::to_string(kDamaged));
  });
  PostFilter filter;
  filter.failed = true;
  std::size_t unread = 0;
  bool named = false;
  const auto look = [&] {
    std::set<Id> ids;
    unread = 0;
    must(database->read_now([&](Connection& c) -> Result<void> {
      PlaceAmongSettled place;
      PostsFound some;
      do {
        some = must(search_settled(c, filter, &place, 70));
        ids.insert(some.ids.begin(), some.ids.end());
        unread += some.damaged.size();
        for (const auto& [id, why] : some.damaged) named = named || id == kDamaged;
      } while (some.more);
      return {};
    }));
    return ids.size();
  };
  BOOST_TEST(look() == static_cast<std::size_t>(kPosts));
  BOOST_TEST(unread == 0U);
  damage_pages_with(&database, "damaged here");
  BOOST_TEST(look() + unread == static_cast<std::size_t>(kPosts));
  BOOST_TEST(unread > 0U);
  BOOST_TEST(unread < static_cast<std::size_t>(kPosts / 3));
  BOOST_TEST(named);
}

BOOST_FIXTURE_TEST_CASE(a_damaged_page_of_their_index_hides_no_settled_post, ManyPosts) {
  if (!TempDatabase::is_sqlite()) return;
  constexpr Id kPosts = 1200;
  add_posts(kPosts);
  commit(*database, [](Connection& c) -> Result<void> {
    ESSAIM_TRY(c.execute("UPDATE batch_state SET queue = 0, pending = 0, failed = 1, last_outcome = 5"));
    return c.execute("UPDATE post SET finished = accepted + 5000 + id");
  });
  damage_leaves_of(&database, "post_finished", {3, 8});
  must(database->read_now([&](Connection& c) -> Result<void> {
    PostFilter filter;
    filter.failed = true;
    PlaceAmongSettled place;
    std::set<Id> ids;
    PostsFound some;
    do {
      some = must(search_settled(c, filter, &place, 70));
      for (const Id id : some.ids) BOOST_TEST(ids.insert(id).second);
      BOOST_TEST(some.damaged.empty());
    } while (some.more);
    BOOST_TEST(ids.size() == static_cast<std::size_t>(kPosts));
    return {};
  }));
}

// Rows: of a post, or of a batch.
BOOST_AUTO_TEST_CASE(a_damaged_page_hides_no_other_post_from_who_searches_and_counts) {
  if (!TempDatabase::is_sqlite()) return;
  constexpr Id kPosts = 300, kDamaged = 150;
  for (const bool of_post : {true, false}) {
    ManyPosts many;
    many.add_posts(kPosts);
    commit(*many.database, [&](Connection& c) -> Result<void> {
      ESSAIM_TRY(c.execute("UPDATE batch_state SET why = 'waits here'"));
      // One of them is over, and one is held.
      ESSAIM_TRY(
          c.execute("UPDATE batch_state SET queue = 0, pending = 0, delivered = 1 WHERE post_id = 290"));
      ESSAIM_TRY(c.execute("UPDATE post SET finished = 5 WHERE id = 290"));
      ESSAIM_TRY(PostStore(c).set_held(280, true, "held: x"));
      return c.execute(std::string(of_post ? "UPDATE post SET held_reason" : "UPDATE batch_state SET why") +
                       " = 'damaged here' WHERE " + (of_post ? "id" : "post_id") + " = " +
                       std::to_string(kDamaged));
    });
    damage_pages_with(&many.database, "damaged here");
    must(many.database->read_now([&](Connection& c) -> Result<void> {
      PostStore posts(c);
      PostFilter filter;
      filter.limit = 10'000;
      filter.unfinished = true;
      const auto waiting = must(posts.search(filter));
      const std::size_t lost = posts.unread().size();
      BOOST_TEST(lost > 0U);
      BOOST_TEST(lost < static_cast<std::size_t>(kPosts / 3));
      BOOST_TEST(waiting.size() + lost == static_cast<std::size_t>(kPosts - 1));
      BOOST_TEST(std::any_of(posts.unread().begin(), posts.unread().end(),
                             [](const auto& one) { return one.first == kDamaged; }));
      BOOST_TEST(std::is_sorted(waiting.begin(), waiting.end(), [](const PostRecord& a, const PostRecord& b) {
        return a.accepted > b.accepted || (a.accepted == b.accepted && a.id > b.id);
      }));
      const PostsFound found = must(posts.search_waiting(filter, true, 0, 1000));
      BOOST_TEST(found.ids.size() == waiting.size());
      BOOST_TEST(found.damaged.size() == lost);
      BOOST_TEST(!found.more);
      filter.unfinished = false;
      BOOST_TEST(must(posts.search(filter)).size() == (of_post ? waiting.size() + 1 : std::size_t{kPosts}));
      filter.message_id = "m290@client.test";
      const auto over = must(posts.search(filter));
      BOOST_REQUIRE(over.size() == 1U);
      BOOST_TEST(over[0].id == 290);
      filter.limit = 1;
      filter.message_id = "m295@client.test";
      BOOST_TEST(must(posts.search(filter)).at(0).id == 295);
      const auto held = must(posts.held_for("held: "));
      BOOST_REQUIRE(held.size() == 1U);
      BOOST_TEST(held[0].first == 280);

      BatchStore batches(c);
      PostFilter why;
      why.why = "here";
      const auto names = must(batches.waiting_of(why, 1, kPosts));
      BOOST_TEST(names.size() + batches.damaged().size() == static_cast<std::size_t>(kPosts - 1));
      BOOST_TEST(std::is_sorted(names.begin(), names.end()));
      BOOST_TEST(std::any_of(batches.damaged().begin(), batches.damaged().end(),
                             [](const DamagedBatch& one) { return one.post_id == kDamaged; }));

      const QueueLoad load = must(queue_load(c, 10));
      std::int64_t all = 0, recipients = 0;
      for (const QueueLoad::State& state : load.states) {
        all += state.batches;
        recipients += state.recipients;
      }
      const auto unread = static_cast<std::int64_t>(lost);
      BOOST_TEST(all == kPosts - 1);
      BOOST_TEST(recipients == (of_post ? all : all - unread));
      BOOST_TEST((load.states[0].oldest != WallTime{}));
      BOOST_REQUIRE(load.lists.size() == 1U);
      BOOST_TEST(load.lists[0].posts == all - unread - 1);  // of one state
      BOOST_TEST(load.lists[0].recipients == all - unread);
      return {};
    }));
  }
}

BOOST_FIXTURE_TEST_CASE(a_damaged_page_hides_no_other_post_that_servers_have_in_their_hands, ManyPosts) {
  if (!TempDatabase::is_sqlite()) return;
  constexpr Id kPosts = 300;
  add_posts(kPosts);
  BOOST_TEST(claim(*database, {1, 1}, 1000).size() == static_cast<std::size_t>(kPosts));
  commit(*database, [](Connection& c) {
    return c.execute("UPDATE batch_state SET why = 'damaged here' WHERE post_id = 150");
  });
  damage_pages_with(&database, "damaged here");
  must(database->read_now([&](Connection& c) -> Result<void> {
    const auto owned = must(BatchStore(c).owned_by_post());
    BOOST_TEST(owned.size() > static_cast<std::size_t>(kPosts / 2));
    BOOST_TEST(owned.count(150) == 0U);
    BOOST_TEST(owned.at(1) == 1);
    BOOST_TEST(owned.at(kPosts) == 1);
    return {};
  }));
}

// A node had all of it in its hands when it was killed.
BOOST_FIXTURE_TEST_CASE(a_start_goes_round_a_damaged_page, ManyPosts) {
  if (!TempDatabase::is_sqlite()) return;
  constexpr Id kPosts = 600, kDamaged = 300;
  add_posts(kPosts);
  BOOST_TEST(claim(*database, {1, 1}, 1000).size() == static_cast<std::size_t>(kPosts));
  commit(*database, [](Connection& c) {
    return c.execute("UPDATE batch_state SET why = 'damaged here' WHERE post_id = " +
                     std::to_string(kDamaged));
  });
  const std::string directory = database.directory().path("journal");
  Executor executor("journal", 1);
  {
    auto writer = must(JournalWriter::open({directory, "loop0", 1, 64 << 10}, executor));
    for (const Id id : {Id{1}, kDamaged, kPosts})
      must(writer->append({id, 0, 0, RecipientState::kDelivered, 1, kNow, "250 2.0.0 Ok", "mx.a.test"}));
  }
  damage_pages_with(&database, "damaged here");
  BOOST_TEST(must(recover_journal(*database, directory, 1, 2)) == 2U);
  BOOST_TEST(!std::filesystem::is_empty(directory));  // has what could not be written
  BOOST_TEST(told.find("journal.batch_damaged id=" + format_id(kDamaged)) != std::string::npos, told);
  BOOST_TEST(told.find("batch.damaged id=" + format_id(kDamaged)) != std::string::npos, told);
  std::size_t stay = 0;
  std::vector<Place> ready;
  must(database->read_now([&](Connection& c) -> Result<void> {
    stay = static_cast<std::size_t>(must(BatchStore(c).queue_counts()).owned);
    ready = must(BatchStore(c).ready_places(0, 9, 1000, {}));
    return {};
  }));
  BOOST_TEST(stay > 0U);
  BOOST_TEST(stay < static_cast<std::size_t>(kPosts / 3));
  BOOST_TEST(ready.size() + stay + 2 == static_cast<std::size_t>(kPosts));
  const auto others = [](BatchStore& batches, Place only) { return batches.release_others(2, only); };
  BOOST_TEST(must(release_batches(*database, others)) == 0);
  BOOST_TEST(must(recover_journal(*database, directory, 1, 3)) == 0U);
  BOOST_TEST(!std::filesystem::is_empty(directory));
}

BOOST_FIXTURE_TEST_CASE(claims_pass_over_what_is_on_a_damaged_page_of_an_index, ManyPosts) {
  if (!TempDatabase::is_sqlite()) return;
  constexpr Id kPosts = 1200;
  add_posts(kPosts, 0x6162636465660000);
  damage_pages_with(&database, "abcdef\x02\x58");  // the rank of post 600
  must(database->read_now([&](Connection& c) -> Result<void> {
    const auto places = must(BatchStore(c).ready_places(0, 9, 10'000, {}));
    BOOST_REQUIRE(places.size() > static_cast<std::size_t>(kPosts / 2));
    BOOST_TEST(places.size() < static_cast<std::size_t>(kPosts));
    BOOST_TEST(std::is_sorted(places.begin(), places.end()));
    BOOST_TEST(places.front() == 1);
    BOOST_TEST(places.back() == kPosts);
    BOOST_TEST(must(BatchStore(c).ready_places(0, 9, 100, {})).size() == 100U);
    return {};
  }));
}

// Two pages of each, so that those between them are sound, and cannot be reached by it.
BOOST_AUTO_TEST_CASE(a_damaged_page_of_an_index_hides_nothing_from_who_looks) {
  if (!TempDatabase::is_sqlite()) return;
  constexpr Id kPosts = 1200;
  struct Case {
    const char* index;
    bool of_keys;  // by which the batches of a post are found: which posts these are is told
  };
  for (const Case& one : {Case{"batch_claim", false}, Case{"sqlite_autoindex_batch_state_1", true},
                          Case{"post_finished", false}}) {
    BOOST_TEST_CONTEXT(one.index) {
      ManyPosts many;
      many.add_posts(kPosts);
      damage_leaves_of(&many.database, one.index, {3, 8});
      must(many.database->read_now([&](Connection& c) -> Result<void> {
        PostFilter filter;
        filter.limit = 10'000;
        const auto batches = must(BatchStore(c).waiting(filter));
        BOOST_TEST(batches.size() == static_cast<std::size_t>(kPosts));
        BOOST_TEST(std::none_of(batches.begin(), batches.end(), [](const auto& b) { return b.unread; }));
        BOOST_TEST(must(BatchStore(c).queue_counts()).ready == kPosts);
        BOOST_TEST(must(queue_load(c, 10)).states[0].recipients == kPosts);
        filter.unfinished = true;
        PostStore posts(c);
        const std::size_t readable = must(posts.search(filter)).size();
        BOOST_TEST(posts.unread().empty() == !one.of_keys);
        BOOST_TEST(readable + posts.unread().size() == static_cast<std::size_t>(kPosts));
        BOOST_TEST(readable > 0U);
        std::set<Id> met;
        for (PostsFound found; met.empty() || found.more;) {
          found = must(posts.search_waiting(filter, true, found.last, 100));
          met.insert(found.ids.begin(), found.ids.end());
          for (const auto& [id, error] : found.damaged) met.insert(id);
          BOOST_TEST((one.of_keys || found.damaged.empty()));
        }
        BOOST_TEST(met.size() == static_cast<std::size_t>(kPosts));
        PostFilter why;
        why.state = static_cast<int>(BatchQueue::kReady);
        BatchStore store(c);
        BOOST_TEST(must(store.waiting_of(why, 1, kPosts)).size() == static_cast<std::size_t>(kPosts));
        BOOST_TEST(store.damaged().empty());
        return {};
      }));
    }
  }
}

// What the walk asks of a row may be behind the damage, and the next row far away: queue ids are times.
BOOST_FIXTURE_TEST_CASE(a_row_of_which_a_part_cannot_be_read_ends_no_walk, ManyPosts) {
  if (!TempDatabase::is_sqlite()) return;
  constexpr Id kPosts = 900, kFar = Id{1} << 40;
  make_list(*database);
  commit(*database, [&](Connection& c) -> Result<void> {
    for (Id i = 1; i <= kPosts; ++i) {
      PostRecord p = post(i * kFar);
      if (i == 450) p.subject = std::string(9000, 's') + "damaged here" + std::string(9000, 's');
      ESSAIM_TRY(add_expanded(c, &p, "Subject: x\r\n\r\nbody\r\n", "", i, people(1, "a.test")));
    }
    return {};
  });
  damage_pages_with(&database, "damaged here");
  damage_leaves_of(&database, "post_finished", {3, 8});
  must(database->read_now([&](Connection& c) -> Result<void> {
    std::set<Id> met;
    PostFilter filter;
    for (PostsFound found; met.empty() || found.more;) {
      found = must(PostStore(c).search_waiting(filter, true, found.last, 100));
      met.insert(found.ids.begin(), found.ids.end());
    }
    BOOST_TEST(met.size() == static_cast<std::size_t>(kPosts - 1));
    BOOST_TEST(met.count(450 * kFar) == 0U);
    return {};
  }));
}

// Both: what neither tells is said to be unknown, all else is there.
BOOST_FIXTURE_TEST_CASE(what_neither_table_nor_index_tells_is_not_passed_over_in_silence, ManyPosts) {
  if (!TempDatabase::is_sqlite()) return;
  constexpr Id kPosts = 1200;
  add_posts(kPosts);
  damage_leaves_of(&database, "batch_claim", {2, 7});
  damage_leaves_of(&database, "batch_state", {2, 5});
  must(database->read_now([&](Connection& c) -> Result<void> {
    PostFilter filter;
    filter.limit = 10'000;
    const auto all = must(BatchStore(c).waiting(filter));
    const auto sound = std::count_if(all.begin(), all.end(), [](const BatchRecord& b) { return !b.unread; });
    BOOST_TEST(sound > kPosts * 4 / 5);
    BOOST_TEST(sound < kPosts);
    std::set<Id> ids;
    for (const BatchRecord& b : all) ids.insert(b.post_id);
    BOOST_TEST(ids.count(0) == 1U);
    BOOST_TEST(ids.size() >= static_cast<std::size_t>(sound));
    for (const Id id : {1, 400, 500, 1000, 1200}) BOOST_TEST(ids.count(id) == 1U);
    return {};
  }));
}

BOOST_AUTO_TEST_CASE(a_check_names_the_tables_that_are_damaged) {
  if (!TempDatabase::is_sqlite()) return;
  ManyPosts many;
  many.add_posts(1200);
  must(many.database->check());
  damage_leaves_of(&many.database, "batch_claim", {3});
  damage_leaves_of(&many.database, "batch", {3});
  const auto checked = many.database->check();
  BOOST_TEST((code_of(checked) == ErrorCode::kDamaged));
  const std::string& said = checked.error().message;
  BOOST_TEST(said.find("is damaged in table batch, an index of table batch_state (") != std::string::npos,
             said);
}

BOOST_AUTO_TEST_SUITE_END()
