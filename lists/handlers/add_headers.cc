#include <algorithm>

#include "core/base/text.h"
#include "core/mail/encoded_word.h"
#include "lists/handlers/changes.h"

namespace essaim::lists::handlers {

// An answer that quotes a whole header, or a post that comes by way of another list, may have the field
// already.
Result<void> add_by_setting(Draft& draft) {
  for (const auto& [name, text] : draft.target.settings.add_headers) {
    // In ASCII, so that a setting does not make a post one that needs SMTPUTF8.
    const std::string value = is_ascii(text) ? text : mail::encode_text(text);
    const auto there = draft.header.find_all(name);
    const bool same = std::any_of(there.begin(), there.end(), [&value](const mail::HeaderField* field) {
      return field->value() == value;
    });
    if (!same) ESSAIM_TRY(draft.header.insert_bottom(name, value));
  }
  return {};
}

}  // namespace essaim::lists::handlers
