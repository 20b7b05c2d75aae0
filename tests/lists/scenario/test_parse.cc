#include <boost/test/unit_test.hpp>

#include "lists/scenario/compile.h"
#include "lists/scenario/parse.h"
#include "lists/scenario/shipped.h"

using namespace essaim;
using namespace essaim::lists::scenario;

namespace {

FindText texts(std::map<std::string, std::string> files) {
  return [files](const std::string& file) -> Result<std::optional<std::string>> {
    const auto found = files.find(file);
    if (found == files.end()) return std::optional<std::string>();
    return std::optional<std::string>(found->second);
  };
}

}  // namespace

BOOST_AUTO_TEST_SUITE(scenario_text)

BOOST_AUTO_TEST_CASE(rules_are_read_in_every_spelling) {
  struct Row {
    const char* line;
    const char* auths;
    const char* action;
  };
  const Row rows[] = {
      {"true() smtp -> do_it", "smtp", "do_it"},
      {"  !  equal([sender],[email])   smtp,dkim,md5,smime -> request_auth([email])", "smtp,dkim,md5,smime",
       "request_auth([email])"},
      {"TRUE()\tSMTP , md5\t->\tDo_It,quiet,notify", "smtp,md5", "do_it,notify,quiet"},
      {"true() -> reject", "smtp", "reject"},
      {"true() smtp->reject(reason='send_owner')", "smtp", "reject(reason='send_owner')"},
      {"true() smtp -> reject(tt2='no_way'),quiet", "smtp", "reject(tt2='no_way'),quiet"},
      {"true() smtp -> reject('no_way.tt2')", "smtp", "reject(tt2='no_way')"},
      {"true() smtp -> reject(reason=send_owner)", "smtp", "reject(reason='send_owner')"},
      {"true() smtp,pgp -> request_auth,editorkey", "smtp,pgp", "request_auth,editorkey"},
      {"true() smtp -> request_auth([email]),owner,quiet", "smtp", "request_auth([email]),owner,quiet"},
      {"true() smtp_auth,smtp -> editorkey # who knows", "smtp,smtp_auth", "editorkey"},
      {"match([sender],/a#b\\/c/) smtp -> do_it", "smtp", "do_it"},
      {"equal([header->X-Y][-1],'#') smtp -> spam", "smtp", "spam"},
      {"search('blacklist.txt',[sender]) smtp -> reject,quiet", "smtp", "reject,quiet"},
      {"search(people.sql) smtp -> do_it", "smtp", "do_it"},
      {"verify_netmask('192.0.2.0/24') md5 -> do_it", "md5", "do_it"},
      {"verify_netmask('192.0.2.0:255.255.255.0') md5 -> do_it", "md5", "do_it"},
      {"verify_netmask(default) md5 -> do_it", "md5", "do_it"},
      {"is_subscriber(other@lists.example [sender]) smtp -> do_it", "smtp", "do_it"},
      {"less_than([list->total],'100') md5 -> do_it", "md5", "do_it"},
  };
  for (const Row& row : rows) {
    const auto parsed = parse(row.line, "send.x");
    BOOST_REQUIRE_MESSAGE(parsed.ok(),
                          std::string(row.line) + ": " + (parsed.ok() ? "" : parsed.error().message));
    BOOST_REQUIRE(parsed->lines.size() == 1);
    const auto& rule = std::get<Rule>(parsed->lines.front());
    BOOST_TEST(rule.auths.to_string() == row.auths, row.line);
    BOOST_TEST(rule.action.to_string() == row.action, row.line);
    BOOST_TEST(rule.where() == "send.x:1");
  }
}

