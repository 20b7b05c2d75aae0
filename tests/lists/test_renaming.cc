// Lists that are called otherwise, in their domain or in another one: what was sent before, and what others have of them.
#include <algorithm>
#include <string>
#include <vector>

#include "lists/requests/renaming.h"
#include "storage/directory_store.h"
#include "storage/node_store.h"
#include "storage/text_store.h"
#include "tests/lists/served.h"

using namespace essaim;
using namespace essaim::test;

namespace {

using Names = std::vector<std::string>;

struct Moving : Served {
  explicit Moving(const lists::Settings& settings = {}) : Served(settings) {
    require(admin.create_domain("team.example"));
  }
  lists::Renaming rename(const std::string& from, const std::string& to, bool dry_run = false) {
    lists::Renaming what;
    const auto change = admin.rename_list(from, to, dry_run, &what);
    BOOST_REQUIRE_MESSAGE(change.ok(), (change.ok() ? "" : change.error().message));
    BOOST_TEST((*change == lists::Change::kDone));
    return what;
  }
  std::string wrong_with(const std::string& from, const std::string& to, bool dry_run = false) {
    lists::Renaming what;
    const auto change = admin.rename_list(from, to, dry_run, &what);
    return change.ok() ? "nothing" : change.error().message;
  }
  // The list that mail to the address is for; "" if it is refused.
  std::string list_behind(const std::string& to) {
    const auto found = rcpt(to);
    return found.target == nullptr ? "" : found.target->list.address();
  }
  Names people(const std::string& list, storage::Role role = storage::Role::kMember) {
    Names out;
    require(admin.for_each_member(list, role, [&out](const storage::MemberRecord& one) {
      out.push_back(one.local + "@" + one.domain);
      return true;
    }));
    return out;
  }
  void keep(Id owner, storage::TextKind kind, const std::string& name, const std::string& text,
            storage::TextScope scope) {
    require(database->write_now(storage::Durability::kAccept, [&](storage::Connection& c) {
      storage::TextRecord record;
      record.owner = owner;
      record.kind = kind;
      record.name = name;
      record.text = text;
      return storage::TextStore(c).set(record, scope);
    }));
  }
};

const Names kSuffixes = {"", "-owner", "-editor", "-request", "-subscribe", "-unsubscribe"};

}  // namespace

BOOST_AUTO_TEST_SUITE(renaming)

BOOST_AUTO_TEST_CASE(a_list_is_reached_by_the_names_that_it_had_until_another_one_has_them) {
  Moving site;
  site.rename("dev@lists.example", "dev@team.example");
  for (const std::string& suffix : kSuffixes) {
    BOOST_TEST(site.list_behind("dev" + suffix + "@lists.example") == "dev@team.example", suffix);
    BOOST_TEST(site.list_behind("dev" + suffix + "@team.example") == "dev@team.example", suffix);
  }
  site.rename("dev@team.example", "bees");
  for (const char* name : {"dev@lists.example", "dev@team.example", "bees@team.example"})
    BOOST_TEST(site.list_behind(name) == "bees@team.example", name);
  // Who takes a name has what is sent to it, also when it is gone.
  site.make_list("dev");
  BOOST_TEST(site.list_behind("dev-owner@lists.example") == "dev@lists.example");
  TestSite::require(site.admin.delete_list("dev@lists.example"));
  BOOST_TEST(site.list_behind("dev@lists.example") == "");
  // Back to what it was called.
  site.rename("bees@team.example", "dev@team.example");
  const auto now = site.admin.show_list("dev@team.example");
  TestSite::require(now);
  BOOST_TEST(now->former == (Names{"bees@team.example"}), boost::test_tools::per_element());
  const auto before = site.admin.show_list("bees@team.example");
  BOOST_TEST(before.error().message ==
             "there is no list bees@team.example any more; it is called dev@team.example now");
  TestSite::require(site.admin.forget_name("bees@team.example"));
  BOOST_TEST(site.list_behind("bees@team.example") == "");
  BOOST_TEST((site.admin.forget_name("bees@team.example").error().code == ErrorCode::kNotFound));
  BOOST_TEST(!site.admin.forget_name("dev@team.example").ok());
  BOOST_TEST(site.list_behind("dev@team.example") == "dev@team.example");
}

