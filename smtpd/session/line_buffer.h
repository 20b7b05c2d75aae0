// What the client has sent and the session has not yet looked at: command lines, and data behind a pipelined
// DATA. Holds no more than one command line of what is too long. Views are valid until the next append() or
// compact().
#pragma once

#include <string>
#include <string_view>

namespace essaim::smtpd {

class LineBuffer {
 public:
  enum class Next {
    kNone,
    kLine,     // *line is without CRLF
    kBareLf,   // *line ended by LF alone
    kTooLong,  // a line of over max_line octets has ended; *line is how it began, enough for the verb
  };

  explicit LineBuffer(std::size_t max_line) : max_line_(max_line) {}

  void append(std::string_view bytes) { bytes_.append(bytes); }
  Next next(std::string_view* line);
  std::string_view pending() const { return std::string_view(bytes_).substr(pos_); }
  void consume(std::size_t octets) { pos_ += octets; }
  std::size_t size() const { return bytes_.size() - pos_; }
  std::size_t skipped() const { return skipped_; }  // octets dropped of the present line
  void compact();
  void clear();

 private:
  static constexpr std::size_t kHead = 10;

  const std::size_t max_line_;  // octets with CRLF
  std::string bytes_;
  std::size_t pos_ = 0;
  std::size_t skipped_ = 0;
  std::string head_;  // of the line that is skipped
};

}  // namespace essaim::smtpd
