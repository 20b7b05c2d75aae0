// Posts that wait: moderation and confirmation by mail, in the dialogue and out of it.
#include "lists/held/answer.h"
#include "lists/held/job.h"
#include "lists/held/keys.h"
#include "lists/held/view.h"
#include "lists/site_texts.h"
#include "storage/fault.h"
#include "storage/held_store.h"
#include "storage/held_trail.h"
#include "tests/lists/mailbox.h"
#include "tests/lists/moderated.h"

using namespace essaim;
using namespace essaim::test;

BOOST_AUTO_TEST_SUITE(moderation)

BOOST_AUTO_TEST_CASE(a_post_waits_with_its_message_for_the_editors_and_its_author_is_told) {
  Moderated site;
  const auto reply = site.post();
  BOOST_TEST(reply.to_string().starts_with("250 2.0.0 Ok: waits for a moderator, as "), reply.to_string());
  BOOST_TEST(list_posts(site) == 0u);
  const Letter letter = last_letter(site, "eve@e.example");
  BOOST_TEST(site.recipients(letter.id).size() == 2u);
  // Hosts refuse what has the null reverse-path and several recipients.
  for (const auto& one : site.posts())
    BOOST_TEST((one.kind != storage::PostKind::kNotice || one.mode == storage::CopyMode::kPersonal));
  BOOST_TEST(letter.says("rule send.editorkey:4"), letter.text);
  BOOST_TEST(letter.whole.find("Content-Type: message/rfc822") != std::string::npos);
  BOOST_TEST(letter.whole.find("Message-ID: <p1@x>\r\n") != std::string::npos);
  BOOST_TEST(last_letter(site, "ann@x.example").says("waits for a moderator"));
  BOOST_REQUIRE(site.held().size() == 1);
  BOOST_TEST(site.held()[0].author == "ann@x.example");
  // The same mail again, because our reply was lost.
  BOOST_TEST(site.post().to_string().find("(duplicate)") != std::string::npos);
  BOOST_TEST(site.held().size() == 1u);
}

BOOST_AUTO_TEST_CASE(without_editors_rules_take_the_owners_for_them) {
  TestSite site;
  site.make_list("news", {{"send", "newsletter"}}, {"ann@x.example"}, {"own@o.example"});
  const auto takes = [&](const std::string& who, const std::string& id) {
    return site.send(who, {"news@lists.example"}, a_post(who, id)).positive();
  };
  BOOST_TEST(takes("own@o.example", "<1@x>"));
  BOOST_TEST(!takes("ann@x.example", "<2@x>"));
  site.join("news", {"eve@e.example"}, storage::Role::kEditor);
  BOOST_TEST(!takes("own@o.example", "<3@x>"));
  BOOST_TEST(takes("eve@e.example", "<4@x>"));
}

BOOST_AUTO_TEST_CASE(moderators_do_not_see_who_got_a_blind_copy) {
  Moderated site;
  BOOST_TEST(site.post("ann@x.example", "<p1@x>", "Bcc: dean@x.example\nX-Last: 1\n").positive());
  const Letter letter = last_letter(site, "eve@e.example");
  BOOST_TEST(letter.whole.find("dean@x.example") == std::string::npos, letter.whole);
  BOOST_TEST(letter.whole.find("Message-ID: <p1@x>\r\nX-Last: 1\r\n\r\nHello all\r\n") != std::string::npos,
             letter.whole);
}

