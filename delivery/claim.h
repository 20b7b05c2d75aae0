// The transaction that claims batches, with all that is needed to send them. Runs on a database thread; knows
// nothing of the QueueManager. May run more than once: the result starts afresh each time.
#pragma once

#include <array>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "delivery/budget.h"
#include "delivery/departed.h"
#include "delivery/post_cache.h"
#include "delivery/work.h"
#include "storage/batch_store.h"

namespace essaim::delivery {

// The node where a small post came in claims it at once. What has lain longer is anybody's.
inline constexpr std::chrono::seconds kStaysAtHome{2};

struct ClaimRequest {
  storage::Fence fence;
  std::array<std::size_t, Budget::kClasses> limits{};  // batches of each class
  std::set<std::string> saturated;                     // domains that have enough for now
  std::array<bool, Budget::kClasses>
      pass_over{};  // whether batches of the class for those stay where they are
  std::set<std::string>
      elsewhere;  // of those, domains that other nodes have the budget for: batches of every class stay
  // The budget of what all mail goes by is other nodes': what has just come in here is given to them (nobody else would take it yet),
  // and the rest is theirs already.
  bool all_elsewhere = false;
  std::shared_ptr<PostCache> known;                   // posts that need not be loaded; null: none
  std::shared_ptr<const KnownDepartures> departures;  // who need not be asked for; null: none are known
  KeySource keys;                                     // that sign what is loaded
  storage::ClaimBarrier barrier;                      // what the operator has suspended
  WallTime now{};
  // The database is shared: the claim begins with a beat, so that it cannot be committed behind a takeover; small posts
  // stay where they came in for a moment; and what was delivered by a node that had lost the batch is merged.
  bool shared = false;
  bool look_for_unexpanded = false;
  std::size_t not_expandable = 0;  // so many may come before the posts that are looked for
  bool look_for_due = false;       // promotes what waits and is due, and tells when the next is
  // After a claim of unknown outcome: what the database says is ours, but is not among `open`, is released
  // first.
  bool reconcile = false;
  // Not to be claimed, by class: still in memory here although the database may have them as nobody's, by a release of unknown
  // outcome (before that is known); and what was given back just now for other nodes.
  std::array<std::set<std::pair<Id, int>>, Budget::kClasses> except;
  // Adds the latter to `except`; behind `elsewhere`, since those whose domain is passed over anyway are met by no claim. The
  // others are met by each, and come first. Once they are so many, the class is not claimed until some are forgotten: it would be ever
  // the same that come and go.
  static constexpr std::size_t kMostLeft = 256;
  void leave_to_others(const std::pair<Id, int>& batch, int priority, const std::string& destination);
  bool left_enough(int cls) const { return except[static_cast<std::size_t>(cls)].size() >= kMostLeft; }
  std::set<std::pair<Id, int>> open;
  // In a file of which pages are damaged: what is claimed and made due one by one, and nothing else (find_places()).
  struct Places {
    std::array<std::vector<storage::Place>, Budget::kClasses> ready;
    std::vector<storage::Place> due;
    std::vector<Id> unexpanded;
  };
  std::optional<Places> places;
};

struct ClaimResult {
  std::vector<storage::BatchRecord> batches;
  std::map<Id, std::shared_ptr<const ActivePost>> posts;  // of all of them
  // list -> who left it since the oldest of these posts to it (none where nothing of the list has changed since)
  std::map<Id, std::shared_ptr<const ListDepartures>> left;
  bool has_left(const storage::PostRecord& post, const storage::BatchRecipient& one) const;
  std::array<std::size_t, Budget::kClasses> taken{};
  std::vector<std::string> unusable;           // parked batches, for the log
  std::vector<storage::DamagedBatch> damaged;  // set aside by the database's own checks, for the log
  bool epoch_over = false;                     // others have this node's work
  std::size_t reconciled = 0;
  std::size_t merged = 0;     // batches with deliveries that came late
  bool without_room = false;  // batches wait a little: their posts have no room in memory
  bool parked = false;        // something was left waiting behind the barrier
  bool parked_more = false;   // and there may be more of it, so that the claim ended early
  std::optional<WallTime> next_due;
  std::vector<Id> unexpanded;
  storage::Place at = 0;         // of `places`, the one at which it failed; 0: elsewhere
  storage::DamagedBatch passed;  // what is there, where it failed by damage
};

Result<void> run_claim(storage::Connection& connection, const ClaimRequest& request, ClaimResult* result);

// Before a claim in a file of which pages are damaged, as a read: what it is to go through, but for those places. kDamaged: there
// is no way around the damage.
Result<void> find_places(storage::Connection& connection, const std::set<storage::Place>& but,
                         ClaimRequest* request);

// Makes what the couriers need of a post. `wire_7bit`: its rendering in ASCII; null if it has none. `keys` sign it.
Result<std::shared_ptr<const ActivePost>> activate_post(storage::PostRecord post, SharedBytes wire,
                                                        SharedBytes wire_7bit = nullptr,
                                                        const KeySource& keys = {});

// One step of the expansion of a big post: `rank` is used if it has no batch yet. *more: not all batches
// exist.
Result<void> run_expansion(storage::Connection& connection, Id post_id, std::int64_t rank, int first_batches,
                           int next_batches, bool* more);

}  // namespace essaim::delivery
