#include "core/mail/footer_text.h"

#include "core/base/text.h"
#include "core/mail/charset.h"
#include "core/mail/code_point.h"

namespace essaim::mail::footer {
namespace {

bool is_text_charset_over_ascii(const std::string& charset) {
  // Charsets in which ASCII bytes may mean something else, or that carry a state along.
  for (const char* other :
       {"utf-16", "utf-32", "utf-7", "unicode-", "ucs-", "iso-10646", "iso-2022", "hz-", "ibm037", "cp037"}) {
    if (starts_with_ignoring_case(charset, other)) return false;
  }
  // Not of EBCDIC. What nobody knows is taken for one over ASCII, as all but a few are.
  constexpr std::string_view kSome = "Az09 -/:.@<>&#;\r\n";
  return charset.empty() || converted(kSome, "UTF-8", charset).value_or(std::string(kSome)) == kSome;
}

std::string encoded(std::string_view text, TransferEncoding encoding) {
  if (encoding == TransferEncoding::kQuotedPrintable) return quoted_printable(text);
  if (encoding == TransferEncoding::kBase64) return base64_lines(text);
  return std::string(text);
}

// Words begin and end with whole lines, whatever blanks these have there.
bool ends_with_text(std::string_view text, std::string_view footer) {
  const std::string_view tail = trimmed(footer);
  text = trimmed(text);
  if (!text.ends_with(tail)) return false;
  text.remove_suffix(tail.size());
  while (text.ends_with(' ') || text.ends_with('\t')) text.remove_suffix(1);
  return text.empty() || text.back() == '\n';
}

bool starts_with_text(std::string_view text, std::string_view words) {
  const std::string_view head = trimmed(words);
  text = trimmed(text);
  if (!text.starts_with(head)) return false;
  text.remove_prefix(head.size());
  while (text.starts_with(' ') || text.starts_with('\t')) text.remove_prefix(1);
  return text.empty() || text.front() == '\r' || text.front() == '\n';
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

// Text and words in their order, whole lines each.
std::string joined(const std::string& text, const std::string& joint, const std::string& words,
                   bool in_front) {
  return in_front ? words + text : text + joint + words;
}

// ---- HTML ----

// Nothing but the ends of the body and of the document: `</body` and `</html` with their brackets and white
// space.
bool is_tail(std::string_view lowered) {
  for (const std::string_view tag : {"</body", "</html"}) {
    lowered = trimmed(lowered);
    if (!lowered.starts_with(tag)) continue;
    lowered = trimmed(lowered.substr(tag.size()));
    if (!lowered.starts_with(">")) return false;
    lowered.remove_prefix(1);
  }
  return trimmed(lowered).empty();
}

// Behind the tag that begins at `at`; quoted values may hold ">".
std::size_t behind_tag(std::string_view text, std::size_t at) {
  char quote = 0;
  for (; at < text.size(); ++at) {
    if (quote != 0) {
      if (text[at] == quote) quote = 0;
    } else if (text[at] == '"' || text[at] == '\'') {
      quote = text[at];
    } else if (text[at] == '>') {
      return at + 1;
    }
  }
  return std::string_view::npos;
}

// Where words go: before the end of the body, or behind its begin. What a browser does with documents that
// leave the tags out, we do too: the end of the text is the end of the body.
std::size_t place_in(std::string_view lowered, bool in_front) {
  if (!in_front) {
    for (const char* tag : {"</body", "</html"}) {
      const std::size_t at = lowered.rfind(tag);
      // In a comment or a script it is something else.
      if (at != std::string_view::npos && is_tail(lowered.substr(at))) return at;
    }
    return lowered.size();
  }
  const std::size_t head = lowered.find("</head");
  std::size_t begin = head == std::string_view::npos ? 0 : behind_tag(lowered, head);
  if (begin == std::string_view::npos) begin = 0;
  for (const char* tag : {"<body", "<html", "<!doctype"}) {
    const std::size_t at = lowered.find(tag, begin);
    if (at == std::string_view::npos) continue;
    const std::size_t behind = behind_tag(lowered, at);
    if (behind != std::string_view::npos) return behind;
  }
  return begin;
}

std::string inserted(std::string_view text, std::size_t at, const std::string& words) {
  std::string out(text.substr(0, at));
  if (!out.empty() && !out.ends_with("\r\n")) out += "\r\n";
  return out.append(words).append(text.substr(at));
}

}  // namespace

std::string as_lines(std::string_view text) {
  std::string out = with_crlf(as_utf8(text));
  std::erase(out, '\0');
  if (!out.empty() && !out.ends_with("\r\n")) out += "\r\n";
  return out;
}

std::string as_ascii_html(std::string_view html) {
  const std::string lines = as_lines(html);
  std::string out;
  for (std::string_view rest = lines; !rest.empty();) {
    const std::uint32_t point = take_code_point(&rest);
    if (point < 0x80)
      out += static_cast<char>(point);
    else
      out += "&#" + std::to_string(point) + ";";
  }
  return out;
}

TransferEncoding encoding_of(const HeaderBlock& header) {
  return transfer_encoding_of(header.value("Content-Transfer-Encoding").value_or(""));
}

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

Edit edit_text(HeaderBlock* header, std::string_view body, const Words& words, std::string* out) {
  const ContentType type = content_type_of(*header);
  const TransferEncoding encoding = encoding_of(*header);
  const std::optional<std::string> text = decoded(body, encoding);
  if (!text) return Edit::kCannot;
  std::string charset = type.parameter("charset");
  if (charset.empty()) charset = "us-ascii";
  const bool front = words.in_front;
  const auto there = [&](std::string_view whole, std::string_view what) {
    return front ? starts_with_text(whole, what) : ends_with_text(whole, what);
  };

  const bool flowed = equals_ignoring_case(type.parameter("format"), "flowed");
  const std::string added = flowed ? as_flowed(words.text) : words.text;
  // Text and words begin and end with whole lines; in flowed text a last line that wants to join gets an
  // empty one.
  const auto joint_behind = [flowed](const std::string& before) {
    std::string line_ends = before.empty() || before.ends_with("\r\n") ? "" : "\r\n";
    if (flowed && (before.ends_with(" \r\n") || before.ends_with(" ")) && !before.ends_with("-- \r\n"))
      line_ends += "\r\n";
    return line_ends;
  };
  const std::string joint = joint_behind(*text);

  // In the charset of the message?
  std::optional<std::string> same;
  if (is_text_charset_over_ascii(charset)) {
    same = is_ascii(added) ? std::optional<std::string>(added) : converted(added, "UTF-8", charset);
  } else if (is_ascii(added)) {
    // ISO-2022-JP and the like: ASCII may follow if the text ends in the state in which ASCII is ASCII.
    const std::optional<std::string> before = converted(*text, charset, "UTF-8");
    if (before && converted(joined(*text, joint, added, front), charset, "UTF-8") ==
                      joined(*before, joint, added, front))
      same = added;
  }
  if (same) {
    if (there(*text, *same)) return Edit::kThere;
    // base64 cannot be added to, quoted-printable and plain text can: the author's bytes stay.
    if (encoding == TransferEncoding::kBase64) {
      *out = base64_lines(joined(*text, joint, *same, front));
      return Edit::kDone;
    }
    if (encoding != TransferEncoding::kSevenBit || is_ascii(*same)) {
      // A soft break at the very end would take the line end that comes behind it.
      const bool soft = encoding == TransferEncoding::kQuotedPrintable && !body.ends_with("\r\n") &&
                        trimmed(body).ends_with('=');
      *out = joined(std::string(body), (soft ? "\r\n" : "") + joint, encoded(*same, encoding), front);
      return Edit::kDone;
    }
  }
  // The whole part becomes UTF-8, if we can read it for sure.
  const std::optional<std::string> unicode = converted(*text, charset, "UTF-8");
  if (!unicode) return Edit::kCannot;
  if (there(*unicode, added)) return Edit::kThere;
  HeaderBlock changed = *header;
  const TransferEncoding fresh =
      encoding == TransferEncoding::kSevenBit ? TransferEncoding::kQuotedPrintable : encoding;
  bool good = changed.set("Content-Type", with_charset(type, "UTF-8")).ok();
  if (fresh != encoding) good = good && changed.set("Content-Transfer-Encoding", "quoted-printable").ok();
  if (!good) return Edit::kCannot;
  *header = std::move(changed);
  *out = encoded(joined(*unicode, joint_behind(*unicode), added, front), fresh);
  return Edit::kDone;
}

Edit edit_html(const HeaderBlock& header, std::string_view body, const Words& words, std::string* out) {
  const std::string charset = content_type_of(header).parameter("charset");
  if (!is_text_charset_over_ascii(charset)) return Edit::kCannot;
  const TransferEncoding encoding = encoding_of(header);
  const std::optional<std::string> text = decoded(body, encoding);
  if (!text) return Edit::kCannot;
  const std::size_t at = place_in(ascii_lowered(*text), words.in_front);
  const std::string_view before = trimmed(std::string_view(*text).substr(0, at));
  const std::string_view behind = trimmed(std::string_view(*text).substr(at));
  const std::string_view html = trimmed(words.html);
  if (words.in_front ? behind.starts_with(html) : before.ends_with(html)) return Edit::kThere;
  if (encoding == TransferEncoding::kQuotedPrintable && !words.in_front) {
    // The author's bytes stay where the end of the body is written as such.
    const std::string lowered = ascii_lowered(body);
    const std::size_t raw = lowered.rfind("</body");
    if (raw != std::string::npos && is_tail(std::string_view(lowered).substr(raw))) {
      *out = inserted(body, raw, quoted_printable(words.html));
      return Edit::kDone;
    }
  }
  *out = encoded(inserted(*text, at, words.html), encoding);
  return Edit::kDone;
}

}  // namespace essaim::mail::footer
