// /held/KEY on a real database: what shows, what acts, once, and what each answers.
#include <boost/test/unit_test.hpp>

#include "storage/held_store.h"
#include "tests/lists/mailbox.h"
#include "tests/web/page_site.h"
#include "web/answer_pages.h"

using namespace essaim;
using namespace essaim::web;
using namespace essaim::test;

namespace {

constexpr const char* kBase = "https://lists.example";

struct Answers : PageSite {
  explicit Answers(lists::Settings settings = {},
                   const std::vector<std::string>& editors = {"eve@e.example", "ed@e.example"}) {
    services.site.base_url = kBase;
    make_list("dev", settings, {"ann@x.example"}, {"own@o.example"});
    join("dev", editors, storage::Role::kEditor);
    pages.add_to(&routes);
  }
  // The path of the link in the last letter to them.
  std::string link_to(const std::string& who) {
    const Letter letter = last_letter(*this, who);
    const auto at = letter.text.find(std::string(kBase) + "/held/");
    BOOST_REQUIRE_MESSAGE(at != std::string::npos, letter.text);
    const auto begin = at + std::string(kBase).size();
    return letter.text.substr(begin, letter.text.find('\n', begin) - begin);
  }
  std::string held_post(const std::string& text = "") {
    const std::string message = text.empty() ? a_post("ann@x.example") : text;
    BOOST_REQUIRE(send("ann@x.example", {"dev@lists.example"}, message).positive());
    return link_to("eve@e.example");
  }
  std::vector<storage::HeldRecord> all_held() {
    std::vector<storage::HeldRecord> out;
    read([&](storage::Connection& c) {
      storage::HeldFilter filter;
      filter.decided = true;
      auto found = storage::HeldStore(c).search(filter);
      require(found);
      out = *found;
    });
    return out;
  }
  storage::HeldRecord held() {
    const auto all = all_held();
    BOOST_REQUIRE(!all.empty());
    return all.back();
  }
  bool is_member(const std::string& who) { return TestSite::member("dev", who).has_value(); }

  AnswerPages pages{services, [this] { return may_act; }};
};

bool shows(const http::ServerResponse& page, const std::string& words) {
  return page.body.find(words) != std::string::npos;
}

const lists::Settings kModerated = {{"send", "editorkey"}};

}  // namespace

BOOST_AUTO_TEST_SUITE(answer_pages)

BOOST_AUTO_TEST_CASE(looking_shows_the_post_and_changes_nothing_however_often) {
  Answers site(kModerated);
  const std::string link = site.held_post();
  for (int i = 0; i < 20; ++i) {
    for (const char* method : {"GET", "HEAD"}) {
      const auto page = site.ask(method, link);
      BOOST_TEST(page.status == 200);
      for (const char* words :
           {"A message to dev@lists.example waits for a moderator", "ann@x.example", "hello", "Hello all",
            "send.editorkey:4", "<option>eve@e.example</option>", "value=\"ban\""})
        BOOST_TEST(shows(page, words), words << "\n" << page.body);
    }
  }
  BOOST_TEST((site.held().state == storage::HeldState::kWaiting));
  BOOST_TEST(list_posts(site) == 0U);
}

BOOST_AUTO_TEST_CASE(a_moderator_lets_a_post_pass_and_it_says_who) {
  Answers site(kModerated);
  const std::string link = site.held_post();
  const int bells = site.bells;
  const auto page = site.ask("POST", link, "action=approve&by=eve%40e.example");
  BOOST_TEST(page.status == 200);
  BOOST_TEST(shows(page, "The message goes to dev@lists.example."), page.body);
  BOOST_TEST(site.bells == bells + 1);
  BOOST_REQUIRE(list_posts(site) == 1U);
  for (const auto& post : site.posts()) {
    if (post.kind == storage::PostKind::kList)
      BOOST_TEST(site.rendering(post.id).find("X-Validation-by: eve@e.example\r\n") != std::string::npos);
  }
  BOOST_TEST(site.held().decided_by == "eve@e.example");
  // The first answer counts, whoever comes later by whatever way.
  for (const char* body : {"action=approve&by=eve%40e.example", "action=reject&by=ed%40e.example"}) {
    const auto late = site.ask("POST", link, body);
    BOOST_TEST(late.status == 410);
    BOOST_TEST(shows(late, "This was approved already by eve@e.example."), late.body);
  }
  BOOST_TEST(shows(site.ask("GET", link), "This was approved already by eve@e.example."));
  BOOST_TEST(list_posts(site) == 1U);
}

