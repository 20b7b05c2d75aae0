// Whether this node lives and whether it should get connections: what load balancers and supervisors ask.
//
//   alive   every loop and every thread that must not stand still answers (pulse.h). If not, a restart helps.
//   ready   listening, not draining, not short of resources, and the database takes writes. If not, it is somebody
//           else's turn; a restart would not help.
//
// Thread: ask_*() on the loop, answered there; what is set may be set on any thread. However many ask, parts are asked
// once at a time, and the database once in a while.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "core/base/clock.h"
#include "core/base/result.h"
#include "core/net/event_loop.h"
#include "smtpd/daemon/pulse.h"

namespace essaim::smtpd {

class Health {
 public:
  struct Parts {
    std::vector<Pulse> pulses;
    // Writes something to the database; `done` is called on any thread.
    std::function<void(std::function<void(Result<void>)> done)> write;
    std::function<std::vector<std::string>()> why_not;  // what else speaks against it now. Thread-safe
  };
  using Reasons = std::vector<std::string>;  // why not; empty: yes
  using Answer = std::function<void(const Reasons&)>;

  Health(net::EventLoop& loop, Parts parts);
  Health(const Health&) = delete;
  Health& operator=(const Health&) = delete;

  void set_listening(bool listening) { listening_ = listening; }
  void set_draining(bool draining) { draining_ = draining; }

  void ask_alive(Answer answer);
  void ask_ready(Answer answer);

 private:
  void answer_ready();

  struct State {  // outlives us in completions
    std::vector<Answer> alive_waiters, ready_waiters;
    bool known = false;  // `database` is an answer
    MonoTime asked{};
    std::string database;  // what it said of the last write; "" : that it is well
  };
  net::EventLoop& loop_;
  const Parts parts_;
  std::atomic<bool> listening_{false}, draining_{false};
  std::shared_ptr<State> state_ = std::make_shared<State>();
};

}  // namespace essaim::smtpd
