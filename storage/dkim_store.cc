#include "storage/dkim_store.h"

#include "storage/sql.h"

namespace essaim::storage {
namespace {

constexpr std::string_view kColumns =
    "SELECT domain, selector, algorithm, sealed, record, state, created, changed, "
    "(SELECT COUNT(*) FROM domain d WHERE d.name = dkim_key.domain) FROM dkim_key ";

DkimKeyRecord key_from(Statement& row) {
  DkimKeyRecord key;
  key.domain = sql::text(row, 0);
  key.selector = sql::text(row, 1);
  key.algorithm = sql::text(row, 2);
  key.sealed = sql::text(row, 3);
  key.record = sql::text(row, 4);
  key.state = static_cast<DkimKeyState>(row.integer(5));
  key.created = sql::time(row, 6);
  key.changed = sql::time(row, 7);
  key.of_deleted_domain = row.integer(8) == 0;
  return key;
}

Result<std::vector<DkimKeyRecord>> all_keys(const Result<Statement*>& statement) {
  return sql::rows(statement, key_from);
}

Error unknown(const std::string& domain, const std::string& selector) {
  return {ErrorCode::kNotFound, "there is no key " + selector + " of " + domain};
}

}  // namespace

Result<void> DkimStore::add(const DkimKeyRecord& key) {
  auto there = find(key.domain, key.selector);
  if (!there.ok()) return there.error();
  if (there->has_value())
    return Error{ErrorCode::kExists, "there is a key " + key.selector + " of " + key.domain + " already"};
  auto added =
      sql::run(connection_,
               "INSERT INTO dkim_key (domain, selector, algorithm, sealed, record, state, created, changed) "
               "VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
               key.domain, key.selector, key.algorithm, sql::Blob{key.sealed}, key.record, key.state,
               key.created, key.changed);
  if (!added.ok()) return added.error();
  return {};
}

Result<std::vector<DkimKeyRecord>> DkimStore::keys(const std::string& domain) {
  const std::string text(kColumns);
  if (domain.empty()) return all_keys(sql::prepare(connection_, text + "ORDER BY domain, created, selector"));
  return all_keys(sql::prepare(connection_, text + "WHERE domain = ? ORDER BY created, selector", domain));
}

Result<std::optional<DkimKeyRecord>> DkimStore::find(const std::string& domain, const std::string& selector) {
  auto found = all_keys(sql::prepare(connection_, std::string(kColumns) + "WHERE domain = ? AND selector = ?",
                                     domain, selector));
  if (!found.ok()) return found.error();
  if (found->empty()) return std::optional<DkimKeyRecord>{};
  return std::optional<DkimKeyRecord>(std::move(found->front()));
}

Result<void> DkimStore::set_state(const std::string& domain, const std::string& selector, DkimKeyState state,
                                  WallTime now) {
  auto changed =
      sql::run(connection_, "UPDATE dkim_key SET state = ?, changed = ? WHERE domain = ? AND selector = ?",
               state, now, domain, selector);
  if (!changed.ok()) return changed.error();
  return *changed == 1 ? Result<void>{} : unknown(domain, selector);
}

Result<void> DkimStore::remove(const std::string& domain, const std::string& selector) {
  auto removed =
      sql::run(connection_, "DELETE FROM dkim_key WHERE domain = ? AND selector = ?", domain, selector);
  if (!removed.ok()) return removed.error();
  return *removed == 1 ? Result<void>{} : unknown(domain, selector);
}

}  // namespace essaim::storage
