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

// Only addresses that work: there is no help and no subscribing by mail, so no such fields; List-Post says NO
// where nobody may post (RFC 2369 §3.4). A personal copy gets its own List-Unsubscribe in the private header
// block.
Result<void> list_fields(Draft& draft) {
  const storage::ListRecord& list = draft.target.list;
  const ListSettings& settings = draft.target.settings;
  std::string id = "<" + list_id_of(list) + ">";
  if (!settings.description.empty()) id = phrase(settings.description) + " " + id;
  ESSAIM_TRY(draft.header.insert_bottom("List-Id", id));
  ESSAIM_TRY(draft.header.insert_bottom("List-Post", settings.nobody_posts ? "NO" : mailto(list, "")));
  ESSAIM_TRY(draft.header.insert_bottom("List-Owner", mailto(list, "-owner")));
  if (settings.envelope == storage::CopyMode::kPersonal) {
    draft.private_header = own_fields(draft);
    return {};
  }
  return draft.header.insert_bottom("List-Unsubscribe", mailto(list, "-unsubscribe"));
}

}  // namespace essaim::lists::handlers
