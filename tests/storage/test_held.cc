// What waits for somebody, how often somebody was answered, and texts of sites.
#include <chrono>
#include <set>

#include "core/base/id.h"
#include "storage/held_store.h"
#include "storage/held_trail.h"
#include "storage/sql.h"
#include "storage/text_store.h"
#include "tests/storage/fixtures.h"

using namespace essaim;
using namespace essaim::storage;
using namespace essaim::test;

namespace {

WallTime at(std::int64_t seconds) {
  return from_millis(seconds * 1000);
}

HeldRecord a_held(Id id, std::int64_t expires) {
  HeldRecord held;
  held.id = id;
  held.key = "key" + std::to_string(id);
  held.list_id = 7;
  held.list_address = "dev@lists.example";
  held.subject_key = "subscribe ann@x.example";
  held.author = "ann@x.example";
  held.details = {{"verb", "subscribe"}, {"name", "Ann\nBee"}};
  held.held = at(100);
  held.expires = at(expires);
  return held;
}

// What is prepared on it: a connection keeps each text.
class TextsSeen : public Connection {
 public:
  explicit TextsSeen(Connection& inner) : inner_(inner) {}
  Result<Statement*> prepare(std::string_view sql) override {
    texts.emplace(sql);
    return inner_.prepare(sql);
  }
  Result<void> execute(std::string_view sql) override { return inner_.execute(sql); }
  Dialect dialect() const override { return inner_.dialect(); }

  std::set<std::string> texts;

 private:
  Connection& inner_;
};

}  // namespace

BOOST_AUTO_TEST_SUITE(held)

BOOST_AUTO_TEST_CASE(what_waits_at_one_list_or_another_is_asked_for_in_the_same_words) {
  TempDatabase database;
  commit(*database, [&](Connection& c) -> Result<void> {
    for (Id id = 1; id <= 6; ++id) {
      HeldRecord held = a_held(id, 1000);
      held.list_id = 7 + id % 2;
      held.list_address = held.list_id == 7 ? "dev@lists.example" : "other@lists.example";
      if (id > 4) held.kind = HeldKind::kRequest;
      ESSAIM_TRY(HeldStore(c).add(held));
    }
    TextsSeen seen(c);
    HeldStore store(seen);
    const auto found = [&](const HeldFilter& filter) {
      std::string out;
      for (const HeldRecord& one : must(store.search(filter))) out += std::to_string(one.id) + " ";
      return out;
    };
    BOOST_TEST(found({.list = "", .list_id = 7, .kind = HeldKind::kModeration}) == "2 4 ");
    BOOST_TEST(found({.list = "", .list_id = 8, .kind = HeldKind::kModeration, .limit = 1}) == "1 ");
    BOOST_TEST(found({.list = "", .list_id = 8, .kind = HeldKind::kRequest}) == "5 ");
    BOOST_TEST(seen.texts.size() == 1U);
    BOOST_TEST(found({.list = "other@lists.example", .list_id = 8, .kind = HeldKind::kModeration}) == "1 3 ");
    BOOST_TEST(found({.list = "other@lists.example", .list_id = 7}) == "");
    BOOST_TEST(found({.list = "", .limit = 5}) == "1 2 3 4 5 ");
    return {};
  });
}

