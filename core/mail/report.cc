#include "core/mail/report.h"

#include <algorithm>
#include <utility>

#include "core/base/text.h"
#include "core/mail/address_list.h"
#include "core/mail/boundary.h"
#include "core/mail/charset.h"
#include "core/mail/code_point.h"
#include "core/mail/downgrade.h"
#include "core/mail/encoded_word.h"
#include "core/mail/header_block.h"
#include "core/mail/message_id.h"
#include "core/mail/transfer_encoding.h"

namespace essaim::mail {
namespace {

constexpr std::size_t kMaxDiagnostic = 700;  // with the name of its field, under the 998 of a line

// One line of printable ASCII whatever came in.
std::string plain_line(std::string_view text, std::size_t limit) {
  constexpr char kDigits[] = "0123456789ABCDEF";
  std::string out;
  for (const char c : text) {
    if (out.size() >= limit) break;
    const auto u = static_cast<unsigned char>(c);
    if (c == '\n' || c == '\r' || c == '\t') {
      if (!out.empty() && out.back() != ' ') out += ' ';
    } else if (u < 0x20 || u >= 0x7f) {
      out += {'\\', 'x', kDigits[u >> 4], kDigits[u & 15]};
    } else {
      out += c;
    }
  }
  return std::string(trimmed(out));
}

bool has_control(std::string_view text) {
  return std::any_of(text.begin(), text.end(), [](char c) {
    const auto u = static_cast<unsigned char>(c);
    return u < 0x20 || u == 0x7f;
  });
}

// utf-8-addr-xtext: "\x{" hex "}" for what is not ASCII (RFC 6533 §3).
std::string utf8_xtext(std::string_view utf8) {
  std::string out;
  while (!utf8.empty()) {
    const std::uint32_t point = take_code_point(&utf8);
    if (point < 0x80 && point != '\\') {
      out += static_cast<char>(point);
      continue;
    }
    std::string digits;
    for (std::uint32_t rest = point; rest != 0; rest >>= 4)
      digits.insert(digits.begin(), "0123456789ABCDEF"[rest & 15]);
    out += "\\x{" + digits + "}";
  }
  return out;
}

// address-type ";" address (RFC 3464 §2.1.2, RFC 6533 §3)
std::string typed_address(std::string_view address, bool utf8_form) {
  if (is_ascii(address)) return "rfc822; " + plain_line(address, 500);
  if (!is_valid_utf8(address)) return "rfc822; " + plain_line(address, 500);
  return "utf-8; " + (utf8_form ? std::string(address) : utf8_xtext(address));
}

bool is_status(std::string_view text) {
  std::size_t part = 0, digits = 0;
  for (const char c : text) {
    if (c == '.') {
      if (digits == 0 || ++part > 2) return false;
      digits = 0;
    } else if (c < '0' || c > '9' || ++digits > (part == 0 ? 1U : 3U)) {
      return false;
    }
  }
  return part == 2 && digits > 0 && (text[0] == '2' || text[0] == '4' || text[0] == '5');
}

char klass_of(DsnAction action) {
  switch (action) {
    case DsnAction::kFailed:
      return '5';
    case DsnAction::kDelayed:
      return '4';
    default:
      return '2';
  }
}

// RFC 3464 §2.3.4: the class must go with the action.
std::string status_of(const ReportRecipient& recipient) {
  const char klass = klass_of(recipient.action);
  if (!is_status(recipient.status)) return std::string(1, klass) + ".0.0";
  std::string out = recipient.status;
  // A temporary failure that lasted too long has failed for good; its detail still says why.
  if (out[0] != klass) out[0] = klass;
  return out;
}

// A field whose value may be UTF-8 when the report is.
std::string field(std::string_view name, std::string_view value) {
  const Result<std::string> made = format_field(name, value);
  // Words too long to be folded only come from outside; cut, they say as much.
  return made.ok() ? *made : std::string(name) + ": " + plain_line(value.substr(0, 200), 900) + "\r\n";
}

std::string status_part(const Report& report, bool utf8_form) {
  std::string out;
  if (!report.envelope_id.empty()) out += field("Original-Envelope-Id", plain_line(report.envelope_id, 500));
  out += field("Reporting-MTA", "dns; " + plain_line(report.reporting_mta, 255));
  if (report.arrival) out += field("Arrival-Date", format_rfc5322(*report.arrival));
  for (const ReportRecipient& recipient : report.recipients) {
    out += "\r\n";
    if (!recipient.original.empty()) {
      const std::size_t semicolon = recipient.original.find(';');
      const std::string_view address = trimmed(
          std::string_view(recipient.original).substr(semicolon == std::string::npos ? 0 : semicolon + 1));
      const bool utf8 = !is_ascii(address) && is_valid_utf8(address) && !has_control(address);
      const std::string type =
          semicolon == std::string::npos ? "rfc822" : plain_line(recipient.original.substr(0, semicolon), 40);
      out += field("Original-Recipient",
                   utf8 ? typed_address(address, utf8_form) : type + "; " + plain_line(address, 500));
    }
    out += field("Final-Recipient", typed_address(recipient.address, utf8_form));
    out += field("Action", to_string(recipient.action));
    out += field("Status", status_of(recipient));
    if (!recipient.remote_mta.empty())
      out += field("Remote-MTA", "dns; " + plain_line(recipient.remote_mta, 255));
    // Only the words of an SMTP server are of the type "smtp" (RFC 3464 §2.3.6).
    if (!recipient.diagnostic.empty())
      out += field("Diagnostic-Code", (recipient.remote_mta.empty() ? "x-essaim; " : "smtp; ") +
                                          plain_line(recipient.diagnostic, kMaxDiagnostic));
    if (recipient.last_attempt) out += field("Last-Attempt-Date", format_rfc5322(*recipient.last_attempt));
    if (recipient.retry_until && recipient.action == DsnAction::kDelayed)
      out += field("Will-Retry-Until", format_rfc5322(*recipient.retry_until));
  }
  return out;
}

// The message or its header as a part; "" when there is nothing to show.
std::string returned_part(const Report& report, bool utf8_form) {
  if (report.content == ReturnContent::kNothing || report.original.empty()) return "";
  std::string owned;
  std::string_view original = report.original;
  Result<HeaderBlock> header = HeaderBlock::parse(original);
  if (!header.ok() || header->fields().empty()) return "";
  const auto has_utf8_header = [](const HeaderBlock& block) {
    return std::any_of(block.fields().begin(), block.fields().end(),
                       [](const HeaderField& one) { return !is_ascii(one.raw()); });
  };
  bool global = has_utf8_header(*header);
  if (global && !utf8_form) {
    // This sender reads no message/global: in ASCII, if it can be had.
    Downgraded ascii = downgraded_to_7bit(original);
    if (ascii.outcome == Downgraded::Outcome::kDone) {
      owned = std::move(ascii.message);
      original = owned;
      header = HeaderBlock::parse(original);
      if (!header.ok()) return "";
      global = has_utf8_header(*header);
    }
  }
  const bool full = report.content == ReturnContent::kFull && original.size() <= report.max_returned;
  const std::string text = full ? std::string(original) : header->serialise();
  const char* type = full ? (global ? "message/global" : "message/rfc822")
                          : (global ? "message/global-headers" : "text/rfc822-headers");
  // RFC 6532 §3.7: message/global may be encoded, and must be for those who take no UTF-8.
  const bool encode = global && !utf8_form;
  std::string out = "Content-Description: " + std::string(full ? "Message" : "Header of the message") +
                    "\r\nContent-Type: " + type;
  if (!full && !global && !is_ascii(text)) out += "; charset=unknown-8bit";
  out += "\r\nContent-Transfer-Encoding: ";
  out += encode ? "base64" : is_ascii(text) ? "7bit" : "8bit";
  return out + "\r\n\r\n" + (encode ? base64_lines(text) : text);
}

const char* subject_of(const Report& report) {
  const auto any = [&](DsnAction action) {
    return std::any_of(report.recipients.begin(), report.recipients.end(),
                       [&](const ReportRecipient& one) { return one.action == action; });
  };
  if (any(DsnAction::kFailed)) return "Undelivered Mail Returned to Sender";
  if (any(DsnAction::kDelayed)) return "Delayed Mail (still being retried)";
  return "Successful Mail Delivery Report";
}

const char* sentence_of(DsnAction action) {
  switch (action) {
    case DsnAction::kFailed:
      return "could not be delivered";
    case DsnAction::kDelayed:
      return "has not been delivered yet; it is tried again, and you need not send it again";
    case DsnAction::kDelivered:
      return "was delivered";
    case DsnAction::kRelayed:
      return "was passed on to a server that gives no further reports";
    case DsnAction::kExpanded:
      return "was accepted and passed on to several recipients";
  }
  return "?";
}

// What happened, in English, for people.
std::string report_text(const Report& report) {
  std::string out = "This is the mail system at " + escaped_for_display(report.reporting_mta, 255) + ".\n";
  for (const DsnAction action : {DsnAction::kFailed, DsnAction::kDelayed, DsnAction::kDelivered,
                                 DsnAction::kRelayed, DsnAction::kExpanded}) {
    bool first = true;
    for (const ReportRecipient& one : report.recipients) {
      if (one.action != action) continue;
      if (std::exchange(first, false)) out += std::string("\nYour message ") + sentence_of(action) + ":\n";
      out += "\n  <" + escaped_for_display(one.address, 400) + ">\n";
      if (!one.diagnostic.empty()) {
        out +=
            "    " +
            (one.remote_mta.empty() ? ""
                                    : "the server " + escaped_for_display(one.remote_mta, 255) + " said: ") +
            plain_line(one.diagnostic, kMaxDiagnostic) + "\n";
      }
      if (one.retry_until && action == DsnAction::kDelayed)
        out += "    it is tried until " + format_rfc5322(*one.retry_until) + "\n";
    }
  }
  return out;
}

}  // namespace

Result<ComposedReport> compose_report(const Report& report) {
  if (report.recipients.empty() || report.from_address.empty() || report.to_address.empty() ||
      report.message_id.empty() || report.reporting_mta.empty())
    return Error{ErrorCode::kInvalid,
                 "a report needs a sender, a recipient, a Message-ID, a host and a subject"};
  if (has_control(report.from_address) || has_control(report.to_address))
    return Error{ErrorCode::kInvalid, "a control character in an address of a report"};
  if (!is_valid_utf8(report.from_address) || !is_valid_utf8(report.to_address))
    return Error{ErrorCode::kInvalid, "an address of a report is not UTF-8"};
  bool utf8_addresses = false;
  for (const ReportRecipient& one : report.recipients) {
    if (has_control(one.address))
      return Error{ErrorCode::kInvalid, "a control character in an address of a report"};
    utf8_addresses = utf8_addresses || !is_ascii(one.address) || !is_ascii(one.original);
  }
  // The forms of RFC 6533 only where they are needed: others have fewer readers.
  const bool global_status = report.smtputf8 && utf8_addresses;

  const std::string boundary = random_boundary();
  std::string human = with_crlf(as_utf8(report.text.empty() ? report_text(report) : report.text));
  if (!human.ends_with("\r\n")) human += "\r\n";
  const std::string status = status_part(report, global_status);
  const std::string returned = returned_part(report, report.smtputf8);

  std::string body = "This is a report in several parts.\r\n\r\n--" + boundary +
                     "\r\nContent-Description: Notification\r\nContent-Type: text/plain; charset=UTF-8\r\n"
                     "Content-Transfer-Encoding: quoted-printable\r\n\r\n" +
                     quoted_printable(human);
  body += "\r\n--" + boundary + "\r\nContent-Description: Delivery report\r\nContent-Type: message/";
  body += global_status ? "global-delivery-status" : "delivery-status";
  body += std::string("\r\nContent-Transfer-Encoding: ") + (is_ascii(status) ? "7bit" : "8bit") + "\r\n\r\n" +
          status;
  if (!returned.empty()) body += "\r\n--" + boundary + "\r\n" + returned;
  body += "\r\n--" + boundary + "--\r\n";

  ComposedReport out;
  out.eight_bit = !is_ascii(body);
  HeaderBlock header;
  ESSAIM_TRY(header.insert_bottom("From", format_mailbox("Mail Delivery System", report.from_address)));
  ESSAIM_TRY(header.insert_bottom("To", format_mailbox("", report.to_address)));
  ESSAIM_TRY(header.insert_bottom("Subject",
                                  encode_text(report.subject.empty() ? subject_of(report) : report.subject)));
  ESSAIM_TRY(header.insert_bottom("Date", format_rfc5322(report.date)));
  ESSAIM_TRY(header.insert_bottom("Message-ID", report.message_id));
  ESSAIM_TRY(insert_in_reply_to(&header, report.in_reply_to));
  ESSAIM_TRY(header.insert_bottom("Auto-Submitted", "auto-replied"));
  ESSAIM_TRY(header.insert_bottom("MIME-Version", "1.0"));
  ESSAIM_TRY(header.insert_bottom(
      "Content-Type", std::string("multipart/report; report-type=") +
                          (global_status ? "global-delivery-status" : "delivery-status") + "; boundary=\"" +
                          boundary + "\""));
  if (out.eight_bit) ESSAIM_TRY(header.insert_bottom("Content-Transfer-Encoding", "8bit"));
  out.message = header.joined_with(body);
  out.needs_smtputf8 = !is_ascii(header.serialise()) || !is_ascii(report.to_address);
  return out;
}

}  // namespace essaim::mail
