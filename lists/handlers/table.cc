#include "core/base/text.h"
#include "core/mail/downgrade.h"
#include "core/mail/message_id.h"
#include "lists/handlers/changes.h"

namespace essaim::lists {

const std::vector<Handler>& post_handlers() {
  static const std::vector<Handler> table = {
      {"remove-foreign",
       "Removes what speaks for another hop or list: List-* fields, requests for receipts, Errors-To, "
       "Content-Length, Precedence, "
       "Return-Path, "
       "Delivered-To.",
       handlers::remove_foreign},
      {"remove-claims", "Removes Authentication-Results that claim to be ours.", handlers::remove_claims},
      {"remove-headers", "Removes what the setting remove_headers names.", handlers::remove_by_setting},
      {"remove-bcc", "Removes Bcc and Resent-Bcc.", handlers::remove_bcc},
      {"anonymous",
       "By the setting anonymous leaves of the header what does not tell of the author; From and To become "
       "the list.",
       handlers::hide_author},
      {"complete", "Adds Message-ID and Date where they are missing.", handlers::complete},
      {"author", "From becomes the list, or the message is wrapped, if the planner decided so.",
       handlers::treat_author},
      {"subject-tag", "Puts the setting subject_tag before the subject.", handlers::tag},
      {"reply-to", "Makes Reply-To what the setting reply_to says.", handlers::reply_to},
      {"loop-mark", "Adds X-Loop with the list's address.", handlers::mark_loop},
      {"precedence", "Sets Precedence: list, so that answering machines keep silent.", handlers::precedence},
      {"mark-unauthenticated",
       "Adds X-Unauthenticated-Author to what fails DMARC, or may, by the setting dmarc_failure.",
       handlers::mark_unauthenticated},
      {"validation", "Adds X-Validation-by with the moderator who let the post pass.", handlers::validation},
      {"list-fields",
       "Adds List-Id, List-Help, List-Subscribe, List-Post, List-Owner, List-Unsubscribe and "
       "List-Unsubscribe-Post (RFC 2919, 2369, "
       "8058).",
       handlers::list_fields},
      {"add-headers", "Adds what the setting add_headers says.", handlers::add_by_setting},
      {"ascii-fields",
       "Writes fields that came in UTF-8 without SMTPUTF8 in encoded words, unless they are the author's "
       "still "
       "and a signature holds.",
       handlers::ascii_fields},
      {"header", "Puts the setting header over the text, unless the mail is signed or encrypted.",
       handlers::header_words},
      {"footer", "Puts the setting footer under the text, unless the mail is signed or encrypted.",
       handlers::footer_words},
      {"short-lines", "Encodes the parts that have lines of more than 998 octets.", handlers::short_lines},
      {"original",
       "Adds X-Original where the body was changed, so that a list of ours that gets a copy knows the post.",
       handlers::mark_original},
  };
  return table;
}

const std::vector<Handler>& forward_handlers() {
  static const std::vector<Handler> table = {
      {"remove-return-path", "Removes Return-Path and Delivered-To of earlier hops.",
       handlers::remove_return_path},
      {"remove-claims", "Removes Authentication-Results that claim to be ours.", handlers::remove_claims},
      {"remove-bcc", "Removes Bcc and Resent-Bcc, unless a good signature covers them.",
       handlers::remove_bcc_unless_signed},
      {"complete", "Adds Message-ID and Date where they are missing, to mail of those who log in.",
       handlers::complete_submitted},
      {"ascii-fields",
       "Writes fields that came in UTF-8 without SMTPUTF8 in encoded words, of mail of those who log in, "
       "unless it is signed.",
       handlers::ascii_submitted},
      {"loop-mark", "Adds X-Loop with the address it came to.", handlers::mark_loop},
      {"original", "Removes X-Original.", handlers::remove_original},
      {"short-lines", "Encodes the parts that have lines of more than 998 octets, unless the mail is signed.",
       handlers::short_lines_unless_signed},
  };
  return table;
}

const std::vector<Handler>& relay_handlers() {
  static const std::vector<Handler> table = {
      {"remove-return-path", "Removes Return-Path and Delivered-To of earlier hops.",
       handlers::remove_return_path},
      {"remove-claims", "Removes Authentication-Results that claim to be ours.", handlers::remove_claims},
      {"remove-bcc", "Removes Bcc and Resent-Bcc.", handlers::remove_bcc},
      {"complete", "Adds Message-ID and Date where they are missing.", handlers::complete_submitted},
      {"ascii-fields",
       "Writes fields that came in UTF-8 without SMTPUTF8 in encoded words, unless the mail is signed.",
       handlers::ascii_submitted},
      {"short-lines", "Encodes the parts that have lines of more than 998 octets, unless the mail is signed.",
       handlers::short_lines_unless_signed},
  };
  return table;
}

const std::vector<Handler>& digest_handlers() {
  static const std::vector<Handler> table = {
      {"loop-mark", "Adds X-Loop with the list's address.", handlers::mark_loop},
      {"precedence", "Sets Precedence: list, so that answering machines keep silent.", handlers::precedence},
      {"list-fields", "Adds the fields List-*, as to a post.", handlers::list_fields},
      {"add-headers", "Adds what the setting add_headers says.", handlers::add_by_setting},
  };
  return table;
}

Draft begin_draft(const Submission& submission, const Incoming& incoming, const Target& target,
                  const Site& site, WallTime now) {
  return {submission, incoming, target,           site,  false, now, incoming.header, incoming.body,
          {},         {},       Treatment::kKeep, false, false};
}

Result<void> run_handlers(const std::vector<Handler>& table, Draft* draft) {
  for (const Handler& handler : table) {
    if (auto changed = handler.change(*draft); !changed.ok())
      return Error{changed.error().code, std::string(handler.name) + ": " + changed.error().message};
  }
  return {};
}

Rendered finished(Draft& draft, const Seal& seal) {
  Rendered rendered;
  const Submission& submission = draft.submission;
  std::string head = draft.header.serialise();
  if (!draft.hidden) head.insert(0, submission.authentication_header + submission.received_header);
  rendered.rendering.reserve(head.size() + draft.body.size());
  rendered.rendering.append(head).append(draft.body);
  rendered.private_header = std::move(draft.private_header);
  if (draft.hidden) rendered.message_id = mail::message_id_of(draft.header).value_or("");
  rendered.eight_bit = !is_ascii(rendered.rendering);
  if (rendered.eight_bit) {
    draft.new_body = {};  // of a large post there are copies enough
    rendered.seven_bit = mail::downgraded_to_7bit(rendered.rendering).message;
    // Tolerated: octets in a header that are no UTF-8, or came without SMTPUTF8 in what is signed or only passed on. They go on
    // as they came, as they do from every large server: SMTPUTF8 sticks to a message, and behind many a host that offers it
    // is one that does not.
    rendered.smtputf8 = submission.smtputf8 && !is_ascii(head) && is_valid_utf8(head);
  }
  if (!seal) return rendered;
  rendered.rendering.insert(0, seal(rendered.rendering));
  if (!rendered.seven_bit.empty()) rendered.seven_bit.insert(0, seal(rendered.seven_bit));
  return rendered;
}

Result<Rendered> render(const std::vector<Handler>& table, const Submission& submission,
                        const Incoming& incoming, const Target& target, const Site& site, WallTime now) {
  Draft draft = begin_draft(submission, incoming, target, site, now);
  ESSAIM_TRY(run_handlers(table, &draft));
  return finished(draft, {});
}

}  // namespace essaim::lists
