#include "storage/salvage_table.h"

#include <algorithm>
#include <functional>
#include <map>
#include <optional>
#include <string_view>
#include <tuple>
#include <utility>

#include "storage/damage.h"
#include "storage/sql.h"

namespace essaim::storage {

namespace {

constexpr std::size_t kTogether = 4U << 20;   // octets of rows in a transaction of the new file
constexpr std::size_t kAskedTogether = 1000;  // keys

bool is_damage(const Error& error) {
  return error.code == ErrorCode::kDamaged || error.code == ErrorCode::kIo;
}

std::string column_names(const TableShape& table, const std::vector<std::size_t>& which,
                         const char* end = "") {
  std::string names;
  for (const std::size_t column : which)
    names += (names.empty() ? "" : ", ") + table.columns[column].name + end;
  return names;
}

std::string condition(const TableShape& table, const std::vector<std::size_t>& which) {
  std::string text;
  for (const std::size_t column : which)
    text += (text.empty() ? " WHERE " : " AND ") + table.columns[column].name + " = ?";
  return text;
}

std::vector<std::size_t> all_columns(const TableShape& table) {
  std::vector<std::size_t> all(table.columns.size());
  for (std::size_t i = 0; i < all.size(); ++i) all[i] = i;
  return all;
}

std::string hex(std::string_view bytes) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string text;
  for (const char c : bytes) {
    const auto octet = static_cast<unsigned char>(c);
    text += {kDigits[octet >> 4], kDigits[octet & 15]};
  }
  return text;
}

std::string shown(const TableColumn& column, const TableValue& value) {
  if (column.kind == ColumnKind::kBlob) return column.name + " x'" + hex(value.bytes) + "'";
  if (column.kind == ColumnKind::kText) return column.name + " " + value.bytes;
  const bool is_id = column.name == "id" || column.name.ends_with("_id");
  return column.name + " " +
         (is_id && value.number > 0 ? format_id(value.number) : std::to_string(value.number));
}

struct InOrder {
  bool operator()(const TableRow& a, const TableRow& b) const {
    return std::lexicographical_compare(a.begin(), a.end(), b.begin(), b.end(),
                                        [](const auto& x, const auto& y) {
                                          return std::tie(x.number, x.bytes) < std::tie(y.number, y.bytes);
                                        });
  }
};

// An index that has all rows of its table.
struct WholeIndex {
  std::string name;
  std::vector<std::string> columns;
};

struct Layout {
  bool has_rowid = true;
  std::vector<WholeIndex> indexes;
};

Result<Layout> layout_of(Connection& connection, const std::string& table) {
  Layout layout;
  const auto clustered = sql::number(connection, 0, "SELECT wr FROM pragma_table_list WHERE name = ?", table);
  if (!clustered.ok()) return clustered.error();
  layout.has_rowid = *clustered == 0;
  ESSAIM_TRY(sql::each(
      sql::prepare(connection, "SELECT name, origin FROM pragma_index_list(?) WHERE partial = 0", table),
      [&layout](Statement& row) {
        // Without places a table is the index of its own key.
        if (layout.has_rowid || row.text(1) != "pk") layout.indexes.push_back({sql::text(row, 0), {}});
      }));
  for (WholeIndex& index : layout.indexes) {
    auto columns = sql::texts(
        sql::prepare(connection, "SELECT name FROM pragma_index_info(?) ORDER BY seqno", index.name));
    if (!columns.ok()) return columns.error();
    index.columns = *std::move(columns);
  }
  return layout;
}

class Salvage {
 public:
  Salvage(Database& from, const TableShape& table, Layout layout, Database& to)
      : from_(from), to_(to), layout_(std::move(layout)), shape_(table), key_(table.key) {
    salvaged_.name = table.name;
    if (!layout_.has_rowid) {
      place_ = key_;
    } else if (key_.size() == 1 && table.columns[key_[0]].kind == ColumnKind::kInteger) {
      place_ = key_;  // another name of the place
    } else {
      place_ = {shape_.columns.size()};
      shape_.columns.push_back({"rowid", ColumnKind::kInteger});
    }
  }

