// The job `bounces`: members whose copies come back for good, again and again, get no more until somebody says so. To go on would
// cost every list of the server the trust of their hosts.
//
// Stopped is who has bounced on `bounce_days` different days, the first of them ten days ago or more, and has had none of the last
// posts since. Whoever has had one begins anew. Only what is proven counts, and nothing that the message or we are to blame for
// (bounces.h). If that would be more than a tenth of a list at once (and more than twenty), something else is wrong: nobody is
// stopped, the log and the postmaster say so, and an operator decides (stop_all()).
#pragma once

#include <chrono>
#include <cstddef>
#include <string>
#include <vector>

#include "lists/services.h"
#include "storage/bouncer_store.h"
#include "storage/job_runner.h"

namespace essaim::lists {

struct BounceStops {
  static constexpr Duration kLeastSpan = std::chrono::hours(10 * 24);
  static constexpr std::size_t kFew = 20;         // are always stopped
  static constexpr std::size_t kPartOfList = 10;  // else no more than one in so many
  static constexpr std::size_t kPostsLookedAt =
      5;  // the last ones, and digests of each kind, for who has had them
  struct One {
    storage::Bouncer bouncer;
    storage::MemberRecord member;
  };
  std::vector<One> due;
  std::vector<Id> healed;  // have had a post since
  bool too_many = false;   // `due` for the time being
};

// What is to be done for a list. A read; in a file of a damaged ledger nobody has had what cannot be read.
Result<BounceStops> plan_stops(storage::Connection& connection, const storage::ListRecord& list,
                               WallTime now);
// Does it, also where they are too many: a hundred in a transaction, with what they and the owners are told. How many were stopped.
// Blocks.
Result<std::size_t> stop_all(const Services& services, const storage::ListRecord& list,
                             const BounceStops& stops);

// Of all lists, once a day.
storage::Job make_bounces_job(const Services* services);

}  // namespace essaim::lists
