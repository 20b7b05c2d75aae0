// The wire form of a message behind 354 (RFC 5321 §4.5.2). Pure functions, linear.
#pragma once

#include <string>
#include <string_view>

namespace essaim::smtp {

inline constexpr std::string_view kEndOfData = ".\r\n";

// A part of a message that begins at the start of a line (a header block, or a body behind one) with its dots
// doubled. Also behind a bare LF, which some servers take for a line end.
std::string dot_stuffed_part(std::string_view part);

// A whole message made of parts as they come, so that a large one is in memory only once. append() takes any parts;
// `expected` octets of message are made room for.
class DotStuffing {
 public:
  explicit DotStuffing(std::size_t expected);
  void append(std::string_view part);
  std::string finish() &&;

 private:
  std::string out_;
};

// The whole message with its end. CRLF is added when the message does not end with it.
std::string dot_stuffed_message(std::string_view message);

// A CR or LF that is not part of CRLF: such a message must not be sent as it is (RFC 5321 §2.3.8).
bool has_bare_line_ends(std::string_view bytes);

}  // namespace essaim::smtp
