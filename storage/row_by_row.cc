// Of damage.h: the way round damaged pages of a file.
#include <algorithm>
#include <optional>

#include "storage/damage.h"
#include "storage/sql.h"

namespace essaim::storage {

namespace {

using Values = std::initializer_list<std::int64_t>;
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

Result<Statement*> prepare(Connection& connection, const std::string& text, Values values) {
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

Result<Indexed> in_index(Connection& connection, const IndexRange& range, Values values, std::size_t most,
                         const std::set<Place>& but) {
  const std::string text = "SELECT rowid FROM " + std::string(range.table) + " INDEXED BY " +
                           std::string(range.index) + " WHERE " + std::string(range.where) + " ORDER BY ";
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

// The rows of a table that are not on damaged pages. Behind such a page it is sought from where the next can be read.
Result<std::optional<Error>> in_table(Connection& connection, const IndexRange& range, Values values,
                                      const std::function<void(Place)>& take) {
  const std::string behind =
      " FROM " + std::string(range.table) + " NOT INDEXED WHERE rowid >= ? ORDER BY rowid";
  const std::string rows = "SELECT rowid, " + std::string(range.where) + behind;
  const auto is_readable = [&](Place at) -> Result<bool> {
    const auto met =
        up_to_damage(sql::prepare(connection, "SELECT rowid" + behind, at), [](Statement&) { return false; });
    if (!met.ok()) return met.error();
    return !met->has_value();
  };
  std::optional<Error> damage;
  for (Place next = 0;;) {
    auto statement = prepare(connection, rows, values);
    if (!statement.ok()) return statement.error();
    (*statement)->bind(static_cast<int>(values.size()) + 1, next);
    const auto met = up_to_damage(statement, [&](Statement& row) {
      next = row.integer(0) + 1;
      if (row.integer(1) != 0) take(row.integer(0));
      return true;
    });
    if (!met.ok()) return met.error();
    if (!met->has_value()) return damage;
    damage = *met;
    // In steps that grow, and then back by halves.
    Place unread = next, readable = next;
    for (Place step = 1; readable == next; step *= 2) {
      if (step > std::numeric_limits<Place>::max() / 2 - next) return damage;
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

Result<std::vector<Place>> indexed_places(Connection& connection, const IndexRange& range, Values values,
                                          std::size_t most, const std::set<Place>& but) {
  auto found = in_index(connection, range, values, most, but);
  if (!found.ok()) return found.error();
  if (found->damage && found->places.empty()) return *found->damage;
  return std::move(found->places);
}

Result<void> row_by_row(Connection& connection, const IndexRange& range, Values values,
                        const std::function<Result<void>(Place)>& look,
                        const std::function<void(Place, const Error&)>& lost, std::size_t most) {
  constexpr std::size_t all = std::numeric_limits<std::size_t>::max();
  auto found = in_index(connection, range, values, most, {});
  if (found.ok() && found->damage && most < all) found = in_index(connection, range, values, all, {});
  if (!found.ok()) return found.error();
  if (found->damage) {
    const std::set<Place> known(found->places.begin(), found->places.end());
    const auto damage = in_table(connection, range, values, [&](Place place) {
      if (known.count(place) == 0) found->places.push_back(place);
    });
    if (!damage.ok()) return damage.error();
    if (damage->has_value()) lost(0, **damage);
  }
  for (const Place place : found->places) {
    Result<void> looked = look(place);
    if (looked.ok()) continue;
    if (looked.error().code != ErrorCode::kDamaged) return looked;
    lost(place, looked.error());
  }
  return {};
}

}  // namespace essaim::storage
