// The queue: claims batches as there is room, gives their recipients to the loops, applies what comes back to
// their progress, and records it. All on its own loop; take_notes(), destination_saturated() and ring() are
// thread-safe.
//
//   ready (database) ──claim──▶ open ──send_out──▶ loops ──notes──▶ open ──idle──▶ save: finished, waiting or
//   ready
//                                 └── slow: every 500 outcomes or 2 s: save, still owned
//
// The loop is shared with the callbacks of the database, which may come after the manager has gone.
#pragma once

#include <array>
#include <atomic>
#include <condition_variable>
#include <functional>
#include <list>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

#include "core/base/log.h"
#include "delivery/budget.h"
#include "delivery/claim.h"
#include "delivery/departed.h"
#include "delivery/engine.h"
#include "delivery/fabric.h"
#include "delivery/left_to_others.h"
#include "delivery/loop_side.h"
#include "delivery/note.h"
#include "delivery/open_batch.h"
#include "delivery/post_cache.h"
#include "delivery/save.h"
#include "delivery/save_watch.h"
#include "delivery/suspensions.h"
#include "storage/journal.h"

namespace essaim::delivery {

class QueueManager final : public NoteSink {
 public:
  struct Parts {
    storage::Database& database;
    storage::NodeStore::Identity node;
    const Clock& clock;
    Fabric& fabric;
    FailureListener& failures;
    std::vector<storage::JournalWriter*> journals;  // by loop
  };
  QueueManager(std::shared_ptr<net::EventLoop> loop, const Parts& parts,
               std::shared_ptr<const EngineSettings> settings);
  ~QueueManager();

  // Thread-safe.
  void take_notes(std::vector<Note> notes) override;
  void destination_saturated(const std::string& key, std::set<std::string> domains,
                             Saturation saturation) override;
  void destination_back(const std::string& words) override;
  void ring();
  std::int64_t current_rank() const { return rank_.load(std::memory_order_relaxed); }
  bool stands_still() const { return stands_still_.load(); }
  bool pause_told() const { return pause_told_.load(); }
  bool pause_long() const;
  void wait_for_database();  // until no work of ours is under way there

  // On the queue's loop.
  std::size_t unsaved() const;  // outcomes that the database does not know
  void begin();
  void recall(std::vector<Id> posts, std::function<void()> then);
  void drain(Duration grace, std::function<void()> done);
  void suspensions_changed();
  void holds_changed();
  void set_nodes(std::vector<int> serving);
  void lease_again();
  void rest(bool on);
  void reconfigure(std::shared_ptr<const EngineSettings> settings);
  void end();  // destroys the timers

 private:
  struct RecallOp {
    std::shared_ptr<const RecallFilter> filter;
    std::function<void()> then;
    int pass = 0;
    std::size_t acks = 0;
    bool swept = false;       // both passes are over
    bool gives_back = false;  // of ours: nobody waits for it, and claims go on
    // The filter is about these, and stays until nothing of them is out: what is in flight may come back as something to be
    // tried at the next host. (Kept alive, as the filter knows them by their addresses.)
    std::vector<std::shared_ptr<const ActiveBatch>> until_idle;
    MonoTime deadline{};
  };

  // queue_manager.cc
  void apply_notes();
  void look_at(OpenBatch* batch);                             // after its state changed
  storage::BatchRecord end_of(const OpenBatch& batch) const;  // the row that ends our ownership
  RetryPauses pauses() const;
  void set_units(OpenBatch* batch);
  void tick();
  void end_lease();
  bool recalled(const OpenBatch& batch) const;
  void close(OpenBatch* batch);
  bool shared() const { return fabric_.lease != nullptr; }  // the database, with other nodes

  // queue_suspensions.cc
  void look_at_suspensions();
  void read_suspensions(bool if_others);  // if_others: nothing is done where they are those that we know
  void suspensions_read(const std::vector<storage::SuspensionRecord>& records);
  void drop_expired_suspensions();
  // Of the domain, or of the smart host that it goes to.
  const Suspensions::Wait* suspension_of(const Suspensions& suspensions, const std::string& domain,
                                         WallTime now) const;

