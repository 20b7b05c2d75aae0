#include "core/mail/mime_footer.h"

#include <algorithm>
#include <optional>
#include <vector>

#include "core/base/text.h"
#include "core/mail/boundary.h"
#include "core/mail/charset.h"
#include "core/mail/content_type.h"
#include "core/mail/footer_text.h"
#include "core/mail/multipart.h"
#include "core/mail/transfer_encoding.h"

namespace essaim::mail {
namespace {

using footer::decoded;
using footer::Edit;
using footer::encoding_of;
using footer::Words;

constexpr int kMaxDepth = 8;  // of alternatives within related within ...

FooterResult unchanged(FooterOutcome outcome) {
  return {outcome, {}};
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

FooterResult add_part(std::string_view body, const Words& words, const std::string& boundary,
                      const Multipart& parts) {
  const PartRange beside = words.in_front ? parts.parts.front() : parts.parts.back();
  std::string out;
  out.reserve(body.size() + words.text.size() * 3 + 400);
  if (words.in_front) {
    // Behind the delimiter of the first part, which gets a new one.
    out += body.substr(0, beside.begin);
    out += footer_part(words.text) + "\r\n--" + boundary + "\r\n";
    out += body.substr(beside.begin);
  } else {
    out += body.substr(0, parts.closing);
    out += "--" + boundary + "\r\n" + footer_part(words.text) + "\r\n";
    out += body.substr(parts.closing);
  }
  return {FooterOutcome::kPartAdded, std::move(out)};
}

FooterResult wrap(HeaderBlock* header, std::string_view body, const Words& words) {
  const std::string boundary = random_boundary();
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

  const std::string delimiter = "--" + boundary;
  std::string out;
  out.reserve(body.size() + words.text.size() * 3 + moved.size() + 600);
  if (words.in_front) out += delimiter + "\r\n" + footer_part(words.text) + "\r\n";
  out += delimiter + "\r\n" + moved + "\r\n";
  out += body;
  // The delimiter's own CRLF: the part ends exactly as the body did.
  out += "\r\n" + delimiter;
  if (!words.in_front) out += "\r\n" + footer_part(words.text) + "\r\n" + delimiter;
  out += "--\r\n";
  return {FooterOutcome::kWrapped, std::move(out)};
}

Edit edit_multipart(const ContentType& type, std::string_view body, const Words& words, int depth,
                    std::string* out);
Edit edit_mixed(std::string_view body, const Multipart& parts, const Words& words, int depth,
                std::string* out);

// One alternative, or the root of related. kThere also for what is none of ours, with *touched left as it is.
Edit edit_part(std::string_view part, const Words& words, int depth, bool* touched, std::string* out) {
  Result<HeaderBlock> header = HeaderBlock::parse(part);
  if (!header.ok()) return Edit::kCannot;
  const ContentType type = content_type_of(*header);
  // Apple Mail writes formatted text with files between its pieces as the one alternative to a plain text.
  const bool mixed = type.is("multipart", "mixed");
  const bool multipart = mixed || type.is("multipart", "alternative") || type.is("multipart", "related");
  const bool text = type.is("text", "plain");
  if (!(multipart || text || type.is("text", "html")) ||
      starts_with_ignoring_case(header->value("Content-Disposition").value_or(""), "attachment"))
    return Edit::kThere;
  if (!type.valid || header->count("Content-Type") > 1 || header->count("Content-Transfer-Encoding") > 1)
    return Edit::kCannot;
  const std::string_view head = part.substr(0, header->body_offset());
  if (head != "\r\n" && !head.ends_with("\r\n\r\n"))
    return Edit::kCannot;  // all of it is header: words would be, too
  *touched = true;
  const std::string_view body = part.substr(header->body_offset());
  const std::string before = header->serialise();
  std::string edited;
  Edit edit = Edit::kCannot;
  if (multipart && !is_identity(encoding_of(*header))) return Edit::kCannot;
  if (mixed) {
    if (const auto parts = split_multipart(body, type.parameter("boundary")))
      edit = edit_mixed(body, *parts, words, depth + 1, &edited);
  } else if (multipart) {
    edit = edit_multipart(type, body, words, depth + 1, &edited);
  } else {
    edit = text ? edit_text(&*header, body, words, &edited) : edit_html(*header, body, words, &edited);
  }
  if (edit != Edit::kDone) return edit;
  const std::string after = header->serialise();
  // The bytes of a header that nobody changed stay, also odd ones.
  *out = (after == before ? std::string(part.substr(0, header->body_offset())) : after) + edited;
  return Edit::kDone;
}

Edit edit_multipart(const ContentType& type, std::string_view body, const Words& words, int depth,
                    std::string* out) {
  if (depth > kMaxDepth) return Edit::kCannot;
  const std::optional<Multipart> parts = split_multipart(body, type.parameter("boundary"));
  if (!parts) return Edit::kCannot;
  std::size_t first = 0;
  std::size_t last = parts->parts.size();
  if (type.subtype == "related") {
    // RFC 2387 §3.2: the root is the first part, unless "start" names another one.
    const std::string start = type.parameter("start");
    for (std::size_t i = 0; i < parts->parts.size() && !start.empty(); ++i) {
      const PartRange range = parts->parts[i];
      const Result<HeaderBlock> header =
          HeaderBlock::parse(body.substr(range.begin, range.end - range.begin));
      if (header.ok() && header->value("Content-ID").value_or("") == start) {
        first = i;
        break;
      }
    }
    last = first + 1;
  }
  bool touched = false;
  bool changed = false;
  std::size_t at = 0;
  for (std::size_t i = first; i < last; ++i) {
    const PartRange range = parts->parts[i];
    std::string edited;
    switch (edit_part(body.substr(range.begin, range.end - range.begin), words, depth, &touched, &edited)) {
      case Edit::kDone:
        out->append(body.substr(at, range.begin - at)).append(edited);
        at = range.end;
        changed = true;
        break;
      case Edit::kThere:
        break;
      case Edit::kCannot:
        return Edit::kCannot;
    }
  }
  out->append(body.substr(at));
  return changed ? Edit::kDone : touched ? Edit::kThere : Edit::kCannot;
}

// The name under which a part is saved. Content-Disposition has the grammar of parameters, too, behind one word (RFC 2183 §2).
std::string file_name_of(const HeaderBlock& header, const ContentType& type) {
  const ContentType disposition = parse_content_type("x/" + header.value("Content-Disposition").value_or(""));
  std::string name = disposition.parameter("filename");
  return name.empty() ? type.parameter("name") : name;
}

// Something beside the text that came with the message, not the text itself.
bool is_file(const HeaderBlock& header, const ContentType& type) {
  if (type.type != "text" && type.type != "multipart" && type.type != "message") return true;
  return starts_with_ignoring_case(header.value("Content-Disposition").value_or(""), "attachment") ||
         !file_name_of(header, type).empty();
}

// Of mixed: the text that the words stand over or under is the first part, or the last one that is no file. kCannot: there is none,
// or it is none into which words can be put.
Edit edit_mixed(std::string_view body, const Multipart& parts, const Words& words, int depth,
                std::string* out) {
  for (std::size_t n = 0; n < parts.parts.size(); ++n) {
    const PartRange range = parts.parts[words.in_front ? 0 : parts.parts.size() - 1 - n];
    const std::string_view part = body.substr(range.begin, range.end - range.begin);
    const Result<HeaderBlock> header = HeaderBlock::parse(part);
    if (!header.ok()) return Edit::kCannot;
    const ContentType type = content_type_of(*header);
    if (is_file(*header, type)) {
      if (words.in_front) return Edit::kCannot;
      continue;
    }
    // One within another has a last part that is not the end of the text.
    if (type.is("multipart", "mixed")) return Edit::kCannot;
    // Without words in HTML its readers would miss them.
    if (!type.is("text", "plain") && trimmed(words.html).empty()) return Edit::kCannot;
    if (is_signed_or_encrypted(*header, part.substr(header->body_offset()))) return Edit::kCannot;
    bool touched = false;
    std::string edited;
    const Edit edit = edit_part(part, words, depth, &touched, &edited);
    if (edit == Edit::kDone)
      out->append(body.substr(0, range.begin)).append(edited).append(body.substr(range.end));
    return edit == Edit::kDone || (edit == Edit::kThere && touched) ? edit : Edit::kCannot;
  }
  return Edit::kCannot;
}

// A line that begins so (RFC 9580 §6.2, §7); in HTML one may begin behind any tag.
bool has_pgp_armour(std::string_view text, bool html = false) {
  for (std::size_t at = text.find("-----BEGIN PGP "); at != std::string_view::npos;
       at = text.find("-----BEGIN PGP ", at + 1)) {
    if (at != 0 && text[at - 1] != '\n' && !(html && text[at - 1] == '>')) continue;
    const std::string_view rest = text.substr(at + 15, 20);
    if (rest.starts_with("MESSAGE-----") || rest.starts_with("SIGNED MESSAGE-----") ||
        rest.starts_with("MESSAGE, PART")) {
      return true;
    }
  }
  return false;
}

// In any text of it, as its reader gets that: encoded text may have such a line where it reads otherwise, or hide one.
bool has_armour(const HeaderBlock& header, std::string_view body, int depth) {
  const ContentType type = content_type_of(header);
  if (type.type == "multipart" && depth < kMaxDepth) {
    if (const auto parts = split_multipart(body, type.parameter("boundary"))) {
      return std::any_of(parts->parts.begin(), parts->parts.end(), [&](const PartRange& range) {
        const std::string_view part = body.substr(range.begin, range.end - range.begin);
        const Result<HeaderBlock> inner = HeaderBlock::parse(part);
        return inner.ok() ? has_armour(*inner, part.substr(inner->body_offset()), depth + 1)
                          : has_pgp_armour(part);
      });
    }
  }
  const bool html = type.is("text", "html");
  if (const TransferEncoding encoding = encoding_of(header); type.type == "text" && !is_identity(encoding)) {
    // What is not in its encoding may have the armour as it is.
    if (const std::optional<std::string> text = decoded(body, encoding)) return has_pgp_armour(*text, html);
  }
  return has_pgp_armour(body, html);
}

// S/MIME under a type that says nothing (RFC 8551 §3.2.1): known by its name, as some gateways leave it.
bool is_named_as_smime(const HeaderBlock& header, const ContentType& type) {
  if (!type.is("application", "octet-stream")) return false;
  const std::string name = ascii_lowered(file_name_of(header, type));
  return name.ends_with(".p7m") || name.ends_with(".p7s") || name.ends_with(".p7z");
}

// PGP/MIME whose type Exchange has changed to mixed. Mail programs mend that if they find the three parts it makes, and no more.
bool has_part_of_pgp_mime(const ContentType& type, std::string_view body) {
  if (!type.is("multipart", "mixed")) return false;
  const std::optional<Multipart> parts = split_multipart(body, type.parameter("boundary"));
  if (!parts) return false;
  for (const PartRange& range : parts->parts) {
    const Result<HeaderBlock> header = HeaderBlock::parse(body.substr(range.begin, range.end - range.begin));
    if (header.ok() && content_type_of(*header).is("application", "pgp-encrypted")) return true;
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
  return is_named_as_smime(header, type) || has_part_of_pgp_mime(type, body) || has_armour(header, body, 0);
}

FooterResult add_footer(HeaderBlock* header, std::string_view body, const Footer& what) {
  const Words words{footer::as_lines(what.text), footer::as_ascii_html(what.html),
                    what.place == FooterPlace::kHeader};
  if (trimmed(words.text).empty()) return unchanged(FooterOutcome::kNothingToAdd);
  if (is_signed_or_encrypted(*header, body)) return unchanged(FooterOutcome::kProtected);

  const ContentType type = content_type_of(*header);
  const TransferEncoding encoding = encoding_of(*header);
  if (!type.valid || header->count("Content-Type") > 1 || header->count("Content-Transfer-Encoding") > 1)
    return unchanged(FooterOutcome::kBroken);
  // A multipart that says it is encoded (forbidden by RFC 2045 §6.4, and written by scripts) whose delimiters are there as they
  // are: programs read its parts and ignore the encoding, or apply it to parts without one of their own. So no part is
  // written into; one beside them, or around them, reads the same either way.
  const bool inside = what.style == FooterStyle::kText && (type.type != "multipart" || is_identity(encoding));
  if (type.type == "multipart") {
    const std::string boundary = type.parameter("boundary");
    const std::optional<Multipart> parts = split_multipart(body, boundary);
    if (!parts) return unchanged(FooterOutcome::kBroken);
    if (type.subtype == "mixed") {
      const PartRange beside = words.in_front ? parts->parts.front() : parts->parts.back();
      if (is_footer_part(body.substr(beside.begin, beside.end - beside.begin), words.text))
        return unchanged(FooterOutcome::kAlreadyThere);
      std::string edited;
      if (inside) {
        const Edit edit = edit_mixed(body, *parts, words, 0, &edited);
        if (edit == Edit::kDone) return {FooterOutcome::kAppended, std::move(edited)};
        if (edit == Edit::kThere) return unchanged(FooterOutcome::kAlreadyThere);
      }
      return add_part(body, words, boundary, *parts);
    }
  }
  const bool attachment =
      starts_with_ignoring_case(header->value("Content-Disposition").value_or(""), "attachment");
  const bool html = !trimmed(words.html).empty();
  Edit edit = Edit::kCannot;
  std::string edited;
  if (inside && !attachment) {
    HeaderBlock changed = *header;
    if (type.is("text", "plain")) {
      edit = edit_text(&changed, body, words, &edited);
    } else if (html && type.is("text", "html")) {
      edit = edit_html(changed, body, words, &edited);
    } else if (html && (type.is("multipart", "alternative") || type.is("multipart", "related"))) {
      edit = edit_multipart(type, body, words, 0, &edited);
    }
    // A charset other than us-ascii needs it (RFC 2045 §4).
    if (edit == Edit::kDone && changed.serialise() != header->serialise()) {
      if (changed.find("MIME-Version") == nullptr && !changed.insert_bottom("MIME-Version", "1.0").ok())
        edit = Edit::kCannot;
      else
        *header = std::move(changed);
    }
  }
  switch (edit) {
    case Edit::kDone:
      return {FooterOutcome::kAppended, std::move(edited)};
    case Edit::kThere:
      return unchanged(FooterOutcome::kAlreadyThere);
    case Edit::kCannot:
      break;
  }
  return wrap(header, body, words);
}

}  // namespace essaim::mail
