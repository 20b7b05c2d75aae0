// What fits at the cursor of a command line: all that the tables have, and what is in a database that is there.
#include <algorithm>
#include <filesystem>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>
#include <boost/test/unit_test.hpp>

#include "core/base/text.h"
#include "smtpd/cli/commands.h"
#include "tests/smtpd/program.h"

using namespace essaim;
using namespace essaim::smtpd::cli;
using essaim::test::Program;
using Words = std::vector<std::string>;

namespace {

Words lines_of(const std::string& text) {
  Words out;
  for (const std::string_view line : split(text, '\n'))
    if (!line.empty()) out.emplace_back(line);
  std::sort(out.begin(), out.end());
  return out;
}

std::string in_line(const Words& words) {
  std::string out;
  for (const std::string& word : words) out += word + " ";
  return out;
}

struct Tree {
  Tree() { add_commands(shell); }
  Words fitting(const Words& words) { return lines_of(fitting_words(shell, words)); }

  CLI::App root{"", "essaim"};
  Shell shell{root};
};

Words with(Words words, const std::string& last) {
  words.push_back(last);
  return words;
}

// Every command below and every option, and nothing else. Gives the number of commands.
int look_below(Tree& tree, const CLI::App* app, const Words& path) {
  Words options, commands;
  for (const CLI::Option* option : app->get_options())
    for (const std::string& name : option->get_lnames()) options.push_back("--" + name);
  std::sort(options.begin(), options.end());
  BOOST_TEST(!options.empty());
  BOOST_TEST(in_line(tree.fitting(with(path, "-"))) == in_line(options), in_line(path));
  for (const CLI::App* sub : app->get_subcommands([](const CLI::App*) { return true; }))
    if (!sub->get_group().empty()) commands.push_back(sub->get_name());
  std::sort(commands.begin(), commands.end());
  if (commands.empty()) return 1;
  BOOST_TEST(in_line(tree.fitting(with(path, ""))) == in_line(commands), in_line(path));
  int count = 0;
  for (const std::string& name : commands)
    count += look_below(tree, app->get_subcommand(name), with(path, name));
  return count;
}

// Asked as the script in bash asks.
struct Asked : Program {
  using Program::Program;
  std::string words(const Words& line, const std::string& from = "") const {
    Words arguments = {"completion", "words", "--config", from.empty() ? config : from};
    arguments.insert(arguments.end(), line.begin(), line.end());
    const Outcome o = run(arguments, "", false);
    BOOST_TEST(o.code == 0, in_line(line));
    BOOST_TEST(o.err == "", in_line(line));
    return in_line(lines_of(o.out));
  }
  void done(const Words& arguments) const {
    const Outcome o = run(arguments);
    BOOST_REQUIRE_MESSAGE(o.code == 0, o.err);
  }
};

}  // namespace

BOOST_AUTO_TEST_CASE(every_command_and_every_option_of_the_tables_is_offered) {
  Tree tree;
  BOOST_TEST(look_below(tree, &tree.root, {}) >= 130);
}

BOOST_AUTO_TEST_CASE(what_is_offered_goes_by_what_stands_before_it) {
  Tree tree;
  const auto offered = [&tree](const Words& words) { return in_line(tree.fitting(words)); };
  BOOST_TEST(offered({"qu"}) == "queue ");
  BOOST_TEST(offered({"list", "re"}) == "rename resume ");
  BOOST_TEST(offered({"--config", "x.toml", "list", "re"}) == "rename resume ");
  BOOST_TEST(offered({"--config=x.toml", "--json", "list", "re"}) == "rename resume ");
  BOOST_TEST(offered({"list", "nonsense", ""}) == "");
  BOOST_TEST(offered({"list", "set", "dev@lists.example", "subject_t"}) == "subject_tag= ");
  BOOST_TEST(offered({"list", "create", "dev@lists.example", "--set", "subject_t"}) == "subject_tag= ");
  BOOST_TEST(offered({"list", "create", "dev@lists.example", "--set=subject_t"}) == "--set=subject_tag= ");
  BOOST_TEST(offered({"member", "list", "dev@lists.example", "--role", ""}) == "editor member owner ");
  BOOST_TEST(offered({"account", "set", "ann", "--may-relay", ""}) == "no yes ");
  BOOST_TEST(offered({"config", "apply", "x"}) == ":files ");
  BOOST_TEST(offered({"config", "apply", "--config="}) == ":files ");
  // Behind the last argument there are options only, and behind "--" none.
  BOOST_TEST(offered({"config", "apply", "lists.toml", ""}) ==
             "--config --dry-run --help --json --quiet --remove-others ");
  BOOST_TEST(offered({"config", "apply", "lists.toml", "--", ""}) == "");
  BOOST_TEST(offered({"config", "apply", "--", "--dry"}) == ":files ");
  BOOST_TEST(offered({"config", "check", "--nonsense", "--he"}) == "--help ");
  BOOST_TEST(offered({"", ""}) == "");
  BOOST_TEST(offered({}) == "");
}

