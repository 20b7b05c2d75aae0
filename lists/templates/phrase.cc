#include <algorithm>

#include "core/base/check.h"
#include "lists/templates/catalogue.h"
#include "lists/templates/mustache.h"
#include "lists/templates/phrases.h"

namespace essaim::lists {

std::string phrase(std::string_view language, std::string_view english, const Values& values) {
  ESSAIM_CHECK(std::find(phrases().begin(), phrases().end(), english) != phrases().end());
  auto filled = fill(translated(language, english), values);
  ESSAIM_CHECK(filled.ok());  // a test fills all
  return *std::move(filled);
}

bool is_reason(std::string_view key) {
  return std::any_of(reasons().begin(), reasons().end(), [&](const Reason& one) { return one.key == key; });
}

std::string reason_text(std::string_view language, std::string_view key) {
  if (key.empty()) key = "no-rule-match";
  for (const Reason& reason : reasons()) {
    if (reason.key == key) return std::string(translated(language, reason.text));
  }
  return std::string(key);
}

}  // namespace essaim::lists
