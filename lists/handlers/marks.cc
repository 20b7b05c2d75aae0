#include "core/base/encoding.h"
#include "lists/handlers/changes.h"
#include "lists/list_marks.h"

namespace essaim::lists::handlers {

Result<void> mark_loop(Draft& draft) {
  return draft.header.insert_bottom("X-Loop", loop_mark(draft.target));
}

// What is passed on as it came needs no mark: its body says the same.
Result<void> mark_original_body(Draft& draft) {
  if (draft.body.data() == draft.incoming.body.data()) return {};
  draft.header.remove(kOriginalBody);
  return draft.header.insert_bottom(kOriginalBody, base64_encoded(draft.incoming.original_body));
}

Result<void> precedence(Draft& draft) {
  return draft.header.insert_bottom("Precedence", "list");
}

Result<void> validation(Draft& draft) {
  draft.header.remove("X-Validation-by");
  if (draft.submission.validated_by.empty()) return {};
  return draft.header.insert_bottom("X-Validation-by", draft.submission.validated_by);
}

}  // namespace essaim::lists::handlers
