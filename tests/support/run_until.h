// Runs a loop on the test's thread.
#pragma once

#include <chrono>
#include <functional>

#include "core/net/event_loop.h"

namespace essaim::test {

// Until a condition holds, which may be about other threads; false after `limit`.
bool run_until(net::EventLoop& loop, const std::function<bool()>& condition,
               Duration limit = std::chrono::minutes(2));

// Lets the loop work for a while, for tests that nothing more happens.
void run_for(net::EventLoop& loop, Duration time);

}  // namespace essaim::test
