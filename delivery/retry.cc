#include "delivery/retry.h"

#include <algorithm>

namespace essaim::delivery {

Duration retry_delay(int attempts, Duration initial, Duration max, double fraction) {
  Duration delay = std::min(initial, max);
  for (int i = 0; i < attempts && delay < max; ++i) delay = delay > max / 2 ? max : delay * 2;
  const double factor = 0.8 + 0.4 * fraction;
  return Duration(static_cast<Duration::rep>(static_cast<double>(delay.count()) * factor));
}

namespace {

constexpr Duration kStep = std::chrono::seconds(10);
constexpr Duration kFailingAtLeast = std::chrono::minutes(3);
constexpr int kFailingTimes = 6;
constexpr Duration kLeastAfterRelease = std::chrono::seconds(1);

// In [0, 1); SplitMix64.
double fraction_of(std::uint64_t seed) {
  seed += 0x9e3779b97f4a7c15U;
  seed = (seed ^ (seed >> 30)) * 0xbf58476d1ce4e5b9U;
  seed = (seed ^ (seed >> 27)) * 0x94d049bb133111ebU;
  return static_cast<double>((seed ^ (seed >> 31)) >> 11) * 0x1.0p-53;
}

}  // namespace

WallTime due_again(WallTime last, int attempts, const RetryPauses& pauses, std::uint64_t seed) {
  const double fraction = fraction_of(seed + static_cast<std::uint64_t>(attempts));
  const Duration pause = retry_delay(attempts - 1, pauses.initial, pauses.max, fraction);
  return later(last, pause);
}

WallTime rounded_due(WallTime now, Duration delay) {
  const WallTime exact = later(now, delay);
  return delay < kStep ? exact : at_full_step(exact, kStep);
}

Duration suspension_step(Duration retry_initial) {
  return std::min(kStep, retry_initial / 8);
}

WallTime at_full_step(WallTime time, Duration step) {
  const std::int64_t ms =
      std::max<std::int64_t>(1, std::chrono::duration_cast<std::chrono::milliseconds>(step).count());
  return from_millis((to_millis(time) + ms - 1) / ms * ms);
}

WallTime due_after_release(WallTime now, WallTime next, Duration step) {
  return rounded_due(now, std::max(std::min(kLeastAfterRelease, step), Duration(next - now)));
}

Duration failing_for(Duration took) {
  return std::max(kFailingAtLeast, kFailingTimes * took);
}

}  // namespace essaim::delivery
