// The command line as people and scripts use it, without a running server.
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include "tests/smtpd/cli/site.h"

using namespace essaim::test;

BOOST_FIXTURE_TEST_CASE(makes_domains_and_lists_and_shows_them, Site) {
  BOOST_TEST(json({"domain", "create", "lists.example"})["changed"] == true);
  BOOST_TEST(json({"domain", "create", "lists.example"})["changed"] == false);
  BOOST_TEST(json({"domain", "list"})[0]["name"] == "lists.example");
  ok({"list", "create", "dev@lists.example", "--owner", "a@people.example", "--owner", "b@people.example"});
  const Parsed list = json({"list", "show", "dev@lists.example"});
  BOOST_TEST(list["owners"] == 2);
  const Outcome again = ok({"list", "create", "dev@lists.example", "--owner", "c@people.example"});
  BOOST_TEST(has(again.out, "dev@lists.example is there already; nothing was changed"), again.out);
  BOOST_TEST(json({"list", "show", "dev@lists.example"})["owners"] == 2);
  BOOST_TEST(list["members"] == 0);
  BOOST_TEST(list["state"] == "open");
  BOOST_TEST(list["settings"]["send"]["from"] == "default");
  ok({"list", "set", "dev@lists.example", "subject_tag=Bees", "post=anyone"});
  BOOST_TEST(json({"list", "show", "dev@lists.example"})["settings"]["subject_tag"]["value"] == "Bees");
  ok({"list", "set", "dev@lists.example", "subject_tag="});
  BOOST_TEST(json({"list", "show", "dev@lists.example"})["settings"]["subject_tag"]["from"] == "default");
  ok({"list", "close", "dev@lists.example"});
  BOOST_TEST(json({"list", "list"})[0]["state"] == "closed");
  BOOST_TEST(run({"domain", "delete", "lists.example"}).code == 1);  // it has a list
  ok({"list", "delete", "dev@lists.example"});
  ok({"domain", "delete", "lists.example"});
  BOOST_TEST(json({"domain", "list"}).empty());
}

BOOST_FIXTURE_TEST_CASE(finds_somebody_on_the_lists_of_all_domains, Site) {
  make_list();
  ok({"domain", "create", "other.example"});
  ok({"list", "create", "bees@other.example", "--owner", "Ann@a.example"});
  ok({"member", "add", "dev@lists.example", "Ann@A.example", "bob@a.example"});
  ok({"member", "set", "dev@lists.example", "ann@a.example", "delivery=off"});
  const Parsed found = json({"member", "find", "ann@a.example"});
  BOOST_REQUIRE(found.size() == 2U);
  BOOST_TEST(found[0]["list"] == "bees@other.example");
  BOOST_TEST(found[0]["role"] == "owner");
  BOOST_TEST(found[1]["list"] == "dev@lists.example");
  BOOST_TEST(found[1]["role"] == "member");
  BOOST_TEST(found[1]["delivery"] == false);
  BOOST_TEST(has(ok({"member", "find", "ann@a.example"}).out, "dev@lists.example"));
  ok({"list", "delete", "bees@other.example"});
  BOOST_TEST(json({"member", "find", "ann@a.example"}).size() == 1U);
  BOOST_TEST(has(ok({"member", "find", "nobody@a.example"}).out, "is on no list"));
  BOOST_TEST(run({"member", "find", "nobody"}).code == 2);
}

