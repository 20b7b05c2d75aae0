#include "tests/support/temp_dir.h"

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <system_error>

#include <stdlib.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "core/base/check.h"

namespace essaim::test {
namespace {

std::filesystem::path place() {
  constexpr auto kMemory = "/dev/shm";
  constexpr std::uint64_t kRoom = std::uint64_t{1} << 30;
  struct statvfs room {};
  const bool enough = access(kMemory, W_OK) == 0 && statvfs(kMemory, &room) == 0 &&
                      std::uint64_t{room.f_bavail} * room.f_frsize >= kRoom;
  return enough ? std::filesystem::path(kMemory) : std::filesystem::temp_directory_path();
}

}  // namespace

TempDir::TempDir() : path_((place() / "essaim-test-XXXXXX").string()) {
  ESSAIM_CHECK(mkdtemp(path_.data()) != nullptr);
}
TempDir::~TempDir() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

std::string TempDir::path(const std::string& name) const {
  return name.empty() ? path_ : path_ + "/" + name;
}
std::string TempDir::write(const std::string& name, const std::string& content) const {
  std::ofstream(path(name), std::ios::binary) << content;
  return path(name);
}

}  // namespace essaim::test
