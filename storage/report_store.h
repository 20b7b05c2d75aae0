// Which posts may have to be reported about (RFC 3464), and when to look at each of them next. A row is added in
// the transaction that makes a report possible (acceptance, a failure) and goes in the one that settles the
// question: nothing is lost or forgotten in a crash, and nobody has to search the ledger. Whether there is
// something to report, the ledger says when the row is due. Functions run inside the caller's transaction.
#pragma once

#include <vector>

#include "storage/database.h"
#include "storage/records.h"

namespace essaim::storage {

class ReportStore {
 public:
  explicit ReportStore(Connection& connection) : connection_(connection) {}

  struct Due {
    Id post_id = 0;
    WallTime due{};
  };
  // Adds the post, or moves it to `due`.
  Result<void> look_at(Id post_id, WallTime due);
  Result<std::vector<Due>> due(WallTime now, std::size_t limit);  // the longest due first
  // Later, unless somebody has moved it since it was read.
  Result<void> postpone(const Due& read, WallTime due);
  // There is nothing more to report. Likewise.
  Result<void> settle(const Due& read);

 private:
  Connection& connection_;
};

}  // namespace essaim::storage
