#include "lists/handlers/changes.h"
#include "lists/list_marks.h"

namespace essaim::lists::handlers {

Result<void> mark_loop(Draft& draft) {
  return draft.header.insert_bottom("X-Loop", loop_mark(draft.target));
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
