// SQLite's result codes as Errors whose text tells the operator the file and what to do.
#pragma once

#include <string>
#include <string_view>

#include <sqlite3.h>

#include "core/base/result.h"

namespace essaim::storage {

// `handle` may be null (out of memory at open). `doing` names what was tried: a statement or "COMMIT".
Error sqlite_error(sqlite3* handle, int code, const std::string& file, std::string_view doing);
// The same for a COMMIT: kUnknownOutcome if the transaction may have reached the disk.
Error sqlite_commit_error(sqlite3* handle, int code, const std::string& file);

}  // namespace essaim::storage
