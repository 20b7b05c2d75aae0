#include <algorithm>

#include <boost/test/unit_test.hpp>

#include "core/base/text.h"
#include "lists/templates/catalogue.h"
#include "lists/templates/messages.h"
#include "lists/templates/mustache.h"
#include "lists/templates/phrases.h"

using namespace essaim;
using namespace essaim::lists;

namespace {

std::vector<std::string> words(std::string_view text) {
  std::vector<std::string> out;
  for (const auto one : split(text, ' ')) out.emplace_back(one);
  return out;
}

std::string repeated(std::string_view text, int times) {
  std::string out;
  for (int i = 0; i < times; ++i) out += text;
  return out;
}

// Those of every message, beside its own.
std::vector<std::string> variables_of(const Message& message) {
  auto out = words(message.variables);
  for (const char* name : {"list", "local", "domain", "description", "owner", "robot", "leave"})
    out.emplace_back(name);
  return out;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(templates)

BOOST_AUTO_TEST_CASE(every_message_is_whole_in_every_language_and_uses_what_it_says) {
  BOOST_TEST(languages().size() >= 2u);
  for (const Message& message : messages()) {
    for (const std::string& language : languages()) {
      BOOST_TEST_CONTEXT(message.name << " in " << language) {
        for (const std::string_view english : {message.subject, message.text}) {
          const std::string_view text = translated(language, english);
          if (language != "en") BOOST_TEST((text != english));
          const auto checked = check_template(text, variables_of(message));
          BOOST_TEST(checked.ok(), (checked.ok() ? "" : checked.error().message));
        }
      }
    }
  }
}

BOOST_AUTO_TEST_CASE(every_phrase_and_reason_is_translated_with_the_same_variables) {
  const auto names = [](std::string_view text) {
    std::vector<std::string> out;
    for (auto at = text.find("{{"); at != text.npos; at = text.find("{{", at + 2))
      out.emplace_back(text.substr(at, text.find("}}", at) - at));
    std::sort(out.begin(), out.end());
    return out;
  };
  for (const std::string& language : languages()) {
    if (language == "en") continue;
    for (const std::string_view english : phrases()) {
      BOOST_TEST((translated(language, english) != english), std::string(english));
      BOOST_TEST(names(translated(language, english)) == names(english), std::string(english));
    }
    for (const Reason& reason : reasons())
      BOOST_TEST((translated(language, reason.text) != reason.text), std::string(reason.key));
  }
  for (const std::string_view english : phrases()) phrase("en", english);
  BOOST_TEST(reason_text("fr", "send_owner") == "seuls les propriétaires peuvent publier sur cette liste");
  BOOST_TEST(reason_text("fr", "because of me") == "because of me");
  // As rules written for Sympa call them.
  BOOST_TEST(reason_text("en", "subscribe_closed") == reason_text("en", "sub_closed"));
  BOOST_TEST(is_reason("web_archive_owner"));
  BOOST_TEST(!is_reason("web_archive"));
  BOOST_TEST(reason_text("en", "") == "no rule allows it");
}

BOOST_AUTO_TEST_CASE(languages_are_chosen_as_asked) {
  BOOST_TEST(language_of("fr-CA,en;q=0.5") == "fr");
  BOOST_TEST(language_of("de, en-US") == "en");
  BOOST_TEST(language_of("fr_FR.UTF-8") == "fr");
  BOOST_TEST(language_of("tlh") == "");
  BOOST_TEST(language_of("") == "");
}

BOOST_AUTO_TEST_CASE(a_template_is_checked_before_it_is_kept) {
  struct Row {
    std::string text;
    const char* error;  // "" for none
  };
  const Row rows[] = {
      {"Hello {{email}}", ""},
      {"{{#name}}Dear {{name}}{{/name}}{{^name}}Hello{{/name}}", ""},
      {"{{! a comment }}", ""},
      {"{{emial}}", "there is no variable 'emial'; did you mean 'email'?"},
      {"{{#name}}open", "Unclosed section"},
      {"{{name", "Unclosed"},
      {"{{> other}}", "partials"},
      {"{{=<% %>=}}", "other delimiters"},
      {"\xFF", "not UTF-8"},
      {repeated("{{#name}}", 20) + repeated("{{/name}}", 20), ""},
      {repeated("{{#name}}{{/name}}", 3000), ""},
      {repeated("{{#name}}", 21) + repeated("{{/name}}", 21), "more than 20 deep"},
      {repeated("{{^ name }}", 2500) + repeated("{{/name}}", 2500), "more than 20 deep"},
  };
  for (const Row& row : rows) {
    const auto checked = check_template(row.text, {"email", "name"});
    BOOST_TEST(checked.ok() == std::string(row.error).empty(), row.text);
    if (!checked.ok())
      BOOST_TEST(checked.error().message.find(row.error) != std::string::npos, checked.error().message);
  }
  BOOST_TEST(*fill("{{a}} <{{b}}>{{#c}}x{{/c}}", {{"a", "1&2"}, {"b", "\"q\""}, {"c", ""}}) == "1&2 <\"q\">");
}

BOOST_AUTO_TEST_SUITE_END()
