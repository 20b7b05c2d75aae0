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
  const auto statement = sql::prepare(connection_,
                                      "SELECT domain, policy_id, policy, fetched, expires FROM sts_policy "
                                      "WHERE fetched >= ? AND expires > ? ORDER BY fetched LIMIT ?",
                                      since, now, limit);
  return sql::rows(statement, [](Statement& s) {
    return StsRow{sql::text(s, 0), sql::text(s, 1), sql::text(s, 2), sql::time(s, 3), sql::time(s, 4)};
  });
}

Result<std::vector<std::string>> StsStore::expired(WallTime now, std::size_t limit) {
  return sql::texts(
      sql::prepare(connection_, "SELECT domain FROM sts_policy WHERE expires <= ? LIMIT ?", now, limit));
}

Result<std::int64_t> StsStore::remove_expired(const std::vector<std::string>& domains, WallTime now) {
  std::int64_t removed = 0;
  for (const std::string& domain : domains) {
    auto one = sql::run(connection_, "DELETE FROM sts_policy WHERE domain = ? AND expires <= ?", domain, now);
    if (!one.ok()) return one.error();
    removed += *one;
  }
  return removed;
}

}  // namespace essaim::storage
