#include "delivery/queue_manager.h"

#include <algorithm>

#include "delivery/recorder.h"
#include "delivery/retry.h"
#include "storage/node_store.h"

namespace essaim::delivery {
namespace {

constexpr std::size_t kSaveAfter = 500;  // outcomes; of a batch that is not through sooner than
constexpr Duration kSoonThrough = std::chrono::milliseconds(250);
constexpr Duration kSaveAfterTime = std::chrono::seconds(2);
constexpr Duration kTick = std::chrono::milliseconds(250);
constexpr Duration kGivenBackFor = std::chrono::seconds(30);
constexpr Duration kLookAtSuspended = std::chrono::minutes(5);

}  // namespace

QueueManager::QueueManager(std::shared_ptr<net::EventLoop> loop, const Parts& parts,
                           std::shared_ptr<const EngineSettings> settings)
    : loop_(std::move(loop)),
      database_(parts.database),
      node_(parts.node),
      clock_(parts.clock),
      fabric_(parts.fabric),
      failures_(parts.failures),
      journals_(parts.journals),
      settings_(std::move(settings)),
      cache_(std::make_shared<PostCache>(settings_->post_memory)),
      budget_(settings_->active_batches) {}

QueueManager::~QueueManager() = default;

void QueueManager::begin() {
  claim_timer_ = std::make_unique<net::Timer>(*loop_, [this] { claim_now(); });
  due_timer_ = std::make_unique<net::Timer>(*loop_, [this] {
    maybe_more_.fill(true);
    look_for_due_ = true;
    claim_now();
  });
  save_timer_ = std::make_unique<net::Timer>(*loop_, [this] { save_now(); });
  tick_timer_ = std::make_unique<net::Timer>(*loop_, [this] { tick(); });
  expand_timer_ = std::make_unique<net::Timer>(*loop_, [this] { expand_next(); });
  tick_timer_->start(kTick);
  claim_soon();
}

void QueueManager::end() {
  claim_timer_.reset();
  due_timer_.reset();
  save_timer_.reset();
  tick_timer_.reset();
  expand_timer_.reset();
  ended_ = true;
  recalls_.clear();  // no pass comes back any more; who waits for one hears it by the end of its `then`
}

void QueueManager::ring() {
  if (ring_posted_.exchange(true)) return;
  loop_->post([this, alive = std::weak_ptr<int>(alive_)] {
    if (alive.expired() || ended_) return;
    ring_posted_ = false;
    maybe_more_.fill(true);
    look_for_unexpanded_ = true;
    look_for_due_ = true;
    claim_soon();
  });
}

void QueueManager::take_notes(std::vector<Note> notes) {
  std::lock_guard lock(inbox_mutex_);
  inbox_.insert(inbox_.end(), std::make_move_iterator(notes.begin()), std::make_move_iterator(notes.end()));
  if (inbox_posted_) return;
  inbox_posted_ = true;
  loop_->post([this, alive = std::weak_ptr<int>(alive_)] {
    if (!alive.expired() && !ended_) apply_notes();
  });
}

void QueueManager::destination_saturated(const std::string& key, std::set<std::string> domains,
                                         Saturation saturation) {
  loop_->post(
      [this, alive = std::weak_ptr<int>(alive_), key, domains = std::move(domains), saturation]() mutable {
        if (alive.expired() || ended_) return;
        const auto known = saturated_.find(key);
        if (known != saturated_.end() && is_elsewhere(known->second.how) && !is_elsewhere(saturation)) {
          left_to_others_.clear();
          maybe_more_.fill(true);
          claim_soon();
        }
        if (saturation != Saturation::kNone) {
          saturated_[key] = {std::move(domains), saturation};
          return;
        }
        saturated_.erase(key);
        maybe_more_.fill(true);
        claim_soon();
      });
}

void QueueManager::destination_back(const std::string& words) {
  loop_->post([this, alive = std::weak_ptr<int>(alive_), words] {
    if (alive.expired() || ended_) return;
    back_.insert(words);  // tick() goes on with it
  });
}

void QueueManager::apply_notes() {
  std::vector<Note> notes;
  {
    std::lock_guard lock(inbox_mutex_);
    notes.swap(inbox_);
    inbox_posted_ = false;
  }
  std::set<OpenBatch*> touched;
  for (const Note& note : notes) {
    const auto found = open_.find(note.batch.get());
    if (found == open_.end()) {
      // Of a batch that somebody else has now: the journal keeps nothing for it.
      if (note.kind != Outcome::Kind::kReturned && note.loop >= 0 &&
          static_cast<std::size_t>(note.loop) < journals_.size())
        journals_[static_cast<std::size_t>(note.loop)]->segment_done(note.segment, note.indices.size());
      continue;
    }
    OpenBatch* batch = found->second.get();
    if (note.kind != Outcome::Kind::kReturned) save_watch_.happened(note.indices.size());
    if (const auto put_off = batch->apply(note); !put_off.empty()) log_put_off(note, put_off);
    if (batch->for_others && batch->for_others_since == MonoTime{})
      batch->for_others_since = clock_.mono_now();
    touched.insert(batch);
  }
  for (OpenBatch* batch : touched) look_at(batch);
  watch_saves();
  check_recalls();
  check_drain();
}

void QueueManager::look_at(OpenBatch* batch) {
  if (batch->some_departed && !batch->may_be_released()) suppress_departed(batch, clock_.wall_now());
  set_units(batch);
  const MonoTime now = clock_.mono_now();
  if (batch->unsaved() > 0 && batch->first_unsaved == MonoTime{}) batch->first_unsaved = now;
  if (batch->saving) return;
  const bool many = batch->unsaved() >= kSaveAfter && now - batch->first_unsaved >= kSoonThrough;
  if (batch->idle() || many) save_soon(batch);
}

void QueueManager::set_units(OpenBatch* batch) {
  const std::size_t units = Budget::units(batch->batch()->recipients.size(), batch->out());
  if (units == batch->units) return;
  budget_.remove(batch->priority(), batch->units);
  budget_.add(batch->priority(), units);
  const bool smaller = units < batch->units;
  batch->units = units;
  if (smaller) claim_soon(std::chrono::milliseconds(2));
}

// When the first of its recipients may go. Where the suspensions have changed meanwhile, those that were kept may go now.
storage::BatchRecord QueueManager::end_of(const OpenBatch& batch) const {
  const WallTime now = clock_.wall_now();
  OpenBatch::Release end;
  if (batch.finished()) {
    end.queue = storage::BatchQueue::kFinished;
    return batch.release_record(end);
  }
  std::optional<WallTime> due;
  const auto not_after = [&due](WallTime time) { due = due ? std::min(*due, time) : time; };
  if (const auto next = batch.next_due(pauses(), now))
    not_after(due_after_release(now, *next, suspension_step(settings_->retry_initial)));
  if (batch.returned_any()) not_after(now);
  if (batch.kept_any()) {
    not_after(batch.suspensions_seen != suspensions_version_ ? now : rounded_due(now, kLookAtSuspended));
    if (batch.kept_until != WallTime{}) not_after(batch.kept_until);
  }
  end.due = due.value_or(now);
  if (batch.given_back) end.due = std::max(end.due, rounded_due(now, kGivenBackFor));
  // What expires while it waits is looked at when it has expired.
  end.due = std::max(now, std::min(end.due, batch.post().expires));
  end.queue = end.due > now ? storage::BatchQueue::kWaiting : storage::BatchQueue::kReady;
  // So that nobody waits for us to take it first.
  if (batch.for_others && end.queue == storage::BatchQueue::kReady) end.due = now - kStaysAtHome;
  if (batch.given_back) {
    end.why = "its destinations have as much as they can take";
  } else if (end.queue == storage::BatchQueue::kWaiting) {
    end.why = batch.why();
  }
  return batch.release_record(end);
}

RetryPauses QueueManager::pauses() const {
  return {settings_->retry_initial, settings_->retry_max};
}

void QueueManager::close(OpenBatch* batch) {
  budget_.remove(batch->priority(), batch->units);
  to_save_.erase(batch);
  open_.erase(batch->batch().get());
  cache_->trim();
  if (passed_over_small_) {
    passed_over_small_ = false;
    maybe_more_[0] = maybe_more_[1] = true;
  }
  claim_soon(std::chrono::milliseconds(2));
}

bool QueueManager::recalled(const OpenBatch& batch) const {
  if (draining_) return true;
  return std::any_of(recalls_.begin(), recalls_.end(),
                     [&](const RecallOp& op) { return op.filter->matches(*batch.batch()); });
}

void QueueManager::tick() {
  const MonoTime now = clock_.mono_now();
  for (const auto& [key, batch] : open_)
    if (!batch->saving && batch->unsaved() > 0 && now - batch->first_unsaved > kSaveAfterTime)
      save_soon(batch.get());
  watch_saves();
  watch_clock();
  give_back_saturated();
  give_back_for_others();
  hasten_those_back();
  if (!not_expandable_.empty()) expand_those_put_off();
  look_for_departures();
  send_due();
  drop_expired_suspensions();
  look_at_suspensions();
  if (ask_held_next_ && *ask_held_next_ <= now) holds_changed();
  check_recalls();
  check_drain();
  if (big_since_) claim_soon();  // its share grows with time
  if (left_enough_) claim_soon();
  if (!to_hasten_.empty() && now >= hasten_not_before_) claim_soon();
  // Somebody else may have committed work without ringing here: the command line, another process. Among nodes the
  // membership watches for it.
  if (!shared() && !claiming_ && now - last_claim_ > std::chrono::seconds(10)) {
    maybe_more_.fill(true);
    look_for_unexpanded_ = true;
    look_for_due_ = true;
    claim_soon();
  }
  if (tick_timer_) tick_timer_->start(kTick);
}

void QueueManager::reconfigure(std::shared_ptr<const EngineSettings> settings) {
  settings_ = std::move(settings);
  budget_.resize(settings_->active_batches);
  claim_soon();
}

void QueueManager::set_nodes(std::vector<int> serving) {
  nodes_serving_ = std::move(serving);
}

void QueueManager::lease_again() {
  maybe_more_.fill(true);
  look_for_unexpanded_ = true;
  look_for_due_ = true;
  claim_soon();
  save_at_once(to_save_.size());
}

// The time of a machine that its host had paused may have stood still: its lease seems to hold though others have its work. The
// membership's next beat says so, and begins a new epoch.
void QueueManager::end_lease() {
  if (fabric_.lease == nullptr || fabric_.lease->ended()) return;
  fabric_.lease->end();
  log::error("node-lease-ended", {{"node", node_.number}, {"why", "its epoch is over"}});
}

void QueueManager::rest(bool on) {
  if (resting_ == on) return;
  resting_ = on;
  if (on) return recall({}, {});
  lease_again();
}

storage::Done QueueManager::hop(std::function<void(Result<void>)> done) {
  {
    std::lock_guard lock(underway_->mutex);
    ++underway_->works;
  }
  return [this, loop = loop_, underway = underway_, alive = std::weak_ptr<int>(alive_),
          done = std::move(done)](const Result<void>& outcome) {
    loop->post([this, alive, done, outcome] {
      if (!alive.expired() && !ended_) done(outcome);
    });
    std::lock_guard lock(underway->mutex);
    --underway->works;
    underway->done.notify_all();
  };
}

void QueueManager::write(storage::Work work, std::function<void(Result<void>)> done) {
  database_.write(storage::Durability::kProgress, std::move(work), hop(std::move(done)));
}

void QueueManager::wait_for_database() {
  std::unique_lock lock(underway_->mutex);
  underway_->done.wait(lock, [&] { return underway_->works == 0; });
}

}  // namespace essaim::delivery
