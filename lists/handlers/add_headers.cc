#include <algorithm>

#include "lists/handlers/changes.h"

namespace essaim::lists::handlers {

// An answer that quotes a whole header, or a post that comes by way of another list, may have the field
// already.
Result<void> add_by_setting(Draft& draft) {
  for (const auto& [name, value] : draft.target.settings.add_headers) {
    const auto there = draft.header.find_all(name);
    const bool same =
        std::any_of(there.begin(), there.end(),
                    [&value = value](const mail::HeaderField* field) { return field->value() == value; });
    if (!same) ESSAIM_TRY(draft.header.insert_bottom(name, value));
  }
  return {};
}

}  // namespace essaim::lists::handlers
