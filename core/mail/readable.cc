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

// First of a kind, looked for in depth.
struct Found {
  std::optional<std::string> plain, html;
};

void look(const HeaderBlock& header, std::string_view body, int depth, Found* found) {
  if (found->plain || depth > kMaxReadDepth) return;
  const ContentType type = content_type_of(header);
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
    found->plain = text_of(header, type, body);
  } else if (type.is("text", "html") && !found->html) {
    found->html = text_of(header, type, body);
  }
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

// Where its closing tag begins; there may be a "<" before.
std::size_t end_of_hidden(std::string_view html, std::size_t at, const std::string& name) {
  for (at = html.find("</", at); at != html.npos; at = html.find("</", at + 2)) {
    if (starts_with_ignoring_case(html.substr(at + 2), name)) return at;
  }
  return html.size();
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
  if (found.plain) return with_plain_blanks(*found.plain);
  return found.html ? with_plain_blanks(text_of_html(*found.html)) : "";
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
  std::string out;
  const auto end_line = [&out] {
    if (!out.empty() && out.back() != '\n') out.push_back('\n');
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
      continue;
    }
    if (c == '&') {
      if (const std::size_t length = reference(html, at, &out)) {
        at += length;
        continue;
      }
    }
    if (c == '\n' || c == '\r' || c == '\t' || c == ' ') {
      if (!out.empty() && out.back() != ' ' && out.back() != '\n') out.push_back(' ');
    } else {
      out.push_back(c);
    }
    ++at;
  }
  return out;
}

}  // namespace essaim::mail
