#include "core/smtp/enhanced_code.h"

namespace essaim::smtp {
namespace {

// ".5" or ".123": false when it is not there or too long.
bool take_part(std::string_view text, std::size_t* pos, int* value) {
  if (*pos >= text.size() || text[*pos] != '.') return false;
  const std::size_t begin = ++*pos;
  *value = 0;
  while (*pos < text.size() && *pos - begin < 4 && text[*pos] >= '0' && text[*pos] <= '9') {
    *value = *value * 10 + (text[(*pos)++] - '0');
  }
  return *pos > begin && *pos - begin <= 3;
}

}  // namespace

std::optional<EnhancedCode> parse_enhanced_code(std::string_view text, std::size_t* used) {
  if (text.empty() || (text[0] != '2' && text[0] != '4' && text[0] != '5')) return std::nullopt;
  EnhancedCode code;
  code.klass = text[0] - '0';
  std::size_t pos = 1;
  if (!take_part(text, &pos, &code.subject) || !take_part(text, &pos, &code.detail)) return std::nullopt;
  if (pos < text.size() && text[pos] != ' ') return std::nullopt;
  *used = pos;
  return code;
}

std::string to_string(const EnhancedCode& code) {
  return std::to_string(code.klass) + "." + std::to_string(code.subject) + "." + std::to_string(code.detail);
}

}  // namespace essaim::smtp
