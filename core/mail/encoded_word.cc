#include "core/mail/encoded_word.h"

#include <algorithm>
#include <optional>
#include <vector>

#include "core/base/encoding.h"
#include "core/base/text.h"
#include "core/mail/charset.h"
#include "core/mail/transfer_encoding.h"

namespace essaim::mail {
namespace {

// Tolerated: longer than the 75 of RFC 2047 §2, which many writers exceed; the bound keeps hostile input
// linear.
constexpr std::size_t kMaxWord = 1000;

constexpr int kMostRuns = 100;  // in one value

// What we write. 64 rather than 75, so that "Subject: " and a word fit in the 76 of an encoded line.
constexpr std::size_t kWritten = 64;
constexpr std::string_view kOpenQ = "=?UTF-8?Q?";
constexpr std::string_view kOpenB = "=?UTF-8?B?";

bool is_blank(char c) {
  return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

// encoded-word = "=?" charset ["*" language] "?" encoding "?" text "?="
struct Word {
  std::string_view charset;
  char encoding;
  std::string_view text;
  std::size_t length;
};

std::optional<Word> word_at(std::string_view text, std::size_t at) {
  if (text.substr(at, 2) != "=?") return std::nullopt;
  const std::string_view rest = text.substr(at, kMaxWord);
  const std::size_t charset_end = rest.find('?', 2);
  if (charset_end == std::string_view::npos || charset_end == 2 || charset_end + 3 >= rest.size())
    return std::nullopt;
  std::string_view charset = rest.substr(2, charset_end - 2);
  if (std::any_of(charset.begin(), charset.end(), is_blank)) return std::nullopt;
  const char encoding = ascii_lower(rest[charset_end + 1]);
  if ((encoding != 'q' && encoding != 'b') || rest[charset_end + 2] != '?') return std::nullopt;
  const std::size_t begin = charset_end + 3;
  const std::size_t end = rest.find("?=", begin);
  if (end == std::string_view::npos) return std::nullopt;
  charset = charset.substr(0, charset.find('*'));  // RFC 2231 §5
  return Word{charset, encoding, rest.substr(begin, end - begin), end + 2};
}

std::optional<std::string> bytes_of(const Word& word) {
  if (word.encoding == 'b') return decoded_base64(word.text);
  std::string out;
  for (std::size_t i = 0; i < word.text.size(); ++i) {
    const char c = word.text[i];
    if (c == '_') {
      out.push_back(' ');
    } else if (c == '=' && i + 2 < word.text.size() && hex_digit(word.text[i + 1]) >= 0 &&
               hex_digit(word.text[i + 2]) >= 0) {
      out.push_back(static_cast<char>(hex_digit(word.text[i + 1]) * 16 + hex_digit(word.text[i + 2])));
      i += 2;
    } else {
      out.push_back(c);
    }
  }
  return out;
}

bool is_word_char(char c) {
  // What RFC 2047 §5 (3) allows in a phrase; it is right everywhere.
  const char l = ascii_lower(c);
  return (l >= 'a' && l <= 'z') || (c >= '0' && c <= '9') || c == '!' || c == '*' || c == '+' || c == '-' ||
         c == '/';
}

// The length of the UTF-8 character at text[at] of valid UTF-8.
std::size_t character(std::string_view text, std::size_t at) {
  std::size_t n = 1;
  while (at + n < text.size() && (static_cast<unsigned char>(text[at + n]) & 0xc0) == 0x80) ++n;
  return n;
}

// All of `text` (valid UTF-8) as encoded words with single spaces between.
std::string encoded_run(std::string_view text) {
  const auto plain = static_cast<std::size_t>(
      std::count_if(text.begin(), text.end(), [](char c) { return is_word_char(c) || c == ' '; }));
  const bool base64 = plain * 2 < text.size();  // mostly ASCII stays readable
  const std::size_t room = kWritten - kOpenQ.size() - 2;
  std::string out;
  for (std::size_t at = 0; at < text.size();) {
    std::string piece;     // Q
    std::size_t size = 0;  // bytes of text in it
    while (at + size < text.size()) {
      const std::size_t n = character(text, at + size);
      if (base64) {
        if ((size + n + 2) / 3 * 4 > room) break;
      } else {
        std::string one;
        for (const char c : text.substr(at + size, n)) {
          if (is_word_char(c)) {
            one.push_back(c);
          } else if (c == ' ') {
            one.push_back('_');
          } else {
            constexpr char kDigits[] = "0123456789ABCDEF";
            one.push_back('=');
            one.push_back(kDigits[static_cast<unsigned char>(c) >> 4]);
            one.push_back(kDigits[c & 15]);
          }
        }
        if (piece.size() + one.size() > room) break;
        piece += one;
      }
      size += n;
    }
    if (!out.empty()) out += ' ';
    out += base64 ? kOpenB : kOpenQ;
    out += base64 ? base64_encoded(text.substr(at, size)) : piece;
    out += "?=";
    at += size;
  }
  return out;
}

// An ASCII word so long that its line would break the limit of 998 must be encoded too.
bool must_encode(std::string_view word) {
  return !is_ascii(word) || word.find("=?") != std::string_view::npos || word.size() > 900;
}

}  // namespace

bool encoded_word_at(std::string_view text, std::size_t at, std::size_t* length) {
  const std::optional<Word> word = word_at(text, at);
  if (!word) return false;
  *length = word->length;
  return true;
}

std::string decode_encoded_words(std::string_view value) {
  std::string out;
  std::string plain;    // text since the last encoded word
  std::string pending;  // bytes of neighbouring words in one charset, not yet converted
  std::string charset;
  std::string source;  // those words as they stood
  const auto flush_words = [&] {
    if (source.empty()) return;
    const bool is_utf8 = equals_ignoring_case(charset, "utf-8") || equals_ignoring_case(charset, "us-ascii");
    const std::optional<std::string> text = is_utf8 ? as_utf8(pending) : converted(pending, charset, "UTF-8");
    out += text ? *text : as_utf8(source);
    pending.clear();
    source.clear();
  };
  const auto flush_plain = [&] {
    out += as_utf8(plain);
    plain.clear();
  };
  int runs = 0;
  for (std::size_t at = 0; at < value.size();) {
    const bool may_be = value[at] == '=' && runs <= kMostRuns;
    const std::optional<Word> word = may_be ? word_at(value, at) : std::nullopt;
    const std::optional<std::string> bytes = word ? bytes_of(*word) : std::nullopt;
    if (!bytes) {
      if (value[at] != '\r' && value[at] != '\n') plain.push_back(value[at]);
      ++at;
      continue;
    }
    const bool neighbours = !source.empty() && std::all_of(plain.begin(), plain.end(), is_blank);
    const bool same_run = neighbours && equals_ignoring_case(charset, word->charset);
    if (!same_run && ++runs > kMostRuns) continue;
    if (neighbours) {
      if (!same_run) {
        flush_words();
      } else {
        source += plain;
      }
      plain.clear();
    } else {
      flush_words();
      flush_plain();
    }
    charset = std::string(word->charset);
    pending += *bytes;
    source += value.substr(at, word->length);
    at += word->length;
  }
  flush_words();
  flush_plain();
  return out;
}

std::string spaces_for_controls(std::string_view text) {
  std::string out(text);
  for (char& c : out) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) c = ' ';
  }
  return out;
}

std::string encode_text(std::string_view utf8) {
  std::string text = spaces_for_controls(as_utf8(utf8));
  std::size_t first = std::string::npos;
  std::size_t last = 0;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = std::min(text.find(' ', at), text.size());
    if (must_encode(std::string_view(text).substr(at, end - at))) {
      first = std::min(first, at);
      last = end;
    }
    at = end + 1;
  }
  if (first == std::string::npos) return text;
  return text.substr(0, first) + encoded_run(std::string_view(text).substr(first, last - first)) +
         text.substr(last);
}

std::string encode_phrase(std::string_view utf8) {
  const std::string text = spaces_for_controls(as_utf8(utf8));
  return must_encode(text) ? encoded_run(text) : text;
}

}  // namespace essaim::mail
