// What a script learns from the exit status: whether what it names is there, and whether it is done.
#include <string>
#include <vector>

#include <boost/test/unit_test.hpp>
#include <nlohmann/json.hpp>
#include <sys/stat.h>

#include "tests/smtpd/program.h"

using essaim::test::Program;
using Parsed = nlohmann::json;

namespace {

struct Scripts : Program {
  Scripts() {
    ok({"domain", "create", "lists.example"});
    ok({"list", "create", "dev@lists.example", "--owner", "owner@people.example"});
  }
  Outcome ok(const std::vector<std::string>& arguments, const std::string& input = "") const {
    Outcome o = run(arguments, input);
    BOOST_REQUIRE_MESSAGE(o.code == 0, arguments[0] << " " << arguments[1] << ": " << o.err);
    return o;
  }
};

bool has(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

}  // namespace

BOOST_FIXTURE_TEST_CASE(what_does_not_exist_is_not_deleted_and_a_script_is_told, Scripts) {
  struct Row {
    std::vector<std::string> arguments;
    std::string says;
  };
  const std::vector<Row> rows = {
      {{"list", "delete", "devv@lists.example"}, "did you mean dev@lists.example?"},
      {{"list", "forget", "old@lists.example"}, "no list had the name old@lists.example"},
      {{"domain", "delete", "lsits.example"}, "there is no domain lsits.example\n"},
      {{"block", "remove", "ann@a.example"}, "ann@a.example is not blocked for the site"},
      {{"scenario", "delete", "send.mine"}, "there is no send.mine of the site"},
      {{"scenario", "delete", "friends.txt", "--list", "dev@lists.example"},
       "there is no friends.txt of dev@lists.example"},
      {{"template", "delete", "welcome.fr", "--domain", "lists.example"},
       "there is no welcome.fr of lists.example"},
      {{"listmaster", "remove", "ann@a.example"}, "ann@a.example is no listmaster of the site"},
      {{"listmaster", "remove", "ann@a.example", "--domain", "lists.example"}, "listmaster of lists.example"},
      {{"member", "remove", "devv@lists.example", "ann@a.example"}, "did you mean dev@lists.example?"},
      {{"account", "delete", "ann"}, "ann"},
      {{"dkim", "delete", "lists.example", "s1"}, "s1"},
  };
  for (const Row& row : rows) {
    const std::string words = row.arguments[0] + " " + row.arguments[1];
    const Outcome o = run(row.arguments);
    BOOST_TEST(o.code == 1, words << " gave " << o.code);
    BOOST_TEST(has(o.err, row.says), words << " said: " << o.err);
    std::vector<std::string> for_scripts = row.arguments;
    for_scripts.emplace_back("--json");
    const Outcome j = run(for_scripts);
    BOOST_TEST(j.code == 1, words);
    BOOST_TEST(Parsed::parse(j.err)["code"] == "not found", words << " said: " << j.err);
  }
  // What is so already is done.
  ok({"domain", "create", "lists.example"});
  ok({"list", "open", "dev@lists.example"});
  ok({"block", "add", "ann@a.example"});
  ok({"block", "add", "ann@a.example"});
  ok({"block", "remove", "ann@a.example"});
}

BOOST_FIXTURE_TEST_CASE(a_number_that_says_how_many_has_one_rule_and_a_short_one, Scripts) {
  const std::vector<std::vector<std::string>> options = {{"queue", "list", "--limit"},
                                                         {"queue", "why", "--limit"},
                                                         {"post", "find", "--limit"},
                                                         {"post", "failures", "--limit"},
                                                         {"member", "bouncing", "--at-least"}};
  for (std::vector<std::string> words : options) {
    const std::string option = words.back();
    words.emplace_back();
    for (const char* const wrong : {"0", "-1", "x", "1.5", "1000000001", "99999999999999999999"}) {
      words.back() = wrong;
      const Outcome o = run(words);
      BOOST_TEST(o.code == 2, words[0] << " " << words[1] << " " << wrong << " gave " << o.code);
      BOOST_TEST(
          has(o.err, option + ": \"" + std::string(wrong) + "\" is not a number from 1 to 1000000000\n"),
          o.err);
    }
    words.back() = "1";
    ok(words);
  }
}

BOOST_FIXTURE_TEST_CASE(an_account_is_said_to_be_changed_when_it_is, Scripts) {
  ok({"account", "create", "ann", "--address", "ann@a.example", "--no-password"});
  const Outcome o = run({"account", "set", "ann"});
  BOOST_TEST(o.code == 2);
  BOOST_TEST(has(o.err, "what is to be changed? --password, --add-address"), o.err);
  const std::string before = ok({"account", "show", "ann", "--json"}).out;
  BOOST_TEST(ok({"account", "set", "ann", "--may-relay", "no", "--add-address", "ann@a.example"}).out ==
             "nothing changed\n");
  BOOST_TEST(ok({"account", "show", "ann", "--json"}).out == before);
  BOOST_TEST(ok({"account", "set", "ann", "--may-relay", "yes"}).out == "account ann changed\n");
}

BOOST_FIXTURE_TEST_CASE(help_for_a_command_that_there_is_not_says_so, Scripts) {
  for (const std::vector<std::string>& words : {std::vector<std::string>{"account", "frobnicate", "--help"},
                                                {"--json", "acount", "--help"},
                                                {"frob", "-h"}}) {
    const Outcome o = run(words, "", false);
    BOOST_TEST(o.code == 2, words[0]);
    BOOST_TEST(has(o.err, "unknown command"), o.err);
    BOOST_TEST(o.out == "");
  }
  for (const std::vector<std::string>& words : {std::vector<std::string>{"--help"},
                                                {"account", "--help"},
                                                {"account", "show", "--help"},
                                                {"help"},
                                                {"help", "account", "show"},
                                                {"account", "show", "frobnicate", "--help"},
                                                {"account", "--config", "x", "show", "--help"}})
    BOOST_TEST(run(words, "", false).code == 0, words[0]);
}

BOOST_FIXTURE_TEST_CASE(a_trace_of_what_there_is_not_does_not_wait_for_ever, Scripts) {
  const auto says = [&](const std::vector<std::string>& words, int code, const std::string& part) {
    const Outcome o = run(words);
    BOOST_TEST(o.code == code, words[2]);
    BOOST_TEST(has(o.err, part), o.err);
  };
  says({"trace", "--list", "devv@lists.example"}, 1, "did you mean dev@lists.example?");
  says({"trace", "--list", "dev"}, 2, "--list: ");
  says({"trace", "--destination", "no domain"}, 2, "--destination: 'no domain' is not a domain name");
  says({"trace", "--list", "Dev@lists.example"}, 1, "no server is running");
  says({"trace", "--destination", "müller.example"}, 1, "no server is running");
  // Posts that wait are traced by the name that they were accepted under.
  ok({"list", "rename", "dev@lists.example", "bees"});
  says({"trace", "--list", "bees@lists.example"}, 1, "no server is running");
  says({"trace", "--list", "Dev@lists.example"}, 1, "no server is running");
  says({"trace", "--list", "dev@lists.example"}, 1, "dev@lists.example is called bees@lists.example now");
  ok({"list", "forget", "dev@lists.example"});
  says({"trace", "--list", "dev@lists.example"}, 1, "there is no list dev@lists.example");
}

BOOST_FIXTURE_TEST_CASE(where_there_is_nothing_to_show_a_sentence_says_so, Scripts) {
  ok({"member", "add", "dev@lists.example", "ann@a.example"});
  struct Row {
    std::vector<std::string> arguments;
    std::string says, json;
  };
  const std::vector<Row> rows = {
      {{"member", "list", "dev@lists.example", "--role", "editor"}, "nobody is its editor\n", "[]\n"},
      {{"member", "left", "dev@lists.example"}, "nobody has left it\n", "[]\n"},
      {{"member", "left", "dev@lists.example", "--since", "2026-01-02"},
       "nobody has left it since 2026-01-02 00:00:00\n",
       "[]\n"},
      {{"member", "bouncing"}, "nobody's copies came back like that\n", "[]\n"},
      {{"scenario", "list", "--function", "sned"}, "none for \"sned\"; ", "[]\n"},
      {{"node", "list"}, "no nodes yet", "[]\n"},
  };
  for (const Row& row : rows) {
    const std::string out = ok(row.arguments).out;
    BOOST_TEST(out.starts_with(row.says), out);
    std::vector<std::string> for_scripts = row.arguments;
    for_scripts.emplace_back("--json");
    BOOST_TEST(ok(for_scripts).out == row.json);
  }
  // Who is welcomed is the recipient of a post.
  ok({"request", "subscribe", "dev@lists.example", "bob@b.example"});
  const std::string id =
      Parsed::parse(ok({"post", "find", "--recipient", "bob@b.example", "--json"}).out)[0]["id"];
  const auto shows = [&](const std::string& which) {
    return ok({"post", "show", id, "--recipients", which}).out;
  };
  BOOST_TEST(has(shows("bob@b.example"), "  bob@b.example  pending"));
  BOOST_TEST(has(shows("nobody@b.example"), "  nobody@b.example is not among the recipients\n"));
  BOOST_TEST(has(shows("@c.example"), "  @c.example is not among the recipients\n"));
  BOOST_TEST(has(shows("failed"), "  no recipient is failed\n"));
  BOOST_TEST(!has(shows("none"), "no recipient"));
  BOOST_TEST(!has(shows("all"), "no recipient"));
}

BOOST_FIXTURE_TEST_CASE(who_is_no_member_is_named_and_the_others_are_removed, Scripts) {
  ok({"member", "add", "dev@lists.example", "ann@a.example", "bob@b.example"});
  const Outcome o = run({"member", "remove", "dev@lists.example", "--file", "-"},
                        "nobody@a.example\nann@a.example\nnoone@a.example\n");
  BOOST_TEST(o.code == 1);
  BOOST_TEST(has(o.out, "1 removed; no member of it: nobody@a.example, noone@a.example\n"), o.out);
  std::string many;
  for (int i = 0; i < 25; ++i) many += "p" + std::to_string(i) + "@gone.example\n";
  BOOST_TEST(has(run({"member", "remove", "dev@lists.example", "--file", "-"}, many).out, " and 5 more\n"));
  BOOST_TEST(ok({"member", "remove", "dev@lists.example", "bob@b.example"}).out == "1 removed\n");
  BOOST_TEST(run({"member", "remove", "dev@lists.example", "bob@b.example"}).code == 1);
  ok({"member", "remove", "dev@lists.example", "--file", "-"});  // an empty file names nobody
}

BOOST_FIXTURE_TEST_CASE(what_cannot_be_an_account_is_told, Scripts) {
  ok({"account", "create", "ann", "--address", "ann@a.example"}, "long secret\n");
  const auto says = [&](std::vector<std::string> arguments, const std::string& input, const char* words) {
    const auto outcome = run(std::move(arguments), input);
    BOOST_TEST(outcome.code != 0);
    BOOST_TEST(has(outcome.err, words), outcome.err);
  };
  says({"account", "create", "ann", "--address", "ann@a.example"}, "long secret\n", "already");
  says({"account", "create", "bob"}, "long secret\n", "--address");
  says({"account", "create", "two words", "--address", "a@a.example"}, "long secret\n", "name of an account");
  says({"account", "create", "bob", "--address", "nonsense"}, "long secret\n", "nonsense");
  says({"account", "create", "bob", "--address", "b@b.example"}, "", "first line of standard input");
  says({"account", "create", "bob", "--address", "b@b.example"}, "short\n", "too short");
  says({"account", "create", "bob", "--address", "b@b.example"}, "bell\x07 and more\n", "cannot hold");
  says({"account", "set", "ann", "--remove-address", "x@x.example"}, "", "no address of ann");
  says({"account", "set", "ann", "--may-relay", "perhaps"}, "", "yes");
  says({"account", "set", "nobody", "--disabled", "yes"}, "", "no account nobody");
}

BOOST_FIXTURE_TEST_CASE(a_scenario_without_a_rule_says_whom_it_refuses, Scripts) {
  BOOST_TEST(
      has(ok({"scenario", "set", "send.mine", "-"}, "\n").out, "it has no rule, which refuses everybody"));
  BOOST_TEST(!has(ok({"scenario", "set", "send.mine", "-"}, "true() smtp -> do_it\n").out, "no rule"));
}

BOOST_FIXTURE_TEST_CASE(posts_that_are_not_here_are_told, Scripts) {
  const Outcome text = run({"post", "remove-text", "0am52m8jr04a2"});
  BOOST_TEST(text.code == 1);
  BOOST_TEST(has(text.out, "no post 0am52m8jr04a2"), text.out);
  BOOST_TEST(run({"post", "remove-text", "nonsense"}).code == 2);
  // Behind a restore that is no fault: they were accepted after the backup.
  const Outcome log = ok({"queue", "delete", "--log", "-"}, "0am52m8jr04a2 ann@a.example\n");
  BOOST_TEST(has(log.out, "0 recipients deleted from the queue"), log.out);
  BOOST_TEST(has(log.out, "1 post of the log is not in this database"), log.out);
  const Parsed json =
      Parsed::parse(ok({"queue", "delete", "--log", "-", "--json"}, "0am52m8jr04a2 ann@a.example\n").out);
  BOOST_TEST(json["not_here"] == 1);
  BOOST_TEST(json["recipients"] == 0);
}

BOOST_FIXTURE_TEST_CASE(a_directory_in_the_place_of_the_database_is_called_one, Program) {
  BOOST_REQUIRE(::mkdir(directory.path("essaim.db").c_str(), 0755) == 0);
  const std::string says = directory.path("essaim.db") + ": not a file";
  const Outcome checked = run({"config", "check"}), listed = run({"domain", "list"});
  BOOST_TEST(checked.code == 2);
  BOOST_TEST(has(checked.err, "\"storage.url\": " + says), checked.err);
  BOOST_TEST(listed.code == 1);
  BOOST_TEST(has(listed.err, says), listed.err);
}
