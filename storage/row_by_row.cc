// Of damage.h: the way round damaged pages of a file.
#include <algorithm>
#include <optional>

#include "storage/damage.h"
#include "storage/sql.h"

namespace essaim::storage {

namespace {

using Values = std::vector<std::int64_t>;
constexpr Place kLast = std::numeric_limits<Place>::max();
using Take = std::function<bool(Statement& row)>;  // false: that is enough

// Gives what there is up to a damaged page, and then what it said.
Result<std::optional<Error>> up_to_damage(const Result<Statement*>& statement, const Take& take) {
  if (!statement.ok()) return statement.error();
  for (;;) {
    auto row = (*statement)->step();
    if (!row.ok() && row.error().code == ErrorCode::kDamaged) return std::optional(row.error());
    if (!row.ok()) return row.error();
    if (!*row || !take(**statement)) return std::optional<Error>();
  }
}

Result<Statement*> prepare(Connection& connection, const std::string& text, const Values& values) {
  auto statement = connection.prepare(text);
  if (!statement.ok()) return statement;
  int next = 1;
  for (const std::int64_t value : values) (*statement)->bind(next++, value);
  return statement;
}

// The same columns the other way round.
std::string backwards(std::string_view order) {
  constexpr std::string_view down = " DESC";
  const bool is_down = order.ends_with(down);
  std::string turned;
  for (std::string_view rest = order; !rest.empty();) {
    const std::size_t end = std::min(rest.find(", "), rest.size());
    std::string_view column = rest.substr(0, end);
    if (is_down) column.remove_suffix(down.size());
    turned.append(turned.empty() ? "" : ", ").append(column).append(is_down ? "" : down);
    rest.remove_prefix(std::min(end + 2, rest.size()));
  }
  return turned;
}

// What an index tells, and the damage that it has.
struct Indexed {
  std::vector<Place> places;
  std::optional<Error> damage;
};

// Up to `last`, which is bound behind the values, if the range is by place.
Result<Indexed> in_index(Connection& connection, const IndexRange& range, Values values, std::size_t most,
                         const std::set<Place>& but, Place last = kLast) {
  const std::string text = "SELECT rowid FROM " + std::string(range.table) + " INDEXED BY " +
                           std::string(range.index) + " WHERE " + std::string(range.where) +
                           (range.by_place ? " AND rowid <= ? ORDER BY " : " ORDER BY ");
  if (range.by_place) values.push_back(last);
  Indexed found;
  std::vector<Place> behind;
  const auto taking = [&](std::vector<Place>* places) {
    return [&, places](Statement& row) {
      if (found.places.size() + behind.size() >= most) return false;
      if (const Place place = row.integer(0); but.count(place) == 0) places->push_back(place);
      return true;
    };
  };
  auto met =
      up_to_damage(prepare(connection, text + std::string(range.order), values), taking(&found.places));
  if (!met.ok()) return met.error();
  found.damage = *met;
  if (!found.damage) return found;
  met = up_to_damage(prepare(connection, text + backwards(range.order), values), taking(&behind));
  if (!met.ok()) return met.error();
  found.places.insert(found.places.end(), behind.rbegin(), behind.rend());
  return found;
}

// The rows of a table that are not on damaged pages, from a place on, until `take` has enough. Behind such a page it is sought from
// where the next can be read. A row is read as far as `where` asks for it: what lies behind, on a page of its own, is of no concern.
Result<std::optional<Error>> in_table(Connection& connection, const IndexRange& range, Values values,
                                      Place from, const std::function<bool(Place)>& take) {
  const std::string rows = "SELECT rowid, " + std::string(range.where) + " FROM " + std::string(range.table) +
                           " NOT INDEXED WHERE rowid >= ? ORDER BY rowid";
  values.push_back(from);
  const auto is_readable = [&](Place at) -> Result<bool> {
    values.back() = at;
    const auto met = up_to_damage(prepare(connection, rows, values), [](Statement&) { return false; });
    if (!met.ok()) return met.error();
    return !met->has_value();
  };
  std::optional<Error> damage;
  for (Place next = from;;) {
    values.back() = next;
    bool enough = false;
    const auto met = up_to_damage(prepare(connection, rows, values), [&](Statement& row) {
      const Place place = row.integer(0);
      next = place == kLast ? kLast : place + 1;
      if (row.integer(1) != 0) enough = !take(place);
      return !enough && place != kLast;
    });
    if (!met.ok()) return met.error();
    if (!met->has_value()) return damage;
    damage = *met;
    // In steps that grow, and then back by halves.
    Place unread = next, readable = next;
    for (Place step = 1; readable == next; step *= 2) {
      if (next > kLast - step || step > kLast / 2) return damage;
      const auto there = is_readable(next + step);
      ESSAIM_TRY(there);
      (*there ? readable : unread) = next + step;
    }
    while (readable - unread > 1) {
      const Place middle = unread + (readable - unread) / 2;
      const auto there = is_readable(middle);
      ESSAIM_TRY(there);
      (*there ? readable : unread) = middle;
    }
    next = readable;
  }
}

}  // namespace

Result<std::vector<Place>> indexed_places(Connection& connection, const IndexRange& range,
                                          std::initializer_list<std::int64_t> values, std::size_t most,
                                          const std::set<Place>& but) {
  auto found = in_index(connection, range, values, most, but);
  if (!found.ok()) return found.error();
  if (found->damage && found->places.empty()) return *found->damage;
  return std::move(found->places);
}

Result<std::optional<Error>> readable_places(Connection& connection, std::string_view table,
                                             const std::function<void(Place)>& take) {
  return in_table(connection, {table, "", "1 = 1", ""}, {}, std::numeric_limits<Place>::min(),
                  [&take](Place place) {
                    take(place);
                    return true;
                  });
}

namespace {

// All of a range whose index may be damaged, or as many as are wanted if it is by place, and what the table said of damage.
struct Places {
  std::vector<Place> found;
  std::optional<Error> damage;
};
Result<Places> all_places(Connection& connection, const IndexRange& range, const Values& values,
                          std::size_t most) {
  auto indexed = in_index(connection, range, values, most, {});
  if (!indexed.ok()) return indexed.error();
  if (!indexed->damage) return Places{std::move(indexed->places), {}};
  Places places;
  if (range.by_place) {
    const Place from = values.back() == kLast ? kLast : values.back() + 1;
    auto met = in_table(connection, range, values, from, [&](Place place) {
      places.found.push_back(place);
      return places.found.size() < most;
    });
    if (!met.ok()) return met.error();
    places.damage = *met;
    const Place last = places.found.size() < most ? kLast : places.found.back();
    const std::set<Place> known(places.found.begin(), places.found.end());
    indexed = in_index(connection, range, values, std::numeric_limits<std::size_t>::max(), known, last);
    if (!indexed.ok()) return indexed.error();
    places.found.insert(places.found.end(), indexed->places.begin(), indexed->places.end());
    return places;
  }
  if (indexed->places.size() >= most) indexed = in_index(connection, range, values, kLast, {});
  if (!indexed.ok()) return indexed.error();
  places.found = std::move(indexed->places);
  const std::set<Place> known(places.found.begin(), places.found.end());
  auto met = in_table(connection, range, values, 0, [&](Place place) {
    if (known.count(place) == 0) places.found.push_back(place);
    return true;
  });
  if (!met.ok()) return met.error();
  places.damage = *met;
  return places;
}

}  // namespace

Result<void> row_by_row(Connection& connection, const IndexRange& range,
                        std::initializer_list<std::int64_t> values,
                        const std::function<Result<void>(Place)>& look,
                        const std::function<void(Place, const Error&)>& lost, std::size_t most) {
  const auto places = all_places(connection, range, values, most);
  if (!places.ok()) return places.error();
  if (places->damage) lost(0, *places->damage);
  for (const Place place : places->found) {
    Result<void> looked = look(place);
    if (looked.ok()) continue;
    if (looked.error().code != ErrorCode::kDamaged) return looked;
    lost(place, looked.error());
  }
  return {};
}

}  // namespace essaim::storage