BOOST_AUTO_TEST_CASE(what_is_wrong_is_named_with_its_place) {
  struct Row {
    const char* text;
    const char* error;
  };
  const Row rows[] = {
      {"true() smtp -> do_it\nis_membr([listname],[sender]) smtp -> do_it",
       "send.x, line 2, column 1: there is no condition 'is_membr'"},
      {"is_subscribr([listname],[sender]) smtp -> do_it", "did you mean 'is_subscriber'?"},
      {"is_subscriber([listnam],[sender]) smtp -> do_it",
       "column 16: there is no variable 'listnam'; did you mean 'listname'?"},
      {"is_subscriber([listname]) smtp -> do_it", "is_subscriber takes 2 arguments"},
      {"true([sender]) smtp -> do_it", "true takes 0 arguments"},
      {"true() smpt -> do_it", "column 8: there is no authentication level 'smpt'"},
      {"true() smtp do_it", "column 13: there is no authentication level 'do_it'"},
      {"true() smtp", "column 12: \"->\" and an action are expected"},
      {"true() smtp -> ", "an action is expected"},
      {"true() smtp -> doit", "column 16: there is no action 'doit'"},
      {"true() smtp -> do_it,editorkey", "column 22: 'editorkey' cannot stand behind do_it"},
      {"true() smtp -> do_it twice", "nothing may follow the action"},
      {"true() smtp -> do_it(x)", "do_it takes no parameters"},
      {"true() smtp -> reject(reason='x", "the closing quote is missing"},
      {"  match([sender],/a(b/) smtp -> do_it", "column 18: the expression cannot be read: column 4:"},
      {"match([sender],/ab) smtp -> do_it", "the closing \"/\" of the expression is missing"},
      {"match([sender],'ab') smtp -> do_it", "match needs an expression between slashes"},
      {"verify_netmask('300.1.1.1') md5 -> do_it", "is not a network"},
      {"verify_netmask('10.0.0.0:255.0.255.0') md5 -> do_it", "has a mask with holes"},
      {"search(people.pl,[sender]) smtp -> do_it", "ends in .txt, .sql or .ldap"},
      {"search('../x.txt',[sender]) smtp -> do_it", "search needs the name of a filter"},
      {"customcondition::mine([sender]) smtp -> do_it", "conditions written in Perl are not run here"},
      {"equal([header],'x') smtp -> do_it", "[header->...] needs the name of a part"},
      {"equal([sender->x],'x') smtp -> do_it", "[sender] has no parts"},
      {"equal([sender][0],'x') smtp -> do_it", "only header fields have an index"},
      {"equal([header->X][a],'x') smtp -> do_it", "an index as [0] or [-1] is expected"},
      {"true( smtp -> do_it", "true takes 0 arguments"},
      {"match([sender],/ab/i) smtp -> do_it",
       "column 20: nothing may follow the expression; upper and lower case are one in it"},
      {"include", "column 8: include needs the name of a file"},
      {" include.rules",
       "line 1, column 2: the file include.rules is named without its first word: include rules"},
      {"include('x", "the closing quote is missing"},
      {"true() smtp -> \xFF", "it is not UTF-8"},
  };
  for (const Row& row : rows) {
    const auto parsed = parse(row.text, "send.x");
    BOOST_REQUIRE_MESSAGE(!parsed.ok(), row.text);
    BOOST_TEST(parsed.error().message.find(row.error) != std::string::npos,
               std::string(row.text) + " gives: " + parsed.error().message);
  }
}

BOOST_AUTO_TEST_CASE(titles_comments_and_single_words_are_no_rules) {
  const auto parsed = parse(
      "send.x\nrules\n# a comment\n\ntitle.gettext restricted\ntitle.fr_FR réservé\ntitle.us American\n"
      "title plain\ntrue() smtp -> do_it\n",
      "send.y");
  BOOST_TEST(!parsed.ok());  // "send.x" has a dot, and is no word
  const auto good = parse(
      "rules\n# a comment\n\ntitle.gettext restricted\ntitle.fr_FR réservé\ntitle.us American\r\n"
      "title plain\ntrue() smtp -> do_it\r\n",
      "send.y");
  BOOST_REQUIRE(good.ok());
  BOOST_TEST(good->lines.size() == 1);
  BOOST_TEST(good->titles.at("gettext") == "restricted");
  BOOST_TEST(good->titles.at("fr") == "réservé");
  BOOST_TEST(good->titles.at("en") == "American");
  BOOST_TEST(good->titles.at("") == "plain");
}

