#include "storage/batch_store.h"

#include <algorithm>
#include <array>
#include <limits>
#include <optional>
#include <tuple>
#include <utility>

#include "storage/batch_progress.h"
#include "storage/batch_rows.h"
#include "storage/damage.h"
#include "storage/insert_rows.h"
#include "storage/post_filter.h"
#include "storage/queue_load.h"
#include "storage/recipient_key.h"
#include "storage/sql.h"

namespace essaim::storage {

namespace {

Result<void> check_counts(const BatchRecord& b) {
  const bool sums = b.count == b.delivered + b.failed + b.suppressed + b.pending && b.delivered >= 0 &&
                    b.failed >= 0 && b.suppressed >= 0 && b.pending >= 0;
  const bool sized =
      b.progress.recipients.empty() || b.progress.recipients.size() == static_cast<std::size_t>(b.count);
  if (sums && sized) return {};
  return Error{ErrorCode::kInternal, "batch " + format_id(b.post_id) + "/" + std::to_string(b.number) +
                                         ": the counts do not sum up; not saved"};
}

std::int64_t last_outcome(const BatchProgress& progress) {
  std::int64_t last = 0;
  for (const auto& r : progress.recipients) last = std::max<std::int64_t>(last, r.time);
  return last;
}

// In a file nothing is replicated and a row costs some microseconds: the writer is others' again after some 50 ms.
constexpr std::int64_t kHastenedTogetherInFile = 5000;

std::int64_t hastened_together(const Connection& connection) {
  return connection.dialect() == Dialect::kSqlite ? kHastenedTogetherInFile : BatchStore::kHastenedTogether;
}

std::string progress_blob(const BatchProgress& progress) {
  return progress.recipients.empty() ? std::string() : encode_progress(progress);
}

constexpr std::string_view kReleased = "queue = 1, owner = 0, epoch = 0";
constexpr std::int64_t kLatestTime =
    253'402'300'799'999;  // the end of the year 9999: what is later is no time

constexpr std::string_view kSave =
    "UPDATE batch_state SET queue = ?, priority = ?, order_rank = ?, due = ?, destination = ?, owner = ?, "
    "epoch = ?, "
    "attempts = ?, delivered = ?, failed = ?, suppressed = ?, pending = ?, last_outcome = ?, why = ?, "
    "progress = ? "
    "WHERE post_id = ? AND number = ? AND owner = ?";

Result<void> save_as(Connection& connection, const Fence* fence, const BatchRecord& b) {
  ESSAIM_TRY(check_counts(b));
  const bool keeps = fence != nullptr && b.queue == BatchQueue::kOwned;
  if (fence == nullptr && b.queue == BatchQueue::kOwned) {
    return Error{ErrorCode::kInternal, "a batch that nobody owns cannot be saved as owned"};
  }
  const std::string sql = std::string(kSave) + (fence != nullptr ? " AND epoch = ?" : "");
  auto statement = sql::prepare(connection, sql, b.queue, b.priority, b.rank, b.due, b.destination,
                                keeps ? fence->owner : 0, keeps ? fence->epoch : 0, b.attempts, b.delivered,
                                b.failed, b.suppressed, b.pending, last_outcome(b.progress), b.why,
                                sql::Blob{progress_blob(b.progress)}, b.post_id, b.number,
                                fence != nullptr ? fence->owner : 0);
  if (!statement.ok()) return statement.error();
  if (fence != nullptr) (*statement)->bind(19, fence->epoch);
  auto matched = (*statement)->run();
  if (!matched.ok()) return matched.error();
  if (*matched == 1) return {};
  return Error{ErrorCode::kConflict, "batch " + format_id(b.post_id) + "/" + std::to_string(b.number) +
                                         (fence != nullptr ? " is no longer ours" : " is owned by a node")};
}

// The lowest and the highest key among them, by which a batch is found that holds an address.
std::pair<std::string, std::string> key_range(const std::vector<BatchRecipient>& recipients) {
  std::string first = recipient_key(recipients.front()), last = first;
  for (const auto& recipient : recipients) {
    std::string key = recipient_key(recipient);
    if (key < first)
      first = std::move(key);
    else if (last < key)
      last = std::move(key);
  }
  return {std::move(first), std::move(last)};
}

// Whether somebody who is searched for still waits in it: what has been delivered is not asked for. kDamaged, naming it.
Result<bool> still_has(BatchStore& store, Id post_id, int number, const RecipientMatch& match) {
  auto loaded = store.load(post_id, number, true);
  if (!loaded.ok()) return loaded.error();
  if (!loaded->has_value()) return false;
  const BatchRecord& batch = **loaded;
  for (std::size_t i = 0; i < batch.recipients.size(); ++i) {
    const RecipientState state = batch.progress.recipients[i].state;
    if ((state == RecipientState::kPending || state == RecipientState::kDeferred) &&
        match.matches(batch.recipients[i])) {
      return true;
    }
  }
  return false;
}

constexpr std::array kUnfinished = {BatchQueue::kReady, BatchQueue::kWaiting, BatchQueue::kOwned,
                                    BatchQueue::kHeld};

BatchRecord unreadable(const DamagedBatch& name, BatchQueue queue) {
  BatchRecord batch;
  batch.post_id = name.post_id;
  batch.number = name.number;
  batch.queue = queue;
  batch.why = "damaged: " + name.why;
  batch.unread = true;
  return batch;
}

// By due time, as a search gives them.
void keep_first(std::vector<BatchRecord>* batches, std::size_t most) {
  std::sort(batches->begin(), batches->end(), [](const BatchRecord& a, const BatchRecord& b) {
    return std::tie(a.due, a.post_id, a.number) < std::tie(b.due, b.post_id, b.number);
  });
  if (batches->size() > most) batches->resize(most);
}

}  // namespace

Result<void> BatchStore::add(std::span<const BatchRecord> batches) {
  for (const BatchRecord& batch : batches) {
    ESSAIM_TRY(check_counts(batch));
    if (batch.recipients.size() != static_cast<std::size_t>(batch.count) || batch.recipients.empty()) {
      return Error{ErrorCode::kInternal, "a batch is added with all its recipients and with one at least"};
    }
  }
  static const InsertTexts into_batch(
      "INSERT INTO batch (post_id, number, first_key, last_key, total, recipients)");
  static const InsertTexts into_state(
      "INSERT INTO batch_state (post_id, number, queue, priority, order_rank, due, destination, owner, "
      "epoch, attempts, delivered, failed, suppressed, pending, last_outcome, why, progress)");
  ESSAIM_TRY(insert_rows(connection_, into_batch, batches,
                         [](Statement& statement, int first, const BatchRecord& b) {
                           const auto [lowest, highest] = key_range(b.recipients);
                           sql::bind_row(statement, first, b.post_id, b.number, lowest, highest, b.count,
                                         sql::Blob{encode_recipients(b.recipients)});
                         }));
  return insert_rows(
      connection_, into_state, batches, [](Statement& statement, int first, const BatchRecord& b) {
        sql::bind_row(statement, first, b.post_id, b.number, b.queue, b.priority, b.rank, b.due,
                      b.destination, b.owner, b.epoch, b.attempts, b.delivered, b.failed, b.suppressed,
                      b.pending, last_outcome(b.progress), b.why, sql::Blob{progress_blob(b.progress)});
      });
}

Result<std::int64_t> BatchStore::promote_due(WallTime now) {
  return update_batches(connection_, {"queue = 1", 2, " AND due <= ?", "", hastened_together(connection_)},
                        {to_millis(now)}, &damaged_);
}

Result<std::int64_t> BatchStore::release_stale(int owner, std::int64_t current_epoch, Place only) {
  if (only != 0)
    return update_batches(connection_, {kReleased, 3, "", " AND owner = ? AND epoch < ? AND rowid = ?", 0},
                          {owner, current_epoch, only}, &damaged_);
  return update_batches(connection_, {kReleased, 3, "", " AND owner = ? AND epoch < ?", 0},
                        {owner, current_epoch}, &damaged_);
}

Result<std::int64_t> BatchStore::release_others(int owner, Place only) {
  if (only != 0)
    return update_batches(connection_, {kReleased, 3, "", " AND owner <> ? AND rowid = ?", 0}, {owner, only},
                          &damaged_);
  return update_batches(connection_, {kReleased, 3, "", " AND owner <> ?", 0}, {owner}, &damaged_);
}

Result<void> BatchStore::save(Fence fence, const BatchRecord& batch) {
  return save_as(connection_, &fence, batch);
}

Result<void> BatchStore::save_unowned(const BatchRecord& batch) {
  return save_as(connection_, nullptr, batch);
}

Result<bool> BatchStore::give_up(Id post_id, int number, const std::string& why) {
  auto ended =
      sql::run(connection_,
               "UPDATE batch_state SET queue = 0, suppressed = suppressed + pending, pending = 0, why = ? "
               "WHERE post_id = ? AND number = ? AND owner = 0 AND queue IN (1, 2, 4)",
               why, post_id, number);
  if (!ended.ok()) return ended.error();
  return *ended == 1;
}

Result<std::optional<BatchRecord>> BatchStore::load(Id post_id, int number, bool with_recipients) {
  auto statement = sql::prepare(
      connection_, batch_select(with_recipients) + " WHERE s.post_id = ? AND s.number = ?", post_id, number);
  return sql::row(statement, [&](Statement& row) { return batch_from(row, with_recipients); });
}

Result<std::vector<BatchRecord>> BatchStore::of_post(Id post_id, bool with_recipients) {
  auto statement = sql::prepare(
      connection_, batch_select(with_recipients) + " WHERE s.post_id = ? ORDER BY s.number", post_id);
  return sql::rows(statement, [&](Statement& row) -> Result<BatchRecord> {
    auto batch = batch_from(row, with_recipients);
    if (!batch.ok() && batch.error().code == ErrorCode::kDamaged && !with_recipients)
      return damaged_batch(row, batch.error());
    return batch;
  });
}

Result<std::vector<BatchRecord>> BatchStore::waiting(const PostFilter& filter) {
  auto together = waiting_together(filter);
  return is_of_a_page(connection_, together) ? waiting_one_by_one(filter) : std::move(together);
}

Result<std::vector<BatchRecord>> BatchStore::waiting_together(const PostFilter& filter) {
  PostCondition condition(filter);
  condition.add_about_batches(filter);
  const RecipientMatch match(filter);
  // What is sorted lies in memory, here or on the way from a server: heads alone, and no more of them than are wanted, or than a
  // page, where the contents tell which are. Recipients are read batch by batch.
  std::string sql = batch_select(false) + " JOIN post p ON p.id = s.post_id WHERE s.queue IN (1, 2, 3, 4)" +
                    condition.sql();
  if (match.any()) {
    sql +=
        " AND b.first_key <= ? AND b.last_key >= ? AND s.due >= ? AND (s.due > ? OR s.post_id > ? OR "
        "(s.post_id = ? AND s.number > ?))";
  }
  sql += " ORDER BY s.due, s.post_id, s.number LIMIT ?";
  std::vector<BatchRecord> batches;
  std::int64_t due = std::numeric_limits<std::int64_t>::min();
  Id post_id = 0;
  std::int64_t number = 0;
  std::int64_t page = first_page(connection_, match.any(), filter);
  for (bool more = true; more;) {
    auto statement = connection_.prepare(sql);
    if (!statement.ok()) return statement.error();
    const int next = condition.bind(**statement, 1);
    if (match.any())
      sql::bind_row(**statement, next, match.highest(), match.lowest(), due, due, post_id, post_id, number,
                    page);
    else
      (*statement)->bind(next, page);
    std::int64_t rows = 0;
    for (;; ++rows) {
      if (batches.size() >= filter.limit) return batches;
      auto row = (*statement)->step();
      if (!row.ok()) return row.error();
      if (!*row) break;
      post_id = (*statement)->integer(0);
      number = (*statement)->integer(1);
      due = (*statement)->integer(5);
      auto batch = batch_from(**statement, false);
      Result<bool> wanted = true;
      if (!batch.ok()) {
        wanted = batch.error();
      } else if (match.any()) {
        wanted = still_has(*this, batch->post_id, batch->number, match);
      }
      if (!wanted.ok() && wanted.error().code == ErrorCode::kDamaged) {
        // Who is searched for may be in it.
        batches.push_back(damaged_batch(**statement, wanted.error()));
        continue;
      }
      if (!wanted.ok()) return wanted.error();
      if (*wanted) batches.push_back(std::move(*batch));
    }
    more = match.any() && rows == page;
    if (more) page = next_page(page);
  }
  return batches;
}

// Of what cannot be read it is not known whether the filter would find it, so it is shown. Where that is the row of the post, the
// batch's own tells its state and its recipients.
Result<std::vector<BatchRecord>> BatchStore::waiting_one_by_one(const PostFilter& filter) {
  PostCondition condition(filter);
  condition.add_about_batches(filter);
  const RecipientMatch match(filter);
  const std::string keys = match.any() ? " AND b.first_key <= ? AND b.last_key >= ?" : "";
  const std::string whole =
      batch_select(false) + " JOIN post p ON p.id = s.post_id WHERE s.rowid = ?" + condition.sql() + keys;
  const std::string without_post =
      batch_select(false) + " WHERE s.rowid = ?" + (filter.state != 0 ? " AND s.queue = ?" : "") + keys;
  std::vector<BatchRecord> batches;
  for (const BatchQueue queue : kUnfinished) {
    const auto look = [&](Place place) -> Result<void> {
      auto statement = sql::prepare(connection_, whole, place);
      if (!statement.ok()) return statement.error();
      int next = condition.bind(**statement, 2);
      if (match.any()) sql::bind_row(**statement, next, match.highest(), match.lowest());
      auto row = (*statement)->step();
      std::string post_lost;
      if (!row.ok() && row.error().code == ErrorCode::kDamaged) {
        post_lost = row.error().message;
        statement = sql::prepare(connection_, without_post, place);
        if (!statement.ok()) return statement.error();
        next = 2;
        if (filter.state != 0) (*statement)->bind(next++, filter.state);
        if (match.any()) sql::bind_row(**statement, next, match.highest(), match.lowest());
        row = (*statement)->step();
      }
      if (!row.ok()) return row.error();
      if (!*row) return {};
      auto batch = batch_from(**statement, false);
      if (batch.ok() && !post_lost.empty()) batch->why = "damaged: its post: " + post_lost;
      Result<bool> wanted = true;
      if (!batch.ok())
        wanted = batch.error();
      else if (match.any())
        wanted = still_has(*this, batch->post_id, batch->number, match);
      if (!wanted.ok() && wanted.error().code != ErrorCode::kDamaged) return wanted.error();
      if (!wanted.ok())
        batches.push_back(damaged_batch(**statement, wanted.error()));
      else if (*wanted)
        batches.push_back(*std::move(batch));
      if (batches.size() / 2 > std::max<std::size_t>(filter.limit, 1000)) keep_first(&batches, filter.limit);
      return {};
    };
    ESSAIM_TRY(row_by_row(connection_, kInQueue, {static_cast<std::int64_t>(queue)}, look,
                          [&](Place place, const Error& error) {
                            batches.push_back(unreadable(name_of(place, error.message), queue));
                          }));
  }
  keep_first(&batches, filter.limit);
  return batches;
}

Result<std::vector<std::pair<Id, int>>> BatchStore::waiting_of(const PostFilter& filter, Id first, Id last) {
  auto together = waiting_of_together(filter, first, last, 0);
  if (!is_of_a_page(connection_, together)) return together;
  constexpr IndexRange by_key{"batch_state", "sqlite_autoindex_batch_state_1",
                              "post_id >= ? AND post_id <= ?", "post_id, number"};
  std::vector<std::pair<Id, int>> found;
  ESSAIM_TRY(row_by_row(
      connection_, by_key, {first, last},
      [&](Place place) -> Result<void> {
        const auto one = waiting_of_together(filter, first, last, place);
        if (!one.ok()) return one.error();
        found.insert(found.end(), one->begin(), one->end());
        return {};
      },
      [&](Place place, const Error& error) { damaged_.push_back(name_of(place, error.message)); }));
  std::sort(found.begin(), found.end());
  return found;
}

Result<std::vector<std::pair<Id, int>>> BatchStore::waiting_of_together(const PostFilter& filter, Id first,
                                                                        Id last, Place only) {
  PostCondition condition(filter);
  condition.add_about_batches(filter);
  const RecipientMatch match(filter);
  std::string sql = "SELECT s.post_id, s.number FROM batch_state s JOIN post p ON p.id = s.post_id";
  if (match.any()) sql += " JOIN batch b ON b.post_id = s.post_id AND b.number = s.number";
  // By the key: the index of the queue would lead to all that waits, each time.
  sql += " WHERE s.post_id >= ? AND s.post_id <= ?";
  if (only != 0) sql += " AND s.rowid = ?";
  sql += " AND +s.queue IN (1, 2, 3, 4)" + condition.sql();
  if (match.any()) sql += " AND b.first_key <= ? AND b.last_key >= ?";
  auto statement = sql::prepare(connection_, sql + " ORDER BY s.post_id, s.number", first, last);
  if (!statement.ok()) return statement.error();
  if (only != 0) (*statement)->bind(3, only);
  const int next = condition.bind(**statement, only != 0 ? 4 : 3);
  if (match.any()) (*statement)->bind_text(next, match.highest()).bind_text(next + 1, match.lowest());
  std::vector<std::pair<Id, int>> found;
  for (;;) {
    auto row = (*statement)->step();
    if (!row.ok()) return row.error();
    if (!*row) return found;
    const std::pair<Id, int> name{(*statement)->integer(0), static_cast<int>((*statement)->integer(1))};
    if (match.any()) {
      auto has = still_has(*this, name.first, name.second, match);
      if (!has.ok() && has.error().code != ErrorCode::kDamaged) return has.error();
      if (has.ok() && !*has) continue;  // whoever is searched for may be in a damaged one
    }
    found.push_back(name);
  }
}

Result<bool> BatchStore::owns(Fence fence, Id post_id, int number) {
  auto found =
      sql::number(connection_, 0,
                  "SELECT COUNT(*) FROM batch_state WHERE post_id = ? AND number = ? AND queue = 3 AND "
                  "owner = ? AND epoch = ?",
                  post_id, number, fence.owner, fence.epoch);
  if (!found.ok()) return found.error();
  return *found > 0;
}

Result<std::vector<BatchRecord>> BatchStore::owned(Fence fence, const std::set<std::pair<Id, int>>& except) {
  auto statement =
      sql::prepare(connection_, batch_select(true) + " WHERE s.queue = 3 AND s.owner = ? AND s.epoch = ?",
                   fence.owner, fence.epoch);
  if (!statement.ok()) return statement.error();
  std::vector<BatchRecord> batches;
  std::vector<DamagedBatch> damaged;
  for (;;) {
    auto row = (*statement)->step();
    if (!row.ok()) return row.error();
    if (!*row) break;
    const std::pair<Id, int> name{(*statement)->integer(0), static_cast<int>((*statement)->integer(1))};
    if (except.count(name) > 0) continue;
    auto batch = batch_from(**statement, true);
    if (!batch.ok() && batch.error().code == ErrorCode::kDamaged) {
      damaged.push_back({name.first, name.second, batch.error().message});
      continue;
    }
    if (!batch.ok()) return batch.error();
    recount(&*batch);  // the counts of an edited row would never be saved
    batches.push_back(std::move(*batch));
  }
  for (DamagedBatch& one : damaged) {
    ESSAIM_TRY(hold_damaged(connection_, fence, &one));
    damaged_.push_back(std::move(one));
  }
  return batches;
}

Result<std::vector<Id>> BatchStore::held_of(Fence fence) {
  return sql::ids(sql::prepare(connection_,
                               "SELECT DISTINCT s.post_id FROM batch_state s JOIN post p ON p.id = s.post_id "
                               "WHERE s.queue = 3 AND s.owner = ? AND s.epoch = ? AND p.held = 1",
                               fence.owner, fence.epoch));
}

Result<std::int64_t> BatchStore::hasten(WallTime now, std::string_view part) {
  // The last first: what is suspended waits the longest, and what waits for another reason is not read each time before it.
  std::string condition = "queue = 2 AND due > ? AND INSTR(why, ?) > 0";
  if (connection_.dialect() == Dialect::kSqlite) condition += " ORDER BY due DESC";
  return sql::run(
      connection_,
      sql::update_some(connection_, "batch_state", "due = ?", condition, hastened_together(connection_)), now,
      now, part);
}

Result<std::optional<WallTime>> BatchStore::next_due(WallTime from) {
  auto due = sql::number(connection_, -1,
                         "SELECT MIN(due) FROM batch_state WHERE queue = 2 AND due >= ? AND due <= ?", from,
                         kLatestTime);
  if (!due.ok()) return due.error();
  return *due < 0 ? std::optional<WallTime>() : std::optional<WallTime>(from_millis(*due));
}

Result<std::map<int, BatchStore::Owned>> BatchStore::owned_by_node() {
  const auto statement = connection_.prepare(
      "SELECT owner, COUNT(*), SUM(pending) FROM batch_state WHERE queue = 3 GROUP BY owner");
  std::map<int, Owned> owned;
  ESSAIM_TRY(sql::each(statement, [&owned](Statement& row) {
    owned[static_cast<int>(row.integer(0))] = {row.integer(1), row.integer(2)};
  }));
  return owned;
}

Result<std::map<Id, std::int64_t>> BatchStore::owned_by_post() {
  std::map<Id, std::int64_t> owned;
  const auto add = [&owned](Statement& row) { owned[row.integer(0)] += row.integer(1); };
  const Result<void> together = sql::each(
      connection_.prepare("SELECT post_id, SUM(pending) FROM batch_state WHERE queue = 3 GROUP BY post_id"),
      add);
  if (together.ok()) return owned;
  if (!is_of_a_page(connection_, together)) return together.error();
  owned.clear();
  const auto look = [&](Place place) {
    return sql::each(
        sql::prepare(connection_, "SELECT post_id, pending FROM batch_state WHERE rowid = ?", place), add);
  };
  ESSAIM_TRY(row_by_row(connection_, kInQueue, {static_cast<std::int64_t>(BatchQueue::kOwned)}, look,
                        [](Place, const Error&) {}));
  return owned;
}

Result<BatchStore::QueueCounts> BatchStore::queue_counts() {
  QueueCounts counts;
  const auto add = [&counts](BatchQueue queue, std::int64_t batches, std::int64_t pending) {
    if (queue == BatchQueue::kReady) counts.ready += batches;
    if (queue == BatchQueue::kWaiting) counts.waiting += batches;
    if (queue == BatchQueue::kOwned) counts.owned += batches;
    if (queue == BatchQueue::kHeld) counts.held += batches;
    counts.pending_recipients += pending;
  };
  const Result<void> together = sql::each(
      connection_.prepare(
          "SELECT queue, COUNT(*), SUM(pending) FROM batch_state WHERE queue IN (1, 2, 3, 4) GROUP BY queue"),
      [&add](Statement& row) {
        add(static_cast<BatchQueue>(row.integer(0)), row.integer(1), row.integer(2));
      });
  if (together.ok()) return counts;
  if (!is_of_a_page(connection_, together)) return together.error();
  const auto load = queue_load(connection_, 0);
  if (!load.ok()) return load.error();
  counts = {};
  for (const QueueLoad::State& state : load->states) add(state.queue, state.batches, state.recipients);
  return counts;
}

}  // namespace essaim::storage
