// How TLS went with the hosts of each policy domain, counted per day, as TLS-RPT reports it (RFC 8460 §4). A node adds to
// rows of its own only, so that nodes never wait for each other; who reads sums over them. Functions run inside the
// caller's transaction.
#pragma once

#include <string>
#include <vector>

#include "storage/database.h"

namespace essaim::storage {

struct TlsResultRow {
  std::int64_t day = 0;     // days since 1970, UTC
  std::string domain;       // policy domain (§4.1)
  std::string policy_type;  // "tlsa", "sts", "no-policy-found" (§4.2)
  std::string policy;       // TLSA records or the lines of the policy, a line each
  std::string result;       // "" for success, else a result type (§4.3): "certificate-expired", ...
  std::string mx_host;      // what follows is empty for successes
  std::string receiving_ip, sending_ip;
  std::string detail;  // an example, for people
  std::int64_t sessions = 0;
};

class TlsResultStore {
 public:
  explicit TlsResultStore(Connection& connection) : connection_(connection) {}

  Result<void> add(int node, const TlsResultRow& row);
  // Of one day, summed over the nodes; of one domain, or of all ("").
  Result<std::vector<TlsResultRow>> of_day(std::int64_t day, const std::string& domain);
  Result<std::int64_t> remove_before(std::int64_t day, std::int64_t limit);  // at most so many; how many

 private:
  Connection& connection_;
};

}  // namespace essaim::storage
