#include "lists/setting_words.h"

#include "core/base/text.h"
#include "core/smtp/idn.h"

namespace essaim::lists {

std::vector<std::string_view> lines_of(std::string_view text) {
  std::vector<std::string_view> lines;
  for (const std::string_view line : split(text, '\n')) {
    if (const auto kept = trimmed(line); !kept.empty()) lines.push_back(kept);
  }
  return lines;
}

std::vector<std::string> names_of(std::string_view text) {
  std::vector<std::string> names;
  std::string name;
  for (std::size_t i = 0; i <= text.size(); ++i) {
    const char c = i < text.size() ? text[i] : ' ';
    if (c != ',' && c != ' ' && c != '\t' && c != '\r' && c != '\n') {
      name.push_back(c);
    } else if (!name.empty()) {
      names.push_back(std::move(name));
      name.clear();
    }
  }
  return names;
}

std::optional<Treatment> treatment_of(std::string_view word) {
  if (word == "keep") return Treatment::kKeep;
  if (word == "rewrite") return Treatment::kRewriteFrom;
  if (word == "wrap") return Treatment::kWrap;
  if (word == "refuse") return Treatment::kRefuse;
  return std::nullopt;
}

std::optional<AuthorException> exception_of(std::string_view text) {
  const std::size_t equals = text.rfind('=');
  if (equals == std::string_view::npos || equals == 0) return std::nullopt;
  const auto treatment = treatment_of(text.substr(equals + 1));
  if (!treatment) return std::nullopt;
  const std::string who = ascii_lowered(text.substr(0, equals));
  const std::size_t domain = who.rfind('@') + 1;  // 0 without one
  return AuthorException{who.substr(0, domain) + smtp::kept_domain(who.substr(domain)), *treatment};
}

std::string check_scenario_name(const std::string& value) {
  if (value.empty() || value.size() > 100) return "it must be the name of a scenario";
  for (const char c : value) {
    const bool good = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                      c == '_' || c == '-' || c == ',' || c == '.';
    if (!good) return "it must be the name of a scenario: letters, digits, \"_\", \"-\"";
  }
  return "";
}

}  // namespace essaim::lists
