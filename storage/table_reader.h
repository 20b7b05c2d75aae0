// Reads a table whole, in pages in the order of its primary key, without knowing what it is for. Inside storage only; inside
// the caller's transaction.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "storage/database.h"

namespace essaim::storage {

enum class ColumnKind { kInteger, kText, kBlob };

struct TableColumn {
  std::string name;
  ColumnKind kind = ColumnKind::kBlob;
};

struct TableShape {
  std::string name;
  std::vector<TableColumn> columns;
  std::vector<std::size_t> key;  // columns of the primary key, in its order
};

// Every table of the schema, by name; not `meta`, which tells of the schema itself.
Result<std::vector<TableShape>> table_shapes(Connection& connection);

struct TableValue {
  std::int64_t number = 0;
  std::string bytes;  // texts and blobs
};
using TableRow = std::vector<TableValue>;  // in the order of TableShape::columns

// The row at which the statement stands, whose columns are those of the shape.
TableRow row_from(Statement& statement, const TableShape& table);
void bind_value(Statement& statement, int place, ColumnKind kind, const TableValue& value);
std::size_t size_of(const TableRow& row);  // octets, about

// Gives every row, a page at a time; a page takes some MB at most where rows have a quarter of a MB.
Result<void> read_table(Connection& connection, const TableShape& table,
                        const std::function<Result<void>(const std::vector<TableRow>&)>& each_page);

}  // namespace essaim::storage
