// Stores the pieces of large bodies before the transaction that accepts the post, a few in each transaction: the write sets of a
// cluster stay small, and a large message does not hold up all that commits behind it. The accept transaction publishes them: a post
// whose pieces are there is added without them (PostStore::add()). Those that are never published go with the retention
// job. Asynchronous; works run on the database's writer thread.
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
  Id post_id = 0;
  storage::Form form = storage::Form::kAsIs;
  std::string_view bytes;  // valid until `done`
};

// Whether the database wants it, and some body is large enough.
bool wants_staging(const storage::Database& database, const std::vector<Body>& bodies);
// `done` comes once, on a database thread.
void stage(storage::Database& database, const std::vector<Body>& bodies,
           std::function<void(Result<void>)> done);

}  // namespace essaim::lists
