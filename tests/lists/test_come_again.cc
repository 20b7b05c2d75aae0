// The same message once more, while its first copy waits or when that has ended: what counts as a duplicate.
#include "lists/held/job.h"
#include "tests/lists/moderated.h"

using namespace essaim;
using namespace essaim::test;

BOOST_AUTO_TEST_SUITE(come_again)

// A moderator's mistake, and the same message once more.
BOOST_AUTO_TEST_CASE(what_was_refused_or_has_expired_may_come_again) {
  Moderated site("editorkey", {{"held_expire", "2d"}, {"tell_held", "false"}});
  const auto waits = [&site] {
    const auto reply = site.post();
    BOOST_TEST(reply.to_string().starts_with("250 2.0.0 Ok: waits for a moderator, as "), reply.to_string());
    BOOST_TEST(site.held().size() == 1U);
    BOOST_TEST(site.post().to_string().find("(duplicate)") != std::string::npos);
    BOOST_TEST(site.held().size() == 1U);
    return last_letter(site, "eve@e.example");
  };
  BOOST_TEST(site.answer("eve@e.example", waits().address("reject")).positive());
  waits();
  site.clock.advance(std::chrono::hours(49));
  TestSite::require(lists::look_after_held(site.services));
  BOOST_TEST(site.held().empty());
  BOOST_TEST(site.answer("eve@e.example", waits().address("approve")).positive());
  BOOST_TEST(list_posts(site) == 1U);
  BOOST_TEST(site.post().to_string().find("(duplicate)") != std::string::npos);
  BOOST_TEST(list_posts(site) == 1U);
}

BOOST_AUTO_TEST_CASE(who_sends_it_again_an_hour_later_is_asked_again) {
  Moderated site("publickey");
  const auto asked = [&site] { return letters_to(site, "ann@x.example").size(); };
  site.post();
  const std::string first = last_letter(site, "ann@x.example").field("Reply-To");
  site.clock.advance(std::chrono::minutes(59));
  BOOST_TEST(site.post().to_string().find("(duplicate)") != std::string::npos);
  BOOST_TEST(asked() == 1U);
  site.clock.advance(std::chrono::minutes(1));
  const auto reply = site.post();
  BOOST_TEST(reply.to_string().starts_with("250 2.0.0 Ok: waits for its author's confirmation, as "));
  BOOST_TEST(reply.to_string().ends_with(" (asked again)"), reply.to_string());
  BOOST_TEST(asked() == 2U);
  BOOST_TEST(site.post().to_string().find("(duplicate)") != std::string::npos);
  BOOST_TEST(site.held().size() == 1U);
  BOOST_TEST(site.rcpt(first).reply.text.find("[rule: expired-key]") != std::string::npos);
  BOOST_TEST(site.answer("ann@x.example", last_letter(site, "ann@x.example").field("Reply-To")).positive());
  BOOST_TEST(list_posts(site) == 1U);
  BOOST_TEST(site.post().to_string().find("(duplicate)") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(nobody_ends_what_waits_for_its_author_by_a_copy) {
  Moderated site("publickey");
  site.post();
  site.clock.advance(std::chrono::hours(2));
  BOOST_TEST(site.post("mallory@m.example").to_string().find("(duplicate)") != std::string::npos);
  BOOST_TEST(letters_to(site, "mallory@m.example").empty());
  BOOST_TEST(site.answer("ann@x.example", last_letter(site, "ann@x.example").field("Reply-To")).positive());
  BOOST_TEST(list_posts(site) == 1U);
}

BOOST_AUTO_TEST_CASE(what_an_earlier_version_held_is_asked_for_again_too) {
  Moderated site("publickey");
  site.post();
  TestSite::require(site.database->write_now(storage::Durability::kAccept, [](storage::Connection& c) {
    return c.execute(
        "UPDATE held SET details = REPLACE(REPLACE(details, '\"seen\"', '\"a\"'), '\"seen_as\"', '\"b\"')");
  }));
  site.clock.advance(std::chrono::hours(2));
  const auto reply = site.post();
  BOOST_TEST(reply.to_string().ends_with(" (asked again)"), reply.to_string());
  BOOST_TEST(site.held().size() == 1U);
}

// Days later the first is refused beside its copy: the copy's key is its own.
BOOST_AUTO_TEST_CASE(a_refusal_forgets_no_other_post) {
  Moderated site("editorkey", {{"held_expire", "30d"}, {"tell_held", "false"}});
  site.post();
  const std::string first = last_letter(site, "eve@e.example").address("reject");
  TestSite::require(site.database->write_now(storage::Durability::kAccept, [](storage::Connection& c) {
    return c.execute("DELETE FROM seen");  // as retention does after a week
  }));
  BOOST_TEST(site.post().positive());
  BOOST_TEST(site.answer("eve@e.example", last_letter(site, "eve@e.example").address("approve")).positive());
  BOOST_TEST(site.answer("eve@e.example", first).positive());
  BOOST_TEST(site.post().to_string().find("(duplicate)") != std::string::npos);
  BOOST_TEST(list_posts(site) == 1U);
}

BOOST_AUTO_TEST_SUITE_END()
