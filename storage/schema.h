// The schema, with a version and migrations forward. One table of steps in schema.cc, each applied in a transaction of
// its own together with the new version number.
#pragma once

#include "storage/database.h"

namespace essaim::storage {

// Rolling upgrades: a step that only adds (tables, columns with defaults, indexes), or takes indexes away, leaves programs alone
// that do not know of it. Each says the oldest version of a program that can work beside it, and the database remembers the
// highest of these: a program is refused by a newer database only if it is older than that.
int newest_schema_version();
// 0 for an empty database.
Result<int> schema_version(Database& database);
// To the newest version, once among nodes that do so at the same time. An error leaves the last complete version. A version newer than this program is kInvalid.
// Each step is a commit of its own, so a crash between two leaves a database that the next call brings on. `target` is
// another version: for tests of the steps, and for rows that are brought on after they were written (salvage.h).
Result<void> migrate(Database& database, int target = newest_schema_version());
// kInvalid, saying what to do, unless the version is the newest (or newer and compatible) and the database is whole.
Result<void> require_newest(Database& database);

// The mark of a copy under way into this database (storage/copy.h).
Result<bool> copy_unfinished(Database& database);
Result<void> set_copy_unfinished(Database& database, bool unfinished);

}  // namespace essaim::storage
