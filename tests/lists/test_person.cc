// All that is stored about somebody, and taking it away.
#include <algorithm>
#include <optional>
#include <thread>

#include "lists/person_data.h"
#include "lists/person_erase.h"
#include "lists/site_texts.h"
#include "storage/account_store.h"
#include "storage/fault.h"
#include "tests/lists/moderated.h"

using namespace essaim;
using namespace essaim::lists;
using namespace essaim::test;
using storage::Connection;
using storage::Durability;
using storage::Role;

namespace {

const char* const kAnn = "ann@x.example";

struct PersonSite : Moderated {
  PersonData data(const std::string& who = kAnn) {
    auto out = read_person(*database, address(who));
    require(out);
    return *out;
  }
  Erasure erase(const std::string& who = kAnn, bool dry_run = false) {
    auto out = erase_person(*database, clock.wall_now(), address(who), dry_run);
    require(out);
    return *out;
  }
  void leave(const std::string& list, const std::string& who) {
    require(admin.remove_member(list + "@lists.example", Role::kMember, address(who)));
  }
  void add_account(const std::string& name, const std::vector<std::string>& addresses) {
    require(database->write_now(Durability::kAccept, [&](Connection& c) {
      storage::AccountRecord account;
      account.name = name;
      account.addresses = addresses;
      return storage::AccountStore(c).add(account);
    }));
  }
  std::vector<std::string> accounts() {
    std::vector<std::string> out;
    read([&](Connection& c) {
      auto all = storage::AccountStore(c).all();
      require(all);
      for (const auto& one : *all) out.push_back(one.name);
    });
    return out;
  }
};

bool goes(const Erasure& erasure, const std::string& kind, const std::string& what) {
  return std::any_of(erasure.erased.begin(), erasure.erased.end(), [&](const ErasedThing& one) {
    return one.kind == kind && one.what.find(what) != std::string::npos;
  });
}

bool stays(const Erasure& erasure, const std::string& kind, const std::string& what,
           const std::string& why = "") {
  return std::any_of(erasure.left.begin(), erasure.left.end(), [&](const LeftThing& one) {
    return one.kind == kind && one.what.find(what) != std::string::npos &&
           one.why.find(why) != std::string::npos;
  });
}

}  // namespace

BOOST_AUTO_TEST_SUITE(people_and_what_is_stored_about_them)

BOOST_AUTO_TEST_CASE(of_a_stranger_nothing_is_stored_and_nothing_goes) {
  PersonSite site;
  BOOST_TEST(site.data("nobody@x.example").empty());
  LogLines log;
  const Erasure erasure = site.erase("nobody@x.example");
  BOOST_TEST(erasure.erased.empty());
  BOOST_TEST(erasure.left.size() == 1U);
  BOOST_TEST(stays(erasure, "elsewhere", "backups"));
  BOOST_TEST(!log.has({"result=begun"}));
  BOOST_TEST(log.has({"person verb=erase address=nobody@x.example", "result=done"}));
  BOOST_TEST(!site.data().empty());
}

