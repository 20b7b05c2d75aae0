// When a recipient is tried again, and so a batch. Pure functions; the caller gives the randomness, so that tests see every edge.
#pragma once

#include "core/base/clock.h"

namespace essaim::delivery {

// The pause after `attempts` rounds that ended with deferrals (0: none before this one): initial *
// 2^attempts, at most `max`, moved by up to 20 % either way. `fraction` is random in [0, 1).
Duration retry_delay(int attempts, Duration initial, Duration max, double fraction);

struct RetryPauses {
  Duration initial{}, max{};
};

// When somebody is tried again who was put off at `last`, by attempt number `attempts` (1: the first). What was put off as
// often and has the same `seed` has the same pause, whoever asks: so nobody keeps these times, and all of a batch go together.
WallTime due_again(WallTime last, int attempts, const RetryPauses& pauses, std::uint64_t seed);

// Up to the next full ten seconds, so that batches that are due at about the same time are promoted together.
// Pauses below ten seconds are kept as they are.
WallTime rounded_due(WallTime now, Duration delay);

// The ends of the suspensions of destinations are at full steps of the wall clock: after an outage of our own line a batch may
// wait for hundreds of them, and it comes at each.
Duration suspension_step(Duration retry_initial);
WallTime at_full_step(WallTime time, Duration step);

// When a batch is due that is released now, and the time of the first of its recipients comes, or came, at `next`. Never at once:
// who is put off is put off again as fast as a batch comes and goes.
WallTime due_after_release(WallTime now, WallTime next, Duration step);

// How long an address that failed is tried behind all others. The longer it `took` the longer: when it used up the time of all
// (CourierSettings::candidates_time), those that had no turn come first at the next attempts.
Duration failing_for(Duration took);

}  // namespace essaim::delivery
