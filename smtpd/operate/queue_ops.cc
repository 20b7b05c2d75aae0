#include "smtpd/operate/queue_ops.h"

#include <algorithm>
#include <cstddef>
#include <functional>
#include <iterator>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <thread>

#include "core/base/log.h"
#include "core/base/text.h"
#include "smtpd/operate/batch_changes.h"
#include "smtpd/operate/command_marks.h"
#include "smtpd/operate/deletion_marks.h"
#include "smtpd/operate/post_groups.h"
#include "smtpd/operate/queue_summary.h"
#include "storage/batch_store.h"
#include "storage/expansion.h"
#include "storage/post_filter.h"
#include "storage/retry_calls.h"

namespace essaim::smtpd::operate {
namespace {

using storage::BatchQueue;
using storage::BatchRecord;
using storage::BatchStore;
using storage::Connection;
using storage::Database;
using storage::Durability;
using storage::PostStore;

constexpr int kBatchesPerStep = 20;
constexpr int kMostFailures = 10;  // one after the other, then the rest is left
// For other nodes to look, and to give back what they have in their hands: times 100 ms.
constexpr int kPatienceWithNodes = 60;
constexpr Duration kBetweenSweeps = std::chrono::milliseconds(100);
// What a hold changes in one transaction, which others wait behind, and which stays below 1 MB.
constexpr std::size_t kPostsTogether = 50, kPostsTogetherOnServer = 20;
constexpr std::int64_t kBatchesTogether = 500;
constexpr auto kBetweenRenewals = kDeletionMarkLasts / 4;
// How long a command goes on for what is in transmission. Of a post that is deleted as a whole the rest stays held, and is
// deleted as it comes back; of one that others are to have, what is left when the time is over goes out.
constexpr Duration kPatienceForAll = std::chrono::seconds(30);
constexpr Duration kPatienceForSome = std::chrono::minutes(10);
constexpr Duration kPatienceForRetry = std::chrono::seconds(10);

using Recall = std::function<void(const std::vector<Id>&)>;
using Work = std::function<Result<void>()>;

CommandMarks::Kind kind_of(const QueueRequest& request) {
  if (request.action != QueueAction::kDelete) return CommandMarks::Kind::kRetry;
  return request.selection.of_whole_posts() ? CommandMarks::Kind::kWithdrawal : CommandMarks::Kind::kDeletion;
}

class Operation {
 public:
  Operation(Database& database, const Clock& clock, const QueueRequest& request,
            std::function<bool()> ending = nullptr)
      : database_(database),
        clock_(clock),
        request_(request),
        match_(request.selection.filter),
        ending_(std::move(ending)),
        marks_(database, kind_of(request), request.reason, request.node) {
    for (const auto& [id, addresses] : request.selection.recipients) matches_.emplace(id, addresses);
  }

  // The batches of these posts that the selection is about, if it is about batches. Asked before anything is changed, as a hold
  // changes their state.
  Result<void> find_batches(std::span<const Id> ids) {
    if (!request_.selection.filter.about_batches()) return {};
    auto found = select_batches(database_, request_.selection.filter, ids, &unread_);
    if (!found.ok()) return found.error();
    batches_ = *std::move(found);
    return {};
  }
  bool selected(Id id, int number) const {
    return !batches_ || std::binary_search(batches_->begin(), batches_->end(), std::pair(id, number));
  }
  bool selected(Id id) const {
    if (!batches_) return true;
    const auto first = std::lower_bound(batches_->begin(), batches_->end(), std::pair(id, 0));
    return first != batches_->end() && first->first == id;
  }

