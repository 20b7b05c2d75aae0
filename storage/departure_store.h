// Who left which list, when and how: the record that outlives the member's row. Functions run inside the caller's
// transaction.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "core/smtp/address.h"
#include "storage/database.h"
#include "storage/records.h"

namespace essaim::storage {

struct DepartureRecord {
  Id member_id = 0;  // of the membership that ended
  std::string list_address;
  std::string address;
  std::string how;     // "one-click", "page", "mail", "operator", or the request and its author
  std::string client;  // that asked for it; "" if none
  WallTime left{};
};

class DepartureStore {
 public:
  explicit DepartureStore(Connection& connection) : connection_(connection) {}
  Result<void> add(const DepartureRecord& departure);
  // Of the list since then, the latest first.
  Result<std::vector<DepartureRecord>> of_list(const std::string& list_address, WallTime since,
                                               std::size_t most);
  // The latest of this address from this list, however it was spelt.
  Result<std::optional<DepartureRecord>> latest(const std::string& list_address,
                                                const smtp::Address& address);
  // The next `limit` of all lists behind this membership, by its id: addresses are in no index.
  Result<std::vector<DepartureRecord>> behind(Id after, std::size_t limit);
  Result<void> forget(std::span<const Id> memberships);
  Result<std::int64_t> forget_before(WallTime time, std::size_t most);

 private:
  Connection& connection_;
};

}  // namespace essaim::storage