BOOST_AUTO_TEST_CASE(a_refusal_takes_its_reason_to_the_author_and_a_ban_blocks_him) {
  Answers site(kModerated);
  const std::string link = site.held_post();
  BOOST_TEST(site.ask("POST", link, "action=reject&by=ed%40e.example&reason=off+topic,%0D%0Asorry").status ==
             200);
  BOOST_TEST(last_letter(site, "ann@x.example").says("Reason: off topic,  sorry"));
  BOOST_TEST(site.held().reason == "off topic,  sorry");
  const std::string next = site.held_post(a_post("ann@x.example", "<2@author.example>"));
  BOOST_TEST(site.ask("POST", next, "action=ban&by=ed%40e.example").status == 200);
  const auto reply =
      site.send("ann@x.example", {"dev@lists.example"}, a_post("ann@x.example", "<3@author.example>"));
  BOOST_TEST(reply.code == 550);
}

BOOST_AUTO_TEST_CASE(who_does_not_say_who_they_are_or_is_none_of_those_asked_decides_nothing) {
  Answers site(kModerated);
  const std::string link = site.held_post();
  for (const char* body : {"action=approve", "action=approve&by=", "action=approve&by=ann%40x.example"}) {
    const auto page = site.ask("POST", link, body);
    BOOST_TEST(page.status == 400);
    BOOST_TEST(shows(page, "Please say who you are"), page.body);
    BOOST_TEST(shows(page, "<option>ed@e.example</option>"));
  }
  for (const char* body : {"", "action=", "action=leave&by=ed%40e.example", "by=ed%40e.example"})
    BOOST_TEST(site.ask("POST", link, body).status == 400);
  BOOST_TEST(site.ask("POST", link, "action=approve", "text/plain").status == 400);
  BOOST_TEST((site.held().state == storage::HeldState::kWaiting));
}

BOOST_AUTO_TEST_CASE(a_single_moderator_need_not_say_who_they_are) {
  Answers site(kModerated, {"eve@e.example"});
  const std::string link = site.held_post();
  BOOST_TEST(!shows(site.ask("GET", link), "<select"));
  BOOST_TEST(site.ask("POST", link, "action=approve").status == 200);
  BOOST_TEST(site.held().decided_by == "eve@e.example");
}

BOOST_AUTO_TEST_CASE(what_is_asked_for_is_confirmed_in_the_language_of_the_browser) {
  Answers site(lists::Settings{{"subscribe", "auth"}});
  BOOST_REQUIRE(site.send("new@n.example", {"dev-subscribe@lists.example"}, a_mail("new@n.example", "", ""))
                    .positive());
  const std::string link = site.link_to("new@n.example");
  const auto page = site.ask("GET", link, "", "", "fr");
  BOOST_TEST(shows(page, "Merci de confirmer : abonner new@n.example à dev@lists.example"), page.body);
  BOOST_TEST(shows(page, ">Confirmer</button>"));
  BOOST_TEST(!site.is_member("new@n.example"));
  const auto done = site.ask("POST", link, "action=approve", "application/x-www-form-urlencoded", "fr");
  BOOST_TEST(done.status == 200);
  BOOST_TEST(shows(done, "new@n.example est désormais membre de dev@lists.example"), done.body);
  BOOST_TEST(site.is_member("new@n.example"));
  BOOST_TEST(site.ask("POST", link, "action=reject").status == 410);
  BOOST_TEST(site.is_member("new@n.example"));
}

