// The user that the server runs as.
#pragma once

#include <optional>
#include <string>

#include <sys/stat.h>
#include <sys/types.h>

#include "core/base/result.h"

namespace essaim::smtpd::operate {

struct User {
  std::string name;
  uid_t uid = 0;
  gid_t gid = 0;
};

// kNotFound names the user and what to do.
Result<User> find_user(const std::string& name);
// Nothing unless we are root and `name` is set: then it is to be used.
Result<std::optional<User>> user_to_become(const std::string& name);
// Of a file that we can read: whether `user` can, asked by a process of its own. kInvalid names the file, the user and why not.
Result<void> require_readable(const std::string& file, const User& user);
// Opens a file for reading and writing, with O_CLOEXEC; `flags` for more. With a user: as far as that user may, and what is made is
// that user's. Root would follow whatever link stands in a directory of theirs, and make or give away the file behind it.
Result<int> open_as(const std::optional<User>& user, const std::string& file, int flags, mode_t mode);
// What keeps a file with a secret from everybody, and leaves it to the server, in words of the shell. `user`: of the settings;
// "": the server is whoever we are, unless we are root.
std::string how_to_close(const std::string& file, const std::string& user = {});
// Whether everybody may read or change the file that is open as `fd` (O_PATH will do).
bool is_open_to_all(int fd);
// The one exception: what the engine of a container mounts for all who are in it, where there is nobody else. Docker and Podman
// put secrets below /run/secrets, root's and 0444, in memory. `path` without links.
bool is_secret_of_container(const std::string& path, const struct stat& status, bool in_memory);
// kInvalid, with that: everybody may read or change it. Nothing of what is not there.
Result<void> require_private(const std::string& file, const std::string& user);
// Groups, group, user; and that there is no way back. Before any thread is started.
Result<void> become(const User& user);

}  // namespace essaim::smtpd::operate
