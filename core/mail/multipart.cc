#include "core/mail/multipart.h"

namespace essaim::mail {

std::optional<Multipart> split_multipart(std::string_view body, std::string_view boundary,
                                         std::size_t max_parts) {
  if (boundary.empty() || boundary.size() > 100) return std::nullopt;
  Multipart out{};
  bool open = false;
  std::size_t begin = 0;
  for (std::size_t at = 0; at < body.size();) {
    const std::size_t crlf = body.find("\r\n", at);
    const std::size_t text_end = crlf == std::string_view::npos ? body.size() : crlf;
    const std::size_t next = crlf == std::string_view::npos ? body.size() : crlf + 2;
    std::string_view line = body.substr(at, text_end - at);
    if (line.starts_with("--") && line.substr(2).starts_with(boundary)) {
      line.remove_prefix(2 + boundary.size());
      const bool closes = line.starts_with("--");
      if (closes) line.remove_prefix(2);
      // Only padding may follow (RFC 2046 §5.1.1); else it is a longer boundary of something within.
      if (line.find_first_not_of(" \t") == std::string_view::npos) {
        if (open) {
          // The CRLF before a delimiter belongs to the delimiter; an empty part has none of its own.
          out.parts.push_back({begin, at >= begin + 2 ? at - 2 : begin});
          if (out.parts.size() > max_parts) return std::nullopt;
        }
        if (closes) {
          if (!open) return std::nullopt;
          out.closing = at;
          return out;
        }
        open = true;
        begin = next;
      }
    }
    at = next;
  }
  return std::nullopt;
}

}  // namespace essaim::mail
