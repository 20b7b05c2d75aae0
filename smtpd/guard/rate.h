// So many in so much time, in eight octets (the "generic cell rate algorithm"): each event moves a point in
// time by window/count; an event is refused when the point lies too far ahead. A client that was quiet may
// send `count` at once, and then at most `count` in each window.
#pragma once

#include <algorithm>
#include <cstdint>

#include "core/base/clock.h"

namespace essaim::smtpd::guard {

struct RateLimit {
  std::uint32_t count = 0;  // 0: no limit
  Duration window = std::chrono::minutes(1);
};

class Rate {
 public:
  bool has_room(const RateLimit& limit, MonoTime now) const {
    return limit.count == 0 || std::max(point_, now) - now <= limit.window - step(limit);
  }
  // Counts one, whether there is room or not; it never reaches further ahead than one window and a step.
  void count(const RateLimit& limit, MonoTime now) {
    if (limit.count == 0) return;
    point_ = std::min(std::max(point_, now) + step(limit), now + limit.window + step(limit));
  }
  bool idle(MonoTime now) const { return point_ <= now; }

 private:
  static Duration step(const RateLimit& limit) { return limit.window / limit.count; }
  MonoTime point_{};
};

}  // namespace essaim::smtpd::guard
