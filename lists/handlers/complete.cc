#include <algorithm>

#include "core/base/text.h"
#include "core/mail/message_id.h"
#include "lists/handlers/changes.h"

namespace essaim::lists::handlers {

// RFC 5322 §3.6 requires Date and wants Message-ID; threads and archives need both. Made from what is fixed
// at acceptance.
Result<void> complete(Draft& draft) {
  // Scanners and scripts write one without an id; large providers refuse it.
  if (!mail::message_id_of(draft.header))
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
  const mailauth::Authentication* found = draft.submission.authentication.get();
  draft.header.remove_if([found](const mail::HeaderField& field) {
    if (!is_bcc(field)) return false;
    return found == nullptr || std::none_of(found->dkim.begin(), found->dkim.end(), [&](const auto& dkim) {
             const auto& names = dkim.signature.signed_fields;
             return dkim.status == mailauth::DkimStatus::kPass &&
                    std::find(names.begin(), names.end(), ascii_lowered(field.name())) != names.end();
           });
  });
  return {};
}

}  // namespace essaim::lists::handlers