BOOST_AUTO_TEST_CASE(memberships_and_roles_end_without_a_trace_and_nobody_is_told) {
  PersonSite site;
  site.make_list("bees", {{"tell_left", "true"}}, {"Ann@X.example", "bob@x.example"},
                 {kAnn, "own@o.example"});
  site.join("bees", {kAnn}, Role::kEditor);
  TestSite::require(site.admin.add_listmaster("", address(kAnn)));
  TestSite::require(site.admin.set_member("bees@lists.example", Role::kMember, address(kAnn), {}, "Ann Bee"));
  site.make_list("past", {}, {kAnn, "bob@x.example"});
  site.leave("past", kAnn);
  site.leave("past", "bob@x.example");
  const PersonData before = site.data("ANN@x.example");
  BOOST_TEST(before.memberships.size() == 6U);  // one has ended
  BOOST_TEST(before.departures.size() == 1U);
  const auto posts = site.posts().size();

  LogLines log;
  const Erasure planned = site.erase(kAnn, true);
  BOOST_TEST(site.data().memberships.size() == 6U);
  BOOST_TEST(site.member("bees", kAnn).has_value());
  BOOST_TEST(!log.has({"person verb=erase"}));
  const Erasure done = site.erase();
  BOOST_TEST(planned.erased.size() == done.erased.size());
  BOOST_TEST(planned.left.size() == done.left.size());
  for (const char* what : {"owner of bees@", "editor of bees@", "listmaster of site"})
    BOOST_TEST(goes(done, "role", what), what);
  BOOST_TEST(goes(done, "membership", "member of bees@"));
  BOOST_TEST(goes(done, "membership", "member of dev@"));
  BOOST_TEST(goes(done, "departures", "records of having left: 1"));
  BOOST_TEST(goes(done, "ended memberships", "that had ended: 1"));
  // Before the first change, for who is interrupted.
  BOOST_TEST(log.has({"person verb=erase address=ann@x.example", "result=begun"}));
  BOOST_TEST(log.has({"person verb=erase address=ann@x.example", "result=done"}));
  BOOST_TEST(!log.has({"request verb="}));

  const PersonData after = site.data();
  BOOST_TEST(after.departures.empty());
  BOOST_TEST(after.memberships.empty());
  BOOST_TEST(site.posts().size() == posts);
  BOOST_TEST(site.member("bees", "bob@x.example").has_value());
  BOOST_TEST(site.data("bob@x.example").departures.size() == 1U);
  // Once more is no mistake.
  BOOST_TEST(site.erase().erased.empty());
  // Who joins again is a member like everybody, and all of it is there for them anew.
  site.join("bees", {kAnn});
  BOOST_TEST(site.member("bees", kAnn).has_value());
  BOOST_TEST(goes(site.erase(), "membership", "member of bees@"));
  BOOST_TEST(!site.member("bees", kAnn).has_value());
}

BOOST_AUTO_TEST_CASE(what_is_left_of_deleted_lists_goes_once) {
  PersonSite site;
  site.make_list("past", {}, {kAnn});
  TestSite::require(site.admin.set_member("past@lists.example", Role::kMember, address(kAnn), {}, "Ann Bee"));
  TestSite::require(site.admin.delete_list("past@lists.example"));
  BOOST_TEST(goes(site.erase(), "ended memberships", "that had ended: 1"));
  BOOST_TEST(site.data().memberships.empty());
  BOOST_TEST(site.erase().erased.empty());
}

BOOST_AUTO_TEST_CASE(a_list_keeps_its_last_owner_until_there_is_another) {
  PersonSite site;
  site.make_list("bees", {}, {kAnn}, {kAnn});
  const Erasure planned = site.erase(kAnn, true);
  const Erasure done = site.erase();
  for (const Erasure* one : {&planned, &done}) {
    BOOST_TEST(stays(*one, "role", "owner of bees@lists.example",
                     "essaim member add bees@lists.example --role owner ADDRESS"));
    BOOST_TEST(!goes(*one, "role", "owner of bees"));
    BOOST_TEST(goes(*one, "membership", "member of bees@"));
  }
  BOOST_TEST(site.member("bees", kAnn, Role::kOwner).has_value());
  site.join("bees", {"eve@x.example"}, Role::kOwner);
  BOOST_TEST(goes(site.erase(), "role", "owner of bees@lists.example"));
  BOOST_TEST(!site.member("bees", kAnn, Role::kOwner).has_value());
  BOOST_TEST(stays(site.erase("eve@x.example"), "role", "owner of bees@lists.example"));
}

