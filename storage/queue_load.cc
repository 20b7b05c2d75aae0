#include "storage/queue_load.h"

#include <algorithm>
#include <limits>
#include <map>
#include <utility>

#include "storage/batch_store.h"
#include "storage/damage.h"
#include "storage/post_store.h"
#include "storage/sql.h"

namespace essaim::storage {

namespace {

// Some batches in one state and of one list.
struct Part {
  int queue = 0;
  std::string list;
  std::int64_t batches = 0, recipients = 0;
  WallTime oldest{};
  std::int64_t posts = 0;
};

Result<std::vector<Part>> parts_together(Connection& connection) {
  return sql::rows(
      connection.prepare("SELECT s.queue, p.list_address, COUNT(*), SUM(s.pending), MIN(p.accepted), "
                         "COUNT(DISTINCT s.post_id) FROM batch_state s JOIN post p ON p.id = s.post_id "
                         "WHERE s.queue IN (1, 2, 3, 4) GROUP BY s.queue, p.list_address"),
      [](Statement& row) {
        return Part{static_cast<int>(row.integer(0)),
                    sql::text(row, 1),
                    row.integer(2),
                    row.integer(3),
                    sql::time(row, 4),
                    row.integer(5)};
      });
}

// Of a batch that cannot be read it is known that there is one, and of one whose post cannot be, how many wait in it.
Result<void> add_in_state(Connection& connection, BatchQueue queue, std::vector<Part>* parts) {
  struct OfList {
    Part part;
    std::vector<Id> posts;
  };
  std::map<std::string, OfList> by_list;
  Part unread{static_cast<int>(queue), "", 0, 0, {}, 0};
  const auto look = [&](Place place) {
    return sql::each(
        sql::prepare(connection,
                     "SELECT p.list_address, s.pending, p.accepted, s.post_id FROM batch_state s "
                     "JOIN post p ON p.id = s.post_id WHERE s.rowid = ?",
                     place),
        [&](Statement& row) {
          OfList& list = by_list[sql::text(row, 0)];
          const WallTime accepted = sql::time(row, 2);
          ++list.part.batches;
          list.part.recipients += row.integer(1);
          if (list.part.oldest == WallTime{} || accepted < list.part.oldest) list.part.oldest = accepted;
          list.posts.push_back(row.integer(3));
        });
  };
  ESSAIM_TRY(row_by_row(
      connection, kInQueue, {static_cast<std::int64_t>(queue)}, look, [&](Place place, const Error&) {
        if (place == 0) return;
        ++unread.batches;
        const auto pending =
            sql::number(connection, 0, "SELECT pending FROM batch_state WHERE rowid = ?", place);
        if (pending.ok()) unread.recipients += *pending;
      }));
  for (auto& [address, list] : by_list) {
    std::sort(list.posts.begin(), list.posts.end());
    const auto end = std::unique(list.posts.begin(), list.posts.end());
    list.part.posts = static_cast<std::int64_t>(end - list.posts.begin());
    list.part.queue = static_cast<int>(queue);
    list.part.list = address;
    parts->push_back(std::move(list.part));
  }
  if (unread.batches > 0) parts->push_back(std::move(unread));
  return {};
}

// In a file where a damaged page is met.
Result<std::vector<Part>> parts_one_by_one(Connection& connection,
                                           const std::vector<QueueLoad::State>& states) {
  std::vector<Part> parts;
  for (const QueueLoad::State& state : states) ESSAIM_TRY(add_in_state(connection, state.queue, &parts));
  return parts;
}

Result<std::int64_t> unexpanded_posts(Connection& connection) {
  const auto together =
      sql::number(connection, 0, "SELECT COUNT(*) FROM post WHERE finished = 0 AND expanded = 0");
  if (!is_of_a_page(connection, together)) return together;
  const auto ids = PostStore(connection).unexpanded(std::numeric_limits<std::int32_t>::max());
  if (!ids.ok()) return ids.error();
  return static_cast<std::int64_t>(ids->size());
}

}  // namespace

Result<QueueLoad> queue_load(Connection& connection, std::size_t lists) {
  QueueLoad load;
  for (const BatchQueue queue :
       {BatchQueue::kReady, BatchQueue::kWaiting, BatchQueue::kOwned, BatchQueue::kHeld})
    load.states.push_back({queue, 0, 0, {}});
  const auto unexpanded = unexpanded_posts(connection);
  if (!unexpanded.ok()) return unexpanded.error();
  load.unexpanded = *unexpanded;

  auto parts = parts_together(connection);
  if (is_of_a_page(connection, parts)) parts = parts_one_by_one(connection, load.states);
  if (!parts.ok()) return parts.error();
  std::map<std::string, QueueLoad::List> by_list;
  for (const Part& part : *parts) {
    for (QueueLoad::State& state : load.states) {
      if (static_cast<int>(state.queue) != part.queue) continue;
      state.batches += part.batches;
      state.recipients += part.recipients;
      const bool known = part.oldest != WallTime{};
      if (known && (state.oldest == WallTime{} || part.oldest < state.oldest)) state.oldest = part.oldest;
    }
    if (part.posts == 0) continue;  // nobody knows whose they are
    QueueLoad::List& list = by_list[part.list];
    list.recipients += part.recipients;
    // A post with batches in two states counts once for each; a list's posts are at least the greater number.
    list.posts = std::max(list.posts, part.posts);
  }
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
