#include "core/base/encoding.h"
#include "lists/handlers/changes.h"
#include "lists/list_marks.h"

namespace essaim::lists::handlers {

Result<void> mark_loop(Draft& draft) {
  return draft.header.insert_bottom("X-Loop", loop_mark(draft.target));
}

// What is passed on as its author sent it needs no mark: it says the same.
Result<void> mark_original(Draft& draft) {
  const Incoming& incoming = draft.incoming;
  if (incoming.is_marked_copy && draft.header.find(kOriginal) != nullptr) return {};
  ESSAIM_TRY(remove_original(draft));
  if (draft.hidden) return {};  // whoever has an id of the author's could try it
  const bool is_changed = incoming.is_marked_copy || draft.body.data() != incoming.body.data();
  if (!is_changed || incoming.seen_key.empty()) return {};
  return draft.header.insert_bottom(kOriginal, base64_encoded(incoming.seen_key));
}

// Of what is passed on to addresses that may be lists: they would believe it.
Result<void> remove_original(Draft& draft) {
  draft.header.remove(kOriginal);
  return {};
}

Result<void> precedence(Draft& draft) {
  return draft.header.insert_bottom("Precedence", "list");
}

Result<void> validation(Draft& draft) {
  draft.header.remove("X-Validation-by");
  // Who is both author and moderator is named by neither.
  if (draft.submission.validated_by.empty() || draft.hidden) return {};
  return draft.header.insert_bottom("X-Validation-by", draft.submission.validated_by);
}

}  // namespace essaim::lists::handlers
