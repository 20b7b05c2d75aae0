#include "smtpd/cli/top_terminal.h"

#include <algorithm>
#include <cerrno>
#include <csignal>

#include <poll.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

namespace essaim::smtpd::cli {
namespace {

// What a signal handler can reach.
volatile std::sig_atomic_t ending = 0, resized = 0, continued = 0;
int wake_pipe[2] = {-1, -1};
termios before{};
bool have_before = false;

void on_signal(int number) {
  const int saved = errno;
  if (number == SIGWINCH) {
    resized = 1;
  } else if (number == SIGCONT) {
    continued = 1;
  } else {
    ending = 1;
  }
  const char byte = 0;
  static_cast<void>(!write(wake_pipe[1], &byte, 1));
  errno = saved;
}

bool write_all(const std::string& text) {
  std::size_t done = 0;
  while (done < text.size()) {
    const ssize_t n = write(STDOUT_FILENO, text.data() + done, text.size() - done);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0 && errno == EAGAIN) {
      pollfd ready{STDOUT_FILENO, POLLOUT, 0};
      static_cast<void>(poll(&ready, 1, 1000));
      if (ending != 0) return false;
      continue;
    }
    if (n <= 0) return false;
    done += static_cast<std::size_t>(n);
  }
  return true;
}

}  // namespace

bool TopTerminal::usable() {
  return isatty(STDOUT_FILENO) == 1 && isatty(STDIN_FILENO) == 1;
}

TopTerminal::TopTerminal() {
  if (pipe(wake_pipe) != 0) wake_pipe[0] = wake_pipe[1] = -1;
  struct sigaction action {};
  action.sa_handler = on_signal;
  for (const int number : {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGWINCH, SIGCONT})
    sigaction(number, &action, nullptr);
  have_before = tcgetattr(STDIN_FILENO, &before) == 0;
  take();
  measure();
}

TopTerminal::~TopTerminal() {
  give_back();
  struct sigaction action {};
  action.sa_handler = SIG_DFL;
  for (const int number : {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGWINCH, SIGCONT})
    sigaction(number, &action, nullptr);
  close(wake_pipe[0]);
  close(wake_pipe[1]);
}

void TopTerminal::take() {
  if (have_before) {
    termios raw = before;
    raw.c_lflag &= ~static_cast<tcflag_t>(ICANON | ECHO);
    raw.c_cc[VMIN] = 1;
    raw.c_cc[VTIME] = 0;
    tcsetattr(STDIN_FILENO, TCSANOW, &raw);
  }
  write_all("\x1b[?1049h\x1b[?25l");
}

void TopTerminal::give_back() {
  write_all("\x1b[?25h\x1b[?1049l");
  if (have_before) tcsetattr(STDIN_FILENO, TCSANOW, &before);
}

void TopTerminal::measure() {
  winsize size{};
  if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col == 0 || size.ws_row == 0) return;
  columns_ = size.ws_col;
  rows_ = size.ws_row;
}

TopTerminal::Event TopTerminal::wait(Duration patience, char* key) {
  const MonoTime until = system_clock().mono_now() + patience;
  for (;;) {
    if (ending != 0) return Event::kEnd;
    if (continued != 0) {
      // The shell had the terminal meanwhile.
      continued = 0;
      take();
      resized = 1;
    }
    if (resized != 0) {
      resized = 0;
      measure();
      return Event::kResized;
    }
    const Duration left = until - system_clock().mono_now();
    if (left <= Duration::zero()) return Event::kTime;
    pollfd ready[2] = {{STDIN_FILENO, POLLIN, 0}, {wake_pipe[0], POLLIN, 0}};
    const auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(left).count() + 1;
    if (poll(ready, 2, static_cast<int>(std::min<std::int64_t>(ms, 60'000))) <= 0) continue;
    char bytes[64];
    if (ready[1].revents != 0) static_cast<void>(!read(wake_pipe[0], bytes, sizeof bytes));
    if (ready[0].revents == 0) continue;
    const ssize_t n = read(STDIN_FILENO, bytes, 1);
    if (n == 1) {
      *key = bytes[0];
      return Event::kKey;
    }
    if (n == 0 || errno != EINTR) return Event::kEnd;
  }
}

bool TopTerminal::draw(const std::vector<std::string>& lines) {
  // From the top, each line cleared before it is written (behind a full one that would take its last character),
  // and the rest empty: no flicker.
  std::string out = "\x1b[H";
  for (std::size_t i = 0; i < lines.size(); ++i) {
    out += (i > 0 ? "\r\n\x1b[2K" : "\x1b[2K") + lines[i];
  }
  return write_all(out);
}

}  // namespace essaim::smtpd::cli
