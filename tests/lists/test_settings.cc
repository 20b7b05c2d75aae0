#include <boost/test/unit_test.hpp>

#include "core/config/schema.h"
#include "lists/requests/request.h"
#include "lists/scenario/shipped.h"
#include "lists/settings.h"
#include "tests/lists/site.h"

using namespace essaim;
using namespace essaim::lists;

BOOST_AUTO_TEST_SUITE(list_settings)

BOOST_AUTO_TEST_CASE(the_table_does_not_contradict_itself) {
  std::set<std::string> names;
  for (const config::Setting& setting : list_settings_table()) {
    BOOST_TEST(names.insert(setting.name).second);
    BOOST_TEST(!setting.help.empty());
    if (!setting.default_value.empty()) BOOST_TEST(check_setting(setting.name, setting.default_value).ok());
    if (!setting.example.empty()) BOOST_TEST(check_setting(setting.name, setting.example).ok());
  }
}

BOOST_AUTO_TEST_CASE(a_scenario_that_nothing_asks_for_says_so) {
  std::set<std::string> asked{"send", "visibility"};  // posting.cc, requests/about.cc
  for (int verb = 0; verb <= static_cast<int>(Verb::kUnblock); ++verb)
    asked.emplace(row_of(static_cast<Verb>(verb)).function);
  for (const scenario::Function& function : scenario::functions()) {
    BOOST_TEST_CONTEXT(function.name) {
      const std::string name(function.name);
      BOOST_TEST(function.used == asked.contains(name));
      const auto told = set_in_vain({}, {{name, std::string(function.default_name)}});
      BOOST_TEST(told.empty() == function.used);
      BOOST_TEST(set_in_vain({}, {{name, std::nullopt}}).empty());
      for (const config::Setting& setting : list_settings_table())
        if (setting.name == name) BOOST_TEST(setting.help.ends_with(" Not used yet.") != function.used);
    }
  }
}

BOOST_AUTO_TEST_CASE(words_for_html_alone_do_nothing_and_that_is_said) {
  storage::ListRecord list;
  list.settings = {{"footer_html", "<p>x</p>"}};
  const std::vector<std::string> told = {
      "footer_html does nothing where footer, the words for plain text, is empty"};
  BOOST_TEST(set_in_vain(list, {{"footer_html", "<p>x</p>"}}) == told, boost::test_tools::per_element());
  BOOST_TEST(set_in_vain(list, {{"footer", std::nullopt}}) == told, boost::test_tools::per_element());
  BOOST_TEST(set_in_vain(list, {{"subject_tag", "[x]"}}).empty());
  list.domain_settings = {{"footer", "x"}};
  BOOST_TEST(set_in_vain(list, {{"footer_html", "<p>x</p>"}}).empty());
  list.settings = {{"header_html", "<p>x</p>"}};
  BOOST_TEST(set_in_vain(list, {{"header_html", "<p>x</p>"}}).size() == 1U);
}

