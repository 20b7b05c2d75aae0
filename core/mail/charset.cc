#include "core/mail/charset.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <utility>

#include <iconv.h>

#include "core/base/text.h"

namespace essaim::mail {
namespace {

// A charset name is taken from a message: only what a registered name may have reaches iconv (no
// "//TRANSLIT", no path).
bool is_charset_name(std::string_view name) {
  if (name.empty() || name.size() > 60) return false;
  for (const char c : name) {
    const char l = ascii_lower(c);
    const bool good = (l >= 'a' && l <= 'z') || (l >= '0' && l <= '9') || l == '-' || l == '_' || l == '.' ||
                      l == ':' || l == '+';
    if (!good) return false;
  }
  return true;
}

// What mail programs mean by a name: often more than is registered under it, or iconv does not know the name at all. The
// WHATWG's Encoding standard has the same, as has every mail program.
std::string_view meant_by(std::string_view name) {
  static constexpr std::array<std::pair<std::string_view, std::string_view>, 33> kMeant = {{
      {"iso-8859-1", "WINDOWS-1252"},
      {"iso8859-1", "WINDOWS-1252"},
      {"iso_8859-1", "WINDOWS-1252"},
      {"latin1", "WINDOWS-1252"},
      {"iso-8859-9", "WINDOWS-1254"},
      {"iso-8859-11", "WINDOWS-874"},
      {"tis-620", "WINDOWS-874"},
      {"iso-8859-8-i", "ISO-8859-8"},
      {"iso-8859-8-e", "ISO-8859-8"},
      {"gb2312", "GB18030"},
      {"gb_2312-80", "GB18030"},
      {"gbk", "GB18030"},
      {"x-gbk", "GB18030"},
      {"big5", "BIG5-HKSCS"},
      {"x-x-big5", "BIG5-HKSCS"},
      {"ks_c_5601-1987", "CP949"},
      {"ks_c_5601-1989", "CP949"},
      {"ksc5601", "CP949"},
      {"ksc_5601", "CP949"},
      {"euc-kr", "CP949"},
      {"korean", "CP949"},
      {"windows-949", "CP949"},
      {"shift_jis", "CP932"},
      {"shift-jis", "CP932"},
      {"sjis", "CP932"},
      {"x-sjis", "CP932"},
      {"euc-jp", "EUC-JP-MS"},
      {"x-euc-jp", "EUC-JP-MS"},
      {"cp-850", "CP850"},
      {"x-mac-roman", "MACINTOSH"},
      {"x-mac-cyrillic", "MAC-CYRILLIC"},
      {"unicode-1-1-utf-7", "UTF-7"},
      {"unicode-1-1-utf-8", "UTF-8"},
  }};
  for (const auto& [written, meant] : kMeant) {
    if (equals_ignoring_case(name, written)) return meant;
  }
  return "";
}

// ISO-2022-JP as mail programs in Japan write it: with the characters that NEC and IBM have added to JIS X 0208, and with
// katakana of half width, none of which RFC 1468 has. As Shift_JIS, in which CP932 has all of them in the same order. Nothing:
// it is no such text. It may end in any set, a line may not.
std::optional<std::string> iso_2022_jp_as_shift_jis(std::string_view text) {
  enum class Set { kAscii, kRoman, kKatakana, kKanji };
  static constexpr std::array<std::pair<std::string_view, Set>, 5> kSets = {{
      {"\x1b(B", Set::kAscii},
      {"\x1b(J", Set::kRoman},
      {"\x1b(I", Set::kKatakana},
      {"\x1b$B", Set::kKanji},
      {"\x1b$@", Set::kKanji},
  }};
  std::string out;
  out.reserve(text.size());
  Set set = Set::kAscii;
  while (!text.empty()) {
    const unsigned first = static_cast<unsigned char>(text.front());
    if (first == 0x1b) {
      const auto* const known = std::find_if(kSets.begin(), kSets.end(),
                                             [text](const auto& one) { return text.starts_with(one.first); });
      if (known == kSets.end()) return std::nullopt;
      set = known->second;
      text.remove_prefix(known->first.size());
      continue;
    }
    if (set == Set::kKanji) {
      const unsigned second = text.size() < 2 ? 0 : static_cast<unsigned char>(text[1]);
      if (first < 0x21 || first > 0x7e || second < 0x21 || second > 0x7e) return std::nullopt;
      // Two rows of 94 stand in one of 188, which has a gap at DEL, and the first octets one at the katakana.
      const unsigned row = (first - 0x21) / 2 + 0x81;
      out.push_back(static_cast<char>(row < 0xa0 ? row : row + 0x40));
      out.push_back(static_cast<char>(first % 2 == 0  ? second + 0x7e
                                      : second < 0x60 ? second + 0x1f
                                                      : second + 0x20));
      text.remove_prefix(2);
      continue;
    }
    if (set == Set::kKatakana) {
      if (first < 0x21 || first > 0x5f) return std::nullopt;
      out.push_back(static_cast<char>(first + 0x80));
    } else {
      // SO and SI would be yet other sets. JIS X 0201 is ASCII but for two characters.
      if (first > 0x7f || first == 0x0e || first == 0x0f) return std::nullopt;
      if (set == Set::kRoman && (first == '\\' || first == '~')) return std::nullopt;
      out.push_back(text.front());
    }
    text.remove_prefix(1);
  }
  return out;
}

class Converter {
 public:
  Converter(const std::string& to, const std::string& from) : handle_(iconv_open(to.c_str(), from.c_str())) {}
  ~Converter() {
    if (good()) iconv_close(handle_);
  }
  Converter(const Converter&) = delete;
  Converter& operator=(const Converter&) = delete;
  // NOLINTNEXTLINE(performance-no-int-to-ptr): this is what iconv_open gives on failure
  bool good() const { return handle_ != reinterpret_cast<iconv_t>(-1); }
  iconv_t handle() const { return handle_; }