BOOST_AUTO_TEST_CASE(a_moderator_reads_the_page_in_german) {
  Answers site(lists::Settings{{"send", "editorkey"}, {"held_expire", "1d"}}, {"eve@e.example"});
  const std::string link = site.held_post();
  const auto page = site.ask("GET", link, "", "", "de-DE,de;q=0.9,en;q=0.5");
  for (const char* words :
       {"<html lang=\"de\">", "Eine Nachricht an dev@lists.example wartet auf die Moderation",
        "Verbleibende Frist", "1 Tag<", ">Genehmigen</button>", ">Ablehnen</button>"})
    BOOST_TEST(shows(page, words), words << page.body);
  const auto done = site.ask("POST", link, "action=approve", "application/x-www-form-urlencoded", "de");
  BOOST_TEST(shows(done, "Die Nachricht geht an dev@lists.example."), done.body);
  BOOST_TEST(shows(site.ask("GET", link, "", "", "de"), "Dies wurde bereits von eve@e.example genehmigt."));
}

BOOST_AUTO_TEST_CASE(a_confirmation_can_be_declined_and_is_over_then) {
  Answers site(lists::Settings{{"subscribe", "auth"}});
  site.send("new@n.example", {"dev-subscribe@lists.example"}, a_mail("new@n.example", "", ""));
  const std::string link = site.link_to("new@n.example");
  BOOST_TEST(site.ask("POST", link, "action=reject").status == 200);
  BOOST_TEST(site.ask("POST", link, "action=approve").status == 410);
  BOOST_TEST(!site.is_member("new@n.example"));
}

BOOST_AUTO_TEST_CASE(an_owner_approves_a_request_with_one_press) {
  Answers site(lists::Settings{{"subscribe", "owner"}});
  site.send("new@n.example", {"dev-subscribe@lists.example"}, a_mail("new@n.example", "", ""));
  const std::string link = site.link_to("own@o.example");
  BOOST_TEST(shows(site.ask("GET", link), "To approve: subscribe new@n.example to dev@lists.example"));
  BOOST_TEST(site.ask("POST", link, "action=ban").status == 400);
  BOOST_TEST(site.ask("POST", link, "action=approve").status == 200);
  BOOST_TEST(site.is_member("new@n.example"));
}

BOOST_AUTO_TEST_CASE(an_author_confirms_a_post_which_a_moderator_then_has_to_see) {
  Answers site(lists::Settings{{"send", "privatekeyandeditorkeyonly"}});
  BOOST_REQUIRE(site.send("ann@x.example", {"dev@lists.example"}, a_post("ann@x.example")).positive());
  const std::string link = site.link_to("ann@x.example");
  BOOST_TEST(shows(site.ask("GET", link), "Please confirm your message to dev@lists.example"));
  const auto page = site.ask("POST", link, "action=approve");
  BOOST_TEST(page.status == 200);
  BOOST_TEST(shows(page, "It waits now"), page.body);
  const std::string next = site.link_to("eve@e.example");
  BOOST_TEST(next != link);
  BOOST_TEST(site.ask("POST", next, "action=approve&by=ed%40e.example").status == 200);
  BOOST_TEST(list_posts(site) == 1U);
}

BOOST_AUTO_TEST_CASE(what_nobody_has_answered_in_time_is_over) {
  Answers site(lists::Settings{{"subscribe", "auth"}});
  site.send("new@n.example", {"dev-subscribe@lists.example"}, a_mail("new@n.example", "", ""));
  const std::string link = site.link_to("new@n.example");
  site.clock.advance(std::chrono::hours(24 * 60));
  for (const char* method : {"GET", "POST"}) {
    const auto page = site.ask(method, link, "action=approve");
    BOOST_TEST(page.status == 410);
    BOOST_TEST(shows(page, "This has expired."), page.body);
  }
  BOOST_TEST(!site.is_member("new@n.example"));
}

BOOST_AUTO_TEST_CASE(a_wrong_key_gets_a_page_that_says_what_can_be_done) {
  Answers site(kModerated);
  std::string wrong = site.held_post();
  wrong.back() = wrong.back() == 'a' ? 'b' : 'a';
  for (const std::string& path :
       {wrong, std::string("/held/x"), "/held/" + std::string(600, 'a'), wrong + "/more"}) {
    for (const char* method : {"GET", "POST"}) {
      const auto page = site.ask(method, path, "action=approve");
      BOOST_TEST(page.status == 404, path);
      BOOST_TEST(shows(page, "Nothing waits under this link"));
    }
  }
}