BOOST_AUTO_TEST_CASE(of_a_post_too_large_to_be_attached_moderators_are_told_how_it_begins) {
  Moderated site("editorkey", {{"max_size", "0"}});
  std::string content = crlf(
      "From: ann@x.example\nTo: dev@lists.example\nSubject: hello\nDate: Sun, 22 Nov 2026 18:52:04 +0000\n"
      "Message-ID: <p1@x>\nMIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=b\n\n"
      "--b\nContent-Type: text/plain\n\nHello all\n--b\nContent-Type: application/octet-stream\n"
      "Content-Transfer-Encoding: base64\n\n");
  while (content.size() <= lists::kMostAttached) content += std::string(76, 'A') + "\r\n";
  content += "--b--\r\n";
  BOOST_TEST(site.send("ann@x.example", {"dev@lists.example"}, content).positive());
  const Letter letter = last_letter(site, "eve@e.example");
  BOOST_TEST(letter.says("waits for a moderator.\n"), letter.text);
  BOOST_TEST(letter.says("It begins:\n\n  Hello all\n"), letter.text);
  BOOST_TEST(letter.whole.size() < 10'000U);
  // So does the page, also of what is attached and larger than is looked at.
  site.read([&](storage::Connection& c) {
    lists::WriteContext context{site.services, c, site.clock.wall_now()};
    const auto view = lists::view_held(context, letter.key(), "en", true);
    TestSite::require(view);
    BOOST_REQUIRE(view->has_value());
    BOOST_TEST((*view)->words.starts_with("Hello all"), (*view)->words);
  });
  const auto waiting = site.held();
  BOOST_REQUIRE(waiting.size() == 1U);
  site.read([&](storage::Connection& c) {
    const auto message = storage::HeldStore(c).message(waiting[0].id);
    TestSite::require(message);
    BOOST_TEST((*message == content));
  });
}

BOOST_AUTO_TEST_CASE(the_first_answer_counts_and_later_ones_are_told_who_was_first) {
  Moderated site;
  site.post();
  const Letter letter = last_letter(site, "eve@e.example");
  BOOST_TEST(site.answer("eve@e.example", letter.address("approve")).positive());
  BOOST_REQUIRE(list_posts(site) == 1u);
  for (const auto& post : site.posts()) {
    if (post.kind != storage::PostKind::kList) continue;
    const std::string rendering = site.rendering(post.id);
    BOOST_TEST(rendering.find("X-Validation-by: eve@e.example\r\n") != std::string::npos);
    BOOST_TEST(rendering.find("Received: from client.example by mx.example") != std::string::npos);
    BOOST_TEST(site.recipients(post.id) == std::vector<std::string>{"ann@x.example"});
    BOOST_TEST(post.id == site.held(true).front().id);
  }
  BOOST_TEST(site.answer("ed@e.example", letter.address("reject"), "No, because\n").positive());
  BOOST_TEST(list_posts(site) == 1u);
  BOOST_TEST(last_letter(site, "ed@e.example").says("this was approved already by eve@e.example"));
  // By command, too.
  site.send("ed@e.example", {"sympa@lists.example"},
            a_mail("ed@e.example", "DISTRIBUTE dev " + letter.key(), ""));
  BOOST_TEST(last_letter(site, "ed@e.example").says("this was approved already by eve@e.example"));
}

BOOST_AUTO_TEST_CASE(two_who_read_the_same_and_answer_at_once_get_one_decision) {
  Moderated site;
  site.post();
  const auto held = site.held().front();
  const auto first = site.decide(held, lists::Verdict::kReject, "eve@e.example");
  const auto second = site.decide(held, lists::Verdict::kApprove, "ed@e.example");
  BOOST_TEST((first.status == lists::Response::Status::kDone));
  BOOST_TEST((second.status == lists::Response::Status::kAlready));
  BOOST_TEST(second.text == "this was declined already by eve@e.example");
  BOOST_TEST(list_posts(site) == 0u);
}

BOOST_AUTO_TEST_CASE(a_rejection_takes_its_reason_to_the_author_and_a_ban_blocks_him) {
  Moderated site;
  site.post();
  const Letter letter = last_letter(site, "eve@e.example");
  site.answer("eve@e.example", letter.field("Reply-To"), "reject off topic, sorry\n\n> quoted\n");
  BOOST_TEST(last_letter(site, "ann@x.example").says("Reason: off topic, sorry"));
  BOOST_TEST(site.held().empty());
  site.post("spam@bad.example", "<p2@x>");
  site.answer("eve@e.example", last_letter(site, "eve@e.example").address("ban"));
  BOOST_TEST(site.held().empty());
  const auto reply = site.post("spam@bad.example", "<p3@x>");
  BOOST_TEST(reply.to_string() == "550 5.7.1 not accepted [rule: blocklist]");
  BOOST_TEST(site.post("ann@x.example", "<p4@x>").positive());
}

BOOST_AUTO_TEST_CASE(who_wants_others_blocked_by_the_address_he_writes_from_is_refused_and_blocks_nobody) {
  Moderated site;
  site.post("*@victim.example");
  BOOST_TEST(site.answer("eve@e.example", last_letter(site, "eve@e.example").address("ban")).positive());
  BOOST_TEST(site.held().empty());
  BOOST_TEST(site.post("ann@victim.example", "<p2@x>").positive());
  BOOST_TEST(site.held().size() == 1U);
}

BOOST_AUTO_TEST_CASE(one_mail_decides_many_posts) {
  Moderated site("editorkey", {{"tell_held", "false"}});
  std::vector<std::string> keys;
  for (int i = 0; i < 6; ++i) {
    site.post("x" + std::to_string(i) + "@y.example", "<p" + std::to_string(i) + "@x>");
    keys.push_back(site.held().back().key);
  }
  const auto command = [&](const std::string& text) {
    BOOST_REQUIRE(
        site.send("ed@e.example", {"sympa@lists.example"}, a_mail("ed@e.example", "", text)).positive());
    return last_letter(site, "ed@e.example");
  };
  // Several keys in a line, several lines in a mail; what follows the keys is the reason.
  const Letter letter = command("DISTRIBUTE dev " + keys[0] + " " + keys[1] + "\nREJECT dev " + keys[2] +
                                ", " + keys[3] + " responsibilities are not ours\n");
  BOOST_TEST(letter.says(keys[1] + ": the message goes to dev@lists.example"), letter.text);
  BOOST_TEST(letter.says(keys[3] + ": the message was refused"));
  BOOST_TEST(list_posts(site) == 2U);
  for (const char* author : {"x2@y.example", "x3@y.example"})
    BOOST_TEST(last_letter(site, author).says("Reason: responsibilities are not ours"));
  // Of another list, no list, and one that is decided already: the others are decided all the same.
  const Letter mixed = command("dis other " + keys[4] + "\ndis dev " + keys[4] + " " + keys[0] + "\n");
  BOOST_TEST(mixed.says("there is no such key"));
  BOOST_TEST(mixed.says(keys[4] + ": the message goes to dev@lists.example"));
  BOOST_TEST(mixed.says(keys[0] + ": this was approved already by ed@e.example"));
  BOOST_TEST(list_posts(site) == 3U);
  BOOST_TEST(site.held().size() == 1U);
}

BOOST_AUTO_TEST_CASE(what_nobody_decides_expires_and_its_author_is_told) {
  Moderated site("editorkey", {{"held_expire", "2d"}, {"language", "fr"}});
  site.post();
  const Letter letter = last_letter(site, "eve@e.example");
  BOOST_TEST(letter.subject() == "À modérer : hello (de ann@x.example à dev@lists.example)");
  site.clock.advance(std::chrono::hours(49));
  const auto late = site.rcpt(letter.address("approve"));
  BOOST_TEST(late.reply.text.find("[rule: expired-key]") != std::string::npos);
  BOOST_TEST(*lists::look_after_held(site.services) == "expired or reminded: 1, forgotten: 0");
  BOOST_TEST(site.held().empty());
  BOOST_TEST(last_letter(site, "ann@x.example").says("publier « hello » sur dev@lists.example"));
  BOOST_TEST(*lists::look_after_held(site.services) == "expired or reminded: 0, forgotten: 0");
  site.clock.advance(std::chrono::hours(24 * 31));
  BOOST_TEST(*lists::look_after_held(site.services) == "expired or reminded: 0, forgotten: 1");
}

BOOST_AUTO_TEST_CASE(a_post_with_an_id_too_long_for_a_line_is_decided_like_any_other) {
  const std::string id = "<" + std::string(600, 'x') + "\n " + std::string(397, 'y') + ">";
  Moderated site("editorkey", {{"held_expire", "2d"}, {"tell_held", "false"}});
  BOOST_TEST(site.post("ann@x.example", id).positive());
  const Letter letter = last_letter(site, "eve@e.example");
  const auto reply = site.answer("eve@e.example", letter.address("reject"));
  BOOST_TEST(reply.positive(), reply.to_string());
  BOOST_TEST(last_letter(site, "ann@x.example").says("Reason: yes"));
  BOOST_TEST(site.post("bob@x.example", id + "\nX-Second: yes").positive());
  site.clock.advance(std::chrono::hours(49));
  TestSite::require(lists::look_after_held(site.services));
  BOOST_TEST(site.held().empty());
}

BOOST_AUTO_TEST_CASE(the_author_of_automatic_mail_is_told_nothing_of_it) {
  Moderated site("editorkey", {{"held_expire", "2d"}, {"tell_approved", "true"}});
  const auto post = [&site](const std::string& id) {
    BOOST_TEST(site.post("cron@x.example", id, "Precedence: bulk\n").positive());
    return last_letter(site, "eve@e.example");
  };
  BOOST_TEST(site.answer("eve@e.example", post("<r@x>").address("reject")).positive());
  BOOST_TEST(site.answer("eve@e.example", post("<a@x>").address("approve")).positive());
  BOOST_TEST(list_posts(site) == 1U);
  post("<e@x>");
  site.clock.advance(std::chrono::hours(49));
  TestSite::require(lists::look_after_held(site.services));
  BOOST_TEST(site.held().empty());
  BOOST_TEST(letters_to(site, "cron@x.example").empty());
}

BOOST_AUTO_TEST_CASE(what_cannot_be_looked_after_keeps_nothing_else_from_it) {
  Moderated site;
  const Id list = site.list("dev").id;
  const auto wait = [&](storage::HeldStore& store, const std::string& name, const char* verb) {
    storage::HeldRecord held;
    held.id = site.services.ids->next();
    held.kind = storage::HeldKind::kApproval;
    held.key = name;
    held.list_id = list;
    held.author = name + "@x.example";
    held.details = {{"verb", verb}, {"email", held.author}};
    held.remind = site.clock.wall_now();
    held.expires = held.remind + std::chrono::hours(1);
    return store.add(held);
  };
  TestSite::require(site.database->write_now(
      storage::Durability::kAccept, [&](storage::Connection& connection) -> Result<void> {
        storage::HeldStore store(connection);
        for (int i = 0; i < 250; ++i) ESSAIM_TRY(wait(store, "bad" + std::to_string(i), "no verb"));
        return wait(store, "good", "subscribe");
      }));
  BOOST_TEST(*lists::look_after_held(site.services) == "expired or reminded: 1, forgotten: 0");
  BOOST_TEST(last_letter(site, "own@o.example").says("good@x.example"));
}

BOOST_AUTO_TEST_CASE(what_was_decided_is_forgotten_however_much_it_is) {
  Moderated site("editorkey");
  const auto stored = site.services.database->write_now(
      storage::Durability::kAccept, [&](storage::Connection& connection) -> Result<void> {
        storage::HeldStore store(connection);
        for (int i = 0; i < 250; ++i) {
          storage::HeldRecord held;
          held.id = site.services.ids->next();
          held.key = "key" + std::to_string(i);
          held.held = held.expires = site.clock.wall_now();
          ESSAIM_TRY(store.add(held));
          auto decided = store.decide(held.id, storage::HeldState::kRejected, site.clock.wall_now(),
                                      "eve@e.example", "");
          if (!decided.ok()) return decided.error();
        }
        return {};
      });
  BOOST_TEST_REQUIRE(stored.ok());
  BOOST_TEST(*lists::look_after_held(site.services) == "expired or reminded: 0, forgotten: 0");
  site.clock.advance(std::chrono::hours(24 * 31));
  BOOST_TEST(*lists::look_after_held(site.services) == "expired or reminded: 0, forgotten: 250");
}

BOOST_AUTO_TEST_CASE(an_author_confirms_and_the_rules_are_asked_again) {
  Moderated site("privatekey");
  const auto reply = site.post();
  BOOST_TEST(reply.to_string().starts_with("250 2.0.0 Ok: waits for its author's confirmation, as "),
             reply.to_string());
  BOOST_TEST(letters_to(site, "eve@e.example").empty());
  const Letter question = last_letter(site, "ann@x.example");
  BOOST_TEST(question.field("In-Reply-To") == "<p1@x>");
  BOOST_TEST(site.answer("ann@x.example", question.field("Reply-To"), "").positive());
  BOOST_TEST(list_posts(site) == 1u);
  // Twice is no mistake.
  BOOST_TEST(site.answer("ann@x.example", question.field("Reply-To"), "").positive());
  BOOST_TEST(list_posts(site) == 1u);
  BOOST_TEST(last_letter(site, "ann@x.example").says("this was done already"));
  // Who has left meanwhile has no say any more.
  site.post("ann@x.example", "<p2@x>");
  const Letter second = last_letter(site, "ann@x.example");
  TestSite::require(
      site.admin.remove_member("dev@lists.example", storage::Role::kMember, address("ann@x.example")));
  site.answer("ann@x.example", second.field("Reply-To"), "");
  BOOST_TEST(list_posts(site) == 1u);
  BOOST_TEST(last_letter(site, "ann@x.example").says("only members may post to this list"));
}

BOOST_AUTO_TEST_CASE(rules_on_networks_know_behind_a_confirmation_where_the_post_came_from) {
  constexpr const char* kModeratesStrangers =
      "true() smtp -> request_auth\n!verify_netmask('10.0.0.0/8') md5 -> editorkey\ntrue() md5 -> do_it\n";
  constexpr const char* kInsideOnly =
      "verify_netmask('10.0.0.0/8') smtp -> request_auth\nverify_netmask('10.0.0.0/8') md5 -> do_it\n"
      "true() smtp,md5 -> reject(reason='send_closed')\n";
  const struct {
    const char* rules;
    const char* from;
    std::size_t posts, held;
  } rows[] = {{kModeratesStrangers, "192.0.2.1", 0, 1},
              {kModeratesStrangers, "10.1.2.3", 1, 0},
              {kInsideOnly, "10.1.2.3", 1, 0}};
  for (const auto& row : rows) {
    Moderated site;
    lists::SiteTexts texts(*site.database, site.clock);
    TestSite::require(texts.set({}, storage::TextKind::kScenario, "send.mine", row.rules));
    TestSite::require(site.admin.set_list("dev@lists.example", {{"send", "mine"}}));
    site.client_ip = row.from;
    BOOST_TEST(site.post().positive());
    site.client_ip = "192.0.2.99";  // on the way, or at home
    BOOST_TEST(site.answer("ann@x.example", last_letter(site, "ann@x.example").field("Reply-To")).positive());
    BOOST_TEST(list_posts(site) == row.posts);
    BOOST_TEST(site.held().size() == row.held);
  }
}

BOOST_AUTO_TEST_CASE(what_the_rules_refuse_behind_a_confirmation_was_not_approved) {
  Moderated site("privatekey");
  site.post();
  const std::string to = last_letter(site, "ann@x.example").field("Reply-To");
  TestSite::require(
      site.admin.remove_member("dev@lists.example", storage::Role::kMember, address("ann@x.example")));
  site.answer("ann@x.example", to);
  BOOST_REQUIRE(site.held(true).size() == 1U);
  const storage::HeldRecord held = site.held(true).front();
  BOOST_TEST((held.state == storage::HeldState::kRejected));
  BOOST_TEST(held.decided_by.starts_with("send.privatekey:"));
  BOOST_TEST(held.reason == "only members may post to this list");
  site.answer("ann@x.example", to);
  BOOST_TEST(last_letter(site, "ann@x.example").says("this was declined already by send.privatekey:"));
}

// Whatever becomes of what was asked, as the operator is told.
BOOST_AUTO_TEST_CASE(an_answer_says_whether_it_decided) {
  using Status = lists::Response::Status;
  Moderated site("privatekey");
  site.post();
  TestSite::require(
      site.admin.remove_member("dev@lists.example", storage::Role::kMember, address("ann@x.example")));
  const storage::HeldRecord refused = site.held().front();
  lists::Response response = site.decide(refused, lists::Verdict::kApprove, "ann@x.example");
  BOOST_TEST((response.status == Status::kRefused && response.decided));
  response = site.decide(refused, lists::Verdict::kApprove, "ann@x.example");
  BOOST_TEST((response.status == Status::kAlready && !response.decided));

  Moderated closed;
  closed.post();
  TestSite::require(closed.admin.close_list("dev@lists.example"));
  const storage::HeldRecord waits = closed.held().front();
  response = closed.decide(waits, lists::Verdict::kApprove, "eve@e.example");
  BOOST_TEST((response.status == Status::kRefused && !response.decided));
  response = closed.decide(waits, lists::Verdict::kReject, "eve@e.example");
  BOOST_TEST((response.status == Status::kDone && response.decided));
}

BOOST_AUTO_TEST_CASE(nothing_that_waits_goes_out_to_a_list_that_was_closed_meanwhile) {
  const auto close = [](Moderated& site, bool closed) {
    TestSite::require(closed ? site.admin.close_list("dev@lists.example")
                             : site.admin.open_list("dev@lists.example"));
  };
  for (const bool confirms : {true, false}) {
    Moderated site(confirms ? "publickey" : "editorkey");
    site.post();
    const std::string who = confirms ? "ann@x.example" : "eve@e.example";
    const std::string to = last_letter(site, who).field("Reply-To");
    close(site, true);
    BOOST_TEST(site.answer(who, to).positive());
    BOOST_TEST(last_letter(site, who).says("not allowed: the list is closed"));
    BOOST_TEST(list_posts(site) == 0U);
    BOOST_TEST(site.held().size() == 1U);
    // Nor is it lost.
    close(site, false);
    BOOST_TEST(site.answer(who, to).positive());
    BOOST_TEST(list_posts(site) == 1U);
    // To refuse it is no matter of the list's.
    if (confirms) continue;
    site.post("ann@x.example", "<p2@x>");
    close(site, true);
    BOOST_TEST(site.answer(who, last_letter(site, who).address("reject")).positive());
    BOOST_TEST(site.held().empty());
  }
}

BOOST_AUTO_TEST_CASE(confirmation_and_then_moderation) {
  for (const char* scenario : {"privatekeyandeditorkeyonly", "editorkeyonlyauth"}) {
    Moderated site(scenario);
    const bool editor = std::string(scenario) == "editorkeyonlyauth";
    const std::string author = editor ? "eve@e.example" : "ann@x.example";
    site.post(author);
    BOOST_TEST(letters_to(site, "ed@e.example").empty());
    const Id first = site.held().front().id;
    LogLines log;
    site.answer(author, last_letter(site, author).field("Reply-To"), "");
    // The log, and the shell, follow it from the id that its author was told.
    const Id second = site.held().front().id;
    BOOST_TEST(first != second);
    BOOST_TEST(log.has({"answered", "id=" + format_id(first), "became=" + format_id(second)}));
    site.read([&](storage::Connection& c) { BOOST_TEST(*storage::follow_trail(c, first) == second); });
    BOOST_TEST(list_posts(site) == 0u);
    const Letter letter = last_letter(site, "ed@e.example");
    BOOST_TEST(letter.whole.find("message/rfc822") != std::string::npos);
    site.answer("ed@e.example", letter.address("approve"), "");
    BOOST_TEST(list_posts(site) == 1u);
  }
}

BOOST_AUTO_TEST_CASE(machines_are_not_asked_and_nobody_is_asked_without_end) {
  Moderated site("publickey");
  const auto machine = site.post("cron@x.example", "<c@x>", "Auto-Submitted: auto-generated\n");
  BOOST_TEST(machine.to_string() == "550 5.7.1 a machine's mail cannot be confirmed [rule: automatic]");
  int taken = 0;
  smtp::Reply last;
  for (int i = 0; i < 30; ++i) {
    last = site.post("ann@x.example", "<n" + std::to_string(i) + "@x>");
    taken += last.positive() ? 1 : 0;
  }
  BOOST_TEST(taken == 20);
  BOOST_TEST(last.to_string().starts_with("450 4.7.1"), last.to_string());
  site.clock.advance(std::chrono::hours(1));
  BOOST_TEST(site.post("ann@x.example", "<later@x>").positive());
}

BOOST_AUTO_TEST_CASE(an_answer_that_meets_trouble_anywhere_changes_nothing_and_can_be_given_again) {
  Moderated site;
  site.post();
  const Letter letter = last_letter(site, "eve@e.example");
  const auto answer = [&](storage::FaultPlan::Where where, std::uint64_t k) {
    storage::FaultPlan::arm({where, k});
    const auto reply = site.answer("eve@e.example", letter.address("approve"));
    storage::FaultPlan::disarm();
    return reply;
  };
  BOOST_TEST(answer(storage::FaultPlan::Where::kBeforeCommit, 1).temporary());
  BOOST_TEST(site.held().size() == 1u);
  std::uint64_t k = 1;
  for (;; ++k) {
    BOOST_REQUIRE(k < 200u);
    const auto reply = answer(storage::FaultPlan::Where::kStatement, k);
    if (reply.positive()) break;
    BOOST_TEST(reply.temporary(), reply.to_string());
    BOOST_TEST(site.held().size() == 1u);
    BOOST_TEST(list_posts(site) == 0u);
  }
  BOOST_TEST(k > 10u);
  BOOST_TEST(site.held().empty());
  BOOST_TEST(list_posts(site) == 1u);
}

BOOST_AUTO_TEST_SUITE_END()
