#include "smtpd/operate/places_check.h"

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <system_error>

#include <fcntl.h>
#include <pwd.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "smtpd/operate/open_database.h"

namespace essaim::smtpd::operate {
namespace {

namespace fs = std::filesystem;

struct Place {
  const char* setting;
  std::string path;
  bool directory;
};

// What is there; what is not is made by the server.
std::vector<Place> places(const Settings& settings) {
  std::vector<Place> out;
  const auto add = [&out](const char* setting, const std::string& path, bool directory) {
    struct stat about {};
    if (::stat(path.c_str(), &about) == 0 && S_ISDIR(about.st_mode) == directory)
      out.push_back({setting, path, directory});
  };
  add("state", settings.state, true);
  add("state", settings.state + "/lock", false);
  for (const std::string& directory : {settings.journal_directory(), settings.spill_directory()}) {
    add("state", directory, true);
    std::error_code error;
    for (fs::directory_iterator one(directory, error), end; !error && one != end; one.increment(error))
      add("state", one->path().string(), false);
  }
  const std::string file = database_place(settings);
  if (file.empty()) return out;
  add("storage.url", file.substr(0, file.rfind('/')), true);
  for (const char* const end : {"", "-wal", "-shm", "-lock"}) add("storage.url", file + end, false);
  return out;
}

// 0, or why whoever asks cannot use it.
int use(const Place& place) {
  const int mode = R_OK | W_OK | (place.directory ? X_OK : 0);
  return ::faccessat(AT_FDCWD, place.path.c_str(), mode, AT_EACCESS) == 0 ? 0 : errno;
}

// As `use`, of each, for the user: in a process of its own, which does not come back from being that user. Nothing: that cannot
// be asked.
std::optional<std::vector<int>> use_as(const std::vector<Place>& all, const User& user) {
  std::vector<int> out(all.size(), 0);
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) return std::nullopt;
  const pid_t child = fork();
  if (child == 0) {
    if (!become(user).ok()) _exit(1);
    for (const Place& place : all) {
      const int why = use(place);
      if (::write(ends[1], &why, sizeof why) != static_cast<ssize_t>(sizeof why)) _exit(1);
    }
    _exit(0);
  }
  ::close(ends[1]);
  bool told = child > 0;
  for (int& why : out) told = told && ::read(ends[0], &why, sizeof why) == static_cast<ssize_t>(sizeof why);
  ::close(ends[0]);
  while (child > 0 && ::waitpid(child, nullptr, 0) < 0 && errno == EINTR) {
  }
  return told ? std::optional(out) : std::nullopt;
}

std::string complaint(const Place& place, const User& user, int why) {
  struct stat about {};
  const bool of_another = ::stat(place.path.c_str(), &about) == 0 && about.st_uid != user.uid;
  return std::string("\"") + place.setting + "\": " + place.path + ": user \"" + user.name +
         "\" cannot read and write it: " + std::strerror(why) +
         (of_another && why == EACCES ? ": chown " + user.name + ": " + place.path : "");
}

}  // namespace

std::optional<User> user_of_server(const Settings& settings) {
  if (!settings.user.empty()) {
    auto named = find_user(settings.user);
    return named.ok() ? std::optional(*named) : std::nullopt;
  }
  struct stat about {};
  if (::stat(settings.state.c_str(), &about) != 0 || about.st_uid == 0) return std::nullopt;
  std::vector<char> buffer(16'384);
  passwd entry{};
  passwd* found = nullptr;
  if (getpwuid_r(about.st_uid, &entry, buffer.data(), buffer.size(), &found) != 0 || found == nullptr)
    return std::nullopt;
  return User{entry.pw_name, entry.pw_uid, entry.pw_gid};
}

PlacesFound check_places(const Settings& settings) {
  PlacesFound out;
  const auto user = user_of_server(settings);
  if (!user) return out;
  const std::vector<Place> all = places(settings);
  std::optional<std::vector<int>> found;
  if (geteuid() == 0) {
    found = use_as(all, *user);
  } else if (geteuid() == user->uid) {
    found.emplace();
    for (const Place& place : all) found->push_back(use(place));
  }
  if (!found) {
    out.not_judged = "whether user \"" + user->name + "\" can read and write the state directory and the " +
                     "database, and read certificates and keys: run it as root";
    return out;
  }
  for (std::size_t i = 0; i < all.size(); ++i)
    if ((*found)[i] != 0) out.wrong.push_back(complaint(all[i], *user, (*found)[i]));
  return out;
}

}  // namespace essaim::smtpd::operate
