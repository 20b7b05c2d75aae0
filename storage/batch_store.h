// Batches: the queue, the unit of ownership and the ledger (DESIGN §2). Functions run inside the caller's transaction.
//
// Order of claims: by priority, then by `rank`. A batch's rank is V + number, V being the rank that was claimed last when
// its post was expanded: start-time fair queueing over posts, so that a post of one batch never waits behind the
// thousand batches of another, whatever came first.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "storage/database.h"
#include "storage/post_store.h"
#include "storage/records.h"

namespace essaim::storage {

struct Fence {
  int owner = 0;
  std::int64_t epoch = 0;
};

// What an operator has suspended, as a claim needs it. Ready batches behind it are not given out: each is put
// among the waiting ones once, where no claim meets it again, until it is over or its post has expired. What
// expires is claimed as ever, so that it can be failed.
struct ClaimBarrier {
  struct Wait {
    WallTime until{};  // 0: until resumed
    std::string why;
  };
  std::map<std::string, Wait> lists;  // by address; only posts to the list, not mail to its owners
  std::optional<Wait> everything;
  WallTime now{};
  bool any() const { return everything.has_value() || !lists.empty(); }
};

// Where a claim may look among nodes: ready batches of small posts stay where their post came in, unless they have waited
// there since `others_until` or longer.
struct ClaimHome {
  int node = 0;  // 0: all are alike
  WallTime others_until{};
  bool no_others = false;  // nor what is anybody's by then
};

// A row of batch_state by its place in the file, which the indexes of SQLite tell without a look at the row.
using Place = std::int64_t;

// A batch of which the database cannot give or change a row, or whose rows do not decode. The others go on without it.
struct DamagedBatch {
  Id post_id = 0;  // 0: not even that can be read
  int number = 0;
  std::string why;
  bool held = false;  // parked, where an operator finds it; else it is passed over each time
};
// For the log and the count of them, behind the commit.
void tell_damaged(const DamagedBatch& batch);

class BatchStore {
 public:
  explicit BatchStore(Connection& connection) : connection_(connection) {}

  // What the calls on this object have set aside.
  const std::vector<DamagedBatch>& damaged() const { return damaged_; }

