#include "storage/probe.h"

#include "storage/sql.h"

namespace essaim::storage {

Result<void> probe_write(Connection& connection, int node) {
  auto matched = sql::run(connection, "UPDATE node SET epoch = epoch WHERE number = ?", node);
  if (!matched.ok()) return matched.error();
  if (*matched == 0) return Error{ErrorCode::kNotFound, "this node is not in the database"};
  return {};
}

}  // namespace essaim::storage
