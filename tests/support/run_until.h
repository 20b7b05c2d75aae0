// Runs a loop on the test's thread until a condition holds, which may be about other threads; false after `limit`.
#pragma once

#include <chrono>
#include <functional>

#include "core/net/event_loop.h"

namespace essaim::test {

inline bool run_until(net::EventLoop& loop, const std::function<bool()>& condition,
                      Duration limit = std::chrono::minutes(2)) {
  bool expired = false;
  net::Timer timer(loop, [&] { expired = true; });
  timer.start(limit);
  // Nothing wakes the loop when it is another thread that brings it about.
  net::Timer look(loop, [&] { look.start(std::chrono::milliseconds(10)); });
  look.start(std::chrono::milliseconds(10));
  while (!condition()) {
    if (expired) return false;
    loop.run_turn();
  }
  return true;
}

// Lets the loop work for a while, for tests that nothing more happens.
inline void run_for(net::EventLoop& loop, Duration time) {
  bool over = false;
  net::Timer timer(loop, [&] { over = true; });
  timer.start(time);
  while (!over) loop.run_turn();
}

}  // namespace essaim::test
