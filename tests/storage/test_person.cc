// What is kept about one person, wherever it stands.
#include <limits>
#include <vector>

#include "storage/departure_store.h"
#include "storage/held_store.h"
#include "storage/person_posts.h"
#include "storage/sql.h"
#include "storage/text_store.h"
#include "tests/storage/fixtures.h"

using namespace essaim;
using namespace essaim::storage;
using namespace essaim::test;

namespace {

const smtp::Address kAnn{"ann", "a.test"};

PersonInPosts counted(Database& database, std::size_t look_at, std::int64_t most_batches) {
  PersonInPosts sums;
  must(database.read_now([&](Connection& c) -> Result<void> {
    sums = {};
    Id after = 0;
    while (must(count_in_posts(c, kAnn, look_at, most_batches, &after, &sums))) continue;
    return {};
  }));
  return sums;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(person)

BOOST_AUTO_TEST_CASE(an_address_is_somebodys_however_it_is_spelt) {
  BOOST_TEST(is_address_of(kAnn, "Ann@A.TEST"));
  BOOST_TEST(is_address_of(kAnn, "\"ann\"@a.test"));
  for (const char* other : {"", "ann", "joann@a.test", "ann@a.test.example", "*@a.test", "ann@", "@a.test"})
    BOOST_TEST(!is_address_of(kAnn, other), other);
  const smtp::Address joerg{"J\xc3\xb6rg", "a.test"};
  BOOST_TEST(is_address_of(joerg, "J\xc3\x96RG@a.test"));
  const smtp::Address odd{"odd\xff", "a.test"};  // not UTF-8
  BOOST_TEST(is_address_of(odd, odd.to_string()));
}

BOOST_AUTO_TEST_CASE(memberships_are_found_whole_and_of_those_that_ended_nothing_stays_but_that_they_did) {
  TempDatabase database;
  make_list(*database);
  make_list(*database, 13, "other");
  commit(*database, [](Connection& c) -> Result<void> {
    MemberStore store(c);
    struct Row {
      Id id, list;
      Role role;
    };
    for (const Row& row : {Row{1, kList, Role::kMember}, Row{2, kList, Role::kOwner},
                           Row{3, 13, Role::kMember}, Row{4, kDomain, Role::kListmaster}}) {
      MemberRecord m = member(row.id, "Ann", "a.test", 1);
      m.list_id = row.list;
      m.role = row.role;
      m.name = "Ann Bee";
      m.language = "fr";
      ESSAIM_TRY(store.add(m));
    }
    MemberRecord bob = member(5, "bob", "a.test", 1);
    bob.name = "Bob";
    ESSAIM_TRY(store.add(bob));
    ESSAIM_TRY(store.record_bounce(1, "550 5.1.1", kNow));
    ESSAIM_TRY(store.remove(kList, Role::kMember, kAnn, 2));
    return store.remove(kList, Role::kMember, {"bob", "a.test"}, 2);
  });
  commit(*database, [](Connection& c) -> Result<void> {
    MemberStore store(c);
    BOOST_TEST(must(store.all_of_person(kAnn, 100)).size() == 4U);
    BOOST_TEST(must(store.of_person(kAnn, 100)).size() == 2U);
    BOOST_TEST(must(store.forget_ended(1, kAnn)));
    // It is theirs no more; what goes on, and what is another's, is not forgotten.
    for (const Id id : {1, 2, 5, 77}) BOOST_TEST(!must(store.forget_ended(id, kAnn)), id);
    BOOST_TEST(must(store.all_of_person(kAnn, 100)).size() == 3U);
    ESSAIM_TRY(store.record_bounce(1, "550 5.1.1 ann@a.test", kNow));
    const auto ended = *must(store.find_by_id(1));
    BOOST_TEST(ended.address() == "erased-1@erased.invalid");
    BOOST_TEST(ended.name == "");
    BOOST_TEST(ended.language == "");
    BOOST_TEST(ended.bounces == 0);
    BOOST_TEST(ended.last_bounce == "");
    BOOST_TEST(must(store.find_by_id(2))->name == "Ann Bee");
    BOOST_TEST(must(store.find_by_id(5))->name == "Bob");
    // Who gets an earlier post, and who is left out of it, is as it was.
    BOOST_TEST(must(store.page(kList, 1, "", "", 10)).size() == 2U);
    BOOST_TEST(must(store.left_since(kList, 1)).size() == 2U);
    const auto behind_bob = must(store.page(kList, 1, "a.test", "bob", 10));
    BOOST_REQUIRE(behind_bob.size() == 1U);
    BOOST_TEST(behind_bob.front().member_id == 1);
    BOOST_TEST(must(store.page(kList, 1, "erased.invalid", "erased-1", 10)).empty());
    // Who comes back is somebody else to it.
    ESSAIM_TRY(store.add(member(9, "Ann", "a.test", 3)));
    BOOST_TEST(must(store.find(kList, Role::kMember, kAnn))->id == 9);
    BOOST_TEST(must(store.left_since(kList, 1)).size() == 2U);
    return {};
  });
  // Of an address that became another, too: neither what is not expanded goes to it any more, nor the copies that are made, which
  // bear the member's id. The next revision has nodes look for them.
  commit(*database, [](Connection& c) -> Result<void> {
    MemberStore store(c);
    ESSAIM_TRY(store.add(member(10, "carl", "a.test", 3)));
    ESSAIM_TRY(store.move(*must(store.find_by_id(10)), {"carl", "c.test"}, 4, 11));
    const std::int64_t revision = must(DirectoryStore(c).revision(kList));
    BOOST_TEST(!must(store.forget_ended(11, {"carl", "c.test"})));
    BOOST_TEST(must(DirectoryStore(c).revision(kList)) == revision);
    BOOST_TEST(must(store.forget_ended(11, {"carl", "a.test"})));
    BOOST_TEST(must(DirectoryStore(c).revision(kList)) == revision + 1);
    BOOST_TEST(!must(store.forget_ended(10, {"carl", "c.test"})));
    // Also for those who have asked behind the move.
    for (const std::int64_t since : {3, 4, 5})
      BOOST_TEST((must(store.left_since(kList, since)) == std::vector<MemberLeft>{{10, 4, 3}}));
    for (const BatchRecipient& one : must(store.page(kList, 3, "", "", 10)))
      BOOST_TEST((one.member_id != 10 || one.domain == MemberStore::kForgotten));
    BOOST_TEST(must(store.page(kList, 4, "c.test", "", 10)).size() == 1U);
    return {};
  });
  // Those of a list that was deleted have no end of their own.
  commit(*database, [](Connection& c) -> Result<void> {
    MemberStore store(c);
    MemberRecord of_site = member(6, "Ann", "a.test", 1);
    of_site.list_id = 0;
    of_site.role = Role::kListmaster;
    of_site.name = "Ann Bee";
    ESSAIM_TRY(store.add(of_site));
    ESSAIM_TRY(DirectoryStore(c).delete_list(13, kNow, "operator"));
    BOOST_TEST(must(store.forget_ended(3, kAnn)));
    BOOST_TEST(must(store.find_by_id(3))->address() == "erased-3@erased.invalid");
    BOOST_TEST(must(store.find_by_id(3))->name == "");
    // Its posts that wait do not go to them.
    BOOST_TEST(must(store.page(13, 1, "", "", 10)).size() == 1U);
    BOOST_TEST(must(store.left_since(13, 1)).size() == 1U);
    for (const Id id : {2, 4, 6}) {
      BOOST_TEST(!must(store.forget_ended(id, kAnn)), id);
      BOOST_TEST(must(store.find_by_id(id))->name == "Ann Bee", id);
    }
    return {};
  });
}

BOOST_AUTO_TEST_CASE(departures_and_what_is_held_are_read_in_steps_and_single_ones_go) {
  TempDatabase database;
  commit(*database, [](Connection& c) -> Result<void> {
    DepartureStore departures(c);
    for (const Id id : {1, 2, 3, 4, 5})
      ESSAIM_TRY(departures.add({id, "dev@lists.test", "ann@a.test", "operator", "", kNow}));
    HeldStore held(c);
    for (const Id id : {1, 2, 3}) {
      HeldRecord one;
      one.id = id;
      one.key = "key" + std::to_string(id);
      one.author = "ann@a.test";
      one.expires = kNow;
      ESSAIM_TRY(held.add(one, "a message"));
    }
    AnswerStore answers(c);
    for (const char* who : {"ann@a.test", "ann@a.test", "bob@a.test"}) must(answers.count(who, kNow));
    must(answers.count("ann@a.test", kNow + std::chrono::hours(1)));
    return TextStore(c).set({0, TextKind::kFilter, "blocklist.txt", "ann@a.test\n", kNow, "eve@e.test"}, {});
  });
  commit(*database, [](Connection& c) -> Result<void> {
    DepartureStore departures(c);
    BOOST_TEST(must(departures.behind(0, 2)).back().member_id == 2);
    BOOST_TEST(must(departures.behind(3, 10)).size() == 2U);
    const std::vector<Id> gone = {2, 4, 99};
    ESSAIM_TRY(departures.forget(gone));
    BOOST_TEST(must(departures.of_list("dev@lists.test", {}, 10)).size() == 3U);
    HeldStore held(c);
    BOOST_TEST(!must(held.remove_decided(1)));
    BOOST_TEST(must(held.decide(1, HeldState::kRejected, kNow, "the operator", "")));
    BOOST_TEST(must(held.behind(0, 2)).size() == 2U);
    BOOST_TEST(must(held.remove_decided(1)));
    BOOST_TEST(!must(held.remove_decided(1)));
    BOOST_TEST(must(held.behind(0, 10)).front().id == 2);
    BOOST_TEST(must(held.message(2)) == "a message");
    AnswerStore answers(c);
    BOOST_TEST(must(answers.counted_at_all("ann@a.test")) == 3);
    ESSAIM_TRY(answers.forget_address("ann@a.test"));
    BOOST_TEST(must(answers.counted_at_all("ann@a.test")) == 0);
    BOOST_TEST(must(answers.counted_at_all("bob@a.test")) == 1);
    std::vector<std::string> texts;
    ESSAIM_TRY(
        TextStore(c).for_each([&texts](const TextRecord& t) { texts.push_back(t.name + " " + t.by); }));
    BOOST_TEST(texts == std::vector<std::string>{"blocklist.txt eve@e.test"},
               boost::test_tools::per_element());
    return {};
  });
}

BOOST_AUTO_TEST_CASE(posts_of_many_batches_are_counted_few_at_a_time) {
  TempDatabase database;
  make_list(*database);
  for (const Id id : {1, 2, 3}) make_post(*database, post(id), {{1, "ann", "a.test"}});
  must(database->read_now([&](Connection& c) -> Result<void> {
    PersonInPosts sums;
    Id after = 0;
    // One at least, however many it has.
    BOOST_TEST(must(count_in_posts(c, kAnn, 100, 0, &after, &sums)));
    BOOST_TEST(sums.pending == 1);
    BOOST_TEST(must(count_in_posts(c, kAnn, 100, 1, &after, &sums)));
    BOOST_TEST(sums.pending == 3);
    BOOST_TEST(!must(count_in_posts(c, kAnn, 100, 1, &after, &sums)));
    BOOST_TEST(sums.pending == 3);
    return {};
  }));
}

BOOST_AUTO_TEST_CASE(posts_are_counted_by_author_sender_and_recipient_however_many_a_look_takes) {
  TempDatabase database;
  make_list(*database);
  const std::vector<BatchRecipient> all = {{1, "Ann", "a.test"}, {2, "bob", "a.test"}, {3, "zoe", "z.test"}};
  for (const Id id : {1, 2, 3}) make_post(*database, post(id), all);
  PostRecord hers = post(4);
  hers.author = "ANN@a.test";
  make_post(*database, hers, {{2, "bob", "a.test"}});
  PostRecord sent = post(5);
  sent.sender = "ann@a.test";
  make_post(*database, sent, {{3, "zoe", "z.test"}});
  PostRecord notice = post(6);
  notice.kind = PostKind::kNotice;
  notice.author = "ann@a.test";  // in whose name we write is no author
  make_post(*database, notice, {{0, "ann", "a.test"}});
  auto claimed = claim(*database, {1, 1}, 2);
  BOOST_REQUIRE(claimed.size() == 2U);
  // The first two went: one came back.
  commit(*database, [&](Connection& c) -> Result<void> {
    for (BatchRecord& batch : claimed) {
      settle(&batch, 0, batch.post_id == 1 ? RecipientState::kDelivered : RecipientState::kFailed);
      settle(&batch, 1, RecipientState::kDelivered);
      settle(&batch, 2, RecipientState::kDelivered);
      batch.queue = BatchQueue::kFinished;
      ESSAIM_TRY(BatchStore(c).save({1, 1}, batch));
    }
    return {};
  });
  const struct {
    std::size_t look_at;
    std::int64_t most_batches;
  } rows[] = {{1, 100}, {2, 100}, {6, 100}, {100, 100}, {100, 0}, {100, 1}, {4, 2}};
  for (const auto& row : rows) {
    const PersonInPosts sums = counted(*database, row.look_at, row.most_batches);
    BOOST_TEST(sums.written == 2, row.look_at);
    BOOST_TEST(sums.written_waiting == 2);
    BOOST_TEST(sums.written_with_text == 2);
    BOOST_TEST(sums.delivered == 1);
    BOOST_TEST(sums.failed == 1);
    BOOST_TEST(sums.pending == 2);
    BOOST_TEST(sums.suppressed == 0);
    BOOST_TEST((sums.oldest == post(1).accepted));
  }
}

// It leaves `moved_to` where somebody is back under an address that became another. Rows: they have left again, or the list is gone.
BOOST_AUTO_TEST_CASE(whoever_an_older_program_had_back_is_erased_and_the_one_they_were_moved_to_is_not) {
  constexpr std::int64_t kNever = std::numeric_limits<std::int64_t>::max();
  for (const bool list_goes : {false, true}) {
    TempDatabase database;
    make_list(*database);
    commit(*database, [&](Connection& c) -> Result<void> {
      MemberStore store(c);
      ESSAIM_TRY(store.add(member(10, "ann", "a.test", 1)));
      ESSAIM_TRY(store.move(*must(store.find_by_id(10)), {"ann", "b.test"}, 2, 11));
      must(sql::run(c, "UPDATE member SET id = 12, joined_rev = 3, left_rev = 0 WHERE id = 11"));
      if (list_goes) return DirectoryStore(c).delete_list(kList, kNow, "operator");
      must(sql::run(c, "UPDATE member SET left_rev = 4 WHERE id = 12"));
      return {};
    });
    commit(*database, [&](Connection& c) -> Result<void> {
      MemberStore store(c);
      BOOST_TEST(must(store.forget_ended(12, kAnn)));
      const std::vector<MemberLeft> left = {{12, list_goes ? kNever : 4, 0}};
      BOOST_TEST((must(store.left_since(kList, 1)) == left));
      for (const BatchRecipient& one : must(store.page(kList, 3, "", "", 10)))
        BOOST_TEST((one.member_id == 10) == (one.domain == "b.test"));
      return {};
    });
  }
}

BOOST_AUTO_TEST_SUITE_END()
