// MariaDB's error numbers as Errors whose text names the database, what was tried, and what to do.
//
//   kExists          a unique key is taken
//   kTemporary       the transaction was rolled back whole and may be tried again: deadlock, lock wait,
//                    certification conflict of a cluster
//   kIo              the connection is of no use any more: lost, refused, or its node has left the cluster
//   kUnknownOutcome  only for COMMIT: its answer was lost
#pragma once

#include <string>
#include <string_view>

#include "core/base/result.h"

namespace essaim::storage {

Error mariadb_error(unsigned number, const char* text, const std::string& database, std::string_view doing);
Error mariadb_commit_error(unsigned number, const char* text, const std::string& database);

}  // namespace essaim::storage