  // queue_claims.cc
  void claim_soon(Duration after = Duration{});
  void claim_now();
  void submit_claim(const std::shared_ptr<ClaimRequest>& request, const std::shared_ptr<ClaimResult>& result);
  void claimed(const std::shared_ptr<ClaimResult>& result, const std::shared_ptr<ClaimRequest>& request,
               const Result<void>& outcome);
  void open_batch(storage::BatchRecord record, const ClaimResult& result, WallTime now,
                  std::vector<std::vector<RoutedSlice>>* routed);
  // Those of it who may go now.
  void send(OpenBatch* batch, WallTime now, std::vector<std::vector<RoutedSlice>>* routed);
  // Again, of open batches, while others of them are out.
  void send_due();
  void to_loops(std::vector<std::vector<RoutedSlice>> routed);
  void schedule_due();
  // Due times are of the wall clock. When it goes back, they are far away and mean nothing any more.
  void watch_clock();
  void doubt_due();
  void hasten_all();
  void hasten_next();
  void hasten_later(const Error& error);
  void hasten_those_back();
  bool is_ours_to_expand(Id post, WallTime now) const;
  std::size_t share_of_big_posts();
  void expand_next();
  void expand_later(Id post, int failures);
  void expand_those_put_off();
  void expanded(Id post, bool more, const Result<void>& outcome);
  void give_back_saturated();
  void give_back_for_others();
  void leave_to_others(const storage::BatchRecord& batch);

  // queue_damage.cc
  void claim_one_by_one(const std::shared_ptr<ClaimRequest>& request,
                        const std::shared_ptr<ClaimResult>& result);
  bool met_damage(const ClaimResult& result,
                  const std::string& why);  // whether the next claim may fare better
  void no_damage_met(bool one_by_one);

  // queue_departures.cc
  void look_for_departures();
  bool has_left(const storage::PostRecord& post, const storage::BatchRecipient& one) const;
  void suppress_departed(OpenBatch* batch, WallTime now);
  void take_out_departed();

  // queue_saves.cc
  void save_soon(OpenBatch* batch);
  void save_by(MonoTime then);
  void save_now();
  void submit(std::vector<OpenBatch*> batches);
  void saved(const std::shared_ptr<std::vector<SaveItem>>& items, const std::vector<bool>& conflicts,
             const Result<void>& outcome);
  void save_again(OpenBatch* batch, UnsavedPart part);
  void ask_whose(std::vector<SaveItem> items);
  struct Whose {
    std::vector<bool> ours;
    bool epoch_over = false;
  };
  void told_whose(const std::vector<SaveItem>& items, const Whose& whose, const Result<void>& outcome);
  void lost(OpenBatch* batch);
  void segments_done(const UnsavedPart& part);

  // queue_pause.cc
  void watch_saves();
  void save_ended(bool works);
  bool fails_alone(const std::vector<SaveItem>& items, const Error& error) const;
  void save_at_once(std::size_t most);

  // queue_recall.cc
  void start_recall(RecallOp op);
  // Of ours: nobody waits for it.
  void give_back(std::shared_ptr<const RecallFilter> filter,
                 std::vector<std::shared_ptr<const ActiveBatch>> until_idle = {});
  void next_pass(std::list<RecallOp>::iterator op);
  void check_recalls();
  void held_read(const std::vector<Id>& posts);
  bool recall_complete(const RecallOp& op) const;
  void keep_back(const RecallFilter& filter);
  void check_drain();

  // Runs work in the database; `done` comes on this loop while the manager lives.
  void write(storage::Work work, std::function<void(Result<void>)> done);
  storage::Done hop(std::function<void(Result<void>)> done);

  std::shared_ptr<net::EventLoop> loop_;
  storage::Database& database_;
  const storage::NodeStore::Identity node_;
  const Clock& clock_;
  Fabric& fabric_;
  FailureListener& failures_;
  const std::vector<storage::JournalWriter*> journals_;
  std::shared_ptr<const EngineSettings> settings_;

  // From other threads.
  std::mutex inbox_mutex_;
  std::vector<Note> inbox_;
  bool inbox_posted_ = false;
  std::atomic<bool> ring_posted_{false};
  std::atomic<std::int64_t> rank_{0};
  struct Underway {
    std::mutex mutex;
    std::condition_variable done;
    int works = 0;
  };
  std::shared_ptr<Underway> underway_ = std::make_shared<Underway>();