BOOST_AUTO_TEST_CASE(a_link_of_a_list_that_was_deleted_says_what_became_of_it) {
  Answers site(lists::Settings{{"send", "editorkey"}, {"subscribe", "owner"}});
  site.send("new@n.example", {"dev-subscribe@lists.example"}, a_mail("new@n.example", "", ""));
  const std::string request = site.link_to("own@o.example");
  const std::string also = format_id(site.held().id);
  const std::string post = site.held_post();
  TestSite::require(site.admin.delete_list("dev@lists.example"));
  for (const std::string& link : {post, request}) {
    for (const char* method : {"GET", "POST"}) {
      const auto page = site.ask(method, link, "action=approve&by=eve%40e.example&also=" + also);
      BOOST_TEST(page.status == 410);
      BOOST_TEST(shows(page, "This was declined already by the operator."), page.body);
    }
  }
  BOOST_TEST(list_posts(site) == 0U);
}

BOOST_AUTO_TEST_CASE(a_moderator_sees_what_else_waits_and_decides_what_is_ticked_in_one_press) {
  lists::Settings settings = kModerated;
  settings["tell_held"] = "false";
  Answers site(settings);
  site.make_list("other", settings, {}, {"own@o.example"});
  site.send("bob@x.example", {"other@lists.example"}, a_post("bob@x.example", "<other@x>"));
  std::vector<std::string> ids;
  std::string link;
  for (int i = 0; i < 5; ++i) {
    const std::string author = "x" + std::to_string(i) + "@y.example";
    BOOST_REQUIRE(site.send(author, {"dev@lists.example"},
                            crlf("From: " + author + "\nTo: dev@lists.example\nSubject: Post " +
                                 std::to_string(i) + "\nMessage-ID: <" + std::to_string(i) +
                                 "@x>\n\nText <b>" + std::to_string(i) + "</b>\n"))
                      .positive());
    ids.push_back(format_id(site.held().id));
    if (i == 0) link = site.link_to("eve@e.example");
  }
  const auto page = site.ask("GET", link);
  for (int i = 1; i < 5; ++i) {
    const std::string number = std::to_string(i);
    BOOST_TEST(shows(page, "name=\"also\" value=\"" + ids[static_cast<std::size_t>(i)] + "\""), page.body);
    BOOST_TEST(shows(page, "Post " + number + ", from x" + number + "@y.example"));
    BOOST_TEST(shows(page, "Text &lt;b&gt;" + number));
  }
  BOOST_TEST(!shows(page, "value=\"" + ids[0] + "\""));
  BOOST_TEST(!shows(page, "bob@x.example"));
  BOOST_TEST(shows(page, "All of them"));
  for (const auto& held : site.all_held())
    BOOST_TEST(!shows(page, held.key));  // each has its own way to be decided
  const auto french = site.ask("GET", link, "", "", "fr");
  BOOST_TEST(shows(french, "Les autres en attente"));
  BOOST_TEST(shows(french, "Post 1, de x1@y.example"));

  // Who forgot to say who they are keeps what they ticked.
  const auto asked = site.ask("POST", link, "action=approve&also=" + ids[2]);
  BOOST_TEST(asked.status == 400);
  BOOST_TEST(shows(asked, "value=\"" + ids[2] + "\" checked"), asked.body);
  BOOST_TEST(!shows(asked, "value=\"" + ids[1] + "\" checked"));
  BOOST_TEST(list_posts(site) == 0U);

  const int bells = site.bells;
  const auto done = site.ask(
      "POST", link, "action=approve&by=eve%40e.example&also=" + ids[1] + "&also=" + ids[2] + "%2C" + ids[1]);
  BOOST_TEST(done.status == 200);
  for (const char* name : {"Post 0, from", "Post 1, from", "Post 2, from"})
    BOOST_TEST(shows(done, name), done.body);
  BOOST_TEST(shows(done, "The message goes to dev@lists.example."));
  BOOST_TEST(list_posts(site) == 3U);
  BOOST_TEST(site.bells == bells + 3);

  // Once more, with one that still waits, as after a crash in the middle: what is done says so, the rest is done.
  const auto again = site.ask(
      "POST", link, "action=reject&reason=enough&by=ed%40e.example&also=" + ids[1] + "&also=" + ids[3]);
  BOOST_TEST(again.status == 200);
  BOOST_TEST(shows(again, "This was approved already by eve@e.example."), again.body);
  BOOST_TEST(shows(again, "The message was refused."));
  BOOST_TEST(last_letter(site, "x3@y.example").says("Reason: enough"));
  // Nothing of it is left: that is all that it says.
  const auto late =
      site.ask("POST", link, "action=approve&by=ed%40e.example&also=" + ids[1] + "&also=" + ids[3]);
  BOOST_TEST(late.status == 410);
  BOOST_TEST(shows(late, "This was declined already by ed@e.example."), late.body);
  BOOST_TEST(list_posts(site) == 3U);
}