// A text that is older than the renaming would make the list twice, and its mail would go to the second one.
BOOST_AUTO_TEST_CASE(a_text_with_the_old_name_does_not_make_the_list_again) {
  Moving site;
  const auto text = site.admin.export_text();
  TestSite::require(text);
  site.rename("dev@lists.example", "dev@team.example");
  for (const bool dry_run : {true, false}) {
    for (const bool remove_others : {true, false}) {
      const auto refused = site.admin.apply_text(*text, dry_run, remove_others);
      BOOST_REQUIRE(!refused.ok());
      BOOST_TEST((refused.error().code == ErrorCode::kConflict));
      BOOST_TEST(refused.error().message.starts_with("list dev@lists.example is called dev@team.example now"),
                 refused.error().message);
    }
  }
  BOOST_TEST(site.list_behind("dev@lists.example") == "dev@team.example");
  // What it is called now can be applied, and the old name is free for another list once it is forgotten.
  const auto renamed = site.admin.export_text();
  TestSite::require(renamed);
  TestSite::require(site.admin.apply_text(*renamed, false, true));
  TestSite::require(site.admin.forget_name("dev@lists.example"));
  TestSite::require(site.admin.apply_text(*text, false));
  BOOST_TEST(site.list_behind("dev@lists.example") == "dev@lists.example");
}

BOOST_AUTO_TEST_CASE(former_names_go_with_a_text_to_another_site) {
  Moving site;
  site.rename("dev@lists.example", "dev@team.example");
  site.rename("dev@team.example", "bees");
  const auto text = site.admin.export_text();
  TestSite::require(text);
  BOOST_TEST(text->find("\nformer = [\n  \"dev@lists.example\",\n  \"dev@team.example\",\n]\n") != text->npos,
             *text);
  Moving other;
  // The list may be there under the name that it had.
  for (const bool dry_run : {true, false}) {
    const auto refused = other.admin.apply_text(*text, dry_run);
    BOOST_REQUIRE(!refused.ok());
    BOOST_TEST((refused.error().code == ErrorCode::kConflict));
    BOOST_TEST(refused.error().message.find("it is a list here; if it is the same one: "
                                            "essaim list rename dev@lists.example bees@team.example") !=
                   std::string::npos,
               refused.error().message);
  }
  const auto plan = other.admin.apply_text(*text, false, true);
  TestSite::require(plan);
  for (const char* line :
       {"+ former bees@team.example dev@lists.example", "+ former bees@team.example dev@team.example"})
    BOOST_TEST((std::find(plan->lines.begin(), plan->lines.end(), line) != plan->lines.end()), line);
  for (const char* name : {"dev@lists.example", "dev@team.example", "bees@team.example"})
    BOOST_TEST(other.list_behind(name) == "bees@team.example", name);
  BOOST_TEST(*other.admin.export_text() == *text);
  BOOST_TEST(other.admin.apply_text(*text, true, true)->lines.empty());
  // What is not said stays, and what is said is all.
  const std::string bees = "[lists.\"bees@team.example\"]\nclosed = true\n";
  TestSite::require(other.admin.apply_text(bees, false));
  BOOST_TEST(other.admin.show_list("bees@team.example")->former.size() == 2U);
  const auto less = other.admin.apply_text(bees + "former = [\"dev@team.example\"]\n", false);
  TestSite::require(less);
  BOOST_TEST(less->lines == (Names{"- former bees@team.example dev@lists.example"}),
             boost::test_tools::per_element());
  BOOST_TEST(other.list_behind("dev@lists.example") == "");
  BOOST_TEST(other.admin.show_list("bees@team.example")->former == (Names{"dev@team.example"}),
             boost::test_tools::per_element());
  // From one list to another, in either order.
  const std::string mine = "former = [\"dev@team.example\"]\n", none = "former = []\n";
  const std::string named = "[lists.\"other@lists.example\"]\n";
  for (const bool back : {false, true}) {
    TestSite::require(
        other.admin.apply_text(bees + (back ? mine : none) + named + (back ? none : mine), false));
    BOOST_TEST(other.admin.show_list("other@lists.example")->former.size() == (back ? 0U : 1U));
    BOOST_TEST(other.admin.show_list("bees@team.example")->former.size() == (back ? 1U : 0U));
  }
}

