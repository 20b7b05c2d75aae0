// Threads for work that may block (SQL, file sync) or takes long (compression, signing). A task runs exactly
// once, on one of the executor's threads, in order of submission when there is one thread. Results go back to
// a loop by EventLoop::post(). Thread-safe.
#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace essaim {

class Executor {
 public:
  using Task = std::function<void()>;

  // `name` is shown by ps and in traces (15 characters at most).
  Executor(const std::string& name, int threads);
  ~Executor();  // stop()
  Executor(const Executor&) = delete;
  Executor& operator=(const Executor&) = delete;

  // False after stop(): the task was not taken and will never run.
  bool submit(Task task);
  // Runs what was submitted before, refuses new tasks, joins. Idempotent.
  void stop();
  std::size_t queued() const;

 private:
  void run();

  mutable std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<Task> tasks_;
  bool stopping_ = false;
  std::vector<std::thread> threads_;
};

// Gives the calling thread its name.
void name_this_thread(const std::string& name);

}  // namespace essaim
