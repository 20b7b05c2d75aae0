// Lines that are too long for the way (RFC 5322 §2.1.1), made short by encoding the part that they are in.
#include <algorithm>

#include "core/mail/downgrade.h"
#include "lists/handlers/changes.h"

namespace essaim::lists::handlers {
namespace {

Result<void> shorten(Draft& draft) {
  auto text = mail::with_short_lines(draft.header.joined_with(draft.body));
  if (!text) return {};
  auto header = mail::HeaderBlock::parse(*text);
  if (!header.ok()) return {};  // it has become too large: then rather a long line
  text->erase(0, header->body_offset());
  draft.header = *std::move(header);
  draft.new_body = *std::move(text);
  draft.body = draft.new_body;
  return {};
}

}  // namespace

bool is_well_signed(const Draft& draft) {
  if (draft.incoming.header.find("DKIM-Signature") == nullptr) return false;
  const mailauth::Authentication* found = draft.submission.authentication.get();
  return found == nullptr || std::any_of(found->dkim.begin(), found->dkim.end(), [](const auto& dkim) {
           return dkim.status == mailauth::DkimStatus::kPass ||
                  dkim.status == mailauth::DkimStatus::kTempError;
         });
}

// What it breaks the planner sees. Where nothing was verified there is no plan: then a signature that the list leaves whole
// counts for more than the few hosts that mind.
Result<void> short_lines(Draft& draft) {
  if (draft.long_lines || !mail::has_long_line(draft.body)) return {};
  const bool is_changed = draft.body.data() != draft.incoming.body.data();
  // Of an author who is hidden no signature goes out.
  const bool may_be_kept = draft.submission.authentication == nullptr && !is_changed && !draft.hidden;
  if (may_be_kept && is_well_signed(draft)) return {};
  return shorten(draft);
}

// There nobody would protect the author of a signature that breaks.
Result<void> short_lines_unless_signed(Draft& draft) {
  if (!mail::has_long_line(draft.body) || is_well_signed(draft)) return {};
  return shorten(draft);
}

}  // namespace essaim::lists::handlers
