// essaim: the server and its command line.
#include <cerrno>

#include <fcntl.h>

#include "smtpd/cli/commands.h"

namespace {
// Else a lock or a socket would be descriptor 2, and the log would be written into it.
void open_what_is_closed() {
  for (int fd = 0; fd <= 2; ++fd) {
    if (fcntl(fd, F_GETFD) < 0 && errno == EBADF && open("/dev/null", O_RDWR) < 0) return;
  }
}
}  // namespace

int main(int argc, char** argv) {
  open_what_is_closed();
  return essaim::smtpd::cli::run_command_line(argc, argv);
}
