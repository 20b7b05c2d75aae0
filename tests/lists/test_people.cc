// Lists that are owners, moderators or postmaster: what is written to those with the null reverse-path is for their members.
#include "lists/bounces.h"
#include "lists/held/view.h"
#include "lists/people.h"
#include "tests/lists/mailbox.h"

using namespace essaim;
using namespace essaim::test;

namespace {

using Names = std::vector<std::string>;

// What was sent last.
storage::PostRecord last_post(TestSite& site) {
  auto posts = site.posts();
  BOOST_REQUIRE(!posts.empty());
  return *std::max_element(posts.begin(), posts.end(),
                           [](const auto& a, const auto& b) { return a.id < b.id; });
}

// A list "news" whose posts wait, with these moderators.
struct News : TestSite {
  explicit News(const Names& moderators, const lists::Settings& more = {}) {
    make_list("mods", {}, {"dia@p.example", "eve@e.example", "off@p.example"});
    require(admin.set_member("mods@lists.example", storage::Role::kMember, address("off@p.example"),
                             storage::Reception::kNone, ""));
    lists::Settings settings = {{"send", "editorkey"}, {"tell_held", "false"}};
    settings.insert(more.begin(), more.end());
    make_list("news", settings, {"ann@x.example"}, {"own@o.example"});
    join("news", moderators, storage::Role::kEditor);
  }
  // Who is asked about a post.
  Names asked() {
    BOOST_TEST(send("ann@x.example", {"news@lists.example"},
                    a_post("ann@x.example", "<n" + std::to_string(++sent) + "@x>"))
                   .positive());
    Names out = recipients(last_post(*this).id);
    std::sort(out.begin(), out.end());
    return out;
  }
  int sent = 0;
};

std::string a_bounce() {
  return crlf(
      "From: MAILER-DAEMON@y.example\nTo: news-owner@lists.example\nSubject: Undelivered\n\nNo such user\n");
}

}  // namespace

BOOST_AUTO_TEST_SUITE(people)

BOOST_AUTO_TEST_CASE(a_list_that_moderates_is_asked_by_its_members_who_want_mail_each_once) {
  News site({"mods@lists.example", "eve@e.example"});
  BOOST_TEST(site.asked() == (Names{"dia@p.example", "eve@e.example"}), boost::test_tools::per_element());
  const Letter letter = last_letter(site, "dia@p.example");
  BOOST_TEST(letter.field("To") == "news-editor@lists.example");
  BOOST_TEST(
      site.send("dia@p.example", {letter.field("Reply-To")}, a_mail("dia@p.example", "Re: x", "approve\n"))
          .positive());
  BOOST_TEST(list_posts(site) == 1U);
}

