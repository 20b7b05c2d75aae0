// Many rows by few INSERTs: a statement costs a round trip on MariaDB, and a row in a statement next to nothing.
// Inside storage only.
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <span>
#include <string>
#include <string_view>

#include "storage/sql.h"

namespace essaim::storage {

// 64 rows of 17 columns stay below every engine's limit of parameters (SQLite 32,766, MariaDB 65,535).
inline constexpr std::size_t kRowsTogether = 64;

// How many of the rows that are left the next statement takes.
inline std::size_t rows_at_once(std::size_t left) {
  return std::min(kRowsTogether, std::bit_floor(left));
}

// The texts of the statements that insert into one table, made once for all that are run:
// "INSERT INTO table (a, b)" gives for two rows "INSERT INTO table (a, b) VALUES (?, ?), (?, ?)".
class InsertTexts {
 public:
  explicit InsertTexts(std::string_view into);
  int columns() const { return columns_; }
  // For 1, 2, 4 ... kRowsTogether rows.
  const std::string& of(std::size_t rows) const {
    return texts_[static_cast<std::size_t>(std::countr_zero(rows))];
  }

 private:
  int columns_;
  std::array<std::string, std::bit_width(kRowsTogether)> texts_;
};

// Inserts `rows`, one after the other, by statements of 64, 32, ... 2 or 1 of them, so that seven texts at most are
// prepared. `bind(statement, first, row)` binds one row's columns from parameter `first` on (sql::bind_row). An error is of
// the statement in which it happened: none of its rows are there, and those of earlier statements are.
template <typename Row, typename Bind>
Result<void> insert_rows(Connection& connection, const InsertTexts& texts, std::span<const Row> rows,
                         const Bind& bind) {
  while (!rows.empty()) {
    const std::size_t count = rows_at_once(rows.size());
    auto statement = connection.prepare(texts.of(count));
    if (!statement.ok()) return statement.error();
    int first = 1;
    for (const Row& row : rows.first(count)) {
      bind(**statement, first, row);
      first += texts.columns();
    }
    ESSAIM_TRY((*statement)->run());
    rows = rows.subspan(count);
  }
  return {};
}

}  // namespace essaim::storage
