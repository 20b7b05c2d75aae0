// What operators want tried again though it was found dead. Who says so at one node believes that the destination works, and
// not for that node alone: the last calls stand in a value of the site that every node sees with its look at the others.
//
// The value has a line for each call: its number, a blank, the domain. Functions run inside the caller's transaction.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "storage/database.h"

namespace essaim::storage {

inline constexpr const char* kRetryCallsValue = "retry-calls";

// `domain`: as people write it; "" for all destinations.
Result<void> call_for_retry(Connection& connection, const std::string& domain);

struct RetryCalls {
  std::int64_t last = 0;  // the number of the newest; 0 if there never was one
  bool all = false;       // one was for all destinations, or some are not in the value any more
  std::vector<std::string> domains;
};
// Those behind number `seen` of a value.
RetryCalls retry_calls_since(std::string_view value, std::int64_t seen);

}  // namespace essaim::storage