  std::unordered_map<const ActiveBatch*, std::unique_ptr<OpenBatch>> open_;
  const std::shared_ptr<PostCache> cache_;  // claims look into it, and may outlive us
  const std::shared_ptr<KnownDepartures> known_departures_ = std::make_shared<KnownDepartures>();  // likewise
  Budget budget_;
  std::array<bool, Budget::kClasses> maybe_more_{true, true, true};
  bool claiming_ = false;
  bool look_for_unexpanded_ = true;
  bool look_for_due_ = true;  // what is due is not only what we know of
  bool reconcile_ = false;    // the last claim may have been committed without our hearing of it
  MonoTime last_claim_{};
  std::optional<WallTime> next_due_;
  std::optional<Duration> wall_ahead_;  // of the monotonic clock, at the last tick
  // Batches whose reason to wait contains one of these are to be due now; "": all. No claim before, unless it failed.
  std::set<std::string> to_hasten_;
  std::set<std::string> back_;  // words of destinations that take mail again; for to_hasten_, in a while
  MonoTime hasten_back_not_before_{};
  MonoTime hasten_not_before_{};
  int hasten_failures_ = 0;
  std::set<std::pair<Id, int>> damaged_told_;  // batches that can be neither read nor parked
  // A page of the database is damaged: until then batches are claimed one by one, but for those.
  MonoTime one_by_one_until_{};
  std::set<storage::Place> passed_over_;
  int damage_in_a_row_ = 0;
  std::atomic<bool> stands_still_{false};
  bool due_trusted_ = false;  // was looked at since the start
  std::vector<Id> expanding_;
  bool expansion_underway_ = false;
  // Posts that cannot be put into batches for what the database has of them. Looks name them, too.
  struct NotExpandable {
    int failures = 0;
    MonoTime not_before{};
  };
  std::map<Id, NotExpandable> not_expandable_;
  struct Saturated {
    std::set<std::string> domains;
    Saturation how = Saturation::kFull;
  };
  std::map<std::string, Saturated> saturated_;  // by key
  LeftToOthers left_to_others_;
  bool left_enough_ = false;        // for a class not to be claimed now (ClaimRequest::left_enough)
  bool passed_over_small_ = false;  // small posts for those were left in the database for want of room
  Suspensions suspensions_;         // by the operator
  std::vector<storage::SuspensionRecord> suspensions_known_;  // as read last
  MonoTime suspensions_next_{};                               // when the table is looked at again
  std::uint64_t suspensions_asked_ = 0;                       // how often
  std::uint64_t suspensions_version_ = 0;
  bool suspensions_unread_ = false;  // as they are now: to be tried again
  bool dropping_expired_ = false;
  struct Departures {
    std::int64_t since =
        0;  // the list's revision when it was last asked: who left later is not in `left` yet
    Departed left;
  };
  std::map<Id, Departures> departures_;  // of lists with open batches
  bool looking_for_departures_ = false;
  MonoTime departures_next_{};
  std::set<OpenBatch*> to_save_;
  MonoTime last_save_{}, save_timer_at_{};
  SaveWatch save_watch_;
  std::size_t unsaved_in_saves_ = 0;  // outcomes in saves that are under way
  MonoTime pause_told_at_{};
  std::atomic<MonoTime> paused_since_{};  // this one and the next: of the present pause, or the last
  std::atomic<bool> pause_told_{false};
  std::uint64_t commits_at_pause_ = 0;  // of the database
  std::uint64_t pauses_ = 0;            // since one was told
  std::list<RecallOp> recalls_;
  bool asking_held_ = false;               // which of our posts are held
  std::optional<MonoTime> ask_held_next_;  // since some were, or one may have been missed
  log::Once claim_trouble_, save_trouble_, suspension_trouble_, held_trouble_;

  std::vector<int> nodes_serving_;     // none: a node alone
  std::optional<MonoTime> big_since_;  // there are big batches to share
  bool resting_ = false;               // an operator wants no work done here
  bool draining_ = false;
  bool aborted_ = false;
  bool ended_ = false;
  MonoTime drain_deadline_{};
  std::function<void()> drained_;

  std::unique_ptr<net::Timer> claim_timer_, due_timer_, save_timer_, tick_timer_, expand_timer_;
  std::shared_ptr<int> alive_ = std::make_shared<int>(0);
};

}  // namespace essaim::delivery
