#include "smtpd/operate/user.h"

#include <cerrno>
#include <cstring>
#include <vector>

#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <sys/wait.h>
#include <unistd.h>

namespace essaim::smtpd::operate {

Result<User> find_user(const std::string& name) {
  std::vector<char> buffer(16'384);
  passwd entry{};
  passwd* found = nullptr;
  const int error = getpwnam_r(name.c_str(), &entry, buffer.data(), buffer.size(), &found);
  if (found == nullptr) {
    return Error{error == 0 ? ErrorCode::kNotFound : ErrorCode::kIo,
                 "\"user\": there is no user \"" + name + "\"" +
                     (error == 0 ? "" : ": " + std::string(std::strerror(error))) +
                     "; make it with: useradd --system " + name};
  }
  return User{name, entry.pw_uid, entry.pw_gid};
}

Result<std::optional<User>> user_to_become(const std::string& name) {
  if (name.empty() || geteuid() != 0) return std::optional<User>();
  auto user = find_user(name);
  if (!user.ok()) return user.error();
  return std::optional<User>(*user);
}

Result<void> become(const User& user) {
  const auto failed = [&user](const char* what) {
    return Error{ErrorCode::kIo,
                 "cannot become user \"" + user.name + "\": " + what + ": " + std::strerror(errno)};
  };
  if (initgroups(user.name.c_str(), user.gid) != 0) return failed("initgroups");
  if (setresgid(user.gid, user.gid, user.gid) != 0) return failed("setresgid");
  if (setresuid(user.uid, user.uid, user.uid) != 0) return failed("setresuid");
  if (user.uid != 0 && setresuid(0, 0, 0) == 0)
    return Error{ErrorCode::kInternal, "user \"" + user.name + "\" can become root again"};
  return {};
}

Result<void> require_readable(const std::string& file, const User& user) {
  constexpr int kNotBecome = 255;  // no errno
  const pid_t child = fork();
  if (child == 0) {
    if (!become(user).ok()) _exit(kNotBecome);
    _exit(open(file.c_str(), O_RDONLY | O_CLOEXEC) >= 0 ? 0 : errno);
  }
  int status = 0;
  while (child > 0 && waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  if (child > 0 && WIFEXITED(status) && WEXITSTATUS(status) == 0) return {};
  const int why = child > 0 && WIFEXITED(status) ? WEXITSTATUS(status) : kNotBecome;
  return Error{ErrorCode::kInvalid, file + ": user \"" + user.name + "\" cannot read it: " +
                                        (why == kNotBecome ? "cannot become this user" : std::strerror(why))};
}

}  // namespace essaim::smtpd::operate
