// What we answer, and how it looks on the wire. A value; pure.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/base/clock.h"

namespace essaim::http {

struct ServerResponse {
  int status = 200;
  std::string content_type = "text/plain; charset=utf-8";
  std::string body;
  std::vector<std::pair<std::string, std::string>> fields{};  // "Allow", "Location"; none of those below
  bool cacheable = false;  // else Cache-Control: no-store; then `fields` say how long
  // Content-Security-Policy; without one of its own a response may load and be framed by nothing.
  std::string content_policy = "default-src 'none'; frame-ancestors 'none'";
};

// A short text for people: "404 Not Found\n", with more behind it where there is more to say.
ServerResponse error_response(int status, std::string_view more = "");

struct Framing {
  bool head = false;  // the request was HEAD: no body follows
  bool keep_alive = true;
  WallTime now{};
};
// Values are checked: what could end a line breaks an invariant, as they are ours and not the peer's.
std::string to_wire(const ServerResponse& response, const Framing& framing);

}  // namespace essaim::http
