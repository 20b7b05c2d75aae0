#include <future>
#include <map>
#include <thread>

#include "tests/storage/fixtures.h"

using namespace essaim;
using namespace essaim::storage;
using namespace essaim::test;

namespace {

// Members u<i> at one of the domains, every third at big.test.
void add_members(Database& database, int first, int count, std::int64_t revision) {
  commit(database, [&](Connection& c) -> Result<void> {
    MemberStore store(c);
    for (int i = first; i < first + count; ++i) {
      const std::string domain = i % 3 == 0 ? "big.test" : "d" + std::to_string(i % 700) + ".test";
      ESSAIM_TRY(store.add(member(i + 1, "U" + std::to_string(i), domain, revision)));
    }
    return {};
  });
}

std::map<Id, int> who_gets(Database& database, Id post_id) {
  std::map<Id, int> times;
  commit(database, [&](Connection& c) -> Result<void> {
    times.clear();
    auto batches = BatchStore(c).of_post(post_id, true);
    if (!batches.ok()) return batches.error();
    std::string last;
    for (const auto& b : *batches) {
      BOOST_TEST(b.recipients.size() <= kBatchSize);
      for (const auto& r : b.recipients) {
        ++times[r.member_id];
        BOOST_REQUIRE(last <= r.domain);
        last = r.domain;
      }
    }
    return {};
  });
  return times;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(expansion)

BOOST_AUTO_TEST_CASE(each_member_at_the_instant_of_acceptance_is_taken_once_whatever_changes_meanwhile) {
  constexpr int kMembers = 25'000;
  TempDatabase database;
  make_list(*database);
  add_members(*database, 0, kMembers, 1);
  commit(*database, [](Connection& c) -> Result<void> {
    ESSAIM_TRY(MemberStore(c).set(kList, Role::kMember, {"u1", "d1.test"}, false, ""));
    return PostStore(c).add(post(1, 1), "x");
  });
  int steps = 0;
  for (bool expanded = false; !expanded; ++steps) {
    // From fresh memory in each step, as after a restart.
    commit(*database, [&](Connection& c) -> Result<void> {
      auto p = must(PostStore(c).find(1)).value();
      ESSAIM_TRY(expand_members(c, &p, 100, 3));
      expanded = p.expanded;
      const auto counts = must(PostStore(c).counts(1));
      BOOST_TEST(counts.accepted == kMembers - 1);
      return {};
    });
    // Between the steps some join before and behind the cursor and some leave.
    commit(*database, [&](Connection& c) -> Result<void> {
      MemberStore store(c);
      const auto revision = must(store.next_revision(kList));
      ESSAIM_TRY(store.add(member(900'000 + steps * 2, "a" + std::to_string(steps), "aaa.test", revision)));
      ESSAIM_TRY(store.add(member(900'001 + steps * 2, "z" + std::to_string(steps), "zzz.test", revision)));
      ESSAIM_TRY(store.remove(kList, Role::kMember, {"u" + std::to_string(3 * steps), "big.test"}, revision));
      const int n = 24'999 - steps;
      const std::string domain = n % 3 == 0 ? "big.test" : "d" + std::to_string(n % 700) + ".test";
      return store.remove(kList, Role::kMember, {"u" + std::to_string(n), domain}, revision);
    });
  }
  BOOST_TEST(steps == 9);
  const auto times = who_gets(*database, 1);
  BOOST_TEST(times.size() == static_cast<std::size_t>(kMembers - 1));
  for (const auto& [id, count] : times) {
    BOOST_REQUIRE(count == 1);
    BOOST_REQUIRE(id <= kMembers);
    BOOST_REQUIRE(id != 2);
  }
  commit(*database, [](Connection& c) -> Result<void> {
    BOOST_TEST(must(PostStore(c).counts(1)).pending == kMembers - 1);
    BOOST_TEST(must(BatchStore(c).load(1, 4, false)).value().rank == 104);
    BOOST_TEST(must(PostStore(c).unexpanded(10)).empty());
    return {};
  });
}

BOOST_AUTO_TEST_CASE(a_step_that_is_repeated_from_old_memory_adds_nothing_twice) {
  TempDatabase database;
  make_list(*database);
  add_members(*database, 0, 3000, 1);
  commit(*database, [](Connection& c) { return PostStore(c).add(post(1, 1), "x"); });
  auto old = post(1, 1);
  auto memory = old;
  commit(*database, [&](Connection& c) { return expand_members(c, &memory, 0, 2); });
  BOOST_TEST(memory.batches == 2);
  commit(*database, [&](Connection& c) { return expand_members(c, &old, 0, 2); });
  BOOST_TEST(old.batches == 3);
  commit(*database, [&](Connection& c) { return expand_members(c, &old, 0, 2); });
  BOOST_TEST(old.expanded);
  BOOST_TEST(old.recipients == 3000);
  BOOST_TEST(who_gets(*database, 1).size() == 3000U);
  const auto stale = database->write_now(
      Durability::kAccept, [&](Connection& c) { return PostStore(c).set_expansion(1, memory); });
  BOOST_TEST((code_of(stale) == ErrorCode::kConflict));
}

// An operator deletes it at one node, and another one still expands it.
BOOST_AUTO_TEST_CASE(two_nodes_that_expand_a_post_at_once_go_on_behind_each_other) {
  TempDatabase database;
  if (!database->wants_small_transactions()) return;  // a file has one writer
  make_list(*database);
  add_members(*database, 0, 3000, 1);
  commit(*database, [](Connection& c) { return PostStore(c).add(post(1, 1), "x"); });
  DatabaseOptions options;
  options.url = database.url();
  auto second = must(Database::open(options));
  std::promise<void> begun;
  auto behind = std::async(std::launch::async, [&] {
    begun.get_future().wait();
    return second->write_now(Durability::kAccept, [](Connection& c) {
      auto p = post(1, 1);
      return expand_members(c, &p, 0, 2);
    });
  });
  bool told = false;
  commit(*database, [&](Connection& c) -> Result<void> {
    auto p = post(1, 1);
    ESSAIM_TRY(expand_members(c, &p, 0, 2));
    if (!std::exchange(told, true)) begun.set_value();
    std::this_thread::sleep_for(std::chrono::seconds(1));  // the other one waits for this
    return {};
  });
  must(behind.get());
  const auto times = who_gets(*database, 1);
  BOOST_TEST(times.size() == 3000U);
  for (const auto& [id, count] : times) BOOST_REQUIRE(count == 1);
  commit(*database, [](Connection& c) -> Result<void> {
    BOOST_TEST(must(PostStore(c).find(1))->expanded);
    return {};
  });
}

BOOST_AUTO_TEST_CASE(twenty_thousand_are_expanded_by_a_handful_of_statements) {
  TempDatabase database;
  make_list(*database);
  add_members(*database, 0, 20'500, 1);
  auto p = post(1, 1);
  commit(*database, [&](Connection& c) { return PostStore(c).add(p, "x"); });
  const auto before = database->counters().statements;
  commit(*database, [&](Connection& c) { return expand_members(c, &p, 0, 20); });
  // The post, a page, batches and their states by 16 and 4, the cursor; the rest is the transaction.
  BOOST_TEST(database->counters().statements - before < 7U + 8U);
  commit(*database, [&](Connection& c) { return expand_members(c, &p, 0, 20); });
  BOOST_TEST(p.expanded);
  BOOST_TEST(p.batches == 21);
  BOOST_TEST(who_gets(*database, 1).size() == 20'500U);
}

BOOST_AUTO_TEST_CASE(a_list_of_any_size_is_cut_at_a_thousand) {
  const std::pair<int, int> rows[] = {{0, 0}, {1, 1}, {999, 1}, {1000, 1}, {1001, 2}, {2000, 2}};
  for (const auto& [members, batches] : rows) {
    TempDatabase database;
    make_list(*database);
    add_members(*database, 0, members, 1);
    auto p = post(1, 1);
    commit(*database, [&](Connection& c) -> Result<void> {
      ESSAIM_TRY(PostStore(c).add(p, "x"));
      return expand_members(c, &p, 0, 100);
    });
    BOOST_TEST(p.expanded);
    BOOST_TEST(p.batches == batches);
    BOOST_TEST(p.recipients == members);
  }
}

BOOST_AUTO_TEST_CASE(known_recipients_are_sorted_by_domain_and_taken_once) {
  TempDatabase database;
  make_post(*database, post(1),
            {{0, "b", "z.test"}, {0, "A", "a.test"}, {0, "a", "a.test"}, {0, "c", "m.test"}});
  commit(*database, [](Connection& c) -> Result<void> {
    const auto batch = must(BatchStore(c).load(1, 0, true)).value();
    BOOST_REQUIRE(batch.recipients.size() == 3U);
    BOOST_TEST(batch.recipients[0].local == "A");
    BOOST_TEST(batch.recipients[2].domain == "z.test");
    BOOST_TEST(batch.destination.empty());
    return {};
  });
}

BOOST_AUTO_TEST_SUITE_END()
