#include "storage/cluster/node_watch.h"

#include <algorithm>
#include <vector>

#include "storage/batch_store.h"
#include "storage/cluster/node_demand.h"
#include "storage/post_store.h"
#include "storage/retry_calls.h"
#include "storage/sql.h"

namespace essaim::storage {

namespace {

constexpr std::int64_t kReleasedTogether = 100;  // rows with their progress: below 1 MB
constexpr Duration kTimeToRecover = std::chrono::minutes(10);

// Only whether there is any: each ends at the first entry of an index.
constexpr std::string_view kView =
    "SELECT n.number, n.hostname, n.epoch, n.beat, n.lease, n.state, n.started, n.version, n.demand, "
    "n.drains, "
    "(SELECT COUNT(*) FROM (SELECT 1 FROM batch_state WHERE queue = 1 LIMIT 1) r), "
    "(SELECT COUNT(*) FROM (SELECT 1 FROM batch_state WHERE queue = 2 AND due <= ? LIMIT 1) d), "
    "(SELECT COUNT(*) FROM (SELECT 1 FROM post WHERE finished = 0 AND expanded = 0 LIMIT 1) u), "
    "(SELECT COUNT(*) FROM suspension), (SELECT COALESCE(MAX(since), 0) FROM suspension), "
    "(SELECT value FROM site_value WHERE name = ?), (SELECT value FROM site_value WHERE name = ?) "
    "FROM node n ORDER BY n.number";

}  // namespace

Result<void> read_cluster_view(Connection& connection, WallTime now, ClusterView* view) {
  *view = ClusterView();
  const auto statement = sql::prepare(connection, kView, now, kHoldsValue, kRetryCallsValue);
  ESSAIM_TRY(sql::each(statement, [view](Statement& row) {
    view->nodes.push_back(node_sight_from(row));
    view->ready = row.integer(10) > 0;
    view->due = row.integer(11) > 0;
    view->unexpanded = row.integer(12) > 0;
    view->suspensions = std::to_string(row.integer(13)) + ":" + std::to_string(row.integer(14));
    view->holds = sql::text(row, 15);
    view->retry_calls = sql::text(row, 16);
  }));
  if (view->nodes.size() < 2) return {};
  return read_demands(connection, &view->nodes);
}

Result<std::int64_t> release_fenced_batches(Database& database, int number) {
  std::int64_t total = 0;
  for (std::int64_t released = kReleasedTogether; released >= kReleasedTogether; total += released) {
    std::vector<DamagedBatch> damaged;
    ESSAIM_TRY(database.write_now(Durability::kAccept, [&](Connection& c) -> Result<void> {
      damaged.clear();
      auto some = NodeStore(c).release_fenced(number, kReleasedTogether, &damaged);
      if (!some.ok()) return some.error();
      released = *some;
      return {};
    }));
    std::for_each(damaged.begin(), damaged.end(), tell_damaged);
  }
  return total;
}

Job make_orphans_job(const Clock& clock) {
  Job job;
  job.name = "orphans";
  job.interval = std::chrono::minutes(5);
  job.run = [&clock](Database& database) -> Result<std::string> {
    const auto nodes = database.look_now([](Connection& c) { return NodeStore(c).all(); });
    if (!nodes.ok()) return nodes.error();
    std::int64_t total = 0;
    for (const NodeSight& node : *nodes) {
      if (node.at_work() && clock.wall_now() - node.started < kTimeToRecover) continue;
      auto released = release_fenced_batches(database, node.number);
      if (!released.ok()) return released.error();
      total += *released;
    }
    return "batches released: " + std::to_string(total);
  };
  return job;
}

}  // namespace essaim::storage
