#include "delivery/save.h"

#include "storage/late_store.h"

namespace essaim::delivery {
namespace {

constexpr std::size_t kMostBatches = 32, kMostFailures = 1000;  // in a transaction

bool same_end(const storage::BatchRecord& stored, const storage::BatchRecord& wanted) {
  // What waits may have become due since, there or in our hands.
  const auto open = [](storage::BatchQueue queue) {
    return queue == storage::BatchQueue::kWaiting || queue == storage::BatchQueue::kReady;
  };
  return (stored.queue == wanted.queue || (open(stored.queue) && open(wanted.queue))) &&
         stored.delivered == wanted.delivered && stored.failed == wanted.failed &&
         stored.suppressed == wanted.suppressed && stored.pending == wanted.pending;
}

std::vector<Failure> failures_of(const SaveItem& item, const storage::BatchRecord* stored) {
  std::vector<Failure> failures;
  for (const UnsavedPart::FailedOne& failed : item.part.failures) {
    if (stored != nullptr && failed.index < stored->progress.recipients.size() &&
        stored->progress.recipients[failed.index].state == storage::RecipientState::kFailed)
      continue;  // it was told by the save that we did not hear from
    Failure failure;
    failure.post = &item.batch->post->post;
    failure.recipient = item.batch->recipients[failed.index];
    if (failed.reply) failure.reply = *failed.reply;
    const storage::MarkedHost host = storage::split_host(failed.host);
    failure.host = host.host;
    failure.about_message = host.about_message;
    failures.push_back(std::move(failure));
  }
  return failures;
}

}  // namespace

std::vector<std::vector<OpenBatch*>> in_transactions(const std::vector<OpenBatch*>& batches) {
  std::vector<std::vector<OpenBatch*>> all;
  std::size_t failures = 0;
  for (OpenBatch* batch : batches) {
    const std::size_t its = batch->unsaved_failures();
    if (all.empty() || all.back().size() == kMostBatches || failures + its > kMostFailures) {
      all.emplace_back();
      failures = 0;
    }
    all.back().push_back(batch);
    failures += its;
  }
  return all;
}

bool is_about_the_work(const Error& error) {
  switch (error.code) {
    case ErrorCode::kInvalid:
    case ErrorCode::kNotFound:
    case ErrorCode::kExists:
    case ErrorCode::kConflict:
    case ErrorCode::kDamaged:
    case ErrorCode::kInternal:
      return true;
    default:
      return false;
  }
}

Result<void> run_saves(storage::Connection& connection, storage::Fence fence,
                       const std::vector<SaveItem>& items, FailureListener& listener,
                       std::vector<bool>* conflicts) {
  conflicts->assign(items.size(), false);
  storage::BatchStore batches(connection);
  for (std::size_t i = 0; i < items.size(); ++i) {
    const SaveItem& item = items[i];
    std::optional<storage::BatchRecord> stored;
    if (item.retried) {
      Result<std::optional<storage::BatchRecord>> loaded =
          batches.load(item.record.post_id, item.record.number, true);
      // A row that is damaged says nothing, and is written anew.
      if (!loaded.ok() && loaded.error().code != ErrorCode::kDamaged) return loaded.error();
      if (loaded.ok()) stored = std::move(*loaded);
      if (stored && stored->queue != storage::BatchQueue::kOwned && same_end(*stored, item.record)) continue;
    }
    Result<void> saved = batches.save(fence, item.record);
    if (!saved.ok()) {
      if (saved.error().code != ErrorCode::kConflict) return saved;
      (*conflicts)[i] = true;
      // Who has it now must know what was delivered here.
      ESSAIM_TRY(storage::LateStore(connection)
                     .keep(fence, item.record.post_id, item.record.number, item.record.progress));
      continue;
    }
    if (item.part.failures.empty() || item.without_listener) continue;
    const std::vector<Failure> failures = failures_of(item, stored ? &*stored : nullptr);
    if (!failures.empty()) ESSAIM_TRY(listener.on_failures(connection, failures));
  }
  return {};
}

}  // namespace essaim::delivery
