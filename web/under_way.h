// Counts what handlers have handed to other threads, so that their owner can wait for it. The last member of its owner, as
// its destructor is what waits. Any thread.
#pragma once

#include <condition_variable>
#include <mutex>

namespace essaim::web {

class UnderWay {
 public:
  UnderWay() = default;
  ~UnderWay() {
    std::unique_lock lock(mutex_);
    idle_.wait(lock, [this] { return number_ == 0; });
  }
  UnderWay(const UnderWay&) = delete;
  UnderWay& operator=(const UnderWay&) = delete;

  void begin() {
    const std::lock_guard lock(mutex_);
    ++number_;
  }
  // The last thing that touches the owner.
  void end() {
    const std::lock_guard lock(mutex_);
    if (--number_ == 0) idle_.notify_all();
  }

 private:
  std::mutex mutex_;
  std::condition_variable idle_;
  int number_ = 0;
};

}  // namespace essaim::web
