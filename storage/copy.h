// Copies all that a database keeps into another one, of whatever engine: how one grows out of one machine, and how a
// database on a server is backed up into a file.
//
//   the source is read in ONE snapshot, in pages in the order of its keys, so memory is bounded;
//   the target is written in transactions below half a MB, which a cluster takes, too;
//   at the end the rows of both are counted and compared octet by octet (by a sum over them).
//
// While it runs, the target bears a mark in `meta`. A copy that was interrupted leaves it, no server starts on such a
// database, and the next copy empties it and begins anew. A target with rows and without the mark is refused.
//
// Blocking; for the command line.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "storage/database.h"

namespace essaim::storage {

struct CopiedTable {
  std::string name;
  std::int64_t rows = 0;
};

// `from` must have the newest schema; `to` gets it if it is empty. `progress` hears of a table when it is done; may be empty.
// kConflict: the target is not empty. kInternal: the target does not have what the source has.
Result<std::vector<CopiedTable>> copy_database(Database& from, Database& to,
                                               const std::function<void(const CopiedTable&)>& progress = {});

// Makes a new SQLite file, empty at first, which appears under its name when `fill` has succeeded and it is sound and durable. kExists
// if there is such a file.
Result<void> into_new_file(const std::string& file, const std::function<Result<void>(Database&)>& fill);
// Copies all into one.
Result<void> copy_to_file(Database& from, const std::string& file);

}  // namespace essaim::storage
