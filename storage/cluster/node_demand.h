// What the nodes want of destinations, for each other: a value of the site for each node, that it alone writes. It is not in
// the row of the node, which each claim writes, and which a Galera cluster hands on as a whole each time, as it was and as it is.
//
// Programs that know of no such values have it in their rows, and look for it there: as long as one of them is at work it stands
// in all rows, too. Functions run inside the caller's transaction.
#pragma once

#include <string>
#include <vector>

#include "storage/cluster/observer.h"
#include "storage/database.h"
#include "storage/node_store.h"

namespace essaim::storage {

Result<void> tell_demand(Connection& connection, NodeStore::Identity self, const std::string& demand);
// Into `nodes`, where the value is of the node's present epoch.
Result<void> read_demands(Connection& connection, std::vector<NodeSight>* nodes);
Result<void> forget_demand(Connection& connection, int number);

}  // namespace essaim::storage
