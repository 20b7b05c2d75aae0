// Of QueueManager: what goes to the database. Saves are grouped; one of a batch at a time.
#include <algorithm>
#include <utility>

#include "core/base/crash_point.h"
#include "core/base/random.h"
#include "delivery/queue_manager.h"
#include "storage/batch_store.h"
#include "storage/node_store.h"

namespace essaim::delivery {
namespace {

// The first save after a pause goes at once, those that follow at this interval together.
constexpr Duration kGroupFor = std::chrono::milliseconds(20);
constexpr int kRefusalsUntilAlone = 5;  // by the failure listener

}  // namespace

void QueueManager::save_soon(OpenBatch* batch) {
  to_save_.insert(batch);
  const MonoTime together = draining_ || last_save_ == MonoTime{} ? MonoTime{} : last_save_ + kGroupFor;
  save_by(std::max(together, batch->not_before));
}

// One that waits longer, as the database has not taken it, keeps no other.
void QueueManager::save_by(MonoTime then) {
  if (!save_timer_ || (save_timer_->active() && save_timer_at_ <= then)) return;
  save_timer_at_ = then;
  save_timer_->start(std::max(Duration{}, Duration(then - clock_.mono_now())));
}

void QueueManager::save_now() {
  if (!fabric_.may_act()) return;  // the journal has it; lease_again() goes on with it
  std::vector<OpenBatch*> group;
  std::vector<OpenBatch*> batches(to_save_.begin(), to_save_.end());
  to_save_.clear();
  const MonoTime now = clock_.mono_now();
  last_save_ = now;
  MonoTime next = MonoTime::max();
  for (OpenBatch* batch : batches) {
    if (batch->saving) continue;  // saved() looks at it again
    if (batch->not_before > now) {
      to_save_.insert(batch);
      next = std::min(next, batch->not_before);
      continue;
    }
    // One that failed goes alone, so that it does not take others with it.
    if (batch->save_failures > 0) {
      submit({batch});
      continue;
    }
    group.push_back(batch);
  }
  for (std::vector<OpenBatch*>& together : in_transactions(group)) submit(std::move(together));
  if (next != MonoTime::max()) save_by(next);
}

void QueueManager::submit(std::vector<OpenBatch*> batches) {
  auto items = std::make_shared<std::vector<SaveItem>>();
  for (OpenBatch* batch : batches) {
    SaveItem item;
    item.batch = batch->batch();
    batch->saving = true;
    batch->releasing = batch->idle();
    item.record = batch->releasing ? end_of(*batch) : batch->progress_record();
    item.part = batch->take_unsaved();
    unsaved_in_saves_ += item.part.outcomes;
    batch->first_unsaved = MonoTime{};
    item.retried = batch->was_retried;
    item.without_listener = batch->refusals >= kRefusalsUntilAlone;
    items->push_back(std::move(item));
  }
  auto conflicts = std::make_shared<std::vector<bool>>();
  save_watch_.begun(clock_.mono_now());
  write(
      [this, items, conflicts,
       fence = storage::Fence{node_.number, node_.epoch}](storage::Connection& connection) -> Result<void> {
        ESSAIM_TRY(run_saves(connection, fence, *items, failures_, conflicts.get()));
        ESSAIM_CRASH_POINT("save.before-commit");
        return {};
      },
      [this, items, conflicts](const Result<void>& outcome) { saved(items, *conflicts, outcome); });
}

void QueueManager::saved(const std::shared_ptr<std::vector<SaveItem>>& items,
                         const std::vector<bool>& conflicts, const Result<void>& outcome) {
  if (outcome.ok()) ESSAIM_CRASH_POINT("save.after-commit");
  for (const SaveItem& item : *items) unsaved_in_saves_ -= item.part.outcomes;
  save_ended(outcome.ok() || is_about_the_work(outcome.error()) || fails_alone(*items, outcome.error()));
  std::uint64_t count = 0;
  if (!outcome.ok()) {
    if (save_trouble_.again())
      log::error("save-failed", {{"error", std::string_view(outcome.error().message)}});
  } else if (save_trouble_.over(&count)) {
    log::info("save-works-again", {{"failures", count}});
  }
  std::vector<SaveItem> doubted;
  for (std::size_t i = 0; i < items->size(); ++i) {
    SaveItem& item = (*items)[i];
    const auto found = open_.find(item.batch.get());
    if (found == open_.end()) continue;
    OpenBatch* batch = found->second.get();
    if (outcome.ok() && conflicts[i] && !batch->lost) {
      batch->doubted = true;  // and still counts as being saved
      doubted.push_back(std::move(item));
      continue;
    }
    batch->saving = false;
    if (!outcome.ok()) {
      if (is_about_the_work(outcome.error()) && items->size() == 1) {
        if (++batch->refusals == kRefusalsUntilAlone)
          log::error("failures-not-reported", {{"id", format_id(batch->post().id)},
                                               {"batch", batch->record().number},
                                               {"error", std::string_view(outcome.error().message)}});
      }
      batch->was_retried = true;
      save_again(batch, std::move(item.part));
      continue;
    }
    segments_done(item.part);
    batch->save_failures = 0;
    batch->refusals = 0;
    batch->was_retried = false;
    batch->not_before = MonoTime{};
    if (conflicts[i]) {
      lost(batch);
      continue;
    }
    if (batch->releasing) {
      const storage::BatchRecord& record = item.record;
      if (record.queue == storage::BatchQueue::kWaiting && (!next_due_ || record.due < *next_due_)) {
        next_due_ = record.due;
        schedule_due();
      }
      if (batch->for_others) leave_to_others(record);
      if (record.queue == storage::BatchQueue::kReady)
        maybe_more_[static_cast<std::size_t>(Budget::class_of(record.priority))] = true;
      close(batch);
    } else {
      look_at(batch);
    }
  }
  if (!doubted.empty()) ask_whose(std::move(doubted));
  check_recalls();
  check_drain();
}

void QueueManager::save_again(OpenBatch* batch, UnsavedPart part) {
  batch->give_back(std::move(part));
  ++batch->save_failures;
  const double seconds = std::min(30.0, static_cast<double>(1 << std::min(batch->save_failures, 6)) / 2.0);
  const auto delay = Duration(static_cast<Duration::rep>(seconds * (0.5 + random_fraction()) * 1e9));
  batch->not_before = clock_.mono_now() + delay;
  save_soon(batch);
}

// A host of the database that lags does not know yet that we own what we have claimed at another one. Who took it for lost would
// leave it as ours for ever, with what is still to go.
void QueueManager::ask_whose(std::vector<SaveItem> items) {
  auto doubted = std::make_shared<const std::vector<SaveItem>>(std::move(items));
  auto whose = std::make_shared<Whose>();
  database_.read_latest(
      [doubted, whose, shared = shared(),
       fence = storage::Fence{node_.number, node_.epoch}](storage::Connection& connection) -> Result<void> {
        *whose = Whose();
        for (const SaveItem& item : *doubted) {
          Result<bool> owns =
              storage::BatchStore(connection).owns(fence, item.record.post_id, item.record.number);
          if (!owns.ok()) return owns.error();
          whose->ours.push_back(*owns);
        }
        if (!shared) return {};
        Result<bool> runs = storage::NodeStore(connection).is_running({fence.owner, fence.epoch});
        if (!runs.ok()) return runs.error();
        whose->epoch_over = !*runs;
        return {};
      },
      hop([this, doubted, whose](const Result<void>& outcome) { told_whose(*doubted, *whose, outcome); }));
}

void QueueManager::told_whose(const std::vector<SaveItem>& items, const Whose& whose,
                              const Result<void>& outcome) {
  if (outcome.ok() && whose.epoch_over) end_lease();
  if (!outcome.ok() && save_trouble_.again())
    log::error("save-failed", {{"error", std::string_view(outcome.error().message)}});
  for (std::size_t i = 0; i < items.size(); ++i) {
    const auto found = open_.find(items[i].batch.get());
    if (found == open_.end()) continue;
    OpenBatch* batch = found->second.get();
    batch->saving = false;
    batch->doubted = false;
    if (!outcome.ok() || whose.ours[i]) {
      // No save before was committed, and a row that looks as if one had been is only an old one.
      if (outcome.ok()) batch->was_retried = false;
      save_again(batch, items[i].part);
      continue;
    }
    segments_done(items[i].part);
    maybe_more_[static_cast<std::size_t>(Budget::class_of(batch->priority()))] = true;
    lost(batch);
  }
  check_recalls();
  check_drain();
}

// What was delivered of it is kept for its new owner with each save, until nothing is out any more.
void QueueManager::lost(OpenBatch* batch) {
  const bool first = !std::exchange(batch->lost, true);
  if (first)
    log::warning("batch-lost", {{"id", format_id(batch->post().id)},
                                {"batch", batch->record().number},
                                {"why", "another node owns it"}});
  if (batch->idle() && batch->unsaved() == 0) return close(batch);
  if (first && !batch->idle()) {
    auto filter = std::make_shared<RecallFilter>();
    filter->batches.insert(batch->batch().get());
    give_back(std::move(filter));
  }
  look_at(batch);
}

void QueueManager::segments_done(const UnsavedPart& part) {
  for (const auto& [segment, count] : part.segments)
    if (segment.first >= 0 && static_cast<std::size_t>(segment.first) < journals_.size())
      journals_[static_cast<std::size_t>(segment.first)]->segment_done(segment.second, count);
}

}  // namespace essaim::delivery
