#include "core/mail/notice.h"

#include <algorithm>

#include "core/base/text.h"
#include "core/mail/address_list.h"
#include "core/mail/boundary.h"
#include "core/mail/charset.h"
#include "core/mail/encoded_word.h"
#include "core/mail/header_block.h"
#include "core/mail/message_id.h"
#include "core/mail/transfer_encoding.h"

namespace essaim::mail {
namespace {

constexpr std::size_t kLongestPlainLine = 990;

bool can_be_7bit(std::string_view text) {
  if (!is_ascii(text) || text.find('\0') != std::string_view::npos) return false;
  const std::vector<std::string_view> lines = split(text, '\n');
  return std::all_of(lines.begin(), lines.end(),
                     [](std::string_view line) { return line.size() <= kLongestPlainLine; });
}

std::string with_attachment(const std::string& type, const std::string& encoding, const std::string& text,
                            std::string_view attachment, const std::string& boundary) {
  std::string out =
      "--" + boundary + "\r\nContent-Type: " + type + "\r\nContent-Transfer-Encoding: " + encoding +
      "\r\n\r\n" + text + "\r\n--" + boundary +
      "\r\nContent-Type: message/rfc822\r\nContent-Disposition: attachment; filename=\"message.eml\"\r\n"
      "Content-Transfer-Encoding: ";
  out += is_ascii(attachment) ? "7bit" : "8bit";
  out += "\r\n\r\n";
  out += attachment;
  out += "\r\n--" + boundary + "--\r\n";
  return out;
}

}  // namespace

Result<std::string> compose_notice(const Notice& notice) {
  if (notice.from_address.empty() || notice.to_address.empty() || notice.message_id.empty()) {
    return Error{ErrorCode::kInvalid, "a notice needs From, To and Message-ID"};
  }
  for (const std::string* subject : {&notice.subject, &notice.from_name, &notice.to_name}) {
    if (subject->find_first_of("\r\n") != std::string::npos) {
      return Error{ErrorCode::kInvalid, "a line end in a header value of a notice"};
    }
  }
  HeaderBlock header;
  ESSAIM_TRY(header.insert_bottom("From", format_mailbox(notice.from_name, notice.from_address)));
  ESSAIM_TRY(header.insert_bottom("To", format_mailbox(notice.to_name, notice.to_address)));
  if (!notice.reply_to.empty()) ESSAIM_TRY(header.insert_bottom("Reply-To", notice.reply_to));
  ESSAIM_TRY(header.insert_bottom("Subject", encode_text(notice.subject)));
  ESSAIM_TRY(header.insert_bottom("Date", format_rfc5322(notice.date)));
  ESSAIM_TRY(header.insert_bottom("Message-ID", notice.message_id));
  ESSAIM_TRY(insert_in_reply_to(&header, notice.in_reply_to));
  ESSAIM_TRY(header.insert_bottom("Auto-Submitted", notice.auto_submitted == AutoSubmitted::kReplied
                                                        ? "auto-replied"
                                                        : "auto-generated"));
  for (const auto& [name, value] : notice.more_fields) ESSAIM_TRY(header.insert_bottom(name, value));
  ESSAIM_TRY(header.insert_bottom("MIME-Version", "1.0"));
  std::string text = with_crlf(is_valid_utf8(notice.text) ? notice.text : as_utf8(notice.text));
  if (!text.empty() && !text.ends_with("\r\n")) text += "\r\n";
  const bool plain = can_be_7bit(text);
  const std::string type = plain ? "text/plain; charset=us-ascii" : "text/plain; charset=UTF-8";
  const std::string encoding = plain ? "7bit" : "quoted-printable";
  const std::string body = plain ? text : quoted_printable(text);
  if (!notice.attachment.empty()) {
    const std::string boundary = random_boundary();
    ESSAIM_TRY(header.insert_bottom("Content-Type", "multipart/mixed; boundary=\"" + boundary + "\""));
    return header.joined_with(with_attachment(type, encoding, body, notice.attachment, boundary));
  }
  ESSAIM_TRY(header.insert_bottom("Content-Type", type));
  ESSAIM_TRY(header.insert_bottom("Content-Transfer-Encoding", encoding));
  return header.joined_with(body);
}

}  // namespace essaim::mail
