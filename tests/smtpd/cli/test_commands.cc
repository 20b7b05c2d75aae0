// The command line as people and scripts use it, without a running server.
#include <fstream>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include <boost/test/unit_test.hpp>
#include <nlohmann/json.hpp>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/smtpd/program.h"

using essaim::test::Program;
using Parsed = nlohmann::json;

namespace {

struct Site : Program {
  Outcome ok(std::vector<std::string> arguments, const std::string& input = "") const {
    Outcome o = run(arguments, input);
    BOOST_REQUIRE_MESSAGE(o.code == 0,
                          arguments[0] << " " << (arguments.size() > 1 ? arguments[1] : "") << ": " << o.err);
    return o;
  }
  Parsed json(std::vector<std::string> arguments) const {
    arguments.push_back("--json");
    return Parsed::parse(ok(std::move(arguments)).out);
  }
  void make_list() const {
    ok({"domain", "create", "lists.example"});
    ok({"list", "create", "dev@lists.example", "--owner", "owner@people.example"});
  }
};

bool has(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

}  // namespace

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

BOOST_FIXTURE_TEST_CASE(changes_nothing_when_one_line_of_a_file_is_wrong, Site) {
  make_list();
  const Outcome o =
      run({"member", "add", "dev@lists.example", "--file", "-"}, "ann@a.example\nnot an address\n");
  BOOST_TEST(o.code == 2);
  BOOST_TEST(has(o.err, "line 2"), o.err);
  BOOST_TEST(json({"member", "list", "dev@lists.example", "--role", "member"}).empty());
}

BOOST_FIXTURE_TEST_CASE(a_mistake_is_answered_with_what_is_wrong_and_what_to_do, Site) {
  make_list();
  struct Row {
    std::vector<std::string> arguments;
    int code;
    std::vector<std::string> says;
  };
  const std::vector<Row> rows = {
      {{"lst"}, 2, {"unknown command \"lst\"", "did you mean \"list\"?"}},
      {{"list", "crete", "x@y"}, 2, {"did you mean \"create\"?", "essaim list --help"}},
      {{"list"}, 2, {"what is to be done", "create", "show"}},
      {{"list", "create", "x@lists.example", "--ownr", "a@b.example"}, 2, {"did you mean --owner?"}},
      {{"list", "create", "x@lists.example"}, 2, {"--owner"}},
      {{"list", "create", "x@lists.example", "--owner", "nobody"}, 2, {"--owner", "not a mail address"}},
      {{"list", "create", "x@other.example", "--owner", "a@b.example"}, 1, {"other.example"}},
      {{"list", "show", "dve@lists.example"}, 1, {"dve@lists.example"}},
      {{"list", "set", "dev@lists.example", "subject_tga=x"}, 2, {"subject_tag"}},
      {{"list", "set", "dev@lists.example", "post=everybody"}, 2, {"post"}},
      {{"list", "set", "dev@lists.example", "subject_tag"}, 2, {"key=value"}},
      {{"member", "add", "dev@lists.example"}, 2, {"--file"}},
      {{"member", "add", "dev@lists.example", "--role", "onwer", "a@b.example"}, 2, {"owner"}},
      {{"member", "remove", "dev@lists.example", "nobody@a.example"}, 1, {}},
      {{"post", "show", "nonsense"}, 2, {"not a queue id"}},
      {{"post", "show", "0am52m8jr04a2"}, 1, {"no post"}},
      {{"post", "find", "--since", "yesterday"}, 2, {"--since", "time span"}},
      {{"post", "find", "--why", "blocklist"}, 2, {"--failed"}},
      {{"post", "failures", "--by", "host"}, 2, {"provider, destination, list, reply"}},
      {{"post", "failures", "--until", "yesterday"}, 2, {"--until", "time span"}},
      {{"post", "retry", "--why", "blocklist", "--reason", "x"}, 2, {"--since", "post failures"}},
      {{"post", "retry", "--since", "6h"}, 2, {"--reason"}},
      {{"post", "retry", "0am52m8jr04a2", "--reason", "x"}, 2, {"--recipients is missing"}},
      {{"post", "retry", "0am52m8jr04a2", "--recipients", "failed", "--list", "x@y.example"},
       2,
       {"queue ids go"}},
      {{"queue", "delete"}, 2, {"--all"}},
      {{"queue", "delete", "--since", "1h"}, 2, {"--since goes with --log"}},
      {{"queue", "delete", "--list", "dev@lists.example", "--domain", ""},
       2,
       {"--domain: its value is empty"}},
      {{"template", "set", "welcome", "/dev/null"}, 2, {"/dev/null: it has no words"}},
      {{"leave-key", "retire", "x"}, 2, {"KEY: \"x\" is not a number"}},
      {{"list", "resume", "dve@lists.example"}, 1, {"there is no list dve@lists.example"}},
      {{"queue", "delete", "--log", "-", "--all"}, 2, {"--log goes with"}},
      {{"queue", "delete", "--log", "/nonexistent/log"}, 1, {"/nonexistent/log", "No such file"}},
      {{"queue", "delete", "--log", "-"}, 2, {"standard input: no line of it"}},
      {{"queue", "hold", "nonsense"}, 2, {"not a queue id"}},
      {{"queue", "delete", "0am52m8jr04a2/3"}, 2, {"a batch of the post 0am52m8jr04a2;"}},
      {{"help", "list", "crete"}, 2, {"did you mean \"create\"?"}},
      {{"member", "set", "dev@lists.example", "a@b.example", "address=c@b.example"}, 2, {"request move"}},
      {{"member", "add", "dev@lists.example", "a@b.example,Ann"}, 2, {"comma"}},
      {{"trace"}, 2, {"--peer"}},
      {{"trace", "--peer", "127.0.0.1"}, 1, {"no server is running"}},
      {{"reload"}, 1, {"no server is running"}},
      {{"job", "run", "retension"}, 1, {"did you mean \"retention\"?"}},
      {{"destination", "suspend", "a.example", "--until", "soon"}, 2, {"--until"}},
  };
  for (const Row& row : rows) {
    const Outcome o = run(row.arguments);
    std::string words;
    for (const std::string& a : row.arguments) words += a + " ";
    BOOST_TEST(o.code == row.code, words << "gave " << o.code << ": " << o.err);
    for (const std::string& part : row.says) BOOST_TEST(has(o.err, part), words << "said: " << o.err);
  }
}

BOOST_FIXTURE_TEST_CASE(a_bad_configuration_is_told_with_file_and_line, Site) {
  directory.write("essaim.toml", "hostnam = \"x\"\n");
  for (const std::vector<std::string>& words :
       {std::vector<std::string>{"config", "check"}, {"domain", "list"}, {"serve"}}) {
    const Outcome o = run(words);
    BOOST_TEST(o.code == 2);
    BOOST_TEST(has(o.err, "essaim.toml:1:"), o.err);
    BOOST_TEST(has(o.err, "hostname"), o.err);
  }
  const Outcome missing = run({"config", "check", "--config", "/nonexistent/essaim.toml"}, "", false);
  BOOST_TEST(missing.code == 2);
  BOOST_TEST(has(missing.err, "/nonexistent/essaim.toml"), missing.err);
}

// Of a path that is mistyped, or a volume that is not mounted.
BOOST_FIXTURE_TEST_CASE(what_only_tells_makes_no_database, Site) {
  for (const std::vector<std::string>& words : {std::vector<std::string>{"queue", "list"},
                                                {"domain", "list"},
                                                {"post", "find"},
                                                {"storage", "check"},
                                                {"config", "export"}}) {
    const Outcome o = run(words);
    BOOST_TEST(o.code == 1);
    BOOST_TEST(has(o.err, "there is no database " + directory.path("essaim.db")), o.err);
    BOOST_TEST(access(directory.path("essaim.db").c_str(), F_OK) != 0);
  }
  make_list();
  BOOST_TEST(json({"domain", "list"}).size() == 1U);
}

BOOST_FIXTURE_TEST_CASE(directories_that_cannot_be_made_are_told_with_their_setting, Site) {
  ok({"config", "check"});
  const std::string good = essaim::test::read_file(config);
  const std::pair<std::string, std::string> rows[] = {{directory.path("state"), "\"state\": "},
                                                      {directory.path("essaim.db"), "\"storage.url\": "}};
  for (const auto& [path, says] : rows) {
    std::string bad = good;
    bad.replace(bad.find(path), path.size(), directory.path("missing") + "/there/x");
    directory.write("essaim.toml", bad);
    const Outcome checked = run({"config", "check"});
    BOOST_TEST(checked.code == 2);
    BOOST_TEST(has(checked.err, says), checked.err);
    const Outcome served = run({"serve"});
    BOOST_TEST(served.code != 0);
    BOOST_TEST(has(served.err, "there is no directory " + directory.path("missing")), served.err);
  }
  // Not those that the server makes one in the other, nor one with a slash at its end.
  const std::string state = directory.path("state"), database = directory.path("essaim.db");
  std::string nested = good;
  nested.replace(nested.find(database), database.size(), state + "/db/essaim.db");
  nested.replace(nested.find(state + "\""), state.size(), state + "/");
  directory.write("essaim.toml", nested);
  const Outcome checked = run({"config", "check"});
  BOOST_TEST(!has(checked.err, "there is no directory"), checked.err);
  BOOST_TEST(checked.code == 0);
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

BOOST_FIXTURE_TEST_CASE(what_would_keep_the_server_from_starting_is_told_before, Site) {
  const std::string plain = essaim::test::read_file(config), file = directory.path("file");
  struct Row {
    std::string section, setting;
    bool secret;
  };
  for (const Row& row :
       {Row{"[storage]\n", "password_file", true}, Row{"[delivery]\n", "ca_file", false},
        Row{"[dns]\n", "trust_anchor", false},
        Row{"[ldap]\nurl = \"ldap://127.0.0.1\"\nbase = \"dc=a\"\nfilter = \"(uid={name})\"\n",
            "search_password_file", true},
        Row{"[oauth]\nurl = \"http://127.0.0.1/\"\n", "secret_file", true},
        Row{"[authentication]\n", "key_file", true}}) {
    const auto check = [&](int code, const std::string& words) {
      const Outcome o = run({"config", "check"});
      BOOST_TEST(o.code == code, row.setting << " gave " << o.code << ": " << o.err);
      BOOST_TEST(has(o.err, words), row.setting << " said: " << o.err);
    };
    const std::string lines = row.section + row.setting + " = \"" + file + "\"\n";
    std::string text = plain;
    if (const auto at = text.find(row.section); at != std::string::npos)
      text.replace(at, row.section.size(), lines);
    else
      text += lines;
    directory.write("essaim.toml", text);
    unlink(file.c_str());
    check(2, file);
    if (!row.secret) continue;
    directory.write("file", "\n");
    BOOST_REQUIRE(::chmod(file.c_str(), 0640) == 0);
    check(2, file);
    directory.write("file", "a secret of some length\n");
    check(0, "");
    for (const mode_t mode : {0644U, 0602U}) {
      BOOST_REQUIRE(::chmod(file.c_str(), mode) == 0);
      check(2, file + ": everybody may read or change it: chown root:");
      check(2, " && chmod 0640 " + file);
    }
  }
  // And no key is sealed with what everybody knows.
  make_list();
  const Outcome refused = run({"dkim", "create", "lists.example"});
  BOOST_TEST(refused.code == 2);
  BOOST_TEST(has(refused.err, "everybody may read or change it"), refused.err);
  BOOST_REQUIRE(::chmod(file.c_str(), 0640) == 0);
  ok({"dkim", "create", "lists.example"});
  BOOST_TEST(json({"dkim", "list"}).at(0)["opens"] == true);
  // Nor with another one than there are keys of; who looks is told.
  directory.write("file", "another secret of some length\n");
  BOOST_REQUIRE(::chmod(file.c_str(), 0640) == 0);
  const Outcome another = run({"dkim", "create", "lists.example"});
  BOOST_TEST(another.code == 1);
  BOOST_TEST(has(another.err, "the secret at hand does not open the key "), another.err);
  BOOST_TEST(json({"dkim", "list"}).at(0)["opens"] == false);
  BOOST_TEST(has(ok({"dkim", "list"}).out, "another: the key was made with another secret"));
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

BOOST_FIXTURE_TEST_CASE(refuses_what_would_suspend_or_remove_by_mistake, Site) {
  make_list();
  const auto no_domain = run({"destination", "suspend", "not a domain"});
  BOOST_TEST(no_domain.code == 2);
  BOOST_TEST(has(no_domain.err, "is not a domain name"), no_domain.err);
  for (const char* const span : {"2h", "1h30m", "2d", "90s"})
    ok({"destination", "suspend", "example.net", "--until", span});
  const auto banana = run({"destination", "suspend", "example.net", "--until", "banana"});
  BOOST_TEST(banana.code == 2);
  BOOST_TEST(has(banana.err, "2026-11-22T18:52:04Z"), banana.err);

  // What cannot be read is no text that names nothing, or nobody.
  for (const std::vector<std::string>& words :
       {std::vector<std::string>{"config", "apply", "/", "--remove-others"},
        {"member", "add", "dev@lists.example", "--file", "/"},
        {"member", "remove", "dev@lists.example", "--file", "/"},
        {"scenario", "set", "blocklist.txt", "/"}}) {
    const auto directory_given = run(words);
    BOOST_TEST_INFO(words[0] << " " << words[1]);
    BOOST_TEST(directory_given.code == 1);
    BOOST_TEST(has(directory_given.err, "/: Is a directory"), directory_given.err);
  }
  const auto nothing = run({"config", "apply", "-", "--remove-others"}, "");
  BOOST_TEST(nothing.code != 0);
  BOOST_TEST(has(nothing.err, "standard input: the text names no domain and no list"), nothing.err);
  BOOST_TEST(json({"list", "list"}).size() == 1U);
  const auto unknown = run({"config", "apply", directory.write("bad.toml", "\n[[lst]]\n")});
  BOOST_TEST(has(unknown.err, "bad.toml: line 2:"), unknown.err);
  const auto missing = run({"domain", "list", "--config", "/nonexistent.toml"}, "", false);
  BOOST_TEST(has(missing.err, "essaim config sample"), missing.err);
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
