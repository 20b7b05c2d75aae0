// Filters that ask a database or a directory, as they are written.
#include <boost/test/unit_test.hpp>

#include "lists/scenario/source_filter.h"

using namespace essaim;
using namespace essaim::lists::scenario;

namespace {

constexpr const char* kSql =
    "sql_named_filter_query\n# who works here\ndb_type\tMySQL\ndb_host db.example\ndb_port 3307\ndb_name "
    "people\n"
    "db_user reader\ndb_passwd a secret\ndb_timeout 2\n"
    "statement SELECT COUNT(*) FROM staff WHERE mail=[sender] AND list = [listname]\n";
constexpr const char* kLdap =
    "host ldap1.example:389, ldaps://ldap2.example\nsuffix dc=example,dc=org\nfilter "
    "(&(mail=[sender])(dom=[domain]))\n"
    "scope one\n";

std::string wrong(const std::string& text, const std::string& name) {
  const auto parsed = SourceFilter::parse(text, name);
  return parsed.ok() ? "" : parsed.error().message;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(source_filters)

BOOST_AUTO_TEST_CASE(a_database_is_read_with_its_statement_in_pieces) {
  const auto filter = SourceFilter::parse(kSql, "staff.sql");
  BOOST_REQUIRE_MESSAGE(filter.ok(), wrong(kSql, "staff.sql"));
  BOOST_TEST((filter->kind == SourceFilter::Kind::kMariadb));
  BOOST_TEST(filter->host == "db.example");
  BOOST_TEST(filter->port == 3307);
  BOOST_TEST(filter->place == "people");
  BOOST_TEST(filter->password == "a secret");
  BOOST_TEST((filter->timeout == std::chrono::seconds(2)));
  BOOST_REQUIRE(filter->question.texts.size() == 3U);
  BOOST_TEST(filter->question.texts[0] == "SELECT COUNT(*) FROM staff WHERE mail=");
  BOOST_TEST(filter->question.texts[1] == " AND list = ");
  BOOST_TEST(filter->question.texts[2] == "");
  BOOST_TEST((filter->question.variables[1].variable == Variable::kListName));
}

BOOST_AUTO_TEST_CASE(a_directory_is_read_with_its_hosts) {
  const auto filter = SourceFilter::parse(kLdap, "people.ldap");
  BOOST_REQUIRE_MESSAGE(filter.ok(), wrong(kLdap, "people.ldap"));
  BOOST_TEST(filter->host == "ldap://ldap1.example:389 ldaps://ldap2.example");
  BOOST_TEST((filter->scope == SourceFilter::Scope::kOne));
  BOOST_TEST(filter->question.texts.front() == "(&(mail=");
  BOOST_TEST(filter->question.texts.back() == "))");
}

BOOST_AUTO_TEST_CASE(every_variable_of_rules_may_be_asked_with_but_what_a_message_says) {
  for (const char* variable : {"[sender]",
                               "[email]",
                               "[listname]",
                               "[domain]",
                               "[robot]",
                               "[conf->lang]",
                               "[list->subject]",
                               "[env->X]",
                               "[user->email]",
                               "[user_attributes->x]",
                               "[subscriber->gecos]",
                               "[custom_vars->room]",
                               "[family->name]",
                               "[msg_header->Subject]",
                               "[header->Subject][-1]",
                               "[is_bcc]",
                               "[msg_encrypted]",
                               "[topic]",
                               "[remote_host]",
                               "[remote_addr]",
                               "[current_date]",
                               "[previous_email]"}) {
    const auto filter = SourceFilter::parse(
        "db_type SQLite\ndb_name /srv/x.db\nstatement SELECT 1 WHERE x = " + std::string(variable) +
            " OR 0\n",
        "a.sql");
    BOOST_REQUIRE_MESSAGE(filter.ok(), std::string(variable) + (filter.ok() ? "" : filter.error().message));
    BOOST_TEST(filter->question.variables.size() == 1U, variable);
    BOOST_TEST(filter->question.texts.back() == " OR 0", variable);
  }
}

BOOST_AUTO_TEST_CASE(lines_may_be_comments_of_either_kind) {
  const auto filter =
      SourceFilter::parse("# one\n; two\nhost x\nsuffix y\nfilter (mail=[sender])\n", "a.ldap");
  BOOST_TEST(filter.ok());
}

BOOST_AUTO_TEST_CASE(lines_of_a_directory_may_go_on) {
  const auto filter = SourceFilter::parse(
      "host x\r\nsuffix dc=uni,\\ \r\ndc=example\nfilter \\\n\n# who\n  (&(mail=[sender])\\\n  (a=b))\n"
      "scope one\n",
      "a.ldap");
  BOOST_REQUIRE_MESSAGE(filter.ok(), (filter.ok() ? "" : filter.error().message));
  BOOST_TEST(filter->place == "dc=uni,dc=example");
  BOOST_REQUIRE(filter->question.texts.size() == 2U);
  BOOST_TEST(filter->question.texts.front() == "(&(mail=");
  BOOST_TEST(filter->question.texts.back() == ")  (a=b))");
  BOOST_TEST((filter->scope == SourceFilter::Scope::kOne));
  // Nobody reads more of one than of a line that does not go on.
  std::string endless = "host x\nfilter (a=\\\n";
  for (int i = 0; i < 50; ++i) endless += std::string(100, 'y') + "\\\n";
  BOOST_TEST(wrong(endless, "a.ldap") == "a.ldap, line 2: the line is too long, or not UTF-8");
}

BOOST_AUTO_TEST_CASE(what_is_wrong_is_said_with_its_line) {
  struct Row {
    const char* name;
    std::string text, said;
  };
  const std::string sqlite = "db_type SQLite\ndb_name /srv/x.db\n";
  for (const Row& row : {
           Row{"a.sql", "", "a.sql: there is no db_type"},
           Row{"a.sql", "db_type Oracle\ndb_name x\nstatement SELECT 1\n",
               "a.sql, line 1: db_type is MariaDB, MySQL or SQLite"},
           Row{"a.sql", "db_type SQLite\ndb_name x.db\nstatement SELECT 1\n",
               "a.sql, line 2: db_name is the absolute path of the file"},
           Row{"a.sql", "db_type MySQL\ndb_name x\nstatement SELECT 1\n", "a.sql: there is no db_host"},
           Row{"a.sql", sqlite + "statement DELETE FROM x\n", "a.sql, line 3: the statement is a SELECT"},
           Row{"a.sql", sqlite + "statement SELECT 1; DELETE FROM x\n",
               "a.sql, line 3: \"?\" and \";\" cannot stand in the statement"},
           Row{"a.sql", sqlite + "statement SELECT 1 WHERE x = '[sender]'\n",
               "a.sql, line 3: variables stand without quotes; they are quoted by us"},
           Row{"a.sql", sqlite + "statement SELECT [usr->x]\n",
               "a.sql, line 3: there is no variable 'usr'; did you mean 'user'?"},
           Row{"a.sql", sqlite + "statement SELECT [user]\n",
               "a.sql, line 3: [user->...] needs the name of a part"},
           Row{"a.sql", sqlite + "statement SELECT [msg_body]\n",
               "a.sql, line 3: what a message says is nothing to ask others for"},
           Row{"a.sql", sqlite + "db_name /y\n", "a.sql, line 3: db_name stands there twice"},
           Row{"a.sql", sqlite + "db_timeout 0\nstatement SELECT 1\n",
               "a.sql, line 3: db_timeout is a number from 1 to 30"},
           Row{"a.ldap", "host x\nsufix y\n",
               "a.ldap, line 2: 'sufix' is no setting of such a filter; did you mean 'suffix'?"},
           Row{"a.ldap", "host http://x\nsuffix y\nfilter (x=y)\n",
               "a.ldap, line 1: 'http://x' is neither host:port nor ldap://host:port"},
           Row{"a.ldap", "host x\nsuffix y\nfilter mail=[sender]\n",
               "a.ldap, line 3: a filter stands in parentheses, as (mail=[sender])"},
           Row{"a.ldap", "host x\nsuffix y\nfilter (x=\\\ny)\nscope all\n",
               "a.ldap, line 5: scope is sub, one or base"},
           Row{"a.ldap", "host x\nsuffix y\nfilter (x=\\\n[usr])\n",
               "a.ldap, line 3: there is no variable 'usr'; did you mean 'user'?"},
           Row{"a.ldap", "host x\nsuffix y\nfilter (x=y)\\\n",
               "a.ldap, line 3: nothing comes behind the \"\\\" at its end"},
           Row{"a.sql", sqlite + "statement SELECT 1 \\\n FROM x\n",
               "a.sql, line 4: 'FROM' is no setting of such a filter"},
           Row{"a.ldap", "host x\nsuffix y\nfilter (x=y)\nscope all\n",
               "a.ldap, line 4: scope is sub, one or base"},
       })
    BOOST_TEST(wrong(row.text, row.name) == row.said);
}

BOOST_AUTO_TEST_SUITE_END()