BOOST_FIXTURE_TEST_CASE(tells_all_about_somebody_and_takes_it_away, Site) {
  make_list();
  ok({"member", "add", "dev@lists.example", "Ann Bee <Ann@A.example>", "bob@a.example"});
  ok({"account", "create", "ann@a.example", "--no-password"});
  ok({"block", "add", "ann@a.example"});
  const Parsed all = json({"person", "show", "ann@a.example"});
  BOOST_TEST(all["address"] == "ann@a.example");
  BOOST_REQUIRE(all["memberships"].size() == 1U);
  BOOST_TEST(all["memberships"][0]["of"] == "dev@lists.example");
  BOOST_TEST(all["memberships"][0]["name"] == "Ann Bee");
  BOOST_TEST(all["memberships"][0]["ended"] == false);
  BOOST_TEST(all["accounts"][0]["name"] == "ann@a.example");
  BOOST_TEST(!all["accounts"][0].contains("password"));
  BOOST_TEST(all["named"][0]["where"] == "site");
  BOOST_TEST(all["posts"]["written"] == 0);
  BOOST_TEST(all["oldest_post"].is_null());
  const std::string text = ok({"person", "show", "ann@a.example"}).out;
  for (const char* part : {"dev@lists.example", "Ann Bee <Ann@a.example>", "Accounts", "blocklist.txt"})
    BOOST_TEST(has(text, part), text);

  const Parsed planned = json({"person", "erase", "ann@a.example", "--dry-run"});
  BOOST_TEST(planned["dry_run"] == true);
  BOOST_TEST(planned["erased"].size() == 2U);
  BOOST_TEST(json({"member", "find", "ann@a.example"}).size() == 1U);
  const std::string done = ok({"person", "erase", "Ann@A.example"}).out;
  for (const char* part : {"gone: member of dev@lists.example\n", "gone: ann@a.example (account)\n",
                           "stays: texts, site: blocklist.txt: ", "stays: elsewhere, "})
    BOOST_TEST(has(done, part), done);
  BOOST_TEST(json({"member", "find", "ann@a.example"}).empty());
  BOOST_TEST(json({"member", "left", "dev@lists.example"}).empty());
  BOOST_TEST(json({"account", "list"}).empty());
  BOOST_TEST(json({"member", "find", "bob@a.example"}).size() == 1U);
  const Parsed again = json({"person", "erase", "ann@a.example"});
  BOOST_TEST(again["erased"].empty());
  BOOST_TEST(again["done"] == true);
  BOOST_TEST(has(ok({"person", "show", "nobody@a.example"}).out, "nothing is stored about it"));
  BOOST_TEST(run({"person", "show", "nobody"}).code == 2);
  BOOST_TEST(run({"person", "erase", "dev@lists.example"}).code == 1);
  BOOST_TEST(json({"list", "list"}).size() == 1U);
}

// Else nobody on its lists would seem to bounce.
BOOST_FIXTURE_TEST_CASE(what_waits_and_who_has_left_is_found_under_the_name_that_the_list_has_now, Site) {
  make_list();
  ok({"member", "add", "dev@lists.example", "ann@a.example"});
  ok({"member", "remove", "dev@lists.example", "ann@a.example"});
  ok({"request", "rename", "dev@lists.example", "other", "--as", "owner@people.example", "--auth", "smtp"});
  BOOST_TEST(json({"held", "list", "--list", "Dev@Lists.example"}).size() == 1U);
  ok({"request", "rename", "dev@lists.example", "team"});
  const auto held = json({"held", "list", "--list", "team@lists.example"});
  BOOST_REQUIRE(held.size() == 1U);
  BOOST_TEST(held[0]["list"] == "team@lists.example");
  const auto left = json({"member", "left", "team@lists.example"});
  BOOST_REQUIRE(left.size() == 1U);
  BOOST_TEST(left[0]["address"] == "ann@a.example");
  BOOST_TEST(has(run({"held", "list", "--list", "dev@lists.example"}).err, "there is no list"));
  BOOST_TEST(run({"held", "list", "--list", "dev@lists.example"}).code == 1);
  BOOST_TEST(run({"member", "left", "dev@lists.example"}).code == 1);
  // What it has left behind is there when it is gone.
  ok({"list", "delete", "team@lists.example"});
  BOOST_TEST(json({"held", "list", "--list", "team@lists.example", "--all"}).size() == 1U);
  BOOST_TEST(json({"member", "left", "team@lists.example"}).size() == 1U);
}