BOOST_AUTO_TEST_CASE(
    a_key_decides_nothing_of_another_list_nothing_of_another_kind_and_nothing_when_its_time_is_over) {
  Answers site(lists::Settings{{"send", "editorkey"}, {"subscribe", "owner"}, {"held_expire", "2d"}});
  site.make_list("other", {{"send", "editorkey"}}, {}, {"own@o.example"});
  site.send("bob@x.example", {"other@lists.example"}, a_post("bob@x.example", "<other@x>"));
  const std::string elsewhere = format_id(site.held().id);
  site.send("new@n.example", {"dev-subscribe@lists.example"}, a_mail("new@n.example", "", ""));
  const std::string request = format_id(site.held().id);
  const std::string first = site.held_post();
  const std::string others =
      "&also=" + elsewhere + "&also=" + request + "&also=0123456789abc&also=nonsense,,";
  const auto page = site.ask("POST", first, "action=approve&by=ed%40e.example" + others);
  BOOST_TEST(page.status == 200);
  BOOST_TEST(!shows(page, "bob@x.example"), page.body);
  BOOST_TEST(list_posts(site) == 1U);
  BOOST_TEST(!site.is_member("new@n.example"));
  site.clock.advance(std::chrono::hours(47));
  const std::string second = site.held_post(a_post("ann@x.example", "<2@author.example>"));
  const std::string id = format_id(site.held().id);
  site.clock.advance(std::chrono::hours(2));
  BOOST_TEST(site.ask("POST", first, "action=approve&by=ed%40e.example&also=" + id).status == 410);
  BOOST_TEST(list_posts(site) == 1U);
  BOOST_TEST(site.ask("POST", second, "action=approve&by=ed%40e.example").status == 200);
  BOOST_TEST(list_posts(site) == 2U);
}

BOOST_AUTO_TEST_CASE(
    a_key_that_was_used_decides_what_waited_beside_it_within_the_hour_and_nothing_that_came_later) {
  Answers site(kModerated);
  const auto post = [&site](const std::string& id) {
    site.held_post(a_post("ann@x.example", "<" + id + "@author.example>"));
    return format_id(site.held().id);
  };
  const std::string before = post("before"), beside = post("beside");
  const std::string link = site.held_post(a_post("ann@x.example", "<used@author.example>"));
  const auto press = [&](const std::string& also) {
    return site.ask("POST", link, "action=approve&by=ed%40e.example&also=" + also);
  };
  BOOST_TEST(site.ask("POST", link, "action=approve&by=ed%40e.example").status == 200);
  BOOST_TEST(list_posts(site) == 1U);
  site.clock.advance(std::chrono::minutes(5));
  const std::string later = post("later");
  BOOST_TEST(press(later).status == 410);
  BOOST_TEST(list_posts(site) == 1U);
  BOOST_TEST(press(before).status == 200);
  BOOST_TEST(list_posts(site) == 2U);
  site.clock.advance(std::chrono::hours(1));
  BOOST_TEST(press(beside).status == 410);
  BOOST_TEST(list_posts(site) == 2U);
}

