#include "storage/tls_result_store.h"

#include "core/base/encoding.h"
#include "core/base/mac.h"
#include "storage/sql.h"

namespace essaim::storage {
namespace {

// What tells one count of a day, node and domain from another.
std::string key_of(const TlsResultRow& row) {
  std::string bytes;
  for (const std::string* part :
       {&row.policy_type, &row.policy, &row.result, &row.mx_host, &row.receiving_ip, &row.sending_ip})
    put_string(&bytes, *part);
  return std::string(octets(sha256(bytes)));
}

}  // namespace

Result<void> TlsResultStore::add(int node, const TlsResultRow& row) {
  const std::string key = key_of(row);
  auto known = sql::run(connection_,
                        "UPDATE tls_result SET sessions = sessions + ? "
                        "WHERE day = ? AND node = ? AND domain = ? AND result_key = ?",
                        row.sessions, row.day, node, row.domain, sql::Blob{key});
  if (!known.ok()) return known.error();
  if (*known > 0) return {};
  ESSAIM_TRY(sql::run(connection_,
                      "INSERT INTO tls_result (day, node, domain, result_key, policy_type, policy, result, "
                      "mx_host, receiving_ip, sending_ip, detail, sessions) "
                      "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                      row.day, node, row.domain, sql::Blob{key}, row.policy_type, row.policy, row.result,
                      row.mx_host, row.receiving_ip, row.sending_ip, row.detail, row.sessions));
  return {};
}

Result<std::vector<TlsResultRow>> TlsResultStore::of_day(std::int64_t day, const std::string& domain) {
  auto statement = sql::prepare(
      connection_,
      "SELECT domain, policy_type, policy, result, mx_host, receiving_ip, sending_ip, MAX(detail), "
      "SUM(sessions) "
      "FROM tls_result WHERE day = ? AND (? = '' OR domain = ?) "
      "GROUP BY domain, result_key, policy_type, policy, result, mx_host, receiving_ip, sending_ip "
      "ORDER BY domain, result_key",
      day, domain, domain);
  std::vector<TlsResultRow> rows;
  ESSAIM_TRY(sql::each(statement, [&](Statement& s) {
    rows.push_back({day, sql::text(s, 0), sql::text(s, 1), sql::text(s, 2), sql::text(s, 3), sql::text(s, 4),
                    sql::text(s, 5), sql::text(s, 6), sql::text(s, 7), s.integer(8)});
  }));
  return rows;
}

Result<std::int64_t> TlsResultStore::remove_before(std::int64_t day, std::int64_t limit) {
  return sql::run(
      connection_,
      sql::delete_some(connection_, "tls_result", "day, node, domain, result_key", "day < ?", limit), day);
}

}  // namespace essaim::storage
