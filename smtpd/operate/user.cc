#include "smtpd/operate/user.h"

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <system_error>
#include <vector>

#include <fcntl.h>
#include <grp.h>
#include <linux/magic.h>
#include <pwd.h>
#include <sys/fsuid.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <sys/wait.h>
#include <unistd.h>

namespace essaim::smtpd::operate {
namespace {

// The groups of this thread alone; setgroups() changes those of all.
bool set_own_groups(const std::vector<gid_t>& groups) {
  return syscall(SYS_setgroups, groups.size(), groups.data()) == 0;
}

std::vector<gid_t> groups_of(const User& user) {
  std::vector<gid_t> out(64);
  for (;;) {
    int count = static_cast<int>(out.size());
    const bool all = getgrouplist(user.name.c_str(), user.gid, out.data(), &count) >= 0;
    out.resize(static_cast<std::size_t>(count));
    if (all) return out;
  }
}

// While it lives, this thread may do to files what the user may.
class FilesAs {
 public:
  explicit FilesAs(const User& user) {
    const int count = getgroups(0, nullptr);
    groups_.resize(count > 0 ? static_cast<std::size_t>(count) : 0);
    if (count < 0 || getgroups(count, groups_.data()) < 0 || !set_own_groups(groups_of(user))) return;
    changed_ = true;
    gid_ = static_cast<gid_t>(setfsgid(user.gid));
    uid_ = static_cast<uid_t>(setfsuid(user.uid));
    // They tell of no error; an impossible id changes nothing and gives the one that is.
    done_ = static_cast<gid_t>(setfsgid(static_cast<gid_t>(-1))) == user.gid &&
            static_cast<uid_t>(setfsuid(static_cast<uid_t>(-1))) == user.uid;
  }
  ~FilesAs() {
    if (!changed_) return;
    setfsuid(uid_);
    setfsgid(gid_);
    ESSAIM_CHECK(set_own_groups(groups_));
  }
  FilesAs(const FilesAs&) = delete;
  FilesAs& operator=(const FilesAs&) = delete;
  bool done() const { return done_; }

 private:
  std::vector<gid_t> groups_;
  gid_t gid_ = 0;
  uid_t uid_ = 0;
  bool changed_ = false, done_ = false;
};

}  // namespace

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

namespace {
std::string name_of_group(gid_t gid) {
  std::vector<char> buffer(16'384);
  group entry{};
  group* found = nullptr;
  if (getgrgid_r(gid, &entry, buffer.data(), buffer.size(), &found) == 0 && found != nullptr)
    return found->gr_name;
  return std::to_string(gid);
}
}  // namespace

std::string how_to_close(const std::string& file, const std::string& user) {
  const auto found = find_user(user);
  const bool known = found.ok() || geteuid() != 0;
  const std::string group = known ? name_of_group(found.ok() ? found->gid : getegid()) : "GROUP";
  return "chown root:" + group + " " + file + " && chmod 0640 " + file +
         (known ? "" : ", with the group of the server's user");
}

bool is_secret_of_container(const std::string& path, const struct stat& status, bool in_memory) {
  return in_memory && path.starts_with("/run/secrets/") && status.st_uid == 0 &&
         (status.st_mode & (S_IWGRP | S_IRWXO)) == S_IROTH;
}

bool is_open_to_all(int fd) {
  struct stat status {};
  if (::fstat(fd, &status) != 0) return true;
  if ((status.st_mode & S_IRWXO) == 0) return false;
  struct statfs files {};
  const bool in_memory =
      ::fstatfs(fd, &files) == 0 && (files.f_type == TMPFS_MAGIC || files.f_type == RAMFS_MAGIC);
  std::error_code unknown;
  const auto path = std::filesystem::read_symlink("/proc/self/fd/" + std::to_string(fd), unknown);
  return !is_secret_of_container(path.string(), status, in_memory);
}

Result<void> require_private(const std::string& file, const std::string& user) {
  const int fd = ::open(file.c_str(), O_PATH | O_CLOEXEC);
  if (fd < 0) return {};
  const bool open_to_all = is_open_to_all(fd);
  ::close(fd);
  if (!open_to_all) return {};
  return Error{ErrorCode::kInvalid, file + ": everybody may read or change it: " + how_to_close(file, user)};
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

Result<int> open_as(const std::optional<User>& user, const std::string& file, int flags, mode_t mode) {
  std::optional<FilesAs> as;
  if (user) as.emplace(*user);
  const std::string who = user ? "as user \"" + user->name + "\": " : "";
  if (as && !as->done()) return Error{ErrorCode::kIo, file + ": " + who + "cannot open files so"};
  const int fd = open(file.c_str(), O_RDWR | O_CLOEXEC | flags, mode);
  if (fd >= 0) return fd;
  return Error{ErrorCode::kIo, file + ": " + who + std::strerror(errno)};
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
