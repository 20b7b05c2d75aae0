#include "smtpd/daemon/state_directory.h"

#include <cerrno>
#include <cstring>

#include <fcntl.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <unistd.h>

#include "core/base/log.h"
#include "smtpd/operate/open_database.h"
#include "smtpd/operate/user.h"

namespace essaim::smtpd {

Result<std::unique_ptr<StateDirectory>> StateDirectory::open(const Settings& settings) {
  for (const std::string& directory :
       {settings.state, settings.journal_directory(), settings.spill_directory()})
    ESSAIM_TRY(operate::make_directory(directory, settings));
  const std::string path = settings.state + "/lock";
  const int fd = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0640);
  if (fd < 0) return Error{ErrorCode::kIo, path + ": " + std::strerror(errno)};
  std::unique_ptr<StateDirectory> out(new StateDirectory(fd));
  if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK) return Error{ErrorCode::kIo, path + ": " + std::strerror(errno)};
    char pid[16] = {};
    const ssize_t n = pread(fd, pid, sizeof pid - 1, 0);
    return Error{ErrorCode::kExists,
                 settings.state + ": another server uses this state directory" +
                     (n > 0 ? " (process " + std::string(pid, static_cast<std::size_t>(n)) + ")" : "")};
  }
  auto user = operate::user_to_become(settings.user);
  if (!user.ok()) return user.error();
  if (user->has_value() && fchown(fd, (*user)->uid, (*user)->gid) != 0)
    return Error{ErrorCode::kIo, path + ": " + std::strerror(errno)};
  const std::string pid = std::to_string(getpid());
  if (ftruncate(fd, 0) != 0 || pwrite(fd, pid.data(), pid.size(), 0) < 0)
    return Error{ErrorCode::kIo, path + ": " + std::strerror(errno)};
  return out;
}

StateDirectory::~StateDirectory() {
  close(fd_);
}

void raise_descriptor_limit(int connections) {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  static_cast<void>(setrlimit(RLIMIT_NOFILE, &limit));
  if (limit.rlim_cur != RLIM_INFINITY && limit.rlim_cur < static_cast<rlim_t>(connections) + 100) {
    log::warning("few-descriptors", {{"limit", static_cast<std::int64_t>(limit.rlim_cur)},
                                     {"connections", connections},
                                     {"advice", "raise LimitNOFILE, or lower the limits on connections"}});
  }
}

}  // namespace essaim::smtpd
