// Replays journals into the batches after a restart. File by file, so that memory is bounded by a segment; a
// file goes when its outcomes are committed durably. Interrupted anywhere, it is simply done again: merging
// twice changes nothing.
#include <algorithm>
#include <iterator>
#include <map>
#include <set>
#include <vector>

#include "core/base/crash_point.h"
#include "core/base/log.h"
#include "storage/batch_progress.h"
#include "storage/batch_store.h"
#include "storage/journal/segment_format.h"
#include "storage/late_store.h"
#include "storage/post_again.h"
#include "storage/post_store.h"

namespace essaim::storage {

namespace {

constexpr std::size_t kBatchesPerTransaction = 50;

using Key = std::pair<Id, int>;
using Outcomes = std::map<Key, std::vector<JournalRecord>>;

struct Merged {
  std::size_t outcomes = 0;
  std::size_t duplicates = 0;  // second deliveries to the same recipient, in the journal itself
  std::size_t unknown = 0;     // batches or recipients that are not there
  std::size_t damaged = 0;     // batches whose rows cannot be read

  void add(const Merged& other) {
    outcomes += other.outcomes;
    duplicates += other.duplicates;
    unknown += other.unknown;
    damaged += other.damaged;
  }
};

// Delivered wins over failed wins over deferred; among deferrals the later one, so that one that is known, or older than what is
// known (an operator's retry), changes nothing.
bool replaces(const RecipientStatus& now, const JournalRecord& record, std::uint32_t time) {
  switch (record.state) {
    case RecipientState::kDelivered:
      return now.state != RecipientState::kDelivered;
    case RecipientState::kFailed:
    case RecipientState::kSuppressed:
      return !is_final(now.state) && !is_old_news(now, time);
    case RecipientState::kDeferred:
      return !is_final(now.state) && (now.state == RecipientState::kPending || time > now.time);
    case RecipientState::kPending:
      return false;
  }
  return false;
}

// The journal counts the rounds of the batch, and that is not how often a recipient who waits was tried.
std::uint16_t attempts_after(const RecipientStatus& now, const JournalRecord& record) {
  if (record.state != RecipientState::kDeferred) return record.attempts;
  return static_cast<std::uint16_t>(std::min(now.attempts + 1, 0xffff));
}

// Applies the records to the batch in memory; true if something changed.
bool apply(BatchRecord* batch, WallTime accepted, const std::vector<JournalRecord>& records, Merged* merged) {
  Interned replies(&batch->progress.replies), hosts(&batch->progress.hosts);
  bool changed = false;
  for (const JournalRecord& record : records) {
    if (record.index >= batch->progress.recipients.size()) {
      ++merged->unknown;
      continue;
    }
    RecipientStatus& status = batch->progress.recipients[record.index];
    const std::uint32_t time = seconds_since(accepted, record.time);
    if (record.state == RecipientState::kDelivered && status.state == RecipientState::kDelivered &&
        status.time != time) {
      ++merged->duplicates;
    }
    if (!replaces(status, record, time)) continue;
    status = {record.state, attempts_after(status, record), time, replies.index(record.reply),
              hosts.index(record.host)};
    ++merged->outcomes;
    changed = true;
  }
  if (changed) recount(batch);
  return changed;
}

// Of whose batches are merged, and how.
struct Run {
  int node;
  std::int64_t epoch;
  const std::set<Key>& untold;
};

std::vector<JournalRecord> without_failures(std::vector<JournalRecord> records) {
  std::erase_if(records, [](const JournalRecord& one) { return one.state == RecipientState::kFailed; });
  return records;
}

Result<void> merge_batch(Connection& connection, const Key& key, const std::vector<JournalRecord>& records,
                         const Run& run, Merged* merged) {
  BatchStore store(connection);
  auto loaded = store.load(key.first, key.second, true);
  auto post = PostStore(connection).find(key.first);
  if (!loaded.ok()) return loaded.error();
  if (!post.ok()) return post.error();
  if (!loaded->has_value() || !post->has_value()) {
    merged->unknown += records.size();
    return {};
  }
  BatchRecord batch = std::move(**loaded);
  const bool stale = batch.owner == run.node && batch.epoch < run.epoch;
  if (batch.owner != 0 && !stale) {
    // Another node has it now, and writes its row from what it has in memory.
    batch.progress = BatchProgress();
    batch.progress.recipients.resize(batch.recipients.size());
    apply(&batch, (*post)->accepted, records, merged);
    return LateStore(connection).keep({run.node, run.epoch}, batch.post_id, batch.number, batch.progress);
  }
  const bool untold = batch.owner == 0 && run.untold.count(key) > 0;
  if (!apply(&batch, (*post)->accepted, untold ? without_failures(records) : records, merged)) return {};
  // What nobody runs any more ends here when nothing is left to do.
  if (batch.pending == 0) batch.queue = BatchQueue::kFinished;
  return batch.owner != 0 ? store.save({batch.owner, batch.epoch}, batch) : store.save_unowned(batch);
}

// In one transaction.
Result<Merged> merge_some(Database& database, Outcomes::const_iterator from, Outcomes::const_iterator to,
                          const Run& run) {
  Merged merged;
  const auto committed = database.write_now(Durability::kAccept, [&](Connection& connection) -> Result<void> {
    merged = Merged();
    for (auto it = from; it != to; ++it)
      ESSAIM_TRY(merge_batch(connection, it->first, it->second, run, &merged));
    ESSAIM_CRASH_POINT("recover.before-commit");
    return {};
  });
  if (!committed.ok()) return committed.error();
  return merged;
}

// One after the other: what cannot be read keeps no other from its outcomes. SQLite writes nothing in a transaction that has met a
// damaged page.
Result<Merged> merge_each(Database& database, Outcomes::const_iterator from, Outcomes::const_iterator to,
                          const Run& run) {
  Merged total;
  for (auto it = from; it != to; ++it) {
    auto merged = merge_some(database, it, std::next(it), run);
    if (merged.ok()) {
      total.add(*merged);
      continue;
    }
    if (merged.error().code != ErrorCode::kDamaged) return merged.error();
    ++total.damaged;
    log::error(
        "journal.batch_damaged",
        {{"id", format_id(it->first.first)}, {"batch", it->first.second}, {"error", merged.error().message}});
  }
  return total;
}

Result<Merged> merge_file(Database& database, const std::string& path, const Run& run) {
  Outcomes outcomes;
  auto end = read_segment(path, [&outcomes](const JournalRecord& record) -> Result<void> {
    outcomes[{record.post_id, record.batch}].push_back(record);
    return {};
  });
  if (!end.ok()) return end.error();
  if (end->torn)
    log::warning("journal.torn", {{"file", path}, {"records", static_cast<std::uint64_t>(end->records)}});
  Merged total;
  for (auto at = outcomes.cbegin(); at != outcomes.cend();) {
    auto next = at;
    for (std::size_t i = 0; i < kBatchesPerTransaction && next != outcomes.cend(); ++i) ++next;
    auto merged = merge_some(database, at, next, run);
    if (!merged.ok() && merged.error().code == ErrorCode::kDamaged)
      merged = merge_each(database, at, next, run);
    if (!merged.ok()) return merged.error();
    ESSAIM_CRASH_POINT("recover.after-commit");
    total.add(*merged);
    at = next;
  }
  return total;
}

}  // namespace

Result<std::size_t> recover_journal(Database& database, const std::string& directory, int node,
                                    std::int64_t epoch, const std::set<std::pair<Id, int>>& untold) {
  auto files = list_segments(directory);
  if (!files.ok()) return files.error();
  Merged total;
  for (const auto& file : *files) {
    auto merged = merge_file(database, file, {node, epoch, untold});
    if (!merged.ok()) return merged.error();
    // What is not in the database is told again by the next start, which may be on a file that was mended.
    if (merged->damaged == 0) ESSAIM_TRY(remove_journal({file}));
    total.add(*merged);
  }
  auto released = release_batches(
      database, [&](BatchStore& batches, Place only) { return batches.release_stale(node, epoch, only); });
  if (!released.ok()) return released.error();
  if (!files->empty() || *released > 0) {
    log::info("journal.recovered_outcomes", {{"segments", static_cast<std::uint64_t>(files->size())},
                                             {"outcomes", static_cast<std::uint64_t>(total.outcomes)},
                                             {"duplicates", static_cast<std::uint64_t>(total.duplicates)},
                                             {"unknown", static_cast<std::uint64_t>(total.unknown)},
                                             {"damaged", static_cast<std::uint64_t>(total.damaged)},
                                             {"batches_released", *released}});
  }
  return total.outcomes;
}

}  // namespace essaim::storage
