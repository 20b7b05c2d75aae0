#include "smtpd/cli/password_input.h"

#include <cstdio>

#include <openssl/crypto.h>
#include <termios.h>
#include <unistd.h>

namespace essaim::smtpd::cli {
namespace {

constexpr std::size_t kMost = 4'096;

class EchoOff {
 public:
  EchoOff() {
    on_ = tcgetattr(STDIN_FILENO, &before_) == 0;
    termios quiet = before_;
    quiet.c_lflag &= ~static_cast<tcflag_t>(ECHO);
    on_ = on_ && tcsetattr(STDIN_FILENO, TCSAFLUSH, &quiet) == 0;
  }
  ~EchoOff() {
    if (on_) tcsetattr(STDIN_FILENO, TCSAFLUSH, &before_);
  }
  EchoOff(const EchoOff&) = delete;
  EchoOff& operator=(const EchoOff&) = delete;

 private:
  termios before_{};
  bool on_ = false;
};

Result<std::string> read_line() {
  std::string line;
  for (;;) {
    char c = 0;
    const ssize_t got = ::read(STDIN_FILENO, &c, 1);
    if (got < 0) return Error{ErrorCode::kIo, "cannot read the password from standard input"};
    if (got == 0 || c == '\n') break;
    line += c;
    if (line.size() > kMost) return Error{ErrorCode::kInvalid, "the password is too long"};
  }
  if (line.ends_with('\r')) line.pop_back();
  return line;
}

Result<std::string> asked(const std::string& prompt) {
  std::fprintf(stderr, "%s: ", prompt.c_str());
  std::fflush(stderr);
  const EchoOff quiet;
  auto line = read_line();
  std::fputc('\n', stderr);
  return line;
}

}  // namespace

Result<std::string> read_password(const std::string& prompt) {
  if (isatty(STDIN_FILENO) == 0) {
    auto line = read_line();
    if (line.ok() && line->empty())
      return Error{ErrorCode::kInvalid, "no password: it is the first line of standard input"};
    return line;
  }
  auto first = asked(prompt);
  if (!first.ok()) return first;
  auto second = asked("Once more");
  if (!second.ok()) return second;
  const bool same = *first == *second;
  OPENSSL_cleanse(second->data(), second->size());
  if (!same) return Error{ErrorCode::kInvalid, "the two passwords are not the same"};
  if (first->empty()) return Error{ErrorCode::kInvalid, "no password was given"};
  return first;
}

}  // namespace essaim::smtpd::cli
