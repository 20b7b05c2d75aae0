// The statement by which a node watches the others and the queue, and the end of what a fenced node owned.
#pragma once

#include "storage/cluster/membership.h"
#include "storage/job_runner.h"

namespace essaim::storage {

// One statement. `now`: what is due by then counts.
Result<void> read_cluster_view(Connection& connection, WallTime now, ClusterView* view);

// Makes ready what the node owns in an epoch that is over, some at a time. Gives how many.
Result<std::int64_t> release_fenced_batches(Database& database, int number);

// For what is left over: a taker that died between fencing a node and releasing its batches. Nodes that work recover what
// their own earlier run had, and are left the time to do so.
Job make_orphans_job(const Clock& clock);

}  // namespace essaim::storage
