// Whether the database takes writes, found out by one that changes nothing. Inside the caller's transaction.
#pragma once

#include "storage/database.h"

namespace essaim::storage {

// Writes the node's row as it is.
Result<void> probe_write(Connection& connection, int node);

}  // namespace essaim::storage
