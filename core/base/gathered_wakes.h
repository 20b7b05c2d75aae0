// Wake-ups put together. A thread that answers many at once (the database's writer behind a commit) would wake a loop for the
// first answer, and the loop would run, sleep and be woken again for the next: a system call and a task switch each. While
// a GatheredWakes is alive, what its thread would wake is noted and woken once, by the destructor. Those of one thread
// nest: the outermost wakes.
//
// The same thread may gather its lines of the log meanwhile (core/base/log.h). What must not be seen before they are written
// goes to at_end(): a log::Gather that is made behind the GatheredWakes writes them before.
#pragma once

#include <functional>
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
  // At once, or at the end if the calling thread gathers: by the destructor, in order, before it wakes anybody.
  static void at_end(std::function<void()> task);

 private:
  const bool outermost_;
};

}  // namespace essaim