BOOST_AUTO_TEST_CASE(headers_and_includes_are_put_together) {
  const auto find = texts({{"send.mine", "include first\ntrue() smtp -> do_it\n"},
                           {"include.first", "include('second')\ntrue() md5 -> editorkey\n"},
                           {"include.second", "true() dkim -> owner\n"},
                           {"include.send.header", "true() smime -> reject\n"}});
  const auto scenario = compile("send", "mine", find, true);
  BOOST_REQUIRE(scenario.ok());
  std::string order;
  for (const Rule& rule : (*scenario)->rules) order += rule.where() + " ";
  BOOST_TEST(order == "blocklist:0 include.send.header:1 include.second:1 include.first:2 send.mine:2 ");
  BOOST_TEST((*scenario)->named.to_string() == "smtp,dkim,md5,smime");
  BOOST_TEST((*scenario)->filters == std::vector<std::string>{"blocklist.txt"});
}

// As Sympa reads the files of its own earlier versions: else who asks for somebody else would be asked to confirm it.
BOOST_AUTO_TEST_CASE(whom_it_concerns_confirms_that_he_joins_or_leaves) {
  const auto find =
      texts({{"subscribe.x", "include asks\n"},
             {"unsubscribe.x", "include asks\n"},
             {"add.x", "include asks\n"},
             {"include.asks", "true() smtp -> request_auth\ntrue() dkim -> request_auth,owner\n"}});
  for (const char* function : {"subscribe", "unsubscribe", "add"}) {
    const auto scenario = compile(function, "x", find, false);
    BOOST_REQUIRE(scenario.ok());
    for (const Rule& rule : (*scenario)->rules)
      BOOST_TEST(rule.action.confirmed_by_email == (std::string_view(function) != "add"), function);
  }
}

BOOST_AUTO_TEST_CASE(a_circle_of_includes_is_refused_and_a_missing_one_only_when_saved) {
  const auto circle =
      texts({{"send.mine", "include a"}, {"include.a", "include b"}, {"include.b", "include a"}});
  const auto round = compile("send", "mine", circle, false);
  BOOST_REQUIRE(!round.ok());
  BOOST_TEST(round.error().message.find("in a circle") != std::string::npos);
  const auto missing = texts({{"send.mine", "true() smtp -> do_it\ninclude gone"}});
  BOOST_TEST(compile("send", "mine", missing, false).ok());
  const auto refused = compile("send", "mine", missing, false, Includes::kRequired);
  BOOST_REQUIRE(!refused.ok());
  BOOST_TEST(refused.error().message == "send.mine, line 2: there is no include.gone");
  BOOST_TEST((compile("send", "other", missing, false).error().code == ErrorCode::kNotFound));
}

BOOST_AUTO_TEST_CASE(every_shipped_scenario_can_be_read_and_has_titles) {
  BOOST_TEST(shipped().size() >= 100u);
  for (const Shipped& one : shipped()) {
    const auto find = [](const std::string& file) -> Result<std::optional<std::string>> {
      const auto dot = file.find('.');
      const auto text = shipped_text(file.substr(0, dot), file.substr(dot + 1));
      if (!text) return std::optional<std::string>();
      return std::optional<std::string>(*text);
    };
    const auto scenario =
        compile(std::string(one.function), std::string(one.name), find, false, Includes::kRequired);
    BOOST_REQUIRE_MESSAGE(scenario.ok(),
                          std::string(one.name) + (scenario.ok() ? "" : scenario.error().message));
    BOOST_TEST((*scenario)->titles.count("en") == 1u);
    // Which are translated with all other texts: tests/lists/test_templates.cc.
    BOOST_TEST((*scenario)->titles.size() == 1u);
    BOOST_TEST(find_function(one.function) != nullptr);
  }
  for (const Function& function : functions())
    BOOST_TEST(shipped_text(function.name, function.default_name).has_value(), std::string(function.name));
}

BOOST_AUTO_TEST_CASE(old_names_mean_the_new_ones) {
  BOOST_TEST(canonical_name("subscribe", "open,notify") == "open_notify");
  BOOST_TEST(canonical_name("subscribe", "auth_ownerdkim") == "auth_ownerdkim");
  BOOST_TEST(canonical_name("send", "default") == "private");
  BOOST_TEST(canonical_name("visibility", "public") == "noconceal");
  BOOST_TEST(canonical_name("send", "mine") == "mine");
}

BOOST_AUTO_TEST_SUITE_END()
