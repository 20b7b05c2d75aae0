// One question to a database that is not ours, as rules ask one: a SELECT, of which the first value of the first row counts.
// A connection for each; nothing is written. Blocks, up to a few times `timeout`. Thread-safe.
#pragma once

#include <string>
#include <vector>

#include "core/base/clock.h"
#include "core/base/result.h"
#include "storage/mariadb/mariadb_url.h"

namespace essaim::storage {

struct ForeignQuestion {
  // texts[0] values[0] texts[1] ...: values are bound or quoted, never part of the statement.
  std::vector<std::string> texts, values;
};

// "" for NULL and where there is no row. The error names the database and the cause.
Result<std::string> ask_foreign_mariadb(const MariadbUrl& url, const std::string& password,
                                        const ForeignQuestion& question);
Result<std::string> ask_foreign_sqlite(const std::string& file, Duration timeout,
                                       const ForeignQuestion& question);

}  // namespace essaim::storage
