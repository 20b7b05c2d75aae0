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
