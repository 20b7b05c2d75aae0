#include "storage/node_store.h"

#include "core/base/log.h"
#include "storage/damage.h"
#include "storage/node_removal.h"
#include "storage/sql.h"

namespace essaim::storage {

namespace {

constexpr std::string_view kSight =
    "SELECT number, hostname, epoch, beat, lease, state, started, version, demand, drains FROM node ";

Result<std::vector<NodeSight>> sights(const Result<Statement*>& statement) {
  return sql::rows(statement, node_sight_from);
}

Result<bool> one_matched(const Result<std::int64_t>& matched) {
  if (!matched.ok()) return matched.error();
  return *matched == 1;
}

}  // namespace

NodeSight node_sight_from(Statement& row) {
  NodeSight node;
  node.number = static_cast<int>(row.integer(0));
  node.hostname = sql::text(row, 1);
  node.epoch = row.integer(2);
  node.beat = row.integer(3);
  node.lease = std::chrono::milliseconds(row.integer(4));
  node.state = static_cast<NodeState>(row.integer(5));
  node.started = sql::time(row, 6);
  node.version = sql::text(row, 7);
  node.demand = sql::text(row, 8);
  node.drains = node.at_work() ? node.state == NodeState::kDraining : row.integer(9) != 0;
  return node;
}

Result<NodeStore::Identity> NodeStore::begin_epoch(const std::string& hostname, WallTime now, Duration lease,
                                                   const std::string& version, const Ended* ended) {
  const Ended known = ended == nullptr ? Ended{} : *ended;
  const std::int64_t lease_ms = std::chrono::duration_cast<std::chrono::milliseconds>(lease).count();
  auto changed =
      sql::run(connection_,
               "UPDATE node SET epoch = epoch + 1, beat = beat + 1, started = ?, lease = ?, "
               "version = ?, state = CASE WHEN state = 1 OR (state > 1 AND drains = 1) THEN 1 "
               "ELSE 0 END WHERE hostname = ? "
               "AND (? = 1 OR state > 1 OR started = ? OR (epoch = ? AND beat = ?))",
               now, lease_ms, version, hostname, ended == nullptr, known.started, known.epoch, known.beat);
  if (!changed.ok()) return changed.error();
  if (*changed == 0) {
    auto others = sql::number(connection_, 0, "SELECT COUNT(*) FROM node WHERE hostname = ?", hostname);
    if (!others.ok()) return others.error();
    if (*others > 0)
      return Error{ErrorCode::kConflict, "a server may be at work under the host name " + hostname};
    auto last = highest_node_number(connection_);
    if (!last.ok()) return last.error();
    if (*last + 1 >= kFirstCommandLineNode) {
      return Error{ErrorCode::kExhausted,
                   "no node number is free: " + std::to_string(kFirstCommandLineNode - 1) +
                       " host names have had one, and none is given again"};
    }
    ESSAIM_TRY(sql::run(connection_,
                        "INSERT INTO node (number, hostname, epoch, beat, started, lease, version, state) "
                        "VALUES (?, ?, 1, 1, ?, ?, ?, 0)",
                        *last + 1, hostname, now, lease_ms, version));
  }
  auto statement = sql::prepare(connection_, "SELECT number, epoch FROM node WHERE hostname = ?", hostname);
  if (!statement.ok()) return statement.error();
  auto row = (*statement)->step();
  if (!row.ok()) return row.error();
  if (!*row) return Error{ErrorCode::kConflict, "the row of node " + hostname + " is gone"};
  return Identity{static_cast<int>((*statement)->integer(0)), (*statement)->integer(1)};
}

Result<bool> NodeStore::beat(Identity self) {
  return one_matched(sql::run(connection_, "UPDATE node SET beat = beat + 1 WHERE number = ? AND epoch = ?",
                              self.number, self.epoch));
}

Result<bool> NodeStore::beat(Identity self, const std::string& demand) {
  return one_matched(sql::run(connection_,
                              "UPDATE node SET beat = beat + 1, demand = ? WHERE number = ? AND epoch = ?",
                              demand, self.number, self.epoch));
}

Result<bool> NodeStore::is_running(Identity self) {
  auto found = sql::number(connection_, 0, "SELECT COUNT(*) FROM node WHERE number = ? AND epoch = ?",
                           self.number, self.epoch);
  if (!found.ok()) return found.error();
  return *found == 1;
}

Result<bool> NodeStore::held_by_others(int number) {
  if (connection_.dialect() != Dialect::kMariadb) return false;
  auto statement =
      sql::prepare(connection_, "SELECT number FROM node WHERE number = ? FOR UPDATE SKIP LOCKED", number);
  if (!statement.ok()) return statement.error();
  auto row = (*statement)->step();
  if (!row.ok()) return row.error();
  return !*row;
}

// What a node at work does is its state, which older programs know, too. The column keeps it for the time until it is back.
// (It comes first: MariaDB takes the new value of what stands before.)
Result<bool> NodeStore::fence(const NodeSight& dead) {
  return one_matched(
      sql::run(connection_,
               "UPDATE node SET drains = CASE WHEN state = 1 THEN 1 ELSE 0 END, epoch = epoch + 1, state = 3 "
               "WHERE number = ? AND epoch = ? AND beat = ? AND state IN (0, 1)",
               dead.number, dead.epoch, dead.beat));
}

Result<std::int64_t> NodeStore::release_fenced(int number, std::int64_t limit,
                                               std::vector<DamagedBatch>* damaged) {
  return update_batches(connection_,
                        {"queue = 1, owner = 0, epoch = 0", 3, "",
                         " AND owner = ? AND epoch < (SELECT n.epoch FROM node n WHERE n.number = ?)", limit},
                        {number, number}, damaged);
}

Result<bool> NodeStore::end_epoch(Identity self) {
  return one_matched(
      sql::run(connection_,
               "UPDATE node SET drains = CASE WHEN state = 1 THEN 1 ELSE 0 END, epoch = epoch + 1, state = ? "
               "WHERE number = ? AND epoch = ?",
               NodeState::kStopped, self.number, self.epoch));
}

Result<std::vector<NodeSight>> NodeStore::all() {
  return sights(sql::prepare(connection_, std::string(kSight) + "ORDER BY number"));
}

Result<std::optional<NodeSight>> NodeStore::find(const std::string& hostname) {
  auto found = sights(sql::prepare(connection_, std::string(kSight) + "WHERE hostname = ?", hostname));
  if (!found.ok()) return found.error();
  return found->empty() ? std::optional<NodeSight>() : std::optional<NodeSight>(found->front());
}

Result<bool> NodeStore::want(int number, bool drains) {
  return one_matched(
      sql::run(connection_,
               "UPDATE node SET drains = ?, state = CASE WHEN state <= 1 THEN ? ELSE state END "
               "WHERE number = ?",
               drains ? 1 : 0, drains ? NodeState::kDraining : NodeState::kServing, number));
}

const char* to_string(SuspensionScope scope) {
  switch (scope) {
    case SuspensionScope::kDestination:
      return "destination";
    case SuspensionScope::kList:
      return "list";
    case SuspensionScope::kEverything:
      break;
  }
  return "everything";
}

const char* suspended_reply(SuspensionScope scope) {
  switch (scope) {
    case SuspensionScope::kDestination:
      return "451 4.7.0 destination suspended by the operator";
    case SuspensionScope::kList:
      return "451 4.7.0 list suspended by the operator";
    case SuspensionScope::kEverything:
      break;
  }
  return "451 4.7.0 all delivery suspended by the operator";
}

Result<void> SuspensionStore::suspend(const SuspensionRecord& record) {
  ESSAIM_TRY(sql::run(connection_, "DELETE FROM suspension WHERE scope = ? AND subject = ?", record.scope,
                      record.subject));
  ESSAIM_TRY(
      sql::run(connection_,
               "INSERT INTO suspension (scope, subject, reason, since, until_time) VALUES (?, ?, ?, ?, ?)",
               record.scope, record.subject, record.reason, record.since, record.until));
  return {};
}

Result<void> SuspensionStore::resume(const std::string& subject, SuspensionScope scope) {
  auto removed =
      sql::run(connection_, "DELETE FROM suspension WHERE scope = ? AND subject = ?", scope, subject);
  if (!removed.ok()) return removed.error();
  if (*removed > 0) return {};
  switch (scope) {
    case SuspensionScope::kDestination:
      return Error{ErrorCode::kNotFound, "destination " + subject + " is not suspended"};
    case SuspensionScope::kList:
      return Error{ErrorCode::kNotFound, "list " + subject + " is not suspended"};
    case SuspensionScope::kEverything:
      break;
  }
  return Error{ErrorCode::kNotFound, "delivery as a whole is not suspended"};
}

Result<bool> SuspensionStore::end_with_name(const std::string& list_address) {
  constexpr std::int64_t kLooksAt =
      10'000;  // of posts that are not settled, of all lists; behind more one may wait
  const auto suspended =
      sql::number(connection_, 0, "SELECT COUNT(*) FROM suspension WHERE scope = ? AND subject = ?",
                  SuspensionScope::kList, list_address);
  if (!suspended.ok()) return suspended.error();
  if (*suspended == 0) return false;
  const auto waits = sql::number(
      connection_, 0,
      "SELECT CASE WHEN COUNT(*) >= ? OR SUM(w.waits) > 0 THEN 1 ELSE 0 END FROM (SELECT (p.kind = ? AND "
      "p.list_address = ? AND (p.expanded = 0 OR EXISTS (SELECT 1 FROM batch_state u WHERE u.post_id = p.id "
      "AND u.queue <> 0))) AS waits FROM " +
          sql::waiting_posts(connection_) + " WHERE p.finished = 0 LIMIT ?) w",
      kLooksAt, PostKind::kList, list_address, kLooksAt);
  if (!waits.ok()) return waits.error();
  if (*waits != 0) return false;
  ESSAIM_TRY(resume(list_address, SuspensionScope::kList));
  connection_.behind_commit([list_address] {
    log::info("resumed", {{"scope", to_string(SuspensionScope::kList)},
                          {"what", list_address},
                          {"why", "it was that of an earlier list"}});
  });
  return true;
}

Result<std::vector<SuspensionRecord>> SuspensionStore::all() {
  return sql::rows(
      connection_.prepare(
          "SELECT subject, reason, since, until_time, scope FROM suspension ORDER BY scope, subject"),
      [](Statement& row) {
        return SuspensionRecord{sql::text(row, 0), sql::text(row, 1), sql::time(row, 2), sql::time(row, 3),
                                static_cast<SuspensionScope>(row.integer(4))};
      });
}

Result<std::vector<SuspensionRecord>> SuspensionStore::drop_expired(WallTime now) {
  auto records = all();
  if (!records.ok()) return records;
  std::erase_if(*records, [now](const SuspensionRecord& record) { return !record.over(now); });
  for (const SuspensionRecord& record : *records) {
    ESSAIM_TRY(sql::run(connection_,
                        "DELETE FROM suspension WHERE scope = ? AND subject = ? AND until_time > 0 "
                        "AND until_time <= ?",
                        record.scope, record.subject, now));
  }
  return records;
}

}  // namespace essaim::storage
