// The keys of what members leave with: tokens in the addresses and links of their copies. Several are good at a time: the
// newest makes tokens, the others are still believed, until an operator retires them. The same for all nodes: they are
// one value of the site, written in a transaction of its own.
//
//   <number 0-31> <created, ms> <retired, ms, or 0> <32 octets, hexadecimal>        a line for each
//
// A token bears the number of its key. A retired key is kept, so that its tokens are told from forged ones, until its
// number is needed. LeaveKeys is a value; the functions on a Connection run inside the caller's transaction.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/clock.h"
#include "core/base/mac.h"
#include "core/base/result.h"
#include "storage/database.h"

namespace essaim::lists {

struct LeaveKey {
  int number = 0;
  WallTime created{}, retired{};  // 0: it is good
  MacKey key;
  bool good() const { return retired == WallTime{}; }
};

class LeaveKeys {
 public:
  static constexpr int kMost = 32;  // digits of base 32

  // One key, for tests.
  static LeaveKeys of(std::string key);
  // kDamaged says what is wrong.
  static Result<LeaveKeys> parse(std::string_view text);
  std::string to_text() const;

  const std::vector<LeaveKey>& all() const { return keys_; }  // oldest first; never empty
  const LeaveKey& newest() const;                             // of the good ones
  const LeaveKey* find(int number) const;

  // Another one, which makes tokens from now on. Forgets the oldest retired one when there are too many; kExhausted when
  // none is retired.
  Result<int> add(WallTime now);
  // kNotFound. When it is the last good one there is a new one first.
  Result<void> retire(int number, WallTime now);

 private:
  std::vector<LeaveKey> keys_;
};

// Made on first use by ensure_leave_keys(), which blocks.
Result<LeaveKeys> read_leave_keys(storage::Connection& connection);
Result<void> write_leave_keys(storage::Connection& connection, const LeaveKeys& keys);
Result<void> ensure_leave_keys(storage::Database& database, WallTime now);

}  // namespace essaim::lists
