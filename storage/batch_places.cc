// Of BatchStore: batches of a file of which pages are damaged. The indexes tell where their rows are, and each row is met by a
// statement of its own.
#include <algorithm>
#include <functional>
#include <limits>
#include <optional>
#include <string>
#include <string_view>

#include "storage/batch_store.h"
#include "storage/damage.h"
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

}  // namespace

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

namespace {

std::string order_of_claims(std::string_view direction) {
  std::string order;
  for (const char* column : {"priority ", ", order_rank ", ", post_id ", ", number "})
    order.append(column).append(direction);
  return order;
}

}  // namespace

Result<std::vector<Place>> BatchStore::ready_places(int min_priority, int max_priority, std::size_t most,
                                                    const std::set<Place>& but) {
  return from_both_ends(
      [&](std::string_view direction) {
        return sql::prepare(connection_,
                            "SELECT rowid FROM batch_state INDEXED BY batch_claim WHERE queue = 1 AND "
                            "priority >= ? AND priority <= ? ORDER BY " +
                                order_of_claims(direction),
                            min_priority, max_priority);
      },
      most, but);
}

Result<std::vector<Place>> BatchStore::places_in(BatchQueue queue) {
  return from_both_ends(
      [&](std::string_view direction) {
        return sql::prepare(connection_,
                            "SELECT rowid FROM batch_state INDEXED BY batch_claim WHERE queue = ? "
                            "ORDER BY " +
                                order_of_claims(direction),
                            queue);
      },
      std::numeric_limits<std::size_t>::max(), {});
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
                          "WHERE queue IN (1, 2, 3, 4) AND +rowid = ?",
                          place);
  if (!row.ok()) return batch;
  if (auto found = (*row)->step(); found.ok() && *found) {
    batch.post_id = (*row)->integer(0);
    batch.number = static_cast<int>((*row)->integer(1));
  }
  return batch;
}

namespace {

// Those that are owned, as the index tells; nothing, if it tells nothing.
Result<std::vector<Place>> owned_in_file(Database& database, const Error& damage,
                                         std::vector<DamagedBatch>* damaged) {
  std::vector<Place> places;
  std::optional<Error> index;
  ESSAIM_TRY(database.read_now([&](Connection& c) -> Result<void> {
    if (c.dialect() != Dialect::kSqlite) return damage;
    auto owned = BatchStore(c).places_in(BatchQueue::kOwned);
    if (!owned.ok() && owned.error().code == ErrorCode::kDamaged) {
      index = owned.error();
      return {};
    }
    if (!owned.ok()) return owned.error();
    places = *std::move(owned);
    return {};
  }));
  if (index) damaged->push_back({0, 0, index->message});
  return places;
}

DamagedBatch name_in_file(Database& database, Place place, const std::string& why) {
  DamagedBatch batch{0, 0, why};
  const Result<void> named = database.read_now([&](Connection& c) -> Result<void> {
    batch = BatchStore(c).name_of(place, why);
    return {};
  });
  if (!named.ok()) batch.why += "; " + named.error().message;
  return batch;
}

}  // namespace

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
    auto places = owned_in_file(database, together.error(), &damaged);
    if (!places.ok()) return places.error();
    for (const Place place : *places) {
      // What power takes of it the next start does again.
      const Result<void> alone = give_back(Durability::kProgress, place);
      if (alone.ok()) continue;
      if (alone.error().code != ErrorCode::kDamaged) return alone.error();
      damaged.push_back(name_in_file(database, place, alone.error().message));
    }
  }
  std::for_each(damaged.begin(), damaged.end(), tell_damaged);
  return released;
}

}  // namespace essaim::storage
