#include "core/mail/dsn.h"

#include "core/base/text.h"
#include "core/mail/content_type.h"
#include "core/mail/header_block.h"
#include "core/mail/message_id.h"
#include "core/mail/multipart.h"
#include "core/mail/transfer_encoding.h"

namespace essaim::mail {
namespace {

constexpr std::size_t kMaxDsnParts = 100;
constexpr std::size_t kMaxRecipients = 1000;
constexpr std::size_t kMaxText = 1000;

std::string cut(std::string text) {
  if (text.size() > kMaxText) text.resize(kMaxText);
  return text;
}

// "rfc822; user@host" -> "user@host": the text behind the type (RFC 3464 §2.1.2).
std::string untyped(const HeaderBlock& fields, std::string_view name) {
  const std::string value = fields.value(name).value_or("");
  const std::size_t semicolon = value.find(';');
  return cut(std::string(trimmed(semicolon == std::string::npos ? value : value.substr(semicolon + 1))));
}

// embedded-unicode-char = "\x{" HEXPOINT "}" (RFC 6533 §3). What is none stays as it is.
std::string without_utf8_xtext(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    const std::size_t end = text.starts_with("\\x{") ? text.find('}') : std::string_view::npos;
    std::uint32_t point = 0;
    bool good = end != std::string_view::npos && end > 3 && end <= 9;
    for (std::size_t i = 3; good && i < end; ++i) {
      const char c = ascii_lower(text[i]);
      good = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
      point = point * 16 + static_cast<std::uint32_t>(c <= '9' ? c - '0' : c - 'a' + 10);
    }
    good = good && point > 0x20 && point != 0x7f && point < 0x110000 && (point < 0xd800 || point > 0xdfff);
    if (!good) {
      out += text.front();
      text.remove_prefix(1);
      continue;
    }
    const auto put = [&](std::uint32_t octet) { out += static_cast<char>(octet); };
    if (point < 0x80) {
      put(point);
    } else if (point < 0x800) {
      put(0xc0 | point >> 6);
      put(0x80 | (point & 0x3f));
    } else if (point < 0x10000) {
      put(0xe0 | point >> 12);
      put(0x80 | (point >> 6 & 0x3f));
      put(0x80 | (point & 0x3f));
    } else {
      put(0xf0 | point >> 18);
      put(0x80 | (point >> 12 & 0x3f));
      put(0x80 | (point >> 6 & 0x3f));
      put(0x80 | (point & 0x3f));
    }
    text.remove_prefix(end + 1);
  }
  return out;
}

std::string address(const HeaderBlock& fields, std::string_view name) {
  std::string text = untyped(fields, name);
  if (starts_with_ignoring_case(fields.value(name).value_or(""), "utf-8")) text = without_utf8_xtext(text);
  // Tolerated: Exchange and others write angle brackets.
  if (text.starts_with("<") && text.ends_with(">")) text = text.substr(1, text.size() - 2);
  return text;
}

// status-code = DIGIT "." 1*3DIGIT "." 1*3DIGIT, a comment may follow (RFC 3464 §2.3.4)
std::string status_of(const HeaderBlock& fields) {
  const std::string value = fields.value("Status").value_or("");
  std::size_t at = 0;
  for (int part = 0; part < 3; ++part) {
    if (part > 0 && (at >= value.size() || value[at++] != '.')) return "";
    const std::size_t begin = at;
    while (at < value.size() && value[at] >= '0' && value[at] <= '9') ++at;
    if (at == begin || at - begin > (part == 0 ? 1U : 3U)) return "";
  }
  if (value[0] != '2' && value[0] != '4' && value[0] != '5') return "";
  return value.substr(0, at);
}

std::optional<DsnAction> action_of(const HeaderBlock& fields, const std::string& status) {
  const std::string value = fields.value("Action").value_or("");
  const std::string word =
      ascii_lowered(trimmed(std::string_view(value).substr(0, value.find_first_of(" \t;("))));
  if (word == "failed") return DsnAction::kFailed;
  if (word == "delayed") return DsnAction::kDelayed;
  if (word == "delivered") return DsnAction::kDelivered;
  if (word == "relayed") return DsnAction::kRelayed;
  if (word == "expanded") return DsnAction::kExpanded;
  // Tolerated: no or a strange Action beside a clear Status.
  if (status.starts_with("5")) return DsnAction::kFailed;
  if (status.starts_with("4")) return DsnAction::kDelayed;
  return std::nullopt;
}

std::string content_of(std::string_view body, const HeaderBlock& header) {
  switch (transfer_encoding_of(header.value("Content-Transfer-Encoding").value_or(""))) {
    case TransferEncoding::kQuotedPrintable:
      return decoded_quoted_printable(body).value_or("");
    case TransferEncoding::kBase64:
      return decoded_base64(body).value_or("");
    default:
      return std::string(body);
  }
}

// delivery-status-content = per-message-fields 1*(CRLF per-recipient-fields) (RFC 3464 §2.1). The groups are
// told apart by what they hold, since some writers begin with an empty line or leave the per-message group
// out.
void read_status(std::string_view text, Dsn* dsn) {
  while (!text.empty() && dsn->recipients.size() < kMaxRecipients) {
    const Result<HeaderBlock> group = HeaderBlock::parse(text);
    if (!group) return;
    std::size_t used = group->body_offset();
    if (!group->ended_by_empty_line()) {
      // A line that is no field: left out. At the end of the text there is none.
      const std::size_t end = text.find("\r\n", used);
      used = end == std::string_view::npos ? text.size() : end + 2;
    }
    text.remove_prefix(used);
    DsnRecipient recipient;
    recipient.final_recipient = address(*group, "Final-Recipient");
    recipient.original_recipient = address(*group, "Original-Recipient");
    if (recipient.final_recipient.empty()) recipient.final_recipient = recipient.original_recipient;
    if (recipient.final_recipient.empty()) {
      if (group->find("Reporting-MTA") != nullptr) dsn->reporting_mta = untyped(*group, "Reporting-MTA");
      continue;
    }
    recipient.status = status_of(*group);
    const std::optional<DsnAction> action = action_of(*group, recipient.status);
    if (!action) continue;
    recipient.action = *action;
    recipient.diagnostic = untyped(*group, "Diagnostic-Code");
    recipient.remote_mta = untyped(*group, "Remote-MTA");
    dsn->recipients.push_back(std::move(recipient));
  }
}

}  // namespace

