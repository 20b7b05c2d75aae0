// Who has left the list: what is known of it, and what claims read.
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "delivery/claim.h"
#include "delivery/departed.h"
#include "tests/storage/fixtures.h"

namespace essaim::delivery {
namespace {

using namespace essaim::storage;
using namespace essaim::test;

// Counts the statements that ask who has left a list.
class Asked : public Connection {
 public:
  explicit Asked(Connection& inner) : inner_(inner) {}
  Result<Statement*> prepare(std::string_view sql) override {
    if (sql.find("left_rev <= ?") != std::string_view::npos) ++times;
    return inner_.prepare(sql);
  }
  Result<void> execute(std::string_view sql) override { return inner_.execute(sql); }
  Dialect dialect() const override { return inner_.dialect(); }

  int times = 0;

 private:
  Connection& inner_;
};

std::shared_ptr<const ListDepartures> departures(std::int64_t revision, std::size_t members) {
  auto all = std::make_shared<ListDepartures>();
  all->revision = revision;
  std::vector<MemberLeft> left;
  for (std::size_t i = 0; i < members; ++i) left.push_back({static_cast<Id>(i + 1), revision});
  all->who.add(left);
  return all;
}

// A list of four members; the first three leave, one at each revision behind `accepted`.
struct Site {
  Site() {
    make_list(*database);
    commit(*database, [](Connection& c) -> Result<void> {
      MemberStore members(c);
      const auto joined = must(members.next_revision(kList));
      for (int i = 0; i < 4; ++i)
        ESSAIM_TRY(members.add(member(1000 + i, "u" + std::to_string(i), "a.test", joined)));
      return {};
    });
    accepted = revision();
    for (const char* who : {"u0", "u1", "u2"}) leave(who);
  }
  std::int64_t revision() {
    std::int64_t now = 0;
    must(database->read_now([&now](Connection& c) -> Result<void> {
      now = must(DirectoryStore(c).revision(kList));
      return {};
    }));
    return now;
  }
  void leave(const std::string& who) {
    commit(*database, [&who](Connection& c) -> Result<void> {
      MemberStore members(c);
      return members.remove(kList, Role::kMember, {who, "a.test"}, must(members.next_revision(kList)));
    });
  }
  // What the queue does. `posts`: their revisions; they have the next ids.
  ClaimResult claim(const std::vector<std::int64_t>& posts, int* asked) {
    for (const std::int64_t accepted_at : posts) {
      ++last;
      make_post(*database, post(last, accepted_at), people(4, "a.test"), last);
    }
    ClaimRequest request;
    request.fence = {1, 8};
    request.limits.fill(20);
    request.now = kNow;
    request.departures = known;
    ClaimResult result;
    commit(*database, [&](Connection& c) {
      Asked counted(c);
      const auto claimed = run_claim(counted, request, &result);
      *asked = counted.times;
      return claimed;
    });
    BOOST_TEST(result.batches.size() == posts.size());
    for (const auto& [list, some] : result.left) known->add(list, some);
    return result;
  }