  // One post that is in trouble does not keep the others from what is to be done. False: it failed, or nothing is tried
  // any more, as everything fails.
  bool attempt(Id id, const Work& work) {
    if (failures_together_ < kMostFailures) {
      const Result<void> done = work();
      // The posts of a damaged page, or of two, follow each other, and behind them are others.
      const bool everything_may_fail = !done.ok() && done.error().code != ErrorCode::kDamaged;
      failures_together_ = everything_may_fail ? failures_together_ + 1 : 0;
      if (done.ok()) return true;
      if (change_.error.empty()) {
        first_error_ = done.error();
        change_.error = "post " + format_id(id) + ": " + done.error().message;
      }
    }
    if (unread_.posts.count(id) == 0) ++change_.failed;  // else it counts already
    return false;
  }
  // What was selected goes on beside what nobody could read.
  void note_unread() {
    change_.failed = static_cast<std::int64_t>(unread_.posts.size());
    if (change_.failed == 0) return;
    change_.error = unread_.why;
    first_error_ = {ErrorCode::kDamaged, unread_.why};
  }
  // Behind one thing that was done to the posts: the next one may succeed where that failed.
  void try_anew() { failures_together_ = 0; }
  // An error if nothing was done but what failed.
  Result<void> failure() const {
    if (change_.failed == 0 || change_.posts > 0 || change_.held > 0) return {};
    return Error{first_error_.code, change_.error};
  }

  // What is done to posts before they are recalled. Gives those that it was done to.
  std::vector<Id> begin(std::vector<Id> ids) {
    if (request_.action == QueueAction::kRetry) return ids;
    if (request_.action == QueueAction::kRelease) {
      std::erase_if(ids, [&](Id id) { return !attempt(id, [&] { return release(id); }); });
      return ids;
    }
    marks_.expect(ids.size());
    return hold_all(ids, [this](Id id, const Work& work) { return attempt(id, work); });
  }

  // Some of them in a transaction: nothing of the last one is to go out because there are many. Gives those that are held now.
  std::vector<Id> hold_all(std::span<const Id> ids, const std::function<bool(Id, const Work&)>& alone) {
    return change_in_groups(
        ids, database_.wants_small_transactions() ? kPostsTogetherOnServer : kPostsTogether,
        [this](std::span<const Id> some) { return hold_some(some); }, alone);
  }

  // The first of them, as many as one transaction is to change; gives how many. A post that somebody held before is marked as
  // others are: he may release it meanwhile.
  Result<std::size_t> hold_some(std::span<const Id> ids) {
    const WallTime now = clock_.wall_now();
    const CommandMarks::Mark mark = marks_.make(now);
    const bool hold = request_.action == QueueAction::kHold;
    std::size_t taken = 0;
    const auto hold_them = [&](Connection& c) -> Result<void> {
      std::int64_t batches = 0;
      for (taken = 0; taken < ids.size(); ++taken) {
        auto record = find(c, ids[taken]);
        if (!record.ok()) return record.error();
        batches += record->batches;
        if (taken > 0 && batches > kBatchesTogether) break;
        ESSAIM_TRY(hold ? this->hold(c, *record, now) : marks_.put(c, *record, mark, now));
      }
      return {};
    };
    ESSAIM_TRY(database_.write_now(Durability::kAccept, hold_them));
    for (const Id id : ids.first(taken)) {
      if (!hold) marks_.committed(id, mark);
      const auto some = being_held_.extract(id);
      if (some.empty()) continue;
      change_.recipients += some.mapped();
      change_.posts += 1;
    }
    return taken;
  }

  // Noted before it is committed: where the answer of that is lost it is held when it is looked at again.
  Result<void> hold(Connection& connection, const storage::PostRecord& record, WallTime now) {
    if (record.held && !is_deletion_mark(record.held_reason)) return {};
    auto counts = PostStore(connection).counts(record.id);
    if (!counts.ok()) return counts.error();
    being_held_[record.id] = counts->pending;
    return put_hold(connection, record.id, request_.reason, now);
  }

  // Deletes whole posts.
  bool of_all() const { return kind_of(request_) == CommandMarks::Kind::kWithdrawal; }

  // Who releases the rest of what he held does not take back what he has deleted of it: that is named by its id.
  bool takes_back_deletions() const { return !request_.selection.ids.empty(); }

