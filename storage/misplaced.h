// Batches that no claim would ever find, and no command: somebody has edited their row, or a damaged file was saved without some
// of its rows. Their posts would never end and say nothing. For the job retention.
#pragma once

#include <cstdint>

#include "storage/database.h"

namespace essaim::storage {

// Parks those whose queue or priority is out of range, so that an operator sees them and may release or delete them; ends those
// whose recipients are gone. Each is told of (tell_damaged). Some at a time; how many it has changed.
Result<std::int64_t> settle_misplaced(Database& database);

}  // namespace essaim::storage
