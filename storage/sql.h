// Short forms that the stores share for running statements and for reading settings. Inside storage only.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "core/base/clock.h"
#include "core/base/id.h"
#include "storage/database.h"

namespace essaim::storage::sql {

struct Blob {
  std::string_view bytes;
};

inline void bind_one(Statement& s, int i, Blob v) {
  s.bind_blob(i, v.bytes);
}
inline void bind_one(Statement& s, int i, std::string_view v) {
  s.bind_text(i, v);
}
inline void bind_one(Statement& s, int i, const std::string& v) {
  s.bind_text(i, v);
}
inline void bind_one(Statement& s, int i, const char* v) {
  s.bind_text(i, v);
}
inline void bind_one(Statement& s, int i, WallTime v) {
  s.bind(i, to_millis(v));
}
template <typename T>
requires(std::is_integral_v<T> || std::is_enum_v<T>) void bind_one(Statement& s, int i, T v) {
  s.bind(i, static_cast<std::int64_t>(v));
}

// Binds the parameters `first`, `first` + 1, ...
template <typename... Values>
void bind_row(Statement& statement, int first, const Values&... values) {
  (bind_one(statement, first++, values), ...);
}

// Prepares and binds ? in order.
template <typename... Values>
Result<Statement*> prepare(Connection& connection, std::string_view text, const Values&... values) {
  auto statement = connection.prepare(text);
  if (!statement.ok()) return statement.error();
  bind_row(**statement, 1, values...);
  return *statement;
}

// Runs a statement without rows; the number of rows matched.
template <typename... Values>
Result<std::int64_t> run(Connection& connection, std::string_view text, const Values&... values) {
  auto statement = prepare(connection, text, values...);
  if (!statement.ok()) return statement.error();
  return (*statement)->run();
}

// The first column of the first row as a number; `otherwise` if there is no row or it is NULL.
template <typename... Values>
Result<std::int64_t> number(Connection& connection, std::int64_t otherwise, std::string_view text,
                            const Values&... values) {
  auto statement = prepare(connection, text, values...);
  if (!statement.ok()) return statement.error();
  auto row = (*statement)->step();
  if (!row.ok()) return row.error();
  return !*row || (*statement)->is_null(0) ? otherwise : (*statement)->integer(0);
}

// Calls `take` with the statement at every row. It gives nothing, or a Result<void> whose error ends it.
template <typename Take>
Result<void> each(const Result<Statement*>& statement, Take take) {
  if (!statement.ok()) return statement.error();
  Statement& at = *statement.value();
  for (;;) {
    auto there = at.step();
    if (!there.ok()) return there.error();
    if (!*there) return {};
    if constexpr (std::is_void_v<std::invoke_result_t<Take&, Statement&>>)
      take(at);
    else
      ESSAIM_TRY(take(at));
  }
}

template <typename T>
struct Made {
  using type = T;
};
template <typename T>
struct Made<Result<T>> {
  using type = T;
};
// What a function makes of a row: the T that it gives, by itself or in a Result<T>. It owns its data, since a row's views end
// with the next step.
template <typename From>
using MadeBy = typename Made<std::invoke_result_t<From&, Statement&>>::type;

// All rows, as `from` makes them; its first error ends it.
template <typename From>
Result<std::vector<MadeBy<From>>> rows(const Result<Statement*>& statement, From from) {
  static_assert(!std::is_same_v<MadeBy<From>, std::string_view>);
  std::vector<MadeBy<From>> all;
  const auto read = each(statement, [&all, &from](Statement& at) -> Result<void> {
    Result<MadeBy<From>> made = from(at);
    if (!made.ok()) return made.error();
    all.push_back(*std::move(made));
    return {};
  });
  if (!read.ok()) return read.error();
  return all;
}

// The first row, if there is one, as `from` makes it. The statement stays at that row.
template <typename From>
Result<std::optional<MadeBy<From>>> row(const Result<Statement*>& statement, From from) {
  static_assert(!std::is_same_v<MadeBy<From>, std::string_view>);
  if (!statement.ok()) return statement.error();
  auto there = statement.value()->step();
  if (!there.ok()) return there.error();
  if (!*there) return std::optional<MadeBy<From>>();
  Result<MadeBy<From>> made = from(*statement.value());
  if (!made.ok()) return made.error();
  return std::optional<MadeBy<From>>(*std::move(made));
}

// The first column of every row.
Result<std::vector<Id>> ids(const Result<Statement*>& statement);
Result<std::vector<std::string>> texts(const Result<Statement*>& statement);

inline std::string text(Statement& s, int column) {
  return std::string(s.text(column));
}
inline WallTime time(Statement& s, int column) {
  return from_millis(s.integer(column));
}

// `post p` in a FROM, for those that wait (finished = 0), one kind of `expanded` behind an id. A server that may choose takes
// the index without the id, and reads from its front each time.
inline std::string waiting_posts(Connection& connection) {
  return connection.dialect() == Dialect::kSqlite ? "post p" : "post p FORCE INDEX (post_finished)";
}

// Changes up to `rows` rows of a table that has rowids in a file, with either engine; `condition` may end with ORDER BY.
std::string update_some(Connection& connection, const std::string& table, const std::string& assignments,
                        const std::string& condition, std::int64_t rows);

// Deletes up to `rows` rows of the table, with either engine: no LIMIT is allowed behind DELETE in a file, nor within IN on a
// server. `key` names the columns that tell its rows apart.
std::string delete_some(Connection& connection, const std::string& table, const std::string& key,
                        const std::string& condition, std::int64_t rows);

// Settings as one text column: a JSON object of texts. kDamaged if it is not.
std::string encode_settings(const std::map<std::string, std::string>& settings);
Result<std::map<std::string, std::string>> decode_settings(std::string_view text);

}  // namespace essaim::storage::sql
