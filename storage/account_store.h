// Accounts: who may submit mail, by which secrets, and as whom. The same for all nodes. Of a password only what checks it is kept. And
// how often logins failed lately, over all nodes. Functions run inside the caller's transaction.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/base/clock.h"
#include "storage/database.h"

namespace essaim::storage {

struct AccountRecord {
  std::string name;                    // as sasl::prepared_name() gives it
  std::string password;                // crypt(5); "": none of ours
  std::string scram;                   // RFC 5803; "": none
  std::vector<std::string> addresses;  // as sasl::parse_owned_address() gives them
  bool may_relay = false;
  bool disabled = false;
  WallTime created{};
  WallTime changed{};
};

class AccountStore {
 public:
  explicit AccountStore(Connection& connection) : connection_(connection) {}
  Result<void> add(const AccountRecord& account);  // kExists
  Result<std::optional<AccountRecord>> find(const std::string& name);
  Result<std::vector<AccountRecord>> all();           // by name
  Result<void> update(const AccountRecord& account);  // kNotFound
  Result<void> remove(const std::string& name);       // kNotFound

 private:
  Connection& connection_;
};

// Failed logins by account and network, counted in slots of ten minutes.
//
// Strangers choose the names and have many networks, so a slot has rows for some 20,000 keys: beyond them those with the fewest
// failures are dropped, and the slot keeps how many a key without a row may have had (its floor), from which a new row begins.
// So no count is ever lower than what has failed, whatever else is guessed (lossy counting: Manku, Motwani, VLDB 2002), and to
// have one of ten failures dropped takes ten of each of 20,000 others.
class LoginFailureStore {
 public:
  static constexpr std::int64_t kKeysOfSlot = 20'000;
  explicit LoginFailureStore(Connection& connection, std::int64_t keys_of_slot = kKeysOfSlot)
      : connection_(connection), keys_of_slot_(keys_of_slot) {}

  struct Counts {
    std::int64_t pair = 0;     // of this account from this network
    std::int64_t network = 0;  // of all accounts from this network
    std::int64_t account = 0;  // of this account from everywhere
    // What may have been of the first two and was dropped: at most so many.
    std::int64_t pair_dropped = 0, network_dropped = 0;
  };
  // In the present slot and the one before.
  Result<Counts> counts(const std::string& account, const std::string& network, WallTime now);
  Result<void> count(const std::string& account, const std::string& network, WallTime now);
  // Of the pair: somebody has remembered the password.
  Result<void> forget(const std::string& account, const std::string& network);
  // Strangers choose the names, so there may be millions: at most `limit`; how many, 0: none is left.
  Result<std::int64_t> drop_old(WallTime now, std::int64_t limit);

 private:
  Result<void> make_room(std::int64_t slot, std::int64_t floor, std::int64_t keys);

  Connection& connection_;
  const std::int64_t keys_of_slot_;
};

}  // namespace essaim::storage
