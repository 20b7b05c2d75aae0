#include "smtpd/guard/pressure.h"

#include <algorithm>
#include <limits>

#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "core/base/log.h"

namespace essaim::smtpd::guard {
namespace {

const char* name_of(Level level) {
  return level == Level::kCalm ? "calm" : level == Level::kStress ? "stress" : "full";
}

int percent(double share) {
  return static_cast<int>(share * 100);
}

}  // namespace

double Pressure::highest() const {
  return std::max({connections, memory, descriptors});
}

double descriptors_in_use() {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur == 0) return 0;
  const int lowest_free = open("/dev/null", O_RDONLY | O_CLOEXEC);
  if (lowest_free < 0) return 1;
  close(lowest_free);
  return static_cast<double>(lowest_free) / static_cast<double>(limit.rlim_cur);
}

PressureGauge::PressureGauge(const Clock& clock, const smtp::MemoryBudget* memory,
                             std::function<double()> descriptors)
    : clock_(clock),
      memory_(memory),
      descriptors_(std::move(descriptors)),
      next_sample_(std::numeric_limits<std::int64_t>::min()) {}

double PressureGauge::sampled_descriptors() const {
  if (!descriptors_) return 0;
  const std::int64_t now = clock_.mono_now().time_since_epoch().count();
  std::int64_t due = next_sample_.load(std::memory_order_relaxed);
  // One thread looks; the others take what was seen last.
  if (now >= due && next_sample_.compare_exchange_strong(due, now + 1'000'000'000)) {
    sample_.store(descriptors_(), std::memory_order_relaxed);
  }
  return sample_.load(std::memory_order_relaxed);
}

Pressure PressureGauge::measure(double connections) const {
  Pressure out;
  out.connections = connections;
  if (memory_ != nullptr && memory_->limit() > 0) {
    out.memory = static_cast<double>(memory_->used()) / static_cast<double>(memory_->limit());
  }
  out.descriptors = sampled_descriptors();
  return out;
}

Level PressureGauge::update(const Pressure& pressure, const PressureLimits& limits) {
  const double highest = pressure.highest();
  const Level before = level();
  Level now = Level::kCalm;
  if (highest >= limits.full_at) {
    now = Level::kFull;
  } else if (highest >= limits.stress_at || (before != Level::kCalm && highest >= limits.calm_at)) {
    now = Level::kStress;
  }
  if (now != before && level_.exchange(now, std::memory_order_relaxed) != now) {
    log::warning("pressure", {{"was", name_of(before)},
                              {"is", name_of(now)},
                              {"connections_percent", percent(pressure.connections)},
                              {"memory_percent", percent(pressure.memory)},
                              {"descriptors_percent", percent(pressure.descriptors)}});
  }
  return now;
}

}  // namespace essaim::smtpd::guard
