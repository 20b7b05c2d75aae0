// Messages as they go over the wire. For tests.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <utility>

#include "core/smtp/dot_stuffing.h"

namespace essaim::test {

// The whole message with its end.
inline std::string dot_stuffed_message(std::string_view message) {
  smtp::DotStuffing stuffing(message.size());
  stuffing.append(message);
  return std::move(stuffing).finish();
}

// A CR or LF that is not part of CRLF: such a message must not be sent as it is (RFC 5321 §2.3.8).
inline bool has_bare_line_ends(std::string_view bytes) {
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

}  // namespace essaim::test
