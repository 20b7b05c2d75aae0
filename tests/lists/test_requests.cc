// Requests by mail: what each scenario makes of them, who is told, in which language.
#include "lists/held/job.h"
#include "lists/requests/request.h"
#include "lists/site_texts.h"
#include "storage/node_store.h"
#include "storage/text_store.h"
#include "tests/lists/served.h"

using namespace essaim;
using namespace essaim::test;

BOOST_AUTO_TEST_SUITE(requests)

BOOST_AUTO_TEST_CASE(subscribing_follows_the_policy_of_the_list) {
  struct Row {
    const char* scenario;
    bool at_once, after_confirming, after_approval;
    const char* refused;
  };
  const Row rows[] = {
      {"open", true, false, false, ""},
      {"open_notify", true, false, false, ""},
      {"open_quiet", true, false, false, ""},
      {"auth", false, true, false, ""},
      {"auth_notify", false, true, false, ""},
      {"auth_owner", false, false, true, ""},
      {"owner", false, false, true, ""},
      {"closed", false, false, false, "nobody may subscribe to this list"},
      {"invitation", false, false, false, "people join this list by invitation"},
  };
  for (const Row& row : rows) {
    BOOST_TEST_CONTEXT(row.scenario) {
      Served site(lists::Settings{{"subscribe", row.scenario}});
      const std::string scenario = row.scenario;
      const Letter answer = site.ask("new@x.example", "SUBSCRIBE dev New Person\n");
      BOOST_TEST(site.is_member("new@x.example") == row.at_once);
      if (*row.refused != '\0') {
        BOOST_TEST(answer.says(row.refused), answer.text);
        continue;
      }
      if (row.at_once) {
        BOOST_TEST(answer.says("new@x.example is a member of dev@lists.example now"), answer.text);
        BOOST_TEST(letters_to(site, "new@x.example").size() == (scenario == "open_quiet" ? 1u : 2u));
        BOOST_TEST(letters_to(site, "own@o.example").size() == (scenario == "open_notify" ? 1u : 0u));
        BOOST_TEST(site.member("dev", "new@x.example")->name == "New Person");
        continue;
      }
      if (scenario.starts_with("auth")) {
        BOOST_TEST(answer.says("new@x.example was asked to confirm"), answer.text);
        BOOST_TEST(site.confirm("new@x.example", "new@x.example").positive());
      }
      BOOST_TEST(site.is_member("new@x.example") == row.after_confirming);
      if (row.after_approval) {
        const Letter question = site.question("own@o.example");
        BOOST_TEST(question.says("subscribe new@x.example to dev@lists.example"), question.text);
        BOOST_TEST(site.confirm("own@o.example", "own@o.example").positive());
        BOOST_TEST(site.is_member("new@x.example"));
      }
      // Twice is no mistake, and asks nobody.
      BOOST_TEST(site.ask("new@x.example", "sub dev\n").says("was a member of dev@lists.example already"));
    }
  }
}