  // With recipients; progress empty means all pending. kExists for the same post and number.
  Result<void> add(std::span<const BatchRecord> batches);
  Result<void> add(const BatchRecord& batch) { return add({&batch, 1}); }
  // Makes waiting batches ready whose time has come, some thousand at most. Returns how many; if kHastenedTogether or more,
  // there may be others.
  Result<std::int64_t> promote_due(WallTime now);
  // Claims up to `limit` ready batches of posts that are not held and whose destination is not in `saturated`, in the
  // order above, and gives them with recipients and progress; those in `except` are passed over, and with `only` all but
  // that one. Conditional on nobody else having them. So what is held does not expire while it is: an operator's hold
  // may be longer than the lifetime; when it ends, the next claim fails what has expired by then.
  Result<std::vector<BatchRecord>> claim(Fence fence, int min_priority, int max_priority, std::size_t limit,
                                         const std::set<std::string>& saturated,
                                         const ClaimBarrier& barrier = {}, std::size_t* parked = nullptr,
                                         const ClaimHome& home = {},
                                         const std::set<std::pair<Id, int>>& except = {}, Place only = 0);
  static constexpr std::size_t kParkedAtOnce =
      1000;  // behind the barrier; a claim that met so many ends there
  // A file of which pages are damaged (batch_places.cc). What its indexes tell of ready batches of these priorities, in the order
  // of claims, and of batches that wait and are due, but for those in `but`. With a damaged page in an index itself, what is before
  // and behind it, for what is on it cannot be changed; kDamaged, if that is nothing. Reads, of SQLite alone. Then claim() and promote()
  // go one by one, by `only`: whatever meets a damaged page ends its whole transaction.
  Result<std::vector<Place>> ready_places(int min_priority, int max_priority, std::size_t most,
                                          const std::set<Place>& but);
  Result<std::vector<Place>> due_places(WallTime now, std::size_t most, const std::set<Place>& but);
  // False: that row does not wait; a damaged index may say so.
  Result<bool> promote(Place place);
  // How a batch is called, as its row or an index tells.
  DamagedBatch name_of(Place place, const std::string& why);
  // Takes back what an earlier run of this node owned (its epoch is older): kReady again. After journal replay. With `only`, that
  // row alone.
  Result<std::int64_t> release_stale(int owner, std::int64_t current_epoch, Place only = 0);
  // Where no other node is at work: what others own was claimed before a file was restored, or under another host name. 0: no
  // node at all is.
  Result<std::int64_t> release_others(int owner, Place only = 0);
  // Writes progress and counts. kConflict when the fence does not match (somebody else has it: discard, never resend).
  // `queue` kOwned keeps it; kReady/kWaiting with `due` releases it; kFinished ends it; kHeld parks it.
  Result<void> save(Fence fence, const BatchRecord& batch);
  // The same without a fence, for batches that nobody owns (command line, journal replay): kConflict if owned.
  Result<void> save_unowned(const BatchRecord& batch);
  // Ends a batch whose recipients nobody can read: those that waited are counted as suppressed. False: it is owned, or has
  // ended.
  Result<bool> give_up(Id post_id, int number, const std::string& why);
  Result<std::optional<BatchRecord>> load(Id post_id, int number, bool with_recipients);
  // Without recipients, damaged ones are given as far as they can be read; with them, one ends all with kDamaged.
  Result<std::vector<BatchRecord>> of_post(Id post_id, bool with_recipients);
  // Those that wait, for `queue list`: without recipients, by due time. Damaged ones are given in any case.
  Result<std::vector<BatchRecord>> waiting(const PostFilter& filter);
  // Which of them are of the posts from `first` to `last`, by post and number; the limit of the filter is not asked. For reads that
  // do not grow with the queue. Those that cannot be read are set aside.
  Result<std::vector<std::pair<Id, int>>> waiting_of(const PostFilter& filter, Id first, Id last);
  // Whether this run of the node has it.
  Result<bool> owns(Fence fence, Id post_id, int number);
  // What this run of the node owns, with recipients and progress; those in `except` are passed over unread, and damaged ones
  // parked.
  Result<std::vector<BatchRecord>> owned(Fence fence, const std::set<std::pair<Id, int>>& except);
  // Posts of which this run of the node owns batches although they are held.
  Result<std::vector<Id>> held_of(Fence fence);
  // Batches that wait for a reason with `part` in its text are due at `now`. Likewise.
  Result<std::int64_t> hasten(WallTime now, std::string_view part);
  static constexpr std::int64_t kHastenedTogether =
      500;  // rows of some 650 octets in what is replicated; in a file more
  // Earliest due time of a waiting batch, of those from `from` on; nothing when none waits. Not what can be no time.
  Result<std::optional<WallTime>> next_due(WallTime from = {});
  struct Owned {
    std::int64_t batches = 0, recipients = 0;  // that are to go
  };
  Result<std::map<int, Owned>> owned_by_node();
  // Recipients that are to go; in a file nothing of those on a damaged page, here and below.
  Result<std::map<Id, std::int64_t>> owned_by_post();
  struct QueueCounts {
    std::int64_t ready = 0, waiting = 0, owned = 0, held = 0, pending_recipients = 0;
  };
  Result<QueueCounts> queue_counts();

 private:
  Result<std::vector<BatchRecord>> waiting_together(const PostFilter& filter);
  Result<std::vector<std::pair<Id, int>>> waiting_of_together(const PostFilter& filter, Id first, Id last,
                                                              Place only);
  // In a file where that meets a damaged page.
  Result<std::vector<BatchRecord>> waiting_one_by_one(const PostFilter& filter);

  Connection& connection_;
  std::vector<DamagedBatch> damaged_;
};

// Gives back by one of the two releases; where the file has a damaged page, each batch in a transaction of its own, so that those on
// it alone stay as they are, for the log. Gives how many it has released. Blocking.
Result<std::int64_t> release_batches(
    Database& database, const std::function<Result<std::int64_t>(BatchStore&, Place only)>& release);

// The compact forms of the two blobs, checked when read (kDamaged), zstd-compressed. Exposed for fuzzing.
std::string encode_recipients(const std::vector<BatchRecipient>& recipients);
Result<std::vector<BatchRecipient>> decode_recipients(std::string_view blob);
std::string encode_progress(const BatchProgress& progress);
Result<BatchProgress> decode_progress(std::string_view blob, std::size_t recipients);

}  // namespace essaim::storage
