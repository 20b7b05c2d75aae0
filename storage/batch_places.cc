// Of BatchStore: batches of a file of which pages are damaged. The indexes tell where their rows are, and each row is met by a
// statement of its own.
#include <algorithm>
#include <functional>
#include <string>

#include "storage/batch_store.h"
#include "storage/damage.h"
#include "storage/sql.h"

namespace essaim::storage {

namespace {

constexpr IndexRange kReady{"batch_state", "batch_claim", "queue = 1 AND priority >= ? AND priority <= ?",
                            "priority, order_rank, post_id, number"};
constexpr IndexRange kDue{"batch_state", "batch_due", "queue = 2 AND due <= ?", "due"};

}  // namespace

Result<std::vector<Place>> BatchStore::ready_places(int min_priority, int max_priority, std::size_t most,
                                                    const std::set<Place>& but) {
  return indexed_places(connection_, kReady, {min_priority, max_priority}, most, but);
}

Result<std::vector<Place>> BatchStore::due_places(WallTime now, std::size_t most,
                                                  const std::set<Place>& but) {
  return indexed_places(connection_, kDue, {to_millis(now)}, most, but);
}

Result<bool> BatchStore::promote(Place place) {
  auto promoted =
      sql::run(connection_, "UPDATE batch_state SET queue = 1 WHERE rowid = ? AND queue = 2", place);
  if (!promoted.ok()) return promoted.error();
  return *promoted > 0;
}

DamagedBatch BatchStore::name_of(Place place, const std::string& why) {
  DamagedBatch batch{0, 0, why};
  for (const char* from :
       {"NOT INDEXED WHERE rowid = ?", "INDEXED BY batch_claim WHERE queue > 0 AND +rowid = ?",
        "INDEXED BY sqlite_autoindex_batch_state_1 WHERE +rowid = ?"}) {
    const auto found = sql::row(
        sql::prepare(connection_, "SELECT post_id, number FROM batch_state " + std::string(from), place),
        [&batch](Statement& row) {
          batch.post_id = row.integer(0);
          batch.number = static_cast<int>(row.integer(1));
          return true;
        });
    if (found.ok() && found->has_value()) break;
  }
  return batch;
}

Result<std::int64_t> release_batches(
    Database& database, const std::function<Result<std::int64_t>(BatchStore&, Place only)>& release) {
  std::int64_t released = 0;
  std::vector<DamagedBatch> damaged;
  const auto give_back = [&](Durability durability, Place only) -> Result<void> {
    std::int64_t some = 0;
    std::vector<DamagedBatch> met;
    Result<void> done = database.write_now(durability, [&](Connection& c) -> Result<void> {
      BatchStore batches(c);
      auto given_back = release(batches, only);
      if (!given_back.ok()) return given_back.error();
      some = *given_back;
      met = batches.damaged();
      return {};
    });
    if (!done.ok()) return done;
    released += some;
    damaged.insert(damaged.end(), met.begin(), met.end());
    return {};
  };
  const Result<void> together = give_back(Durability::kAccept, 0);
  if (!together.ok()) {
    if (together.error().code != ErrorCode::kDamaged) return together.error();
    std::vector<Place> places;
    std::vector<DamagedBatch> unknown;
    ESSAIM_TRY(database.read_now([&](Connection& c) -> Result<void> {
      if (c.dialect() != Dialect::kSqlite) return together;
      places.clear();
      unknown.clear();
      return row_by_row(
          c, kInQueue, {static_cast<std::int64_t>(BatchQueue::kOwned)},
          [&places](Place place) {
            places.push_back(place);
            return Result<void>();
          },
          [&unknown](Place, const Error& error) {
            unknown.push_back({0, 0, error.message});
          });
    }));
    damaged.insert(damaged.end(), unknown.begin(), unknown.end());
    for (const Place place : places) {
      // What power takes of it the next start does again.
      const Result<void> alone = give_back(Durability::kProgress, place);
      if (alone.ok()) continue;
      if (alone.error().code != ErrorCode::kDamaged) return alone.error();
      const auto name = database.read_now([&](Connection& c) -> Result<DamagedBatch> {
        return BatchStore(c).name_of(place, alone.error().message);
      });
      damaged.push_back(name.ok() ? *name : DamagedBatch{0, 0, alone.error().message});
    }
  }
  std::for_each(damaged.begin(), damaged.end(), tell_damaged);
  return released;
}

}  // namespace essaim::storage
