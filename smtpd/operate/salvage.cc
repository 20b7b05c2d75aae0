#include "smtpd/operate/salvage.h"

#include <cstdint>
#include <filesystem>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "smtpd/operate/open_database.h"
#include "smtpd/operate/restore.h"
#include "smtpd/operate/user.h"

namespace essaim::smtpd::operate {
namespace {

constexpr mode_t kMode = 0640;

std::uintmax_t octets_of(const std::string& file) {
  std::error_code ignored;
  const std::uintmax_t size = std::filesystem::file_size(file, ignored);
  return ignored ? 0 : size;
}

// No more than the old one and its log have can come into it.
Result<void> require_room(const std::string& file, const std::string& to) {
  const std::string directory = std::filesystem::absolute(to).parent_path().string();
  std::error_code error;
  const auto space = std::filesystem::space(directory, error);
  if (error) return Error{ErrorCode::kIo, directory + ": " + error.message()};
  const std::uintmax_t wanted = octets_of(file) + octets_of(file + "-wal");
  if (space.available >= wanted) return {};
  return Error{ErrorCode::kExhausted, directory + ": " + std::to_string(space.available / 1'000'000) +
                                          " MB are left there, and the new file may take " +
                                          std::to_string(wanted / 1'000'000 + 1)};
}

Result<void> give_to_server(const Settings& settings, const std::string& file) {
  const auto user = user_to_become(settings.user);
  if (!user.ok()) return user.error();
  const int fd = open(file.c_str(), O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
  if (fd < 0) return io_error(file + ": open");
  Result<void> given;
  if (user->has_value() && fchown(fd, (*user)->uid, (*user)->gid) != 0)
    given = io_error(file + ": change the owner");
  else if (fchmod(fd, kMode) != 0)
    given = io_error(file + ": change the mode");
  close(fd);
  return given;
}

}  // namespace

bool is_database_of(const Settings& settings, const std::string& file) {
  std::error_code ignored;
  return !settings.database_file().empty() &&
         std::filesystem::equivalent(file, database_place(settings), ignored);
}

Result<storage::Salvaged> salvage(const Settings& settings, const std::string& file, const std::string& to,
                                  const std::function<void(const storage::SalvagedTable&)>& progress) {
  if (is_database_of(settings, file)) ESSAIM_TRY(require_no_restore(settings));
  struct stat about {};
  if (stat(file.c_str(), &about) != 0)
    return Error{errno == ENOENT ? ErrorCode::kNotFound : ErrorCode::kIo, io_error(file).message};
  if (!S_ISREG(about.st_mode)) return Error{ErrorCode::kInvalid, file + ": not a file"};
  std::error_code ignored;
  if (std::filesystem::exists(std::filesystem::symlink_status(to, ignored)))
    return Error{ErrorCode::kExists, to + ": the file exists already"};
  ESSAIM_TRY(require_unused(file));
  ESSAIM_TRY(require_room(file, to));
  auto salvaged = storage::salvage(file, to, progress);
  if (!salvaged.ok()) return salvaged;
  ESSAIM_TRY(give_to_server(settings, to));
  return salvaged;
}

}  // namespace essaim::smtpd::operate
