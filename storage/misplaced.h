// Batches that no claim would ever find, and no command: somebody has edited their row, or a damaged file was saved without some
// of its rows. Their posts would never end and say nothing. For the job retention.
#pragma once

#include <cstdint>
#include <optional>

#include "core/base/clock.h"
#include "storage/database.h"

namespace essaim::storage {

// Parks those whose queue or priority is out of range, so that an operator sees them and may release or delete them; ends those
// whose recipients are gone. Each is told of (tell_damaged). Some at a time; how many it has changed.
// To find the latter, each batch that waits has to be looked at, on a server with the page that has its recipients. They get lost
// while no server runs, or by hand: so that is done after a start and once a day. `*looked`: when it was last done to the end.
Result<std::int64_t> settle_misplaced(Database& database, MonoTime now, std::optional<MonoTime>* looked);

}  // namespace essaim::storage
