#include "storage/node_removal.h"

#include <algorithm>

#include "core/base/text.h"
#include "storage/cluster/node_demand.h"
#include "storage/directory_store.h"
#include "storage/sql.h"

namespace essaim::storage {

namespace {

constexpr const char* kHighest = "highest-node-removed";

Error not_removed(const NodeSight& node, const std::string& why) {
  return {ErrorCode::kConflict, "node " + node.hostname + " " + why};
}

}  // namespace

Result<int> highest_node_number(Connection& connection) {
  auto highest = sql::number(connection, 0, "SELECT MAX(number) FROM node");
  if (!highest.ok()) return highest.error();
  auto removed = SiteStore(connection).get(kHighest);
  if (!removed.ok()) return removed.error();
  const auto number = parse_u64(removed->value_or("0"));
  return static_cast<int>(std::max<std::int64_t>(*highest, static_cast<std::int64_t>(number.value_or(0))));
}

Result<void> remove_node(Connection& connection, const NodeSight& seen) {
  SiteStore site(connection);
  ESSAIM_TRY(
      site.set_if_missing(kHighest, "0"));  // on a server the next one to remove a node waits behind this
  auto highest = highest_node_number(connection);
  if (!highest.ok()) return highest.error();
  // Before anything is asked, so that a start of it at the same time is either seen or undone. What has stopped or was fenced claims nothing more.
  auto gone =
      sql::run(connection, "DELETE FROM node WHERE number = ? AND epoch = ? AND (state IN (2, 3) OR ? = 1)",
               seen.number, seen.epoch, connection.dialect() == Dialect::kSqlite ? 1 : 0);
  if (!gone.ok()) return gone.error();
  if (*gone == 0)
    return not_removed(
        seen,
        "is " + std::string(to_string(seen.state)) +
            ", or has begun anew just now: stop it first; one that was killed is dead when another node "
            "has taken over from it, which it does after the lease");
  auto owned = sql::number(connection, 0, "SELECT COUNT(*) FROM batch_state WHERE queue = 3 AND owner = ?",
                           seen.number);
  if (!owned.ok()) return owned.error();
  if (*owned > 0)
    return not_removed(seen, "still owns batches (" + std::to_string(*owned) +
                                 "): wait until they are given back, or see to that on a node that runs: "
                                 "essaim job run orphans");
  auto late = sql::number(connection, 0, "SELECT COUNT(*) FROM late_outcome WHERE node = ?", seen.number);
  if (!late.ok()) return late.error();
  if (*late > 0)
    return not_removed(
        seen,
        "has delivered what is not merged yet: wait a minute or two, or see to it on a node that runs: "
        "essaim job run late-outcomes");
  ESSAIM_TRY(forget_demand(connection, seen.number));
  return site.set(kHighest, std::to_string(*highest));
}

}  // namespace essaim::storage