const char* to_string(DsnAction action) {
  switch (action) {
    case DsnAction::kFailed:
      return "failed";
    case DsnAction::kDelayed:
      return "delayed";
    case DsnAction::kDelivered:
      return "delivered";
    case DsnAction::kRelayed:
      return "relayed";
    case DsnAction::kExpanded:
      return "expanded";
  }
  return "?";
}

std::optional<Dsn> parse_dsn(std::string_view message) {
  const Result<HeaderBlock> header = HeaderBlock::parse(message);
  if (!header) return std::nullopt;
  const ContentType type = content_type_of(*header);
  // Tolerated: what has made the report something else on its way, or never knew the type.
  if (!type.is("multipart", "report") && !type.is("multipart", "mixed")) return std::nullopt;
  const std::string report = type.parameter("report-type");
  if (!report.empty() && !equals_ignoring_case(report, "delivery-status") &&
      !equals_ignoring_case(report, "global-delivery-status"))
    return std::nullopt;

  std::string_view body = message.substr(header->body_offset());
  const std::string boundary = type.parameter("boundary");
  std::optional<Multipart> parts = split_multipart(body, boundary, kMaxDsnParts);
  std::string completed;
  if (!parts) {
    // Tolerated: DSNs cut off in the returned message, which size limits on the way do.
    completed = std::string(body) + "\r\n--" + boundary + "--\r\n";
    body = completed;
    parts = split_multipart(body, boundary, kMaxDsnParts);
    if (!parts) return std::nullopt;
  }
  Dsn dsn;
  bool status_seen = false;
  for (const PartRange& range : parts->parts) {
    const std::string_view part = body.substr(range.begin, range.end - range.begin);
    const Result<HeaderBlock> part_header = HeaderBlock::parse(part);
    if (!part_header) continue;
    const ContentType part_type = content_type_of(*part_header);
    const std::string_view content = part.substr(part_header->body_offset());
    if (!status_seen &&
        (part_type.is("message", "delivery-status") || part_type.is("message", "global-delivery-status"))) {
      status_seen = true;
      read_status(content_of(content, *part_header), &dsn);
    } else if (dsn.original_message_id.empty() &&
               (part_type.is("message", "rfc822") || part_type.is("text", "rfc822-headers") ||
                part_type.is("message", "global") || part_type.is("message", "global-headers"))) {
      if (const Result<HeaderBlock> original = HeaderBlock::parse(content_of(content, *part_header))) {
        dsn.original_message_id = message_id_of(*original).value_or("");
      }
    }
  }
  if (dsn.recipients.empty()) return std::nullopt;
  return dsn;
}

}  // namespace essaim::mail
