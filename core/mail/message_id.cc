#include "core/mail/message_id.h"

#include <algorithm>

namespace essaim::mail {

std::optional<std::string> normalised_message_id(std::string_view value) {
  constexpr std::size_t kLongest = 998;  // a line, RFC 5322 §2.1.1
  std::string id;
  int depth = 0;        // of comments
  bool quoted = false;  // inside a quoted string
  bool open = false;    // behind "<"
  for (std::size_t i = 0; i < value.size(); ++i) {
    const char c = value[i];
    if (depth == 0 && (c == ' ' || c == '\t' || c == '\r' || c == '\n') && !quoted) {
      continue;
    }
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) {
      if (c == '\r' || c == '\n') continue;
      if (c != '\t') return std::nullopt;
    }
    // Comments only outside the brackets: "(" inside an id exists in the wild and means itself.
    if (!open && !quoted && c == '(') {
      ++depth;
    } else if (depth > 0) {
      if (c == '\\') ++i;
      if (c == ')') --depth;
    } else if (!quoted && !open && c == '<') {
      open = true;
      id.clear();
    } else if (!quoted && open && c == '>') {
      break;
    } else {
      if (c == '"') quoted = !quoted;
      id.push_back(c);
      if (quoted && c == '\\' && i + 1 < value.size() && value[i + 1] > ' ') id.push_back(value[++i]);
      if (id.size() > kLongest) return std::nullopt;
    }
  }
  // With a quotation mark alone, nobody knows where it ends.
  if (quoted || id.empty() || id.find_first_of("<>") != std::string::npos) return std::nullopt;
  return "<" + id + ">";
}

std::optional<std::string> message_id_of(const HeaderBlock& header) {
  const HeaderField* field = header.find("Message-ID");
  if (field == nullptr) return std::nullopt;
  return normalised_message_id(field->raw_value());
}

Result<void> insert_in_reply_to(HeaderBlock* header, std::string_view id) {
  constexpr std::size_t kLongest =
      900;  // an id may come folded in its middle; written it is one word of a line
  const bool printable = std::all_of(id.begin(), id.end(), [](char c) { return c >= 0x20 && c < 0x7f; });
  if (id.empty() || id.size() > kLongest || !printable) return {};
  ESSAIM_TRY(header->insert_bottom("In-Reply-To", id));
  return header->insert_bottom("References", id);
}

}  // namespace essaim::mail
