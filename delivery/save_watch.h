// Whether the database takes what became of recipients. A node that shares it and is cut off from it may go on for as long as its
// lease lasts, and if another one takes its work over then, all that the database was not told of goes out again. So nothing new is
// begun while a save has waited for too long and no other has succeeded meanwhile.
//
// Of the queue's loop.
#pragma once

#include <optional>

#include "core/base/clock.h"

namespace essaim::delivery {

class SaveWatch {
 public:
  // Saves take milliseconds, and tenths of a second where a host of the database has gone and the next one is tried.
  static constexpr Duration kPatience = std::chrono::seconds(1);

  void begun(MonoTime now) {
    ++underway_;
    if (!waiting_since_) waiting_since_ = now;
  }
  // `works`: the database has taken it, or has refused this save and would take others. What it has not taken is tried again, and
  // waits on.
  void ended(bool works, MonoTime now) {
    --underway_;
    if (!works) return;
    waiting_since_.reset();
    if (underway_ > 0) waiting_since_ = now;
  }

  // Since the first save that waits: how long the database has taken nothing that it was given.
  Duration silence(MonoTime now) const { return waiting_since_ ? now - *waiting_since_ : Duration{}; }
  bool too_long(MonoTime now) const { return silence(now) >= kPatience; }

 private:
  int underway_ = 0;
  std::optional<MonoTime> waiting_since_;
};

}  // namespace essaim::delivery
