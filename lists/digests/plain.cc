// Digests as one text (RFC 1153).
#include <algorithm>

#include "core/base/text.h"
#include "core/mail/charset.h"
#include "core/mail/content_type.h"
#include "core/mail/readable.h"
#include "lists/digests/compose.h"
#include "lists/templates/phrases.h"

namespace essaim::lists {
namespace {

constexpr std::size_t kBehindContents = 70, kBetweenPosts = 30;  // hyphens, §3.2

bool is_separator(std::string_view line) {
  while (line.ends_with(' ') || line.ends_with('\t')) line.remove_suffix(1);  // nobody sees them
  return line.size() == kBetweenPosts && line.find_first_not_of('-') == line.npos;
}

// The lines of a text with LF; a line that would end the post is moved by a blank (§3.2, of "undigestifiers").
std::string lines_of_post(const std::string& text) {
  std::string out;
  std::string lines = text;
  std::erase(lines, '\r');  // nor is one put together from what stands around them
  for (const std::string_view line : split(lines, '\n')) {
    if (is_separator(line)) out += ' ';
    out.append(line).append("\n");
  }
  while (out.ends_with("\n\n")) out.pop_back();
  return out;
}

// What of a post is not among its text, a line for each part.
std::string not_shown(const DigestEntry& entry, const std::string& language) {
  std::string out;
  auto parts = mail::parts_of(entry.header, entry.body);
  // A picture alone.
  if (const mail::ContentType type = mail::content_type_of(entry.header); type.type != "multipart")
    parts.push_back({type.type + "/" + type.subtype, std::nullopt, false});
  for (const mail::LeafText& part : parts) {
    const bool may_be_shown =
        part.type == "text/plain" || part.type == "text/html" || part.type.starts_with("multipart/");
    if (may_be_shown && !part.attachment) continue;
    if (part.type == "application/pgp-signature" || part.type.ends_with("pkcs7-signature")) continue;
    out += "[" +
           phrase(language, "not in this digest: {{what}}", {{"what", escaped_for_display(part.type, 80)}}) +
           "]\n";
  }
  return out;
}

void add_field(std::string_view name, const std::string& value, std::string* out) {
  if (!value.empty()) out->append(name).append(": ").append(value).append("\n");
}

std::string post_as_text(const DigestEntry& entry, const std::string& language) {
  std::string out;
  add_field("Date", entry.date, &out);
  add_field("From", entry.author, &out);
  add_field("Subject", entry.subject, &out);
  add_field("Message-ID", escaped_for_display(entry.header.value("Message-ID").value_or(""), 300), &out);
  out += "\n";
  if (entry.encrypted) return out + "[" + phrase(language, "(encrypted: not in this digest)") + "]\n";
  return out + lines_of_post(mail::as_utf8(mail::main_text(entry.header, entry.body))) +
         not_shown(entry, language);
}

}  // namespace

std::string plain_digest(const Digest& digest) {
  const std::string& language = digest.settings.language;
  std::string out = digest_contents(digest) + "\n" + std::string(kBehindContents, '-') + "\n\n";
  for (const DigestEntry& entry : digest.entries)
    out += post_as_text(entry, language) + "\n" + std::string(kBetweenPosts, '-') + "\n\n";
  const std::string end = phrase(language, "End of {{list}} digest {{number}}",
                                 {{"list", digest.list.local}, {"number", std::to_string(digest.number)}});
  return out + end + "\n" + std::string(end.size(), '*') + "\n";
}

}  // namespace essaim::lists
