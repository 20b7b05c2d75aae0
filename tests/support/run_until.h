// Runs a loop on the test's thread until a condition holds; false after `limit`.
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
  while (!condition()) {
    if (expired) return false;
    loop.run_turn();
  }
  return true;
}

// Lets the loop work for a while, for tests that nothing more happens.
inline void run_for(net::EventLoop& loop, Duration time) {
  run_until(
      loop, [] { return false; }, time);
}

}  // namespace essaim::test
