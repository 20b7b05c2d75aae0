// How short of resources the program is: the largest share of connections, message memory and descriptors in
// use. Thread-safe; asked often, it looks at the descriptors once a second at most. What it says changes with
// a hysteresis, so that a load at the edge does not make it flutter.
#pragma once

#include <atomic>
#include <functional>
#include <string>
#include <vector>

#include "core/base/clock.h"
#include "core/smtp/message_buffer.h"
#include "smtpd/guard/sample.h"
#include "smtpd/guard/settings.h"

namespace essaim::smtpd::guard {

struct Pressure {
  double connections = 0;  // shares, 0 to 1
  double memory = 0;
  double descriptors = 0;
  double highest() const;
};

enum class Level { kCalm, kStress, kFull };

// Of the descriptors that the process may have. The lowest free number stands for how many are in use: they
// are given out from below, and counting them would cost a directory of thousands.
double descriptors_in_use();

// What the fullest of the file systems that hold these has left; what cannot be told is no shortage.
double free_octets(const std::vector<std::string>& paths);

class PressureGauge {
 public:
  // `memory` may be null; `descriptors` gives a share. Both outlive the gauge.
  PressureGauge(const Clock& clock, const smtp::MemoryBudget* memory, std::function<double()> descriptors);

  Pressure measure(double connections) const;
  // A change is logged.
  Level update(const Pressure& pressure, const PressureLimits& limits);
  Level level() const { return level_.load(std::memory_order_relaxed); }

 private:
  const smtp::MemoryBudget* const memory_;
  const Sample descriptors_;
  std::atomic<Level> level_{Level::kCalm};
};

}  // namespace essaim::smtpd::guard
