// The transaction that records progress: rows of batches and the failures that they tell for the first time.
// Runs on a database thread. Exactly once: a failure is reported in the transaction that makes it a fact;
// after a save of unknown outcome the row in the database decides what still has to be told.
#pragma once

#include <memory>
#include <vector>

#include "delivery/engine.h"
#include "delivery/open_batch.h"
#include "storage/batch_store.h"

namespace essaim::delivery {

struct SaveItem {
  std::shared_ptr<const ActiveBatch> batch;
  storage::BatchRecord record;
  UnsavedPart part;
  bool retried = false;           // an earlier save of this may have been committed
  bool without_listener = false;  // it refused these failures again and again
};

// Divides what is to be saved into transactions well below 1 MB, each a moment of the writer: by batches, and by those of their
// recipients who failed, since the listener writes a row for each. When a big provider is gone, all its batches fail together.
// One batch is never divided.
std::vector<std::vector<OpenBatch*>> in_transactions(const std::vector<OpenBatch*>& batches);

// The database works, and refuses this: trying again does not help it.
bool is_about_the_work(const Error& error);

// conflicts[i]: somebody else has that batch; its deliveries were kept for them (storage/late_store.h).
Result<void> run_saves(storage::Connection& connection, storage::Fence fence,
                       const std::vector<SaveItem>& items, FailureListener& listener,
                       std::vector<bool>* conflicts);

}  // namespace essaim::delivery
