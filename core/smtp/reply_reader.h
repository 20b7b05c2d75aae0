// Reads replies of a server from a stream of bytes (RFC 5321 §4.2). Sans-I/O; used by the client, one object
// for a connection. Bounded: a server that answers nonsense or without end makes an error, after which the
// connection is worth nothing and the reader stays in error.
//
//   Reply-line = *( Reply-code "-" [ textstring ] CRLF ) Reply-code [ SP textstring ] CRLF
#pragma once

#include <string>
#include <string_view>

#include "core/base/result.h"
#include "core/smtp/reply.h"

namespace essaim::smtp {

class ReplyReader {
 public:
  static constexpr std::size_t kMaxLine = 4'096;    // octets with CRLF; RFC 5321 §4.5.3.1.5 asks for 512
  static constexpr std::size_t kMaxReply = 65'536;  // octets
  static constexpr int kMaxLines = 128;

  enum class Status { kNeedMore, kReply, kError };

  // Takes from the front of *bytes what belongs to the current reply. After kReply, take() gives it and the
  // rest of *bytes belongs to the next one: call again.
  Status feed(std::string_view* bytes);
  Reply take();
  const Error& error() const { return error_; }
  // True when nothing of an unfinished reply is held: a server that spoke too early leaves something here.
  bool idle() const { return line_.empty() && lines_ == 0 && status_ == Status::kNeedMore; }

 private:
  Status take_line(std::string_view line);
  Status fail(std::string message);

  Status status_ = Status::kNeedMore;
  std::string line_;
  Reply reply_;
  std::size_t octets_ = 0;
  int lines_ = 0;
  Error error_;
};

}  // namespace essaim::smtp