  // Before they are over, also of the posts that the work comes to later.
  void renew_marks(const Recall& recall) {
    const WallTime now = clock_.wall_now();
    if (now < renewed_ + kBetweenRenewals) return;
    renewed_ = now;
    const std::vector<Id> old = marks_.half_over(now);
    std::vector<Id> over;
    std::copy_if(old.begin(), old.end(), std::back_inserter(over),
                 [&](Id id) { return marks_.is_over(id, now); });
    int failures = 0;  // they show when the work comes to the post
    static_cast<void>(hold_all(old, [&failures](Id /*id*/, const Work& work) {
      if (failures >= kMostFailures) return false;
      failures = work().ok() ? 0 : failures + 1;
      return failures == 0;
    }));
    // Somebody may have taken it back, and the post may be on its way again.
    if (recall && !over.empty()) recall(over);
  }
  Result<void> renew_mark(Id id, const Recall& recall) {
    if (!marks_.is_half_over(id, clock_.wall_now())) return {};
    const bool over = marks_.is_over(id, clock_.wall_now());
    ESSAIM_TRY(mark(id));
    if (recall && over) recall({id});
    return {};
  }
  Result<void> mark(Id id) {
    auto done = hold_some({&id, 1});
    return done.ok() ? Result<void>() : done.error();
  }

  // A post that is deleted as a whole, and is not yet: whatever was in the way, the job goes on with it, and nobody gets it
  // meanwhile.
  void leave_withdrawn(Id id) {
    const bool left = marks_.leave(id);
    const auto record = post(id);
    const bool there = record.ok() ? record->held && is_withdrawal(record->held_reason) : left;
    change_.held += there ? 1 : 0;
  }

  // Works on the posts until nothing of them that is meant is in the hands of a server, or that takes too long.
  void sweep(std::vector<Id> ids, const Recall& recall) {
    const bool can_come_back = request_.waits && (recall || database_.wants_small_transactions());
    const bool deletes = request_.action == QueueAction::kDelete;
    const Duration patience = !deletes ? kPatienceForRetry : of_all() ? kPatienceForAll : kPatienceForSome;
    std::optional<MonoTime> end;  // from when all have been worked on once, which may take longer than that
    for (;;) {
      std::erase_if(ids, [&](Id id) {
        renew_marks(recall);
        const bool done = attempt(id, [&]() -> Result<void> {
          ESSAIM_TRY(renew_mark(id, recall));
          return deletes ? remove(id) : retry(id);
        });
        if (done && left_[id].busy > 0) return false;
        if (done || !of_all()) marks_.take_back(id);
        return true;
      });
      if (!end) end = clock_.mono_now() + patience;
      if (ids.empty() || !can_come_back || clock_.mono_now() >= *end || ending()) break;
      // A server that is given something back has it in its hands again before a command comes to it.
      if (!deletes)
        for (const Id id : ids)
          if (!marks_.contains(id)) static_cast<void>(attempt(id, [&] { return mark_for_retry(id); }));
      std::this_thread::sleep_for(kBetweenSweeps);
      if (recall) recall(ids);
      static_cast<void>(wait_for_nodes(ids));  // what is wrong shows when they are worked on
    }
  }
  bool ending() const { return ending_ && ending_(); }

  Result<void> mark_for_retry(Id id) {
    auto record = post(id);
    if (!record.ok()) return record.error();
    return record->held ? Result<void>() : mark(id);
  }

  void take_marks_back() {
    for (const Id id : marks_.ids()) {
      if (of_all()) {
        leave_withdrawn(id);
      } else {
        marks_.take_back(id);
      }
    }
  }

  // Whether nothing holds the post that this release is about.
  bool stays_held(const storage::PostRecord& post) const {
    if (!post.held) return false;
    if (is_withdrawal(post.held_reason)) return !takes_back_deletions();
    return is_deletion_mark(post.held_reason) && !is_abandoned(post.held_reason, clock_.wall_now());
  }

  // Under the mark of a command that is at work on the post the rest of it goes when that has ended.
  Result<void> release(Id id) {
    const auto record = post(id);
    if (!record.ok()) return record.error();
    if (stays_held(*record)) {
      note_kept(id, record->held_reason);
      return {};
    }
    auto some = record->held ? pending_of_post(database_, id) : parked_of_post(database_, id);
    if (!some.ok()) return some.error();
    if (!record->held && *some == 0) return {};
    const WallTime now = clock_.wall_now();
    std::string others;
    const auto released = [&](Connection& c) -> Result<void> {
      ESSAIM_TRY(PostStore(c).renew_lifetime(id, now));
      auto left = take_hold(c, id, now, takes_back_deletions());
      if (!left.ok()) return left.error();
      others = *std::move(left);
      return {};
    };
    ESSAIM_TRY(database_.write_now(Durability::kAccept, released));
    if (!others.empty()) note_kept(id, others);
    if (is_withdrawal(others)) return {};  // since it was looked at
    change_.recipients += *some;
    change_.posts += 1;
    return {};
  }

