#include "core/base/timings.h"

#include <algorithm>
#include <numeric>

namespace essaim {
namespace {

Histogram& histogram_of(Timing timing) {
  static std::array<Histogram, static_cast<std::size_t>(Timing::kCount)> all;
  return all[static_cast<std::size_t>(timing)];
}

}  // namespace

std::uint64_t Histogram::Counts::total() const {
  return std::accumulate(classes.begin(), classes.end(), std::uint64_t{0});
}

void Histogram::note(Duration took) {
  const auto at = std::lower_bound(kBounds.begin(), kBounds.end(), took);
  classes_[static_cast<std::size_t>(at - kBounds.begin())].fetch_add(1, std::memory_order_relaxed);
  sum_.fetch_add(took.count(), std::memory_order_relaxed);
}

Histogram::Counts Histogram::counts() const {
  Counts out;
  for (std::size_t i = 0; i < classes_.size(); ++i)
    out.classes[i] = classes_[i].load(std::memory_order_relaxed);
  out.sum = Duration(sum_.load(std::memory_order_relaxed));
  return out;
}

void note_time(Timing timing, Duration took) {
  histogram_of(timing).note(took);
}

Histogram::Counts counts_of(Timing timing) {
  return histogram_of(timing).counts();
}

}  // namespace essaim
