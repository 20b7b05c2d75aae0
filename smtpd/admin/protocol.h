// The words on the admin socket. A client sends one request, a JSON object on one line; the server answers
// with one line:
//
//   {"command":"queue-hold","arguments":{"ids":"0a1b...","reason":"looked odd"}}
//   {"ok":true,"result":{...}}            {"ok":false,"code":"not-found","error":"no such ..."}
//
// After an answer to `trace`, lines {"line":"..."} follow until the client closes. Arguments are texts.
// Everything is checked before it is used: size, UTF-8, the shape, unknown members. Pure; JSON stays behind
// text.
#pragma once

#include <map>
#include <string>
#include <string_view>

#include "core/base/result.h"

namespace essaim::smtpd::admin {

inline constexpr std::size_t kMaxRequest = 256 * 1024;       // octets, with the line end
inline constexpr std::size_t kMaxAnswer = 64 * 1024 * 1024;  // what a client reads at most

struct Request {
  std::string command;
  std::map<std::string, std::string> arguments;
  // "" when it is not there.
  std::string argument(const std::string& name) const;
};

std::string encode_request(const Request& request);     // with the line end
Result<Request> decode_request(std::string_view line);  // without

// `result` is JSON text (an object); the answer has its line end.
std::string encode_answer(const Result<std::string>& result);
std::string encode_line(std::string_view text);  // for streams
// The result's JSON, or the error that the server gave.
Result<std::string> decode_answer(std::string_view line);
Result<std::string> decode_line(std::string_view line);  // the text

// Collects one line out of pieces.
class LineReader {
 public:
  explicit LineReader(std::size_t limit) : limit_(limit) {}
  enum class State { kMore, kLine, kTooLong };
  // Takes bytes up to and with a line end; *used tells how many. After kLine, line() holds it until next().
  State take(std::string_view bytes, std::size_t* used);
  const std::string& line() const { return line_; }
  void next() { line_.clear(); }

 private:
  const std::size_t limit_;
  std::string line_;
};

}  // namespace essaim::smtpd::admin
