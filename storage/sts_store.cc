#include "storage/sts_store.h"

#include "storage/sql.h"

namespace essaim::storage {

Result<void> StsStore::put(const StsRow& row) {
  ESSAIM_TRY(sql::run(connection_, "DELETE FROM sts_policy WHERE domain = ? AND fetched <= ?", row.domain,
                      row.fetched));
  ESSAIM_TRY(sql::run(connection_,
                      std::string(connection_.insert_ignore()) +
                          " sts_policy (domain, policy_id, policy, fetched, expires) VALUES (?, ?, ?, ?, ?)",
                      row.domain, row.id, row.text, row.fetched, row.expires));
  return {};
}

Result<std::vector<StsRow>> StsStore::fetched_since(WallTime since, WallTime now, std::size_t limit) {
  auto statement = sql::prepare(connection_,
                                "SELECT domain, policy_id, policy, fetched, expires FROM sts_policy "
                                "WHERE fetched >= ? AND expires > ? ORDER BY fetched LIMIT ?",
                                since, now, limit);
  if (!statement.ok()) return statement.error();
  std::vector<StsRow> rows;
  for (;;) {
    auto row = (*statement)->step();
    if (!row.ok()) return row.error();
    if (!*row) return rows;
    Statement& s = **statement;
    rows.push_back({sql::text(s, 0), sql::text(s, 1), sql::text(s, 2), sql::time(s, 3), sql::time(s, 4)});
  }
}

Result<std::int64_t> StsStore::remove_expired(WallTime now) {
  return sql::run(connection_, "DELETE FROM sts_policy WHERE expires <= ?", now);
}

}  // namespace essaim::storage