BOOST_AUTO_TEST_CASE(authors_of_exceptions_are_kept_with_the_domains_of_their_addresses) {
  storage::ListRecord list;
  list.settings["author_exceptions"] =
      "M\303\274nchen.example=wrap Ann@m\303\274nchen.example=keep b.example=wrap";
  const ListSettings settings = settings_of(list);
  std::vector<std::string> who;
  for (const AuthorException& one : settings.author_exceptions) who.push_back(one.who);
  BOOST_TEST(
      who == (std::vector<std::string>{"xn--mnchen-3ya.example", "ann@xn--mnchen-3ya.example", "b.example"}),
      boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(wrong_values_are_refused_with_what_is_wrong) {
  struct Row {
    const char* name;
    const char* value;
    const char* says;  // null: accepted
  };
  const Row rows[] = {
      {"post", "anyone", nullptr},
      {"post", "anyon", "one of members, anyone"},
      {"send", "privateoreditorkey", nullptr},
      {"send", "a b", "the name of a scenario"},
      {"language", "tlh", "one of en, de, es, fr"},
      {"robot", "Sympa", "lower case"},
      {"robot", "commands", nullptr},
      {"robot", "postmaster", "those who run the site"},
      {"robot", "listmaster", "those who run the site"},
      {"robot", "dev-owner", "another list's addresses"},
      {"robot", "confirm+x", "return addresses"},
      {"use_blocklist", "send, review", nullptr},
      {"use_blocklist", "sned", "no function 'sned'"},
      {"footr", "anyone", "did you mean 'footer'"},
      {"max_size", "25M", nullptr},
      {"max_size", "0", nullptr},
      {"max_size", "big", "max_size"},
      {"max_size", "99G", "between"},
      {"expire", "5d", nullptr},
      {"expire", "500ms", "between"},
      {"reply_to", "list", nullptr},
      {"reply_to", "talk@example.org", nullptr},
      {"reply_to", "everybody", "author, list, none or an address"},
      {"subject_tag", "[d\303\251v]", nullptr},
      {"subject_tag", "[a]\nBcc: x@y", "single line"},
      {"description", "\xff", "not UTF-8"},
      {"add_headers", "X-A: 1\nX-B: 2\n", nullptr},
      {"add_headers", "X-A", "of the form Name: value"},
      {"add_headers", "From: a@b", "From cannot be added"},
      {"add_headers", "Content-Type: text/html", "Content-Type cannot be added"},
      {"add_headers", "X A: 1", ""},
      {"remove_headers", "X-Mailer, User-Agent", nullptr},
      {"remove_headers", "received", "received cannot be removed"},
      {"footer", "-- \nline\n", nullptr},
      {"envelope", "common", nullptr},
      {"envelope", "verp", "must be one of"},
      {"goodbye", "no", "true or false"},
  };
  for (const Row& row : rows) {
    BOOST_TEST_CONTEXT(row.name << "=" << row.value) {
      const auto checked = check_setting(row.name, row.value);
      BOOST_TEST(checked.ok() == (row.says == nullptr));
      if (!checked.ok() && row.says != nullptr)
        BOOST_TEST(checked.error().message.find(row.says) != std::string::npos, checked.error().message);
    }
  }
}

BOOST_AUTO_TEST_CASE(the_list_goes_before_its_domain_and_the_domain_before_the_default) {
  storage::ListRecord list;
  list.domain_settings = {{"post", "anyone"}, {"subject_tag", "[site]"}};
  list.settings = {
      {"subject_tag", "[dev]"}, {"add_headers", "X-A: 1\n\nX-B:  two words \n"}, {"remove_headers", "A,B C"}};
  const ListSettings settings = settings_of(list);
  BOOST_TEST(scenario_name(list, "send") == "public");
  BOOST_TEST(settings.subject_tag == "[dev]");
  BOOST_TEST(settings.max_size == 10U << 20);
  BOOST_TEST((settings.expire == std::chrono::hours(120)));
  BOOST_REQUIRE(settings.add_headers.size() == 2);
  BOOST_TEST(settings.add_headers[1].second == "two words");
  BOOST_TEST(settings.remove_headers.size() == 3);
  for (const ShownSetting& shown : shown_settings(list)) {
    if (shown.name == "subject_tag") BOOST_TEST(shown.from == "list");
    if (shown.name == "send") BOOST_TEST(shown.from == "domain");
    if (shown.name == "send") BOOST_TEST(shown.value == "public");
    if (shown.name == "footer") BOOST_TEST(shown.from == "default");
  }
}

// Mail to it is looked up by the domain, so another one of a list would name an address that nobody has.
BOOST_AUTO_TEST_CASE(a_list_has_the_command_robot_of_its_domain) {
  test::TestSite site;
  site.make_list("dev", {}, {}, {"own@o.example"});
  const auto says = [](const auto& refused) {
    BOOST_REQUIRE(!refused.ok());
    BOOST_TEST((refused.error().code == ErrorCode::kInvalid));
    BOOST_TEST(refused.error().message.find("essaim domain set lists.example robot=") != std::string::npos,
               refused.error().message);
  };
  says(site.admin.set_list("dev@lists.example", {{"robot", "commands"}}));
  says(site.admin.create_list("other@lists.example", {}, {{"robot", "commands"}}));
  const std::string text = "[lists.\"dev@lists.example\".settings]\nrobot = \"commands\"\n";
  for (const bool dry_run : {true, false}) says(site.admin.apply_text(text, dry_run));
  // One that has it from before does not go by it, stands in its export, and may lose it.
  test::TestSite::require(site.database->write_now(storage::Durability::kAccept, [&](storage::Connection& c) {
    return storage::DirectoryStore(c).set_list(site.list("dev").id, {{"robot", "commands"}});
  }));
  BOOST_TEST(settings_of(site.list("dev")).robot == "sympa");
  for (const ShownSetting& shown : shown_settings(site.list("dev"))) {
    if (shown.name == "robot") BOOST_TEST(shown.from == "default");
  }
  const auto exported = site.admin.export_text();
  test::TestSite::require(exported);
  test::TestSite::require(site.admin.apply_text(*exported, false, true));
  test::TestSite::require(site.admin.set_domain("lists.example", {{"robot", "orders"}}));
  BOOST_TEST(settings_of(site.list("dev")).robot == "orders");
  test::TestSite::require(site.admin.set_list("dev@lists.example", {{"robot", std::nullopt}}));
  BOOST_TEST(site.list("dev").settings.empty());
}

BOOST_AUTO_TEST_CASE(a_stored_value_of_another_version_counts_as_not_set) {
  test::LogLines log;
  storage::ListRecord list;
  list.local = "dev";
  list.domain = "lists.example";
  list.settings = {{"footer_style", "loud"}};
  BOOST_TEST(!settings_of(list).words_as_part);
  BOOST_TEST(log.has({"bad-list-setting", "dev@lists.example"}));
}

BOOST_AUTO_TEST_SUITE_END()
