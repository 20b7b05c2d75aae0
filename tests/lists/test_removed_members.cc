// Many members who are taken off a list at once, as an operator does by a file.
#include <boost/test/unit_test.hpp>

#include "storage/fault.h"
#include "tests/lists/site.h"

using namespace essaim;
using namespace essaim::test;

namespace {

std::vector<lists::NewMember> people(int from, int to) {
  std::vector<lists::NewMember> out;
  for (int i = from; i < to; ++i) out.push_back({address("m" + std::to_string(i) + "@m.example"), ""});
  return out;
}

// A list "dev" with members 0 to 249.
struct Dev : TestSite {
  Dev() {
    make_list("dev");
    require(admin.add_members(kDev, storage::Role::kMember, people(0, 250)));
  }
  std::int64_t members() { return admin.show_list(kDev)->members; }
  static constexpr const char* kDev = "dev@lists.example";
};

}  // namespace

BOOST_AUTO_TEST_SUITE(removed_members)

BOOST_FIXTURE_TEST_CASE(they_share_transactions_and_who_is_none_is_told, Dev) {
  auto gone = people(10, 252);
  gone.push_back(gone.front());
  const auto before = database->counters().commits;
  const auto done = admin.remove_members(kDev, storage::Role::kMember, gone);
  require(done);
  BOOST_TEST(database->counters().commits - before == 3U);
  BOOST_TEST(done->removed == 240);
  BOOST_REQUIRE(done->none.size() == 3U);
  BOOST_TEST(done->none[0].to_string() == "m250@m.example");
  BOOST_TEST(done->none[2].to_string() == "m10@m.example");
  BOOST_TEST(members() == 10);
}

BOOST_FIXTURE_TEST_CASE(what_was_cut_off_is_completed, Dev) {
  storage::FaultPlan::arm({storage::FaultPlan::Where::kBeforeCommit, 2, 1'000'000});
  auto done = admin.remove_members(kDev, storage::Role::kMember, people(0, 250));
  storage::FaultPlan::disarm();
  BOOST_REQUIRE(!done.ok());
  BOOST_TEST(
      done.error().message.ends_with("; 100 of 250 people are removed so far, run it again for the rest"),
      done.error().message);
  BOOST_TEST(members() == 150);
  int looks = 0;
  admin.end_when([&looks] { return looks++ > 1; });
  done = admin.remove_members(kDev, storage::Role::kMember, people(0, 250));
  BOOST_REQUIRE(!done.ok());
  BOOST_TEST(static_cast<int>(done.error().code) == static_cast<int>(ErrorCode::kCancelled));
  BOOST_TEST(done.error().message ==
             "interrupted; 200 of 250 people are removed so far, run it again for the rest");
  admin.end_when([] { return false; });
  done = admin.remove_members(kDev, storage::Role::kMember, people(0, 250));
  require(done);
  BOOST_TEST(done->removed == 50);
  BOOST_TEST(members() == 0);
}

// The log is what `member remove-left` goes by.
BOOST_FIXTURE_TEST_CASE(the_log_names_nobody_whose_removal_was_rolled_back, Dev) {
  LogLines log;
  storage::FaultPlan::arm({storage::FaultPlan::Where::kBeforeCommit, 2, 1'000'000});
  const auto done = admin.remove_members(kDev, storage::Role::kMember, people(0, 250));
  storage::FaultPlan::disarm();
  BOOST_TEST(!done.ok());
  BOOST_TEST(log.has({"request verb=delete", "email=m99@m.example", "result=done"}));
  BOOST_TEST(!log.has({"email=m100@m.example"}));
  require(admin.remove_members(kDev, storage::Role::kMember, people(0, 250)));
  BOOST_TEST(log.has({"request verb=delete", "email=m100@m.example", "result=done"}));
}

BOOST_FIXTURE_TEST_CASE(a_list_that_is_not_there_is_an_error_also_for_nobody, Dev) {
  for (const int count : {0, 2}) {
    const auto done = admin.remove_members("other@lists.example", storage::Role::kMember, people(0, count));
    BOOST_REQUIRE(!done.ok());
    BOOST_TEST(static_cast<int>(done.error().code) == static_cast<int>(ErrorCode::kNotFound));
  }
}

BOOST_AUTO_TEST_SUITE_END()
