// One event loop per thread, on libevent. Everything that lives on a loop is used by its thread only; post()
// is the one way in from elsewhere.
//
// Order of work within one turn: (1) descriptors and timers that are due, in libevent's order; (2) tasks
// posted before this turn's queue was taken, in order (those posted meanwhile wait for the next turn); (3)
// what was logged is written, then the TurnEnd hooks asked for so far: connections send what the turn has queued (hooks asked for meanwhile
// wait for the next turn); (4) objects given to destroy_later() die. Completions are delivered by tasks, so
// never from within the call that asked for them.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <unordered_map>
#include <vector>

#include "core/base/clock.h"
#include "core/base/log.h"

struct event_base;
struct event;

namespace essaim::net {

// What destroy_later() takes: anything that may still be on the call stack.
class Disposable {
 public:
  virtual ~Disposable() = default;
  // Called by destroy_later() at once: from here on the object calls nobody back.
  virtual void on_doomed() {}
};

// A hook for the end of the current turn, asked for by EventLoop::at_turn_end(). The destructor withdraws it.
class TurnEnd {
 public:
  TurnEnd() = default;
  virtual ~TurnEnd();
  TurnEnd(const TurnEnd&) = delete;
  TurnEnd& operator=(const TurnEnd&) = delete;
  virtual void on_turn_end() = 0;

 private:
  friend class EventLoop;
  std::vector<TurnEnd*>* queue_ = nullptr;  // where it waits
  std::size_t place_ = 0;
};

class EventLoop {
 public:
  using Task = std::function<void()>;

  explicit EventLoop(std::string name);
  ~EventLoop();
  EventLoop(const EventLoop&) = delete;
  EventLoop& operator=(const EventLoop&) = delete;

  // Runs on the calling thread until stop(). What is posted after stop() is destroyed unrun.
  void run();
  void run_turn();       // one turn, waiting until there is something to do; run() in steps, for tests
  void stop();           // thread-safe
  void post(Task task);  // thread-safe; runs once on the loop's thread, unless the loop has stopped
  void run_and_wait(
      const Task& task);  // posts it, and waits until it ran or the loop stopped; from another thread
  bool in_loop_thread() const;
  MonoTime now() const;                                    // read once per turn; loop thread only
  void destroy_later(std::unique_ptr<Disposable> object);  // loop thread only
  void at_turn_end(TurnEnd* hook);  // loop thread only; once per turn however often it is asked for
  // For objects that nobody else owns (a descriptor that lingers): they live until drop() or the end of the
  // loop.
  void keep(std::unique_ptr<Disposable> object);
  void drop(Disposable* kept);  // as destroy_later()
  std::size_t kept() const { return kept_.size(); }
  // Scratch for one read, shared by all connections of the loop; what is in it is valid within one callback.
  static constexpr std::size_t kReadBufferSize = 64 * 1024;
  char* read_buffer() { return read_buffer_.get(); }
  const std::string& name() const { return name_; }
  event_base* base() { return base_; }  // for core/net, core/dns and core/http only
  // How many turns it made. Thread-safe.
  std::uint64_t turns() const { return turns_.load(std::memory_order_relaxed); }

 private:
  void run_posted();
  void run_turn_ends();
  void destroy_doomed();

  const std::string name_;
  event_base* base_ = nullptr;
  event* wake_ = nullptr;
  class Alarm;
  std::shared_ptr<Alarm> alarm_;
  std::mutex mutex_;
  std::vector<Task> posted_;
  bool stopped_ = false;
  std::atomic<std::thread::id> thread_{};
  std::vector<std::unique_ptr<Disposable>> dying_;
  std::unordered_map<Disposable*, std::unique_ptr<Disposable>> kept_;
  std::vector<TurnEnd*> turn_ends_;
  std::vector<TurnEnd*> running_turn_ends_;
  std::vector<Task> running_;
  std::unique_ptr<char[]> read_buffer_;
  mutable MonoTime now_{};
  mutable bool now_known_ = false;
  std::atomic<std::uint64_t> turns_{0};
  log::Gather* gather_ = nullptr;  // while run() runs
};

// Calls back once, `after` from now, on the loop's thread. Starting again moves it; the destructor cancels.
// Cheap to start and move (a session moves its deadline at every command).
class Timer {
 public:
  Timer(EventLoop& loop, std::function<void()> callback);
  ~Timer();
  Timer(const Timer&) = delete;
  Timer& operator=(const Timer&) = delete;
  void start(Duration after);
  void cancel();
  bool active() const { return active_; }

 private:
  EventLoop& loop_;
  std::function<void()> callback_;
  event* event_ = nullptr;
  bool active_ = false;
  MonoTime deadline_{};  // may be later than the event's time: then the event is moved when it comes
  MonoTime scheduled_{};
  bool scheduled_active_ = false;
  void schedule();
  void on_event();
};

}  // namespace essaim::net
