// Stores the bodies of a submission that are large together before the transaction that accepts its posts, a few pieces in each
// transaction: the write sets of a cluster stay small, and what is large does not hold up all that commits behind it. The accept
// transaction publishes them: a post whose pieces are there is added without them (PostRecord::staged), and so is what waits.
// Those that are never published go with the jobs retention and held. Asynchronous; works run on the database's writer thread.
#pragma once

#include <functional>
#include <string_view>
#include <vector>

#include "core/base/id.h"
#include "core/base/result.h"
#include "storage/database.h"
#include "storage/records.h"

namespace essaim::lists {

struct Body {
  Id id = 0;  // of the post, or of what waits
  storage::Form form = storage::Form::kAsIs;
  std::string_view bytes;  // valid until `done`
  bool waits = false;      // it is no form of a post: it is the message of what waits (HeldStore::stage())
};

// Whether they are large enough together, for this database.
bool wants_staging(const storage::Database& database, const std::vector<Body>& bodies);
// All of them. `done` comes once, on a database thread.
void stage(storage::Database& database, const std::vector<Body>& bodies,
           std::function<void(Result<void>)> done);

}  // namespace essaim::lists
