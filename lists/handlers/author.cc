// What the planner decided about the author (lists/author_plan.h).
#include "core/base/text.h"
#include "core/mail/address_list.h"
#include "core/mail/encoded_word.h"
#include "lists/handlers/changes.h"

namespace essaim::lists::handlers {
namespace {

constexpr std::size_t kLongestWord = 200;  // of those that are written as they came

// Encoded words and nothing else, as a phrase may have them (RFC 2047 §5 (3)).
bool is_encoded(const std::string& name) {
  for (const std::string_view word : split(name, ' ')) {
    std::size_t length = 0;
    if (!mail::encoded_word_at(word, 0, &length) || length != word.size() || length > kLongestWord ||
        !is_ascii(word) || word.find_first_of("()<>@,;:\\\"[]") != word.npos)
      return false;
  }
  return !name.empty();
}

// "Ann Author via dev" <dev@lists.example.org>
std::string list_mailbox(const Draft& draft, const mail::Mailbox& author) {
  const storage::ListRecord& list = draft.target.list;
  const std::string name = author.name.empty() ? author.local : mail::decode_encoded_words(author.name);
  // In a charset that we cannot read, but the readers' programs may.
  if (name == author.name && is_encoded(name))
    return name + " " + mail::format_mailbox("via " + list.local, list.address());
  return mail::format_mailbox(name + " via " + list.local, list.address());
}

// Answers find the author: by Reply-To, or by Cc where the list sets Reply-To.
Result<void> keep_reachable(Draft& draft, const std::string& author) {
  if (draft.target.settings.reply_to == ReplyTo::kAuthor) {
    if (draft.header.find("Reply-To") == nullptr) return draft.header.insert_bottom("Reply-To", author);
    return {};
  }
  std::string cc;
  for (const mail::HeaderField* field : draft.header.find_all("Cc")) {
    if (const std::string value = field->value(); !value.empty()) cc += mail::with_blanks(value) + ", ";
  }
  return draft.header.set("Cc", cc + author);
}

Result<void> rewrite_from(Draft& draft) {
  const mail::HeaderField* from = draft.header.find("From");
  if (from == nullptr) return {};
  const std::string author = mail::with_blanks(from->value());
  const auto mailboxes = mail::parse_address_list(from->raw_value()).mailboxes;
  if (mailboxes.empty()) return {};
  ESSAIM_TRY(draft.header.set("From", list_mailbox(draft, mailboxes.front())));
  ESSAIM_TRY(keep_reachable(draft, author));
  draft.header.remove("Sender");
  draft.header.remove("Original-From");
  return draft.header.insert_bottom("Original-From", author);  // RFC 5703 §5.2
}

// What shows that a message goes round is looked for in the outer header: it stands there, too.
Result<void> copy_trace(const mail::HeaderBlock& from, mail::HeaderBlock* to) {
  const auto& fields = from.fields();
  for (auto field = fields.rbegin(); field != fields.rend(); ++field) {
    if (field->is("Received") || field->is("X-Loop") || field->is("Auto-Submitted"))
      ESSAIM_TRY(to->insert_raw_top(field->raw()));
  }
  return {};
}

// The message as it came but for Bcc, whole, in one of the list's (RFC 2046 §5.2.1).
Result<void> wrap(Draft& draft) {
  const mail::HeaderField* from = draft.header.find("From");
  const auto mailboxes =
      from == nullptr ? std::vector<mail::Mailbox>{} : mail::parse_address_list(from->raw_value()).mailboxes;
  if (mailboxes.empty()) return {};
  mail::HeaderBlock outer;
  ESSAIM_TRY(outer.insert_bottom("From", list_mailbox(draft, mailboxes.front())));
  for (const char* name : {"Subject", "Date", "Message-ID"}) {
    if (const auto value = draft.header.value(name)) ESSAIM_TRY(outer.insert_bottom(name, *value));
  }
  for (const char* name : {"To", "Cc", "In-Reply-To", "References"}) {
    if (const auto value = draft.header.value(name))
      ESSAIM_TRY(outer.insert_bottom(name, mail::with_blanks(*value)));
  }
  ESSAIM_TRY(outer.insert_bottom("Reply-To", mail::with_blanks(from->value())));
  ESSAIM_TRY(outer.insert_bottom("MIME-Version", "1.0"));
  ESSAIM_TRY(outer.insert_bottom("Content-Type", "message/rfc822"));
  ESSAIM_TRY(outer.insert_bottom("Content-Disposition", "inline"));
  const bool eight_bit = !is_ascii(draft.submission.content);
  ESSAIM_TRY(outer.insert_bottom("Content-Transfer-Encoding", eight_bit ? "8bit" : "7bit"));
  ESSAIM_TRY(copy_trace(draft.header, &outer));
  draft.header = std::move(outer);
  if (auto others_see = without_bcc(draft.incoming)) {
    draft.new_body = *std::move(others_see);
    draft.body = draft.new_body;
  } else {
    draft.body = draft.submission.content;
  }
  return {};
}

// The author's domain disowns the message, or may: that it cannot be asked, a forger can bring about who names one of its
// subdomains whose servers are gone. Results stand in a field where somebody is judged, also of a post that waited.
bool is_doubtful(const Submission& submission) {
  if (!submission.authentication || submission.login) return false;
  const mailauth::DmarcResult& dmarc = submission.authentication->dmarc;
  if (dmarc.status == mailauth::DmarcStatus::kFail) return dmarc.policy != mailauth::DmarcPolicy::kNone;
  return dmarc.may_disown() && submission.judged && !submission.authentication_header.empty();
}

}  // namespace

Result<void> treat_author(Draft& draft) {
  switch (draft.treatment) {
    case Treatment::kRewriteFrom:
      return rewrite_from(draft);
    case Treatment::kWrap:
      return wrap(draft);
    default:
      return {};
  }
}

// Only we write it, so that people and filters can rely on it.
Result<void> mark_unauthenticated(Draft& draft) {
  constexpr std::string_view kName = "X-Unauthenticated-Author";
  draft.header.remove(kName);
  if (draft.target.settings.dmarc_failure == DmarcFailure::kAccept || !is_doubtful(draft.submission))
    return {};
  const mailauth::DmarcResult& dmarc = draft.submission.authentication->dmarc;
  std::string text = std::string("dmarc=") + mailauth::to_string(dmarc.status);
  if (draft.hidden) return draft.header.insert_bottom(kName, text);
  if (!dmarc.policy_domain.empty()) text += std::string(" (p=") + mailauth::to_string(dmarc.published) + ")";
  return draft.header.insert_bottom(kName, text + " " + dmarc.property() + "=" + dmarc.domain);
}

// RFC 8601 §5: a field that claims to be ours and is not.
Result<void> remove_claims(Draft& draft) {
  draft.header.remove_if([&draft](const mail::HeaderField& field) {
    return field.is("Authentication-Results") &&
           mailauth::claims_to_be_of(field.raw_value(), draft.submission.authserv_id);
  });
  return {};
}

}  // namespace essaim::lists::handlers
