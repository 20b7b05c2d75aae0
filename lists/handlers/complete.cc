#include <algorithm>

#include "core/base/text.h"
#include "core/mail/message_id.h"
#include "lists/handlers/changes.h"

namespace essaim::lists::handlers {
namespace {

bool is_signed(const Draft& draft, const mail::HeaderField& field) {
  const mailauth::Authentication* found = draft.submission.authentication.get();
  return found != nullptr && std::any_of(found->dkim.begin(), found->dkim.end(), [&](const auto& dkim) {
           const auto& names = dkim.signature.signed_fields;
           return dkim.status == mailauth::DkimStatus::kPass &&
                  std::find(names.begin(), names.end(), ascii_lowered(field.name())) != names.end();
         });
}

// What cannot be read is an id all the same where a good signature covers it, which would break. Else it is worth a new one:
// providers that refuse mail without an id may refuse such a one.
bool has_message_id(const Draft& draft) {
  const mail::HeaderField* field = draft.header.find("Message-ID");
  if (field == nullptr) return false;
  if (mail::normalised_message_id(field->raw_value())) return true;
  return field->raw_value().find_first_not_of(" \t\r\n<>") != std::string_view::npos &&
         is_signed(draft, *field);
}

}  // namespace

// RFC 5322 §3.6 requires Date and wants Message-ID; threads and archives need both. Made from what is fixed
// at acceptance.
Result<void> complete(Draft& draft) {
  // Scanners and scripts write one without an id; large providers refuse it.
  if (!has_message_id(draft))
    ESSAIM_TRY(draft.header.set("Message-ID",
                                "<" + format_id(draft.submission.id) + "@" + draft.site.hostname + ">"));
  if (draft.header.find("Date") == nullptr)
    ESSAIM_TRY(draft.header.insert_bottom("Date", format_rfc5322(draft.now)));
  return {};
}

// RFC 6409 §8: of our own people's mail. What others send goes on as it came.
Result<void> complete_submitted(Draft& draft) {
  return draft.submission.login ? complete(draft) : Result<void>{};
}

Result<void> remove_bcc(Draft& draft) {
  draft.header.remove_if(is_bcc);
  return {};
}

// What its author's domain has signed was written for all who get it.
Result<void> remove_bcc_unless_signed(Draft& draft) {
  draft.header.remove_if(
      [&draft](const mail::HeaderField& field) { return is_bcc(field) && !is_signed(draft, field); });
  return {};
}

}  // namespace essaim::lists::handlers
