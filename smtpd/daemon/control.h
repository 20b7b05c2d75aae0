// What the main thread waits for while the server runs: signals, requests from other threads, and the
// watchdog's time.
#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <mutex>

#include "core/base/clock.h"
#include "core/base/result.h"

namespace essaim::smtpd {

class Control {
 public:
  // Blocks SIGTERM, SIGINT and SIGHUP for this thread and those it starts, and ignores SIGPIPE. Before any
  // thread.
  static Result<std::unique_ptr<Control>> make();
  ~Control();
  Control(const Control&) = delete;
  Control& operator=(const Control&) = delete;

  enum class Event { kTerminate, kReload, kRestart, kTick };
  // Runs tasks until there is an event; kTick after `tick` (zero: never).
  Event wait(Duration tick);
  // Any thread: runs once on the main thread, in wait().
  void post(std::function<void()> task);
  // Those that have not run never will: whom they are about is going. From the main thread, when nobody posts any more.
  void drop_tasks();
  void terminate();  // any thread: as SIGTERM
  void restart();    // any thread: kRestart, once

 private:
  Control(int signals, int wake) : signals_(signals), wake_(wake) {}
  void ring();
  const int signals_, wake_;
  std::mutex mutex_;
  std::deque<std::function<void()>> tasks_;
  bool terminating_ = false, restarting_ = false;
};

}  // namespace essaim::smtpd
