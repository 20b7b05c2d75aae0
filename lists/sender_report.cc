#include "lists/sender_report.h"

#include "core/base/text.h"
#include "core/mail/header_block.h"
#include "core/smtp/enhanced_code.h"
#include "core/smtp/xtext.h"
#include "lists/dsn_request.h"
#include "lists/notices.h"

namespace essaim::lists {
namespace {

std::string decoded_orcpt(const std::string& value) {
  smtp::DsnRcptParameters read;
  if (value.empty() || smtp::read_orcpt(value, false, &read)) return "";
  return read.original_recipient_type + ";" + read.original_recipient_address;
}

// What reports need of a submission that is no post.
storage::PostRecord record_of(const Submission& submission, const Submission::Recipient& recipient,
                              const std::string& message_id, WallTime now) {
  storage::PostRecord about;
  about.sender = submission.reverse_path.to_string();
  about.target = named_address(recipient);
  about.dsn = dsn_request(submission, recipient);
  about.message_id = message_id;
  about.accepted = now;
  about.smtputf8 = submission.smtputf8;
  if (submission.require_tls) about.tls = storage::TlsRequest::kRequired;
  return about;
}

std::string_view header_of(const Submission& submission) {
  const auto header = mail::HeaderBlock::parse(submission.content);
  return header.ok() ? std::string_view(submission.content).substr(0, header->body_offset())
                     : std::string_view();
}

}  // namespace

Result<void> add_sender_report(const Services& services, storage::Connection& connection,
                               const SenderReport& report, WallTime now, std::int64_t rank) {
  const storage::PostRecord& about = *report.about;
  const auto sender = smtp::parse_mailbox(about.sender, smtp::LocalPart::kUtf8);
  if (!sender.ok()) return {};  // the null one, or what no mail can be sent to
  const Id id = services.ids->next();

  mail::Report out;
  out.from_address = "postmaster@" + services.site.hostname;
  out.to_address = about.sender;
  out.text = report.text;
  out.date = now;
  out.message_id = "<" + format_id(id) + "@" + services.site.hostname + ">";
  out.in_reply_to = about.message_id;
  out.reporting_mta = services.site.hostname;
  out.arrival = about.accepted;
  out.envelope_id = smtp::xtext_decoded(about.dsn.envelope_id).value_or("");
  mail::ReportRecipient recipient;
  recipient.address = about.target;
  recipient.original = decoded_orcpt(about.dsn.original_recipient);
  recipient.action = report.action;
  recipient.status = report.status;
  recipient.remote_mta = report.host;
  recipient.diagnostic = report.reply;
  if (report.action == mail::DsnAction::kDelayed) recipient.retry_until = about.expires;
  out.recipients = {std::move(recipient)};
  out.original = report.original;
  const bool protect = about.tls == storage::TlsRequest::kRequired;
  // RFC 3461 §4.3: RET is about failures; other reports return the header. RFC 8689 §5: so does every report about a
  // message with REQUIRETLS.
  if (report.action == mail::DsnAction::kFailed && report.whole && about.dsn.ret == "FULL" && !protect)
    out.content = mail::ReturnContent::kFull;
  out.smtputf8 = about.smtputf8 || sender->needs_smtputf8();
  auto composed = mail::compose_report(out);
  if (!composed.ok()) return composed.error();

  storage::PostRecord post;
  post.id = id;
  post.list_id = about.list_id;
  post.list_address = about.list_address;
  post.list_revision = about.list_revision;
  if (protect) post.tls = about.tls;
  post.author = out.from_address;
  post.message_id = out.message_id;
  post.subject = std::string(mail::to_string(report.action)) + ": " + about.target;
  return store_notice(connection, std::move(post), composed->message, {{0, sender->local, sender->domain}},
                      now, rank);
}

bool wants_delivered(const Submission& submission, const Submission::Recipient& recipient) {
  if (!recipient.dsn.notify_success || submission.reverse_path.empty() ||
      sender_proof(submission) != SenderProof::kVouched)
    return false;
  switch (recipient.target->kind) {
    case TargetKind::kPost:
    case TargetKind::kLeave:
    case TargetKind::kLeaveToken:
    case TargetKind::kSubscribe:
    case TargetKind::kRequest:
    case TargetKind::kCommands:
    case TargetKind::kKey:
      return true;
    case TargetKind::kOwners:  // passed on: reports.h
    case TargetKind::kEditors:
    case TargetKind::kPostmaster:
    case TargetKind::kListmasters:
    case TargetKind::kBounce:
    case TargetKind::kOwnerBounce:
    case TargetKind::kRelay:
      return false;
  }
  return false;
}

Result<void> add_delivered_report(const Services& services, storage::Connection& connection,
                                  const Submission& submission, const Submission::Recipient& recipient,
                                  const std::string& message_id, WallTime now, std::int64_t rank) {
  const storage::PostRecord about = record_of(submission, recipient, message_id, now);
  SenderReport report;
  report.about = &about;
  report.action = mail::DsnAction::kDelivered;
  report.status = "2.1.5";
  report.original = header_of(submission);
  if (recipient.target->kind == TargetKind::kPost)
    report.text = "This is the mail system at " + services.site.hostname +
                  ".\n\nYour message was taken by the list\n\n  " + escaped_for_display(about.target, 256) +
                  "\n\nand goes to its members. What becomes of their copies is not reported to you.\n";
  return add_sender_report(services, connection, report, now, rank);
}

Result<void> add_refused_report(const Services& services, storage::Connection& connection,
                                const Submission& submission, const Submission::Recipient& recipient,
                                const smtp::Reply& reply, const std::string& message_id, WallTime now,
                                std::int64_t rank) {
  const storage::PostRecord about = record_of(submission, recipient, message_id, now);
  if (!notify_of(about.dsn).failure) return {};
  SenderReport report;
  report.about = &about;
  report.status = smtp::to_string(reply.enhanced);
  report.original = header_of(submission);
  report.text = "This is the mail system at " + services.site.hostname +
                ".\n\nYour message was taken for others, but not for\n\n  " +
                escaped_for_display(about.target, 256) + "\n\nbecause of:\n\n  " +
                escaped_for_display(reply.to_string(), 600) + "\n";
  return add_sender_report(services, connection, report, now, rank);
}

}  // namespace essaim::lists
