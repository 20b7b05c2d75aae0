#include "tests/core/mailauth/naive_canonical.h"

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

}  // namespace essaim::mailauth
