#include "core/mail/subject.h"

#include "lists/handlers/changes.h"

namespace essaim::lists::handlers {

Result<void> tag(Draft& draft) {
  if (draft.target.settings.subject_tag.empty()) return {};
  return mail::tag_subject(&draft.header, draft.target.settings.subject_tag);
}

}  // namespace essaim::lists::handlers