BOOST_FIXTURE_TEST_CASE(a_list_goes_to_another_domain_and_the_operator_is_told_what_that_changes, Site) {
  std::ofstream(config, std::ios::app)
      << "[delivery]\nsmarthost = \"127.0.0.1:25\"\n";  // so DNS is not asked
  make_list();
  ok({"domain", "create", "team.example"});
  ok({"domain", "set", "team.example", "language=fr"});
  ok({"listmaster", "add", "master@o.example", "--domain", "team.example"});
  ok({"list", "create", "all@lists.example", "--owner", "owner@people.example"});
  ok({"member", "add", "all@lists.example", "dev@lists.example"});
  const std::string rename = "rename", from = "dev@lists.example", to = "dev@team.example";
  const Parsed dry = json({"list", rename, from, to, "--dry-run"});
  BOOST_TEST(dry["changed"] == false);
  BOOST_TEST(has(ok({"list", rename, from, to, "--dry-run"}).out, "nothing was done"));
  BOOST_TEST(run({"list", "show", to}).code == 1);
  const std::string out = ok({"list", rename, from, to}).out;
  for (const char* words :
       {"dev@lists.example is dev@team.example now", "essaim list forget dev@lists.example", "1 place",
        "language: en becomes fr", "of team.example, from now on: master@o.example",
        "no key signs for team.example", "not looked up: there is a smart host", "the domain lists.example"})
    BOOST_TEST(has(out, words), words);
  BOOST_TEST(json({"list", "show", to})["former"] == Parsed::array({from}));
  BOOST_TEST(json({"member", "list", "all@lists.example", "--role", "member"})[0]["address"] == to);
  BOOST_TEST(json({"list", rename, to, to})["changed"] == false);
  BOOST_TEST(has(run({"list", "show", from}).err, "it is called dev@team.example now"));
  BOOST_TEST(has(run({"list", rename, to, "dev@nowhere.example"}).err, "there is no domain nowhere.example"));
  // Within a domain there is less to tell.
  const Parsed back = json({"list", rename, to, "bees"});
  BOOST_TEST(back["after"] == "bees@team.example");
  BOOST_TEST(!back.contains("settings"));
  BOOST_TEST(json({"list", "forget", from})["changed"] == true);
  BOOST_TEST(run({"list", "forget", from}).code == 1);
  BOOST_TEST(run({"list", "forget", "bees@team.example"}).code == 1);
  BOOST_TEST(json({"list", "show", "bees@team.example"})["former"] == Parsed::array({to}));
}

BOOST_FIXTURE_TEST_CASE(a_domain_whose_members_bounce_may_be_written_in_any_way_and_must_be_there, Site) {
  make_list();
  BOOST_TEST(json({"member", "bouncing", "--domain", "Lists.EXAMPLE"}).empty());
  const Outcome typo = run({"member", "bouncing", "--domain", "lsits.example"});
  BOOST_TEST(typo.code == 1);
  BOOST_TEST(has(typo.err, "there is no domain lsits.example"), typo.err);
  BOOST_TEST(run({"member", "bouncing", "--domain", "no domain"}).code == 2);
}

BOOST_FIXTURE_TEST_CASE(adds_and_removes_members_from_arguments_files_and_standard_input, Site) {
  make_list();
  directory.write("members.txt", "# people\nann@a.example\n\nBob Bee <bob@b.example>\n");
  Parsed added = Parsed::parse(
      ok({"member", "add", "dev@lists.example", "--file", directory.path("members.txt"), "--json"}).out);
  BOOST_TEST(added["added"] == 2);
  ok({"member", "add", "dev@lists.example", "--file", "-"}, "carol@c.example\nann@a.example\n");
  ok({"member", "add", "dev@lists.example", "--role", "editor", "Ed <ed@e.example>"});
  BOOST_TEST(json({"member", "list", "dev@lists.example", "--role", "member"}).size() == 3U);
  BOOST_TEST(json({"member", "list", "dev@lists.example"}).size() == 5U);
  ok({"member", "set", "dev@lists.example", "ann@a.example", "delivery=off", "name=Ann"});
  const Parsed ann = json({"member", "list", "dev@lists.example", "--role", "member"})[0];
  BOOST_TEST(ann["delivery"] == false);
  BOOST_TEST(ann["name"] == "Ann");
  ok({"member", "remove", "dev@lists.example", "ann@a.example"});
  BOOST_TEST(json({"member", "list", "dev@lists.example", "--role", "member"}).size() == 2U);
}

