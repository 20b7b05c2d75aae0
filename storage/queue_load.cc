#include "storage/queue_load.h"

#include <algorithm>
#include <map>

#include "storage/sql.h"

namespace essaim::storage {

Result<QueueLoad> queue_load(Connection& connection, std::size_t lists) {
  QueueLoad load;
  for (const BatchQueue queue :
       {BatchQueue::kReady, BatchQueue::kWaiting, BatchQueue::kOwned, BatchQueue::kHeld})
    load.states.push_back({queue, 0, 0, {}});
  auto unexpanded =
      sql::number(connection, 0, "SELECT COUNT(*) FROM post WHERE finished = 0 AND expanded = 0");
  if (!unexpanded.ok()) return unexpanded.error();
  load.unexpanded = *unexpanded;

  auto statement = connection.prepare(
      "SELECT s.queue, p.list_address, COUNT(*), SUM(s.pending), MIN(p.accepted), "
      "COUNT(DISTINCT s.post_id) FROM batch_state s JOIN post p ON p.id = s.post_id "
      "WHERE s.queue IN (1, 2, 3, 4) GROUP BY s.queue, p.list_address");
  std::map<std::string, QueueLoad::List> by_list;
  const auto add = [&](Statement& row) {
    const std::int64_t recipients = row.integer(3);
    for (QueueLoad::State& state : load.states) {
      if (static_cast<int>(state.queue) != row.integer(0)) continue;
      state.batches += row.integer(2);
      state.recipients += recipients;
      const WallTime oldest = sql::time(row, 4);
      if (state.oldest == WallTime{} || oldest < state.oldest) state.oldest = oldest;
    }
    QueueLoad::List& list = by_list[sql::text(row, 1)];
    list.recipients += recipients;
    // A post with batches in two states counts once for each; a list's posts are at least the greater number.
    list.posts = std::max(list.posts, row.integer(5));
  };
  ESSAIM_TRY(sql::each(statement, add));
  for (auto& [address, list] : by_list) {
    list.address = address;
    load.lists.push_back(std::move(list));
  }
  std::stable_sort(load.lists.begin(), load.lists.end(),
                   [](const auto& a, const auto& b) { return a.recipients > b.recipients; });
  if (load.lists.size() > lists) load.lists.resize(lists);
  return load;
}

}  // namespace essaim::storage
