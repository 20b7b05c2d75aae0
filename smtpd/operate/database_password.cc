#include "smtpd/operate/database_password.h"

#include <cerrno>
#include <cstdlib>
#include <cstring>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "smtpd/operate/user.h"

namespace essaim::smtpd::operate {
namespace {

constexpr std::size_t kLongest = 1024;

Error about(const std::string& path, const std::string& what) {
  return {ErrorCode::kInvalid, "password file " + path + ": " + what};
}

Result<std::string> first_line(const std::string& path) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return about(path, std::strerror(errno));
  struct stat status {};
  std::string text(kLongest + 1, '\0');
  const bool known = ::fstat(fd, &status) == 0 && S_ISREG(status.st_mode);
  const ssize_t size = known ? ::read(fd, text.data(), text.size()) : 0;
  const int number = errno;
  const bool open_to_all = is_open_to_all(fd);
  ::close(fd);
  if (!known) return about(path, "is not a file");
  if (size < 0) return about(path, std::strerror(number));
  if (open_to_all) return about(path, "everybody may read or change it: " + how_to_close(path));
  text.resize(static_cast<std::size_t>(size));
  text.resize(std::min(text.find('\n'), text.size()));
  if (text.ends_with('\r')) text.pop_back();
  if (text.empty()) return about(path, "its first line is empty");
  if (text.size() > kLongest) return about(path, "its first line is too long");
  if (text.find('\0') != std::string::npos) return about(path, "its first line has an octet 0");
  return text;
}

}  // namespace

Result<std::string> database_password_from(const std::string& file) {
  if (!file.empty()) return first_line(file);
  if (const char* directory = std::getenv("CREDENTIALS_DIRECTORY"); directory != nullptr) {
    const std::string path = std::string(directory) + "/database-password";
    if (::access(path.c_str(), F_OK) == 0) return first_line(path);
  }
  const char* variable = std::getenv("ESSAIM_DATABASE_PASSWORD");
  return std::string(variable == nullptr ? "" : variable);
}

Result<std::string> database_password(const Settings& settings) {
  return database_password_from(settings.database_password_file);
}

}  // namespace essaim::smtpd::operate
