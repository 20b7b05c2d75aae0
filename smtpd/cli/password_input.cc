#include "smtpd/cli/password_input.h"

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdio>

#include <openssl/crypto.h>
#include <termios.h>
#include <unistd.h>

namespace essaim::smtpd::cli {
namespace {

constexpr std::size_t kMost = 4'096;

// What a signal handler can reach.
termios as_before{}, quiet{};

constexpr std::array kSignals = {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGTSTP};

// Does what the signal does, with a terminal that echoes: the shell behind it may leave that as it finds it. Goes on
// only behind a stop.
void on_signal(int number) {
  const int saved = errno;
  tcsetattr(STDIN_FILENO, TCSANOW, &as_before);
  static_cast<void>(!write(STDERR_FILENO, "\n", 1));
  struct sigaction plain {
  }, ours{};
  plain.sa_handler = SIG_DFL;
  sigaction(number, &plain, &ours);
  raise(number);
  sigaction(number, &ours, nullptr);
  tcsetattr(STDIN_FILENO, TCSANOW, &quiet);
  errno = saved;
}

class EchoOff {
 public:
  EchoOff() {
    if (tcgetattr(STDIN_FILENO, &as_before) != 0) return;
    quiet = as_before;
    quiet.c_lflag &= ~static_cast<tcflag_t>(ECHO);
    struct sigaction action {};
    action.sa_handler = on_signal;
    action.sa_flags = SA_RESTART | SA_NODEFER;  // so that it takes effect within the handler
    for (std::size_t i = 0; i < kSignals.size(); ++i) {
      sigaction(kSignals[i], nullptr, &before_[i]);
      if (before_[i].sa_handler != SIG_IGN) sigaction(kSignals[i], &action, nullptr);
    }
    on_ = true;
    tcsetattr(STDIN_FILENO, TCSAFLUSH, &quiet);
  }
  ~EchoOff() {
    if (!on_) return;
    tcsetattr(STDIN_FILENO, TCSAFLUSH, &as_before);
    for (std::size_t i = 0; i < kSignals.size(); ++i) sigaction(kSignals[i], &before_[i], nullptr);
  }
  EchoOff(const EchoOff&) = delete;
  EchoOff& operator=(const EchoOff&) = delete;

 private:
  std::array<struct sigaction, kSignals.size()> before_{};
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
  const EchoOff off;
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
