#include "core/mail/readable.h"

#include <algorithm>
#include <array>

#include "core/base/text.h"
#include "core/mail/charset.h"
#include "core/mail/content_type.h"
#include "core/mail/multipart.h"
#include "core/mail/transfer_encoding.h"

namespace essaim::mail {
namespace {

std::optional<std::string> decoded_body(const HeaderBlock& header, std::string_view body) {
  switch (transfer_encoding_of(header.value("Content-Transfer-Encoding").value_or(""))) {
    case TransferEncoding::kQuotedPrintable:
      return decoded_quoted_printable(body);
    case TransferEncoding::kBase64:
      return decoded_base64(body);
    default:
      return std::string(body);
  }
}

std::optional<std::string> text_of(const HeaderBlock& header, const ContentType& type,
                                   std::string_view body) {
  if (type.type != "text") return std::nullopt;
  auto bytes = decoded_body(header, body);
  if (!bytes) return std::nullopt;
  const std::string charset = type.parameter("charset");
  if (!charset.empty() && !equals_ignoring_case(charset, "utf-8") &&
      !equals_ignoring_case(charset, "us-ascii")) {
    if (auto utf8 = converted(*bytes, charset, "UTF-8")) return utf8;
  }
  return as_utf8(*bytes);
}

// First of a kind that says anything, looked for in depth.
struct Found {
  std::optional<std::string> plain, html;
  bool is_flowed = false;      // plain
  bool deletes_space = false;  // where that is flowed
  bool is_closed = false;      // there is something whose text cannot be told
};

// Encrypted, or wrapped in a signature, or what Exchange packs a whole message in.
bool is_closed(const ContentType& type) {
  return type.is("multipart", "encrypted") || type.is("application", "pkcs7-mime") ||
         type.is("application", "x-pkcs7-mime") || type.is("application", "pgp-encrypted") ||
         type.is("application", "ms-tnef") || type.is("application", "vnd.ms-tnef");
}

std::string_view without_line_end(std::string_view line) {
  return line.ends_with('\r') ? line.substr(0, line.size() - 1) : line;
}

// What is signed in a text (RFC 9580 §7): what stands between the armour, with its dashes. *closed: it is encrypted.
std::string without_armour(std::string text, bool* closed) {
  const std::string_view begins = trimmed(text);
  if (begins.starts_with("-----BEGIN PGP MESSAGE-----")) {
    *closed = true;
    return "";
  }
  if (!begins.starts_with("-----BEGIN PGP SIGNED MESSAGE-----")) return text;
  enum class Place { kHeader, kSigned, kSignature, kBehind } place = Place::kHeader;
  std::string out;
  for (const std::string_view line : split(begins, '\n')) {
    const std::string_view bare = without_line_end(line);
    switch (place) {
      case Place::kHeader:  // "Hash: SHA512", and an empty line
        if (trimmed(bare).empty()) place = Place::kSigned;
        continue;
      case Place::kSigned:
        if (bare.starts_with("-----BEGIN PGP SIGNATURE-----")) {
          place = Place::kSignature;
          continue;
        }
        break;
      case Place::kSignature:
        if (bare.starts_with("-----END PGP SIGNATURE-----")) place = Place::kBehind;
        continue;
      case Place::kBehind:
        break;
    }
    out += place == Place::kSigned && line.starts_with("- ") ? line.substr(2) : line;
    out.push_back('\n');
  }
  return out;
}

void look(const HeaderBlock& header, std::string_view body, int depth, Found* found) {
  if (found->plain || depth > kMaxReadDepth) return;
  const ContentType type = content_type_of(header);
  if (is_closed(type)) {
    found->is_closed = true;
    return;
  }
  if (starts_with_ignoring_case(header.value("Content-Disposition").value_or(""), "attachment")) return;
  if (type.type == "multipart") {
    const auto parts = split_multipart(body, type.parameter("boundary"), 200);
    if (!parts) return;
    for (const PartRange& range : parts->parts) {
      const std::string_view part = body.substr(range.begin, range.end - range.begin);
      const auto inner = HeaderBlock::parse(part);
      if (inner.ok()) look(*inner, part.substr(inner->body_offset()), depth + 1, found);
    }
  } else if (type.is("text", "plain")) {
    auto text = text_of(header, type, body);
    if (!text) {
      found->is_closed = true;
      return;
    }
    *text = without_armour(with_plain_blanks(*text), &found->is_closed);
    // Some programs put it beside HTML, and nothing in it.
    if (trimmed(*text).empty()) return;
    found->plain = std::move(text);
    found->is_flowed = equals_ignoring_case(type.parameter("format"), "flowed");
    found->deletes_space = equals_ignoring_case(type.parameter("delsp"), "yes");
  } else if (type.is("text", "html") && !found->html) {
    found->html = text_of(header, type, body);
    found->is_closed |= !found->html;
  }
}

// RFC 3676 §4.2: a line that ends with a space goes on in the next one, a space at the beginning was put there. Quoted lines stay
// as they are. Tolerated: a space before an empty line, which the author left there.
std::string unfolded(std::string_view text, bool deletes_space) {
  std::string out;
  bool goes_on = false;
  for (const std::string_view raw : split(text, '\n')) {
    std::string_view line = without_line_end(raw);
    const bool is_quoted = line.starts_with('>');
    const bool is_own = !is_quoted && line != "-- " && !trimmed(line).empty();
    if (goes_on && !is_own) out.push_back('\n');
    goes_on = false;
    if (!is_quoted && line.starts_with(' ')) line.remove_prefix(1);
    out += line;
    if (is_own && line.ends_with(' ')) {
      if (deletes_space) out.pop_back();
      goes_on = true;
    } else {
      out.push_back('\n');
    }
  }
  return out;
}

void append_utf8(std::uint32_t c, std::string* out) {
  if (c == 0 || c > 0x10FFFF || (c >= 0xD800 && c <= 0xDFFF)) c = 0xFFFD;
  if (c < 0x80) {
    out->push_back(static_cast<char>(c));
  } else if (c < 0x800) {
    out->push_back(static_cast<char>(0xC0 | c >> 6));
    out->push_back(static_cast<char>(0x80 | (c & 0x3F)));
  } else if (c < 0x10000) {
    out->push_back(static_cast<char>(0xE0 | c >> 12));
    out->push_back(static_cast<char>(0x80 | (c >> 6 & 0x3F)));
    out->push_back(static_cast<char>(0x80 | (c & 0x3F)));
  } else {
    out->push_back(static_cast<char>(0xF0 | c >> 18));
    out->push_back(static_cast<char>(0x80 | (c >> 12 & 0x3F)));
    out->push_back(static_cast<char>(0x80 | (c >> 6 & 0x3F)));
    out->push_back(static_cast<char>(0x80 | (c & 0x3F)));
  }
}

// "&amp;" and "&#233;" at text[at]; gives how long it is, 0 if it is none.
std::size_t reference(std::string_view text, std::size_t at, std::string* out) {
  const std::size_t length = text.substr(at, 12).find(';');
  if (length == text.npos) return 0;
  const std::size_t end = at + length;
  const std::string_view name = text.substr(at + 1, end - at - 1);
  // Those that programs write for letters and marks of western languages.
  static constexpr auto kNamed = std::to_array<std::pair<std::string_view, std::string_view>>(
      {{"amp", "&"},    {"lt", "<"},     {"gt", ">"},     {"quot", "\""},  {"apos", "'"},   {"nbsp", " "},
       {"agrave", "à"}, {"aacute", "á"}, {"acirc", "â"},  {"atilde", "ã"}, {"auml", "ä"},   {"aring", "å"},
       {"aelig", "æ"},  {"ccedil", "ç"}, {"egrave", "è"}, {"eacute", "é"}, {"ecirc", "ê"},  {"euml", "ë"},
       {"igrave", "ì"}, {"iacute", "í"}, {"icirc", "î"},  {"iuml", "ï"},   {"ntilde", "ñ"}, {"ograve", "ò"},
       {"oacute", "ó"}, {"ocirc", "ô"},  {"otilde", "õ"}, {"ouml", "ö"},   {"oslash", "ø"}, {"oelig", "œ"},
       {"ugrave", "ù"}, {"uacute", "ú"}, {"ucirc", "û"},  {"uuml", "ü"},   {"szlig", "ß"},  {"Agrave", "À"},
       {"Auml", "Ä"},   {"Ccedil", "Ç"}, {"Eacute", "É"}, {"Egrave", "È"}, {"Ouml", "Ö"},   {"Uuml", "Ü"},
       {"lsquo", "‘"},  {"rsquo", "’"},  {"ldquo", "“"},  {"rdquo", "”"},  {"bdquo", "„"},  {"laquo", "«"},
       {"raquo", "»"},  {"iexcl", "¡"},  {"iquest", "¿"}, {"ndash", "–"},  {"mdash", "—"},  {"hellip", "…"},
       {"euro", "€"}});
  for (const auto& [known, meaning] : kNamed) {
    if (name == known) {
      *out += meaning;
      return end - at + 1;
    }
  }
  if (!name.starts_with("#") || name.size() < 2) return 0;
  std::uint32_t value = 0;
  const bool hex = name[1] == 'x' || name[1] == 'X';
  const std::string_view digits = name.substr(hex ? 2 : 1);
  if (digits.empty()) return 0;
  for (const char c : digits) {
    const char low = ascii_lower(c);
    const int digit = low >= '0' && low <= '9'          ? low - '0'
                      : hex && low >= 'a' && low <= 'f' ? low - 'a' + 10
                                                        : -1;
    if (digit < 0) return 0;
    value = std::min<std::uint32_t>(value * (hex ? 16 : 10) + static_cast<std::uint32_t>(digit), 0x110000);
  }
  append_utf8(value, out);
  return end - at + 1;
}

bool breaks_line(std::string_view tag) {
  for (const std::string_view one :
       {"br", "p", "div", "tr", "li", "h1", "h2", "h3", "pre", "blockquote", "table", "hr"}) {
    if (tag == one) return true;
  }
  return false;
}

bool is_hidden(std::string_view tag) {
  return tag == "style" || tag == "script" || tag == "head" || tag == "title";
}

// Whether a <blockquote> quotes: by what the programs that write mail put in it. Others use it to indent what their author writes.
bool quotes(std::string_view tag) {
  const std::string attributes = ascii_lowered(tag);
  if (attributes.find("cite") != attributes.npos) return true;
  return attributes.find("quote", 1 + std::string_view("blockquote").size()) != attributes.npos &&
         attributes.find("border:none") == attributes.npos;
}

// Where its closing tag begins; there may be a "<" before.
std::size_t end_of_hidden(std::string_view html, std::size_t at, const std::string& name) {
  for (at = html.find("</", at); at != html.npos; at = html.find("</", at + 2)) {
    if (starts_with_ignoring_case(html.substr(at + 2), name)) return at;
  }
  return html.size();
}

// `marks`: lines that it quotes begin with "> ".
std::string lines_of_html(std::string_view html, bool marks) {
  std::string out;
  std::vector<bool> blockquotes;  // those that are open: whether they quote
  std::size_t quoting = 0;        // how many of them do
  const auto end_line = [&out] {
    if (!out.empty() && out.back() != '\n') out.push_back('\n');
  };
  const auto begin_line = [&] {
    if (quoting > 0 && (out.empty() || out.back() == '\n')) out += "> ";
  };
  for (std::size_t at = 0; at < html.size();) {
    const char c = html[at];
    if (c == '<') {
      if (html.substr(at).starts_with("<!--")) {
        const std::size_t end = html.find("-->", at);
        at = end == html.npos ? html.size() : end + 3;
        continue;
      }
      const std::size_t end = html.find('>', at);
      if (end == html.npos) break;
      std::string_view tag = html.substr(at + 1, end - at - 1);
      at = end + 1;
      const bool closing = tag.starts_with("/");
      if (closing) tag.remove_prefix(1);
      const std::string name = ascii_lowered(tag.substr(0, tag.find_first_of(" \t\r\n/>")));
      if (is_hidden(name) && !closing) {
        at = end_of_hidden(html, at, name);
      } else if (breaks_line(name)) {
        end_line();
      }
      if (!marks || name != "blockquote") continue;
      if (!closing) {
        blockquotes.push_back(quotes(tag));
        quoting += blockquotes.back() ? 1 : 0;
      } else if (!blockquotes.empty()) {
        quoting -= blockquotes.back() ? 1 : 0;
        blockquotes.pop_back();
      }
      continue;
    }
    if (c == '&') {
      std::string character;
      if (const std::size_t length = reference(html, at, &character)) {
        begin_line();
        out += character;
        at += length;
        continue;
      }
    }
    if (c == '\n' || c == '\r' || c == '\t' || c == ' ') {
      if (!out.empty() && out.back() != ' ' && out.back() != '\n') out.push_back(' ');
    } else {
      begin_line();
      out.push_back(c);
    }
    ++at;
  }
  return out;
}

}  // namespace

std::optional<std::string> text_of_leaf(const HeaderBlock& header, std::string_view body) {
  return text_of(header, content_type_of(header), body);
}

std::vector<LeafText> parts_of(const HeaderBlock& header, std::string_view body) {
  const ContentType type = content_type_of(header);
  std::vector<LeafText> out;
  if (type.type != "multipart") return out;
  const auto parts = split_multipart(body, type.parameter("boundary"), 200);
  if (!parts) return out;
  for (const PartRange& range : parts->parts) {
    const std::string_view part = body.substr(range.begin, range.end - range.begin);
    const auto inner = HeaderBlock::parse(part);
    if (!inner.ok()) continue;
    const ContentType inner_type = content_type_of(*inner);
    LeafText leaf;
    leaf.type = inner_type.type + "/" + inner_type.subtype;
    leaf.text = text_of(*inner, inner_type, part.substr(inner->body_offset()));
    leaf.attachment =
        starts_with_ignoring_case(inner->value("Content-Disposition").value_or(""), "attachment");
    out.push_back(std::move(leaf));
  }
  return out;
}

std::string main_text(const HeaderBlock& header, std::string_view body) {
  Found found;
  look(header, body, 0, &found);
  if (found.plain) return *std::move(found.plain);
  return found.html ? with_plain_blanks(text_of_html(*found.html)) : "";
}

std::optional<std::string> answer_text(const HeaderBlock& header, std::string_view body) {
  Found found;
  look(header, body, 0, &found);
  if (found.plain && found.is_flowed) return unfolded(*found.plain, found.deletes_space);
  if (found.plain) return found.plain;
  std::string text = found.html ? with_plain_blanks(lines_of_html(*found.html, true)) : "";
  if (found.is_closed && trimmed(text).empty()) return std::nullopt;
  return text;
}

std::string with_plain_blanks(std::string_view utf8) {
  std::string out;
  out.reserve(utf8.size());
  while (!utf8.empty()) {
    std::size_t length = 1;
    if (utf8.starts_with("\xC2\xA0")) {
      out += ' ';
      length = 2;
    } else if (utf8.starts_with("\xE2\x80\x8B") || utf8.starts_with("\xEF\xBB\xBF")) {
      length = 3;
    } else {
      out += utf8.front();
    }
    utf8.remove_prefix(length);
  }
  return out;
}

std::string text_of_html(std::string_view html) {
  return lines_of_html(html, false);
}

}  // namespace essaim::mail
