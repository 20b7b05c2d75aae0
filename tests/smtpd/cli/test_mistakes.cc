// What is wrong with a command or a configuration is told before anything is done.
#include <string>
#include <vector>

#include <sys/stat.h>
#include <unistd.h>

#include "tests/smtpd/cli/site.h"

using namespace essaim::test;

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