BOOST_FIXTURE_TEST_CASE(says_when_there_are_more_posts_than_it_shows, Site) {
  make_list();
  for (const char* who : {"ann@a.example", "bob@a.example", "carol@a.example"})
    ok({"request", "subscribe", "dev@lists.example", who});
  const std::size_t all = json({"post", "find"}).size();
  BOOST_REQUIRE(all >= 3U);  // their welcomes
  const auto find = [&](std::size_t limit, bool as_json) {
    std::vector<std::string> words = {"post", "find", "--limit", std::to_string(limit)};
    if (as_json) words.emplace_back("--json");
    return ok(words);
  };
  const std::string more = "these are the newest " + std::to_string(all - 1) + "; there are more";
  BOOST_TEST(has(find(all - 1, false).out, more));
  const Outcome for_scripts = find(all - 1, true);
  BOOST_TEST(Parsed::parse(for_scripts.out).size() == all - 1);
  BOOST_TEST(has(for_scripts.err, more), for_scripts.err);
  BOOST_TEST(!has(find(all, false).out, "there are more"));
  BOOST_TEST(find(all, true).err == "");
  BOOST_TEST(json({"post", "find", "--failed"}).empty());
  BOOST_TEST(run({"post", "find", "--limit", "0"}).code == 2);
}

BOOST_FIXTURE_TEST_CASE(says_when_more_waits_than_it_shows_and_what_the_sums_are_of, Site) {
  make_list();
  for (const char* who : {"ann@a.example", "bob@a.example", "carol@b.example"})
    ok({"request", "subscribe", "dev@lists.example", who});
  const Parsed whole = json({"queue", "list"});
  const std::size_t all = whole["batches"].size();
  BOOST_REQUIRE(all >= 3U);  // their welcomes
  BOOST_TEST(whole["more"] == false);
  const auto list = [&](const std::vector<std::string>& options) {
    std::vector<std::string> words = {"queue", "list"};
    words.insert(words.end(), options.begin(), options.end());
    return ok(words);
  };
  const std::string more = "these are the first 2; there are more";
  BOOST_TEST(has(list({"--limit", "2"}).out, more));
  const Outcome for_scripts = list({"--limit", "2", "--json"});
  BOOST_TEST(has(for_scripts.err, more), for_scripts.err);
  BOOST_TEST(Parsed::parse(for_scripts.out)["batches"].size() == 2U);
  BOOST_TEST(Parsed::parse(for_scripts.out)["more"] == true);
  BOOST_TEST(!has(list({"--limit", std::to_string(all)}).out, "there are more"));
  BOOST_TEST(!has(list({}).out, "in the whole queue"));
  const std::string one = list({"--domain", "b.example"}).out;
  BOOST_TEST(has(one, "1 recipient waiting in this batch"), one);
  BOOST_TEST(has(one, "in the whole queue: "), one);
  const std::string none = list({"--list", "dvv@lists.example"}).out;
  BOOST_TEST(has(none, "nothing that waits fits\nin the whole queue: "), none);
}

