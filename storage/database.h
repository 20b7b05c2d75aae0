// The one seam to the database engines. SQL in the stores is written once for SQLite and MariaDB; what differs stands in
// Dialect. Only storage/sqlite and storage/mariadb include a client library.
//
// Threads: a Connection and its Statements are used by one thread at a time. Database is thread-safe: reads run on its
// reader threads, writes on its one writer thread, and callers on loops get their answers by callbacks that run on those
// threads (they hop back with EventLoop::post()). The blocking forms are for the command line, jobs and tests.
//
// Two kinds of reads share the reader threads. Those that mail waits for (RCPT, DATA, logins, the queue) are short, and take
// whichever thread is free. The others may be long, or asked for by anybody: a job's, an operator's, statistics, a page.
// However many of them there are, the last of several readers is not theirs. So no work of a read, nor what is told of its
// end, may wait for another read.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "core/base/check.h"
#include "core/base/clock.h"
#include "core/base/result.h"

namespace essaim::storage {

// A prepared statement with bound parameters, each written "?" and bound by its place, from 1 (MariaDB knows no "?1"). Text and
// blobs are copied when bound.
class Statement {
 public:
  virtual ~Statement() = default;
  virtual Statement& bind(int index, std::int64_t value) = 0;
  virtual Statement& bind_text(int index, std::string_view value) = 0;
  virtual Statement& bind_blob(int index, std::string_view value) = 0;
  // True: a row is there. False: done.
  virtual Result<bool> step() = 0;
  // Runs a statement that gives no rows; the number of rows matched (not: changed).
  virtual Result<std::int64_t> run() = 0;
  // Columns of the current row, from 0. Views live until the next step().
  virtual std::int64_t integer(int column) = 0;
  virtual std::string_view text(int column) = 0;  // also blobs
  virtual bool is_null(int column) = 0;
};

enum class Dialect { kSqlite, kMariadb };

class UnsettledKeys;

class Connection {
 public:
  virtual ~Connection() = default;
  // From the connection's cache, reset and with nothing bound. It is the caller's until the next prepare() of the same
  // text on this connection. Errors of SQL and of connection appear here or at step().
  virtual Result<Statement*> prepare(std::string_view sql) = 0;
  // One or more statements without parameters or rows. Ends those that are prepared and not at their end.
  virtual Result<void> execute(std::string_view sql) = 0;
  virtual Dialect dialect() const = 0;
  // "INSERT OR IGNORE INTO" / "INSERT IGNORE INTO"
  std::string_view insert_ignore() const {
    return dialect() == Dialect::kSqlite ? "INSERT OR IGNORE INTO" : "INSERT IGNORE INTO";
  }
  // Where one process accepts; null where hosts share the database, and only its rows tell what another one has accepted.
  virtual UnsettledKeys* unsettled_keys() { return nullptr; }
  // Within a work that writes: runs `then` once its transaction is committed, on the writer's thread and before anybody hears of
  // it; never where the work or the commit fails, or nobody knows. For what the log says was done. Reads drop it.
  virtual void behind_commit(std::function<void()> then) { static_cast<void>(then); }
};

// How sure a commit must be before it is reported.
enum class Durability {
  kAccept,    // survives power loss: what a 250 or a person's command rests on
  kProgress,  // survives a crash of the process; the journal or a later accept commit makes it power-loss safe
};

// Work inside a transaction, or a read. It may run more than once (retry after a conflict, or after the loss of a connection), so
// it must start from fresh state each time. An error rolls this work back and nothing else.
using Work = std::function<Result<void>(Connection&)>;
// What a work gives that is no Work: the T of its Result<T>.
template <typename F>
using ValueOf = typename std::invoke_result_t<F&, Connection&>::value_type;
// Runs once, on a database thread, after the commit is durable as asked, or after it failed.
using Done = std::function<void(Result<void>)>;

struct DatabaseOptions {
  std::string url;       // "sqlite:/path/file.db", or as in storage/mariadb/mariadb_url.h
  std::string password;  // of the user in a MariaDB URL
  int readers = 2;       // threads, each with a connection; one of several is kept from long reads
  Duration busy_timeout = std::chrono::seconds(10);  // another process (the command line) holds the lock
  bool create = false;                               // make the file when it is missing
  Duration reply_timeout{};  // of a server, where shorter than the URL's; 0: as that says
  // A server rolls back what hears nothing of us for so long inside a transaction that has written.
  Duration idle_limit = std::chrono::seconds(8);
};

class Database {
 public:
  // kInvalid, saying what is wrong and where, for what open() would not understand.
  static Result<void> check_url(const std::string& url);
  // Opens without touching the schema (see schema.h). Errors name the file and the cause.
  static Result<std::unique_ptr<Database>> open(const DatabaseOptions& options);
  virtual ~Database() = default;  // finishes what was queued

