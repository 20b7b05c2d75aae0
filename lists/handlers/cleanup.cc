#include "core/base/text.h"
#include "lists/handlers/changes.h"

namespace essaim::lists::handlers {

// Errors-To: some hosts still send their reports there. Content-Length is wrong as soon as there is a footer.
// X-Loop of other lists stays: it is how a ring of lists that are members of each other comes to an end.
Result<void> remove_foreign(Draft& draft) {
  draft.header.remove_if([](const mail::HeaderField& field) {
    for (const std::string_view name :
         {"List-Id", "List-Help", "List-Subscribe", "List-Unsubscribe", "List-Unsubscribe-Post", "List-Post",
          "List-Owner", "List-Archive", "Precedence", "Return-Receipt-To", "Disposition-Notification-To",
          "X-Confirm-Reading-To", "Read-Receipt-To", "Errors-To", "Content-Length"}) {
      if (field.is(name)) return true;
    }
    return false;
  });
  return remove_return_path(draft);
}

// RFC 5321 §4.4: only the last hop writes Return-Path. Delivered-To would make the members' own systems see a
// loop.
Result<void> remove_return_path(Draft& draft) {
  draft.header.remove("Return-Path");
  draft.header.remove("Delivered-To");
  return {};
}

Result<void> remove_by_setting(Draft& draft) {
  const ListSettings& settings = draft.target.settings;
  for (const std::string& name : settings.remove_headers) draft.header.remove(name);
  // What the list says of TLS goes on with the envelope; the next hop would read the author's word (RFC 8689 §4.1).
  if (settings.require_tls == RequireTls::kNever || settings.require_tls == RequireTls::kAlways)
    draft.header.remove("TLS-Required");
  return {};
}

}  // namespace essaim::lists::handlers
