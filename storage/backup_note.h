// When the database was last backed up, and when the next backup is due: what /metrics tells, so that one that is missing is
// noticed (docs/monitoring.md). It stands in a value of the site, so every node sees it; a backup has the note as it was when it
// was begun. Functions run inside the caller's transaction.
#pragma once

#include <optional>

#include "core/base/clock.h"
#include "storage/database.h"

namespace essaim::storage {

struct BackupNote {
  WallTime last{};   // when the last one was begun: what was committed by then is in it; none: never
  Duration every{};  // how often there is to be one; 0: nobody has said
  WallTime due{};    // the next; none: nobody expects one
  WallTime begun{};  // of the last attempt: in a backup, that it has all that was committed by then
};

// Nothing of a note that is missing or cannot be read.
Result<BackupNote> backup_note(Connection& connection);
// Somebody is about to make one, and perhaps means to make one so often. The first of those is due at once, so that it is missed
// if it fails.
Result<void> begin_backup(Connection& connection, WallTime now, std::optional<Duration> every);
// One is there. `every` 0: no other is expected; nothing: as often as was said.
Result<void> note_backup(Connection& connection, WallTime begun, std::optional<Duration> every);
// After a restore: what the note of an old backup expected is long over. The next is due when it would be behind one of now.
Result<void> renew_backup_note(Connection& connection, WallTime now);

}  // namespace essaim::storage