  // A consistent snapshot for reading. `done` gets the work's own result or the database's error.
  virtual void read(Work work, Done done) = 0;
  // The same without a snapshot: each statement sees what is committed when it runs. For one statement that is run often.
  virtual void look(Work work, Done done) = 0;
  // As read(), and it sees all that anybody was told to be committed before it began. On one server that is any read; on a
  // cluster a read may lag behind what another host has committed, and a permanent "no such list" must not rest on that.
  virtual void read_latest(Work work, Done done) { read(std::move(work), std::move(done)); }
  // Any of these for what may be long: it waits while others of its kind have all readers but one.
  enum class How { kSnapshot, kLatest, kPlain };  // as read(), read_latest(), look()
  virtual void read_long(How how, Work work, Done done);
  // Whether a read may see less than a read_latest().
  virtual bool clustered() const { return false; }
  // What is large is better written in several transactions, below 1 MB each: they are replicated as a whole.
  virtual bool wants_small_transactions() const { return false; }
  // Works queued while a commit runs share the next one (group commit). A failing work is rolled back alone; a failing
  // commit fails every work in it with kTemporary, kExhausted (disk full), kDamaged or kUnknownOutcome.
  virtual void write(Durability durability, Work work, Done done) = 0;

  // Who blocks for a read is a job or an operator's command, so it counts as long, but for short_read_now().
  Result<void> read_now(const Work& work);
  Result<void> look_now(const Work& work);
  Result<void> read_latest_now(const Work& work);
  Result<void> short_read_now(const Work& work);  // a read() that a client waits for
  Result<void> write_now(Durability durability, const Work& work);

  // The same with a work that gives a Result<T>: what it gave when it ran last.
  template <typename F, typename T = ValueOf<F>>
  Result<T> read_now(F work) {
    return value_of<T>(work, [this](const Work& keeping) { return read_now(keeping); });
  }
  template <typename F, typename T = ValueOf<F>>
  Result<T> look_now(F work) {
    return value_of<T>(work, [this](const Work& keeping) { return look_now(keeping); });
  }
  template <typename F, typename T = ValueOf<F>>
  Result<T> read_latest_now(F work) {
    return value_of<T>(work, [this](const Work& keeping) { return read_latest_now(keeping); });
  }
  template <typename F, typename T = ValueOf<F>>
  Result<T> short_read_now(F work) {
    return value_of<T>(work, [this](const Work& keeping) { return short_read_now(keeping); });
  }
  template <typename F, typename T = ValueOf<F>>
  Result<T> write_now(Durability durability, F work) {
    return value_of<T>(work,
                       [this, durability](const Work& keeping) { return write_now(durability, keeping); });
  }

  // A backup of a running database into a new file, consistent and checked.
  virtual Result<void> backup(const std::string& file) = 0;
  // The engine's own integrity check, where it has one that can be run beside the work.
  virtual Result<void> check() = 0;
  // The settings that the promise rests on: kInvalid tells those that break it.
  virtual Result<void> check_settings() = 0;
  // Where there is a choice of servers: which of them would be worked with, each in its turn.
  struct Host {
    std::string name;     // with its port
    std::string problem;  // "": it takes work
  };
  virtual std::vector<Host> hosts() { return {}; }
  // What was done since opening, for the bench and metrics: statements of works that write, commits, durable commits
  // (fsync), and statements of works that only read.
  struct Counters {
    std::uint64_t statements = 0;
    std::uint64_t commits = 0;
    std::uint64_t durable_commits = 0;
    std::uint64_t failed_commits = 0;
    std::uint64_t reads = 0;
    std::uint64_t attempts = 0;  // transactions that were begun or tried to: the writer moves
  };
  virtual Counters counters() const = 0;
  // Of the user on a server, for connections that are opened from now on. Thread-safe.
  virtual void set_password(const std::string& /*password*/) {}
  // False from the first failing commit to the next success; for readiness and for pausing delivery. Thread-safe.
  virtual bool healthy() const = 0;

 private:
  // `run` runs a Work, maybe more than once, and waits for its end.
  template <typename T, typename F, typename Run>
  static Result<T> value_of(F& work, const Run& run) {
    std::optional<T> value;
    const Result<void> done = run([&work, &value](Connection& connection) -> Result<void> {
      value.reset();
      Result<T> given = work(connection);
      if (!given.ok()) return given.error();
      value.emplace(*std::move(given));
      return {};
    });
    if (!done.ok()) return done.error();
    ESSAIM_CHECK(value.has_value());
    return *std::move(value);
  }
};

}  // namespace essaim::storage
