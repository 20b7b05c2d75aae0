#include "storage/account_store.h"

#include <map>
#include <tuple>
#include <utility>

#include "core/base/random.h"
#include "core/base/text.h"
#include "storage/sql.h"

namespace essaim::storage {
namespace {

constexpr std::string_view kColumns =
    "SELECT name, password, scram, addresses, may_relay, disabled, created, changed FROM account ";
constexpr std::int64_t kSlot = 10LL * 60 * 1000;
constexpr std::int64_t kSlotsOfADay = 24 * 6;

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
  return sql::rows(statement, account_from);
}

Result<void> one_row(const Result<std::int64_t>& changed, const std::string& name) {
  if (!changed.ok()) return changed.error();
  if (*changed == 1) return {};
  return Error{ErrorCode::kNotFound, "there is no account " + name};
}

// Rows about a slot itself, of no account; networks are not called so.
constexpr std::string_view kFloor = "(floor)", kKeys = "(keys)";
constexpr std::int64_t kDropped = 1000;  // rows together
constexpr std::int64_t kCountedOnceIn = 16;

std::int64_t slot_of(WallTime now) {
  return to_millis(now) / kSlot;
}

// By slot: the one before, the present, and the next. Not what a clock has counted that was further ahead and was set back
// since: nobody is to wait for it.
Result<std::map<std::int64_t, std::int64_t>> of_slots(Connection& connection, std::string_view account,
                                                      std::string_view network, WallTime now) {
  const auto statement = sql::prepare(connection,
                                      "SELECT slot, number FROM login_failure "
                                      "WHERE account = ? AND network = ? AND slot BETWEEN ? AND ?",
                                      account, network, slot_of(now) - 1, slot_of(now) + 1);
  std::map<std::int64_t, std::int64_t> numbers;
  ESSAIM_TRY(sql::each(statement, [&numbers](Statement& row) { numbers[row.integer(0)] = row.integer(1); }));
  return numbers;
}

Result<std::int64_t> number_of(Connection& connection, std::string_view what, std::int64_t slot) {
  return sql::number(connection, 0,
                     "SELECT number FROM login_failure WHERE account = '' AND network = ? AND slot = ?", what,
                     slot);
}

// How many rows were added: 0 if it was there.
Result<std::int64_t> add_row(Connection& connection, std::string_view account, std::string_view network,
                             std::int64_t slot, std::int64_t number) {
  return sql::run(connection,
                  std::string(connection.insert_ignore()) +
                      " login_failure (account, network, slot, number) VALUES (?, ?, ?, ?)",
                  account, network, slot, number);
}

Result<void> add_to(Connection& connection, std::string_view what, std::int64_t slot, std::int64_t number) {
  ESSAIM_TRY(add_row(connection, "", what, slot, 0));
  ESSAIM_TRY(
      sql::run(connection,
               "UPDATE login_failure SET number = number + ? WHERE account = '' AND network = ? AND slot = ?",
               number, what, slot));
  return {};
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
      account.name, account.password, account.scram, joined(account.addresses, "\n"), account.may_relay,
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
                          account.password, account.scram, joined(account.addresses, "\n"), account.may_relay,
                          account.disabled, account.changed, account.name),
                 account.name);
}

Result<void> AccountStore::remove(const std::string& name) {
  return one_row(sql::run(connection_, "DELETE FROM account WHERE name = ?", name), name);
}

Result<LoginFailureStore::Counts> LoginFailureStore::counts(const std::string& account,
                                                            const std::string& network, WallTime now) {
  auto floors = of_slots(connection_, "", kFloor, now);
  if (!floors.ok()) return floors.error();
  Counts out;
  std::int64_t account_dropped = 0;
  for (const auto& [number, dropped, whose, from] :
       {std::tuple(&out.pair, &out.pair_dropped, account, network),
        std::tuple(&out.network, &out.network_dropped, std::string(), network),
        std::tuple(&out.account, &account_dropped, account, std::string())}) {
    auto found = of_slots(connection_, whose, from, now);
    if (!found.ok()) return found.error();
    for (const auto& [slot, failures] : *found) *number += failures;
    for (const auto& [slot, floor] : *floors)
      if (found->count(slot) == 0) *dropped += floor;
  }
  out.account += account_dropped;
  return out;
}

Result<void> LoginFailureStore::count(const std::string& account, const std::string& network, WallTime now) {
  const std::int64_t slot = slot_of(now);
  auto floor = number_of(connection_, kFloor, slot);
  if (!floor.ok()) return floor.error();
  std::int64_t made = 0;
  for (const auto& [whose, from] :
       {std::pair(account, network), std::pair(std::string(), network), std::pair(account, std::string())}) {
    auto added = add_row(connection_, whose, from, slot, *floor);
    if (!added.ok()) return added.error();
    made += *added;
    ESSAIM_TRY(sql::run(
        connection_,
        "UPDATE login_failure SET number = number + 1 WHERE account = ? AND network = ? AND slot = ?", whose,
        from, slot));
  }
  if (made == 0) return {};
  // Now and then, so that nodes that are guessed at do not meet in one row at each guess.
  const std::int64_t weight = keys_of_slot_ == kKeysOfSlot ? kCountedOnceIn : 1;
  if (random_u64() % static_cast<std::uint64_t>(weight) != 0) return {};
  ESSAIM_TRY(add_to(connection_, kKeys, slot, made * weight));
  auto keys = number_of(connection_, kKeys, slot);
  if (!keys.ok()) return keys.error();
  return *keys > keys_of_slot_ ? make_room(slot, *floor, *keys) : Result<void>();
}

// Some rows at a time: nobody's failure is to wait for thousands of them.
Result<void> LoginFailureStore::make_room(std::int64_t slot, std::int64_t floor, std::int64_t keys) {
  const std::string of_keys = "slot = ? AND NOT (account = '' AND network IN (?, ?))";
  auto dropped = sql::run(connection_,
                          sql::delete_some(connection_, "login_failure", "account, network, slot",
                                           of_keys + " AND number <= ?", kDropped),
                          slot, kFloor, kKeys, floor);
  if (!dropped.ok()) return dropped.error();
  if (*dropped == kDropped) return add_to(connection_, kKeys, slot, -*dropped);
  // Counted anew: of those that were forgotten, and of what older programs add, the sum knows nothing.
  auto row = sql::prepare(connection_, "SELECT COUNT(*), MIN(number) FROM login_failure WHERE " + of_keys,
                          slot, kFloor, kKeys);
  if (!row.ok()) return row.error();
  auto there = (*row)->step();
  if (!there.ok()) return there.error();
  const std::int64_t number = (*row)->integer(0), lowest = (*row)->integer(1);
  ESSAIM_TRY(add_to(connection_, kKeys, slot, number - keys));
  return number > keys_of_slot_ ? add_to(connection_, kFloor, slot, lowest - floor) : Result<void>();
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
