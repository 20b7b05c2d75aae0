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

// The copies of a list have a body of their own as soon as it has a footer.
BOOST_AUTO_TEST_CASE(a_post_comes_to_a_list_once_by_whatever_lists) {
  TestSite site;
  for (const char* name : {"all", "dev", "ops"})
    site.make_list(name, {{"post", "anyone"}, {"footer", std::string("-- ") + name}}, {"a@one.example"});
  const auto is_new = [&site](const std::string& list, const std::string& message, bool ours = true) {
    site.from_our_lists = ours && message.find("X-Loop: ") != std::string::npos;
    const auto reply = site.send("x@y.example", {list + "@lists.example"}, message);
    BOOST_TEST(reply.positive(), reply.to_string());
    return reply.text.find("(duplicate)") == std::string::npos;
  };
  const auto copy_of_last = [&site] { return site.rendering(site.last_id); };

  // To one of three that are members of each other.
  BOOST_TEST(is_new("all", a_post("x@y.example", "<1@y>")));
  const std::string of_all = copy_of_last();
  BOOST_TEST(is_new("dev", of_all));
  const std::string of_dev = copy_of_last();
  BOOST_TEST(is_new("ops", of_all));
  const std::string of_ops = copy_of_last();
  BOOST_TEST(!is_new("ops", of_dev));
  BOOST_TEST(!is_new("dev", of_ops));

  // To two of them, whichever way is faster.
  BOOST_TEST(is_new("dev", a_post("x@y.example", "<2@y>")));
  BOOST_TEST(is_new("all", a_post("x@y.example", "<2@y>")));
  BOOST_TEST(!is_new("dev", copy_of_last()));
  BOOST_TEST(is_new("all", a_post("x@y.example", "<3@y>")));
  BOOST_TEST(is_new("dev", copy_of_last()));
  BOOST_TEST(!is_new("dev", a_post("x@y.example", "<3@y>")));

  // What was edited and sent anew from a copy is another message.
  std::string edited = of_all;
  edited.replace(edited.find("<1@y>"), 5, "<4@y>");
  BOOST_TEST(is_new("ops", edited, false));
}

// Else who has read it where it came first could take its place with another text where it comes late.
BOOST_AUTO_TEST_CASE(nobody_but_our_lists_says_what_is_a_copy_of_a_post) {
  Moderated site("editorkey", {{"tell_held", "false"}});
  site.make_list("all", {{"post", "anyone"}, {"footer", "-- all"}}, {"a@one.example"});
  BOOST_TEST(site.send("ann@x.example", {"all@lists.example"}, a_post("ann@x.example", "<p1@x>")).positive());
  std::string forged = site.rendering(site.last_id);
  BOOST_TEST(forged.find("\r\nX-Original: ") != std::string::npos);
  forged += "buy now\r\n";
  BOOST_TEST(site.send("ann@x.example", {"dev@lists.example"}, forged).positive());
  const auto reply = site.post();
  BOOST_TEST(reply.to_string().starts_with("250 2.0.0 Ok: waits for a moderator, as "), reply.to_string());
  BOOST_TEST(site.held().size() == 2U);
}

BOOST_AUTO_TEST_CASE(nor_does_anybody_put_another_text_in_the_place_of_what_waits_for_its_author) {
  Moderated site("publickey");
  site.make_list("all", {{"post", "anyone"}, {"footer", "-- all"}}, {"a@one.example"});
  BOOST_TEST(site.send("ann@x.example", {"all@lists.example"}, a_post("ann@x.example", "<p1@x>")).positive());
  const std::string copy = site.rendering(site.last_id);
  const auto mark = copy.find("X-Original: ");
  BOOST_REQUIRE(mark != std::string::npos);
  const std::string line = copy.substr(mark, copy.find("\r\n", mark) - mark) + "\n";
  site.post();
  const std::string first = last_letter(site, "ann@x.example").field("Reply-To");
  site.clock.advance(std::chrono::hours(2));
  const auto reply = site.send("ann@x.example", {"dev@lists.example"},
                               a_post("ann@x.example", "<p1@x>", line) + "buy now\r\n");
  BOOST_TEST(reply.positive(), reply.to_string());
  BOOST_TEST(reply.to_string().find("asked again") == std::string::npos, reply.to_string());
  BOOST_TEST(site.held().size() == 2U);
  BOOST_TEST(site.answer("ann@x.example", first).positive());
  BOOST_TEST(list_posts(site) == 2U);
}

BOOST_AUTO_TEST_CASE(mail_for_people_that_is_offered_again_goes_to_them_once) {
  TestSite site;
  site.make_list("dev", {}, {}, {"own@o.example"});
  const auto send = [&site](const std::string& from, const std::string& to) {
    return site.send(from, {to}, a_post("x@y.example")).to_string();
  };
  for (const char* to : {"dev-owner@lists.example", "dev-editor@lists.example", "postmaster@lists.example",
                         "abuse@lists.example", "postmaster"}) {
    const auto before = site.posts().size();
    BOOST_TEST(send("x@y.example", to) == "250 2.0.0 Ok: queued as " + format_id(site.last_id));
    const std::string first = format_id(site.last_id);
    BOOST_TEST(send("x@y.example", to) == "250 2.0.0 Ok: queued as " + first + " (duplicate)");
    BOOST_TEST(site.posts().size() == before + 1);
  }
  // By somebody else it is no second try.
  BOOST_TEST(send("z@y.example", "dev-owner@lists.example").find("duplicate") == std::string::npos);
}

// The first of two addresses had the message before; the post of the other one tells whether the commit happened.
BOOST_AUTO_TEST_CASE(a_commit_of_unknown_outcome_is_found_out_by_what_it_has_added) {
  TestSite site;
  site.make_list("dev", {{"post", "anyone"}}, {"a@one.example"}, {"own@o.example"});
  const auto send = [&site](const std::vector<std::string>& to) {
    return site.send("x@y.example", to, a_post("x@y.example")).to_string();
  };
  send({"dev@lists.example"});
  storage::FaultPlan::arm({.where = storage::FaultPlan::Where::kAfterCommit, .first = 1});
  const std::string reply = send({"dev@lists.example", "dev-owner@lists.example"});
  storage::FaultPlan::disarm();
  BOOST_TEST(reply.starts_with("250 "), reply);
  BOOST_TEST(site.posts().size() == 2U);
}

BOOST_AUTO_TEST_SUITE_END()
