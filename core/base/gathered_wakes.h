// Wake-ups put together. A thread that answers many at once (the database's writer behind a commit) would wake a loop for the
// first answer, and the loop would run, sleep and be woken again for the next: a system call and a task switch each. While
// a GatheredWakes is alive, what its thread would wake is noted and woken once, by the destructor. Those of one thread
// nest: the outermost wakes.
#pragma once

#include <memory>

namespace essaim {

// Something that sleeps until it is woken.
class Sleeper {
 public:
  virtual ~Sleeper() = default;
  virtual void wake() = 0;  // thread-safe
};

class GatheredWakes {
 public:
  GatheredWakes();
  ~GatheredWakes();
  GatheredWakes(const GatheredWakes&) = delete;
  GatheredWakes& operator=(const GatheredWakes&) = delete;

  // At once, or at the end if the calling thread gathers.
  static void wake(const std::shared_ptr<Sleeper>& sleeper);

 private:
  const bool outermost_;
};

}  // namespace essaim
