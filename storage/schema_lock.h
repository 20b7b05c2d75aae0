// Of several nodes that start on a database of an older schema, one migrates it and the others wait. On a server each change
// of a table is a commit of its own, so a transaction cannot keep them apart: a row of `meta` does, taken by a conditional
// update, which works on every member of a cluster alike. Whoever holds it changes it between steps; one that has not
// changed for a minute was left by a process that died, and is taken over. SQLite needs none of it. Inside storage only.
#pragma once

#include "storage/database.h"

namespace essaim::storage {

inline constexpr const char* kSchemaLock = "schema-lock";  // its row in `meta`; 0: free

class SchemaLock {
 public:
  explicit SchemaLock(Database& database) : database_(database) {}
  ~SchemaLock();  // gives it back
  SchemaLock(const SchemaLock&) = delete;
  SchemaLock& operator=(const SchemaLock&) = delete;

  // The row must be there. Waits.
  Result<void> acquire();
  Result<void> renew();  // kConflict: somebody else has it

 private:
  Result<bool> change(std::int64_t from, std::int64_t to, std::int64_t* found);
  Database& database_;
  std::int64_t token_ = 0;
};

}  // namespace essaim::storage
