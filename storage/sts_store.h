// MTA-STS policies that were fetched, shared by the nodes: what one has fetched the others need not (RFC 8461 §3.3), and
// a restart forgets none before its time, or a policy could be stripped by making it unreachable. The text is as it was
// read. Functions run inside the caller's transaction.
#pragma once

#include <string>
#include <vector>

#include "storage/database.h"

namespace essaim::storage {

struct StsRow {
  std::string domain;
  std::string id;    // that the TXT record had
  std::string text;  // of the policy
  WallTime fetched{}, expires{};
};

class StsStore {
 public:
  explicit StsStore(Connection& connection) : connection_(connection) {}

  // Replaces what was known of the domain, unless that was fetched later.
  Result<void> put(const StsRow& row);
  // Those fetched at `since` or later that have not expired; the oldest first, at most `limit`.
  Result<std::vector<StsRow>> fetched_since(WallTime since, WallTime now, std::size_t limit);
  // Domains whose policy has expired, at most `limit`. Reads all rows: for a reader.
  Result<std::vector<std::string>> expired(WallTime now, std::size_t limit);
  // Removes those of them that have not been fetched anew since; how many.
  Result<std::int64_t> remove_expired(const std::vector<std::string>& domains, WallTime now);

 private:
  Connection& connection_;
};

}  // namespace essaim::storage
