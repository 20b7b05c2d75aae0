#include "tests/support/run_until.h"

namespace essaim::test {

bool run_until(net::EventLoop& loop, const std::function<bool()>& condition, Duration limit) {
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

void run_for(net::EventLoop& loop, Duration time) {
  bool over = false;
  net::Timer timer(loop, [&] { over = true; });
  timer.start(time);
  while (!over) loop.run_turn();
}

}  // namespace essaim::test
