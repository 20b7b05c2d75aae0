#include "core/base/log_output.h"

#include <algorithm>
#include <cerrno>
#include <mutex>
#include <string>
#include <vector>

#include <poll.h>
#include <unistd.h>

namespace essaim::log {
namespace {

constexpr std::size_t kMostGathered =
    64 * 1024;  // octets of a thread; then they are written before the turn ends

struct Gathered {
  std::mutex mutex;  // only flush_output() comes from another thread
  std::string text;
};

struct Shared {
  std::mutex mutex;  // one writer at a time, so that lines stay whole
  std::size_t lost = 0;
  std::mutex list_mutex;
  std::vector<Gathered*> gathering;
};

Shared& shared() {
  static Shared* s = new Shared;  // outlives every thread
  return *s;
}

thread_local Gathered* t_gathered = nullptr;

bool write_fully(std::string_view text) {
  while (!text.empty()) {
    const ssize_t n = ::write(STDERR_FILENO, text.data(), text.size());
    if (n > 0) {
      text.remove_prefix(static_cast<std::size_t>(n));
    } else if (n < 0 && errno == EAGAIN) {
      // Whoever started us made it non-blocking; the reader is behind.
      pollfd out{STDERR_FILENO, POLLOUT, 0};
      ::poll(&out, 1, 1'000);
    } else if (n == 0 || errno != EINTR) {
      return false;
    }
  }
  return true;
}

void write_out(std::string_view text) {
  if (text.empty()) return;
  Shared& s = shared();
  std::lock_guard lock(s.mutex);
  const auto lines = static_cast<std::size_t>(std::count(text.begin(), text.end(), '\n'));
  if (s.lost > 0) {
    if (!write_fully("log-lost lines=" + std::to_string(s.lost) + "\n")) {
      s.lost += lines;
      return;
    }
    s.lost = 0;
  }
  if (!write_fully(text)) s.lost += lines;
}

void flush_locked(Gathered* gathered) {
  write_out(gathered->text);
  gathered->text.clear();
  if (gathered->text.capacity() > 2 * kMostGathered) gathered->text.shrink_to_fit();
}

}  // namespace

void output(std::string_view line, bool at_once) {
  if (t_gathered == nullptr) return write_out(line);
  std::lock_guard lock(t_gathered->mutex);
  t_gathered->text.append(line);
  if (at_once || t_gathered->text.size() >= kMostGathered) flush_locked(t_gathered);
}

void begin_gathering() {
  if (t_gathered != nullptr) return;
  t_gathered = new Gathered;
  std::lock_guard lock(shared().list_mutex);
  shared().gathering.push_back(t_gathered);
}

void end_gathering() {
  if (t_gathered == nullptr) return;
  flush_gathered();
  Gathered* const mine = t_gathered;
  t_gathered = nullptr;
  {
    std::lock_guard lock(shared().list_mutex);
    std::erase(shared().gathering, mine);
  }
  delete mine;
}

void flush_gathered() {
  if (t_gathered == nullptr) return;
  std::lock_guard lock(t_gathered->mutex);
  flush_locked(t_gathered);
}

void flush_output() {
  std::lock_guard lock(shared().list_mutex);
  for (Gathered* gathered : shared().gathering) {
    std::lock_guard text_lock(gathered->mutex);
    flush_locked(gathered);
  }
}

void flush_before_abort() {
  const std::unique_lock lock(shared().list_mutex, std::try_to_lock);
  if (!lock.owns_lock()) return;
  for (Gathered* gathered : shared().gathering) {
    const std::unique_lock text_lock(gathered->mutex, std::try_to_lock);
    if (text_lock.owns_lock()) write_fully(gathered->text);
  }
}

}  // namespace essaim::log
