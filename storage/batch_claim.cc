// Claiming: one statement that reads candidates with their blobs in the order of claims, then one conditional
// UPDATE for each that is taken. What is held, owned or of a saturated destination is passed over within the statement: an index
// leads to it, and its row is read, as the index does not have the destination; its blobs are not. Fifty thousand that are
// ready for a saturated destination cost each claim 25 ms so.
// What this code passes over, because it is excepted by name or suspended, comes out of the statement. So the blobs come by a
// statement for each that is taken, where there is such.
#include <algorithm>
#include <array>
#include <utility>

#include "storage/batch_progress.h"
#include "storage/batch_rows.h"
#include "storage/damage.h"
#include "storage/sql.h"

namespace essaim::storage {

namespace {

// The names of saturated destinations are bound in lists of these lengths, so that few texts fill the cache. One destination
// may have a thousand names. With more than the longest list, the rest is compared here, where what is passed over counts
// against the limit of the statement.
constexpr std::array<std::size_t, 8> kListLengths = {0, 4, 16, 64, 256, 1024, 4096, 16384};

std::size_t list_length(std::size_t names) {
  for (const std::size_t length : kListLengths) {
    if (names <= length) return length;
  }
  return kListLengths.back();
}

std::string candidates_sql(std::size_t names, bool barrier, const ClaimHome& home, bool with_blobs,
                           bool one) {
  // A single plain value for the queue keeps the order of the index.
  std::string sql =
      batch_select(with_blobs, barrier ? ", p.kind, p.list_address, p.expires" : "") +
      " JOIN post p ON p.id = s.post_id"
      " WHERE s.queue = 1 AND s.priority >= ? AND s.priority <= ? AND s.owner = 0 AND p.held = 0";
  if (names > 0) {
    sql += " AND s.destination NOT IN (?";
    for (std::size_t i = 1; i < names; ++i) sql += ", ?";
    sql += ")";
  }
  // The node is in the id of the post (core/base/id.h).
  if (home.node != 0)
    sql += std::string(" AND (((s.post_id >> 12) & 1023) = ? ") +
           (home.no_others ? "AND s.due > ?)" : "OR s.due <= ?)");
  if (one) sql += " AND s.rowid = ?";
  return sql + " ORDER BY s.priority, s.order_rank, s.post_id, s.number LIMIT ?";
}

// Not when somebody merged outcomes into it since it was read: who sent from the copy would undo that.
Result<bool> take(Connection& connection, Fence fence, const BatchRecord& batch) {
  auto taken = sql::run(connection,
                        "UPDATE batch_state SET queue = 3, owner = ?, epoch = ? "
                        "WHERE post_id = ? AND number = ? AND queue = 1 AND owner = 0 "
                        "AND delivered = ? AND failed = ? AND suppressed = ?",
                        fence.owner, fence.epoch, batch.post_id, batch.number, batch.delivered, batch.failed,
                        batch.suppressed);
  if (!taken.ok()) return taken.error();
  return *taken == 1;
}

// Columns of a candidate behind those of batch_from().
struct BarrierColumns {
  explicit BarrierColumns(bool with_blobs) : kind(with_blobs ? 18 : 16), list(kind + 1), expires(kind + 2) {}
  int kind, list, expires;
};

// What holds this candidate back; null if nothing does.
const ClaimBarrier::Wait* held_back(Statement& row, const BarrierColumns& columns,
                                    const ClaimBarrier& barrier) {
  if (sql::time(row, columns.expires) <= barrier.now) return nullptr;
  if (barrier.everything) return &*barrier.everything;
  if (row.integer(columns.kind) != static_cast<int>(PostKind::kList)) return nullptr;
  const auto list = barrier.lists.find(sql::text(row, columns.list));
  return list == barrier.lists.end() ? nullptr : &list->second;
}

struct HeldBack {
  Id post_id;
  std::int64_t number;
  WallTime due;
  const ClaimBarrier::Wait* wait;
};

Result<void> let_wait(Connection& connection, const HeldBack& batch) {
  ESSAIM_TRY(sql::run(connection,
                      "UPDATE batch_state SET queue = 2, due = ?, why = ? "
                      "WHERE post_id = ? AND number = ? AND queue = 1 AND owner = 0",
                      batch.due, batch.wait->why, batch.post_id, batch.number));
  return {};
}

}  // namespace

Result<std::vector<BatchRecord>> BatchStore::claim(Fence fence, int min_priority, int max_priority,
                                                   std::size_t limit, const std::set<std::string>& saturated,
                                                   const ClaimBarrier& barrier, std::size_t* parked,
                                                   const ClaimHome& home,
                                                   const std::set<std::pair<Id, int>>& except, Place only) {
  std::vector<BatchRecord> batches;
  if (limit == 0) return batches;
  const std::size_t names = list_length(saturated.size());
  // An engine that fetches all rows at once is told how many are of use; with those that are passed over here, some more.
  const bool more_passed_over = saturated.size() > names || barrier.any();
  constexpr std::size_t kMorePassedOver = 1000;
  const bool fetched_at_once = connection_.dialect() != Dialect::kSqlite;
  const bool with_blobs = except.empty() && !(more_passed_over && fetched_at_once);
  const BarrierColumns columns(with_blobs);
  auto statement =
      sql::prepare(connection_, candidates_sql(names, barrier.any(), home, with_blobs, only != 0),
                   min_priority, max_priority);
  if (!statement.ok()) return statement.error();
  Statement& row = **statement;
  auto name = saturated.begin();
  for (std::size_t i = 0; i < names; ++i) {
    // The list is filled up with its first name: NOT IN does not mind.
    if (name == saturated.end()) name = saturated.begin();
    row.bind_text(3 + static_cast<int>(i), *name++);
  }
  int next = 3 + static_cast<int>(names);
  if (home.node != 0) {
    row.bind(next++, home.node);
    row.bind(next++, to_millis(home.others_until));
  }
  if (only != 0) row.bind(next++, only);
  row.bind(next, static_cast<std::int64_t>(limit + except.size() + (more_passed_over ? kMorePassedOver : 0)));
  std::vector<DamagedBatch> damaged;
  std::vector<HeldBack> held;
  while (batches.size() < limit && held.size() < kParkedAtOnce) {
    auto more = row.step();
    if (!more.ok()) return more.error();
    if (!*more) break;
    if (!except.empty() && except.count({row.integer(0), static_cast<int>(row.integer(1))}) > 0) continue;
    if (saturated.size() > names && saturated.count(sql::text(row, 6)) != 0) continue;
    if (const auto* wait = barrier.any() ? held_back(row, columns, barrier) : nullptr; wait != nullptr) {
      const WallTime expires = sql::time(row, columns.expires);
      const WallTime due = wait->until == WallTime{} ? expires : std::min(wait->until, expires);
      held.push_back({row.integer(0), row.integer(1), due, wait});
      continue;
    }
    auto batch = batch_from(row, with_blobs);
    if (batch.ok()) {
      batches.push_back(std::move(*batch));
    } else {
      damaged.push_back({row.integer(0), static_cast<int>(row.integer(1)), batch.error().message});
    }
  }
  if (!with_blobs) {
    // By the same view of the transaction, so they are as they were.
    std::vector<BatchRecord> whole;
    for (const BatchRecord& head : std::exchange(batches, {})) {
      auto batch = load(head.post_id, head.number, true);
      if (batch.ok()) {
        if (batch->has_value()) whole.push_back(std::move(**batch));
      } else if (batch.error().code == ErrorCode::kDamaged) {
        damaged.push_back({head.post_id, head.number, batch.error().message});
      } else {
        return batch.error();
      }
    }
    batches = std::move(whole);
  }
  for (DamagedBatch& one : damaged) {
    ESSAIM_TRY(hold_damaged(connection_, Fence{}, &one));
    damaged_.push_back(std::move(one));
  }
  for (const auto& one : held) ESSAIM_TRY(let_wait(connection_, one));
  if (parked != nullptr) *parked = held.size();
  std::vector<BatchRecord> claimed;
  claimed.reserve(batches.size());
  for (auto& batch : batches) {
    auto taken = take(connection_, fence, batch);
    if (!taken.ok()) return taken.error();
    if (!*taken) continue;  // on a shared database: somebody else was faster
    recount(&batch);        // the counts of an edited row would never be saved
    batch.queue = BatchQueue::kOwned;
    batch.owner = fence.owner;
    batch.epoch = fence.epoch;
    claimed.push_back(std::move(batch));
  }
  return claimed;
}

}  // namespace essaim::storage