BOOST_FIXTURE_TEST_CASE(names_in_the_database_are_offered_where_they_are_asked_for, Asked) {
  done({"domain", "create", "lists.example"});
  done({"domain", "create", "müller.example"});
  for (const char* list : {"dev@lists.example", "news@lists.example"})
    done({"list", "create", list, "--owner", "owner@people.example"});
  BOOST_TEST(words({"list", "show", ""}) == "dev@lists.example news@lists.example ");
  BOOST_TEST(words({"list", "show", "n"}) == "news@lists.example ");
  BOOST_TEST(words({"list", "show", "--", "n"}) == "news@lists.example ");
  BOOST_TEST(words({"queue", "list", "--list=dev@"}) == "--list=dev@lists.example ");
  BOOST_TEST(words({"member", "add", "dev@l"}) == "dev@lists.example ");
  BOOST_TEST(words({"domain", "show", "l"}) == "lists.example ");
  BOOST_TEST(words({"list", "list", "--domain", "l"}) == "lists.example ");
  BOOST_TEST(words({"request", "block", ""}).find("dev@lists.example lists.example ") != std::string::npos);
  BOOST_TEST(words({"request", "block", "s"}) == "site ");
  // A domain of recipients is none of ours, and a member has other settings than a list.
  BOOST_TEST(words({"destination", "show", ""}) == "");
  BOOST_TEST(words({"queue", "list", "--domain", ""}) == "");
  BOOST_TEST(words({"member", "set", "dev@lists.example", "x@y.example", ""}) == "");
  BOOST_TEST(words({"job", "run", "ret"}) == "retention ");
  BOOST_TEST(words({"list", "show", ""}, directory.path("nowhere.toml")) == "");
  const Outcome behind = run({"completion", "words", "list", "show", "--config=" + config, "n"}, "", false);
  BOOST_TEST(behind.out == "news@lists.example\n");
}

BOOST_FIXTURE_TEST_CASE(a_tab_makes_no_database_and_says_nothing, Asked) {
  namespace fs = std::filesystem;
  const std::string file = directory.path("essaim.db");
  BOOST_TEST(words({"list", "show", ""}) == "");
  BOOST_TEST(!fs::exists(file));
  BOOST_TEST(!fs::exists(directory.path("state")));
  for (const char* text : {"", "no database at all, but long enough to be taken for the head of one"}) {
    directory.write("essaim.db", text);
    BOOST_TEST(words({"list", "show", ""}) == "");
    BOOST_TEST(essaim::test::read_file(file) == text);
  }
  for (const char* text : {"", "hostname = 5\n", "[[["})
    BOOST_TEST(words({"domain", "show", ""}, directory.write("wrong.toml", text)) == "");
}

BOOST_FIXTURE_TEST_CASE(it_completes_beside_a_running_server, Asked) {
  done({"domain", "create", "lists.example"});
  BOOST_REQUIRE(serve() > 0);
  BOOST_TEST(words({"domain", "show", ""}) == "lists.example ");
  BOOST_TEST(words({"node", "show", ""}) == "mx1.lists.example ");
  BOOST_TEST(words({"held", "show", ""}) == "");
}
