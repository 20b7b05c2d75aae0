#include "storage/sqlite/sqlite_database.h"

#include <algorithm>
#include <cerrno>
#include <string>
#include <vector>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "storage/sqlite/sqlite_error.h"

namespace essaim::storage {

namespace {

std::string directory_of(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

Result<void> sync_path(const std::string& path) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return io_error(path + ": open");
  const int failed = ::fsync(fd);
  const int number = errno;
  ::close(fd);
  errno = number;
  if (failed != 0) return io_error(path + ": sync");
  return {};
}

bool exists(const std::string& path) {
  struct stat status {};
  return ::stat(path.c_str(), &status) == 0;
}

// The first column of what a statement gives, as far as it gives something.
struct Said {
  std::vector<std::string> rows;
  Result<void> end;
};
Said say(SqliteConnection& connection, const std::string& sql) {
  constexpr std::size_t most = 1000;
  Said said;
  const auto collect = [](void* out, int columns, char** values, char**) {
    auto* rows = static_cast<std::vector<std::string>*>(out);
    if (columns > 0 && values[0] != nullptr && rows->size() < most) rows->emplace_back(values[0]);
    return 0;
  };
  const int code = sqlite3_exec(connection.handle(), sql.c_str(), collect, &said.rows, nullptr);
  if (code != SQLITE_OK) said.end = sqlite_error(connection.handle(), code, connection.file(), sql);
  return said;
}

bool finds_nothing(const Said& check) {
  return check.end.ok() && check.rows == std::vector<std::string>{"ok"};
}

// Names what is damaged: who reads it at night knows what these tables have, and not what page 71 is.
Result<void> check_pages(SqliteConnection& connection) {
  const Said check = say(connection, "PRAGMA integrity_check(20)");
  if (finds_nothing(check)) return {};
  std::string where;
  const auto add = [&where](const std::string& what) { where += (where.empty() ? "" : ", ") + what; };
  for (const std::string& table :
       say(connection, "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%'")
           .rows) {
    if (finds_nothing(say(connection, "PRAGMA integrity_check('" + table + "')"))) continue;
    const bool only_index = say(connection, "SELECT NULL FROM " + table + " NOT INDEXED").end.ok();
    add((only_index ? "an index of table " : "table ") + table);
  }
  std::string found;
  for (std::string row : check.rows) {
    std::replace(row.begin(), row.end(), '\n', ' ');
    if (found.size() < 1000) found += (found.empty() ? "" : "; ") + row;
  }
  if (found.empty()) return check.end;
  return Error{check.end.ok() ? ErrorCode::kDamaged : check.end.error().code,
               "database " + connection.file() + " is damaged" + (where.empty() ? "" : " in " + where) +
                   " (docs/operating.md, A damaged database file): " + found};
}

}  // namespace

SqliteDatabase::SqliteDatabase(const DatabaseOptions& options, const std::string& file)
    : file_(file),
      busy_timeout_(options.busy_timeout),
      mending_(file),
      files_(file),
      checkpointer_(file, &mending_, &files_,
                    [this] { return connect(SqliteConnection::Use::kMaintenance, nullptr); }),
      readers_(file, options.readers, [this] { return open_reader(); }),
      writer_(file, [this] { return open_writer(); }) {}

Result<std::unique_ptr<SqliteConnection>> SqliteDatabase::connect(SqliteConnection::Use use,
                                                                  std::atomic<std::uint64_t>* statements) {
  ESSAIM_TRY(files_.in_place());
  auto opened = SqliteConnection::open(file_, use, busy_timeout_, false, statements, &mending_);
  if (opened.ok()) ESSAIM_TRY(files_.in_place());  // it has opened what had the name in between
  return opened;
}

Result<std::unique_ptr<EngineConnection>> SqliteDatabase::open_reader() {
  auto opened = connect(SqliteConnection::Use::kRead, &reads_);
  if (!opened.ok()) return opened.error();
  return std::unique_ptr<EngineConnection>(std::move(*opened));
}

Result<std::unique_ptr<EngineConnection>> SqliteDatabase::open_writer() {
  auto opened = connect(SqliteConnection::Use::kWrite, writer_.statements());
  if (!opened.ok()) return opened.error();
  // The checkpointer hears of the pages in the write-ahead log after each commit.
  const auto on_wal = [](void* checkpointer, sqlite3*, const char*, int pages) {
    static_cast<SqliteCheckpointer*>(checkpointer)->wal_grown(pages);
    return SQLITE_OK;
  };
  sqlite3_wal_hook((*opened)->handle(), on_wal, &checkpointer_);
  return std::unique_ptr<EngineConnection>(std::move(*opened));
}

Result<std::unique_ptr<Database>> SqliteDatabase::open(const DatabaseOptions& options,
                                                       const std::string& file) {
  const bool existed = exists(file);
  if (!existed && !options.create) {
    return Error{ErrorCode::kNotFound,
                 "database " + file + ": no such file (`essaim storage migrate` makes it)"};
  }
  {
    // Makes the file, and tells early of a wrong or damaged one.
    LogMending mending(file);
    auto first = SqliteConnection::open(file, SqliteConnection::Use::kMaintenance, options.busy_timeout,
                                        options.create, nullptr, &mending);
    if (!first.ok()) return first.error();
    // What a process that died has left, before it is closed: that copies the log into the database.
    ESSAIM_TRY(mending.mend_or_end((*first)->handle()));
  }
  if (!existed) {
    ::chmod(file.c_str(), 0600);
    ESSAIM_TRY(sync_path(directory_of(file)));
  }
  std::unique_ptr<SqliteDatabase> database(new SqliteDatabase(options, file));
  ESSAIM_TRY(database->writer_.open());
  // Who is the first has made the log. SQLite syncs its name, too, but does not look at what that gives.
  if (database->mending_.doubtful()) ESSAIM_TRY(sync_path(directory_of(file)));
  auto stays = SqliteConnection::open(file, SqliteConnection::Use::kRead, options.busy_timeout, false,
                                      nullptr, &database->mending_);
  if (!stays.ok()) return stays.error();
  // It has the log open once it has read; where the schema is damaged others say so.
  sqlite3_exec((*stays)->handle(), "SELECT COUNT(*) FROM sqlite_master", nullptr, nullptr, nullptr);
  database->files_.remember(std::move(*stays));
  database->writer_.start();
  database->readers_.start();
  database->checkpointer_.start();
  return std::unique_ptr<Database>(std::move(database));
}

void SqliteDatabase::write(Durability durability, Work work, Done done) {
  if (durability == Durability::kAccept) {
    if (const Result<void> there = files_.in_place(); !there.ok())
      work = [error = there.error()](Connection&) -> Result<void> { return error; };
  }
  writer_.write(durability, std::move(work), std::move(done));
}

Result<void> SqliteDatabase::backup(const std::string& file) {
  if (exists(file)) return Error{ErrorCode::kExists, "backup " + file + ": the file exists already"};
  const std::string part = file + ".part";
  ::unlink(part.c_str());
  const auto give_up = [&part](Error error) {
    ::unlink(part.c_str());
    return error;
  };
  auto source = connect(SqliteConnection::Use::kMaintenance, nullptr);
  if (!source.ok()) return source.error();
  auto copy = (*source)->prepare("VACUUM INTO ?");
  if (!copy.ok()) return copy.error();
  // An empty file with narrow rights, which VACUUM INTO fills: the copy is never readable for others.
  const int fd = ::open(part.c_str(), O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0600);
  if (fd < 0) return io_error(part + ": create");
  ::close(fd);
  auto copied = (*copy)->bind_text(1, part).run();
  if (!copied.ok()) return give_up(copied.error());
  {
    auto check = SqliteConnection::open(part, SqliteConnection::Use::kRead, busy_timeout_, false, nullptr);
    if (!check.ok()) return give_up(check.error());
    if (auto whole = check_pages(**check); !whole.ok()) return give_up(whole.error());
  }
  if (auto synced = sync_path(part); !synced.ok()) return give_up(synced.error());
  // link() and not rename(): it never replaces what somebody else put there meanwhile.
  if (::link(part.c_str(), file.c_str()) != 0) return give_up(io_error(file + ": create"));
  ::unlink(part.c_str());
  return sync_path(directory_of(file));
}

Result<void> SqliteDatabase::check() {
  auto connection = connect(SqliteConnection::Use::kMaintenance, nullptr);
  if (!connection.ok()) return connection.error();
  return check_pages(**connection);
}

Result<void> SqliteDatabase::check_settings() {
  return write_now(Durability::kAccept, [this](Connection& connection) -> Result<void> {
    struct Setting {
      const char* name;
      std::string_view wanted;
      const char* meaning;
    };
    for (const Setting& setting : {Setting{"journal_mode", "wal", "write-ahead log"},
                                   Setting{"synchronous", "2", "sync at each accepting commit"}}) {
      auto statement = connection.prepare(std::string("PRAGMA ") + setting.name);
      if (!statement.ok()) return statement.error();
      auto row = (*statement)->step();
      if (!row.ok()) return row.error();
      const std::string value = *row ? std::string((*statement)->text(0)) : std::string();
      if (value != setting.wanted) {
        return Error{ErrorCode::kInvalid, "database " + file_ + ": " + setting.name + " is " + value +
                                              ", not " + std::string(setting.wanted) + " (" +
                                              setting.meaning + ")"};
      }
    }
    return {};
  });
}

}  // namespace essaim::storage
