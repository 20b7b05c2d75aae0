// Scenarios, filters and templates as the operator keeps them: what is broken is refused, what is in force stays.
#include "lists/authorisation.h"
#include "lists/site_texts.h"
#include "tests/lists/site.h"

using namespace essaim;
using namespace essaim::test;
using storage::TextKind;

namespace {

constexpr const char* kGood =
    "equal([sender],'x@y.example') smtp -> reject(reason='not you')\ntrue() smtp -> do_it\n";

struct Kept : TestSite {
  Kept() : texts(*database, clock) {
    make_list("dev", {});
    make_list("other", {});
  }
  std::string set(const lists::TextPlace& place, TextKind kind, const std::string& name,
                  const std::string& text) {
    const auto done = texts.set(place, kind, name, text);
    if (!done.ok()) return done.error().message;
    return *done == lists::Change::kDone ? "done" : "already";
  }
  // "do_it send.mine:2"
  std::string decision(const std::string& sender, const std::string& local = "dev") {
    std::string out;
    const auto record = list(local);
    read([&](storage::Connection& c) {
      lists::scenario::Question question;
      question.sender = sender;
      question.listname = record.local;
      question.domain = record.domain;
      auto decided = lists::authorise(services, &c, record, "send", question);
      require(decided);
      out = decided->action.to_string() + " " + decided->rule;
    });
    return out;
  }
  lists::SiteTexts texts;
  const lists::TextPlace dev{"dev@lists.example", ""}, domain{"", "lists.example"}, site{};
};

}  // namespace

BOOST_AUTO_TEST_SUITE(site_texts)

BOOST_AUTO_TEST_CASE(a_scenario_is_found_from_the_list_outwards_and_at_once) {
  Kept kept;
  BOOST_TEST(kept.set(kept.site, TextKind::kScenario, "send.mine", kGood) == "done");
  BOOST_TEST(kept.set(kept.site, TextKind::kScenario, "send.mine", kGood) == "already");
  TestSite::require(kept.admin.set_list("dev@lists.example", {{"send", "mine"}}));
  BOOST_TEST(kept.decision("x@y.example") == "reject(reason='not you') send.mine:1");
  BOOST_TEST(kept.decision("z@y.example") == "do_it send.mine:2");
  BOOST_TEST(kept.set(kept.domain, TextKind::kScenario, "send.mine", "true() smtp -> editorkey\n") == "done");
  BOOST_TEST(kept.decision("x@y.example") == "editorkey send.mine:1");
  BOOST_TEST(kept.set(kept.dev, TextKind::kScenario, "send.mine", "\ntrue() smtp -> do_it\n") == "done");
  BOOST_TEST(kept.decision("x@y.example") == "do_it send.mine:2");
  BOOST_TEST((kept.texts.show(kept.dev, TextKind::kScenario, "send.mine")->from == "list"));
  TestSite::require(kept.texts.remove(kept.dev, TextKind::kScenario, "send.mine"));
  BOOST_TEST(kept.decision("x@y.example") == "editorkey send.mine:1");
  // Shipped ones can be overlaid, too.
  BOOST_TEST(
      kept.decision("x@y.example", "other").starts_with("reject(reason='send_subscriber') send.private:"));
  BOOST_TEST(kept.set(kept.site, TextKind::kScenario, "send.private", "true() smtp -> do_it\n") == "done");
  BOOST_TEST(kept.decision("x@y.example", "other") == "do_it send.private:1");
}