BOOST_AUTO_TEST_CASE(what_waits_is_found_by_id_key_and_subject_and_decided_once) {
  TempDatabase database;
  const std::string message(700'000, 'm');
  commit(*database, [&](Connection& c) -> Result<void> {
    HeldStore store(c);
    ESSAIM_TRY(store.add(a_held(1, 1000), message));
    HeldRecord other = a_held(2, 2000);
    other.kind = HeldKind::kApproval;
    return store.add(other);
  });
  commit(*database, [&](Connection& c) -> Result<void> {
    HeldStore store(c);
    BOOST_TEST((must(store.find_by_key("key1"))->details == a_held(1, 0).details));
    BOOST_TEST(must(store.message(1)) == message);
    BOOST_TEST(must(store.find_waiting(7, HeldKind::kApproval, "subscribe ann@x.example"))->id == 2);
    BOOST_TEST(must(store.decide(1, HeldState::kApproved, at(200), "eve@e.example", "")));
    BOOST_TEST(!must(store.decide(1, HeldState::kRejected, at(201), "ed@e.example", "no")));
    // What is large is not all in the transaction that decides.
    BOOST_TEST((store.message(1).error().code == ErrorCode::kNotFound));
    BOOST_TEST(must(store.decided_with_message(10)) == std::vector<Id>{1}, boost::test_tools::per_element());
    BOOST_TEST(must(store.purge_messages(std::vector<Id>{1})) == 1);
    BOOST_TEST(must(store.decided_with_message(10)).empty());
    BOOST_TEST(must(store.find(1))->decided_by == "eve@e.example");
    BOOST_TEST(must(store.search({})).size() == 1U);
    BOOST_TEST(must(store.search({.list = "dev@lists.example", .decided = true})).size() == 2U);
    BOOST_TEST(must(store.search({.list = "other@lists.example", .decided = true})).empty());
    const auto first = *must(store.find(1));
    BOOST_TEST(
        !must(store.search({.list = "", .list_id = first.list_id, .kind = first.kind, .decided = true}))
             .empty());
    BOOST_TEST(must(store.search({.list = "", .list_id = first.list_id + 1, .decided = true})).empty());
    BOOST_TEST(must(store.search({.list = "", .kind = HeldKind::kListmaster, .decided = true})).empty());
    return {};
  });
}

BOOST_AUTO_TEST_CASE(what_went_on_under_another_id_is_followed_until_it_is_forgotten) {
  TempDatabase database;
  commit(*database, [&](Connection& c) -> Result<void> {
    HeldStore store(c);
    for (const Id id : {1, 2, 3, 4, 5}) ESSAIM_TRY(store.add(a_held(id, 1000)));
    BOOST_TEST(must(follow_trail(c, 1)) == 1);
    BOOST_TEST(must(follow_trail(c, 99)) == 99);
    const HeldRecord first = *must(store.find(1)), second = *must(store.find(2));
    BOOST_TEST(must(store.decide(1, HeldState::kApproved, at(200), "ann@x.example", "")));
    ESSAIM_TRY(leave_trail(c, first, 2));
    BOOST_TEST(must(follow_trail(c, 1)) == 2);
    BOOST_TEST(must(store.decide(2, HeldState::kApproved, at(900), "eve@e.example", "")));
    ESSAIM_TRY(leave_trail(c, second, 700));
    BOOST_TEST(must(follow_trail(c, 1)) == 700);
    BOOST_TEST(must(follow_trail(c, 2)) == 700);
    const HeldRecord then = *must(store.find(1));
    BOOST_TEST(next_on_trail(then) == 2);
    BOOST_TEST((then.state == HeldState::kApproved));
    BOOST_TEST(then.detail("name") == "Ann\nBee");
    // Damaged ones lead somewhere.
    ESSAIM_TRY(leave_trail(c, *must(store.find(3)), 4));
    ESSAIM_TRY(leave_trail(c, *must(store.find(4)), 3));
    for (const Id id : {3, 4}) {
      const Id end = must(follow_trail(c, id));
      BOOST_TEST((end == 3 || end == 4));
    }
    HeldRecord odd = *must(store.find(5));
    odd.details["became"] = "no id";
    BOOST_TEST(next_on_trail(odd) == 0);
    BOOST_TEST(must(store.forget_decided(at(500), 10)) == 1);
    BOOST_TEST(must(follow_trail(c, 1)) == 1);
    BOOST_TEST(must(follow_trail(c, 2)) == 700);
    return {};
  });
}

// Each request asks for it in the transaction that accepts it, and strangers make what waits.
BOOST_AUTO_TEST_CASE(what_waits_about_the_same_is_found_without_reading_all_that_waits_at_the_list) {
  TempDatabase database;
  constexpr Id kMany = 2000;
  commit(*database, [](Connection& c) -> Result<void> {
    for (Id id = 1; id <= kMany; ++id) {
      HeldRecord held = a_held(id, 1000);
      held.kind = HeldKind::kRequest;
      held.subject_key = "subscribe u" + std::to_string(id) + "@x.example";
      ESSAIM_TRY(HeldStore(c).add(held));
    }
    return {};
  });
  commit(*database, [](Connection& c) -> Result<void> {
    const auto find = [&c] {
      return must(HeldStore(c).find_waiting(7, HeldKind::kRequest, "subscribe u1990@x.example"));
    };
    if (c.dialect() == Dialect::kSqlite) {
      Statement& plan = *must(
          c.prepare("EXPLAIN QUERY PLAN SELECT details FROM held WHERE list_id = ? AND state = 0 AND kind = "
                    "? AND subject_key = ? LIMIT 1"));
      BOOST_TEST(must(plan.step()));
      BOOST_TEST(std::string(plan.text(3)).find("(subject_key=? AND list_id=? AND kind=? AND state=?)") !=
                 std::string::npos);
      BOOST_TEST(find()->id == 1990);
      return {};
    }
    const auto rows_read = [&c] {
      return must(sql::number(c, 0,
                              "SELECT CAST(variable_value AS SIGNED) FROM information_schema.session_status "
                              "WHERE variable_name = 'Rows_read'"));
    };
    const auto before = rows_read();
    BOOST_TEST(find()->id == 1990);
    BOOST_TEST(rows_read() - before < 100);
    return {};
  });
}

BOOST_AUTO_TEST_CASE(a_message_that_was_staged_is_that_of_what_waits_and_else_forgotten) {
  TempDatabase database;
  const std::string message(700'000, 'm');  // 3 pieces
  const Id waits = first_id_at(kNow), vain = waits + 1, late = first_id_at(kNow + std::chrono::hours(2));
  const auto a_post = [](Id id, const std::string& key) {
    HeldRecord held = a_held(id, 1000);
    held.key = key;
    return held;
  };
  for (const std::int64_t first_piece : {0, 2}) {
    commit(*database, [&](Connection& c) -> Result<void> {
      for (const Id id : {waits, vain, late}) ESSAIM_TRY(HeldStore(c).stage(id, message, first_piece));
      return {};
    });
  }
  commit(*database, [&](Connection& c) -> Result<void> {
    HeldStore store(c);
    ESSAIM_TRY(store.add(a_post(waits, "key1"), message, true));
    // Nothing was staged of it.
    ESSAIM_TRY(store.add(a_post(waits + 2, "key2"), message, true));
    ESSAIM_TRY(store.unstage(late));
    return store.stage(late, "another", 0);
  });
  commit(*database, [&](Connection& c) -> Result<void> {
    HeldStore store(c);
    BOOST_TEST((must(store.message(waits)) == message));
    BOOST_TEST((must(store.message(waits, 2)) == message.substr(0, 2 * HeldStore::kPiece)));
    BOOST_TEST((must(store.message(waits + 2)) == message));
    BOOST_TEST(must(store.decided_with_message(10)).empty());
    const auto found = must(store.staged_in_vain(kNow + std::chrono::hours(1), 10));
    BOOST_TEST(found == std::vector<Id>{vain}, boost::test_tools::per_element());
    // A server that is behind may have named what waits.
    const std::vector<Id> named = {waits, vain};
    BOOST_TEST(must(store.purge_messages(named)) == HeldStore::kPiecesTogether);
    BOOST_TEST(must(store.purge_messages(named)) == 1);
    BOOST_TEST(must(store.purge_messages(named)) == 0);
    BOOST_TEST((must(store.message(waits)) == message));
    ESSAIM_TRY(store.add(a_post(late, "key3"), "another", true));
    BOOST_TEST(must(store.message(late)) == "another");
    return {};
  });
}

BOOST_AUTO_TEST_CASE(what_waits_for_a_list_that_goes_is_decided_and_its_messages_go_in_steps) {
  TempDatabase database;
  make_list(*database, 7);
  std::string message;
  message.resize(18'300'000, 'm');  // 70 pieces, and one
  const std::string other_message(1000, 'm');
  commit(*database, [&](Connection& c) -> Result<void> {
    HeldStore store(c);
    ESSAIM_TRY(store.add(a_held(1, 1000), message));
    ESSAIM_TRY(store.add(a_held(2, 1000), other_message));
    HeldRecord other = a_held(3, 1000);
    other.list_id = 8;
    ESSAIM_TRY(store.add(other, other_message));
    BOOST_TEST(must(store.decide(2, HeldState::kApproved, at(200), "ed@e.example", "")));
    HeldRecord third = a_held(4, 1000);
    ESSAIM_TRY(store.add(third, other_message));
    return {};
  });
  commit(*database, [](Connection& c) -> Result<void> {
    HeldStore store(c);
    BOOST_TEST(must(store.decided_with_message(10)).empty());
    ESSAIM_TRY(DirectoryStore(c).delete_list(7, at(300), "eve@e.example"));
    const auto gone = *must(store.find_by_key("key1"));
    BOOST_TEST((gone.state == HeldState::kRejected));
    BOOST_TEST(gone.decided_by == "eve@e.example");
    BOOST_TEST((gone.decided == at(300)));
    BOOST_TEST(must(store.find(2))->decided_by == "ed@e.example");
    BOOST_TEST((must(store.find(3))->state == HeldState::kWaiting));
    BOOST_TEST(!must(store.decide(1, HeldState::kApproved, at(301), "ed@e.example", "")));
    BOOST_TEST(must(store.decided_with_message(1)).size() == 1U);
    auto found = must(store.decided_with_message(10));
    std::sort(found.begin(), found.end());
    BOOST_TEST(found == (std::vector<Id>{1, 4}), boost::test_tools::per_element());
    std::int64_t total = 0;
    for (std::int64_t some = 1; some > 0; total += some) {
      some = must(store.purge_messages(found));
      BOOST_TEST(some <= 3);  // a last piece of one message, and two of the next
    }
    BOOST_TEST(total == 71);
    BOOST_TEST(must(store.decided_with_message(10)).empty());
    BOOST_TEST(store.message(3).ok());
    return {};
  });
}

BOOST_AUTO_TEST_CASE(what_is_over_or_to_be_reminded_is_due_and_what_was_decided_is_forgotten) {
  TempDatabase database;
  commit(*database, [&](Connection& c) -> Result<void> {
    HeldStore store(c);
    ESSAIM_TRY(store.add(a_held(1, 500)));
    HeldRecord reminded = a_held(2, 5000);
    reminded.remind = at(400);
    ESSAIM_TRY(store.add(reminded));
    BOOST_TEST(must(store.due(at(399), 10, {})).empty());
    BOOST_TEST(must(store.due(at(450), 10, {})).size() == 1U);
    // What expires at once with another is neither passed over nor given twice.
    HeldRecord third = a_held(3, 500);
    ESSAIM_TRY(store.add(third));
    HeldPlace place;
    for (const Id id : {1, 3, 2}) {
      const auto next = must(store.due(at(600), 1, place));
      BOOST_TEST_REQUIRE(next.size() == 1U);
      BOOST_TEST(next[0].id == id);
      place = {next[0].expires, next[0].id};
    }
    BOOST_TEST(must(store.due(at(600), 1, place)).empty());
    BOOST_TEST(must(store.due(at(600), 10, {})).size() == 3U);
    BOOST_TEST(must(store.reminded(reminded, at(800))));
    BOOST_TEST(!must(store.reminded(reminded, at(900))));  // another node did
    BOOST_TEST(must(store.decide(1, HeldState::kExpired, at(600), "", "")));
    BOOST_TEST(must(store.forget_decided(at(600), 10)) == 0);
    BOOST_TEST(must(store.forget_decided(at(601), 10)) == 1);
    BOOST_TEST(!must(store.find(1)).has_value());
    return {};
  });
}

BOOST_AUTO_TEST_CASE(who_is_reminded_of_one_is_reminded_of_all_that_waits_beside_it) {
  TempDatabase database;
  commit(*database, [&](Connection& c) -> Result<void> {
    HeldStore store(c);
    std::vector<HeldRecord> all;
    for (const Id id : {1, 2, 3, 4, 5}) {
      all.push_back(a_held(id, 5000));
      all.back().remind = at(400 + id);
    }
    all[1].remind = {};
    all[2].kind = HeldKind::kListmaster;
    all[3].list_id = all[0].list_id + 1;
    for (const HeldRecord& one : all) ESSAIM_TRY(store.add(one));
    BOOST_TEST(must(store.reminded(all[0], at(800))));
    BOOST_TEST(!must(store.remind_together(all[0], at(800))));
    const auto remind = [&](Id id) { return to_millis(must(store.find(id))->remind) / 1000; };
    BOOST_TEST(remind(1) == 800);
    BOOST_TEST(remind(2) == 0);
    BOOST_TEST(remind(3) == 403);
    BOOST_TEST(remind(4) == 404);
    BOOST_TEST(remind(5) == 800);
    return {};
  });
}

BOOST_AUTO_TEST_CASE(what_waits_for_a_decision_has_its_time_anew) {
  TempDatabase database;
  commit(*database, [&](Connection& c) -> Result<void> {
    HeldStore store(c);
    HeldRecord soon = a_held(2, 500), later = a_held(3, 90'000);
    soon.remind = at(400);
    later.remind = at(80'000);
    for (const HeldRecord& one : {a_held(1, 500), soon, later, a_held(4, 500)}) ESSAIM_TRY(store.add(one));
    BOOST_TEST(must(store.decide(4, HeldState::kApproved, at(200), "ed@e.example", "")));
    ESSAIM_TRY(store.renew_lifetimes(at(10'000), at(20'000)));
    const auto times = [&](Id id) {
      const auto held = *must(store.find(id));
      return std::pair(to_millis(held.expires) / 1000, to_millis(held.remind) / 1000);
    };
    using Times = std::pair<std::int64_t, std::int64_t>;
    BOOST_TEST((times(1) == Times(10'400, 0)), "nobody is to be reminded");
    BOOST_TEST((times(2) == Times(10'400, 20'000)));
    BOOST_TEST((times(3) == Times(99'900, 80'000)));
    BOOST_TEST((times(4) == Times(500, 0)), "it is decided");
    BOOST_TEST(must(store.due(at(10'399), 10, {})).empty());
    return {};
  });
}

BOOST_AUTO_TEST_CASE(answers_are_counted_by_the_hour) {
  TempDatabase database;
  commit(*database, [&](Connection& c) -> Result<void> {
    AnswerStore store(c);
    BOOST_TEST(must(store.counted("ann@x.example", at(10))) == 0);
    BOOST_TEST(must(store.count("ann@x.example", at(10))) == 1);
    BOOST_TEST(must(store.count("ann@x.example", at(3599))) == 2);
    BOOST_TEST(must(store.count("ann@x.example", at(3600))) == 1);
    BOOST_TEST(must(store.counted("bob@x.example", at(10))) == 0);
    BOOST_TEST(must(store.forget(at(3600), 10)) == 1);
    BOOST_TEST(must(store.counted("ann@x.example", at(10))) == 0);
    return {};
  });
}

BOOST_AUTO_TEST_CASE(the_nearest_text_counts_and_each_change_marks_who_may_see_it) {
  TempDatabase database;
  commit(*database, [&](Connection& c) -> Result<void> {
    DirectoryStore directory(c);
    DomainRecord domain;
    domain.id = 3;
    domain.name = "lists.example";
    ESSAIM_TRY(directory.add_domain(domain));
    ListRecord list;
    list.id = 7;
    list.domain_id = 3;
    list.local = "dev";
    ESSAIM_TRY(directory.add_list(list));
    TextStore store(c);
    const auto marks = [&] {
      const auto read = must(directory.find_list_by_id(7));
      return std::pair(read->policy, read->domain_policy);
    };
    const auto set = [&](Id owner, const std::string& text, const TextScope& scope) {
      TextRecord record;
      record.owner = owner;
      record.name = "send.mine";
      record.text = text;
      must(store.set(record, scope));
    };
    const auto nearest = [&] {
      const auto found = must(store.nearest(TextKind::kScenario, "send.mine", {7, 3}));
      return found ? found->text : "";
    };
    BOOST_TEST((marks() == std::pair<std::int64_t, std::int64_t>(0, 0)));
    set(0, "of the site", {});
    const auto site = marks();
    BOOST_TEST((site.first == 0 && site.second != 0));
    BOOST_TEST(nearest() == "of the site");
    set(7, "of the list", {7, 3});
    BOOST_TEST(marks().first != 0);
    BOOST_TEST(marks().second == site.second);
    set(3, "of the domain", {0, 3});
    BOOST_TEST(marks().second != site.second);
    BOOST_TEST(nearest() == "of the list");
    BOOST_TEST(must(store.of_all_levels(TextKind::kScenario, "send.mine", {7, 3})).size() == 3U);
    BOOST_TEST(must(store.remove(7, TextKind::kScenario, "send.mine", {7, 3})));
    BOOST_TEST(!must(store.remove(7, TextKind::kScenario, "send.mine", {7, 3})));
    BOOST_TEST(nearest() == "of the domain");
    BOOST_TEST(must(directory.revision_if_same(*must(directory.find_list_by_id(7)))) == 1);
    BOOST_TEST(must(directory.revision_if_same(list)) == 0);  // decided under other rules
    return {};
  });
}

BOOST_AUTO_TEST_SUITE_END()
