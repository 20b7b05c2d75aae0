#include <future>
#include <map>
#include <thread>
#include <vector>

#include "core/base/id.h"
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

std::string recipients_of(Connection& c, Id post_id, std::int64_t revision) {
  auto p = post(post_id, revision);
  must(PostStore(c).add(p, "x"));
  must(expand_members(c, &p, 0, 100));
  std::string out;
  for (const auto& batch : must(BatchStore(c).of_post(post_id, true)))
    for (const auto& r : batch.recipients)
      out += std::to_string(r.member_id) + " " + r.local + "@" + r.domain + ", ";
  return out;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(expansion)

BOOST_AUTO_TEST_CASE(each_member_at_the_instant_of_acceptance_is_taken_once_whatever_changes_meanwhile) {
  constexpr int kMembers = 25'000;
  TempDatabase database;
  make_list(*database);
  add_members(*database, 0, kMembers, 1);
  commit(*database, [](Connection& c) -> Result<void> {
    ESSAIM_TRY(MemberStore(c).set(kList, Role::kMember, {"u1", "d1.test"}, Reception::kNone, ""));
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

// A reminder of all lists leaves one for each, and a look names some.
BOOST_AUTO_TEST_CASE(those_of_the_own_node_are_expanded_before_others_and_posts_before_notices) {
  TempDatabase database;
  make_list(*database);
  const auto at = [](int node, int number) { return (Id{number} << 22) + (Id{node} << 12) + 5; };
  commit(*database, [&](Connection& c) -> Result<void> {
    for (const int node : {1, 2})
      for (int number = 1; number <= 4; ++number) {
        auto p = post(at(node, number), 1);
        if (number < 3) p.kind = PostKind::kNotice;
        BOOST_TEST(node_of(p.id) == node);
        ESSAIM_TRY(PostStore(c).add(p, "x"));
      }
    return {};
  });
  using Ids = std::vector<Id>;
  must(database->read_now([&](Connection& c) -> Result<void> {
    PostStore posts(c);
    BOOST_TEST(must(posts.to_expand(10, 2)) ==
                   (Ids{at(2, 3), at(2, 4), at(2, 1), at(2, 2), at(1, 3), at(1, 4), at(1, 1), at(1, 2)}),
               boost::test_tools::per_element());
    BOOST_TEST(must(posts.to_expand(3, 1)) == (Ids{at(1, 3), at(1, 4), at(1, 1)}),
               boost::test_tools::per_element());
    BOOST_TEST(must(posts.to_expand(5, 0)) == (Ids{at(1, 3), at(2, 3), at(1, 4), at(2, 4), at(1, 1)}),
               boost::test_tools::per_element());
    BOOST_TEST(must(posts.unexpanded(2)) == (Ids{at(1, 1), at(2, 1)}), boost::test_tools::per_element());
    return {};
  }));
}

// A reminder of the membership.
BOOST_AUTO_TEST_CASE(what_we_write_to_all_members_goes_to_those_too_who_want_no_posts) {
  TempDatabase database;
  make_list(*database);
  add_members(*database, 0, 2'500, 1);
  commit(*database, [&](Connection& c) -> Result<void> {
    ESSAIM_TRY(MemberStore(c).set(kList, Role::kMember, {"u1", "d1.test"}, Reception::kNone, ""));
    auto to_all = post(1, 1);
    to_all.kind = PostKind::kNotice;
    ESSAIM_TRY(PostStore(c).add(to_all, "x"));
    return PostStore(c).add(post(2, 1), "x");
  });
  for (const auto& [id, recipients] : {std::pair<Id, std::int64_t>{1, 2'500}, {2, 2'499}}) {
    for (bool expanded = false; !expanded;)
      commit(*database, [&, id = id, recipients = recipients](Connection& c) -> Result<void> {
        BOOST_TEST(must(PostStore(c).counts(id)).pending == recipients);
        auto p = must(PostStore(c).find(id)).value();
        ESSAIM_TRY(expand_members(c, &p, 0, 1));
        expanded = p.expanded;
        return {};
      });
    BOOST_TEST(who_gets(*database, id).size() == static_cast<std::size_t>(recipients));
    BOOST_TEST(who_gets(*database, id).contains(2) == (id == 1));
  }
}

BOOST_AUTO_TEST_CASE(who_has_another_address_gets_what_was_accepted_before_at_the_one_of_then) {
  TempDatabase database;
  make_list(*database);
  commit(*database, [&](Connection& c) -> Result<void> {
    MemberStore store(c);
    const auto before = must(store.next_revision(kList));
    ESSAIM_TRY(store.add(member(1, "ann", "old.test", before)));
    ESSAIM_TRY(store.add(member(2, "bob", "old.test", before)));
    ESSAIM_TRY(store.record_bounce(1, "4.4.1", kNow, before));
    const auto moved = must(store.next_revision(kList));
    ESSAIM_TRY(store.move(must(store.find(kList, Role::kMember, {"ann", "old.test"})).value(),
                          {"Ann", "new.test"}, moved, 77));
    BOOST_TEST(!must(store.find(kList, Role::kMember, {"ann", "old.test"})).has_value());
    BOOST_TEST(must(store.find(kList, Role::kMember, {"ann", "new.test"})).value().id == 1);
    // Nobody has left. What was not expanded yet goes where it would have gone, to the same member.
    BOOST_TEST(must(store.left_since(kList, before)).empty());
    BOOST_TEST(recipients_of(c, 1, before) == "1 ann@old.test, 2 bob@old.test, ");
    BOOST_TEST(recipients_of(c, 2, moved) == "1 Ann@new.test, 2 bob@old.test, ");
    ESSAIM_TRY(store.record_bounce(1, "5.1.1", kNow, before));
    BOOST_TEST(must(store.find_by_id(1)).value().bounces == 0);
    ESSAIM_TRY(store.record_bounce(1, "5.1.1", kNow, moved));
    BOOST_TEST(must(store.find_by_id(1)).value().bounces == 1);
    // In other letters it is the same address.
    ESSAIM_TRY(store.move(must(store.find_by_id(1)).value(), {"ANN", "new.test"},
                          must(store.next_revision(kList)), 78));
    BOOST_TEST(must(store.find_by_id(1)).value().local == "ANN");
    BOOST_TEST(recipients_of(c, 3, moved) == "1 ANN@new.test, 2 bob@old.test, ");
    // Who leaves then has left wherever the mail was going. Another one may have the earlier address.
    const auto left = must(store.next_revision(kList));
    ESSAIM_TRY(store.remove(kList, Role::kMember, {"ann", "new.test"}, left));
    BOOST_TEST((must(store.left_since(kList, before)) == std::vector<MemberLeft>{{1, left}}));
    BOOST_TEST((must(store.left_since(kList, before, left)) == std::vector<MemberLeft>{{1, left}}));
    BOOST_TEST(must(store.left_since(kList, before, left - 1)).empty());
    ESSAIM_TRY(store.add(member(3, "ann", "old.test", must(store.next_revision(kList)))));
    BOOST_TEST(must(store.find(kList, Role::kMember, {"ann", "old.test"})).value().id == 3);
    BOOST_TEST(must(store.purge_left(kList, left)) == 1);
    return {};
  });
}

// While nodes are upgraded one after the other.
BOOST_AUTO_TEST_CASE(who_joins_by_an_older_program_where_another_one_moved_away_is_another_member) {
  TempDatabase database;
  make_list(*database);
  commit(*database, [&](Connection& c) -> Result<void> {
    MemberStore store(c);
    ESSAIM_TRY(store.add(member(1, "ann", "old.test", must(store.next_revision(kList)))));
    ESSAIM_TRY(store.move(must(store.find_by_id(1)).value(), {"ann", "new.test"},
                          must(store.next_revision(kList)), 77));
    // As add() was before there was the column.
    const auto joined = must(store.next_revision(kList));
    ESSAIM_TRY(c.execute("UPDATE member SET id = 3, left_rev = 0, joined_rev = " + std::to_string(joined) +
                         " WHERE id = 77"));
    BOOST_TEST(must(store.find(kList, Role::kMember, {"ann", "old.test"})).value().id == 3);
    BOOST_TEST(recipients_of(c, 1, joined) == "1 ann@new.test, 3 ann@old.test, ");
    const auto first_left = must(store.next_revision(kList));
    ESSAIM_TRY(store.remove(kList, Role::kMember, {"ann", "new.test"}, first_left));
    BOOST_TEST((must(store.left_since(kList, joined)) == std::vector<MemberLeft>{{1, first_left}}));
    BOOST_TEST(recipients_of(c, 2, first_left) == "3 ann@old.test, ");
    // Posts of before go on to nobody who has left, and those that are not expanded know who that is.
    const auto then_left = must(store.next_revision(kList));
    ESSAIM_TRY(store.remove(kList, Role::kMember, {"ann", "old.test"}, then_left));
    BOOST_TEST((must(store.left_since(kList, first_left)) == std::vector<MemberLeft>{{3, then_left}}));
    BOOST_TEST(recipients_of(c, 3, first_left) == "3 ann@old.test, ");
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

BOOST_AUTO_TEST_CASE(revisions_of_many_lists_are_asked_for_together) {
  TempDatabase database;
  std::vector<Id> all;
  for (Id list = 20; list < 60; ++list) {
    make_list(*database, list, "list" + std::to_string(list));
    all.push_back(list);
  }
  all.push_back(99);  // there is none
  commit(*database, [&](Connection& c) -> Result<void> {
    const auto changed = must(MemberStore(c).next_revision(59));
    const auto revisions = must(DirectoryStore(c).revisions(all));
    BOOST_TEST(revisions.size() == 40U);
    BOOST_TEST(revisions.at(20) == must(DirectoryStore(c).revision(20)));
    BOOST_TEST(revisions.at(59) == changed);
    BOOST_TEST(must(DirectoryStore(c).revisions({})).empty());
    return {};
  });
}

BOOST_AUTO_TEST_SUITE_END()