  void note_kept(Id id, const std::string& why) {
    ++change_.kept;
    if (change_.kept_by.empty()) change_.kept_by = "post " + format_id(id) + ": " + why;
  }

  // After posts were held: other nodes give back what they have of them. Gives how many recipients have not come back
  // in time.
  Result<std::int64_t> wait_for_nodes(const std::vector<Id>& ids) {
    const bool nodes = database_.wants_small_transactions();  // a file has one server, which was asked
    for (int tries = 0;; ++tries) {
      std::int64_t out = 0;
      ESSAIM_TRY(database_.read_now([&](Connection& c) -> Result<void> {
        out = 0;
        auto owned = BatchStore(c).owned_by_post();
        if (!owned.ok()) return owned.error();
        for (const auto& [id, recipients] : *owned)
          if (std::binary_search(ids.begin(), ids.end(), id)) out += recipients;
        return {};
      }));
      if (out == 0 || tries >= (nodes ? kPatienceWithNodes : 0) || ending()) return out;
      std::this_thread::sleep_for(std::chrono::milliseconds(100));
    }
  }

  // How many recipients the request would concern in a post.
  Result<std::int64_t> concerned(const storage::PostRecord& record) {
    const Id id = record.id;
    const bool hold = request_.action == QueueAction::kHold,
               release = request_.action == QueueAction::kRelease;
    const bool retry = request_.action == QueueAction::kRetry;
    if ((hold && record.held) || (retry && record.held) || (release && stays_held(record))) return 0;
    if (release && !record.held) return parked_of_post(database_, id);
    std::int64_t sum = 0;
    ESSAIM_TRY(database_.read_now([&](Connection& c) -> Result<void> {
      sum = 0;
      if (hold || release || (!retry && !match(id).any() && !batches_)) {
        auto counts = PostStore(c).counts(id);
        if (!counts.ok()) return counts.error();
        sum = counts->pending;
        return {};
      }
      auto all = BatchStore(c).of_post(id, false);
      if (!all.ok()) return all.error();
      for (const BatchRecord& head : *all) {
        if (!selected(id, head.number)) continue;
        const bool due = retry && head.queue == BatchQueue::kReady;  // but perhaps not for all
        if (retry && head.queue != BatchQueue::kWaiting && !due) continue;
        if (!match(id).any() && !due) {
          sum += head.pending;
          continue;
        }
        auto batch = BatchStore(c).load(id, head.number, true);
        if (!batch.ok() && batch.error().code == ErrorCode::kDamaged) continue;
        if (!batch.ok()) return batch.error();
        if (batch->has_value()) sum += due ? end_pauses(&**batch, match(id)) : waiting_in(**batch, match(id));
      }
      return {};
    }));
    return sum;
  }

  const storage::RecipientMatch& match(Id id) const {
    return matches_.contains(id) ? matches_.at(id) : match_;
  }

  Result<storage::PostRecord> post(Id id) {
    return database_.read_now([&](Connection& c) { return find(c, id); });
  }
  static Result<storage::PostRecord> find(Connection& connection, Id id) {
    auto found = PostStore(connection).find(id);
    if (!found.ok()) return found.error();
    if (!found->has_value()) return Error{ErrorCode::kNotFound, "no post " + format_id(id)};
    return **std::move(found);
  }

  // What is not yet in batches must be before it can be suppressed: accepted = delivered + failed +
  // suppressed + pending.
  Result<void> expand_all(Id id) {
    for (;;) {
      auto record = post(id);
      if (!record.ok()) return record.error();
      if (record->expanded || record->list_id == 0) return {};
      ESSAIM_TRY(database_.write_now(Durability::kAccept, [&](Connection& c) {
        storage::PostRecord fresh = *record;
        return storage::expand_members(c, &fresh, 0, kBatchesPerStep);
      }));
    }
  }

