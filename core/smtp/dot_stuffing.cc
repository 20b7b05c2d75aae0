#include "core/smtp/dot_stuffing.h"

namespace essaim::smtp {

std::string dot_stuffed_part(std::string_view part) {
  std::string out;
  out.reserve(part.size() + part.size() / 64 + 16);
  if (!part.empty() && part[0] == '.') out.push_back('.');
  std::size_t begin = 0;
  for (std::size_t at = part.find("\n."); at != std::string_view::npos; at = part.find("\n.", at + 1)) {
    out.append(part, begin, at + 1 - begin);
    out.push_back('.');
    begin = at + 1;
  }
  out.append(part, begin);
  return out;
}

std::string dot_stuffed_message(std::string_view message) {
  std::string out = dot_stuffed_part(message);
  if (!message.empty() && (message.size() < 2 || message.substr(message.size() - 2) != "\r\n")) out += "\r\n";
  out += kEndOfData;
  return out;
}

bool has_bare_line_ends(std::string_view bytes) {
  std::size_t pos = 0;
  while (pos < bytes.size()) {
    const std::size_t lf = bytes.find('\n', pos);
    const std::string_view line = bytes.substr(pos, lf == std::string_view::npos ? lf : lf - pos);
    const std::size_t cr = line.find('\r');
    if (lf == std::string_view::npos) return cr != std::string_view::npos;
    if (line.empty() || cr != line.size() - 1) return true;
    pos = lf + 1;
  }
  return false;
}

}  // namespace essaim::smtp
