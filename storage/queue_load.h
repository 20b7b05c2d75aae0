// What waits, in a few numbers, for `essaim top` and the like: by state with its oldest post, and the busiest lists.
// In a file of which pages are damaged, what is on them is counted as far as the indexes tell of it: batches, and not their
// recipients. Inside the caller's transaction. Reads the state of all that waits once: its cost grows with the queue, so callers
// that repeat it keep what they got for a while.
#pragma once

#include <string>
#include <vector>

#include "storage/database.h"
#include "storage/records.h"

namespace essaim::storage {

struct QueueLoad {
  struct State {
    BatchQueue queue = BatchQueue::kReady;
    std::int64_t batches = 0;
    std::int64_t recipients = 0;
    WallTime oldest{};  // acceptance of the oldest post
  };
  std::vector<State> states;  // ready, waiting, owned, held; all four
  struct List {
    std::string address;
    std::int64_t posts = 0;
    std::int64_t recipients = 0;
  };
  std::vector<List> lists;  // most recipients first
  std::int64_t unexpanded = 0;
};

Result<QueueLoad> queue_load(Connection& connection, std::size_t lists);

}  // namespace essaim::storage
