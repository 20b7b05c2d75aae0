// /unsubscribe/TOKEN on a real database: what shows, what acts, and what each answers.
#include <boost/test/unit_test.hpp>

#include "tests/web/page_site.h"
#include "web/leave_pages.h"

using namespace essaim;
using namespace essaim::web;
using essaim::test::PageSite;
using essaim::test::TestSite;

namespace {

struct Pages : PageSite {
  Pages() {
    make_list("dev", {}, {"a@one.example", "b@two.example"});
    pages.add_to(&routes);
  }
  std::string link(const std::string& member) {
    std::string out = "/unsubscribe/";
    tokens.append_link(list("dev").id, TestSite::member("dev", member)->id, &out);
    return out;
  }
  bool is_member(const std::string& who) { return TestSite::member("dev", who).has_value(); }

  LeavePages pages{services, [this] { return may_act; }};
};

constexpr const char* kOneClick = "List-Unsubscribe=One-Click";

}  // namespace

BOOST_AUTO_TEST_SUITE(leave_pages)

BOOST_AUTO_TEST_CASE(looking_changes_nothing_however_often) {
  Pages site;
  const std::string link = site.link("a@one.example");
  const auto revision = site.list("dev").revision;
  for (int i = 0; i < 50; ++i) {
    for (const char* method : {"GET", "HEAD"}) {
      const auto page = site.ask(method, link);
      BOOST_TEST(page.status == 200);
      BOOST_TEST(page.body.find("Leave the list dev@lists.example?") != std::string::npos, page.body);
    }
  }
  BOOST_TEST(site.is_member("a@one.example"));
  BOOST_TEST(site.list("dev").revision == revision);
  BOOST_TEST(site.ask("GET", link).body.find("one.example") == std::string::npos);  // whoever sees it
}

BOOST_AUTO_TEST_CASE(one_post_of_a_mail_provider_leaves_and_again_is_no_mistake) {
  const char* const multipart =
      "--x\r\nContent-Disposition: form-data; name=\"List-Unsubscribe\"\r\n\r\nOne-Click\r\n--x--\r\n";
  struct Row {
    const char* body;
    const char* type;
  };
  for (const Row& row : {Row{kOneClick, "application/x-www-form-urlencoded"},
                         Row{multipart, "multipart/form-data; boundary=x"}, Row{kOneClick, "text/plain"},
                         Row{kOneClick, ""}}) {
    Pages site;
    const std::string link = site.link("a@one.example");
    const auto page = site.ask("POST", link, row.body, row.type);
    BOOST_TEST(page.status == 200);
    BOOST_TEST(page.body.find("You have left dev@lists.example") != std::string::npos);
    for (const auto& [name, value] : page.fields) BOOST_TEST((name != "Location" && name != "Set-Cookie"));
    BOOST_TEST(!site.is_member("a@one.example"));
    BOOST_TEST(site.is_member("b@two.example"));
    const auto posts = site.posts();  // the goodbye
    BOOST_REQUIRE(posts.size() == 1);
    BOOST_TEST(site.recipients(posts[0].id).front() == "a@one.example");
    BOOST_TEST(site.bells == 1);
    const auto again = site.ask("POST", link, row.body, row.type);
    BOOST_TEST(again.status == 200);
    BOOST_TEST(again.body.find("You are no member of dev@lists.example") != std::string::npos);
    BOOST_TEST(site.ask("GET", link).status == 200);
    BOOST_TEST(site.posts().size() == 1);
    // Also when nothing of the member is kept any more.
    TestSite::require(
        site.database->write_now(storage::Durability::kAccept, [](storage::Connection& c) -> Result<void> {
          storage::MemberStore members(c);
          auto lists = members.lists_that_were_left();
          if (!lists.ok()) return lists.error();
          for (const storage::ListLeft& list : *lists) {
            auto purged = members.purge_left(list.id, list.revision);
            if (!purged.ok()) return purged.error();
          }
          return {};
        }));
    BOOST_TEST(site.ask("POST", link, row.body, row.type).status == 200);
    // Who joined again is another member.
    site.join("dev", {"a@one.example"});
    BOOST_TEST(site.ask("POST", link, row.body, row.type).status == 200);
    BOOST_TEST(site.is_member("a@one.example"));
  }
}

