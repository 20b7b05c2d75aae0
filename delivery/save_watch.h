// Whether the database takes what became of recipients. A node that shares it and is cut off from it may go on for as long as its
// lease lasts, and if another one takes its work over then, all that the database was not told of goes out again. So nothing new is
// begun while a save has waited for a second, or for a quarter of one in which there were 500 more outcomes, and no other has succeeded meanwhile.
//
// Of the queue's loop.
#pragma once

#include <cstddef>
#include <optional>

#include "core/base/clock.h"

namespace essaim::delivery {

class SaveWatch {
 public:
  // Saves take milliseconds, and tenths of a second where a host of the database has gone and the next one is tried.
  static constexpr Duration kPatience = std::chrono::seconds(1);

  // Where so much happens that a second of it is much: after so many outcomes, but no sooner than a save may take on a busy day.
  static constexpr std::size_t kMost = 500;
  static constexpr Duration kMoment = std::chrono::milliseconds(250);

  void begun(MonoTime now) {
    ++underway_;
    if (!waiting_since_) wait_from(now);
  }
  void happened(std::size_t outcomes) { outcomes_ += outcomes; }
  // `works`: the database has taken it, or has refused this save and would take others. What it has not taken is tried again, and
  // waits on.
  void ended(bool works, MonoTime now) {
    --underway_;
    if (!works) return;
    waiting_since_.reset();
    if (underway_ > 0) wait_from(now);
  }

  // Since the first save that waits: how long the database has taken nothing that it was given.
  Duration silence(MonoTime now) const { return waiting_since_ ? now - *waiting_since_ : Duration{}; }
  bool too_long(MonoTime now) const {
    const Duration waits = silence(now);
    return waits >= kPatience || (waits >= kMoment && outcomes_ >= kMost);
  }

 private:
  void wait_from(MonoTime now) {
    waiting_since_ = now;
    outcomes_ = 0;
  }

  int underway_ = 0;
  std::optional<MonoTime> waiting_since_;
  std::size_t outcomes_ = 0;  // since then
};

}  // namespace essaim::delivery