BOOST_AUTO_TEST_CASE(their_posts_that_wait_go_with_their_text_and_those_of_others_stay) {
  PersonSite site;
  site.join("dev", {"bob@x.example"});
  BOOST_TEST(site.post(kAnn, "<a1@x>").positive());
  BOOST_TEST(site.post(kAnn, "<a2@x>").positive());
  BOOST_TEST(site.post("bob@x.example", "<b1@x>").positive());
  // Ann sends it for Bob.
  BOOST_TEST(
      site.send(kAnn, {"dev@lists.example"}, a_post("bob@x.example", "<b2@x>", "Sender: ann@x.example\n"))
          .positive());
  BOOST_REQUIRE(site.held().size() == 4U);
  const Id first = site.held()[0].id, second = site.held()[1].id, sent = site.held()[3].id;
  BOOST_TEST(
      (site.decide(site.held()[0], Verdict::kApprove, "eve@e.example").status == Response::Status::kDone));
  BOOST_TEST(list_posts(site) == 1U);
  const auto before = site.posts().size();

  const Erasure done = site.erase();
  BOOST_TEST(goes(done, "held", format_id(first) + ", a post to dev@lists.example, which was decided"));
  BOOST_TEST(goes(done, "held", format_id(second) + ", a post to dev@lists.example, which waits"));
  BOOST_TEST(stays(done, "held", format_id(sent), "essaim held reject " + format_id(sent)));
  // What was accepted for others is on its way, and said to be.
  BOOST_TEST(stays(done, "posts", "1 by them, 1 on their way"));
  BOOST_TEST(list_posts(site) == 1U);
  BOOST_TEST(site.posts().size() == before);
  BOOST_REQUIRE(site.held(true).size() == 2U);
  for (const auto& held : site.held()) BOOST_TEST(held.author == "bob@x.example");
  site.read([&](Connection& c) {
    storage::HeldStore store(c);
    BOOST_TEST((store.message(second).error().code == ErrorCode::kNotFound));
    BOOST_TEST(store.message(sent).ok());
  });
  // It was not sent, so it may come again; the approved one was.
  site.join("dev", {kAnn});
  BOOST_TEST(site.post(kAnn, "<a2@x>").to_string().find("waits for a moderator") != std::string::npos);
  BOOST_TEST(site.post(kAnn, "<a1@x>").to_string().find("(duplicate)") != std::string::npos);
  // Bob's are Eve's to decide, as before, and then name her.
  BOOST_TEST(
      (site.decide(site.held()[0], Verdict::kApprove, "eve@e.example").status == Response::Status::kDone));
  BOOST_TEST(stays(site.erase("eve@e.example"), "held", "", "who decided"));
}

BOOST_AUTO_TEST_CASE(of_requests_those_about_them_go_and_those_for_others_stay) {
  storage::HeldRecord held;
  held.kind = storage::HeldKind::kInvitation;
  held.author = "own@o.example";
  held.details = {{"verb", "add"}, {"email", "Ann@x.example"}};
  BOOST_TEST(is_held_of(address(kAnn), held));
  BOOST_TEST(!is_held_of(address("own@o.example"), held));
  held.details = {{"verb", "move"}, {"email", "new@x.example"}, {"previous", kAnn}};
  BOOST_TEST(is_held_of(address(kAnn), held));
  held.details = {{"verb", "close"}};
  BOOST_TEST(is_held_of(address("own@o.example"), held));
  held.kind = storage::HeldKind::kModeration;
  held.author = "";
  held.sender = kAnn;
  BOOST_TEST(is_held_of(address(kAnn), held));
  held.author = "bob@x.example";
  BOOST_TEST(!is_held_of(address(kAnn), held));
}