BOOST_FIXTURE_TEST_CASE(export_and_apply_are_each_others_reverse, Site) {
  make_list();
  ok({"member", "add", "dev@lists.example", "ann@a.example", "bob@b.example"});
  const std::string text = ok({"config", "export"}).out;
  BOOST_TEST(has(text, "ann@a.example"));
  directory.write("lists.toml", text);
  BOOST_TEST(json({"config", "apply", directory.path("lists.toml")})["changes"].empty());
  ok({"member", "remove", "dev@lists.example", "ann@a.example"});
  BOOST_TEST(json({"config", "apply", directory.path("lists.toml"), "--dry-run"})["changes"].size() >= 1U);
  BOOST_TEST(json({"member", "list", "dev@lists.example", "--role", "member"}).size() == 1U);
  BOOST_TEST(json({"config", "apply", directory.path("lists.toml")})["applied"] == true);
  BOOST_TEST(ok({"config", "export"}).out == text);
}

BOOST_FIXTURE_TEST_CASE(shows_settings_with_defaults_and_manuals_from_the_tables, Site) {
  BOOST_TEST(json({"config", "show"})["delivery.port"]["value"] == "25");
  BOOST_TEST(json({"config", "show"})["delivery.port"]["default"] == true);
  BOOST_TEST(json({"config", "show"})["hostname"]["default"] == false);
  BOOST_TEST(has(ok({"config", "show"}).out, "hostname = \"mx1.lists.example\"\n"));
  const std::string page = run({"man"}, "", false).out;
  for (const char* part :
       {".TH ESSAIM 1", "essaim list create", "essaim queue retry", "--older-than", "EXIT STATUS"}) {
    std::string roff;
    for (const char c : std::string(part)) roff += c == '-' ? "\\-" : std::string(1, c);
    BOOST_TEST(has(page, roff), part);
  }
  for (const char c : page) BOOST_REQUIRE((c == '\n' || static_cast<unsigned char>(c) >= 0x20));
  BOOST_TEST(has(run({"config", "man"}, "", false).out, ".TH ESSAIM.TOML 5"));
}

BOOST_FIXTURE_TEST_CASE(every_verb_has_help_with_examples, Site) {
  for (const char* noun : {"config", "domain", "list", "member", "listmaster", "scenario", "template", "held",
                           "block", "post", "queue", "request", "destination", "storage", "job"}) {
    const std::string help = run({noun, "--help"}, "", false).out;
    std::istringstream lines(help.substr(help.find("Subcommands:") + 13));
    std::string line;
    int verbs = 0;
    while (std::getline(lines, line) && !line.empty()) {
      std::istringstream words(line);
      std::string verb;
      if (!(words >> verb)) continue;
      if (line.rfind("  ", 0) != 0 || line[2] == ' ') continue;
      const Outcome o = run({noun, verb, "--help"}, "", false);
      BOOST_TEST(o.code == 0);
      BOOST_TEST(has(o.out, "Examples:\n  essaim " + std::string(noun) + " " + verb),
                 noun << " " << verb << ": " << o.out);
      ++verbs;
    }
    BOOST_TEST(verbs >= 2, noun << ": " << help);
  }
}

