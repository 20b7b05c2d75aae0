// Until when this node may act: claim, save, send. A node that shares its database extends the lease with each beat that the
// database took; who is cut off from it, or was stopped for a while, finds the lease over before others take its work
// (DESIGN §3). A node alone has one for ever.
//
// Thread-safe and cheap (a clock and a load), so it is asked before every transaction and final dot.
#pragma once

#include <atomic>

#include "core/base/clock.h"

namespace essaim::storage {

class NodeLease {
 public:
  // Nothing is held until extend().
  explicit NodeLease(const Clock& clock) : clock_(clock) {}
  NodeLease(const NodeLease&) = delete;
  NodeLease& operator=(const NodeLease&) = delete;

  // For a node alone.
  void hold_for_ever() { until_.store(kForEver, std::memory_order_relaxed); }
  // Never shortens it. Nothing once it was ended.
  void extend(MonoTime until);
  // Another one has this node's work, or this node gave it up. There is no way back: a new epoch has a lease of its own.
  void end() { ended_.store(true); }

  bool holds() const { return !ended() && holds_at(clock_.mono_now()); }
  bool holds_at(MonoTime now) const {
    return now.time_since_epoch().count() < until_.load(std::memory_order_relaxed);
  }
  bool ended() const { return ended_.load(std::memory_order_relaxed); }

 private:
  static constexpr Duration::rep kForEver = Duration::max().count();
  const Clock& clock_;
  std::atomic<Duration::rep> until_{0};
  std::atomic<bool> ended_{false};
};

}  // namespace essaim::storage
