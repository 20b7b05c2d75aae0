#include <atomic>
#include <cstdlib>

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "tests/crash/shim/shim.h"

namespace shim {

Control* control() {
  // Not a static with a guard: the first call may come from anywhere, also before constructors have run.
  static std::atomic<Control*> mapped{nullptr};
  static std::atomic<bool> tried{false};
  if (tried.load(std::memory_order_acquire)) return mapped.load(std::memory_order_acquire);
  const char* path = std::getenv("ESSAIM_SHIM_CONTROL");
  if (path != nullptr) {
    // Straight to the kernel: open() is ours.
    const auto fd = static_cast<int>(syscall(SYS_openat, AT_FDCWD, path, O_RDWR | O_CLOEXEC));
    if (fd >= 0) {
      void* memory = mmap(nullptr, sizeof(Control), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
      syscall(SYS_close, fd);
      if (memory != MAP_FAILED) mapped.store(static_cast<Control*>(memory), std::memory_order_release);
    }
  }
  tried.store(true, std::memory_order_release);
  return mapped.load(std::memory_order_acquire);
}

}  // namespace shim