BOOST_AUTO_TEST_CASE(a_former_name_is_that_of_one_list) {
  Moving site;
  site.rename("dev@lists.example", "bees");
  const auto wrong = [&site](const std::string& text) {
    const auto refused = site.admin.apply_text(text, false);
    return refused.ok() ? "nothing" : refused.error().message;
  };
  const std::string other = "[lists.\"other@lists.example\"]\n", bees = "[lists.\"bees@lists.example\"]\n";
  BOOST_TEST(wrong(other + "former = [\"dev@lists.example\"]\n") ==
             "list other@lists.example: dev@lists.example is a former name of bees@lists.example; end that "
             "first: essaim list forget dev@lists.example");
  BOOST_TEST(
      wrong(other + "former = [\"dev@lists.example\"]\n" + bees + "former = [\"dev@lists.example\"]\n") ==
      "list other@lists.example: dev@lists.example is a former name of bees@lists.example, too");
  BOOST_TEST(wrong(other + "former = [\"bees@lists.example\"]\n" + bees) ==
             "list other@lists.example: bees@lists.example is no former name, it is a list of the text");
  BOOST_TEST(wrong(other + "former = [\"old@nowhere.example\"]\n") ==
             "list other@lists.example, formerly old@nowhere.example: there is no domain nowhere.example, "
             "neither in the text nor in the database");
  BOOST_TEST(wrong(other + "former = [\"a@lists.example\", \"a@lists.example\"]\n") ==
             "line 2: a@lists.example is here twice");
  BOOST_TEST(wrong(other + "former = [1]\n") == "line 2: a former name is a string");
  BOOST_TEST(wrong(other + "former = [\"x-owner@lists.example\"]\n")
                 .starts_with("line 2: 'x-owner' is no former name: "));
  BOOST_TEST(site.list_behind("dev@lists.example") == "bees@lists.example");
}

// Else its members would get every HELP and SIGNOFF.
BOOST_AUTO_TEST_CASE(the_command_robot_comes_before_a_list_that_was_called_so) {
  Moving site;
  const auto kind_of = [&](const std::string& to) {
    const auto found = site.rcpt(to);
    BOOST_REQUIRE_MESSAGE(found.target != nullptr, to);
    return found.target->kind;
  };
  using Kind = lists::TargetKind;
  // A list that had the robot's name, as was possible once, is renamed.
  TestSite::require(site.database->write_now(storage::Durability::kAccept, [](storage::Connection& c) {
    return storage::DirectoryStore(c).set_domain("lists.example", {{"robot", "dev"}});
  }));
  BOOST_TEST((kind_of("dev@lists.example") == Kind::kPost));
  BOOST_TEST(site.rename("dev@lists.example", "bees", true).robot);
  BOOST_TEST(site.rename("dev@lists.example", "bees").robot);
  BOOST_TEST((kind_of("dev@lists.example") == Kind::kCommands));
  for (const char* one : {"dev-request@lists.example", "dev-owner@lists.example"})
    BOOST_TEST((kind_of(one) == Kind::kListmasters), one);
  BOOST_TEST(site.list_behind("dev-unsubscribe@lists.example") == "bees@lists.example");
  // The robot gets a name that a list had.
  BOOST_TEST(!site.rename("bees@lists.example", "dev@team.example").robot);
  BOOST_TEST((kind_of("bees@lists.example") == Kind::kPost));
  TestSite::require(site.admin.set_domain("lists.example", {{"robot", "bees"}}));
  BOOST_TEST((kind_of("bees@lists.example") == Kind::kCommands));
  BOOST_TEST(site.list_behind("dev@lists.example") == "dev@team.example");
}