  TempDatabase database;
  std::int64_t accepted = 0;
  Id last = 0;
  const std::shared_ptr<KnownDepartures> known = std::make_shared<KnownDepartures>();
};

// Which of u0 to u3 have left, by that claim.
std::string who_left(const ClaimResult& claim, Id post) {
  std::string all;
  for (int i = 0; i < 4; ++i)
    if (claim.has_left(claim.posts.at(post)->post, {1000 + i, "u" + std::to_string(i), "a.test"}))
      all += std::to_string(i);
  return all;
}

BOOST_AUTO_TEST_SUITE(departed)

BOOST_AUTO_TEST_CASE(a_member_has_left_what_was_accepted_before) {
  Departed some;
  BOOST_TEST(!some.left(1, 0));
  some.add({{5, 20}, {3, 10}});
  some.add({{4, 30}, {3, 10}});
  BOOST_TEST(some.size() == 3U);
  BOOST_TEST(some.left(3, 9));
  BOOST_TEST(!some.left(3, 10));
  BOOST_TEST(some.left(5, 10));
  BOOST_TEST(!some.left(6, 0));
  BOOST_TEST(!some.left(2, 0));
  // All that is open was accepted at 20 or later.
  some.forget(20);
  BOOST_TEST(some.size() == 1U);
  BOOST_TEST(some.left(4, 20));
}

BOOST_AUTO_TEST_CASE(a_member_has_left_an_address_that_was_forgotten_for_what_went_there) {
  Departed some;
  BOOST_TEST(some.add({{7, 40, 30}, {8, 10}}));
  BOOST_TEST(!some.add({{7, 40, 30}}));
  for (const std::int64_t since : {30, 39}) BOOST_TEST(some.left(7, since), since);
  for (const std::int64_t since : {29, 40}) BOOST_TEST(!some.left(7, since), since);
  // The one before was forgotten as well; of the one between nobody said so.
  BOOST_TEST(some.add({{7, 20, 5}}));
  for (const std::int64_t since : {5, 19, 30}) BOOST_TEST(some.left(7, since), since);
  for (const std::int64_t since : {4, 20, 29, 40}) BOOST_TEST(!some.left(7, since), since);
  // They leave altogether.
  BOOST_TEST(some.add({{7, 50}}));
  for (const std::int64_t since : {0, 20, 40, 49}) BOOST_TEST(some.left(7, since), since);
  BOOST_TEST(!some.left(7, 50));
}

BOOST_AUTO_TEST_CASE(departures_are_known_for_one_revision_and_so_many_of_them) {
  KnownDepartures known;
  known.add(1, departures(7, 3));
  BOOST_TEST((known.find(1, 7) != nullptr));
  BOOST_TEST((known.find(1, 8) == nullptr));
  BOOST_TEST((known.find(2, 7) == nullptr));
  known.add(1, departures(8, 4));
  BOOST_TEST((known.find(1, 7) == nullptr));
  BOOST_TEST(known.find(1, 8)->who.size() == 4U);
  known.add(3, departures(0, 1));
  BOOST_TEST((known.find(3, 0) == nullptr));
  known.add(2, departures(7, KnownDepartures::kMost - 100));
  BOOST_TEST((known.find(1, 8) != nullptr));
  known.add(4, departures(7, 100));
  BOOST_TEST((known.find(1, 8) == nullptr));
  BOOST_TEST((known.find(2, 7) == nullptr));
  BOOST_TEST((known.find(4, 7) != nullptr));
}

BOOST_FIXTURE_TEST_CASE(who_left_is_read_once_for_the_posts_to_a_list, Site) {
  int asked = 0;
  const ClaimResult first = claim(std::vector<std::int64_t>(10, accepted + 1), &asked);
  BOOST_TEST(asked == 1);
  for (Id id = 1; id <= 10; ++id) BOOST_TEST(who_left(first, id) == "12");
  // An older one needs those of between as well.
  const ClaimResult second = claim({accepted + 1, accepted, accepted + 2, accepted + 3}, &asked);
  BOOST_TEST(asked == 1);
  BOOST_TEST(who_left(second, 11) == "12");
  BOOST_TEST(who_left(second, 12) == "012");
  BOOST_TEST(who_left(second, 13) == "2");
  BOOST_TEST(who_left(second, 14) == "");
  const ClaimResult third = claim({accepted, accepted + 2}, &asked);
  BOOST_TEST(asked == 0);
  BOOST_TEST(who_left(third, 15) == "012");
  BOOST_TEST(who_left(third, 16) == "2");
}

BOOST_FIXTURE_TEST_CASE(behind_each_change_of_the_list_who_left_is_read_anew, Site) {
  int asked = 0;
  BOOST_TEST(who_left(claim({accepted}, &asked), 1) == "012");
  leave("u3");
  BOOST_TEST(who_left(claim({accepted}, &asked), 2) == "0123");
  BOOST_TEST(asked == 1);
  // Who comes back has another id.
  commit(*database, [](Connection& c) -> Result<void> {
    MemberStore members(c);
    return members.add(member(2000, "u3", "a.test", must(members.next_revision(kList))));
  });
  BOOST_TEST(who_left(claim({accepted}, &asked), 3) == "012");
  BOOST_TEST(asked == 1);
}

BOOST_FIXTURE_TEST_CASE(what_went_to_an_earlier_address_is_not_for_whom_was_erased_there, Site) {
  const std::int64_t before = revision();
  commit(*database, [](Connection& c) -> Result<void> {
    MemberStore members(c);
    return members.move(*must(members.find_by_id(1003)), {"v3", "b.test"}, must(members.next_revision(kList)),
                        3000);
  });
  const std::int64_t after = revision();
  int asked = 0;
  BOOST_TEST(who_left(claim({accepted}, &asked), 1) == "012");
  commit(*database, [](Connection& c) -> Result<void> {
    BOOST_TEST(must(MemberStore(c).forget_ended(3000, {"u3", "a.test"})));
    return {};
  });
  const ClaimResult then = claim({accepted, before, after}, &asked);
  BOOST_TEST(asked == 1);
  BOOST_TEST(who_left(then, 2) == "0123");
  BOOST_TEST(who_left(then, 3) == "3");
  BOOST_TEST(who_left(then, 4) == "");
}

BOOST_FIXTURE_TEST_CASE(of_a_list_that_is_gone_nothing_is_kept, Site) {
  commit(*database, [](Connection& c) { return DirectoryStore(c).delete_list(kList, kNow, "operator"); });
  int asked = 0;
  BOOST_TEST(who_left(claim({accepted}, &asked), 1) == "012");
  // As by an erasure of one of its members.
  commit(*database, [](Connection& c) -> Result<void> {
    BOOST_TEST(must(MemberStore(c).forget_ended(1003, {"u3", "a.test"})));
    return {};
  });
  BOOST_TEST(who_left(claim({accepted}, &asked), 2) == "0123");
  BOOST_TEST(asked == 1);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace essaim::delivery
