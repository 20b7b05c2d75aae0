#include <algorithm>
#include <cctype>

#include <boost/test/unit_test.hpp>

#include "core/base/text.h"
#include "lists/commands/confirmation.h"
#include "lists/scenario/shipped.h"
#include "lists/templates/catalogue.h"
#include "lists/templates/messages.h"
#include "lists/templates/mustache.h"
#include "lists/templates/phrases.h"
#include "lists/templates/span.h"
#include "lists/templates/spoken.h"

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

// Without what is filled in.
std::string without_names(std::string_view text) {
  std::string out;
  for (std::size_t at = 0; at < text.size();) {
    const auto open = std::min(text.find("{{", at), text.size());
    out += text.substr(at, open - at);
    at = open == text.size() ? open : text.find("}}", open) + 2;
  }
  return out;
}

// "{{list}}: {{event}}" may be the same in two languages.
bool has_words(std::string_view text) {
  const std::string rest = without_names(text);
  return std::any_of(rest.begin(), rest.end(),
                     [](char c) { return std::isalpha(static_cast<unsigned char>(c)) != 0; });
}

// Characters, not octets.
std::size_t width(std::string_view text) {
  return static_cast<std::size_t>(std::count_if(
      text.begin(), text.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xC0U) != 0x80U; }));
}

std::string title_of(std::string_view scenario) {
  constexpr std::string_view kTitle = "title.en ";
  BOOST_REQUIRE(scenario.starts_with(kTitle));
  return std::string(scenario.substr(kTitle.size(), scenario.find('\n') - kTitle.size()));
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
  BOOST_TEST(languages() == (std::vector<std::string>{"en", "de", "es", "fr"}),
             boost::test_tools::per_element());
  for (const Message& message : messages()) {
    for (const std::string& language : languages()) {
      BOOST_TEST_CONTEXT(message.name << " in " << language) {
        for (const std::string_view english : {message.subject, message.text}) {
          const std::string_view text = translated(language, english);
          if (language != "en" && has_words(english)) BOOST_TEST((text != english));
          for (const std::string_view line : split(text, '\n'))
            BOOST_TEST(width(without_names(line)) <= 80u, line);
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
    for (const scenario::Shipped& one : scenario::shipped()) {
      const std::string title = title_of(one.text);
      // French and Spanish have this word as well.
      BOOST_TEST((translated(language, title) != title || title == "listmasters"), title);
    }
    for (const SpokenWords& row : spoken_words())
      BOOST_TEST((translated(language, row.english) != row.english), std::string(row.english));
  }
  for (const std::string_view english : phrases()) phrase("en", english);
  BOOST_TEST(reason_text("fr", "send_owner") == "seuls les propriétaires peuvent publier sur cette liste");
  BOOST_TEST(reason_text("de", "send_owner") == "nur die Listenverwaltung darf an diese Liste schreiben");
  BOOST_TEST(reason_text("fr", "because of me") == "because of me");
  // As rules written for Sympa call them.
  BOOST_TEST(reason_text("en", "subscribe_closed") == reason_text("en", "sub_closed"));
  BOOST_TEST(is_reason("web_archive_owner"));
  BOOST_TEST(!is_reason("web_archive"));
  BOOST_TEST(reason_text("en", "") == "no rule allows it");
}

// A question names the words that answer it; they are understood in its own language, and in all others.
BOOST_AUTO_TEST_CASE(a_question_names_words_that_are_understood) {
  const auto names_one = [](std::string_view text, Spoken meaning) {
    std::string word;
    for (const char c : std::string(text) + "\n") {
      if (c != ' ' && c != ',' && c != '\n') {
        word.push_back(c);
        continue;
      }
      if (says(word, meaning)) return true;
      word.clear();
    }
    return false;
  };
  for (const std::string& language : languages()) {
    BOOST_TEST_CONTEXT(language) {
      const std::string_view moderate = translated(language, find_message("moderate")->text);
      for (const Spoken meaning : {Spoken::kApprove, Spoken::kReject, Spoken::kBan})
        BOOST_TEST(names_one(moderate, meaning));
      const std::string_view approval = translated(language, find_message("approval")->text);
      for (const Spoken meaning : {Spoken::kApprove, Spoken::kReject})
        BOOST_TEST(names_one(approval, meaning));
      // "Just answer this message, with yes": one of those that let a post pass alone.
      for (const char* question : {"confirm_post", "confirm_request", "invite"})
        BOOST_TEST(names_one(translated(language, find_message(question)->text), Spoken::kApproveOnly),
                   question);
      for (const SpokenWords& row : spoken_words()) {
        if (row.meaning != Spoken::kApproveOnly && row.meaning != Spoken::kRejectOnly) continue;
        const auto all = split(translated(language, row.english), ',');
        const bool yes = row.meaning == Spoken::kApproveOnly;
        BOOST_TEST(std::any_of(all.begin(), all.end(), [yes](std::string_view word) {
          return confirms(std::string(trimmed(word)), "") == yes;
        }));
      }
    }
  }
  BOOST_TEST(says("GENEHMIGT", Spoken::kApprove));
  BOOST_TEST(says("zur\u00FCckweisen", Spoken::kReject));
  BOOST_TEST(says("ZURU\u0308CKWEISEN", Spoken::kReject));  // as macOS writes it
  BOOST_TEST(!says("ja", Spoken::kApprove));
  BOOST_TEST(!says("", Spoken::kApprove));
}

BOOST_AUTO_TEST_CASE(one_day_is_not_several) {
  BOOST_TEST(days_in_words("en", "1") == "one day");
  BOOST_TEST(days_in_words("en", "7") == "7 days");
  BOOST_TEST(days_in_words("fr", "1") == "un jour");
  BOOST_TEST(days_in_words("de", "1") == "1 Tag");
  BOOST_TEST(days_in_words("de", "14") == "14 Tage");
}

BOOST_AUTO_TEST_CASE(languages_are_chosen_as_asked) {
  BOOST_TEST(language_of("fr-CA,en;q=0.5") == "fr");
  BOOST_TEST(language_of("tlh, en-US") == "en");
  BOOST_TEST(language_of("de-AT, en;q=0.5") == "de");
  BOOST_TEST(language_of("de_CH.UTF-8") == "de");
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