  // Calls `change` with each batch of the post that something waits in; saves it when that has changed some recipients, unless
  // a node owns it: then they are busy. Batches that cannot be read go to `give_up`, if there is one and all of the batch is
  // meant. Both say how many recipients they have changed; gives how many in all. (They may be called again for a batch: a
  // transaction may be run again.)
  Result<std::int64_t> for_each_batch(
      Id id, const std::function<std::int64_t(BatchRecord&)>& change,
      const std::function<Result<std::int64_t>(Connection&, const BatchRecord&)>& give_up) {
    std::int64_t total = 0;
    Left& left = left_[id] = {};
    const auto batches = database_.read_now([&](Connection& c) { return BatchStore(c).of_post(id, false); });
    if (!batches.ok()) return batches.error();
    for (const BatchRecord& head : *batches) {
      if (head.pending == 0 || !selected(id, head.number)) continue;
      bool owned = false, damaged = false;
      std::int64_t changed = 0;
      ESSAIM_TRY(database_.write_now(Durability::kAccept, [&](Connection& c) -> Result<void> {
        owned = false;
        changed = 0;
        auto found = BatchStore(c).load(id, head.number, true);
        damaged = !found.ok() && found.error().code == ErrorCode::kDamaged;
        if (damaged && give_up && !match(id).any()) {
          auto ended = give_up(c, head);
          if (!ended.ok()) return ended.error();
          changed = *ended;
        }
        if (damaged) return {};
        if (!found.ok()) return found.error();
        if (!found->has_value()) return {};
        BatchRecord batch = **found;
        owned = batch.queue == BatchQueue::kOwned;
        if (batch.pending == 0) return {};
        changed = change(batch);
        return changed > 0 && !owned ? BatchStore(c).save_unowned(batch) : Result<void>();
      }));
      if (damaged && (!give_up || match(id).any())) {
        left.damaged += head.pending;
      } else if (owned) {
        left.busy += changed;
      } else {
        total += changed;
      }
    }
    return total;
  }

  Result<void> remove(Id id) {
    auto record = post(id);
    if (!record.ok()) return record.error();
    ESSAIM_TRY(expand_all(id));
    const std::string reason =
        "deleted by operator" + (request_.reason.empty() ? "" : ": " + request_.reason);
    auto removed = for_each_batch(
        id,
        [&](BatchRecord& batch) {
          return suppress(&batch, match(id), reason, record->accepted, clock_.wall_now());
        },
        [&](Connection& c, const BatchRecord& head) -> Result<std::int64_t> {
          auto ended = BatchStore(c).give_up(id, head.number, reason);
          if (!ended.ok()) return ended.error();
          return *ended ? head.pending : 0;
        });
    if (!removed.ok()) return removed.error();
    if (of_all()) ESSAIM_TRY(take_out_of_digest(database_, id));
    count(id, *removed);
    return {};
  }

  Result<void> retry(Id id) {
    const WallTime now = clock_.wall_now();
    // Under the mark all that nobody owns is held; the release gives it back with the time that it is due at.
    const bool marked = marks_.contains(id);
    auto tried = for_each_batch(
        id,
        [&](BatchRecord& batch) -> std::int64_t {
          const bool parked = batch.queue == BatchQueue::kHeld;
          if (parked && !marked) return 0;
          const bool waits = batch.queue == BatchQueue::kWaiting || (parked && batch.due > now);
          const std::int64_t some = waits ? waiting_in(batch, match(id)) : 0;
          if (waits && some == 0) return 0;
          const std::int64_t pausing = end_pauses(&batch, match(id));
          if (!waits) return pausing;
          if (!parked) batch.queue = BatchQueue::kReady;
          batch.due = now;
          return some;
        },
        nullptr);
    if (!tried.ok()) return tried.error();
    count(id, *tried);
    return {};
  }

  void count(Id id, std::int64_t recipients) {
    change_.recipients += recipients;
    if (recipients > 0) changed_.insert(id);
    change_.posts = static_cast<std::int64_t>(changed_.size());
  }

  // What was not done, of all posts.
  void sum_up_left() {
    for (const auto& [id, left] : left_) {
      change_.busy += left.busy;
      change_.damaged += left.damaged;
    }
  }

