// Puts a backup in the place of the database's file. A crash anywhere leaves the old database with its log and its journal, or
// the new one without them: SQLite would replay an old log over the pages of a backup.
//
//   FILE.restoring        the copy of the backup while it is made ready; nobody looks at it
//   FILE.restored         the copy, ready and durable: from now on the restore is done, and whoever comes next finishes it
//   FILE-TIME[-wal|-shm]  the database that was there before, under one name with its log, so that it can be restored, too
//   STATE/journal-TIME    its journal
//
// While there is a FILE.restored, no command opens the database, and the server finishes first.
//
// Blocking. restore() and finish_restore() with the state directory locked.
#pragma once

#include <string>
#include <vector>

#include "core/base/clock.h"
#include "core/base/result.h"
#include "smtpd/settings/settings.h"

namespace essaim::smtpd::operate {

// When a backup was made: the time of its file, so of a copy that did not keep the time when it was copied.
Result<WallTime> backup_time(const std::string& backup);
// Gives the names of what lies aside now. All delivery is suspended in the new database. kInvalid: the settings name no file,
// or `backup` is no database that this program can bring on; kDamaged; kConflict: a command has the old one open.
Result<std::vector<std::string>> restore(const Settings& settings, const std::string& backup, WallTime now);
// What a crash left to do. Gives what lies aside; nothing without a FILE.restored.
Result<std::vector<std::string>> finish_restore(const Settings& settings);
// kConflict: a process has a database's file open, a server or a command.
Result<void> require_unused(const std::string& file);
// kConflict while there is a FILE.restored.
Result<void> require_no_restore(const Settings& settings);

}  // namespace essaim::smtpd::operate
