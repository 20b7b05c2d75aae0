// The wire form of a message behind 354 (RFC 5321 §4.5.2). Pure functions, linear.
#pragma once

#include <string>
#include <string_view>

namespace essaim::smtp {

inline constexpr std::string_view kEndOfData = ".\r\n";

// A whole message made of parts as they come, so that a large one is in memory only once, with its dots doubled: also behind
// a bare LF, which some servers take for a line end. append() takes any parts;
// `expected` octets of message are made room for. finish() gives it with its end; CRLF is added when it does not end with it.
class DotStuffing {
 public:
  explicit DotStuffing(std::size_t expected);
  void append(std::string_view part);
  std::string finish() &&;

 private:
  std::string out_;
};

}  // namespace essaim::smtp
