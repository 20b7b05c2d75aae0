#include "delivery/retry.h"

#include <algorithm>

namespace essaim::delivery {

Duration retry_delay(int attempts, Duration initial, Duration max, double fraction) {
  Duration delay = std::min(initial, max);
  for (int i = 0; i < attempts && delay < max; ++i) delay = delay > max / 2 ? max : delay * 2;
  const double factor = 0.8 + 0.4 * fraction;
  return Duration(static_cast<Duration::rep>(static_cast<double>(delay.count()) * factor));
}

WallTime rounded_due(WallTime now, Duration delay) {
  constexpr std::int64_t kStep = 10'000;
  const WallTime exact = now + std::chrono::duration_cast<std::chrono::milliseconds>(delay);
  if (delay < std::chrono::milliseconds(kStep)) return exact;
  return from_millis((to_millis(exact) + kStep - 1) / kStep * kStep);
}

}  // namespace essaim::delivery
