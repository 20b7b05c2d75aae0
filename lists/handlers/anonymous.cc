// Lists that hide their authors (the setting anonymous). What may stay is named: of what programs write about who sends, no list is
// ever whole. The body stays as it is, with what its author says in it.
#include <algorithm>
#include <array>
#include <string>
#include <string_view>

#include "core/base/id.h"
#include "core/base/text.h"
#include "core/mail/address_list.h"
#include "lists/handlers/changes.h"

namespace essaim::lists::handlers {
namespace {

// By the last three lists know what they have sent before: X-Loop ours, Sympa's and others, X-BeenThere Mailman's and Google
// Groups', Mailing-List ezmlm's.
constexpr std::array<std::string_view, 7> kKept{
    "Subject",     "Content-Type", "Content-Transfer-Encoding", "Content-Disposition", "X-Loop",
    "X-BeenThere", "Mailing-List"};

// Those that are kept without the words in which they came: Apple's programs name themselves behind the version of MIME, and
// parameters of Auto-Submitted name whose mailbox it was (owner-email, RFC 5436 §2.7.1).
struct Marks {
  bool mime = false;
  bool tls_optional = false;
  std::string_view automatic;  // RFC 3834 §5.1; "": it is not
};

Marks marks_of(const Draft& draft) {
  Marks out;
  out.mime = draft.header.find("MIME-Version") != nullptr;
  out.tls_optional =
      draft.header.find("TLS-Required") != nullptr && draft.incoming.tls == storage::TlsRequest::kOptional;
  const mail::HeaderField* field = draft.header.find("Auto-Submitted");
  if (field == nullptr || !draft.incoming.marks.auto_submitted) return out;
  const std::string value = field->value();
  out.automatic = "auto-generated";
  for (const std::string_view word : {"auto-replied", "auto-notified"})
    if (starts_with_ignoring_case(trimmed(value), word)) out.automatic = word;
  return out;
}

// The ids that a field names of posts that this list has sent so: others tell of the author's other mail, and of the program.
std::string ids_of_posts(const Draft& draft, std::string_view name) {
  const std::string end = "@" + draft.target.list.domain + ">";
  const std::size_t size = 1 + kIdTextLength + 1 + kIdTextLength + end.size();
  std::string out;
  for (const mail::HeaderField* field : draft.header.find_all(name)) {
    const std::string value = field->value();
    for (std::size_t at = value.find('<'); at != value.npos; at = value.find('<', at + 1)) {
      const std::string_view id = std::string_view(value).substr(at, size);
      if (id.size() == size && id.ends_with(end) && id[1 + kIdTextLength] == '.' &&
          parse_id(id.substr(1, kIdTextLength)) && parse_id(id.substr(2 + kIdTextLength, kIdTextLength)))
        out += (out.empty() ? "" : " ") + std::string(id);
    }
  }
  return out;
}

}  // namespace

// The list is in the Message-ID, for one message may go to several lists that hide its author.
Result<void> hide_author(Draft& draft) {
  if (!draft.target.settings.anonymous) return {};
  const storage::ListRecord& list = draft.target.list;
  const std::string answers = ids_of_posts(draft, "In-Reply-To"), thread = ids_of_posts(draft, "References");
  const Marks marks = marks_of(draft);
  draft.hidden = true;
  draft.header.remove_if([](const mail::HeaderField& field) {
    return std::none_of(kKept.begin(), kKept.end(),
                        [&field](std::string_view name) { return field.is(name); });
  });
  ESSAIM_TRY(draft.header.insert_bottom("From", mail::format_mailbox(list.local, list.address())));
  ESSAIM_TRY(draft.header.insert_bottom("To", list.address()));
  ESSAIM_TRY(draft.header.insert_bottom("Message-ID", "<" + format_id(draft.submission.id) + "." +
                                                          format_id(list.id) + "@" + list.domain + ">"));
  if (!answers.empty()) ESSAIM_TRY(draft.header.insert_bottom("In-Reply-To", answers));
  if (!thread.empty()) ESSAIM_TRY(draft.header.insert_bottom("References", thread));
  if (marks.mime) ESSAIM_TRY(draft.header.insert_bottom("MIME-Version", "1.0"));
  if (marks.tls_optional) ESSAIM_TRY(draft.header.insert_bottom("TLS-Required", "No"));
  if (!marks.automatic.empty()) ESSAIM_TRY(draft.header.insert_bottom("Auto-Submitted", marks.automatic));
  return {};
}

}  // namespace essaim::lists::handlers
