#include "storage/copied_away.h"

#include <algorithm>
#include <thread>

#include "storage/node_store.h"
#include "storage/schema.h"
#include "storage/sql.h"

namespace essaim::storage {

namespace {

constexpr const char* kUnderWay = "copying-away";
constexpr const char* kFinished = "copied-away";
constexpr Duration kLookEvery = std::chrono::milliseconds(500);
constexpr Duration kLeastLease = std::chrono::seconds(15);  // of a row that tells none

Result<void> set_mark(Database& database, const char* name, WallTime when) {
  return database.write_now(Durability::kAccept, [&](Connection& connection) -> Result<void> {
    ESSAIM_TRY(sql::run(connection, "DELETE FROM meta WHERE name IN (?, ?)", kUnderWay, kFinished));
    ESSAIM_TRY(sql::run(connection, "INSERT INTO meta (name, value) VALUES (?, ?)", name, when));
    return {};
  });
}

// Nothing of nodes on a file: they do not beat there, and the lock of the state directory tells.
Result<std::vector<NodeSight>> nodes_on_server(Database& database) {
  return database.look_now([](Connection& connection) -> Result<std::vector<NodeSight>> {
    if (connection.dialect() == Dialect::kSqlite) return std::vector<NodeSight>();
    return NodeStore(connection).all();
  });
}

Error at_work(const NodeSight& node) {
  return {ErrorCode::kConflict, "node " + node.hostname +
                                    " works on this database: stop it first (`systemctl stop essaim.socket "
                                    "essaim` there), and all others; see: essaim node list"};
}

// The first that has done something between two looks, stopping aside.
const NodeSight* that_worked(const std::vector<NodeSight>& before, const std::vector<NodeSight>& now) {
  for (const NodeSight& node : now) {
    const auto same = std::find_if(before.begin(), before.end(),
                                   [&node](const NodeSight& b) { return b.number == node.number; });
    if (same == before.end() || same->epoch != node.epoch || same->beat != node.beat) return &node;
  }
  return nullptr;
}

// As an observer judges: by beats that do not change for a lease of our own clock.
Result<std::vector<NodeSight>> wait_for_silence(Database& database, const Clock& clock,
                                                const std::vector<NodeSight>& seen) {
  Duration lease{};
  for (const NodeSight& node : seen)
    if (node.at_work()) lease = std::max(lease, node.lease > Duration{} ? node.lease : kLeastLease);
  for (const MonoTime until = clock.mono_now() + lease + kLookEvery; clock.mono_now() < until;) {
    std::this_thread::sleep_for(std::min(kLookEvery, lease));
    auto now = nodes_on_server(database);
    if (!now.ok()) return now;
    if (const NodeSight* working = that_worked(seen, *now)) return at_work(*working);
  }
  ESSAIM_TRY(database.write_now(Durability::kAccept, [&seen](Connection& connection) -> Result<void> {
    for (const NodeSight& node : seen) {
      if (!node.at_work()) continue;
      auto fenced = NodeStore(connection).fence(node);
      if (!fenced.ok()) return fenced.error();
      if (!*fenced) return at_work(node);
    }
    return {};
  }));
  return nodes_on_server(database);
}

Result<std::vector<NodeSight>> require_silence(Database& database, const Clock& clock,
                                               const std::function<void(const NodeSight&)>& waiting) {
  auto seen = nodes_on_server(database);
  if (!seen.ok()) return seen;
  bool any = false;
  for (const NodeSight& node : *seen) {
    if (!node.at_work()) continue;
    any = true;
    if (waiting) waiting(node);
  }
  return any ? wait_for_silence(database, clock, *seen) : seen;
}

}  // namespace

Result<std::optional<CopiedAway>> copied_away(Database& database) {
  return database.read_now([](Connection& connection) {
    return sql::row(
        sql::prepare(connection, "SELECT name, value FROM meta WHERE name IN (?, ?)", kUnderWay, kFinished),
        [](Statement& row) {
          return CopiedAway{sql::time(row, 1), row.text(0) == kFinished};
        });
  });
}

Result<void> require_not_copied_away(Database& database) {
  auto mark = copied_away(database);
  if (!mark.ok()) return mark.error();
  if (!mark->has_value()) return {};
  const std::string when = format_iso8601((*mark)->when);
  return Error{ErrorCode::kConflict,
               (*mark)->finished
                   ? "this database was copied to another database at " + when +
                         ": set storage.url to that one, or run `essaim storage reopen` to go on with this "
                         "one, and then never start a server on the copy"
                   : "a copy of this database to another one was begun at " + when +
                         " and was interrupted: run `essaim storage copy` again, or `essaim storage reopen` "
                         "to go on with this one, and then never start a server on the copy"};
}

Result<bool> reopen(Database& database) {
  bool was = false;
  ESSAIM_TRY(database.write_now(Durability::kAccept, [&was](Connection& connection) -> Result<void> {
    auto gone = sql::run(connection, "DELETE FROM meta WHERE name IN (?, ?)", kUnderWay, kFinished);
    if (!gone.ok()) return gone.error();
    was = *gone > 0;
    return {};
  }));
  return was;
}

Result<std::vector<CopiedTable>> copy_away(Database& from, Database& to, const Clock& clock,
                                           const std::function<void(const CopiedTable&)>& progress,
                                           const std::function<void(const NodeSight&)>& waiting) {
  ESSAIM_TRY(require_newest(from));
  auto before = copied_away(from);
  if (!before.ok()) return before.error();
  auto silent = require_silence(from, clock, waiting);
  if (!silent.ok()) return silent.error();
  if (!before->has_value()) ESSAIM_TRY(set_mark(from, kUnderWay, clock.wall_now()));
  // An earlier mark stays, and so does ours where the copy may be whole: not both may serve. What goes wrong here is less to
  // tell than the error.
  const auto give_up = [&](const Error& error) {
    const auto unfinished = copy_unfinished(to);
    const bool surely = error.code != ErrorCode::kUnknownOutcome || (unfinished.ok() && *unfinished);
    if (!before->has_value() && surely) static_cast<void>(reopen(from).ok());
    return error;
  };
  auto tables = copy_database(from, to, progress);
  if (!tables.ok()) return give_up(tables.error());
  // One that was about to start when the mark came.
  auto now = nodes_on_server(from);
  if (!now.ok()) return now.error();
  if (const NodeSight* worked = that_worked(*silent, *now)) {
    ESSAIM_TRY(set_copy_unfinished(to, true));
    return give_up(at_work(*worked));
  }
  ESSAIM_TRY(set_mark(from, kFinished, clock.wall_now()));
  return tables;
}

}  // namespace essaim::storage
