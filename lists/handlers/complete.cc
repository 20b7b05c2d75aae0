#include "lists/handlers/changes.h"

namespace essaim::lists::handlers {

// RFC 5322 §3.6 requires Date and wants Message-ID; threads and archives need both. Made from what is fixed
// at acceptance.
Result<void> complete(Draft& draft) {
  if (draft.header.find("Message-ID") == nullptr)
    ESSAIM_TRY(draft.header.insert_bottom(
        "Message-ID", "<" + format_id(draft.submission.id) + "@" + draft.site.hostname + ">"));
  if (draft.header.find("Date") == nullptr)
    ESSAIM_TRY(draft.header.insert_bottom("Date", format_rfc5322(draft.now)));
  return {};
}

// RFC 6409 §8: of our own people's mail. What others send goes on as it came.
Result<void> complete_submitted(Draft& draft) {
  return draft.submission.login ? complete(draft) : Result<void>{};
}

// RFC 5322 §3.6.3: who is named there is nobody's business.
Result<void> remove_bcc(Draft& draft) {
  draft.header.remove("Bcc");
  return {};
}

}  // namespace essaim::lists::handlers
