// The mark of a database that was copied into another one which takes its place (storage/copy.h). It stands in `meta`, which
// is not copied, from before the first row is read. Whoever served from such a database would take mail that the other one
// never sees, and deliver once more what waits in both.
#pragma once

#include <functional>
#include <optional>

#include "core/base/clock.h"
#include "storage/cluster/observer.h"
#include "storage/copy.h"
#include "storage/database.h"

namespace essaim::storage {

struct CopiedAway {
  WallTime when{};
  bool finished = false;  // false: a copy is under way, or was interrupted
};
// A schema must be there.
Result<std::optional<CopiedAway>> copied_away(Database& database);
// kConflict, saying what to do: no server starts on a database with the mark.
Result<void> require_not_copied_away(Database& database);
// Takes the mark away. False: there was none.
Result<bool> reopen(Database& database);

// copy_database() with the mark. What has the mark may be copied again; a copy that fails leaves the source as it was. On a
// server no node may be at work: one that beats is kConflict, at the beginning and at the end; one that is silent for its whole
// lease is fenced, so that it does not go on when it wakes up. `waiting` hears of those before the wait; may be empty.
Result<std::vector<CopiedTable>> copy_away(Database& from, Database& to, const Clock& clock,
                                           const std::function<void(const CopiedTable&)>& progress = {},
                                           const std::function<void(const NodeSight&)>& waiting = {});

}  // namespace essaim::storage
