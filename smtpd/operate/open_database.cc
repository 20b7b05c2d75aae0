#include "smtpd/operate/open_database.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "smtpd/operate/restore.h"
#include "smtpd/operate/user.h"

namespace essaim::smtpd::operate {
namespace {

constexpr int kMostLinks = 40;  // as the kernel follows

Error failed(const std::string& path) {
  const char* const advice = errno == EACCES ? " (run as root or as the server's user)" : "";
  return {ErrorCode::kIo, path + ": " + std::strerror(errno) + advice};
}

// SQLite gives its other files the owner of this one.
Result<void> make_file(const std::string& path, const Settings& settings) {
  if (access(path.c_str(), F_OK) == 0) return {};
  auto user = user_to_become(settings.user);
  if (!user.ok()) return user.error();
  const int fd = open(path.c_str(), O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0640);
  if (fd < 0) return errno == EEXIST ? Result<void>() : failed(path);
  const bool owned = !user->has_value() || fchown(fd, (*user)->uid, (*user)->gid) == 0;
  close(fd);
  return owned ? Result<void>() : failed(path);
}

// Step by step, because a link whose file is set aside leads to nothing, and weakly_canonical() ends at such a one.
std::filesystem::path without_links(std::filesystem::path file) {
  std::error_code error;
  for (int links = 0; links < kMostLinks && std::filesystem::is_symlink(file, error); ++links) {
    const std::filesystem::path target = std::filesystem::read_symlink(file, error);
    if (error) break;
    file = file.parent_path() / target;
  }
  const std::filesystem::path directory = std::filesystem::weakly_canonical(file.parent_path(), error);
  return error ? file : directory / file.filename();
}

}  // namespace

std::string database_place(const Settings& settings) {
  const std::string file = settings.database_file();
  return file.empty() ? file : without_links(file).string();
}

Result<void> make_directory(const std::string& path, const Settings& settings) {
  struct stat about {};
  if (stat(path.c_str(), &about) == 0) {
    if (S_ISDIR(about.st_mode)) return {};
    return Error{ErrorCode::kIo, path + ": not a directory"};
  }
  auto user = user_to_become(settings.user);
  if (!user.ok()) return user.error();
  if (mkdir(path.c_str(), 0750) != 0 && errno != EEXIST) return failed(path);
  if (user->has_value() && lchown(path.c_str(), (*user)->uid, (*user)->gid) != 0) return failed(path);
  return {};
}

namespace {
// Of "/x/state/" also "/x/state".
std::filesystem::path without_slash(const std::string& path) {
  const std::filesystem::path place = std::filesystem::path(path).lexically_normal();
  return place.has_filename() ? place : place.parent_path();
}

bool lies_in_state(const std::string& directory, const Settings& settings) {
  return without_slash(directory).parent_path() == without_slash(settings.state);
}

Result<void> require_place(const char* setting, const std::string& path) {
  const auto wrong = [&](const std::string& what) {
    return Error{ErrorCode::kIo, std::string("\"") + setting + "\": " + what};
  };
  struct stat about {};
  if (stat(path.c_str(), &about) == 0) {
    if (!S_ISDIR(about.st_mode)) return wrong(path + ": not a directory");
    // Whoever asks may not write there, and the server may; where nothing can be written neither does.
    if (access(path.c_str(), W_OK) != 0 && errno == EROFS)
      return wrong(path + ": its file system is mounted read-only");
    return {};
  }
  if (errno != ENOENT) return wrong(failed(path).message);
  const std::string parent = without_slash(path).parent_path().string();
  if (stat(parent.c_str(), &about) == 0 && S_ISDIR(about.st_mode)) return {};
  return wrong(path + ": there is no directory " + parent + " to make it in");
}
}  // namespace

Result<void> require_places(const Settings& settings) {
  ESSAIM_TRY(require_place("state", settings.state));
  const std::string file = settings.database_file();
  const std::string directory = file.substr(0, file.rfind('/'));
  struct stat about {};
  if (!file.empty() && stat(file.c_str(), &about) == 0 && !S_ISREG(about.st_mode))
    return Error{ErrorCode::kIo, "\"storage.url\": " + file + ": not a file"};
  if (directory.empty()) return {};
  // The state directory is made first.
  if (lies_in_state(directory, settings) && stat(settings.state.c_str(), &about) != 0) return {};
  return require_place("storage.url", directory);
}

namespace {
// The folder of the database's file, made as the server makes it.
Result<void> make_folder(const std::string& directory, const Settings& settings) {
  if (lies_in_state(directory, settings)) {
    ESSAIM_TRY(require_place("state", settings.state));
    ESSAIM_TRY(make_directory(settings.state, settings));
  }
  ESSAIM_TRY(require_place("storage.url", directory));
  return make_directory(directory, settings);
}
}  // namespace

storage::DatabaseOptions database_options(const Settings& settings, const std::string& password,
                                          int readers) {
  storage::DatabaseOptions options;
  options.url = settings.database_url;
  options.password = password;
  options.readers = readers;
  options.create = true;
  // The locks of a node that is frozen in the middle of a transaction must be gone when it is taken over.
  options.idle_limit =
      std::clamp<Duration>(settings.cluster_lease / 3, std::chrono::seconds(2), options.idle_limit);
  return options;
}

Result<std::unique_ptr<storage::Database>> open_database(const Settings& settings,
                                                         const std::string& password, int readers) {
  if (const std::string file = settings.database_file(); !file.empty()) {
    ESSAIM_TRY(require_no_restore(settings));
    const std::string directory = file.substr(0, file.rfind('/'));
    if (!directory.empty()) ESSAIM_TRY(make_folder(directory, settings));
    ESSAIM_TRY(make_file(file, settings));
  }
  auto database = storage::Database::open(database_options(settings, password, readers));
  // SQLite tells no reason.
  const std::string file = settings.database_file();
  struct stat about {};
  if (!database.ok() && !file.empty() && stat(file.c_str(), &about) == 0 && !S_ISREG(about.st_mode))
    return Error{ErrorCode::kIo, file + ": not a file"};
  if (!database.ok() && !file.empty() && faccessat(AT_FDCWD, file.c_str(), R_OK | W_OK, AT_EACCESS) != 0 &&
      errno == EACCES)
    return failed(file);
  return database;
}

Result<void> require_database_file(const Settings& settings) {
  const std::string file = settings.database_file();
  if (file.empty() || access(file.c_str(), F_OK) == 0 || (errno != ENOENT && errno != ENOTDIR)) return {};
  ESSAIM_TRY(require_no_restore(settings));
  return Error{ErrorCode::kNotFound, "there is no database " + file +
                                         "; `essaim serve` or `essaim storage init` makes it, if this is the "
                                         "file that is meant (storage.url)"};
}

}  // namespace essaim::smtpd::operate
