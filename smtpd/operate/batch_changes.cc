#include "smtpd/operate/batch_changes.h"

#include "storage/batch_progress.h"

namespace essaim::smtpd::operate {

using storage::BatchQueue;
using storage::BatchRecord;
using storage::RecipientMatch;
using storage::RecipientState;

int suppress(BatchRecord* batch, const RecipientMatch& match, const std::string& reason, WallTime accepted,
             WallTime now) {
  auto& progress = batch->progress;
  if (progress.recipients.empty()) progress.recipients.resize(batch->recipients.size());
  std::uint32_t reply = 0;
  int changed = 0;
  for (std::size_t i = 0; i < batch->recipients.size(); ++i) {
    auto& status = progress.recipients[i];
    if (storage::is_final(status.state) || (match.any() && !match.matches(batch->recipients[i]))) continue;
    if (reply == 0) {
      progress.replies.push_back(reason);
      reply = static_cast<std::uint32_t>(progress.replies.size() - 1);
    }
    status.state = RecipientState::kSuppressed;
    status.reply = reply;
    status.host = 0;
    status.time = storage::seconds_since(accepted, now);
    ++changed;
  }
  batch->suppressed += changed;
  batch->pending -= changed;
  if (batch->pending == 0) {
    batch->queue = BatchQueue::kFinished;
    batch->why.clear();
  }
  return changed;
}

std::int64_t end_pauses(BatchRecord* batch, const RecipientMatch& match) {
  auto& progress = batch->progress;
  storage::Interned hosts(&progress.hosts);
  std::int64_t sum = 0;
  for (std::size_t i = 0; i < progress.recipients.size(); ++i) {
    storage::RecipientStatus& status = progress.recipients[i];
    if (status.state != RecipientState::kDeferred || status.attempts == 0) continue;
    const std::string host = progress.hosts[status.host];
    if (storage::split_host(host).with_its_batch) continue;
    if (match.any() && !match.matches(batch->recipients[i])) continue;
    status.host = hosts.index(host + std::string(storage::kWithItsBatch));
    ++sum;
  }
  return sum;
}

std::int64_t waiting_in(const BatchRecord& batch, const RecipientMatch& match) {
  if (!match.any()) return batch.pending;
  std::int64_t sum = 0;
  for (std::size_t i = 0; i < batch.recipients.size(); ++i) {
    const bool pending =
        batch.progress.recipients.empty() || !storage::is_final(batch.progress.recipients[i].state);
    sum += pending && match.matches(batch.recipients[i]) ? 1 : 0;
  }
  return sum;
}

}  // namespace essaim::smtpd::operate
