#include "smtpd/daemon/state_directory.h"

#include <cerrno>
#include <cstring>

#include <fcntl.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <unistd.h>

#include "core/base/log.h"
#include "core/base/read_file.h"
#include "core/base/text.h"
#include "smtpd/operate/open_database.h"
#include "smtpd/operate/user.h"

namespace essaim::smtpd {
namespace {

// A descriptor of the file, which is made, holds our pid and is locked as long as the descriptor is open. kExists: another
// server has it; `what` says what that uses.
Result<int> lock(const std::string& path, const std::string& what, const Settings& settings) {
  auto user = operate::user_to_become(settings.user);
  if (!user.ok()) return user.error();
  auto opened = operate::open_as(*user, path, O_CREAT, 0640);
  if (!opened.ok()) return opened.error();
  const int fd = *opened;
  const auto failed = [fd, &path] {
    Error error{ErrorCode::kIo, path + ": " + std::strerror(errno)};
    close(fd);
    return error;
  };
  if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK) return failed();
    char pid[16] = {};
    const ssize_t n = pread(fd, pid, sizeof pid - 1, 0);
    close(fd);
    return Error{ErrorCode::kExists,
                 what + (n > 0 ? " (process " + std::string(pid, static_cast<std::size_t>(n)) + ")" : "")};
  }
  const std::string pid = std::to_string(getpid());
  if (ftruncate(fd, 0) != 0 || pwrite(fd, pid.data(), pid.size(), 0) < 0) return failed();
  return fd;
}

}  // namespace

Result<std::unique_ptr<StateDirectory>> StateDirectory::open(const Settings& settings) {
  ESSAIM_TRY(operate::require_places(settings));
  const std::string file = settings.database_file();
  for (const std::string& directory : {settings.state, settings.journal_directory(),
                                       settings.spill_directory(), file.substr(0, file.rfind('/'))}) {
    if (!directory.empty()) ESSAIM_TRY(operate::make_directory(directory, settings));
  }
  std::unique_ptr<StateDirectory> out(new StateDirectory(settings.state));
  auto state =
      lock(settings.state + "/lock", settings.state + ": another server uses this state directory", settings);
  if (!state.ok()) return state.error();
  out->state_ = *state;
  if (file.empty()) return out;
  auto database = lock(operate::database_place(settings) + "-lock",
                       file + ": another server, with another state directory, uses this database", settings);
  if (!database.ok()) return database.error();
  out->database_ = *database;
  return out;
}

StateDirectory::~StateDirectory() {
  if (database_ >= 0) close(database_);
  if (state_ >= 0) close(state_);
}

WallTime StateDirectory::last_start() const {
  const auto text = read_file(last_start_);
  const auto number = text.ok() ? parse_u64(trimmed(*text)) : std::nullopt;
  return from_millis(static_cast<std::int64_t>(number.value_or(0)));
}

// Not synced: without it the next start takes some seconds longer.
void StateDirectory::note_start(WallTime now) const {
  unlink(last_start_.c_str());  // whosever it was
  const int fd = ::open(last_start_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0640);
  const std::string text = std::to_string(to_millis(now)) + "\n";
  const bool noted = fd >= 0 && write(fd, text.data(), text.size()) == static_cast<ssize_t>(text.size());
  if (!noted) log::warning("start-not-noted", {{"error", last_start_ + ": " + std::strerror(errno)}});
  if (fd >= 0) close(fd);
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