BOOST_FIXTURE_TEST_CASE(checks_migrates_and_backs_up_the_database, Site) {
  make_list();
  BOOST_TEST(json({"storage", "check"})["ok"] == true);
  ok({"storage", "migrate"});
  ok({"storage", "backup", directory.path("copy.db")});
  BOOST_TEST(!essaim::test::read_file(directory.path("copy.db")).empty());
  BOOST_TEST(json({"storage", "check"})["last_backup"].is_string());
  BOOST_TEST(json({"storage", "check"})["backup_due"].is_null());
  BOOST_TEST(run({"storage", "backup", directory.path("daily.db"), "--every", "daily"}).code == 2);
  // One that fails is due, too.
  BOOST_TEST(run({"storage", "backup", directory.path("copy.db"), "--every", "1d"}).code == 1);
  const Parsed missed = json({"storage", "check"});
  BOOST_TEST(missed["backup_due"].is_string());
  ok({"storage", "backup", directory.path("daily.db"), "--every", "1d"});
  const Parsed made = json({"storage", "check"});
  BOOST_TEST(made["last_backup"].get<std::string>() > missed["last_backup"].get<std::string>());
  BOOST_TEST(made["backup_due"].get<std::string>() > missed["backup_due"].get<std::string>());
  ok({"storage", "backup", directory.path("last.db"), "--every", "0s"});
  BOOST_TEST(json({"storage", "check"})["backup_due"].is_null());
  ok({"destination", "suspend", "slow.example", "--reason", "asked us to", "--until", "2h"});
  BOOST_TEST(json({"destination", "list"})["suspensions"][0]["reason"] == "asked us to");
  ok({"destination", "resume", "slow.example"});
  BOOST_TEST(json({"destination", "list"})["suspensions"].empty());
  // A provider, by its hosts.
  ok({"destination", "suspend", "--mx", "*.Provider.example", "--reason", "blocklisted"});
  BOOST_TEST(json({"destination", "list"})["suspensions"][0]["destination"] == "mx *.provider.example");
  ok({"destination", "resume", "--mx", "*.provider.example"});
  BOOST_TEST(json({"destination", "list"})["suspensions"].empty());
  for (const std::vector<std::string>& wrong :
       {std::vector<std::string>{}, {"example.net", "--mx", "*.example.net"}, {"--mx", "*"}}) {
    std::vector<std::string> words = {"destination", "suspend"};
    words.insert(words.end(), wrong.begin(), wrong.end());
    BOOST_TEST(run(words).code == 2);
  }
}

BOOST_FIXTURE_TEST_CASE(nouns_show_an_example_of_each_verb, Site) {
  BOOST_TEST(has(run({"post", "retry", "--help"}).out, "retention.failed"));
  const std::string help = run({"destination", "--help"}).out;
  BOOST_TEST(has(help, "essaim destination suspend example.net"), help);
  BOOST_TEST(has(help, "essaim destination explain example.net"), help);
}

BOOST_FIXTURE_TEST_CASE(accounts_are_made_shown_changed_and_forgotten, Site) {
  ok({"account", "create", "Ann", "--address", "Ann@A.example", "--address", "*@b.example"}, "long secret\n");
  ok({"account", "create", "bob@b.example", "--no-password", "--may-relay"});
  const Parsed ann = json({"account", "show", "ann"});
  BOOST_TEST(ann["name"] == "ann");
  BOOST_TEST(ann["addresses"].dump() == R"(["Ann@a.example","*@b.example"])");
  BOOST_TEST(ann["password"] == "yescrypt");
  BOOST_TEST(ann["scram"] == true);
  BOOST_TEST(ann["may_relay"] == false);
  const Parsed bob = json({"account", "show", "bob@b.example"});
  BOOST_TEST(bob["addresses"].dump() == R"(["bob@b.example"])");
  BOOST_TEST(bob["password"] == "none");
  BOOST_TEST(bob["may_relay"] == true);
  ok({"account", "set", "ann", "--may-relay", "yes", "--disabled", "yes", "--remove-address", "*@b.example",
      "--add-address", "c@c.example", "--no-scram"});
  const Parsed changed = json({"account", "show", "ann"});
  BOOST_TEST(changed["addresses"].dump() == R"(["Ann@a.example","c@c.example"])");
  BOOST_TEST(changed["disabled"] == true);
  BOOST_TEST(changed["scram"] == false);
  BOOST_TEST(changed["password"] == "yescrypt");
  BOOST_TEST(json({"account", "list"}).size() == 2U);
  BOOST_TEST(has(ok({"account", "list"}).out, "disabled"));
  ok({"account", "delete", "ann"});
  BOOST_TEST(run({"account", "show", "ann"}).code == 1);
  BOOST_TEST(run({"account", "delete", "ann"}).code == 1);
}
