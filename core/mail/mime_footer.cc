#include "core/mail/mime_footer.h"

#include <algorithm>
#include <optional>
#include <vector>

#include "core/base/encoding.h"
#include "core/base/random.h"
#include "core/base/text.h"
#include "core/mail/charset.h"
#include "core/mail/content_type.h"
#include "core/mail/multipart.h"
#include "core/mail/transfer_encoding.h"

namespace essaim::mail {
namespace {

FooterResult unchanged(FooterOutcome outcome) {
  return {outcome, {}};
}

std::string with_crlf(std::string_view text) {
  std::string out;
  out.reserve(text.size() + text.size() / 32);
  for (const char c : text) {
    if (c == '\r' || c == '\0') continue;
    if (c == '\n') out += '\r';
    out += c;
  }
  return out;
}

bool is_text_charset_over_ascii(const std::string& charset) {
  // Charsets in which ASCII bytes may mean something else, or that carry a state along.
  for (const char* other :
       {"utf-16", "utf-32", "utf-7", "ucs-", "iso-10646", "iso-2022", "hz-", "ibm037", "cp037"}) {
    if (starts_with_ignoring_case(charset, other)) return false;
  }
  return true;
}

TransferEncoding encoding_of(const HeaderBlock& header) {
  return transfer_encoding_of(header.value("Content-Transfer-Encoding").value_or(""));
}

bool is_identity(TransferEncoding encoding) {
  return encoding == TransferEncoding::kSevenBit || encoding == TransferEncoding::kEightBit ||
         encoding == TransferEncoding::kBinary;
}

// The text as its reader gets it, in its own charset.
std::optional<std::string> decoded(std::string_view body, TransferEncoding encoding) {
  switch (encoding) {
    case TransferEncoding::kQuotedPrintable:
      return decoded_quoted_printable(body);
    case TransferEncoding::kBase64:
      return decoded_base64(body);
    case TransferEncoding::kUnknown:
      return std::nullopt;
    default:
      return std::string(body);
  }
}

std::string encoded(std::string_view text, TransferEncoding encoding) {
  if (encoding == TransferEncoding::kQuotedPrintable) return quoted_printable(text);
  if (encoding == TransferEncoding::kBase64) return base64_lines(text);
  return std::string(text);
}

bool ends_with_text(std::string_view text, std::string_view footer) {
  const std::string_view tail = trimmed(footer);
  text = trimmed(text);
  if (!text.ends_with(tail)) return false;
  text.remove_suffix(tail.size());
  return text.empty() || text.back() == '\n';
}

// Content-Type with another charset; the other parameters stay.
std::string with_charset(const ContentType& type, std::string_view charset) {
  std::string out = type.type + "/" + type.subtype + "; charset=" + std::string(charset);
  for (const auto& [name, value] : type.parameters) {
    if (name == "charset") continue;
    out += "; " + name + "=\"";
    for (const char c : value) {
      if (c == '"' || c == '\\') out += '\\';
      if (c != '\0') out += c;
    }
    out += '"';
  }
  return out;
}

// RFC 3676 §4: in flowed text a trailing space joins lines, and a leading space is taken away.
std::string as_flowed(std::string_view footer) {
  std::string out;
  while (!footer.empty()) {
    const std::size_t end = footer.find("\r\n");
    std::string_view line = footer.substr(0, end);
    footer.remove_prefix(end == std::string_view::npos ? footer.size() : end + 2);
    if (line != "-- ") {
      while (line.ends_with(' ')) line.remove_suffix(1);
    }
    if (line.starts_with(' ') || line.starts_with('>') || line.starts_with("From ")) out += ' ';
    out += std::string(line) + "\r\n";
  }
  return out;
}

FooterResult wrap(HeaderBlock* header, std::string_view body, const std::string& footer);

// A single text/plain part.
FooterResult append_to_text(HeaderBlock* header, std::string_view body, std::string footer,
                            const ContentType& type) {
  const TransferEncoding encoding = encoding_of(*header);
  const std::optional<std::string> text = decoded(body, encoding);
  if (!text) return unchanged(FooterOutcome::kBroken);
  std::string charset = type.parameter("charset");
  if (charset.empty()) charset = "us-ascii";

  const bool flowed = equals_ignoring_case(type.parameter("format"), "flowed");
  if (flowed) footer = as_flowed(footer);
  // Text and footer begin and end with whole lines; in flowed text a last line that wants to join gets an
  // empty one.
  std::string joint = text->empty() || text->ends_with("\r\n") ? "" : "\r\n";
  if (flowed && (text->ends_with(" \r\n") || text->ends_with(" ")) && !text->ends_with("-- \r\n"))
    joint += "\r\n";

  // In the charset of the message?
  std::optional<std::string> same;
  if (is_text_charset_over_ascii(charset)) {
    same = is_ascii(footer) ? std::optional<std::string>(footer) : converted(footer, "UTF-8", charset);
  } else if (is_ascii(footer)) {
    // ISO-2022-JP and the like: ASCII may follow if the text ends in the state in which ASCII is ASCII.
    const std::optional<std::string> before = converted(*text, charset, "UTF-8");
    if (before && converted(*text + joint + footer, charset, "UTF-8") == *before + joint + footer)
      same = footer;
  }
  if (same) {
    if (ends_with_text(*text, *same)) return unchanged(FooterOutcome::kAlreadyThere);
    // base64 cannot be appended to, quoted-printable and plain text can: the author's bytes stay.
    if (encoding == TransferEncoding::kBase64) {
      return {FooterOutcome::kAppended, base64_lines(*text + joint + *same)};
    }
    if (encoding != TransferEncoding::kSevenBit || is_ascii(*same)) {
      // A soft break at the very end would take the line end that comes behind it.
      const bool soft = encoding == TransferEncoding::kQuotedPrintable && !body.ends_with("\r\n") &&
                        trimmed(body).ends_with('=');
      return {FooterOutcome::kAppended,
              std::string(body) + (soft ? "\r\n" : "") + joint + encoded(*same, encoding)};
    }
  }
  // The whole part becomes UTF-8, if we can read it for sure.
  const std::optional<std::string> unicode = converted(*text, charset, "UTF-8");
  if (!unicode) return wrap(header, body, footer);
  if (ends_with_text(*unicode, footer)) return unchanged(FooterOutcome::kAlreadyThere);
  HeaderBlock changed = *header;
  const TransferEncoding fresh =
      encoding == TransferEncoding::kSevenBit ? TransferEncoding::kQuotedPrintable : encoding;
  bool good = changed.set("Content-Type", with_charset(type, "UTF-8")).ok();
  if (fresh != encoding) good = good && changed.set("Content-Transfer-Encoding", "quoted-printable").ok();
  if (changed.find("MIME-Version") == nullptr)
    good = good && changed.insert_bottom("MIME-Version", "1.0").ok();
  if (!good) return wrap(header, body, footer);
  *header = std::move(changed);
  return {FooterOutcome::kAppended, encoded(*unicode + joint + footer, fresh)};
}

// The footer as a part of its own, header and text, without delimiters; its last CRLF is the next
// delimiter's.
std::string footer_part(const std::string& footer) {
  std::string out = "Content-Type: text/plain; charset=";
  const std::string text = footer.substr(0, footer.size() - 2);
  if (is_ascii(footer)) {
    out += "us-ascii\r\nContent-Transfer-Encoding: 7bit\r\nContent-Disposition: inline\r\n\r\n" + text;
  } else {
    out += "UTF-8\r\nContent-Transfer-Encoding: quoted-printable\r\nContent-Disposition: inline\r\n\r\n" +
           quoted_printable(text);
  }
  return out;
}

bool is_footer_part(std::string_view part, const std::string& footer) {
  const Result<HeaderBlock> header = HeaderBlock::parse(part);
  if (!header) return false;
  const ContentType type = content_type_of(*header);
  if (!type.is("text", "plain")) return false;
  const std::optional<std::string> text = decoded(part.substr(header->body_offset()), encoding_of(*header));
  if (!text) return false;
  const std::string charset = type.parameter("charset");
  const std::optional<std::string> unicode =
      converted(*text, charset.empty() ? "us-ascii" : charset, "UTF-8");
  return unicode && trimmed(*unicode) == trimmed(footer);
}

FooterResult add_part(std::string_view body, const std::string& footer, const std::string& boundary,
                      const Multipart& parts) {
  const PartRange last = parts.parts.back();
  if (is_footer_part(body.substr(last.begin, last.end - last.begin), footer)) {
    return unchanged(FooterOutcome::kAlreadyThere);
  }
  std::string out;
  out.reserve(body.size() + footer.size() * 3 + 400);
  out += body.substr(0, parts.closing);
  out += "--" + boundary + "\r\n" + footer_part(footer) + "\r\n";
  out += body.substr(parts.closing);
  return {FooterOutcome::kPartAdded, std::move(out)};
}

FooterResult wrap(HeaderBlock* header, std::string_view body, const std::string& footer) {
  // Random, so that no author can have put it into a body.
  std::string random;
  put_u64(&random, random_u64());
  put_u64(&random, random_u64());
  const std::string boundary = "=_" + hex_encoded(random);
  const TransferEncoding encoding = encoding_of(*header);

  std::string moved;
  for (const HeaderField& field : header->fields()) {
    if (starts_with_ignoring_case(field.name(), "Content-")) moved += field.raw();
  }
  HeaderBlock changed = *header;
  bool good = changed.set("Content-Type", "multipart/mixed; boundary=\"" + boundary + "\"").ok();
  changed.remove_if([](const HeaderField& field) {
    return starts_with_ignoring_case(field.name(), "Content-") && !field.is("Content-Type");
  });
  if (changed.find("MIME-Version") == nullptr)
    good = good && changed.insert_bottom("MIME-Version", "1.0").ok();
  // A multipart may not promise less than its parts (RFC 2045 §6.4).
  const char* outer = encoding == TransferEncoding::kBinary ? "binary" : is_ascii(body) ? nullptr : "8bit";
  if (outer != nullptr) good = good && changed.insert_bottom("Content-Transfer-Encoding", outer).ok();
  if (!good) return unchanged(FooterOutcome::kBroken);
  *header = std::move(changed);

  std::string out;
  out.reserve(body.size() + footer.size() * 3 + moved.size() + 600);
  out += "--" + boundary + "\r\n" + moved + "\r\n";
  out += body;
  // The delimiter's own CRLF: the part ends exactly as the body did.
  out += "\r\n--" + boundary + "\r\n" + footer_part(footer) + "\r\n--" + boundary + "--\r\n";
  return {FooterOutcome::kWrapped, std::move(out)};
}

// A line that begins so (RFC 9580 §6.2, §7).
bool has_pgp_armour(std::string_view text) {
  for (std::size_t at = text.find("-----BEGIN PGP "); at != std::string_view::npos;
       at = text.find("-----BEGIN PGP ", at + 1)) {
    if (at != 0 && text[at - 1] != '\n') continue;
    const std::string_view rest = text.substr(at + 15, 20);
    if (rest.starts_with("MESSAGE-----") || rest.starts_with("SIGNED MESSAGE-----") ||
        rest.starts_with("MESSAGE, PART")) {
      return true;
    }
  }
  return false;
}

}  // namespace

bool is_signed_or_encrypted(const HeaderBlock& header, std::string_view body) {
  const ContentType type = content_type_of(header);
  if (type.type == "multipart" && (type.subtype == "signed" || type.subtype == "encrypted")) return true;
  if (type.type == "application") {
    for (const char* subtype : {"pkcs7-mime", "x-pkcs7-mime", "pkcs7-signature", "x-pkcs7-signature", "pgp",
                                "pgp-encrypted", "x-pgp-message"}) {
      if (type.subtype == subtype) return true;
    }
  }
  if (type.type == "text" && encoding_of(header) == TransferEncoding::kBase64) {
    const std::optional<std::string> text = decoded_base64(body);
    return text && has_pgp_armour(*text);
  }
  return has_pgp_armour(body);
}

FooterResult add_footer(HeaderBlock* header, std::string_view body, std::string_view footer_text) {
  std::string footer = with_crlf(as_utf8(footer_text));
  if (trimmed(footer).empty()) return unchanged(FooterOutcome::kNothingToAdd);
  if (!footer.ends_with("\r\n")) footer += "\r\n";
  if (is_signed_or_encrypted(*header, body)) return unchanged(FooterOutcome::kProtected);

  const ContentType type = content_type_of(*header);
  const TransferEncoding encoding = encoding_of(*header);
  if (!type.valid || header->count("Content-Type") > 1 || header->count("Content-Transfer-Encoding") > 1 ||
      encoding == TransferEncoding::kUnknown) {
    return unchanged(FooterOutcome::kBroken);
  }
  if (type.type == "multipart") {
    const std::string boundary = type.parameter("boundary");
    const std::optional<Multipart> parts = split_multipart(body, boundary);
    if (!parts || !is_identity(encoding)) return unchanged(FooterOutcome::kBroken);
    if (type.subtype == "mixed") return add_part(body, footer, boundary, *parts);
  }
  const bool attachment =
      starts_with_ignoring_case(header->value("Content-Disposition").value_or(""), "attachment");
  if (type.is("text", "plain") && !attachment) return append_to_text(header, body, footer, type);
  return wrap(header, body, footer);
}

}  // namespace essaim::mail
