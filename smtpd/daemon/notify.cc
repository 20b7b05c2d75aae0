#include "smtpd/daemon/notify.h"

#include <cstring>
#include <string>

#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "core/base/text.h"

namespace essaim::smtpd {

void notify_manager(std::string_view state) {
  const char* path = getenv("NOTIFY_SOCKET");
  if (path == nullptr || (path[0] != '/' && path[0] != '@')) return;
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  const std::size_t length = std::strlen(path);
  if (length >= sizeof address.sun_path) return;
  std::memcpy(address.sun_path, path, length);
  if (path[0] == '@') address.sun_path[0] = '\0';
  const int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return;
  static_cast<void>(sendto(fd, state.data(), state.size(), MSG_NOSIGNAL,
                           reinterpret_cast<const sockaddr*>(&address),
                           static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + length)));
  close(fd);
}

void notify_reloading() {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  notify_manager("RELOADING=1\nMONOTONIC_USEC=" +
                 std::to_string(static_cast<std::int64_t>(now.tv_sec) * 1'000'000 + now.tv_nsec / 1'000));
}

Duration watchdog_interval() {
  const char* text = getenv("WATCHDOG_USEC");
  const char* pid = getenv("WATCHDOG_PID");
  if (text == nullptr || (pid != nullptr && std::to_string(getpid()) != pid)) return {};
  const auto micros = parse_u64(text);
  return micros && *micros < 86'400'000'000ULL ? Duration(std::chrono::microseconds(*micros)) : Duration{};
}

}  // namespace essaim::smtpd
