// Named places in the code at which the crash harness (tests/crash) ends the process as SIGKILL does. Where
// the environment says ESSAIM_CRASH_AT=name:n, the n-th passing of that place is the last thing the process
// does; otherwise a passing costs one load. Thread-safe. The names in use are listed by `git grep
// ESSAIM_CRASH_POINT`.
#pragma once

#include <atomic>

namespace essaim {

namespace crash {
// 0: not read yet, 1: nothing is armed, 2: something is.
extern std::atomic<int> g_state;
void pass(const char* name);
}  // namespace crash

}  // namespace essaim

#define ESSAIM_CRASH_POINT(name)                                                                    \
  do {                                                                                              \
    if (::essaim::crash::g_state.load(std::memory_order_relaxed) != 1) ::essaim::crash::pass(name); \
  } while (false)
