#include "smtpd/guard/pressure.h"

#include <algorithm>
#include <limits>

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/statvfs.h>
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

double free_octets(const std::vector<std::string>& paths) {
  double least = std::numeric_limits<double>::infinity();
  for (const std::string& path : paths) {
    struct statvfs found {};
    if (statvfs(path.c_str(), &found) == 0)
      least = std::min(least, static_cast<double>(found.f_bavail) * static_cast<double>(found.f_frsize));
  }
  return least;
}

PressureGauge::PressureGauge(const Clock& clock, const smtp::MemoryBudget* memory,
                             std::function<double()> descriptors)
    : memory_(memory), descriptors_(clock, std::move(descriptors), 0) {}

Pressure PressureGauge::measure(double connections) const {
  Pressure out;
  out.connections = connections;
  if (memory_ != nullptr && memory_->limit() > 0) {
    out.memory = static_cast<double>(memory_->used()) / static_cast<double>(memory_->limit());
  }
  out.descriptors = descriptors_.get();
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