  Result<SalvagedTable> run();

 private:
  Result<void> work(const std::function<Result<void>(Connection&)>& read);
  Result<std::optional<Error>> walk(bool backwards);
  Result<void> ask(const WholeIndex& index);
  Result<bool> ask_from(Connection& connection, const WholeIndex& index, bool backwards);
  Result<void> look_round();
  Result<void> fetch();
  Result<void> keep(TableRow row);
  Result<void> flush();
  Result<void> note_missing(std::vector<std::pair<TableRow, std::string>>* asked);
  Result<void> tell_lost();
  void remember(const Error& error) {
    if (salvaged_.why.empty()) salvaged_.why = error.message;
  }
  std::string name_of(const TableRow& row) const {
    std::string name;
    for (const std::size_t column : key_)
      name += (name.empty() ? "" : ", ") + shown(shape_.columns[column], row[column]);
    return name;
  }
  TableRow place_of(const TableRow& row) const {
    TableRow place;
    for (const std::size_t column : place_) place.push_back(row[column]);
    return place;
  }
  void bind_place(Statement& statement, const TableRow& place, int next = 1) const {
    for (std::size_t i = 0; i < place_.size(); ++i)
      bind_value(statement, next++, shape_.columns[place_[i]].kind, place[i]);
  }

  Database& from_;
  Database& to_;
  const Layout layout_;
  TableShape shape_;  // with the place, if that is no column
  const std::vector<std::size_t> key_;
  std::vector<std::size_t> place_;  // columns that say where a row lies
  std::vector<TableRow> rows_;      // to be written
  std::size_t octets_ = 0;
  std::int64_t refused_ = 0;                          // rows that the new file does not take: a key twice
  std::map<TableRow, std::string, InOrder> missing_;  // places that an index tells, and their keys
  std::string before_, behind_;  // keys of the last row before damage, and of the first behind
  bool all_known_ = false;       // an index was read whole
  SalvagedTable salvaged_;
};

Result<void> Salvage::flush() {
  if (rows_.empty()) return {};
  const std::vector<std::size_t> all = all_columns(shape_);
  std::string values;
  for (std::size_t i = 0; i < all.size(); ++i) values += i == 0 ? "?" : ", ?";
  const std::string text =
      "INSERT OR IGNORE INTO " + shape_.name + " (" + column_names(shape_, all) + ") VALUES (" + values + ")";
  const auto kept = to_.write_now(Durability::kProgress, [&](Connection& c) -> Result<std::int64_t> {
    std::int64_t some = 0;
    for (const TableRow& row : rows_) {
      auto statement = c.prepare(text);
      if (!statement.ok()) return statement.error();
      for (const std::size_t i : all)
        bind_value(**statement, static_cast<int>(i) + 1, shape_.columns[i].kind, row[i]);
      const auto one = (*statement)->run();
      if (!one.ok()) return one.error();
      some += *one;
    }
    return some;
  });
  if (!kept.ok()) return kept.error();
  salvaged_.rows += *kept;
  refused_ += static_cast<std::int64_t>(rows_.size()) - *kept;
  rows_.clear();
  octets_ = 0;
  return {};
}

Result<void> Salvage::keep(TableRow row) {
  octets_ += size_of(row);
  rows_.push_back(std::move(row));
  return octets_ < kTogether ? Result<void>() : flush();
}

// All that is damage is met inside; what this gives is an error of the new file, or of who opens the old one.
Result<void> Salvage::work(const std::function<Result<void>(Connection&)>& read) {
  return from_.look_now(Work(read));
}

Result<std::optional<Error>> Salvage::walk(bool backwards) {
  std::optional<Error> met;
  const auto read = [&](Connection& c) -> Result<void> {
    const auto statement =
        c.prepare("SELECT " + column_names(shape_, all_columns(shape_)) + " FROM " + shape_.name +
                  " NOT INDEXED ORDER BY " + column_names(shape_, place_, backwards ? " DESC" : ""));
    std::string name;
    for (;;) {
      Result<bool> row = statement.ok() ? (*statement)->step() : Result<bool>(statement.error());
      if (!row.ok()) met = row.error();
      if (!row.ok() || !*row) break;
      TableRow one = row_from(**statement, shape_);
      name = name_of(one);
      ESSAIM_TRY(keep(std::move(one)));
    }
    (backwards ? behind_ : before_) = name;
    return {};
  };
  ESSAIM_TRY(work(read));
  ESSAIM_TRY(flush());
  if (met && !is_damage(*met) && met->code != ErrorCode::kInternal) return *met;
  return met;
}

// Those of them that the new file has not.
Result<void> Salvage::note_missing(std::vector<std::pair<TableRow, std::string>>* asked) {
  const std::string text = "SELECT COUNT(*) FROM " + shape_.name + condition(shape_, place_);
  ESSAIM_TRY(to_.read_now([&](Connection& c) -> Result<void> {
    for (const auto& [place, name] : *asked) {
      auto statement = c.prepare(text);
      if (!statement.ok()) return statement.error();
      bind_place(**statement, place);
      const auto row = (*statement)->step();
      if (!row.ok()) return row.error();
      if ((*statement)->integer(0) > 0) continue;
      std::string& known = missing_[place];
      if (known.empty()) known = name;
    }
    return {};
  }));
  asked->clear();
  return {};
}

// Whether it comes to the other end.
Result<bool> Salvage::ask_from(Connection& connection, const WholeIndex& index, bool backwards) {
  std::vector<std::size_t> which = place_;
  const auto tells = [&](std::size_t column) {
    return std::find(index.columns.begin(), index.columns.end(), shape_.columns[column].name) !=
           index.columns.end();
  };
  const bool tells_key = place_ == key_ || std::all_of(key_.begin(), key_.end(), tells);
  if (tells_key) which.insert(which.end(), key_.begin(), key_.end());
  TableShape selected;
  for (const std::size_t column : which) selected.columns.push_back(shape_.columns[column]);
  std::string order;
  for (const std::string& column : index.columns)
    order += (order.empty() ? "" : ", ") + column + (backwards ? " DESC" : "");
  const auto statement = connection.prepare("SELECT " + column_names(shape_, which) + " FROM " + shape_.name +
                                            " INDEXED BY " + index.name + " ORDER BY " + order);
  std::vector<std::pair<TableRow, std::string>> asked;
  for (;;) {
    Result<bool> row = statement.ok() ? (*statement)->step() : Result<bool>(statement.error());
    if (!row.ok() && !is_damage(row.error())) return row.error();
    if (!row.ok()) remember(row.error());
    if (!row.ok() || !*row) {
      ESSAIM_TRY(note_missing(&asked));
      return row.ok();
    }
    TableRow values = row_from(**statement, selected);
    std::string name;
    for (std::size_t i = place_.size(); i < values.size(); ++i)
      name += (name.empty() ? "" : ", ") + shown(selected.columns[i], values[i]);
    values.resize(place_.size());
    asked.emplace_back(std::move(values), std::move(name));
    if (asked.size() >= kAskedTogether) ESSAIM_TRY(note_missing(&asked));
  }
}

Result<void> Salvage::ask(const WholeIndex& index) {
  return work([&](Connection& c) -> Result<void> {
    auto whole = ask_from(c, index, false);
    if (whole.ok() && !*whole) {
      const auto rest = ask_from(c, index, true);
      if (!rest.ok()) return rest.error();
    }
    if (!whole.ok()) return whole.error();
    all_known_ = all_known_ || *whole;
    return {};
  });
}

Result<void> Salvage::look_round() {
  return work([this](Connection& c) -> Result<void> {
    std::vector<std::pair<TableRow, std::string>> asked;
    Result<void> noted;
    const auto met = readable_places(c, shape_.name, [&](Place place) {
      asked.push_back({{TableValue{place, {}}}, ""});
      if (noted.ok() && asked.size() >= kAskedTogether) noted = note_missing(&asked);
    });
    if (!met.ok() && !is_damage(met.error())) return met.error();
    return noted.ok() ? note_missing(&asked) : noted;
  });
}

// What an index tells, and was not met yet.
Result<void> Salvage::fetch() {
  const std::string text = "SELECT " + column_names(shape_, all_columns(shape_)) + " FROM " + shape_.name +
                           " NOT INDEXED" + condition(shape_, place_);
  const auto read = [&](Connection& c) -> Result<void> {
    for (auto it = missing_.begin(); it != missing_.end();) {
      auto statement = c.prepare(text);
      if (statement.ok()) bind_place(**statement, it->first);
      const Result<bool> row = statement.ok() ? (*statement)->step() : Result<bool>(statement.error());
      if (!row.ok() && !is_damage(row.error())) return row.error();
      if (!row.ok()) {
        remember(row.error());
        ++it;
        continue;
      }
      // An index may tell of what is not there any more.
      if (*row) ESSAIM_TRY(keep(row_from(**statement, shape_)));
      it = missing_.erase(it);
    }
    return {};
  };
  ESSAIM_TRY(work(read));
  return flush();
}

// In runs between which nothing was saved.
Result<void> Salvage::tell_lost() {
  std::string parameters;
  for (std::size_t i = 0; i < place_.size(); ++i) parameters += i == 0 ? "?" : ", ?";
  const std::string place = "(" + column_names(shape_, place_) + ")";
  const std::string text = "SELECT COUNT(*) FROM (SELECT 1 FROM " + shape_.name + " WHERE " + place + " > (" +
                           parameters + ") AND " + place + " < (" + parameters + ") LIMIT 1)";
  ESSAIM_TRY(to_.read_now([&](Connection& c) -> Result<void> {
    salvaged_.lost.clear();
    const TableRow* last = nullptr;
    for (const auto& [at, key] : missing_) {
      const std::string name = key.empty() ? "row " + std::to_string(at[0].number) : key;
      bool apart = true;
      if (last != nullptr) {
        auto statement = c.prepare(text);
        if (!statement.ok()) return statement.error();
        bind_place(**statement, *last);
        bind_place(**statement, at, static_cast<int>(place_.size()) + 1);
        const auto row = (*statement)->step();
        if (!row.ok()) return row.error();
        apart = (*statement)->integer(0) > 0;
      }
      if (apart) salvaged_.lost.push_back({0, name, name});
      ++salvaged_.lost.back().rows;
      salvaged_.lost.back().last = name;
      last = &at;
    }
    return {};
  }));
  if (!all_known_) salvaged_.lost.push_back({0, before_, behind_});
  if (refused_ > 0) {
    salvaged_.lost.push_back({refused_, "", ""});
    if (salvaged_.why.empty())
      salvaged_.why = "rows with a key that others have, or without what they must have";
  }
  return {};
}

Result<SalvagedTable> Salvage::run() {
  auto met = walk(false);
  if (!met.ok()) return met.error();
  all_known_ = !met->has_value();
  if (met->has_value()) {
    remember(**met);
    // There is no such table, or it is another's.
    if (!is_damage(**met)) {
      ESSAIM_TRY(tell_lost());
      return std::move(salvaged_);
    }
    met = walk(true);
    if (!met.ok()) return met.error();
    for (const WholeIndex& index : layout_.indexes) ESSAIM_TRY(ask(index));
    if (!all_known_ && layout_.has_rowid) ESSAIM_TRY(look_round());
    ESSAIM_TRY(fetch());
  }
  ESSAIM_TRY(tell_lost());
  return std::move(salvaged_);
}

}  // namespace

Result<SalvagedTable> salvage_table(Database& from, const TableShape& table, Database& to) {
  auto layout = to.read_now([&table](Connection& c) { return layout_of(c, table.name); });
  if (!layout.ok()) return layout.error();
  return Salvage(from, table, *std::move(layout), to).run();
}

}  // namespace essaim::storage
