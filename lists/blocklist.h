// The filter that is asked first for posts and subscriptions: addresses, whole domains ("*@bad.example") and patterns, a line
// each, of a list, a domain or the site. Functions run inside the caller's transaction.
#pragma once

#include <string>

#include "core/base/clock.h"
#include "core/base/result.h"
#include "storage/database.h"
#include "storage/records.h"

namespace essaim::lists {

inline constexpr const char* kBlocklist = "blocklist.txt";

// Puts the pattern on the place's own filter, or takes it off; false: it was like that. kInvalid: it is none.
Result<bool> change_blocklist(storage::Connection& connection, const storage::ListRecord& place,
                              const std::string& pattern, bool add, WallTime now, const std::string& by);

// Whether somebody can be blocked by address alone: one that reads as a pattern would block others, too.
bool can_be_blocked(const std::string& address);

}  // namespace essaim::lists