BOOST_AUTO_TEST_CASE(a_broken_text_is_refused_with_its_place_and_the_one_in_force_stays) {
  Kept kept;
  BOOST_TEST(kept.set(kept.dev, TextKind::kScenario, "send.mine", kGood) == "done");
  TestSite::require(kept.admin.set_list("dev@lists.example", {{"send", "mine"}}));
  struct Row {
    TextKind kind;
    const char* name;
    const char* text;
    const char* wrong;
  };
  const Row rows[] = {
      {TextKind::kScenario, "send.mine", "true() smtp -> do_it\ntrue() smtp -> editorky\n",
       "send.mine, line 2, column 16: there is no action 'editorky'"},
      {TextKind::kScenario, "send.mine", "match([sender],/(/) smtp -> do_it\n", "send.mine, line 1, column"},
      {TextKind::kScenario, "send.mine", "include nowhere\n", "nowhere"},
      {TextKind::kScenario, "send.mine", "true() md5 -> do_it\ntrue() smtp -> request_auth,editor\n",
       "send.mine, line 2: a post that was confirmed is not passed on to the editors; "
       "request_auth,editorkey"},
      {TextKind::kScenario, "snd.mine", "true() smtp -> do_it\n", "did you mean 'send'?"},
      {TextKind::kScenario, "send.../x", "true() smtp -> do_it\n", "is no name"},
      {TextKind::kFilter, "friends", "a@b.example\n", "a filter is named like friends.txt"},
      {TextKind::kFilter, "blacklist.txt", "*@b.example\n", "is called blocklist.txt"},
      {TextKind::kTemplate, "welcom", "x\n", "did you mean 'welcome'?"},
      {TextKind::kTemplate, "welcome.tlh", "x\n", "none of the languages"},
      {TextKind::kTemplate, "welcome", "{{#list}}\n", "welcome: "},
  };
  for (const Row& row : rows) {
    const std::string said = kept.set(kept.dev, row.kind, row.name, row.text);
    BOOST_TEST(said.find(row.wrong) != said.npos, row.name << ": " << said);
  }
  BOOST_TEST(kept.decision("x@y.example") == "reject(reason='not you') send.mine:1");
  // Of requests the editors are asked.
  BOOST_TEST(kept.set(kept.dev, TextKind::kScenario, "subscribe.mine",
                      "true() smtp -> request_auth,editor\n") == "done");
}

