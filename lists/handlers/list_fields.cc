#include <algorithm>

#include "core/base/text.h"
#include "core/mail/encoded_word.h"
#include "core/mail/header_block.h"
#include "lists/handlers/changes.h"
#include "lists/list_marks.h"

namespace essaim::lists::handlers {
namespace {

// A phrase for List-Id (RFC 2919 §3): quoted, or encoded when it is not ASCII.
std::string phrase(const std::string& description) {
  std::string encoded = mail::encode_phrase(description);
  if (encoded != description) return encoded;
  std::string quoted = "\"";
  for (const char c : description) {
    if (c == '"' || c == '\\') quoted.push_back('\\');
    quoted.push_back(c);
  }
  return quoted + "\"";
}

std::string mailto(const storage::ListRecord& list, std::string_view behind_local) {
  // What a list name may have stands as it is in a mailto URI (RFC 6068 §2).
  return "<mailto:" + list.local + std::string(behind_local) + "@" + list.domain + ">";
}

// The robot's name may have what has a meaning of its own in a URI (RFC 6068 §2).
std::string help(const Draft& draft) {
  constexpr char kDigits[] = "0123456789ABCDEF";
  std::string robot;
  for (const char c : draft.target.settings.robot) {
    const auto u = static_cast<unsigned char>(c);
    if ((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '.' || c == '_' || c == '+')
      robot += c;
    else
      robot += {'%', kDigits[u >> 4], kDigits[u & 15]};
  }
  return "<mailto:" + robot + "@" + draft.target.list.domain + "?subject=HELP>";
}

bool adds_itself(const ListSettings& settings, std::string_view name) {
  return std::any_of(settings.add_headers.begin(), settings.add_headers.end(),
                     [name](const auto& added) { return equals_ignoring_case(added.first, name); });
}

// The list's own -unsubscribe where its name leaves room for the token (RFC 5321 §4.5.3.1.1), else leave+.
std::string leave_by_token(const storage::ListRecord& list) {
  constexpr std::size_t kAdded = std::string_view("-unsubscribe+").size() + kLeaveTokenLength;
  if (list.local.size() + kAdded <= smtp::kMaxLocalPart) return mailto(list, "-unsubscribe+{leave}");
  return "<mailto:leave+{leave}@" + list.domain + ">";
}

// What a personal copy is left with: by HTTP (RFC 8058) where we have pages, and by mail. That one click will do is said
// only under a signature, without which nobody may believe it (§4).
std::string own_fields(const Draft& draft) {
  const std::string by_mail = leave_by_token(draft.target.list);
  if (draft.site.base_url.empty()) return "List-Unsubscribe: " + by_mail + "\r\n";
  std::string out =
      "List-Unsubscribe: <" + draft.site.base_url + "/unsubscribe/{link}>,\r\n " + by_mail + "\r\n";
  if (draft.is_signed) out += "List-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n";
  return out;
}

}  // namespace

// Only addresses that work: none to subscribe where nobody may; List-Post says NO where nobody may post (RFC 2369 §3.4).
// A personal copy gets its own List-Unsubscribe in the private header block.
Result<void> list_fields(Draft& draft) {
  const storage::ListRecord& list = draft.target.list;
  const ListSettings& settings = draft.target.settings;
  std::string id = "<" + list_id_of(list) + ">";
  if (!settings.description.empty()) id = phrase(settings.description) + " " + id;
  ESSAIM_TRY(draft.header.insert_bottom("List-Id", id));
  // A page of the site's own may be better.
  if (!adds_itself(settings, "List-Help")) ESSAIM_TRY(draft.header.insert_bottom("List-Help", help(draft)));
  if (!settings.nobody_subscribes && !adds_itself(settings, "List-Subscribe"))
    ESSAIM_TRY(draft.header.insert_bottom("List-Subscribe", mailto(list, "-subscribe")));
  ESSAIM_TRY(draft.header.insert_bottom("List-Post", settings.nobody_posts ? "NO" : mailto(list, "")));
  ESSAIM_TRY(draft.header.insert_bottom("List-Owner", mailto(list, "-owner")));
  if (settings.envelope == storage::CopyMode::kPersonal) {
    draft.private_header = own_fields(draft);
    return {};
  }
  return draft.header.insert_bottom("List-Unsubscribe", mailto(list, "-unsubscribe"));
}

}  // namespace essaim::lists::handlers
