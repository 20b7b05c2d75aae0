#include "tests/core/mailauth/naive_canonical.h"

#include "core/base/text.h"

namespace essaim::mailauth {

std::string naive_canonical_body(std::string_view body, Canonicalization canonicalization) {
  std::string text(body);
  if (!text.empty() && !text.ends_with("\r\n")) text += "\r\n";
  if (canonicalization == Canonicalization::kRelaxed) {
    std::string reduced;
    for (const char c : text) {
      if (c == ' ' || c == '\t') {
        if (!reduced.ends_with(' ')) reduced.push_back(' ');
        continue;
      }
      reduced.push_back(c);
    }
    for (std::size_t at; (at = reduced.find(" \r\n")) != std::string::npos;) reduced.erase(at, 1);
    text = reduced;
    while (text.ends_with("\r\n\r\n")) text.resize(text.size() - 2);
    return text == "\r\n" ? "" : text;
  }
  while (text.ends_with("\r\n\r\n")) text.resize(text.size() - 2);
  return text.empty() ? "\r\n" : text;
}

std::string naive_canonical_field(std::string_view field, Canonicalization canonicalization) {
  if (canonicalization == Canonicalization::kSimple) return std::string(field);
  const std::size_t colon = field.find(':');
  std::string value(field.substr(colon + 1));
  for (std::size_t at; (at = value.find("\r\n")) != std::string::npos;) value.erase(at, 2);
  for (char& c : value) {
    if (c == '\t') c = ' ';
  }
  for (std::size_t at; (at = value.find("  ")) != std::string::npos;) value.erase(at, 1);
  if (value.starts_with(' ')) value.erase(0, 1);
  if (value.ends_with(' ')) value.pop_back();
  std::string name = ascii_lowered(field.substr(0, colon));
  while (name.ends_with(' ') || name.ends_with('\t')) name.pop_back();
  return name + ":" + value + "\r\n";
}

}  // namespace essaim::mailauth
