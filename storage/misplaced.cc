#include "storage/misplaced.h"

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/base/counters.h"
#include "core/base/log.h"
#include "storage/batch_store.h"
#include "storage/damage.h"
#include "storage/sql.h"

namespace essaim::storage {

namespace {

constexpr std::size_t kAtATime = 1000;
constexpr auto kLookForRecipients = std::chrono::hours(24);
constexpr int kParkedPriority = 2;  // of those that have none
constexpr std::string_view kOutOfRange = "damaged: the queue or the priority of its row was out of range";
constexpr std::string_view kWithoutRecipients = "the row with its recipients is lost";

Result<std::vector<DamagedBatch>> found(const Result<Statement*>& statement, std::string_view why) {
  return sql::rows(statement, [why](Statement& row) {
    return DamagedBatch{row.integer(0), static_cast<int>(row.integer(1)), std::string(why)};
  });
}

// One range of the index each, of which a sound queue has nothing.
Result<std::vector<DamagedBatch>> out_of_range(Connection& connection) {
  const std::string select = "SELECT post_id, number FROM batch_state WHERE ";
  std::string sql = select + "queue < 0 UNION ALL " + select + "queue > 4";
  for (const char* queue : {"1", "2", "4"})
    for (const std::string& priority : {std::string("< 0"), "> " + std::to_string(kLastPriority)})
      sql += " UNION ALL " + select + "queue = " + queue + " AND priority " + priority;
  return found(sql::prepare(connection, sql + " LIMIT ?", kAtATime), kOutOfRange);
}

Result<std::vector<DamagedBatch>> without_recipients(Connection& connection) {
  return found(
      sql::prepare(connection,
                   "SELECT s.post_id, s.number FROM batch_state s WHERE s.queue IN (1, 2, 4) AND NOT "
                   "EXISTS (SELECT 1 FROM batch b WHERE b.post_id = s.post_id AND b.number = s.number) "
                   "LIMIT ?",
                   kAtATime),
      kWithoutRecipients);
}

// Looks again: somebody else may have changed it.
Result<bool> park(Connection& connection, const DamagedBatch& batch) {
  auto parked =
      sql::run(connection,
               "UPDATE batch_state SET queue = 4, owner = 0, epoch = 0, why = ?, "
               "priority = CASE WHEN priority < 0 OR priority > ? THEN ? ELSE priority END "
               "WHERE post_id = ? AND number = ? AND "
               "(queue < 0 OR queue > 4 OR (queue IN (1, 2, 4) AND (priority < 0 OR priority > ?)))",
               batch.why, kLastPriority, kParkedPriority, batch.post_id, batch.number, kLastPriority);
  if (!parked.ok()) return parked.error();
  return *parked == 1;
}

Result<bool> end(Connection& connection, const DamagedBatch& batch) {
  auto recipients = sql::number(connection, 0, "SELECT COUNT(*) FROM batch WHERE post_id = ? AND number = ?",
                                batch.post_id, batch.number);
  if (!recipients.ok()) return recipients.error();
  if (*recipients > 0) return false;
  return BatchStore(connection).give_up(batch.post_id, batch.number, batch.why);
}

void tell_ended(const DamagedBatch& batch) {
  count(Counter::kDamagedRows);
  log::error("batch.damaged", {{"id", format_id(batch.post_id)},
                               {"batch", batch.number},
                               {"state", "ended"},
                               {"error", batch.why},
                               {"do", "nothing is left of it to be sent: essaim post show, and its author"}});
}

}  // namespace

Result<std::int64_t> settle_misplaced(Database& database, MonoTime now, std::optional<MonoTime>* looked) {
  const bool look = !*looked || now - **looked >= kLookForRecipients;
  std::vector<DamagedBatch> misplaced, lost;
  ESSAIM_TRY(database.read_now([&](Connection& connection) -> Result<void> {
    auto some = out_of_range(connection);
    if (!some.ok()) return some.error();
    misplaced = std::move(*some);
    if (!look) return {};
    auto others = without_recipients(connection);
    if (!others.ok()) return others.error();
    lost = std::move(*others);
    return {};
  }));
  std::int64_t changed = 0;
  const auto each = [&](std::vector<DamagedBatch>& batches, const auto& change,
                        const auto& tell) -> Result<void> {
    for (DamagedBatch& batch : batches) {
      bool done = false;
      auto committed = database.write_now(Durability::kProgress, [&](Connection& connection) -> Result<void> {
        auto result = change(connection, batch);
        if (!result.ok()) return result.error();
        done = *result;
        return {};
      });
      if (!committed.ok() && !is_about_a_row(committed.error())) return committed;
      batch.held = done;
      if (!committed.ok()) {
        batch.why = committed.error().message;
        tell_damaged(batch);
      } else if (done) {
        tell(batch);
        ++changed;
      }
    }
    return {};
  };
  ESSAIM_TRY(each(misplaced, park, tell_damaged));
  ESSAIM_TRY(each(lost, end, tell_ended));
  if (look && lost.size() < kAtATime) *looked = now;
  return changed;
}

}  // namespace essaim::storage
