// Of BatchStore: batches of a file of which pages are damaged. The indexes tell where their rows are, and each row is met by a
// statement of its own.
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "storage/batch_store.h"
#include "storage/sql.h"

namespace essaim::storage {

namespace {

using Prepare = std::function<Result<Statement*>(std::string_view direction)>;

// What a statement gives, up to a damaged page: then `*damage` says so.
Result<std::vector<Place>> places_of(const Prepare& prepare, std::string_view direction, std::size_t most,
                                     const std::set<Place>& but, std::optional<Error>* damage) {
  std::vector<Place> places;
  auto statement = prepare(direction);
  if (!statement.ok()) return statement.error();
  while (places.size() < most) {
    auto row = (*statement)->step();
    if (!row.ok() && row.error().code == ErrorCode::kDamaged) {
      *damage = row.error();
      break;
    }
    if (!row.ok()) return row.error();
    if (!*row) break;
    if (const Place place = (*statement)->integer(0); but.count(place) == 0) places.push_back(place);
  }
  return places;
}

Result<std::vector<Place>> from_both_ends(const Prepare& prepare, std::size_t most,
                                          const std::set<Place>& but) {
  std::optional<Error> damage, behind;
  auto places = places_of(prepare, "ASC", most, but, &damage);
  if (!places.ok() || !damage) return places;
  auto last = places_of(prepare, "DESC", most - places->size(), but, &behind);
  if (!last.ok()) return last;
  places->insert(places->end(), last->rbegin(), last->rend());
  if (places->empty()) return *damage;
  return places;
}

}  // namespace

Result<std::vector<Place>> BatchStore::ready_places(int min_priority, int max_priority, std::size_t most,
                                                    const std::set<Place>& but) {
  return from_both_ends(
      [&](std::string_view direction) {
        std::string order;
        for (const char* column : {"priority ", ", order_rank ", ", post_id ", ", number "})
          order.append(column).append(direction);
        return sql::prepare(connection_,
                            "SELECT rowid FROM batch_state INDEXED BY batch_claim WHERE queue = 1 AND "
                            "priority >= ? AND priority <= ? ORDER BY " +
                                order,
                            min_priority, max_priority);
      },
      most, but);
}

Result<std::vector<Place>> BatchStore::due_places(WallTime now, std::size_t most,
                                                  const std::set<Place>& but) {
  return from_both_ends(
      [&](std::string_view direction) {
        return sql::prepare(connection_,
                            "SELECT rowid FROM batch_state INDEXED BY batch_due WHERE queue = 2 AND due <= ? "
                            "ORDER BY due " +
                                std::string(direction),
                            now);
      },
      most, but);
}

Result<bool> BatchStore::promote(Place place) {
  auto promoted =
      sql::run(connection_, "UPDATE batch_state SET queue = 1 WHERE rowid = ? AND queue = 2", place);
  if (!promoted.ok()) return promoted.error();
  return *promoted > 0;
}

DamagedBatch BatchStore::name_of(Place place, const std::string& why) {
  DamagedBatch batch{0, 0, why};
  auto row = sql::prepare(connection_,
                          "SELECT post_id, number FROM batch_state INDEXED BY batch_claim "
                          "WHERE queue IN (1, 2, 3) AND +rowid = ?",
                          place);
  if (!row.ok()) return batch;
  if (auto found = (*row)->step(); found.ok() && *found) {
    batch.post_id = (*row)->integer(0);
    batch.number = static_cast<int>((*row)->integer(1));
  }
  return batch;
}

}  // namespace essaim::storage