// Templates of Sympa have no words here: their names are those of reasons, or say nothing.
BOOST_AUTO_TEST_CASE(the_name_of_a_template_is_told_to_nobody) {
  Kept kept;
  const std::string text =
      "equal([sender],'x@y.example') smtp -> reject(tt2='no_way')\n"
      "equal([sender],'y@y.example') smtp -> reject('send_owner.tt2')\n"
      "true() smtp -> reject(tt2='no_way',reason='by hand only')\n";
  BOOST_TEST(kept.set(kept.dev, TextKind::kScenario, "send.mine", text) == "done");
  TestSite::require(kept.admin.set_list("dev@lists.example", {{"send", "mine"}}));
  for (const auto& [sender, words] : {std::pair<const char*, const char*>{"x@y.example", "no rule allows it"},
                                      {"y@y.example", "only owners may post to this list"},
                                      {"z@y.example", "by hand only"}}) {
    const std::string reply = kept.send(sender, {"dev@lists.example"}, a_post(sender)).to_string();
    BOOST_TEST(reply.find(words) != reply.npos, reply);
    BOOST_TEST(reply.find("no_way") == reply.npos, reply);
  }
  const std::string by_name =
      "equal([sender],'v@y.example') smtp -> reject(reason='send_local_user')\n"
      "equal([sender],'w@y.example') smtp -> reject(reason='subscribe_closed')\n";
  BOOST_TEST(lists::rejections_without_words("send.mine", text + by_name + text) ==
                 (std::vector<std::string>{"no_way", "send_local_user"}),
             boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(what_is_included_must_not_spoil_what_includes_it) {
  Kept kept;
  BOOST_TEST(kept.set(kept.dev, TextKind::kScenario, "include.common", kGood) == "done");
  BOOST_TEST(kept.set(kept.dev, TextKind::kScenario, "send.mine", "include common\n") == "done");
  TestSite::require(kept.admin.set_list("dev@lists.example", {{"send", "mine"}}));
  const std::string said = kept.set(kept.dev, TextKind::kScenario, "include.common", "include common\n");
  BOOST_TEST(said.starts_with("with it send.mine cannot be used: "), said);
  BOOST_TEST(kept.decision("z@y.example") == "do_it include.common:2");
}

BOOST_AUTO_TEST_CASE(a_scenario_that_a_list_uses_cannot_be_taken_away) {
  Kept kept;
  BOOST_TEST(kept.set(kept.domain, TextKind::kScenario, "send.mine", kGood) == "done");
  TestSite::require(kept.admin.set_list("dev@lists.example", {{"send", "mine"}}));
  const auto removed = kept.texts.remove(kept.domain, TextKind::kScenario, "send.mine");
  BOOST_TEST((!removed.ok() && removed.error().code == ErrorCode::kConflict));
  BOOST_TEST(kept.decision("z@y.example") == "do_it send.mine:2");
  TestSite::require(kept.admin.set_list("dev@lists.example", {{"send", std::nullopt}}));
  BOOST_TEST((*kept.texts.remove(kept.domain, TextKind::kScenario, "send.mine") == lists::Change::kDone));
}

BOOST_AUTO_TEST_CASE(a_filter_that_rules_of_a_list_search_cannot_be_taken_away) {
  Kept kept;
  const std::string friends = "friends.txt";
  BOOST_TEST(kept.set(kept.dev, TextKind::kScenario, "send.early", "search(friends.txt) smtp -> do_it\n") ==
             "done");
  const auto missing = [&](const std::string& file) {
    std::vector<std::string> out;
    TestSite::require(kept.database->read_now([&](storage::Connection& c) -> Result<void> {
      auto place = lists::record_of(c, kept.dev);
      if (!place.ok()) return place.error();
      auto found = lists::missing_filters(c, *place, file);
      if (!found.ok()) return found.error();
      out = *std::move(found);
      return {};
    }));
    return out;
  };
  BOOST_TEST(missing("send.early") == std::vector<std::string>{friends}, boost::test_tools::per_element());
  BOOST_TEST(missing("send.private").empty());
  BOOST_TEST(kept.set(kept.domain, TextKind::kFilter, friends, "z@y.example\n") == "done");
  BOOST_TEST(missing("send.early").empty());
  BOOST_TEST(kept.set(kept.dev, TextKind::kScenario, "include.friends",
                      "search(friends.txt) smtp,dkim,md5 -> do_it\n") == "done");
  BOOST_TEST(kept.set(kept.dev, TextKind::kScenario, "send.mine", "include friends\n") == "done");
  TestSite::require(kept.admin.set_list("dev@lists.example", {{"send", "mine"}}));
  const auto removed = kept.texts.remove(kept.domain, TextKind::kFilter, friends);
  BOOST_REQUIRE(!removed.ok());
  BOOST_TEST((removed.error().code == ErrorCode::kConflict));
  BOOST_TEST(removed.error().message ==
             "dev@lists.example searches friends.txt in send.mine: change that first");
  BOOST_TEST(kept.decision("z@y.example").starts_with("do_it include.friends:1"));
  // One that there is on another level, too, may go; and one that nobody searches any more.
  BOOST_TEST(kept.set(kept.dev, TextKind::kFilter, friends, "z@y.example\n") == "done");
  BOOST_TEST((*kept.texts.remove(kept.domain, TextKind::kFilter, friends) == lists::Change::kDone));
  BOOST_TEST(!kept.texts.remove(kept.dev, TextKind::kFilter, friends).ok());
  TestSite::require(kept.admin.set_list("dev@lists.example", {{"send", std::nullopt}}));
  BOOST_TEST((*kept.texts.remove(kept.dev, TextKind::kFilter, friends) == lists::Change::kDone));
}

// Within the transaction that takes the text away, which keeps everything else from being written.
BOOST_AUTO_TEST_CASE(lists_that_have_the_same_rules_are_looked_at_once_when_a_text_of_them_goes) {
  Kept kept;
  const std::string friends = "friends.txt";
  for (const auto& place : {kept.site, kept.domain}) {
    BOOST_TEST(kept.set(place, TextKind::kFilter, friends, "z@y.example\n") == "done");
    BOOST_TEST(kept.set(place, TextKind::kScenario, "send.mine", "search(friends.txt) smtp -> do_it\n") ==
               "done");
  }
  TestSite::require(kept.admin.set_domain("lists.example", {{"send", "mine"}}));
  const auto make = [&](int from, int to) {
    for (int i = from; i < to; ++i) kept.make_list("l" + std::to_string(i));
  };
  make(100, 110);
  // Some have texts of their own, or are asked otherwise.
  BOOST_TEST(kept.set({"l101@lists.example", ""}, TextKind::kScenario, "send.other",
                      "true() smtp -> do_it\n") == "done");
  TestSite::require(kept.admin.set_list("l102@lists.example", {{"use_blocklist", "subscribe"}}));
  const auto cost_of_going = [&](TextKind kind, const std::string& name) {
    const auto shown = kept.texts.show(kept.domain, kind, name);
    TestSite::require(shown);
    const auto before = kept.database->counters().statements;
    BOOST_TEST((*kept.texts.remove(kept.domain, kind, name) == lists::Change::kDone));
    const auto after = kept.database->counters().statements;
    BOOST_TEST(kept.set(kept.domain, kind, name, shown->text) == "done");
    return after - before;
  };
  const auto of_filter = cost_of_going(TextKind::kFilter, friends);
  const auto of_scenario = cost_of_going(TextKind::kScenario, "send.mine");
  make(110, 200);
  BOOST_TEST(cost_of_going(TextKind::kFilter, friends) == of_filter);
  BOOST_TEST(cost_of_going(TextKind::kScenario, "send.mine") == of_scenario);
  // Whoever is left without it is found behind all that are not.
  TestSite::require(kept.admin.set_domain("lists.example", {{"send", std::nullopt}}));
  TestSite::require(kept.admin.set_list("l199@lists.example", {{"send", "mine"}}));
  TestSite::require(kept.texts.remove(kept.site, TextKind::kFilter, friends));
  const auto filter = kept.texts.remove(kept.domain, TextKind::kFilter, friends);
  BOOST_REQUIRE(!filter.ok());
  BOOST_TEST(filter.error().message ==
             "l199@lists.example searches friends.txt in send.mine: change that first");
  TestSite::require(kept.texts.remove(kept.site, TextKind::kScenario, "send.mine"));
  const auto scenario = kept.texts.remove(kept.domain, TextKind::kScenario, "send.mine");
  BOOST_REQUIRE(!scenario.ok());
  BOOST_TEST(scenario.error().message ==
             "l199@lists.example uses send.mine: set its send to another scenario first");
}

BOOST_AUTO_TEST_CASE(blocking_counts_at_every_level_and_can_be_undone) {
  Kept kept;
  TestSite::require(kept.admin.set_list("dev@lists.example", {{"send", "public"}}));
  TestSite::require(kept.texts.block(kept.site, "*@Bad.example"));
  TestSite::require(kept.texts.block(kept.dev, "x@y.example"));
  BOOST_TEST(kept.decision("a@bad.example").starts_with("reject"));
  BOOST_TEST(kept.decision("x@y.example").starts_with("reject"));
  BOOST_TEST(kept.decision("z@y.example").starts_with("do_it"));
  BOOST_TEST((*kept.texts.block(kept.dev, "X@y.example") == lists::Change::kAlready));
  TestSite::require(kept.texts.unblock(kept.dev, "x@y.example"));
  BOOST_TEST(kept.decision("x@y.example").starts_with("do_it"));
  BOOST_TEST(!kept.texts.block(kept.dev, "# nobody").ok());
}

BOOST_AUTO_TEST_CASE(post_and_send_say_the_same_and_the_later_one_counts) {
  Kept kept;
  TestSite::require(kept.admin.set_list("dev@lists.example", {{"post", "anyone"}}));
  BOOST_TEST(kept.decision("z@y.example").starts_with("do_it send.public"));
  TestSite::require(kept.admin.set_list("dev@lists.example", {{"send", "closed"}}));
  BOOST_TEST(kept.decision("z@y.example").find("send.closed") != std::string::npos);
  TestSite::require(kept.admin.set_list("dev@lists.example", {{"post", "anyone"}}));
  BOOST_TEST(kept.decision("z@y.example").starts_with("do_it send.public"));
}

BOOST_AUTO_TEST_CASE(a_scenario_that_is_missing_or_cannot_be_read_defers_mail_and_requests_until_it_can) {
  Kept kept;
  kept.join("dev", {"ann@x.example"});
  const auto post = [&](const std::string& id) {
    return kept.send("ann@x.example", {"dev@lists.example"}, a_post("ann@x.example", id)).to_string();
  };
  const auto in_store = [&](const std::function<Result<void>(storage::Connection&)>& work) {
    TestSite::require(kept.database->write_now(storage::Durability::kAccept, work));
  };
  const auto id = kept.list("dev").id;
  LogLines log;
  // As another version or an old backup leaves it, past all checks.
  in_store([&](storage::Connection& c) {
    return storage::DirectoryStore(c).set_list(id, {{"send", "gone"}, {"subscribe", "gone"}});
  });
  BOOST_TEST(post("<1@x>").starts_with("451 4.3.0 "));
  BOOST_TEST(log.has({"rules-unusable", "list=dev@lists.example", "send.gone"}));
  BOOST_TEST(kept.send("new@n.example", {"dev-subscribe@lists.example"}, a_post("new@n.example", "<2@x>"))
                 .to_string()
                 .starts_with("451 4.3.0 "));
  const auto keep = [&](const std::string& text) {
    in_store([&](storage::Connection& c) {
      return storage::TextStore(c).set({id, TextKind::kScenario, "send.gone", text, {}, "x"}, {id, 0});
    });
  };
  keep("true() smtp -> a_new_action\n");
  BOOST_TEST(post("<3@x>").starts_with("451 4.3.0 "));
  BOOST_TEST(log.has({"rules-unusable", "a_new_action"}));
  keep("search(friends.txt) smtp -> reject\ntrue() smtp -> do_it\n");
  // A filter likewise: whom it holds nobody knows.
  BOOST_TEST(post("<4@x>").starts_with("451 4.3.0 "));
  BOOST_TEST(log.has({"rules-unusable", "there is no friends.txt"}));
  keep("search(friends.sql) smtp -> reject\ntrue() smtp -> do_it\n");
  BOOST_TEST(post("<6@x>").starts_with("451 4.3.0 "));
  BOOST_TEST(log.has({"rules-unusable", "there is no friends.sql"}));
  // (A blocklist that nobody has begun blocks nobody.)
  keep("search(blocklist.txt) smtp -> reject\ntrue() smtp -> do_it\n");
  BOOST_TEST(post("<7@x>").starts_with("250 "));
  keep("search(friends.txt) smtp -> reject\ntrue() smtp -> do_it\n");
  in_store([&](storage::Connection& c) {
    return storage::TextStore(c).set({id, TextKind::kFilter, "friends.txt", "not an address\n", {}, "x"},
                                     {id, 0});
  });
  BOOST_TEST(post("<5@x>").starts_with("451 4.3.0 "));
  BOOST_TEST(log.has({"rules-unusable", "friends.txt"}));
}

BOOST_AUTO_TEST_CASE(a_filter_that_asks_others_is_checked_when_saved_and_without_them_defers) {
  Kept kept;
  kept.join("dev", {"ann@x.example"});
  BOOST_TEST(kept.set(kept.dev, TextKind::kFilter, "staff.sql", "db_type x\n") ==
             "staff.sql: there is no db_name");
  BOOST_TEST(kept.set(kept.dev, TextKind::kFilter, "staff.sql",
                      "db_type SQLite\ndb_name /x\nstatement SELECT [sender]\n") == "done");
  BOOST_TEST(kept.set(kept.dev, TextKind::kScenario, "send.mine",
                      "search(staff.sql) smtp -> do_it\ntrue() smtp -> reject\n") == "done");
  TestSite::require(kept.admin.set_list("dev@lists.example", {{"send", "mine"}}));

  // What is not known at once is asked for, and decided once more when it has come.
  struct Answers : lists::Sources {
    Result<bool> holds(const lists::scenario::SourceFilter&,
                       const std::vector<std::string>& values) override {
      asked = values;
      if (known) return yes;
      return Error{ErrorCode::kTemporary, "it is being asked"};
    }
    std::uint64_t answers() const override { return known ? 1 : 0; }
    bool settle(std::uint64_t, std::function<void()> done) override {
      if (!comes) return false;
      known = true;
      done();
      return true;
    }
    bool known = false, comes = true, yes = true;
    std::vector<std::string> asked;
  } answers;
  const auto post = [&](const std::string& id) {
    return kept.send("ann@x.example", {"dev@lists.example"}, a_post("Ann@x.example", id)).to_string();
  };
  BOOST_TEST(post("<1@x>").starts_with("451 4.3.0 "));  // nobody to ask
  kept.services.sources = &answers;
  BOOST_TEST(post("<2@x>").starts_with("250 "));
  BOOST_TEST(answers.asked == std::vector<std::string>{"ann@x.example"});
  answers.yes = false;
  BOOST_TEST(post("<3@x>").starts_with("550 5.7.2 "));
  // Whatever rules know may be asked with; what is not known, or longer than anybody asks, holds nobody.
  answers.yes = true;
  BOOST_TEST(kept.set(kept.dev, TextKind::kFilter, "staff.sql",
                      "db_type SQLite\ndb_name /x\nstatement SELECT [email] [listname] [robot] [list->lang] "
                      "[subscriber->gecos] [msg_header->X-Room][0] [is_bcc]\n") == "done");
  TestSite::require(kept.admin.set_member("dev@lists.example", storage::Role::kMember,
                                          address("ann@x.example"), std::nullopt, "Ann Bee"));
  const auto post_with = [&](const std::string& id, const std::string& room) {
    return kept
        .send("ann@x.example", {"dev@lists.example"},
              a_post("ann@x.example", id, "X-Room: " + room + "\nX-Room: second\n"))
        .to_string();
  };
  BOOST_TEST(post_with("<5@x>", "=?utf-8?q?caf=C3=A9?=").starts_with("250 "));
  BOOST_TEST(answers.asked == (std::vector<std::string>{"ann@x.example", "dev", "lists.example", "en",
                                                        "Ann Bee", "caf\xC3\xA9", "0"}));
  answers.asked.clear();
  BOOST_TEST(post_with("<6@x>", std::string(1001, 'a')).starts_with("550 5.7.2 "));
  BOOST_TEST(kept.set(kept.dev, TextKind::kFilter, "staff.sql",
                      "db_type SQLite\ndb_name /x\nstatement SELECT [custom_vars->room]\n") == "done");
  BOOST_TEST(post_with("<7@x>", "x").starts_with("550 5.7.2 "));
  BOOST_TEST(answers.asked.empty());
  BOOST_TEST(kept.set(kept.dev, TextKind::kFilter, "staff.sql",
                      "db_type SQLite\ndb_name /x\nstatement SELECT [sender]\n") == "done");
  answers.known = answers.comes = false;
  BOOST_TEST(post("<4@x>").starts_with("451 4.3.0 "));
  kept.services.sources = nullptr;
}

BOOST_AUTO_TEST_SUITE_END()
