#include "storage/account_store.h"

#include "core/base/text.h"
#include "storage/sql.h"

namespace essaim::storage {
namespace {

constexpr std::string_view kColumns =
    "SELECT name, password, scram, addresses, may_relay, disabled, created, changed FROM account ";
constexpr std::int64_t kSlot = 10LL * 60 * 1000;
constexpr std::int64_t kSlotsOfADay = 24 * 6;

// One in each line.
std::string joined(const std::vector<std::string>& addresses) {
  std::string out;
  for (const std::string& one : addresses) out += (out.empty() ? "" : "\n") + one;
  return out;
}

AccountRecord account_from(Statement& row) {
  AccountRecord account;
  account.name = sql::text(row, 0);
  account.password = sql::text(row, 1);
  account.scram = sql::text(row, 2);
  const std::string addresses = sql::text(row, 3);
  if (!addresses.empty()) {
    for (const std::string_view one : split(addresses, '\n')) account.addresses.emplace_back(one);
  }
  account.may_relay = row.integer(4) != 0;
  account.disabled = row.integer(5) != 0;
  account.created = sql::time(row, 6);
  account.changed = sql::time(row, 7);
  return account;
}

Result<std::vector<AccountRecord>> all_accounts(const Result<Statement*>& statement) {
  if (!statement.ok()) return statement.error();
  std::vector<AccountRecord> accounts;
  for (;;) {
    auto row = (*statement)->step();
    if (!row.ok()) return row.error();
    if (!*row) return accounts;
    accounts.push_back(account_from(**statement));
  }
}

Result<void> one_row(const Result<std::int64_t>& changed, const std::string& name) {
  if (!changed.ok()) return changed.error();
  if (*changed == 1) return {};
  return Error{ErrorCode::kNotFound, "there is no account " + name};
}

std::int64_t slot_of(WallTime now) {
  return to_millis(now) / kSlot;
}

}  // namespace

Result<void> AccountStore::add(const AccountRecord& account) {
  auto there = find(account.name);
  if (!there.ok()) return there.error();
  if (there->has_value())
    return Error{ErrorCode::kExists, "there is an account " + account.name + " already"};
  auto added = sql::run(
      connection_,
      "INSERT INTO account (name, password, scram, addresses, may_relay, disabled, created, changed) "
      "VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
      account.name, account.password, account.scram, joined(account.addresses), account.may_relay,
      account.disabled, account.created, account.changed);
  if (!added.ok()) return added.error();
  return {};
}

Result<std::optional<AccountRecord>> AccountStore::find(const std::string& name) {
  auto found = all_accounts(sql::prepare(connection_, std::string(kColumns) + "WHERE name = ?", name));
  if (!found.ok()) return found.error();
  if (found->empty()) return std::optional<AccountRecord>{};
  return std::optional<AccountRecord>(std::move(found->front()));
}

Result<std::vector<AccountRecord>> AccountStore::all() {
  return all_accounts(sql::prepare(connection_, std::string(kColumns) + "ORDER BY name"));
}

Result<void> AccountStore::update(const AccountRecord& account) {
  return one_row(sql::run(connection_,
                          "UPDATE account SET password = ?, scram = ?, addresses = ?, may_relay = ?, "
                          "disabled = ?, changed = ? WHERE name = ?",
                          account.password, account.scram, joined(account.addresses), account.may_relay,
                          account.disabled, account.changed, account.name),
                 account.name);
}

Result<void> AccountStore::remove(const std::string& name) {
  return one_row(sql::run(connection_, "DELETE FROM account WHERE name = ?", name), name);
}

Result<LoginFailureStore::Counts> LoginFailureStore::counts(const std::string& account,
                                                            const std::string& network, WallTime now) {
  // Not what a clock has counted that was ahead and was set back since: nobody is to wait for it.
  const auto sum = [&](const std::string& whose, const std::string& from) {
    return sql::number(connection_, 0,
                       "SELECT SUM(number) FROM login_failure "
                       "WHERE account = ? AND network = ? AND slot BETWEEN ? AND ?",
                       whose, from, slot_of(now) - 1, slot_of(now) + 1);
  };
  Counts out;
  for (const auto& [number, whose, from] :
       {std::tuple(&out.pair, account, network), std::tuple(&out.network, std::string(), network),
        std::tuple(&out.account, account, std::string())}) {
    auto found = sum(whose, from);
    if (!found.ok()) return found.error();
    *number = *found;
  }
  return out;
}

Result<void> LoginFailureStore::count(const std::string& account, const std::string& network, WallTime now) {
  for (const auto& [whose, from] :
       {std::pair(account, network), std::pair(std::string(), network), std::pair(account, std::string())}) {
    ESSAIM_TRY(sql::run(connection_,
                        std::string(connection_.insert_ignore()) +
                            " login_failure (account, network, slot, number) VALUES (?, ?, ?, 0)",
                        whose, from, slot_of(now)));
    ESSAIM_TRY(sql::run(
        connection_,
        "UPDATE login_failure SET number = number + 1 WHERE account = ? AND network = ? AND slot = ?", whose,
        from, slot_of(now)));
  }
  return {};
}

Result<void> LoginFailureStore::forget(const std::string& account, const std::string& network) {
  ESSAIM_TRY(
      sql::run(connection_, "DELETE FROM login_failure WHERE account = ? AND network = ?", account, network));
  return {};
}

Result<std::int64_t> LoginFailureStore::drop_old(WallTime now, std::int64_t limit) {
  const auto drop = [&](const char* condition, std::int64_t slot) {
    return sql::run(
        connection_,
        sql::delete_some(connection_, "login_failure", "account, network, slot", condition, limit), slot);
  };
  auto dropped = drop("slot < ?", slot_of(now) - 1);
  if (!dropped.ok() || *dropped > 0) return dropped;
  return drop("slot > ?", slot_of(now) + kSlotsOfADay);
}

}  // namespace essaim::storage
