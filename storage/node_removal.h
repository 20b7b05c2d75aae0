// Taking the row of a node away that does not come back. Its number is not given to another one: it is in the ids that the node
// made, and in what others know of its epochs. Inside the caller's transaction.
#pragma once

#include "storage/cluster/observer.h"
#include "storage/database.h"

namespace essaim::storage {

// kConflict, saying why and what to do: it is at work, or has begun anew since it was seen; it owns batches still, or deliveries
// of it wait to be merged. In a file, which has one node at a time, others' states say nothing: see to it that it is not the
// own one.
Result<void> remove_node(Connection& connection, const NodeSight& seen);
// The highest number that a node ever had; 0: there was none.
Result<int> highest_node_number(Connection& connection);

}  // namespace essaim::storage