BOOST_AUTO_TEST_CASE(an_account_goes_unless_it_may_send_as_others) {
  PersonSite site;
  site.add_account("ann", {kAnn});
  site.add_account("team", {"team@x.example", "ANN@x.example"});
  site.add_account("zoe", {"zoe@x.example", "*@x.example"});
  BOOST_TEST(site.data().accounts.size() == 2U);
  const Erasure done = site.erase();
  BOOST_TEST(goes(done, "account", "ann"));
  BOOST_TEST(stays(done, "account", "team", "it may send as team@x.example, too"));
  const std::vector<std::string> left = {"team", "zoe"};
  BOOST_TEST(site.accounts() == left, boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(texts_and_settings_that_name_them_are_told_and_stay) {
  PersonSite site;
  SiteTexts texts(*site.database, site.clock);
  TestSite::require(texts.block({"dev@lists.example", ""}, kAnn));
  TestSite::require(texts.block({"", ""}, "joann@x.example"));
  TestSite::require(site.admin.set_list(
      "dev@lists.example", {{"description", "(mail=ann@x.example)"}, {"footer", "Write to Ann@x.example."}}));
  const PersonData data = site.data();
  BOOST_REQUIRE(data.named.size() == 3U);
  BOOST_TEST(data.named[0].where == "dev@lists.example");
  BOOST_TEST(data.named[0].what == "the setting description");
  BOOST_TEST(data.named[1].what == "the setting footer");
  BOOST_TEST(data.named[2].what == "blocklist.txt");
  BOOST_TEST(stays(site.erase(), "texts", "dev@lists.example: blocklist.txt", "keeps mail away"));
  BOOST_TEST(site.data().named.size() == 3U);
}

BOOST_AUTO_TEST_CASE(a_list_is_no_person) {
  PersonSite site;
  BOOST_TEST(site.data("dev@lists.example").is_list);
  const auto refused =
      erase_person(*site.database, site.clock.wall_now(), address("Dev@lists.example"), false);
  BOOST_REQUIRE(!refused.ok());
  BOOST_TEST((refused.error().code == ErrorCode::kConflict));
}

// Whichever commit fails: what was done until then is told, and the next time does the rest.
BOOST_AUTO_TEST_CASE(what_was_interrupted_is_finished_by_the_next_time) {
  std::size_t steps = 0;
  for (std::size_t failing = 1;; ++failing) {
    BOOST_REQUIRE(failing < 100U);
    PersonSite site;
    site.make_list("bees", {}, {kAnn, "bob@x.example"}, {kAnn, "own@o.example"});
    BOOST_TEST(site.post().positive());
    storage::FaultPlan::arm({storage::FaultPlan::Where::kBeforeCommit, failing});
    const auto first = erase_person(*site.database, site.clock.wall_now(), address(kAnn), false);
    storage::FaultPlan::disarm();
    TestSite::require(first);
    steps = first->erased.size();
    if (!first->failed) break;
    BOOST_TEST(steps == failing - 1);
    BOOST_TEST(site.erase().failed.has_value() == false);
    const PersonData after = site.data();
    BOOST_TEST(after.held.empty());
    BOOST_TEST(after.memberships.empty());
    BOOST_TEST(site.member("bees", "bob@x.example").has_value());
  }
  BOOST_TEST(steps >= 4U);
}

// Whoever is first: of the last two one stays.
BOOST_AUTO_TEST_CASE(two_erasures_at_once_leave_a_list_an_owner) {
  PersonSite site;
  storage::DatabaseOptions options;
  options.url = site.database.url();
  auto other = storage::Database::open(options);  // as of another command, or on another node
  TestSite::require(other);
  const char* const kEve = "eve@x.example";
  const smtp::Address ann = address(kAnn), eve = address(kEve);
  const WallTime now = site.clock.wall_now();
  for (const char* list : {"b1", "b2", "b3", "b4", "b5", "b6"}) {
    site.make_list(list, {}, {}, {kAnn, kEve});
    std::optional<Result<Erasure>> hers;
    std::thread beside([&] { hers = erase_person(**other, now, eve, false); });
    const auto mine = erase_person(*site.database, now, ann, false);
    beside.join();
    TestSite::require(mine);
    TestSite::require(*hers);
    BOOST_TEST((!mine->failed && !(*hers)->failed));
    const bool ann_stays = site.member(list, kAnn, Role::kOwner).has_value();
    BOOST_TEST(ann_stays != site.member(list, kEve, Role::kOwner).has_value());
    BOOST_TEST(stays(ann_stays ? *mine : **hers, "role", "owner of " + std::string(list) + "@"));
  }
}

BOOST_AUTO_TEST_SUITE_END()
