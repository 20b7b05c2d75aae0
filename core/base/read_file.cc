#include "core/base/read_file.h"

#include <array>
#include <cerrno>

#include <fcntl.h>
#include <unistd.h>

namespace essaim {
namespace {

Result<std::string> read_to_the_end(int fd, const std::string& name) {
  std::string out;
  std::array<char, 65536> buffer;
  for (;;) {
    const ssize_t got = ::read(fd, buffer.data(), buffer.size());
    if (got == 0) return out;
    if (got > 0) {
      out.append(buffer.data(), static_cast<std::size_t>(got));
    } else if (errno != EINTR) {
      return io_error(name);
    }
  }
}

}  // namespace

Result<std::string> read_file(const std::string& path) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return io_error(path);
  auto text = read_to_the_end(fd, path);
  ::close(fd);
  return text;
}

Result<std::string> read_standard_input() {
  return read_to_the_end(STDIN_FILENO, "standard input");
}

}  // namespace essaim