BOOST_AUTO_TEST_CASE(lists_among_the_members_of_such_a_list_are_opened_too_and_rings_end) {
  News site({"all@lists.example"});
  site.make_list("all", {}, {"mods@lists.example", "flo@f.example"});
  site.join("mods", {"all@lists.example"});
  BOOST_TEST(site.asked() == (Names{"dia@p.example", "eve@e.example", "flo@f.example"}),
             boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(of_a_large_list_the_first_are_asked) {
  News site({"big@lists.example", "eve@e.example"});
  Names many;
  for (std::size_t i = 0; i < lists::kMostOfLists + 50; ++i)
    many.push_back("m" + std::to_string(i) + "@big.example");
  site.make_list("big", {}, many);
  BOOST_TEST(site.asked().size() == lists::kMostOfLists + 1);
}

BOOST_AUTO_TEST_CASE(a_list_that_is_closed_or_empty_or_the_one_it_is_about_stands_for_nobody) {
  News site({"news@lists.example", "shut@lists.example", "void@lists.example"});
  site.make_list("shut", {}, {"sam@s.example"});
  site.make_list("void");
  TestSite::require(site.admin.close_list("shut@lists.example"));
  BOOST_TEST(site.asked() == Names{"own@o.example"}, boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(a_bounce_to_owners_that_are_a_list_goes_to_its_members_and_mail_of_people_to_the_list) {
  News site({});
  TestSite::require(
      site.admin.remove_member("news@lists.example", storage::Role::kOwner, address("own@o.example")));
  site.join("news", {"mods@lists.example"}, storage::Role::kOwner);
  BOOST_TEST(site.send("", {"news-owner@lists.example"}, a_bounce()).positive());
  BOOST_TEST(site.recipients(site.last_id) == (Names{"eve@e.example", "dia@p.example"}),
             boost::test_tools::per_element());
  BOOST_TEST(site.send("", {"news-editor@lists.example"}, a_bounce()).positive());
  BOOST_TEST(site.recipients(site.last_id).size() == 2U);
  BOOST_TEST(site.send("x@y.example", {"news-owner@lists.example"}, a_post("x@y.example")).positive());
  BOOST_TEST(site.recipients(site.last_id) == Names{"mods@lists.example"}, boost::test_tools::per_element());
}

// Each of them has the key, and their list may hide its members.
BOOST_AUTO_TEST_CASE(who_looks_at_a_question_sees_lists_and_not_who_is_in_them) {
  News site({"mods@lists.example", "own@o.example"});
  const auto shown = [&site](const std::string& key) {
    Names out;
    TestSite::require(
        site.database->write_now(storage::Durability::kAccept, [&](storage::Connection& c) -> Result<void> {
          lists::WriteContext context{site.services, c, site.clock.wall_now(), 1};
          const auto view = lists::view_held(context, key, "en", true);
          TestSite::require(view);
          BOOST_REQUIRE(view->has_value());
          for (const smtp::Address& one : (*view)->asked) out.push_back(one.to_string());
          return {};
        }));
    std::sort(out.begin(), out.end());
    return out;
  };
  site.asked();
  const std::string key = last_letter(site, "eve@e.example").key();
  BOOST_TEST(shown(key) == (Names{"mods@lists.example", "own@o.example"}), boost::test_tools::per_element());
  site.services.site.postmaster = address("mods@lists.example");
  for (const auto role : {storage::Role::kEditor, storage::Role::kOwner}) {
    for (const char* who : {"mods@lists.example", "own@o.example"}) {
      if (site.member("news", who, role))
        TestSite::require(site.admin.remove_member("news@lists.example", role, address(who)));
    }
  }
  BOOST_TEST(shown(key) == Names{"mods@lists.example"}, boost::test_tools::per_element());
}

// The mail of one of the members fails: told to all, it would fail there again.
BOOST_AUTO_TEST_CASE(no_notice_tells_of_one_to_a_postmaster_that_is_a_list) {
  News site({});
  site.services.site.postmaster = address("mods@lists.example");
  site.services.reporting.notices_to_postmaster = true;
  const auto told = [&site](const storage::PostRecord& post, const std::string& to) {
    int notices = 0;
    TestSite::require(
        site.database->write_now(storage::Durability::kAccept, [&](storage::Connection& c) -> Result<void> {
          const auto recorded =
              lists::record_failures(site.services, c, {{&post, 0, address(to), "550 no", "mx"}});
          TestSite::require(recorded);
          notices = recorded->notices;
          return {};
        }));
    return notices;
  };
  site.asked();  // own@o.example, as nobody moderates
  BOOST_TEST(told(last_post(site), "own@o.example") == 1);
  const storage::PostRecord notice = last_post(site);
  BOOST_TEST(site.recipients(notice.id).size() == 2U);
  BOOST_TEST(told(notice, "dia@p.example") == 0);
  BOOST_TEST(told(notice, "eve@e.example") == 0);
}

BOOST_AUTO_TEST_CASE(the_postmaster_and_listmasters_may_be_a_list) {
  News site({});
  site.services.site.postmaster = address("mods@lists.example");
  BOOST_TEST(site.send("", {"postmaster@lists.example"}, a_bounce()).positive());
  BOOST_TEST(site.recipients(site.last_id).size() == 2U);
  TestSite::require(
      site.admin.remove_member("news@lists.example", storage::Role::kOwner, address("own@o.example")));
  BOOST_TEST(site.asked() == (Names{"dia@p.example", "eve@e.example"}), boost::test_tools::per_element());
  site.make_list("masters", {}, {"gus@g.example"});
  TestSite::require(site.admin.add_listmaster("lists.example", address("masters@lists.example")));
  BOOST_TEST(site.send("", {"listmaster@lists.example"}, a_bounce()).positive());
  BOOST_TEST(site.recipients(site.last_id) == Names{"gus@g.example"}, boost::test_tools::per_element());
}

BOOST_AUTO_TEST_SUITE_END()
