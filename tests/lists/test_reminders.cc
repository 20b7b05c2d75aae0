// Moderators who did not get the question about a post, or did not answer it.
#include "lists/held/job.h"
#include "tests/lists/moderated.h"

using namespace essaim;
using namespace essaim::test;

namespace {

// As the queue tells it.
lists::RecordedFailures fails(TestSite& site, Id notice, const std::string& to, const std::string& reply,
                              bool about_message) {
  lists::RecordedFailures out;
  TestSite::require(
      site.database->write_now(storage::Durability::kAccept, [&](storage::Connection& c) -> Result<void> {
        auto post = storage::PostStore(c).find(notice);
        TestSite::require(post);
        auto recorded = lists::record_failures(
            site.services, c, {{&**post, 0, address(to), reply, "mx.e.example", about_message}});
        if (!recorded.ok()) return recorded.error();
        out = *recorded;
        return {};
      }));
  return out;
}

void look_after(TestSite& site, std::chrono::hours later) {
  site.clock.advance(later);
  TestSite::require(lists::look_after_held(site.services));
}

}  // namespace

BOOST_AUTO_TEST_SUITE(reminders)

BOOST_AUTO_TEST_CASE(a_moderator_whose_server_refuses_the_message_is_asked_once_more_without_it) {
  for (const char* pages : {"", "https://lists.example"}) {
    Moderated site;
    site.services.site.base_url = pages;
    site.post();
    const Letter letter = last_letter(site, "eve@e.example");
    BOOST_TEST(letter.says("waits for a moderator; it is attached."));
    // What is known against the recipient is another matter.
    BOOST_TEST(fails(site, letter.id, "eve@e.example", "550 5.1.1 who?", false).notices == 0);
    BOOST_TEST(fails(site, letter.id, "eve@e.example", "552 5.3.4 10 MB at most", true).notices == 1);
    const auto letters = letters_to(site, "eve@e.example");
    BOOST_REQUIRE(letters.size() == 2U);
    const Letter& again = letters.back();
    BOOST_TEST(site.recipients(again.id).size() == 1U);
    BOOST_TEST(again.says("waits for a moderator. It is\nnot attached, since your mail server refused it:\n\n"
                          "  552 5.3.4 10 MB at most\n"),
               again.text);
    BOOST_TEST(again.says("  Hello all\n") == (*pages == '\0'), again.text);
    BOOST_TEST(again.whole.find("message/rfc822") == std::string::npos);
    BOOST_TEST(fails(site, again.id, "eve@e.example", "554 5.7.1 spam", true).notices == 0);
    BOOST_TEST(letters_to(site, "eve@e.example").size() == 2U);
    BOOST_TEST(site.answer("eve@e.example", again.field("Reply-To"), "approve\n").positive());
    BOOST_TEST(list_posts(site) == 1U);
    // It is decided: nobody has to hear of it.
    BOOST_TEST(fails(site, letter.id, "ed@e.example", "554 5.7.1 spam", true).notices == 0);
  }
}

BOOST_AUTO_TEST_CASE(moderators_are_reminded_of_all_posts_that_wait_by_one_mail) {
  Moderated site("editorkey", {{"approval_remind", "3d"}, {"held_expire", "8d"}, {"tell_held", "false"}});
  site.post("x1@y.example", "<p1@x>");
  site.clock.advance(std::chrono::hours(24));
  site.post("x2@y.example", "<p2@x>");
  const auto held = site.held();
  BOOST_REQUIRE(held.size() == 2U);
  const auto letters = [&site] { return letters_to(site, "eve@e.example").size(); };
  look_after(site, std::chrono::hours(24));
  BOOST_TEST(letters() == 2U);
  look_after(site, std::chrono::hours(25));
  BOOST_REQUIRE(letters() == 3U);
  const Letter letter = last_letter(site, "eve@e.example");
  BOOST_TEST(letter.subject() == "Reminder: messages to dev@lists.example wait for a moderator");
  BOOST_TEST(site.recipients(letter.id).size() == 2U);
  for (const auto& one : held)
    BOOST_TEST(letter.says("  " + one.key + "  " + one.author + "  "), letter.text);
  BOOST_TEST(letter.whole.find("message/rfc822") == std::string::npos);
  // Nor again on the day of the second.
  look_after(site, std::chrono::hours(24));
  BOOST_TEST(letters() == 3U);
  look_after(site, std::chrono::hours(48));
  BOOST_TEST(letters() == 4U);
  BOOST_TEST(site.answer("eve@e.example", letter.field("Reply-To"),
                         "DISTRIBUTE dev@lists.example " + held[0].key + " " + held[1].key + "\n")
                 .positive());
  BOOST_TEST(list_posts(site) == 2U);
  look_after(site, std::chrono::hours(24 * 7));
  BOOST_TEST(!last_letter(site, "eve@e.example").subject().starts_with("Reminder"));
}

BOOST_AUTO_TEST_CASE(of_very_much_that_waits_they_are_reminded_by_one_mail_too) {
  Moderated site("editorkey", {{"approval_remind", "3d"}});
  const Id list_id = site.list("dev").id;
  TestSite::require(
      site.database->write_now(storage::Durability::kAccept, [&](storage::Connection& c) -> Result<void> {
        for (int i = 0; i < 3 * storage::kHeldTogether; ++i) {
          storage::HeldRecord held;
          held.id = site.ids.next();
          held.key = "key" + std::to_string(i);
          held.list_id = list_id;
          held.list_address = "dev@lists.example";
          held.author = "ann@x.example";
          held.held = site.clock.wall_now();
          held.expires = held.held + std::chrono::hours(24 * 30);
          held.remind = held.held + std::chrono::hours(1);
          ESSAIM_TRY(storage::HeldStore(c).add(held));
        }
        return {};
      }));
  look_after(site, std::chrono::hours(2));
  BOOST_TEST(letters_to(site, "eve@e.example").size() == 1U);
  look_after(site, std::chrono::hours(24));
  BOOST_TEST(letters_to(site, "eve@e.example").size() == 1U);
  look_after(site, std::chrono::hours(24 * 3));
  BOOST_TEST(letters_to(site, "eve@e.example").size() == 2U);
}

BOOST_AUTO_TEST_CASE(
    nobody_is_reminded_where_the_list_does_not_want_it_nor_of_what_its_author_is_to_confirm) {
  for (const lists::Settings& settings :
       {lists::Settings{{"send", "editorkey"}, {"approval_remind", "0s"}}, {{"send", "privatekey"}}}) {
    Moderated site(settings.at("send"), settings);
    site.post();
    const std::size_t before = site.posts().size();
    look_after(site, std::chrono::hours(24 * 6));
    BOOST_TEST(site.posts().size() == before);
    BOOST_TEST(site.held().size() == 1U);
  }
}

BOOST_AUTO_TEST_CASE(nobody_is_reminded_of_what_was_held_before_the_list_wanted_no_reminders) {
  Moderated site("editorkey", {{"approval_remind", "3d"}});
  site.post("x1@y.example", "<p1@x>");
  site.post("x2@y.example", "<p2@x>");
  TestSite::require(site.admin.set_list("dev@lists.example", {{"approval_remind", "0s"}}));
  const std::size_t before = site.posts().size();
  look_after(site, std::chrono::hours(24 * 6));
  BOOST_TEST(site.posts().size() == before);
  BOOST_TEST(site.held().size() == 2U);
}

BOOST_AUTO_TEST_SUITE_END()