  Database& database_;
  const Clock& clock_;
  const QueueRequest& request_;
  const storage::RecipientMatch match_;
  std::map<Id, storage::RecipientMatch> matches_;  // of posts that have one of their own
  const std::function<bool()> ending_;
  std::optional<std::vector<std::pair<Id, int>>> batches_;  // post and number, in order
  QueueChange change_;
  Unread unread_;
  CommandMarks marks_;  // on posts that are held until they are deleted
  WallTime renewed_{};
  std::map<Id, std::int64_t> being_held_;  // how many wait in them
  struct Left {
    std::int64_t busy = 0, damaged = 0;  // recipients, when it was last worked on
  };
  std::map<Id, Left> left_;
  std::set<Id> changed_;  // deleted or tried again, some of it
  int failures_together_ = 0;
  Error first_error_;
};

}  // namespace

Result<QueuePreview> preview_queue_change(Database& database, const Clock& clock,
                                          const QueueRequest& request) {
  QueuePreview out;
  Operation operation(database, clock, request);
  auto ids = select_posts(database, request.selection, &out.change.unknown, &operation.unread_);
  if (!ids.ok()) return ids.error();
  ESSAIM_TRY(operation.find_batches(*ids));
  for (Id id : *ids) {
    if (!operation.selected(id)) continue;
    auto post = operation.post(id);
    auto recipients = post.ok() ? operation.concerned(*post) : Result<std::int64_t>(post.error());
    if (!recipients.ok() && recipients.error().code == ErrorCode::kDamaged) {
      operation.unread_.add(id, recipients.error().message);
      continue;
    }
    if (!recipients.ok()) return recipients.error();
    if (*recipients == 0) continue;
    ++out.change.posts;
    out.change.recipients += *recipients;
    if (out.posts.size() < QueuePreview::kMostShown) out.posts.push_back({*std::move(post), *recipients});
  }
  operation.note_unread();
  out.change.failed = operation.change_.failed;
  out.change.error = operation.change_.error;
  return out;
}

Result<QueueChange> change_queue(Database& database, const Clock& clock, const QueueRequest& request,
                                 const Recall& recall, const std::function<bool()>& ending) {
  if (request.action == QueueAction::kDelete) {
    ESSAIM_TRY(release_abandoned_deletions(database, clock.wall_now()));
  }
  if (request.action == QueueAction::kRetry) {
    ESSAIM_TRY(database.write_now(Durability::kAccept, [&request](Connection& c) {
      return storage::call_for_retry(c, request.selection.filter.domain);
    }));
  }
  Operation operation(database, clock, request, ending);
  auto ids = select_posts(database, request.selection, &operation.change_.unknown, &operation.unread_);
  if (!ids.ok()) return ids.error();
  ESSAIM_TRY(operation.find_batches(*ids));
  operation.note_unread();
  std::erase_if(*ids, [&](Id id) { return !operation.selected(id); });
  if (ids->empty()) return operation.change_;

  // Held while they are worked on, so that a running server does not claim them again in between.
  *ids = operation.begin(*ids);
  // An empty list would mean all that the server has.
  if (recall && !ids->empty() && request.action != QueueAction::kRelease) recall(*ids);

  Result<void> outcome;
  if (request.action == QueueAction::kHold) {
    const auto out = operation.wait_for_nodes(*ids);
    if (!out.ok()) outcome = out.error();
    if (out.ok()) {
      operation.change_.busy = *out;
      operation.change_.recipients -= std::min(operation.change_.recipients, *out);
    }
  }
  // An error of it shows when they are worked on, each for itself.
  if (request.action == QueueAction::kDelete && request.waits)
    static_cast<void>(operation.wait_for_nodes(*ids));
  operation.try_anew();
  if (request.action == QueueAction::kDelete || request.action == QueueAction::kRetry)
    operation.sweep(*ids, recall);
  operation.sum_up_left();
  operation.take_marks_back();
  if (outcome.ok()) outcome = operation.failure();
  if (!outcome.ok()) return outcome.error();
  log::info("queue-changed", {{"action", to_string(request.action)},
                              {"posts", operation.change_.posts},
                              {"recipients", operation.change_.recipients},
                              {"busy", operation.change_.busy},
                              {"held", operation.change_.held},
                              {"failed", operation.change_.failed},
                              {"reason", request.reason}});
  return operation.change_;
}

}  // namespace essaim::smtpd::operate