BOOST_AUTO_TEST_CASE(the_button_of_the_page_leaves_in_the_language_of_the_browser) {
  Pages site;
  const std::string link = site.link("a@one.example");
  const auto page = site.ask("GET", link, "", "", "fr-FR, en;q=0.5");
  BOOST_TEST(page.body.find("value=\"leave\">Quitter la liste</button>") != std::string::npos, page.body);
  BOOST_TEST(page.body.find("lang=\"fr\"") != std::string::npos);
  const auto german = site.ask("GET", link, "", "", "de-CH, en;q=0.5");
  BOOST_TEST(german.body.find("<h1>Von der Liste dev@lists.example abmelden?</h1>") != std::string::npos,
             german.body);
  BOOST_TEST(german.body.find("value=\"leave\">Abmelden</button>") != std::string::npos, german.body);
  const auto done = site.ask("POST", link, "action=leave", "application/x-www-form-urlencoded", "fr");
  BOOST_TEST(done.status == 200);
  BOOST_TEST(done.body.find("Vous avez quitté dev@lists.example") != std::string::npos, done.body);
  BOOST_TEST(!site.is_member("a@one.example"));
}

BOOST_AUTO_TEST_CASE(a_post_that_asks_for_nothing_changes_nothing) {
  Pages site;
  const std::string link = site.link("a@one.example");
  for (const char* body : {"", "List-Unsubscribe=one-click", "List-Unsubscribe", "action=stay", "One-Click"})
    BOOST_TEST(site.ask("POST", link, body).status == 400, body);
  BOOST_TEST(site.ask("POST", link, "--x", "multipart/form-data; boundary=x").status == 400);
  BOOST_TEST(site.is_member("a@one.example"));
}

BOOST_AUTO_TEST_CASE(a_wrong_token_gets_a_page_that_says_how_to_leave_by_mail) {
  Pages site;
  std::string wrong = site.link("a@one.example");
  wrong.back() = wrong.back() == 'A' ? 'B' : 'A';
  for (const std::string& path :
       {wrong, std::string("/unsubscribe/x"), "/unsubscribe/" + std::string(500, 'a'),
        site.link("a@one.example") + "/more"}) {
    for (const char* method : {"GET", "POST"}) {
      const auto page = site.ask(method, path, kOneClick);
      BOOST_TEST(page.status == 404, path);
      BOOST_TEST(page.body.find("dev-unsubscribe@lists.example.org") != std::string::npos);
    }
  }
  BOOST_TEST(site.is_member("a@one.example"));
}

BOOST_AUTO_TEST_CASE(a_retired_key_ends_its_links_at_once_and_a_new_one_is_known_at_once_on_other_nodes) {
  Pages site;
  const std::string link = site.link("a@one.example");
  lists::LeaveKeys keys = site.tokens.leave_keys();
  BOOST_REQUIRE(keys.retire(0, site.clock.wall_now()).ok());
  // The database knows; this node makes links with the old one still.
  TestSite::require(site.database->write_now(
      storage::Durability::kAccept,
      [&](storage::Connection& connection) { return lists::write_leave_keys(connection, keys); }));
  for (const char* method : {"GET", "POST"}) {
    const auto page = site.ask(method, link, kOneClick);
    BOOST_TEST(page.status == 410);
    BOOST_TEST(page.body.find("mailto:dev-unsubscribe@lists.example") != std::string::npos, page.body);
  }
  BOOST_TEST(site.is_member("a@one.example"));
  lists::Tokens other(std::string(32, 'k'), keys);
  std::string fresh = "/unsubscribe/";
  other.append_link(site.list("dev").id, site.member("dev", "a@one.example")->id, &fresh);
  BOOST_TEST(site.ask("GET", fresh).status == 200);
  BOOST_TEST(site.ask("POST", fresh, kOneClick).status == 200);
  BOOST_TEST(!site.is_member("a@one.example"));
}

BOOST_AUTO_TEST_CASE(without_a_lease_nothing_is_done_and_the_provider_is_told_to_come_again) {
  Pages site;
  const std::string link = site.link("a@one.example");
  site.may_act = false;
  const auto page = site.ask("POST", link, kOneClick);
  BOOST_TEST(page.status == 503);
  BOOST_TEST((page.fields.back() == std::pair<std::string, std::string>("Retry-After", "60")));
  BOOST_TEST(site.is_member("a@one.example"));
}

BOOST_AUTO_TEST_SUITE_END()
