#include "core/smtp/xtext.h"

namespace essaim::smtp {
namespace {

bool is_xchar(char c) {
  return c >= 33 && c <= 126 && c != '+' && c != '=';
}

}  // namespace

int hex_value(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

std::optional<std::string> xtext_decoded(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (is_xchar(text[i])) {
      out.push_back(text[i]);
      continue;
    }
    if (text[i] != '+' || text.size() - i < 3) return std::nullopt;
    const int high = hex_value(text[i + 1]);
    const int low = hex_value(text[i + 2]);
    if (high < 0 || low < 0) return std::nullopt;
    const int octet = high * 16 + low;
    if (octet < 32 || octet == 127) return std::nullopt;
    out.push_back(static_cast<char>(octet));
    i += 2;
  }
  return out;
}

std::string xtext_encoded(std::string_view bytes) {
  static constexpr char kDigits[] = "0123456789ABCDEF";
  std::string out;
  for (const char c : bytes) {
    if (is_xchar(c)) {
      out.push_back(c);
    } else {
      const auto octet = static_cast<unsigned char>(c);
      out.push_back('+');
      out.push_back(kDigits[octet >> 4]);
      out.push_back(kDigits[octet & 15]);
    }
  }
  return out;
}

}  // namespace essaim::smtp
