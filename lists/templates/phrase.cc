#include <algorithm>
#include <array>

#include "core/base/check.h"
#include "lists/templates/catalogue.h"
#include "lists/templates/mustache.h"
#include "lists/templates/phrases.h"
#include "lists/templates/span.h"

namespace essaim::lists {
namespace {

struct OtherName {
  std::string_view theirs, ours;
};
// What rules written for Sympa 6.2 call the same.
constexpr std::array kNamesInSympa = {
    OtherName{"subscribe_closed", "sub_closed"},
    OtherName{"subscribe_smime", "sub_smime"},
    OtherName{"create_list_closed", "create_closed"},
    OtherName{"create_list_listmaster", "create_listmaster"},
    OtherName{"global_remind_listmaster", "remind_listmaster"},
    OtherName{"move_user_closed", "move_closed"},
    OtherName{"move_user_listmaster", "move_listmaster"},
    OtherName{"list-no-open", "list-not-open"},
    OtherName{"mail_archive_closed", "archive_closed"},
    OtherName{"mail_archive_owner", "archive_owner"},
    OtherName{"mail_archive_subscriber", "archive_subscriber"},
    OtherName{"web_archive_closed", "archive_closed"},
    OtherName{"web_archive_owner", "archive_owner"},
    OtherName{"web_archive_subscriber", "archive_subscriber"},
    OtherName{"web_archive_listmaster", "archive_listmaster"},
    OtherName{"d_read_owner", "documents_owner"},
    OtherName{"d_read_subscriber", "documents_subscriber"},
    OtherName{"d_read_subscriber_https", "documents_subscriber"},
    OtherName{"d_edit_owner", "documents_owner"},
    OtherName{"d_edit_subscriber", "documents_subscriber"},
    OtherName{"d_edit_subscriber_https", "documents_subscriber"},
};

const Reason* reason_named(std::string_view key) {
  for (const OtherName& other : kNamesInSympa) {
    if (other.theirs == key) key = other.ours;
  }
  for (const Reason& one : reasons()) {
    if (one.key == key) return &one;
  }
  return nullptr;
}

}  // namespace

std::string phrase(std::string_view language, std::string_view english, const Values& values) {
  ESSAIM_CHECK(std::find(phrases().begin(), phrases().end(), english) != phrases().end());
  auto filled = fill(translated(language, english), values);
  ESSAIM_CHECK(filled.ok());  // a test fills all
  return *std::move(filled);
}

std::string days_in_words(std::string_view language, const std::string& days) {
  return days == "1" ? phrase(language, "one day") : phrase(language, "{{days}} days", {{"days", days}});
}

bool is_reason(std::string_view key) {
  return reason_named(key) != nullptr;
}

std::string reason_text(std::string_view language, std::string_view key) {
  if (key.empty()) key = "no-rule-match";
  const Reason* reason = reason_named(key);
  return reason == nullptr ? std::string(key) : std::string(translated(language, reason->text));
}

}  // namespace essaim::lists
