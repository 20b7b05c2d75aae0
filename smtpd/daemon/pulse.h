// Whether everything that must not stand still answers: each event loop, the queue's loop, the thread that writes to the
// database. A failing write is an answer; silence is not. Of a thread that waits for a server of ours it is asked whether it
// moves: no restart of this program makes that server answer.
#pragma once

#include <functional>
#include <mutex>
#include <string>
#include <vector>

#include "core/base/clock.h"
#include "core/net/event_loop.h"

namespace essaim::smtpd {

struct Pulse {
  std::string name;  // "loop0", "queue", "database"
  // Asks it something empty; what it is given is called once it has answered, on any thread, also much later.
  std::function<void(std::function<void()> answered)> ask;
};

// Whether a thread moves that may have to wait long for somebody else: by a counter of what it has begun, looked at now and
// then. Thread-safe.
class Movement {
 public:
  // `patience`: longer than it waits for anybody.
  explicit Movement(Duration patience) : patience_(patience) {}
  bool goes_on(std::uint64_t begun, MonoTime now);

 private:
  const Duration patience_;
  std::mutex mutex_;
  std::uint64_t begun_ = 0;
  MonoTime since_{};
};

// The names of those that did not answer in time; empty: all is well. Blocking, from the main thread.
std::vector<std::string> silent_ones(const std::vector<Pulse>& all, Duration patience);
// The same, without blocking: `done` is called once, on the loop, from which this is called.
void find_silent_ones(net::EventLoop& loop, const std::vector<Pulse>& all, Duration patience,
                      std::function<void(std::vector<std::string> silent)> done);

}  // namespace essaim::smtpd