 private:
  iconv_t handle_;
};

std::optional<std::string> exactly_converted(std::string_view text, std::string_view from,
                                             std::string_view to) {
  Converter converter{std::string(to), std::string(from)};
  if (!converter.good()) return std::nullopt;
  std::string input(text);  // iconv wants it writable
  char* in = input.data();
  std::size_t in_left = input.size();
  std::string out;
  std::array<char, 4096> buffer{};
  bool flushing = false;
  while (true) {
    char* to_write = buffer.data();
    std::size_t room = buffer.size();
    const std::size_t rc = flushing ? iconv(converter.handle(), nullptr, nullptr, &to_write, &room)
                                    : iconv(converter.handle(), &in, &in_left, &to_write, &room);
    out.append(buffer.data(), buffer.size() - room);
    if (rc == static_cast<std::size_t>(-1)) {
      if (errno == E2BIG) continue;
      return std::nullopt;
    }
    if (rc > 0) return std::nullopt;  // characters were replaced
    if (flushing) return out;
    flushing = true;
  }
}

}  // namespace

std::optional<std::string> converted(std::string_view text, std::string_view from, std::string_view to) {
  if (!is_charset_name(from) || !is_charset_name(to)) return std::nullopt;
  if (const std::string_view meant = meant_by(from); !meant.empty()) {
    if (auto out = exactly_converted(text, meant, to)) return out;
  }
  auto out = exactly_converted(text, from, to);
  if (!out && equals_ignoring_case(from, "iso-2022-jp")) {
    if (const auto shift_jis = iso_2022_jp_as_shift_jis(text))
      out = exactly_converted(*shift_jis, "CP932", to);
  }
  return out;
}

std::string as_utf8(std::string_view bytes) {
  if (is_valid_utf8(bytes)) return std::string(bytes);
  if (std::optional<std::string> text = converted(bytes, "WINDOWS-1252", "UTF-8")) return *text;
  std::string out;
  for (const char c : bytes) {
    if (static_cast<unsigned char>(c) < 0x80) {
      out.push_back(c);
    } else {
      out += "\xef\xbf\xbd";
    }
  }
  return out;
}

std::string with_crlf(std::string_view text) {
  std::string out;
  out.reserve(text.size() + text.size() / 32);
  for (const char c : text) {
    if (c == '\r') continue;
    if (c == '\n') out += '\r';
    out += c;
  }
  return out;
}

}  // namespace essaim::mail
