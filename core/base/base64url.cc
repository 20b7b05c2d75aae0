#include "core/base/base64url.h"

#include <algorithm>

#include "core/base/encoding.h"

namespace essaim {

std::string base64url_encoded(std::string_view bytes) {
  std::string text = base64_encoded(bytes);
  while (text.ends_with('=')) text.pop_back();
  std::replace(text.begin(), text.end(), '+', '-');
  std::replace(text.begin(), text.end(), '/', '_');
  return text;
}

std::optional<std::string> base64url_decoded(std::string_view text) {
  if (text.find_first_of("+/=") != std::string_view::npos) return std::nullopt;
  std::string standard(text);
  std::replace(standard.begin(), standard.end(), '-', '+');
  std::replace(standard.begin(), standard.end(), '_', '/');
  standard.append((4 - standard.size() % 4) % 4, '=');
  auto bytes = base64_decoded(standard);
  // Bits behind the last octet could differ.
  if (bytes && base64url_encoded(*bytes) != text) return std::nullopt;
  return bytes;
}

}  // namespace essaim
