#include "lists/handlers/changes.h"
#include "lists/list_marks.h"

namespace essaim::lists::handlers {

Result<void> mark_loop(Draft& draft) {
  return draft.header.insert_bottom("X-Loop", loop_mark(draft.target));
}

Result<void> precedence(Draft& draft) {
  return draft.header.insert_bottom("Precedence", "list");
}

}  // namespace essaim::lists::handlers
