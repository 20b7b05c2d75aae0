#include "storage/late_store.h"

#include <algorithm>

#include "core/base/counters.h"
#include "core/base/log.h"
#include "storage/batch_progress.h"
#include "storage/sql.h"

namespace essaim::storage {

namespace {

constexpr std::size_t kMergedTogether = 50;

struct Merge {
  bool changed = false;
  int duplicates = 0;
};

Merge merge(const BatchProgress& late, BatchRecord* batch) {
  Merge merge;
  BatchProgress& progress = batch->progress;
  progress.recipients.resize(batch->recipients.size());
  Interned replies(&progress.replies), hosts(&progress.hosts);
  const std::size_t count = std::min(late.recipients.size(), progress.recipients.size());
  for (std::size_t i = 0; i < count; ++i) {
    const RecipientStatus& theirs = late.recipients[i];
    RecipientStatus& ours = progress.recipients[i];
    if (theirs.state != RecipientState::kDelivered) continue;
    if (ours.state == RecipientState::kDelivered) {
      if (ours.time != theirs.time || progress.hosts[ours.host] != late.hosts[theirs.host])
        ++merge.duplicates;
      continue;
    }
    ours = theirs;
    ours.reply = replies.index(late.replies[theirs.reply]);
    ours.host = hosts.index(late.hosts[theirs.host]);
    merge.changed = true;
  }
  if (merge.changed) recount(batch);
  return merge;
}

// The late deliveries alone, with the texts that they use.
BatchProgress delivered_of(const BatchProgress& progress) {
  BatchProgress out;
  out.recipients.resize(progress.recipients.size());
  Interned replies(&out.replies), hosts(&out.hosts);
  for (std::size_t i = 0; i < progress.recipients.size(); ++i) {
    const RecipientStatus& one = progress.recipients[i];
    if (one.state != RecipientState::kDelivered) continue;
    out.recipients[i] = one;
    out.recipients[i].reply = replies.index(progress.replies[one.reply]);
    out.recipients[i].host = hosts.index(progress.hosts[one.host]);
  }
  return out;
}

// What is damaged of it is lost; the rest goes on.
void log_damaged(Id post_id, int number, const Error& error) {
  log::error("late-outcome.damaged",
             {{"id", format_id(post_id)}, {"batch", number}, {"error", error.message}});
}

bool any_delivered(const BatchProgress& progress) {
  return std::any_of(progress.recipients.begin(), progress.recipients.end(),
                     [](const RecipientStatus& one) { return one.state == RecipientState::kDelivered; });
}

}  // namespace

Result<void> LateStore::keep(Fence loser, Id post_id, int number, const BatchProgress& progress) {
  if (!any_delivered(progress)) return {};
  BatchProgress late = delivered_of(progress);
  auto known = sql::prepare(
      connection_,
      "SELECT progress FROM late_outcome WHERE post_id = ? AND number = ? AND node = ? AND epoch = ?",
      post_id, number, loser.owner, loser.epoch);
  if (!known.ok()) return known.error();
  auto row = (*known)->step();
  if (!row.ok()) return row.error();
  if (!*row) {
    ESSAIM_TRY(
        sql::run(connection_,
                 "INSERT INTO late_outcome (post_id, number, node, epoch, progress) VALUES (?, ?, ?, ?, ?)",
                 post_id, number, loser.owner, loser.epoch, sql::Blob{encode_progress(late)}));
    return {};
  }
  BatchRecord both;
  both.recipients.resize(late.recipients.size());
  auto before = decode_progress((*known)->text(0), late.recipients.size());
  if (before.ok()) {
    both.progress = std::move(*before);
  } else {
    log_damaged(post_id, number, before.error());
  }
  if (!merge(late, &both).changed) return {};
  ESSAIM_TRY(sql::run(
      connection_,
      "UPDATE late_outcome SET progress = ? WHERE post_id = ? AND number = ? AND node = ? AND epoch = ?",
      sql::Blob{encode_progress(both.progress)}, post_id, number, loser.owner, loser.epoch));
  return {};
}

Result<bool> LateStore::any() {
  auto found = sql::number(connection_, 0, "SELECT COUNT(*) FROM (SELECT 1 FROM late_outcome LIMIT 1) l");
  if (!found.ok()) return found.error();
  return *found > 0;
}

Result<bool> LateStore::merge_into(BatchRecord* batch) {
  auto statement = sql::prepare(
      connection_, "SELECT progress FROM late_outcome WHERE post_id = ? AND number = ? ORDER BY node, epoch",
      batch->post_id, batch->number);
  if (!statement.ok()) return statement.error();
  Merge all;
  bool found = false;
  for (;;) {
    auto row = (*statement)->step();
    if (!row.ok()) return row.error();
    if (!*row) break;
    found = true;
    auto late = decode_progress((*statement)->text(0), batch->recipients.size());
    if (!late.ok()) {
      log_damaged(batch->post_id, batch->number, late.error());
      continue;
    }
    const Merge one = merge(*late, batch);
    all.changed = all.changed || one.changed;
    all.duplicates += one.duplicates;
  }
  if (!found) return false;
  if (all.duplicates > 0) {
    ESSAIM_TRY(sql::run(connection_,
                        "UPDATE batch_state SET duplicates = duplicates + ? WHERE post_id = ? AND number = ?",
                        all.duplicates, batch->post_id, batch->number));
    log::warning(
        "duplicates",
        {{"id", format_id(batch->post_id)}, {"batch", batch->number}, {"recipients", all.duplicates}});
    // As the log: a transaction that is tried again tells it again. The row is exact.
    count(Counter::kSentTwice, static_cast<std::uint64_t>(all.duplicates));
  }
  ESSAIM_TRY(sql::run(connection_, "DELETE FROM late_outcome WHERE post_id = ? AND number = ?",
                      batch->post_id, batch->number));
  return all.changed;
}

Result<std::vector<LateStore::Key>> LateStore::keys(std::size_t limit) {
  return sql::rows(sql::prepare(connection_,
                                "SELECT DISTINCT l.post_id, l.number FROM late_outcome l JOIN batch_state s "
                                "ON s.post_id = l.post_id AND s.number = l.number WHERE s.owner = 0 LIMIT ?",
                                limit),
                   [](Statement& row) {
                     return Key{row.integer(0), static_cast<int>(row.integer(1))};
                   });
}

Result<void> LateStore::forget_orphans() {
  ESSAIM_TRY(sql::run(connection_,
                      "DELETE FROM late_outcome WHERE NOT EXISTS (SELECT 1 FROM batch b "
                      "WHERE b.post_id = late_outcome.post_id AND b.number = late_outcome.number)"));
  return {};
}

namespace {

Result<std::size_t> merge_some(Connection& connection) {
  LateStore late(connection);
  ESSAIM_TRY(late.forget_orphans());
  auto keys = late.keys(kMergedTogether);
  if (!keys.ok()) return keys.error();
  BatchStore batches(connection);
  for (const LateStore::Key& key : *keys) {
    auto loaded = batches.load(key.post_id, key.number, true);
    if (!loaded.ok() && loaded.error().code != ErrorCode::kDamaged) return loaded.error();
    if (!loaded.ok() || !loaded->has_value()) {
      ESSAIM_TRY(sql::run(connection, "DELETE FROM late_outcome WHERE post_id = ? AND number = ?",
                          key.post_id, key.number));
      continue;
    }
    BatchRecord batch = std::move(**loaded);
    auto changed = late.merge_into(&batch);
    if (!changed.ok()) return changed.error();
    if (!*changed) continue;
    if (batch.pending == 0) batch.queue = BatchQueue::kFinished;
    ESSAIM_TRY(batches.save_unowned(batch));
  }
  return keys->size();
}

}  // namespace

Job make_late_outcomes_job() {
  Job job;
  job.name = "late-outcomes";
  job.interval = std::chrono::minutes(1);
  job.run = [](Database& database) -> Result<std::string> {
    std::size_t total = 0;
    for (std::size_t some = 1; some > 0; total += some) {
      auto merged = database.write_now(Durability::kAccept, merge_some);
      if (!merged.ok()) return merged.error();
      some = *merged;
    }
    return "batches merged: " + std::to_string(total);
  };
  return job;
}

}  // namespace essaim::storage
