#include "lists/digests/compose.h"

#include <algorithm>
#include <array>

#include "core/base/text.h"
#include "core/mail/address_list.h"
#include "core/mail/boundary.h"
#include "core/mail/content_type.h"
#include "core/mail/encoded_word.h"
#include "core/mail/notice.h"
#include "lists/templates/phrases.h"

namespace essaim::lists {
namespace {

constexpr std::size_t kShown = 300;  // octets of what strangers wrote in a line of ours

// What tells of the message and how it is to be read; not what tells of its way, nor signatures, which the list's changes
// and the lack of other fields have broken (RFC 1153 §3.3).
bool is_kept(const mail::HeaderField& field) {
  constexpr std::array<std::string_view, 12> kKept = {
      "Date",    "From",       "Sender",      "Reply-To",   "To",       "Cc",
      "Subject", "Message-ID", "In-Reply-To", "References", "Keywords", "MIME-Version"};
  return starts_with_ignoring_case(field.name(), "Content-") ||
         std::any_of(kKept.begin(), kKept.end(), [&field](std::string_view name) { return field.is(name); });
}

std::string shown(std::string_view value) {
  return escaped_for_display(mail::spaces_for_controls(mail::decode_encoded_words(value)), kShown);
}

std::string author_of(const mail::HeaderBlock& header) {
  const auto from = mail::parse_address_list(header.value("From").value_or(""), 1);
  if (from.mailboxes.empty()) return shown(header.value("From").value_or(""));
  const mail::Mailbox& first = from.mailboxes.front();
  const std::string address = first.local + "@" + first.domain;
  return shown(first.name.empty() ? address : first.name + " <" + address + ">");
}

std::string with_line_end(std::string text) {
  if (!text.ends_with("\r\n")) text += "\r\n";
  return text;
}

// A part of multipart/digest, whose parts are messages where nothing else is said.
std::string message_part(const DigestEntry& entry) {
  mail::HeaderBlock header = entry.header;
  header.remove_if([](const mail::HeaderField& field) { return !is_kept(field); });
  const std::string message = header.joined_with(entry.body);
  const std::string head = header.serialise();
  std::string fields;
  if (!is_ascii(head)) fields = "Content-Type: message/global\r\n";  // RFC 6532 §3.7
  if (!is_ascii(message)) fields += "Content-Transfer-Encoding: 8bit\r\n";
  return fields + "\r\n" + with_line_end(message);
}

// The text that compose_notice() has written becomes the first part.
Result<std::string> with_posts(const std::string& notice, const Digest& digest) {
  auto header = mail::HeaderBlock::parse(notice);
  if (!header.ok()) return header.error();
  const std::string_view text = std::string_view(notice).substr(header->body_offset());
  const std::string outer = mail::random_boundary(), inner = mail::random_boundary();
  std::string first = "--" + outer + "\r\n";
  for (const mail::HeaderField& field : header->fields())
    if (starts_with_ignoring_case(field.name(), "Content-")) first += field.raw();
  std::string posts;
  for (const DigestEntry& entry : digest.entries)
    if (!entry.encrypted) posts += "--" + inner + "\r\n" + message_part(entry);
  std::string body = first + "\r\n" + with_line_end(std::string(text));
  const std::string encoding = is_ascii(posts) ? "" : "8bit";
  if (!posts.empty()) {
    body += "--" + outer + "\r\nContent-Type: multipart/digest; boundary=\"" + inner + "\"\r\n";
    if (!encoding.empty()) body += "Content-Transfer-Encoding: " + encoding + "\r\n";
    body += "\r\n" + posts + "--" + inner + "--\r\n";
  }
  body += "--" + outer + "--\r\n";
  header->remove_if(
      [](const mail::HeaderField& field) { return starts_with_ignoring_case(field.name(), "Content-"); });
  ESSAIM_TRY(header->insert_bottom("Content-Type", "multipart/mixed; boundary=\"" + outer + "\""));
  if (!encoding.empty()) ESSAIM_TRY(header->insert_bottom("Content-Transfer-Encoding", encoding));
  return header->joined_with(body);
}

}  // namespace

Result<DigestEntry> digest_entry(std::string_view message) {
  auto header = mail::HeaderBlock::parse(message);
  if (!header.ok()) return header.error();
  DigestEntry out;
  out.body = message.substr(header->body_offset());
  out.subject = shown(header->value("Subject").value_or(""));
  out.author = author_of(*header);
  out.date = shown(header->value("Date").value_or(""));
  const mail::ContentType type = mail::content_type_of(*header);
  const std::string kind = ascii_lowered(type.parameter("smime-type"));
  out.encrypted =
      type.is("multipart", "encrypted") ||
      (type.type == "application" && (type.subtype == "pkcs7-mime" || type.subtype == "x-pkcs7-mime") &&
       kind != "signed-data" && kind != "certs-only");
  out.header = *std::move(header);
  return out;
}

std::string digest_subject(const Digest& digest) {
  std::string subject = phrase(digest.settings.language, "{{list}} digest {{number}} (posts: {{count}})",
                               {{"list", digest.list.local},
                                {"number", std::to_string(digest.number)},
                                {"count", std::to_string(digest.entries.size())}});
  // One alone may as well be told from the others of its kind.
  if (digest.entries.size() == 1 && !digest.entries.front().subject.empty())
    subject += ": " + digest.entries.front().subject;
  return subject;
}

std::string digest_contents(const Digest& digest) {
  const auto say = [&digest](std::string_view english, const Values& values = {}) {
    return phrase(digest.settings.language, english, values);
  };
  std::string out = say("Posts to {{list}}:", {{"list", digest.list.address()}}) + "\n\n";
  std::size_t number = 0;
  for (const DigestEntry& entry : digest.entries) {
    const std::string count = std::to_string(++number) + ". ";
    const std::string indent(count.size() + 2, ' ');
    out += "  " + count + (entry.subject.empty() ? say("(no subject)") : entry.subject) + "\n" + indent +
           entry.author + "\n" + indent + entry.date + "\n";
    if (entry.encrypted) out += indent + say("(encrypted: not in this digest)") + "\n";
  }
  const std::string robot = digest.settings.robot + "@" + digest.list.domain;
  out += "\n" +
         say("To have each post as it comes, write to {{robot}}: SET {{local}} MAIL",
             {{"robot", robot}, {"local", digest.list.local}}) +
         "\n";
  if (!digest.settings.nobody_posts)
    out += say("To post, write to {{list}}", {{"list", digest.list.address()}}) + "\n";
  return out;
}

Result<std::string> compose_digest(storage::Reception reception, const Digest& digest,
                                   const DigestHead& head) {
  mail::Notice notice;
  notice.from_name = digest.list.local;
  notice.from_address = digest.list.local + "-request@" + digest.list.domain;
  notice.to_address = digest.list.address();
  if (!digest.settings.nobody_posts) notice.reply_to = digest.list.address();
  notice.subject = digest_subject(digest);
  notice.text =
      reception == storage::Reception::kPlainDigest ? plain_digest(digest) : digest_contents(digest);
  notice.date = head.date;
  notice.message_id = head.message_id;
  auto composed = mail::compose_notice(notice);
  if (!composed.ok()) return composed.error();
  std::string message = *std::move(composed);
  if (reception == storage::Reception::kDigest) {
    auto whole = with_posts(message, digest);
    if (!whole.ok()) return whole.error();
    message = *std::move(whole);
  }
  auto header = mail::HeaderBlock::parse(message);
  if (!header.ok()) return header.error();
  const std::string body = message.substr(header->body_offset());
  header->remove("Auto-Submitted");
  return header->joined_with(body);
}

}  // namespace essaim::lists
