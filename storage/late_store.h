// Deliveries that came to light when the batch was somebody else's already: from the journal of a node that was believed dead,
// or from its memory. They are kept beside the batch, whose owner alone writes its row, and merged before the next attempt:
// by the next claim, or, when the batch is nobody's, by a job. Delivered wins; what two nodes have delivered is counted as a
// duplicate.
//
// Only deliveries are kept: what failed or was put off is tried again by the new owner, which hurts nobody. Functions run
// inside the caller's transaction.
#pragma once

#include "storage/batch_store.h"
#include "storage/database.h"
#include "storage/job_runner.h"

namespace essaim::storage {

class LateStore {
 public:
  explicit LateStore(Connection& connection) : connection_(connection) {}

  // Keeps the delivered ones of `progress`, which may have been kept before. `loser` had the batch when it sent.
  Result<void> keep(Fence loser, Id post_id, int number, const BatchProgress& progress);
  // One look in the usual case, in which there is nothing. Gives whether there is anything at all.
  Result<bool> any();
  // Takes what was kept for the batch into it, in memory, counts duplicates in its row, and forgets it. True: the batch
  // has changed, and the caller has to save it in this transaction.
  Result<bool> merge_into(BatchRecord* batch);
  struct Key {
    Id post_id = 0;
    int number = 0;
  };
  Result<std::vector<Key>> keys(std::size_t limit);  // batches with something kept, which nobody owns
  Result<void> forget_orphans();                     // of batches that are no more

 private:
  Connection& connection_;
};

// Merges what is kept for batches that nobody owns.
Job make_late_outcomes_job();

}  // namespace essaim::storage
