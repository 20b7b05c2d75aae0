#include "storage/table_reader.h"

#include <algorithm>

#include "storage/sql.h"

namespace essaim::storage {

namespace {

constexpr std::size_t kRows = 1000;         // of a page
constexpr std::size_t kRowsWithBlobs = 32;  // where a row may have a quarter of a MB

ColumnKind kind_of(std::string_view type) {
  if (type.find("INT") != std::string_view::npos || type.find("int") != std::string_view::npos)
    return ColumnKind::kInteger;
  return type == "TEXT" ? ColumnKind::kText : ColumnKind::kBlob;
}

// Columns of both: name, type, place in the primary key (from 1; 0: not in it).
constexpr std::string_view kSqliteColumns = "SELECT name, type, pk FROM pragma_table_info(?) ORDER BY cid";
constexpr std::string_view kMariadbColumns =
    "SELECT c.column_name, c.data_type, COALESCE(s.seq_in_index, 0) FROM information_schema.columns c "
    "LEFT JOIN information_schema.statistics s ON s.table_schema = c.table_schema AND s.table_name = "
    "c.table_name "
    "AND s.column_name = c.column_name AND s.index_name = 'PRIMARY' "
    "WHERE c.table_schema = DATABASE() AND c.table_name = ? ORDER BY c.ordinal_position";

Result<TableShape> shape_of(Connection& connection, const std::string& name) {
  TableShape shape;
  shape.name = name;
  auto statement = sql::prepare(
      connection, connection.dialect() == Dialect::kSqlite ? kSqliteColumns : kMariadbColumns, name);
  std::vector<std::pair<std::int64_t, std::size_t>> key;
  ESSAIM_TRY(sql::each(statement, [&](Statement& row) {
    if (const std::int64_t place = row.integer(2); place > 0) key.emplace_back(place, shape.columns.size());
    shape.columns.push_back({sql::text(row, 0), kind_of(row.text(1))});
  }));
  if (key.empty()) return Error{ErrorCode::kInternal, "table " + name + " has no primary key"};
  std::sort(key.begin(), key.end());
  for (const auto& [place, column] : key) shape.key.push_back(column);
  return shape;
}

// "SELECT ... WHERE k1 = ? AND k2 > ? ORDER BY k1, k2 LIMIT ?": the rows that share the first `same` columns of the key with
// a row and come behind it in the next. Each can be read from the index, which comparing whole keys cannot.
std::string select_behind(const TableShape& table, int same) {
  std::string columns, order, where;
  for (const TableColumn& column : table.columns) columns += (columns.empty() ? "" : ", ") + column.name;
  for (std::size_t i = 0; i < table.key.size(); ++i) {
    const std::string& name = table.columns[table.key[i]].name;
    order += (order.empty() ? "" : ", ") + name;
    const int place = static_cast<int>(i);
    if (place <= same)
      where += (where.empty() ? " WHERE " : " AND ") + name + (place < same ? " = ?" : " > ?");
  }
  return "SELECT " + columns + " FROM " + table.name + where + " ORDER BY " + order + " LIMIT ?";
}

Result<std::vector<TableRow>> page_behind(Connection& connection, const TableShape& table,
                                          const TableRow& last, int same, std::size_t limit) {
  auto statement = connection.prepare(select_behind(table, same));
  if (!statement.ok()) return statement.error();
  int next = 1;
  for (int i = 0; i <= same; ++i) {
    const std::size_t column = table.key[static_cast<std::size_t>(i)];
    bind_value(**statement, next++, table.columns[column].kind, last[column]);
  }
  (*statement)->bind(next, static_cast<std::int64_t>(limit));
  return sql::rows(statement, [&table](Statement& row) { return row_from(row, table); });
}

}  // namespace

TableRow row_from(Statement& statement, const TableShape& table) {
  TableRow row(table.columns.size());
  for (std::size_t i = 0; i < row.size(); ++i) {
    const int column = static_cast<int>(i);
    if (table.columns[i].kind == ColumnKind::kInteger)
      row[i].number = statement.integer(column);
    else
      row[i].bytes = sql::text(statement, column);
  }
  return row;
}

std::size_t size_of(const TableRow& row) {
  std::size_t size = 16;
  for (const TableValue& one : row) size += 8 + one.bytes.size();
  return size;
}

void bind_value(Statement& statement, int place, ColumnKind kind, const TableValue& value) {
  switch (kind) {
    case ColumnKind::kInteger:
      statement.bind(place, value.number);
      break;
    case ColumnKind::kText:
      statement.bind_text(place, value.bytes);
      break;
    case ColumnKind::kBlob:
      statement.bind_blob(place, value.bytes);
      break;
  }
}

Result<std::vector<TableShape>> table_shapes(Connection& connection) {
  const std::string_view names =
      connection.dialect() == Dialect::kSqlite
          ? "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%' "
            "AND name <> 'meta' ORDER BY name"
          : "SELECT table_name FROM information_schema.tables WHERE table_schema = DATABASE() "
            "AND table_type = 'BASE TABLE' AND table_name <> 'meta' ORDER BY table_name";
  auto tables = sql::texts(connection.prepare(names));
  if (!tables.ok()) return tables.error();
  std::vector<TableShape> shapes;
  for (const std::string& name : *tables) {
    auto shape = shape_of(connection, name);
    if (!shape.ok()) return shape.error();
    shapes.push_back(std::move(*shape));
  }
  return shapes;
}

Result<void> read_table(Connection& connection, const TableShape& table,
                        const std::function<Result<void>(const std::vector<TableRow>&)>& each_page) {
  const bool blobs = std::any_of(table.columns.begin(), table.columns.end(), [](const TableColumn& c) {
    return c.name == "data" || c.name == "recipients";
  });
  const std::size_t limit = blobs ? kRowsWithBlobs : kRows;
  const int deepest = static_cast<int>(table.key.size()) - 1;
  TableRow last;
  // -1 with no last row: from the beginning.
  for (int same = -1; last.empty() || same >= 0;) {
    auto page = page_behind(connection, table, last, same, limit);
    if (!page.ok()) return page.error();
    if (page->empty() && last.empty()) return {};
    if (!page->empty()) {
      ESSAIM_TRY(each_page(*page));
      last = std::move(page->back());
    }
    // A full page may have ended anywhere; a short one was all with that beginning of the key.
    same = page->size() == limit || same < 0 ? deepest : same - 1;
  }
  return {};
}

}  // namespace essaim::storage
