#include "storage/copy.h"

#include <algorithm>
#include <filesystem>
#include <span>
#include <utility>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "storage/insert_rows.h"
#include "storage/post_store.h"
#include "storage/schema.h"
#include "storage/sql.h"
#include "storage/table_reader.h"

namespace essaim::storage {

namespace {

constexpr std::size_t kTransaction = 512U << 10;  // octets
constexpr int kDeletedTogether = 5000;
constexpr std::size_t kMovedTogether = 200;

Result<void> sync_directory_of(const std::string& file) {
  const std::string directory = std::filesystem::path(file).parent_path().string();
  const int fd = ::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return io_error(directory + ": open");
  Result<void> synced = ::fsync(fd) == 0 ? Result<void>() : io_error(directory + ": sync");
  ::close(fd);
  return synced;
}

// Rows and a sum over them (FNV-1a), which depends on their order: both sides are read in the order of the key.
struct Sum {
  std::int64_t rows = 0;
  std::uint64_t value = 14695981039346656037ULL;

  void octet(unsigned char c) { value = (value ^ c) * 1099511628211ULL; }
  void number(std::uint64_t n) {
    for (int shift = 0; shift < 64; shift += 8) octet(static_cast<unsigned char>(n >> shift));
  }
  void add(const std::vector<TableRow>& page) {
    for (const TableRow& row : page) {
      ++rows;
      for (const TableValue& one : row) {
        number(static_cast<std::uint64_t>(one.number));
        number(one.bytes.size());
        for (const char c : one.bytes) octet(static_cast<unsigned char>(c));
      }
    }
  }
  friend bool operator==(const Sum&, const Sum&) = default;
};

Result<void> insert(Connection& connection, const TableShape& table, std::span<const TableRow> rows) {
  std::string columns;
  for (const TableColumn& column : table.columns) columns += (columns.empty() ? "" : ", ") + column.name;
  return insert_rows(connection, InsertTexts("INSERT INTO " + table.name + " (" + columns + ")"), rows,
                     [&table](Statement& statement, int first, const TableRow& row) {
                       for (std::size_t i = 0; i < row.size(); ++i)
                         bind_value(statement, first + static_cast<int>(i), table.columns[i].kind, row[i]);
                     });
}

// Writes a page in as many transactions as its size asks for.
Result<void> write_page(Database& to, const TableShape& table, const std::vector<TableRow>& page) {
  for (std::size_t begin = 0; begin < page.size();) {
    std::size_t end = begin, size = 0;
    while (end < page.size() && (end == begin || size + size_of(page[end]) <= kTransaction))
      size += size_of(page[end++]);
    ESSAIM_TRY(to.write_now(Durability::kProgress, [&](Connection& connection) {
      return insert(connection, table, std::span(page).subspan(begin, end - begin));
    }));
    begin = end;
  }
  return {};
}

Result<Sum> sum_of(Database& database, const TableShape& table) {
  Sum sum;
  ESSAIM_TRY(database.read_now([&](Connection& connection) -> Result<void> {
    sum = Sum();
    return read_table(connection, table, [&sum](const std::vector<TableRow>& page) -> Result<void> {
      sum.add(page);
      return {};
    });
  }));
  return sum;
}

Result<std::vector<TableShape>> shapes_of(Database& database) {
  return database.read_now(table_shapes);
}

// The target's shape in the order of the source's columns, with the target's own kinds.
Result<TableShape> same_table(const TableShape& wanted, const std::vector<TableShape>& shapes) {
  const auto found =
      std::find_if(shapes.begin(), shapes.end(), [&](const TableShape& s) { return s.name == wanted.name; });
  const Error different{ErrorCode::kInternal, "table " + wanted.name + " is not the same in both databases"};
  if (found == shapes.end() || found->columns.size() != wanted.columns.size()) return different;
  TableShape shape = wanted;
  for (TableColumn& column : shape.columns) {
    const auto same = std::find_if(found->columns.begin(), found->columns.end(),
                                   [&](const TableColumn& c) { return c.name == column.name; });
    if (same == found->columns.end()) return different;
    column.kind = same->kind;
  }
  return shape;
}

Result<void> empty_table(Database& database, const TableShape& table) {
  // SQLite's DELETE knows no LIMIT as Debian builds it; a file needs no small transactions.
  for (std::int64_t gone = 1; gone > 0;) {
    ESSAIM_TRY(database.write_now(Durability::kProgress, [&](Connection& connection) -> Result<void> {
      const std::string limit =
          connection.dialect() == Dialect::kSqlite ? "" : " LIMIT " + std::to_string(kDeletedTogether);
      auto deleted = sql::run(connection, "DELETE FROM " + table.name + limit);
      if (!deleted.ok()) return deleted.error();
      gone = limit.empty() ? 0 : *deleted;
      return {};
    }));
  }
  return {};
}

// Makes sure that nothing is overwritten, and puts the mark.
Result<void> begin(Database& to, const std::vector<TableShape>& shapes) {
  auto unfinished = copy_unfinished(to);
  if (!unfinished.ok()) return unfinished.error();
  for (const TableShape& table : shapes) {
    if (*unfinished) {
      ESSAIM_TRY(empty_table(to, table));
      continue;
    }
    ESSAIM_TRY(to.read_now([&table](Connection& connection) -> Result<void> {
      auto rows =
          sql::number(connection, 0, "SELECT COUNT(*) FROM (SELECT 1 FROM " + table.name + " LIMIT 1) t");
      if (!rows.ok()) return rows.error();
      if (*rows == 0) return {};
      return Error{ErrorCode::kConflict,
                   "the target has rows in table " + table.name + ": nothing is copied over what is there"};
    }));
  }
  return set_copy_unfinished(to, true);
}

// Of `seen`: an earlier version kept long keys as they were. A server has no room for them, and nobody asks for them any more.
std::vector<TableRow> without_long_keys(const TableShape& table, std::vector<TableRow> rows) {
  const auto found = std::find_if(table.columns.begin(), table.columns.end(),
                                  [](const TableColumn& column) { return column.name == "seen_key"; });
  const auto key = static_cast<std::size_t>(found - table.columns.begin());
  std::erase_if(rows, [key](const TableRow& row) { return row[key].bytes.size() > PostStore::kLongestKey; });
  return rows;
}

Result<CopiedTable> copy_table(Connection& from, const TableShape& table, Database& to,
                               const TableShape& target) {
  Sum sum;
  const auto take = [&](const std::vector<TableRow>& rows) {
    sum.add(rows);
    return write_page(to, target, rows);
  };
  ESSAIM_TRY(read_table(from, table, [&](const std::vector<TableRow>& page) {
    return table.name == "seen" ? take(without_long_keys(table, page)) : take(page);
  }));
  auto arrived = sum_of(to, target);
  if (!arrived.ok()) return arrived.error();
  if (*arrived == sum) return CopiedTable{table.name, sum.rows};
  return Error{ErrorCode::kInternal, "table " + table.name + ": " + std::to_string(sum.rows) +
                                         " rows were copied, and the " + std::to_string(arrived->rows) +
                                         " in the target are not the same"};
}

}  // namespace

Result<std::vector<CopiedTable>> copy_database(Database& from, Database& to,
                                               const std::function<void(const CopiedTable&)>& progress) {
  ESSAIM_TRY(require_newest(from));
  ESSAIM_TRY(migrate(to));
  auto shapes = shapes_of(to);
  if (!shapes.ok()) return shapes.error();
  ESSAIM_TRY(begin(to, *shapes));
  std::vector<CopiedTable> copied;
  bool begun = false;
  const auto copy_all = [&](Connection& connection) -> Result<void> {
    // What is in the target by now is of another snapshot.
    if (std::exchange(begun, true))
      return Error{ErrorCode::kIo, "the connection to the database that is copied was lost: begin anew"};
    auto tables = table_shapes(connection);
    if (!tables.ok()) return tables.error();
    for (const TableShape& table : *tables) {
      auto target = same_table(table, *shapes);
      if (!target.ok()) return target.error();
      auto one = copy_table(connection, table, to, *target);
      if (!one.ok()) return one.error();
      copied.push_back(std::move(*one));
      if (progress) progress(copied.back());
    }
    return {};
  };
  ESSAIM_TRY(from.read_now(copy_all));
  Id moved = 0;  // those up to it
  for (bool more = true; more;) {
    Id reached = moved;
    ESSAIM_TRY(to.write_now(Durability::kProgress, [&](Connection& connection) -> Result<void> {
      reached = moved;
      auto some = PostStore(connection).keep_keys_apart(&reached, kMovedTogether);
      if (!some.ok()) return some.error();
      more = *some;
      return {};
    }));
    moved = reached;
  }
  ESSAIM_TRY(set_copy_unfinished(to, false));
  return copied;
}

Result<void> into_new_file(const std::string& name, const std::function<Result<void>(Database&)>& fill) {
  const std::string file = std::filesystem::absolute(name).string();
  if (::access(file.c_str(), F_OK) == 0) return Error{ErrorCode::kExists, file + ": the file exists already"};
  const std::string part = file + ".part";
  const auto remove_part = [&part] {
    for (const char* end : {"", "-wal", "-shm"}) ::unlink((part + end).c_str());
  };
  remove_part();
  const int fd = ::open(part.c_str(), O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0600);
  if (fd < 0) return io_error(part);
  ::close(fd);
  Result<void> done;
  {
    DatabaseOptions options;
    options.url = "sqlite:" + part;
    options.create = true;
    options.readers = 1;
    auto to = Database::open(options);
    done = to.ok() ? fill(**to) : to.error();
    if (done.ok()) done = (*to)->check();
  }  // closed: its log has gone into the file
  // link() and not rename(): it never replaces what somebody else put there meanwhile.
  if (done.ok() && ::link(part.c_str(), file.c_str()) != 0) done = io_error(file);
  remove_part();
  if (done.ok()) done = sync_directory_of(file);
  return done;
}

Result<void> copy_to_file(Database& from, const std::string& name) {
  return into_new_file(name, [&from](Database& to) -> Result<void> {
    const auto copied = copy_database(from, to);
    return copied.ok() ? Result<void>() : copied.error();
  });
}

}  // namespace essaim::storage
