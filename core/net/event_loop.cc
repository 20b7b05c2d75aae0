#include "core/net/event_loop.h"

#include <future>
#include <memory>
#include <utility>

#include <event2/event.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "core/base/check.h"
#include "core/base/gathered_wakes.h"

namespace essaim::net {

// The descriptor lives as long as anybody may still wake it.
class EventLoop::Alarm : public Sleeper {
 public:
  Alarm() : fd_(eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)) { ESSAIM_CHECK(fd_ >= 0); }
  ~Alarm() override { ::close(fd_); }
  Alarm(const Alarm&) = delete;
  Alarm& operator=(const Alarm&) = delete;
  int fd() const { return fd_; }
  void wake() override {
    const std::uint64_t one = 1;
    // A full counter (EAGAIN) means that the loop is awake already.
    [[maybe_unused]] const ssize_t n = ::write(fd_, &one, sizeof one);
  }

 private:
  const int fd_;
};

TurnEnd::~TurnEnd() {
  if (queue_ != nullptr) (*queue_)[place_] = nullptr;
}

EventLoop::EventLoop(std::string name)
    : name_(std::move(name)), read_buffer_(std::make_unique<char[]>(kReadBufferSize)) {
  event_config* config = event_config_new();
  ESSAIM_CHECK(config != nullptr);
  // The base is only touched by its own thread; other threads come in by the eventfd.
  event_config_set_flag(config, EVENT_BASE_FLAG_NOLOCK);
  base_ = event_base_new_with_config(config);
  event_config_free(config);
  ESSAIM_CHECK(base_ != nullptr);
  alarm_ = std::make_shared<Alarm>();
  wake_ = event_new(
      base_, alarm_->fd(), EV_READ | EV_PERSIST,
      [](evutil_socket_t fd, short, void*) {
        std::uint64_t count = 0;
        // Only the wake-up matters; a failed read leaves the event level-triggered.
        [[maybe_unused]] const ssize_t n = ::read(fd, &count, sizeof count);
      },
      nullptr);
  ESSAIM_CHECK(wake_ != nullptr && event_add(wake_, nullptr) == 0);
}

EventLoop::~EventLoop() {
  stop();
  // What dies here may post or doom more; those posts are refused, as the loop has stopped.
  std::vector<Task> tasks;
  {
    const std::lock_guard lock(mutex_);
    tasks.swap(posted_);
  }
  tasks.clear();
  while (!dying_.empty() || !kept_.empty()) {
    destroy_doomed();
    auto kept = std::exchange(kept_, {});
    kept.clear();
  }
  for (TurnEnd* hook : turn_ends_) {
    if (hook != nullptr) hook->queue_ = nullptr;
  }
  event_free(wake_);
  event_base_free(base_);
}

void EventLoop::run() {
  log::Gather gather;
  gather_ = &gather;
  for (;;) {
    {
      const std::lock_guard lock(mutex_);
      if (stopped_) break;
    }
    run_turn();
  }
  // What was posted before stop() still runs.
  thread_.store(std::this_thread::get_id(), std::memory_order_relaxed);
  run_posted();
  run_turn_ends();
  destroy_doomed();
  gather_ = nullptr;
  thread_.store(std::thread::id(), std::memory_order_relaxed);
}

void EventLoop::run_turn() {
  thread_.store(std::this_thread::get_id(), std::memory_order_relaxed);
  bool work_waits = !turn_ends_.empty() || !dying_.empty();
  {
    const std::lock_guard lock(mutex_);
    work_waits = work_waits || !posted_.empty() || stopped_;
  }
  now_known_ = false;
  event_base_loop(base_, work_waits ? EVLOOP_ONCE | EVLOOP_NONBLOCK : EVLOOP_ONCE);
  run_posted();
  // What happened is in the log before the replies leave.
  if (gather_ != nullptr) gather_->flush();
  run_turn_ends();
  destroy_doomed();
  if (gather_ != nullptr) gather_->flush();
  turns_.fetch_add(1, std::memory_order_relaxed);
  now_known_ = false;
  thread_.store(std::thread::id(), std::memory_order_relaxed);
}

void EventLoop::run_posted() {
  {
    const std::lock_guard lock(mutex_);
    if (posted_.empty()) return;
    running_.swap(posted_);
  }
  for (Task& task : running_) {
    task();
    task = nullptr;  // what it holds dies before the next task runs
  }
  running_.clear();
}

void EventLoop::run_turn_ends() {
  if (turn_ends_.empty()) return;
  running_turn_ends_.swap(turn_ends_);
  for (TurnEnd* hook : running_turn_ends_) {
    if (hook != nullptr) hook->queue_ = &running_turn_ends_;
  }
  for (std::size_t i = 0; i < running_turn_ends_.size(); ++i) {
    TurnEnd* hook = std::exchange(running_turn_ends_[i], nullptr);
    if (hook == nullptr) continue;
    hook->queue_ = nullptr;
    hook->on_turn_end();
  }
  running_turn_ends_.clear();
}

void EventLoop::destroy_doomed() {
  if (dying_.empty()) return;
  auto dying = std::exchange(dying_, {});
  dying.clear();
}

void EventLoop::at_turn_end(TurnEnd* hook) {
  if (hook->queue_ != nullptr) return;
  hook->queue_ = &turn_ends_;
  hook->place_ = turn_ends_.size();
  turn_ends_.push_back(hook);
}

void EventLoop::keep(std::unique_ptr<Disposable> object) {
  Disposable* raw = object.get();
  kept_.emplace(raw, std::move(object));
}

void EventLoop::drop(Disposable* kept) {
  const auto it = kept_.find(kept);
  ESSAIM_CHECK(it != kept_.end());
  destroy_later(std::move(it->second));
  kept_.erase(it);
}

void EventLoop::stop() {
  {
    const std::lock_guard lock(mutex_);
    stopped_ = true;
  }
  alarm_->wake();
}

void EventLoop::run_and_wait(const Task& task) {
  auto done = std::make_shared<std::promise<void>>();
  post([&task, done] {
    task();
    done->set_value();
  });
  done->get_future().wait();
}

void EventLoop::post(Task task) {
  {
    const std::lock_guard lock(mutex_);
    if (stopped_) return;  // the task dies with the argument, after the lock
    const bool first = posted_.empty();
    posted_.push_back(std::move(task));
    // The loop looks at the queue before it waits, so its own posts and those behind another need no system
    // call.
    if (!first || in_loop_thread()) return;
  }
  GatheredWakes::wake(alarm_);
}

bool EventLoop::in_loop_thread() const {
  return thread_.load(std::memory_order_relaxed) == std::this_thread::get_id();
}

MonoTime EventLoop::now() const {
  if (!now_known_) {
    now_ = system_clock().mono_now();
    now_known_ = true;
  }
  return now_;
}

void EventLoop::destroy_later(std::unique_ptr<Disposable> object) {
  if (object == nullptr) return;
  object->on_doomed();
  dying_.push_back(std::move(object));
}

}  // namespace essaim::net