BOOST_AUTO_TEST_CASE(owners_approve_several_requests_in_one_press) {
  Answers site(lists::Settings{{"subscribe", "owner"}});
  std::string ids;
  for (const char* who : {"a@n.example", "b@n.example", "c@n.example"}) {
    site.send(who, {"dev-subscribe@lists.example"}, a_mail(who, "", ""));
    ids += (ids.empty() ? "" : ",") + format_id(site.held().id);
  }
  const std::string link = site.link_to("own@o.example");
  const auto page = site.ask("GET", link);
  BOOST_TEST(shows(page, "subscribe a@n.example to dev@lists.example"), page.body);
  const auto done = site.ask("POST", link, "action=approve&also=" + ids);
  BOOST_TEST(done.status == 200);
  for (const char* who : {"a@n.example", "b@n.example", "c@n.example"}) {
    BOOST_TEST(site.is_member(who), who);
    BOOST_TEST(shows(done, who));
  }
}

BOOST_AUTO_TEST_CASE(one_of_several_that_meets_trouble_does_not_keep_the_others) {
  lists::Settings settings = kModerated;
  settings["tell_held"] = "false";
  Answers site(settings);
  std::string link, also;
  for (int i = 0; i < 3; ++i) {
    link = site.held_post(a_post("ann@x.example", "<" + std::to_string(i) + "@author.example>"));
    if (i < 2) also += "&also=" + format_id(site.held().id);
  }
  // What one costs, and then a statement in the middle of the second fails.
  const std::string alone = site.held_post(a_post("ann@x.example", "<alone@author.example>"));
  storage::FaultPlan::arm({storage::FaultPlan::Where::kStatement, 0});
  BOOST_TEST(site.ask("POST", alone, "action=approve&by=ed%40e.example").status == 200);
  const auto cost = storage::FaultPlan::seen(storage::FaultPlan::Where::kStatement);
  storage::FaultPlan::arm({storage::FaultPlan::Where::kStatement, cost + cost / 2});
  const auto page = site.ask("POST", link, "action=approve&by=ed%40e.example" + also);
  storage::FaultPlan::disarm();
  BOOST_TEST(page.status == 200);
  BOOST_TEST(shows(page, "Temporary trouble, try again later."), page.body);
  BOOST_TEST(list_posts(site) == 3U);
  BOOST_TEST(site.ask("POST", link, "action=approve&by=ed%40e.example" + also).status == 200);
  BOOST_TEST(list_posts(site) == 4U);
}

BOOST_AUTO_TEST_CASE(what_strangers_wrote_is_shown_as_text) {
  Answers site(kModerated);
  const std::string link = site.held_post(crlf(
      "From: ann@x.example\nTo: dev@lists.example\nSubject: <script>alert(1)</script>\nMessage-ID: <9@x>\n"
      "Content-Type: text/html\n\n<p>{{key}} &lt;b onclick=x&gt; </p>\n"));
  const auto page = site.ask("GET", link);
  BOOST_TEST(!shows(page, "<script"));
  BOOST_TEST(shows(page, "&lt;script&gt;"));
  BOOST_TEST(shows(page, "{{key}} &lt;b onclick=x&gt;"), page.body);
}

BOOST_AUTO_TEST_CASE(without_a_lease_nothing_is_done) {
  Answers site(kModerated);
  const std::string link = site.held_post();
  site.may_act = false;
  BOOST_TEST(site.ask("POST", link, "action=approve&by=ed%40e.example").status == 503);
  BOOST_TEST((site.held().state == storage::HeldState::kWaiting));
}

BOOST_AUTO_TEST_CASE(without_pages_no_link_is_written) {
  Answers site(kModerated);
  site.services.site.base_url.clear();
  BOOST_REQUIRE(site.send("ann@x.example", {"dev@lists.example"}, a_post("ann@x.example")).positive());
  const Letter letter = last_letter(site, "eve@e.example");
  BOOST_TEST(!letter.says("https:"));
  BOOST_TEST(!letter.says("page"));
}

BOOST_AUTO_TEST_SUITE_END()
