// The clock: jumps (clock_offset_ms) and runs faster (clock_factor). Waits with a time-out are shortened by the
// factor, so that timers fire when the faster clock says so.
#include <cerrno>
#include <cstdint>
#include <ctime>

#include <poll.h>
#include <pthread.h>
#include <sys/epoll.h>
#include <sys/time.h>
#include <unistd.h>

#include "tests/crash/shim/shim.h"

namespace {

constexpr std::int64_t kSecond = 1'000'000'000;

using ClockGetTime = int(clockid_t, timespec*);

std::int64_t nanoseconds(const timespec& t) {
  return static_cast<std::int64_t>(t.tv_sec) * kSecond + t.tv_nsec;
}

timespec to_timespec(std::int64_t ns) {
  if (ns < 0) ns = 0;
  timespec out{};
  out.tv_sec = ns / kSecond;
  out.tv_nsec = ns % kSecond;
  return out;
}

std::int64_t real_now(clockid_t id) {
  static ClockGetTime* const get = shim::next<ClockGetTime>("clock_gettime");
  timespec t{};
  get(id, &t);
  return nanoseconds(t);
}

bool is_wall(clockid_t id) {
  return id == CLOCK_REALTIME || id == CLOCK_REALTIME_COARSE;
}

bool is_monotonic(clockid_t id) {
  return id == CLOCK_MONOTONIC || id == CLOCK_MONOTONIC_COARSE || id == CLOCK_BOOTTIME ||
         id == CLOCK_MONOTONIC_RAW;
}

std::int64_t factor() {
  const shim::Control* control = shim::control();
  return control != nullptr && control->clock_factor > 1 ? control->clock_factor : 1;
}

std::int64_t offset() {
  const shim::Control* control = shim::control();
  return control != nullptr ? __atomic_load_n(&control->clock_offset_ms, __ATOMIC_RELAXED) * 1'000'000 : 0;
}

// Where the faster clocks began.
std::int64_t base(bool wall) {
  static const std::int64_t wall_base = real_now(CLOCK_REALTIME);
  static const std::int64_t mono_base = real_now(CLOCK_MONOTONIC);
  return wall ? wall_base : mono_base;
}

std::int64_t to_shown(std::int64_t real, bool wall) {
  const std::int64_t start = base(wall);
  return start + (real - start) * factor() + (wall ? offset() : 0);
}

std::int64_t to_real(std::int64_t shown, bool wall) {
  const std::int64_t start = base(wall);
  return start + (shown - (wall ? offset() : 0) - start) / factor();
}

int shortened(int milliseconds) {
  if (milliseconds <= 0 || factor() == 1) return milliseconds;
  return static_cast<int>((milliseconds + factor() - 1) / factor());
}

}  // namespace

extern "C" {

int clock_gettime(clockid_t id, timespec* out) noexcept {
  static ClockGetTime* const get = shim::next<ClockGetTime>("clock_gettime");
  const int result = get(id, out);
  if (result != 0 || shim::control() == nullptr) return result;
  if (is_wall(id) || is_monotonic(id)) *out = to_timespec(to_shown(nanoseconds(*out), is_wall(id)));
  return 0;
}

int gettimeofday(timeval* out, void*) noexcept {
  timespec t{};
  clock_gettime(CLOCK_REALTIME, &t);
  out->tv_sec = t.tv_sec;
  out->tv_usec = t.tv_nsec / 1000;
  return 0;
}

time_t time(time_t* out) noexcept {
  timespec t{};
  clock_gettime(CLOCK_REALTIME, &t);
  if (out != nullptr) *out = t.tv_sec;
  return t.tv_sec;
}

int epoll_wait(int fd, epoll_event* events, int most, int timeout) {
  static auto* const wait = shim::next<int(int, epoll_event*, int, int)>("epoll_wait");
  return wait(fd, events, most, shortened(timeout));
}

int poll(pollfd* fds, nfds_t count, int timeout) {
  static auto* const wait = shim::next<int(pollfd*, nfds_t, int)>("poll");
  return wait(fds, count, shortened(timeout));
}

int nanosleep(const timespec* wanted, timespec* left) {
  static auto* const sleep_for = shim::next<int(const timespec*, timespec*)>("nanosleep");
  const timespec shorter = to_timespec(nanoseconds(*wanted) / factor());
  return sleep_for(&shorter, left);
}

int clock_nanosleep(clockid_t id, int flags, const timespec* wanted, timespec* left) {
  static auto* const sleep_for =
      shim::next<int(clockid_t, int, const timespec*, timespec*)>("clock_nanosleep");
  const timespec real = to_timespec((flags & TIMER_ABSTIME) != 0 ? to_real(nanoseconds(*wanted), is_wall(id))
                                                                 : nanoseconds(*wanted) / factor());
  return sleep_for(id, flags, &real, left);
}

int usleep(useconds_t wanted) {
  const timespec t = to_timespec(static_cast<std::int64_t>(wanted) * 1000);
  return nanosleep(&t, nullptr);
}

int pthread_cond_timedwait(pthread_cond_t* condition, pthread_mutex_t* mutex, const timespec* until) {
  static auto* const wait =
      shim::next<int(pthread_cond_t*, pthread_mutex_t*, const timespec*)>("pthread_cond_timedwait");
  const timespec real = to_timespec(to_real(nanoseconds(*until), true));
  return wait(condition, mutex, &real);
}

int pthread_cond_clockwait(pthread_cond_t* condition, pthread_mutex_t* mutex, clockid_t id,
                           const timespec* until) {
  static auto* const wait = shim::next<int(pthread_cond_t*, pthread_mutex_t*, clockid_t, const timespec*)>(
      "pthread_cond_clockwait");
  const timespec real = to_timespec(to_real(nanoseconds(*until), is_wall(id)));
  return wait(condition, mutex, id, &real);
}

}  // extern "C"
