// Files below ESSAIM_SHIM_DIR: calls that fail when the harness says so, and the log of changes from which
// power.py makes what would be left after a power failure. Syncing is not passed on to the kernel while a log is
// written: what is on the disk is what the log says.
#include <array>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstdarg>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <string>

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include "tests/crash/shim/shim.h"

namespace {

constexpr int kMaxDescriptor = 65'536;
constexpr int kTear = -1;  // as fail_errno: half of a write happens, and the process ends

// One entry of the log, followed by `length` octets and kEnd: a process that is killed may leave half an entry, and others go on
// behind it. power.py reads it.
//   C create (file, in directory `inode`, data: path)   U unlink   R rename (data: old NUL new)
//   W write at `at`   T truncate to `at`   A allocate up to `at`   B sync begins   E sync ended (`at`: which)
//   F a sync failed: as after any failure to write back, what was to be written counts for written from then on
struct Entry {
  char what;
  char begin[3];
  std::uint32_t length;
  std::uint64_t inode;
  std::uint64_t at;
  std::uint64_t file;
};
static_assert(sizeof(Entry) == 32);
constexpr std::array<char, 3> kBegin = {'e', 's', '\1'};
constexpr std::array<char, 8> kEnd = {'\1', 'e', 's', 's', 'a', 'i', 'm', '\2'};

struct Known {
  std::atomic<std::uint64_t> inode{0};  // 0: not one of ours
  std::atomic<bool> meant{false};       // its path holds Control::fail_path
};
std::array<Known, kMaxDescriptor> g_known;
std::atomic<std::uint64_t> g_syncs{0};

const char* directory() {
  static const char* const value = std::getenv("ESSAIM_SHIM_DIR");
  return value;
}

int log_fd() {
  static const int fd = [] {
    const char* path = std::getenv("ESSAIM_SHIM_LOG");
    if (path == nullptr) return -1;
    const auto opened = static_cast<int>(
        syscall(SYS_openat, AT_FDCWD, path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600));
    return opened < 0 ? -1 : opened;
  }();
  return fd;
}

bool is_ours(const char* path) {
  const char* const below = directory();
  if (below == nullptr || path == nullptr) return false;
  const std::size_t length = std::strlen(below);
  if (std::strncmp(path, below, length) != 0 || (path[length] != '/' && path[length] != '\0')) return false;
  // The index of the write-ahead log is made anew after a power failure; messages on their way in have no name.
  const std::size_t total = std::strlen(path);
  if (total > 4 && std::strcmp(path + total - 4, "-shm") == 0) return false;
  return std::strstr(path, "/spill") == nullptr;
}

bool is_meant(const char* path) {
  const shim::Control* control = shim::control();
  return control != nullptr && std::strstr(path, control->fail_path) != nullptr;
}

Known* known(int fd) {
  if (fd < 0 || fd >= kMaxDescriptor) return nullptr;
  Known& one = g_known[static_cast<std::size_t>(fd)];
  return one.inode.load(std::memory_order_relaxed) != 0 ? &one : nullptr;
}

// True: this call fails, with errno set.
bool fails(shim::Call call, bool meant) {
  shim::Control* control = shim::control();
  if (!meant || control == nullptr) return false;
  if ((__atomic_load_n(&control->fail_calls, __ATOMIC_RELAXED) & call) == 0) return false;
  const std::int64_t k = __atomic_add_fetch(&control->seen, 1, __ATOMIC_RELAXED);
  if (k < control->fail_first || k >= control->fail_first + control->fail_times) return false;
  __atomic_add_fetch(&control->failed, 1, __ATOMIC_RELAXED);
  errno = static_cast<int>(control->fail_errno);
  return true;
}

bool fails(shim::Call call, int fd) {
  const Known* file = known(fd);
  return file != nullptr && fails(call, file->meant.load(std::memory_order_relaxed));
}

void log(char what, std::uint64_t inode, std::uint64_t at, std::uint64_t file, const void* data,
         std::size_t length) {
  const int fd = log_fd();
  if (fd < 0) return;
  const int kept = errno;
  Entry entry{what, {kBegin[0], kBegin[1], kBegin[2]}, static_cast<std::uint32_t>(length), inode, at, file};
  auto end = kEnd;
  iovec parts[3] = {{&entry, sizeof entry}, {const_cast<void*>(data), length}, {end.data(), end.size()}};
  const auto written = syscall(SYS_writev, fd, parts, 3);
  if (written != static_cast<long>(sizeof entry + length + end.size()))
    abort();  // a log with holes proves nothing
  errno = kept;
}

std::uint64_t inode_of(const char* path) {
  struct stat status {};
  return stat(path, &status) == 0 ? status.st_ino : 0;
}

std::uint64_t parent_of(const char* path) {
  const std::string text(path);
  return inode_of(text.substr(0, text.rfind('/')).c_str());
}

void entered(int fd, const char* path, bool created, bool truncated) {
  if (fd < 0 || fd >= kMaxDescriptor) return;
  struct stat status {};
  if (fstat(fd, &status) != 0) return;
  Known& one = g_known[static_cast<std::size_t>(fd)];
  one.meant.store(is_meant(path));
  one.inode.store(status.st_ino);
  if (created) log('C', parent_of(path), 0, status.st_ino, path, std::strlen(path));
  if (!created && truncated) log('T', status.st_ino, 0, 0, nullptr, 0);
}

int open_file(const char* path, int flags, mode_t mode) {
  static auto* const real = shim::next<int(const char*, int, ...)>("open64");
  const bool ours = is_ours(path);
  if (ours && fails(shim::kOpen, is_meant(path))) return -1;
  if (!ours || (flags & O_CREAT) == 0) {
    const int fd = real(path, flags, mode);
    if (ours && fd >= 0) entered(fd, path, false, (flags & O_TRUNC) != 0);
    return fd;
  }
  // Of several that open it at once, one has made it: two would be two files for the log of changes.
  for (;;) {
    int fd = real(path, flags | O_EXCL, mode);
    const bool created = fd >= 0;
    if (!created && errno == EEXIST && (flags & O_EXCL) == 0) {
      fd = real(path, flags & ~O_CREAT, mode);
      if (fd < 0 && errno == ENOENT) continue;  // it has gone meanwhile
    }
    if (fd >= 0) entered(fd, path, created, (flags & O_TRUNC) != 0);
    return fd;
  }
}

ssize_t write_at(int fd, const void* data, std::size_t length, off64_t at) {
  static auto* const real = shim::next<ssize_t(int, const void*, std::size_t, off64_t)>("pwrite64");
  if (fails(shim::kWrite, fd)) {
    if (errno != kTear) return -1;
    const ssize_t half = real(fd, data, length / 2, at);
    if (half > 0) log('W', known(fd)->inode, static_cast<std::uint64_t>(at), 0, data, length / 2);
    kill(getpid(), SIGKILL);
  }
  const ssize_t written = real(fd, data, length, at);
  if (const Known* file = known(fd); file != nullptr && written > 0)
    log('W', file->inode, static_cast<std::uint64_t>(at), 0, data, static_cast<std::size_t>(written));
  return written;
}

int cut(int fd, off64_t length) {
  static auto* const real = shim::next<int(int, off64_t)>("ftruncate64");
  if (fails(shim::kTruncate, fd)) return -1;
  const int result = real(fd, length);
  if (const Known* file = known(fd); file != nullptr && result == 0)
    log('T', file->inode, static_cast<std::uint64_t>(length), 0, nullptr, 0);
  return result;
}

int sync_file(int fd, const char* name) {
  const Known* file = known(fd);
  if (fails(shim::kSync, fd)) {
    if (file != nullptr) log('F', file->inode, 0, 0, nullptr, 0);
    return -1;
  }
  if (file == nullptr || log_fd() < 0) return shim::next<int(int)>(name)(fd);
  const std::uint64_t inode = file->inode;
  const std::uint64_t which =
      (static_cast<std::uint64_t>(getpid()) << 32) | (g_syncs.fetch_add(1) & 0xffffffff);
  log('B', inode, which, 0, nullptr, 0);
  // About what a disk takes: others get the time to come in between.
  const timespec pause{0, 500'000};
  syscall(SYS_nanosleep, &pause, nullptr);
  log('E', inode, which, 0, nullptr, 0);
  return 0;
}

int allocate(int fd, off64_t offset, off64_t length) {
  static auto* const real = shim::next<int(int, off64_t, off64_t)>("posix_fallocate64");
  if (fails(shim::kAllocate, fd)) return errno;
  const int result = real(fd, offset, length);
  if (const Known* file = known(fd); file != nullptr && result == 0)
    log('A', file->inode, static_cast<std::uint64_t>(offset + length), 0, nullptr, 0);
  return result;
}

}  // namespace

extern "C" {

int open(const char* path, int flags, ...) {
  va_list rest;
  va_start(rest, flags);
  const mode_t mode = (flags & (O_CREAT | O_TMPFILE)) != 0 ? va_arg(rest, mode_t) : 0;
  va_end(rest);
  return open_file(path, flags, mode);
}

int open64(const char* path, int flags, ...) {
  va_list rest;
  va_start(rest, flags);
  const mode_t mode = (flags & (O_CREAT | O_TMPFILE)) != 0 ? va_arg(rest, mode_t) : 0;
  va_end(rest);
  return open_file(path, flags, mode);
}

int close(int fd) {
  static auto* const real = shim::next<int(int)>("close");
  if (fd >= 0 && fd < kMaxDescriptor) g_known[static_cast<std::size_t>(fd)].inode.store(0);
  return real(fd);
}

ssize_t pwrite(int fd, const void* data, std::size_t length, off_t at) {
  return write_at(fd, data, length, at);
}

ssize_t pwrite64(int fd, const void* data, std::size_t length, off64_t at) {
  return write_at(fd, data, length, at);
}

ssize_t write(int fd, const void* data, std::size_t length) {
  static auto* const real = shim::next<ssize_t(int, const void*, std::size_t)>("write");
  const Known* file = known(fd);
  if (file == nullptr) return real(fd, data, length);
  if (fails(shim::kWrite, fd)) return -1;
  const off64_t at = lseek64(fd, 0, SEEK_CUR);
  const ssize_t written = real(fd, data, length);
  if (written > 0)
    log('W', file->inode, static_cast<std::uint64_t>(at), 0, data, static_cast<std::size_t>(written));
  return written;
}

ssize_t pread64(int fd, void* data, std::size_t length, off64_t at) {
  static auto* const real = shim::next<ssize_t(int, void*, std::size_t, off64_t)>("pread64");
  if (fails(shim::kRead, fd)) return -1;
  return real(fd, data, length, at);
}

int ftruncate(int fd, off_t length) noexcept {
  return cut(fd, length);
}

int ftruncate64(int fd, off64_t length) noexcept {
  return cut(fd, length);
}

int posix_fallocate(int fd, off_t offset, off_t length) {
  return allocate(fd, offset, length);
}

int posix_fallocate64(int fd, off64_t offset, off64_t length) {
  return allocate(fd, offset, length);
}

int fsync(int fd) {
  return sync_file(fd, "fsync");
}

int fdatasync(int fd) {
  return sync_file(fd, "fdatasync");
}

int unlink(const char* path) noexcept {
  static auto* const real = shim::next<int(const char*)>("unlink");
  const std::uint64_t parent = is_ours(path) ? parent_of(path) : 0;
  const int result = real(path);
  if (result == 0 && parent != 0) log('U', parent, 0, 0, path, std::strlen(path));
  return result;
}

int rename(const char* from, const char* to) noexcept {
  static auto* const real = shim::next<int(const char*, const char*)>("rename");
  const int result = real(from, to);
  if (result == 0 && is_ours(to)) {
    const std::string both = std::string(from) + '\0' + to;
    log('R', parent_of(to), 0, 0, both.data(), both.size());
  }
  return result;
}

}  // extern "C"
