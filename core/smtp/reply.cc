#include "core/smtp/reply.h"

#include "core/base/check.h"
#include "core/smtp/enhanced_code.h"

namespace essaim::smtp {
namespace {

// RFC 5321 §4.5.3.1.5 allows 512 octets with code and CRLF; room is left for "250-2.999.999 ".
constexpr std::size_t kMaxTextOctets = 490;

void append_line(const Reply& reply, std::string_view text, bool last, std::string* out) {
  *out += std::to_string(reply.code);
  out->push_back(last ? ' ' : '-');
  if (reply.enhanced.klass != 0) {
    *out += to_string(reply.enhanced);
    out->push_back(' ');
  }
  // Texts quote what peers and files say: nothing in them may end the line or drive a terminal, and without
  // SMTPUTF8 replies are ASCII.
  for (const char c : text) out->push_back(c >= 32 && c <= 126 ? c : '?');
  *out += "\r\n";
}

// Cuts the next wire line off *rest: at '\n', or at the last space that fits.
std::string_view next_line(std::string_view* rest, bool* last) {
  std::size_t end = rest->find('\n');
  std::size_t skip = 1;
  if (end == std::string_view::npos) {
    end = rest->size();
    skip = 0;
  }
  if (end > kMaxTextOctets) {
    end = rest->rfind(' ', kMaxTextOctets);
    skip = 1;
    if (end == std::string_view::npos || end == 0) {
      end = kMaxTextOctets;
      skip = 0;
    }
  }
  const std::string_view line = rest->substr(0, end);
  *last = end + skip >= rest->size();
  rest->remove_prefix(end + skip);
  return line;
}

}  // namespace

std::string Reply::to_wire() const {
  ESSAIM_CHECK(code >= 200 && code <= 599);
  std::string out;
  std::string_view rest = text;
  bool last = false;
  while (!last) {
    const std::string_view line = next_line(&rest, &last);
    append_line(*this, line, last, &out);
  }
  return out;
}

std::string Reply::to_string() const {
  if (code == 0) return text;
  std::string out = std::to_string(code);
  if (enhanced.klass != 0) out += " " + smtp::to_string(enhanced);
  if (!text.empty()) {
    out.push_back(' ');
    for (const char c : text) out.push_back(c == '\n' ? ' ' : c);
  }
  return out;
}

Reply reply(int code, std::string_view enhanced, std::string text) {
  Reply out{code, {}, std::move(text)};
  if (!enhanced.empty()) {
    std::size_t used = 0;
    const auto parsed = parse_enhanced_code(enhanced, &used);
    ESSAIM_CHECK(parsed.has_value() && used == enhanced.size());
    out.enhanced = *parsed;
  }
  return out;
}

}  // namespace essaim::smtp
