#include "core/mail/mime_footer.h"
#include "lists/handlers/changes.h"

namespace essaim::lists::handlers {

Result<void> footer(Draft& draft) {
  if (draft.target.settings.footer.empty()) return {};
  mail::FooterResult result = mail::add_footer(&draft.header, draft.body, draft.target.settings.footer);
  if (!result.changed()) return {};
  draft.new_body = std::move(result.body);
  draft.body = draft.new_body;
  return {};
}

}  // namespace essaim::lists::handlers