BOOST_AUTO_TEST_CASE(what_was_sent_under_the_old_name_is_answered_and_left_by_as_before) {
  Moving site(lists::Settings{{"send", "editorkey"}, {"tell_held", "false"}});
  std::string token;
  site.tokens.append_leave(site.list("dev").id, site.member("dev", "ann@x.example")->id, &token);
  const auto post = [&](const std::string& id) {
    return site.send("ann@x.example", {"dev@lists.example"}, a_post("ann@x.example", id));
  };
  BOOST_TEST(post("<before@x.example>").positive());
  const Letter asked = last_question(site, "eve@e.example");
  site.rename("dev@lists.example", "dev@team.example");
  BOOST_TEST(
      site.send("eve@e.example", {asked.field("Reply-To")}, a_mail("eve@e.example", "Re: x", "approve\n"))
          .positive());
  BOOST_REQUIRE(list_posts(site) == 1U);
  for (const auto& one : site.posts()) {
    if (one.kind != storage::PostKind::kList) continue;
    BOOST_TEST(one.list_address == "dev@team.example");
    BOOST_TEST(one.envelope_sender.ends_with("@team.example"), one.envelope_sender);
    BOOST_TEST(site.rendering(one.id).find("<dev.team.example>") != std::string::npos);
  }
  // What was taken once is not taken again, by whatever name.
  BOOST_TEST(post("<before@x.example>").positive());
  BOOST_TEST(list_posts(site) == 1U);
  BOOST_TEST(site.ask("new@x.example", "subscribe dev\n").says("is a member of dev@team.example now"));
  BOOST_TEST(post("<after@x.example>").positive());
  const std::string key = last_question(site, "eve@e.example").key();
  BOOST_TEST(site.command("eve@e.example", "DISTRIBUTE dev@lists.example " + key + "\n").positive());
  BOOST_TEST(list_posts(site) == 2U);
  const auto left = site.send("button@provider.example", {"dev-unsubscribe+" + token + "@lists.example"},
                              a_post("button@provider.example"));
  BOOST_TEST(left.to_string().starts_with("250 2.0.0 Ok: you have left dev@team.example"), left.to_string());
  BOOST_TEST(site.people("dev@team.example") == (Names{"new@x.example"}), boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(who_writes_to_both_names_is_heard_once) {
  Moving site(lists::Settings{{"send", "public"}});
  site.rename("dev@lists.example", "dev@team.example");
  BOOST_TEST(
      site.send("x@y.example", {"dev@lists.example", "dev@team.example"}, a_post("x@y.example")).positive());
  BOOST_TEST(list_posts(site) == 1U);
}

// The sender's server asks DNS for each domain, and hands the message over twice.
BOOST_AUTO_TEST_CASE(the_people_behind_a_list_get_one_copy_by_whatever_names) {
  Moving site;
  site.rename("dev@lists.example", "dev@team.example");
  const auto send = [&site](const Names& to, const std::string& from = "x@y.example") {
    return site.send(from, to, a_post("x@y.example")).to_string();
  };
  for (const std::string suffix : {"-owner", "-editor", "-request"}) {
    const std::string before = "dev" + suffix + "@lists.example", now = "dev" + suffix + "@team.example";
    const auto posts = site.posts().size();
    BOOST_TEST(send({before, now}).find("duplicate") == std::string::npos, suffix);
    BOOST_TEST(send({now}).ends_with("(duplicate)"), suffix);
    BOOST_TEST(send({before}).ends_with("(duplicate)"), suffix);
    BOOST_TEST(site.posts().size() == posts + 1, suffix);
  }
  BOOST_TEST(send({"other-owner@lists.example"}).find("duplicate") == std::string::npos);
  BOOST_TEST(send({"dev-owner@lists.example"}, "z@y.example").find("duplicate") == std::string::npos);
}

BOOST_AUTO_TEST_CASE(a_post_that_names_the_old_name_alone_is_no_blind_copy) {
  Moving site;
  site.keep(site.list("dev").id, storage::TextKind::kScenario, "send.mine",
            "equal([is_bcc], '1') smtp,dkim,md5,smtp_auth -> reject(reason='send_bcc')\n"
            "true() smtp,dkim,md5,smtp_auth -> do_it\n",
            {site.list("dev").id, site.list("dev").domain_id});
  TestSite::require(site.admin.set_list("dev@lists.example", {{"send", "mine"}}));
  site.rename("dev@lists.example", "bees@team.example");
  const auto to_old = site.send("x@y.example", {"dev@lists.example"}, a_post("x@y.example"));
  BOOST_TEST(to_old.positive(), to_old.to_string());
  BOOST_TEST(
      !site.send("x@y.example", {"bees@team.example"}, a_post("x@y.example", "<2@y.example>")).positive());
}

BOOST_AUTO_TEST_CASE(its_places_on_other_lists_go_with_it) {
  Moving site;
  site.join("other", {"dev@lists.example"});
  site.join("other", {"dev-editor@lists.example"}, storage::Role::kEditor);
  const auto before = site.list("other").revision;
  const lists::Renaming seen = site.rename("dev@lists.example", "dev@team.example", true);
  BOOST_TEST(seen.memberships == 2);
  BOOST_TEST(site.list("other").revision == before);
  BOOST_TEST(site.list_behind("dev@team.example") == "");
  site.rename("dev@lists.example", "dev@team.example");
  BOOST_TEST(site.people("other@lists.example") == (Names{"dev@team.example", "ann@x.example"}),
             boost::test_tools::per_element());
  BOOST_TEST(site.people("other@lists.example", storage::Role::kEditor) == (Names{"dev-editor@team.example"}),
             boost::test_tools::per_element());
  BOOST_TEST(site.list("other").revision > before);
}

BOOST_AUTO_TEST_CASE(what_changes_with_the_domain_is_told_before_and_after) {
  Moving site(lists::Settings{{"footer", "Write to dev@Lists.example"}});
  TestSite::require(site.admin.set_domain("lists.example", {{"language", "fr"}, {"max_size", "1M"}}));
  TestSite::require(site.admin.set_domain("team.example", {{"max_size", "2M"}, {"footer", "Team"}}));
  TestSite::require(site.admin.add_listmaster("lists.example", address("old@o.example")));
  TestSite::require(site.admin.add_listmaster("lists.example", address("both@o.example")));
  TestSite::require(site.admin.add_listmaster("team.example", address("both@o.example")));
  const auto list = site.list("dev");
  using storage::TextKind;
  site.keep(list.domain_id, TextKind::kTemplate, "welcome", "Hello\n", {0, list.domain_id});
  site.keep(list.domain_id, TextKind::kTemplate, "goodbye", "Bye\n", {0, list.domain_id});
  site.keep(list.id, TextKind::kTemplate, "goodbye", "Bye dev\n", {list.id, list.domain_id});
  TestSite::require(site.database->write_now(storage::Durability::kAccept, [](storage::Connection& c) {
    storage::SuspensionStore store(c);
    return store.suspend({"dev@lists.example", "storm", {}, {}, storage::SuspensionScope::kList});
  }));
  for (const bool dry_run : {true, false}) {
    const lists::Renaming what = site.rename("dev@lists.example", "dev@team.example", dry_run);
    Names settings;
    for (const auto& one : what.settings) settings.push_back(one.name + " " + one.before + " " + one.after);
    std::sort(settings.begin(), settings.end());
    BOOST_REQUIRE(settings.size() == 2U);
    BOOST_TEST(settings[0] == "language fr en");
    BOOST_TEST(settings[1].starts_with("max_size "));
    BOOST_TEST(what.names_old == (Names{"footer"}), boost::test_tools::per_element());
    BOOST_TEST(what.texts_lost == (Names{"welcome"}), boost::test_tools::per_element());
    BOOST_TEST(what.texts_got.empty());
    BOOST_TEST(what.listmasters_lost == (Names{"old@o.example"}), boost::test_tools::per_element());
    BOOST_TEST(what.listmasters_got.empty());
    BOOST_TEST(!what.is_signed);
  }
  const auto moved = site.admin.show_list("dev@team.example");
  TestSite::require(moved);
  BOOST_TEST(moved->list.settings.at("footer") == "Write to dev@Lists.example");
  BOOST_TEST(lists::settings_of(moved->list).language == "en");
  Names suspended;
  site.read([&](storage::Connection& c) {
    const auto all = storage::SuspensionStore(c).all();
    TestSite::require(all);
    for (const auto& one : *all) suspended.push_back(one.subject);
  });
  BOOST_TEST(suspended == (Names{"dev@lists.example", "dev@team.example"}), boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(what_cannot_be_is_refused_also_in_a_dry_run_and_changes_nothing) {
  Moving site;
  const auto list = site.list("dev");
  site.keep(list.domain_id, storage::TextKind::kScenario, "send.ours",
            "true() smtp,dkim,md5,smtp_auth -> do_it\n", {0, list.domain_id});
  TestSite::require(site.admin.set_list("dev@lists.example", {{"send", "ours"}}));
  TestSite::require(site.admin.create_list("taken@team.example", {{address("own@o.example"), ""}}));
  for (const bool dry_run : {true, false}) {
    const auto wrong = [&](const std::string& to) {
      return site.wrong_with("dev@lists.example", to, dry_run);
    };
    BOOST_TEST(wrong("dev@nowhere.example") == "there is no domain nowhere.example");
    BOOST_TEST(wrong("taken@team.example") == "the list taken@team.example exists already");
    BOOST_TEST(
        wrong("dev-owner@team.example") ==
        "a list cannot be called dev-owner@team.example: names in -owner belong to another list's addresses");
    BOOST_TEST(wrong("a@b@team.example") ==
               "a list cannot be called a@b@team.example: it may have letters, digits and . + _ - only");
    BOOST_TEST(
        wrong("dev@team.example").starts_with("in team.example: send: there is no scenario send.ours"));
  }
  // The local part alone is a name like those in addresses.
  BOOST_TEST(site.rename("taken@team.example", "Other").after == "other@team.example");
  lists::Renaming what;
  const auto same = site.admin.rename_list("dev@lists.example", "dev@lists.example", false, &what);
  TestSite::require(same);
  BOOST_TEST((*same == lists::Change::kAlready));
  BOOST_TEST(site.list("dev").domain_id == list.domain_id);
  BOOST_TEST(site.list_behind("dev@team.example") == "");
}

BOOST_AUTO_TEST_CASE(a_list_does_not_go_where_a_filter_that_it_searches_is_missing) {
  using storage::TextKind;
  Moving site;
  const auto list = site.list("dev");
  site.keep(list.id, TextKind::kScenario, "send.mine",
            "search(friends.txt) smtp,dkim,md5,smtp_auth -> do_it\n"
            "search(gone.txt) smtp,dkim,md5,smtp_auth -> do_it\n",
            {list.id, list.domain_id});
  site.keep(list.domain_id, TextKind::kFilter, "friends.txt", "x@y.example\n", {0, list.domain_id});
  TestSite::require(site.admin.set_list("dev@lists.example", {{"send", "mine"}}));
  for (const bool dry_run : {true, false})
    BOOST_TEST(site.wrong_with("dev@lists.example", "dev@team.example", dry_run) ==
               "in team.example: send.mine searches friends.txt, which is not there: "
               "essaim scenario set friends.txt FILE --list dev@lists.example");
  BOOST_TEST(site.list("dev").domain_id == list.domain_id);
  // In its domain it has all that it had; what is missing already is missing elsewhere, too.
  site.rename("dev@lists.example", "bees@lists.example");
  site.keep(list.id, TextKind::kFilter, "friends.txt", "x@y.example\n", {list.id, list.domain_id});
  site.rename("bees@lists.example", "bees@team.example");
  BOOST_TEST(site.list_behind("bees@team.example") == "bees@team.example");
}

BOOST_AUTO_TEST_SUITE_END()
