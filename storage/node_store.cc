#include "storage/node_store.h"

#include "storage/sql.h"

namespace essaim::storage {

Result<NodeStore::Identity> NodeStore::begin_epoch(const std::string& hostname, WallTime now) {
  auto changed = sql::run(connection_, "UPDATE node SET epoch = epoch + 1, started = ? WHERE hostname = ?",
                          now, hostname);
  if (!changed.ok()) return changed.error();
  if (*changed == 0) {
    auto last = sql::number(connection_, 0, "SELECT MAX(number) FROM node");
    if (!last.ok()) return last.error();
    if (*last + 1 >= kMaxNodes) {
      return Error{ErrorCode::kExhausted,
                   "no node number is free: " + std::to_string(kMaxNodes - 1) + " are in use"};
    }
    ESSAIM_TRY(sql::run(connection_,
                        "INSERT INTO node (number, hostname, epoch, started) VALUES (?, ?, 1, ?)", *last + 1,
                        hostname, now));
  }
  auto statement = sql::prepare(connection_, "SELECT number, epoch FROM node WHERE hostname = ?", hostname);
  if (!statement.ok()) return statement.error();
  auto row = (*statement)->step();
  if (!row.ok()) return row.error();
  if (!*row) return Error{ErrorCode::kConflict, "the row of node " + hostname + " is gone"};
  return Identity{static_cast<int>((*statement)->integer(0)), (*statement)->integer(1)};
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

Result<std::vector<SuspensionRecord>> SuspensionStore::all() {
  auto statement = sql::prepare(
      connection_,
      "SELECT subject, reason, since, until_time, scope FROM suspension ORDER BY scope, subject");
  if (!statement.ok()) return statement.error();
  std::vector<SuspensionRecord> records;
  for (;;) {
    auto row = (*statement)->step();
    if (!row.ok()) return row.error();
    if (!*row) return records;
    records.push_back({sql::text(**statement, 0), sql::text(**statement, 1), sql::time(**statement, 2),
                       sql::time(**statement, 3), static_cast<SuspensionScope>((*statement)->integer(4))});
  }
}

}  // namespace essaim::storage