BOOST_AUTO_TEST_CASE(a_suspended_list_that_is_renamed_stays_suspended) {
  Served site;
  std::vector<std::string> suspended;
  TestSite::require(
      site.database->write_now(storage::Durability::kAccept, [&](storage::Connection& c) -> Result<void> {
        storage::SuspensionStore store(c);
        ESSAIM_TRY(store.suspend({"dev@lists.example", "storm", {}, {}, storage::SuspensionScope::kList}));
        ESSAIM_TRY(store.suspend({"other@lists.example", "", {}, {}, storage::SuspensionScope::kList}));
        lists::WriteContext context{site.services, c, site.clock.wall_now(), 1};
        lists::Request request;
        request.verb = lists::Verb::kRename;
        request.list = site.list("dev");
        request.name = "developers";
        const auto response = lists::carry_out_for_operator(context, request);
        if (!response.ok()) return response.error();
        const auto all = store.all();
        if (!all.ok()) return all.error();
        for (const auto& one : *all) suspended.push_back(one.subject + " " + one.reason);
        return {};
      }));
  const std::vector<std::string> both = {"dev@lists.example storm", "developers@lists.example storm",
                                         "other@lists.example "};
  BOOST_TEST(suspended == both, boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(a_list_is_not_renamed_to_the_command_robot) {
  Served site;
  lists::Response::Status status{};
  TestSite::require(
      site.database->write_now(storage::Durability::kAccept, [&](storage::Connection& c) -> Result<void> {
        lists::WriteContext context{site.services, c, site.clock.wall_now(), 1};
        lists::Request request;
        request.verb = lists::Verb::kRename;
        request.list = site.list("dev");
        request.list.settings["robot"] = "commands";  // of the list alone: mail does not go by it
        request.name = "sympa";
        const auto response = lists::carry_out_for_operator(context, request);
        if (!response.ok()) return response.error();
        status = response->status;
        return {};
      }));
  BOOST_TEST((status == lists::Response::Status::kRefused));
  BOOST_TEST((site.list("dev").local == "dev"));
}

BOOST_AUTO_TEST_CASE(a_name_is_kept_without_what_could_not_stand_beside_an_address) {
  Served site(lists::Settings{{"subscribe", "open"}});
  site.ask("new@x.example", "SUBSCRIBE dev Ann <ann@example.org>\n");
  BOOST_TEST(site.member("dev", "new@x.example")->name == "Ann (ann@example.org)");
}

BOOST_AUTO_TEST_CASE(nobody_is_on_a_list_without_having_confirmed_it_unless_the_list_wants_that) {
  Served site;
  site.make_list("quiet", {});
  site.ask("victim@x.example", "sub quiet\n");
  BOOST_TEST(!site.member("quiet", "victim@x.example").has_value());
  site.confirm("victim@x.example", "victim@x.example");
  BOOST_TEST(site.member("quiet", "victim@x.example").has_value());
}

BOOST_AUTO_TEST_CASE(leaving_follows_the_policy_of_the_list) {
  struct Row {
    const char* scenario;
    bool at_once, after_confirming, after_approval;
  };
  const Row rows[] = {
      {"open", true, false, false},  {"open_notify", true, false, false}, {"auth", false, true, false},
      {"owner", false, false, true}, {"closed", false, false, false},
  };
  for (const Row& row : rows) {
    BOOST_TEST_CONTEXT(row.scenario) {
      Served site(lists::Settings{{"unsubscribe", row.scenario}});
      site.ask("ann@x.example", "signoff dev\n");
      BOOST_TEST(site.is_member("ann@x.example") != row.at_once);
      if (row.after_confirming) site.confirm("ann@x.example", "ann@x.example");
      if (row.after_approval) site.confirm("own@o.example", "own@o.example");
      BOOST_TEST(site.is_member("ann@x.example") !=
                 (row.at_once || row.after_confirming || row.after_approval));
      BOOST_TEST(site.member("other", "ann@x.example").has_value());
    }
  }
}

BOOST_AUTO_TEST_CASE(nobody_is_subscribed_or_removed_by_a_stranger) {
  Served site;
  // The address concerned is asked, whatever the policy says.
  site.ask("evil@x.example", "signoff dev ann@x.example\n");
  BOOST_TEST(site.is_member("ann@x.example"));
  BOOST_TEST(site.question("ann@x.example").says("take ann@x.example off dev@lists.example"));
  for (const char* text : {"add dev bob@x.example\n", "del dev ann@x.example\n", "remind dev\n",
                           "review dev\n", "modindex dev\n"})
    BOOST_TEST(site.ask("evil@x.example", text).says("not allowed: only "), text);
  BOOST_TEST(site.is_member("ann@x.example"));
  BOOST_TEST(!site.is_member("bob@x.example"));
}

// As rules of old say it, which Sympa shipped for years.
BOOST_AUTO_TEST_CASE(a_stranger_cannot_confirm_that_somebody_else_leaves) {
  Served site;
  lists::SiteTexts texts(*site.database, site.clock);
  TestSite::require(texts.set({}, storage::TextKind::kScenario, "unsubscribe.mine",
                              "true() smtp -> request_auth\ntrue() md5 -> do_it\n"));
  TestSite::require(site.admin.set_list("dev@lists.example", {{"unsubscribe", "mine"}}));
  site.ask("evil@x.example", "signoff dev ann@x.example\n");
  BOOST_TEST(site.question("ann@x.example").says("take ann@x.example off dev@lists.example"));
  BOOST_TEST(site.is_member("ann@x.example"));
  BOOST_TEST(site.confirm("ann@x.example", "ann@x.example").positive());
  BOOST_TEST(!site.is_member("ann@x.example"));
}

BOOST_AUTO_TEST_CASE(owners_add_remove_invite_and_review) {
  Served site(lists::Settings{{"add", "owner_notify"}});
  BOOST_TEST(site.ask("own@o.example", "ADD dev bob@x.example Bob\n")
                 .says("bob@x.example is a member of dev@lists.example now"));
  BOOST_TEST(last_letter(site, "bob@x.example").subject() == "Welcome to dev@lists.example");
  BOOST_TEST(site.ask("own@o.example", "REVIEW dev\n").says("  bob@x.example  Bob"));
  site.ask("own@o.example", "QUIET DEL dev bob@x.example\n");
  BOOST_TEST(!site.is_member("bob@x.example"));
  BOOST_TEST(letters_to(site, "bob@x.example").size() == 1u);
  site.ask("ann@x.example", "invite dev bob@x.example\n");
  const Letter invitation = site.question("bob@x.example");
  BOOST_TEST(invitation.says("ann@x.example invites you, bob@x.example"));
  site.send("bob@x.example", {invitation.field("Reply-To")},
            a_mail("bob@x.example", "Re:", "with pleasure\n"));
  BOOST_TEST(site.is_member("bob@x.example"));
  BOOST_TEST(site.ask("own@o.example", "stats dev\n").says("members: 2"));
  BOOST_TEST(site.ask("own@o.example", "modindex dev\n").says("nothing waits"));
}

BOOST_AUTO_TEST_CASE(an_owner_declines_with_a_reason_and_owners_are_reminded) {
  Served site(lists::Settings{{"subscribe", "owner"}, {"approval_remind", "1d"}, {"approval_expire", "3d"}});
  site.ask("new@x.example", "sub dev\n");
  BOOST_TEST(site.ask("new@x.example", "sub dev\n").says("have been asked already"));
  BOOST_TEST(letters_to(site, "own@o.example").size() == 1u);
  site.clock.advance(std::chrono::hours(25));
  TestSite::require(lists::look_after_held(site.services));
  BOOST_TEST(last_letter(site, "own@o.example").subject().starts_with("Reminder: "));
  BOOST_TEST(site.send("own@o.example", {last_letter(site, "own@o.example").address("reject")},
                       a_mail("own@o.example", "Re:", "we do not know you\n"))
                 .positive());
  BOOST_TEST(last_letter(site, "new@x.example").says("Reason: we do not know you"));
  BOOST_TEST(!site.is_member("new@x.example"));
  site.ask("late@x.example", "sub dev\n");
  site.clock.advance(std::chrono::hours(24 * 4));
  TestSite::require(lists::look_after_held(site.services));
  BOOST_TEST(last_letter(site, "late@x.example").subject() ==
             "Expired: subscribe late@x.example to dev@lists.example");
}

BOOST_AUTO_TEST_CASE(members_see_and_change_their_options) {
  Served site(lists::Settings{{"review", "private"}});
  BOOST_TEST(site.ask("ann@x.example", "set dev nomail\n").says("were changed"));
  BOOST_TEST(!site.member("dev", "ann@x.example")->has_mail());
  BOOST_TEST(site.ask("ann@x.example", "set dev nomail\n").says("are like that already"));
  BOOST_TEST(site.ask("ann@x.example", "set * conceal\n").says("other@lists.example"));
  BOOST_TEST(site.member("dev", "ann@x.example")->conceal);
  BOOST_TEST(site.ask("ann@x.example", "set dev digest\n").says("dev@lists.example makes no digests"));
  BOOST_TEST(site.ask("new@x.example", "set dev nomail\n").says("only members have options"));
  const Letter which = site.ask("ann@x.example", "which\n");
  BOOST_TEST(which.says("dev@lists.example  member, nomail, conceal"), which.text);
  BOOST_TEST(which.says("other@lists.example  member"));
  site.join("dev", {"bob@x.example"});
  const Letter review = site.ask("bob@x.example", "review dev\n");
  BOOST_TEST(!review.says("ann@x.example"), review.text);
  BOOST_TEST(review.says("and 1 who do not show their address"));
  BOOST_TEST(site.ask("own@o.example", "review dev\n").says("ann@x.example"));
  BOOST_TEST(site.ask("ann@x.example", "signoff *\n").says("was asked to confirm"));
}

BOOST_AUTO_TEST_CASE(lists_are_named_to_who_may_see_them) {
  Served site(lists::Settings{{"visibility", "secret"}, {"description", "Developers"}});
  BOOST_TEST(site.ask("own@o.example", "lists\n").says("dev@lists.example  Developers"));
  const Letter letter = site.ask("ann@x.example", "lists\n");
  BOOST_TEST(!letter.says("dev@lists.example"));
  BOOST_TEST(letter.says("other@lists.example"));
  BOOST_TEST(site.ask("new@x.example", "lists\n").says("no lists"));
  BOOST_TEST(site.ask("new@x.example", "info dev\n").says("owners: own@o.example"));
  BOOST_TEST(site.ask("new@x.example", "info gone\n").says("there is no list gone"));
  BOOST_TEST(site.ask("new@x.example", "info dev@elsewhere.example\n").says("there is no list"));
}

BOOST_AUTO_TEST_CASE(one_mail_does_not_keep_the_database_busy) {
  Served site;
  for (int i = 0; i < 200; ++i) site.make_list("l" + std::to_string(i), {{"visibility", "conceal"}});
  site.join("l7", {"ann@x.example"});
  site.join("l8", {"ann@x.example"}, storage::Role::kOwner);
  site.join("l9", {"ann@x.example"}, storage::Role::kEditor);
  std::string text;
  for (int i = 0; i < 50; ++i) text += "LISTS\n";
  const auto before = site.database->counters().statements;
  const Letter letter = site.ask("ann@x.example", text);
  BOOST_TEST(site.database->counters().statements - before < 100U);
  for (const char* list : {"l7", "l8", "l9", "dev", "other"})
    BOOST_TEST(letter.says("  " + std::string(list) + "@lists.example\n"), letter.text);
  BOOST_TEST(!letter.says("l10@lists.example"));
  BOOST_TEST(letter.says("> LISTS\n  this stands above already, and is done once in a mail"), letter.text);
  // Others of the kind are others; who is listmaster sees everything.
  const Letter stats = site.ask("own@o.example", "stats dev\nstats other\nstats dev\n");
  BOOST_TEST(stats.says("> stats other\n  members: 1"), stats.text);
  TestSite::require(site.admin.add_listmaster("lists.example", address("master@o.example")));
  BOOST_TEST(site.ask("master@o.example", "lists\n").says("l10@lists.example"));
}

// The ledger has no index by list: what is asked by mail must not read it where the writer waits.
BOOST_AUTO_TEST_CASE(stats_cost_the_same_however_much_was_posted) {
  Served site;
  const auto cost = [&site] {
    const auto before = site.database->counters().statements;
    BOOST_TEST(site.ask("own@o.example", "stats dev\n").says("members: 1"));
    return site.database->counters().statements - before;
  };
  cost();
  const auto of_a_quiet_list = cost();
  TestSite::require(
      site.database->write_now(storage::Durability::kAccept, [&](storage::Connection& c) -> Result<void> {
        for (int i = 0; i < 50; ++i) {
          storage::PostRecord post;
          post.id = site.ids.next();
          post.list_id = site.list("dev").id;
          post.list_address = "dev@lists.example";
          post.accepted = site.clock.wall_now();
          ESSAIM_TRY(storage::PostStore(c).add(post, "Subject: x\r\n\r\nbody\r\n"));
        }
        return {};
      }));
  BOOST_TEST(cost() == of_a_quiet_list);
}

BOOST_AUTO_TEST_CASE(answers_come_in_the_askers_language) {
  Served site;
  site.make_list("quiet", {});
  BOOST_TEST(site.ask("new@x.example", "which\n", "Accept-Language: fr-CH, en;q=0.5\n")
                 .says("vous n'êtes sur aucune liste"));
  BOOST_TEST(site.ask("new@x.example", "aide\n", "Content-Language: fr\n").subject() == "Aide");
  BOOST_TEST(site.ask("new@x.example", "which\n", "Accept-Language: tlh\n").says("you are on no list"));
  site.ask("new@x.example", "sub other\n", "Accept-Language: fr\n");
  BOOST_TEST(
      last_letter(site, "new@x.example").says("new@x.example est désormais membre de other@lists.example"));
  site.ask("later@x.example", "sub quiet\n", "Accept-Language: fr\n");
  site.confirm("later@x.example", "later@x.example");  // which says nothing of languages
  BOOST_TEST(last_letter(site, "later@x.example").subject() == "Bienvenue sur quiet@lists.example");
  // It is remembered with the membership.
  BOOST_TEST(site.ask("new@x.example", "review other\n").says("non autorisé : seuls les propriétaires"));
  TestSite::require(site.admin.set_domain("lists.example", {{"language", "fr"}}));
  BOOST_TEST(site.ask("else@x.example", "which\n").says("vous n'êtes sur aucune liste"));
}

BOOST_AUTO_TEST_CASE(mail_about_a_list_is_in_its_language_for_who_names_none) {
  Served site;  // of a domain that writes English
  site.make_list("cours", {{"language", "fr"}});
  site.ask("zoe@x.example", "sub cours\n");
  BOOST_TEST(site.question("zoe@x.example").says("abonner zoe@x.example"));
  site.confirm("zoe@x.example", "zoe@x.example");
  BOOST_TEST(last_letter(site, "zoe@x.example").subject() == "Bienvenue sur cours@lists.example");
  BOOST_TEST(site.member("cours", "zoe@x.example")->language == "fr");
  site.ask("bob@x.example", "sub cours\n", "Accept-Language: en-GB\n");
  BOOST_TEST(site.question("bob@x.example").says("subscribe bob@x.example"));
}

BOOST_AUTO_TEST_CASE(what_is_wrong_with_a_command_is_told_line_by_line) {
  Served site;
  const Letter letter =
      site.ask("ann@x.example",
               "which\nadd dev\nconfirm 0123456789abcdef\nget dev log\nverify dev\nDear robot,\nlists\n");
  BOOST_TEST(letter.says("> add dev\n  add dev: ADD list address [name] is how it is written"), letter.text);
  BOOST_TEST(letter.says("there is no such key"));
  BOOST_TEST(letter.says("there are no archives by mail"));
  BOOST_TEST(letter.says("you are known as ann@x.example, by smtp"));
  BOOST_TEST(letter.says("not a command: Dear robot,"));
  BOOST_TEST(!letter.says("> lists"));
  BOOST_TEST(site.command("ann@x.example", "").to_string() ==
             "550 5.6.0 no command in it; send HELP [rule: no-command]");
}

BOOST_AUTO_TEST_CASE(machines_strangers_to_manners_and_robots_get_no_answer) {
  Served site;
  struct Row {
    const char* from;
    const char* more;
    const char* rule;
  };
  const Row rows[] = {
      {"", "", "null-sender"},
      {"ann@x.example", "Auto-Submitted: auto-replied\n", "automatic"},
      {"ann@x.example", "Precedence: bulk\n", "automatic"},
      {"ann@x.example", "List-Id: <x.y.example>\n", "automatic"},
      {"ann@x.example", "X-Loop: sympa@lists.example\n", "loop"},
  };
  for (const Row& row : rows) {
    for (const char* to : {kRobot, "dev-subscribe@lists.example", "dev-unsubscribe@lists.example"}) {
      if (std::string(row.rule) == "loop" && to != kRobot) continue;
      const auto reply = site.send(row.from, {to}, a_mail("ann@x.example", "", "which\n", row.more));
      BOOST_TEST(reply.text.find("[rule: " + std::string(row.rule) + "]") != std::string::npos,
                 reply.to_string());
    }
  }
  // Another robot that answers our answers: it is told so much, and then the dialogue ends it.
  int answered = 0;
  smtp::Reply last;
  for (int i = 0; i < 40; ++i) {
    last = site.command("robot@y.example", "Unknown command: hello\n");
    answered += last.positive() ? 1 : 0;
  }
  BOOST_TEST(answered == 30);
  BOOST_TEST(last.to_string() == "550 5.7.1 too many commands from you within the hour [rule: rate]");
  BOOST_TEST(site.posts().size() == 30u);
  // A member's robot is none the less one. Where no robot answers us, it comes again, whoever it is.
  for (int i = 0; i < 31; ++i) last = site.command("ann@x.example", "Unknown command: hello\n");
  BOOST_TEST(last.to_string() == "550 5.7.1 too many commands from you within the hour [rule: rate]");
  for (const char* who : {"ann@x.example", "robot@y.example"}) {
    last = site.send(who, {"dev-unsubscribe@lists.example"}, a_mail(who, "", ""));
    BOOST_TEST(last.to_string() == "450 4.7.1 too many commands from you within the hour [rule: rate]");
  }
}

BOOST_AUTO_TEST_CASE(the_addresses_of_a_list_take_what_belongs_to_them) {
  Served site;
  const auto to = [&](const std::string& address, const std::string& subject) {
    return site.send("new@x.example", {address}, a_mail("New Person <new@x.example>", subject, "text\n"));
  };
  BOOST_TEST(to("dev-subscribe@lists.example", "whatever").positive());
  BOOST_TEST(site.member("dev", "new@x.example")->name == "New Person");
  BOOST_TEST(to("dev-unsubscribe@lists.example", "whatever").positive());
  BOOST_TEST(site.question("new@x.example").says("take new@x.example off dev@lists.example"));
  site.confirm("new@x.example", "new@x.example");
  const auto again = to("dev-unsubscribe@lists.example", "x");
  BOOST_TEST(
      again.text.ends_with("; write from the address that is one; questions: dev-owner@lists.example "
                           "[rule: not-a-member]"));
  BOOST_TEST(to("dev-request@lists.example", "subscribe").positive());
  BOOST_TEST(site.is_member("new@x.example"));
  // Anything else is for the owners.
  BOOST_TEST(to("dev-request@lists.example", "Why was I removed?").positive());
  bool forwarded = false;
  for (const auto& post : site.posts())
    forwarded = forwarded || (post.kind == storage::PostKind::kForward &&
                              site.recipients(post.id).front() == "own@o.example");
  BOOST_TEST(forwarded);
  TestSite::require(site.admin.set_list("dev@lists.example", {{"subscribe", "closed"}}));
  const auto closed =
      site.send("else@x.example", {"dev-subscribe@lists.example"}, a_mail("else@x.example", "", ""));
  BOOST_TEST(closed.to_string() ==
             "550 5.7.2 dev@lists.example: nobody may subscribe to this list; questions: "
             "dev-owner@lists.example [rule: subscribe.closed:5]");
}

BOOST_AUTO_TEST_CASE(one_mail_to_several_addresses_asks_each_of_them) {
  Served site;
  for (const char* list : {"dev", "other"})
    TestSite::require(site.admin.set_list(list + std::string("@lists.example"), {{"unsubscribe", "auth"}}));
  const std::string leaving = a_mail("ann@x.example", "", "which\n");
  BOOST_TEST(site.send("ann@x.example", {"dev-unsubscribe@lists.example", "other-unsubscribe@lists.example"},
                       leaving)
                 .positive());
  const auto questions = letters_to(site, "ann@x.example");
  BOOST_REQUIRE(questions.size() == 2U);
  for (const char* list : {"dev", "other"}) {
    const std::string words = std::string("take ann@x.example off ") + list + "@lists.example";
    BOOST_TEST((questions[0].says(words) || questions[1].says(words)), words);
  }
  // Later, too: to the robot, and what was taken is known again.
  BOOST_TEST(site.send("ann@x.example", {kRobot}, leaving).positive());
  BOOST_TEST(last_letter(site, "ann@x.example").says("dev@lists.example  member"));
  for (const char* to : {"dev-unsubscribe@lists.example", kRobot}) {
    const auto again = site.send("ann@x.example", {to}, leaving);
    BOOST_TEST(again.text.find("commands taken before as ") != std::string::npos, again.to_string());
  }
  BOOST_TEST(letters_to(site, "ann@x.example").size() == 3U);
  // To join by the one address of a list and leave by another.
  const std::string both = a_mail("new@x.example", "subscribe", "text\n");
  BOOST_TEST(site.send("new@x.example", {"dev-request@lists.example"}, both).positive());
  BOOST_TEST(site.is_member("new@x.example"));
  BOOST_TEST(site.send("new@x.example", {"dev-unsubscribe@lists.example"}, both).positive());
  BOOST_TEST(site.question("new@x.example").says("take new@x.example off dev@lists.example"));
}

BOOST_AUTO_TEST_CASE(real_mail_programs_are_understood) {
  struct Row {
    const char* what;
    const char* head;
    const char* body;
  };
  const Row rows[] = {
      {"base64 in UTF-8",
       "MIME-Version: 1.0\nContent-Type: text/plain; charset=UTF-8\nContent-Transfer-Encoding: base64\n",
       "c3ViIGRldiBSZW7DqQo=\n"},
      {"quoted-printable in latin1",
       "MIME-Version: 1.0\nContent-Type: text/plain; charset=iso-8859-1\nContent-Transfer-Encoding: "
       "quoted-printable\n",
       "sub dev Ren=E9\n"},
      {"HTML alone", "MIME-Version: 1.0\nContent-Type: text/html; charset=utf-8\n",
       "<html><head><style>x</style></head><body><div dir=\"ltr\">sub&nbsp;dev "
       "Ren&#233;<br></div></body></html>\n"},
      {"both, the text first", "MIME-Version: 1.0\nContent-Type: multipart/alternative; boundary=\"b\"\n",
       "--b\nContent-Type: text/plain; charset=utf-8; format=flowed\n\nsub dev Ren\xC3\xA9\n\n-- \nSent from "
       "my phone\n--b\nContent-Type: "
       "text/html\n\n<p>sub dev</p>\n--b--\n"},
  };
  for (const Row& row : rows) {
    BOOST_TEST_CONTEXT(row.what) {
      Served site;
      site.command("new@x.example", row.body, row.head);
      BOOST_REQUIRE(site.is_member("new@x.example"));
      BOOST_TEST(site.member("dev", "new@x.example")->name == "René");
    }
  }
}

BOOST_AUTO_TEST_CASE(keys_are_good_once_in_time_and_for_whoever_has_them) {
  Served site(lists::Settings{{"subscribe", "auth"}});
  site.ask("new@x.example", "sub dev\n");
  const Letter question = site.question("new@x.example");
  BOOST_TEST(site.ask("new@x.example", "sub dev\n").says("has been asked to confirm already"));
  // By command, from another address: the key is the authority.
  site.command("new@home.example", "CONFIRM " + question.key() + "\n");
  BOOST_TEST(site.is_member("new@x.example"));
  BOOST_TEST(site.ask("new@home.example", "CONFIRM " + question.key() + "\n").says("this was done already"));
  BOOST_TEST(site.ask("x@y.example", "DISTRIBUTE dev " + question.key() + "\n").says("there is no such key"));
  site.ask("late@x.example", "sub dev\n");
  const std::string key = site.question("late@x.example").key();
  site.clock.advance(std::chrono::hours(24 * 8));
  // Told in the dialogue, whether the job that looks after it has been there or not.
  for (const bool looked_after : {false, true}) {
    if (looked_after) TestSite::require(lists::look_after_held(site.services));
    const auto reply = site.send("late@x.example", {"confirm+" + key + "@lists.example"},
                                 a_mail("late@x.example", "Re: x", "yes\n"));
    BOOST_TEST(reply.to_string().find("too late, this has expired [rule: expired-key]") != std::string::npos,
               reply.to_string());
  }
  BOOST_TEST(site.ask("late@x.example", "CONFIRM " + key + "\n").says("this has expired"));
  BOOST_TEST(!site.is_member("late@x.example"));
}

BOOST_AUTO_TEST_CASE(templates_of_the_site_take_the_place_of_ours) {
  Served site;
  const auto set = [&](Id owner, const std::string& name, const std::string& text, storage::TextScope scope) {
    TestSite::require(site.database->write_now(storage::Durability::kAccept, [&](storage::Connection& c) {
      storage::TextRecord record;
      record.owner = owner;
      record.kind = storage::TextKind::kTemplate;
      record.name = name;
      record.text = text;
      return storage::TextStore(c).set(record, scope);
    }));
  };
  set(0, "welcome", "Subject: Hi {{email}}\n\nSite\n", {});
  site.command("a@x.example", "sub dev\n");
  const auto welcome = [&](const std::string& who) {
    for (const Letter& letter : letters_to(site, who)) {
      if (letter.field("Subject") != "Results of your commands") return letter;
    }
    return Letter{};
  };
  BOOST_TEST(welcome("a@x.example").subject() == "Hi a@x.example");
  BOOST_TEST(welcome("a@x.example").text == "Site\n");
  const auto dev = site.list("dev");
  set(dev.id, "welcome.fr", "Sur {{list}}\n", {dev.id, dev.domain_id});
  site.command("b@x.example", "sub dev\n", "Accept-Language: fr\n");
  bool found = false;
  for (const Letter& letter : letters_to(site, "b@x.example"))
    found = found || (letter.subject() == "Bienvenue sur dev@lists.example" &&
                      letter.text == "Sur dev@lists.example\n");
  BOOST_TEST(found);
  // One that another version left and that cannot be filled: ours is used.
  set(dev.id, "welcome", "{{#open}\n", {dev.id, dev.domain_id});
  LogLines log;
  site.command("c@x.example", "sub dev\n");
  BOOST_TEST(welcome("c@x.example").says("now are a member of the list"));
  BOOST_TEST(log.has({"template-unusable"}));
  BOOST_TEST(site.is_member("c@x.example"));
}

BOOST_AUTO_TEST_CASE(rules_on_networks_know_behind_a_confirmation_where_the_request_came_from) {
  Served site;
  lists::SiteTexts texts(*site.database, site.clock);
  TestSite::require(texts.set({}, storage::TextKind::kScenario, "subscribe.mine",
                              "true() smtp -> request_auth\n!verify_netmask('10.0.0.0/8') md5 -> owner\n"
                              "true() md5 -> do_it\n"));
  TestSite::require(site.admin.set_list("dev@lists.example", {{"subscribe", "mine"}}));
  for (const bool inside : {true, false}) {
    const std::string who = inside ? "in@x.example" : "out@x.example";
    site.client_ip = inside ? "10.1.2.3" : "192.0.2.1";
    site.ask(who, "sub dev\n");
    BOOST_TEST(site.confirm(who, who).positive());
    BOOST_TEST(site.is_member(who) == inside);
  }
}

BOOST_AUTO_TEST_CASE(who_is_refused_by_a_template_of_sympa_does_not_hear_its_name) {
  Served site;
  lists::SiteTexts texts(*site.database, site.clock);
  TestSite::require(
      texts.set({}, storage::TextKind::kScenario, "review.mine", "true() smtp -> reject(tt2='no_way')\n"));
  TestSite::require(site.admin.set_list("dev@lists.example", {{"review", "mine"}}));
  const Letter answer = site.ask("ann@x.example", "review dev\n");
  BOOST_TEST(answer.says("not allowed: no rule allows it"), answer.text);
  BOOST_TEST(!answer.says("no_way"), answer.text);
}

BOOST_AUTO_TEST_CASE(two_requests_that_want_different_things_wait_beside_each_other) {
  Served site;
  const auto configure = [&](const std::string& footer) {
    lists::Request request;
    request.verb = lists::Verb::kConfigure;
    request.list = site.list("dev");
    request.changes["footer"] = footer;
    lists::Requester by;
    by.address = address("own@o.example");
    by.language = "en";
    TestSite::require(
        site.database->write_now(storage::Durability::kAccept, [&](storage::Connection& c) -> Result<void> {
          lists::WriteContext context{site.services, c, site.clock.wall_now(), 1};
          auto response = lists::carry_out(context, request, by);
          return response.ok() ? Result<void>() : response.error();
        }));
  };
  configure("one");
  configure("one");
  configure("two");
  BOOST_TEST(letters_to(site, "own@o.example").size() == 2U);
  site.confirm("own@o.example", "own@o.example");
  BOOST_TEST(site.list("dev").settings.at("footer") == "two");
}

BOOST_AUTO_TEST_CASE(who_takes_somebody_else_off_all_lists_learns_nothing_of_them) {
  Served site;
  const Letter told = site.ask("evil@x.example", "signoff * ann@x.example\n");
  BOOST_TEST(told.says("ann@x.example was asked to confirm"), told.text);
  BOOST_TEST(!told.says("dev@lists.example"));
  const Letter nobody = site.ask("evil@x.example", "signoff * nobody@x.example\n");
  BOOST_TEST(nobody.says("nobody@x.example was asked to confirm"));
  BOOST_TEST(letters_to(site, "ann@x.example").size() == 2U);  // one for each list
  BOOST_TEST(site.is_member("ann@x.example"));
}

BOOST_AUTO_TEST_SUITE_END()
