// What is left of posts, batches and messages of which rows are lost is made such that a server can go on with it (salvage.h says how).
// Inside storage only.
#pragma once

#include <string>
#include <vector>

#include "storage/database.h"

namespace essaim::storage {

// In a new file that has the newest schema and is used by nobody else. Gives what it found, for people. Blocking.
Result<std::vector<std::string>> mend_rest(Database& database);

}  // namespace essaim::storage
