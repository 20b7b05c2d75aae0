#include "core/mail/transfer_encoding.h"

#include "core/base/encoding.h"
#include "core/base/text.h"

namespace essaim::mail {
namespace {

int base64_digit(char c) {
  if (c >= 'A' && c <= 'Z') return c - 'A';
  if (c >= 'a' && c <= 'z') return c - 'a' + 26;
  if (c >= '0' && c <= '9') return c - '0' + 52;
  if (c == '+') return 62;
  if (c == '/') return 63;
  return -1;
}

void append_hex(unsigned char c, std::string* out) {
  constexpr char kDigits[] = "0123456789ABCDEF";
  out->push_back('=');
  out->push_back(kDigits[c >> 4]);
  out->push_back(kDigits[c & 15]);
}

}  // namespace

TransferEncoding transfer_encoding_of(std::string_view value) {
  value = trimmed(value.substr(0, value.find_first_of(";(")));
  if (value.empty() || equals_ignoring_case(value, "7bit")) return TransferEncoding::kSevenBit;
  if (equals_ignoring_case(value, "8bit")) return TransferEncoding::kEightBit;
  if (equals_ignoring_case(value, "binary")) return TransferEncoding::kBinary;
  if (equals_ignoring_case(value, "quoted-printable")) return TransferEncoding::kQuotedPrintable;
  if (equals_ignoring_case(value, "base64")) return TransferEncoding::kBase64;
  return TransferEncoding::kUnknown;
}

bool is_identity(TransferEncoding encoding) {
  return encoding == TransferEncoding::kSevenBit || encoding == TransferEncoding::kEightBit ||
         encoding == TransferEncoding::kBinary;
}

std::optional<std::string> decoded_quoted_printable(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  std::size_t at = 0;
  while (at < text.size()) {
    const std::size_t end = text.find("\r\n", at);
    std::string_view line = text.substr(at, end == std::string_view::npos ? end : end - at);
    at = end == std::string_view::npos ? text.size() : end + 2;
    // White space at the end of a line was put there on the way (RFC 2045 §6.7 (3)).
    while (!line.empty() && (line.back() == ' ' || line.back() == '\t')) line.remove_suffix(1);
    bool soft = false;
    for (std::size_t i = 0; i < line.size(); ++i) {
      if (line[i] != '=') {
        out.push_back(line[i]);
      } else if (i + 1 == line.size()) {
        soft = true;
      } else {
        const int high = hex_digit(line[i + 1]);
        const int low = i + 2 < line.size() ? hex_digit(line[i + 2]) : -1;
        if (high < 0 || low < 0) return std::nullopt;
        out.push_back(static_cast<char>(high * 16 + low));
        i += 2;
      }
    }
    if (!soft && end != std::string_view::npos) out += "\r\n";
  }
  return out;
}

std::optional<std::string> decoded_base64(std::string_view text) {
  std::string out;
  out.reserve(text.size() / 4 * 3);
  unsigned bits = 0;
  int digits = 0;
  int padding = 0;
  for (const char c : text) {
    if (c == ' ' || c == '\t' || c == '\r' || c == '\n') continue;
    if (c == '=') {
      if (++padding > 2) return std::nullopt;
      continue;
    }
    const int digit = base64_digit(c);
    if (digit < 0 || padding > 0) return std::nullopt;
    bits = (bits << 6) | static_cast<unsigned>(digit);
    if (++digits == 4) {
      out.push_back(static_cast<char>(bits >> 16 & 0xff));
      out.push_back(static_cast<char>(bits >> 8 & 0xff));
      out.push_back(static_cast<char>(bits & 0xff));
      digits = 0;
      bits = 0;
    }
  }
  if (digits == 1 || (padding > 0 && digits + padding != 4)) return std::nullopt;
  if (digits >= 2) out.push_back(static_cast<char>(bits >> (digits == 2 ? 4 : 10) & 0xff));
  if (digits == 3) out.push_back(static_cast<char>(bits >> 2 & 0xff));
  return out;
}

std::string quoted_printable(std::string_view text) {
  constexpr std::size_t kWidth = 76;
  std::string out;
  out.reserve(text.size() + text.size() / 8);
  std::size_t line = 0;
  bool broken = false;  // the line began by a soft break
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (c == '\r' && i + 1 < text.size() && text[i + 1] == '\n') {
      out += "\r\n";
      line = 0;
      broken = false;
      ++i;
      continue;
    }
    const auto u = static_cast<unsigned char>(c);
    const bool at_end =
        i + 1 == text.size() || (text[i + 1] == '\r' && i + 2 < text.size() && text[i + 2] == '\n');
    const bool blank = c == ' ' || c == '\t';
    const bool always = c == '=' || u > 0x7e || (u < 0x20 && c != '\t') || (blank && at_end);
    // The last place of a line is for the "=" of a soft break.
    if (line + (always ? 3 : 1) > (at_end ? kWidth : kWidth - 1)) {
      out += "=\r\n";
      line = 0;
      broken = true;
    }
    // A break must not make a delimiter, or the armour of PGP, of what stood within a line.
    const bool dash = broken && c == '-';
    if (always || (line == 0 && (c == '.' || dash || text.substr(i, 5) == "From "))) {
      append_hex(u, &out);
      line += 3;
    } else {
      out.push_back(c);
      ++line;
    }
  }
  return out;
}

std::string base64_lines(std::string_view bytes) {
  std::string out;
  for (std::size_t at = 0; at < bytes.size(); at += 57) {
    out += base64_encoded(bytes.substr(at, 57));
    out += "\r\n";
  }
  return out;
}

}  // namespace essaim::mail
