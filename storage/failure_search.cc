#include "storage/failure_search.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "core/base/text.h"
#include "storage/batch_rows.h"
#include "storage/damage.h"
#include "storage/sql.h"

namespace essaim::storage {

FailedMatch::FailedMatch(const PostFilter& filter)
    : who_(filter),
      words_(ascii_lowered(filter.why)),
      timed_(filter.since != WallTime{} || filter.until != WallTime{}),
      since_(filter.since),
      until_(filter.until) {}

std::vector<std::size_t> FailedMatch::of(const BatchRecord& batch, WallTime accepted) const {
  const BatchProgress& progress = batch.progress;
  // Of a thousand who were refused most share a reply.
  std::vector<bool> fits(progress.replies.size(), words_.empty());
  for (std::size_t i = 0; i < fits.size() && !words_.empty(); ++i)
    fits[i] = ascii_lowered(progress.replies[i]).find(words_) != std::string::npos;
  std::vector<std::size_t> out;
  for (std::size_t i = 0; i < progress.recipients.size(); ++i) {
    const RecipientStatus& status = progress.recipients[i];
    if (status.state != RecipientState::kFailed || !fits[status.reply]) continue;
    const WallTime when = accepted + std::chrono::seconds(status.time);
    if (when < since_ || (until_ != WallTime{} && when >= until_)) continue;
    if (!who_.any() || who_.matches(batch.recipients[i])) out.push_back(i);
  }
  return out;
}

Result<bool> has_failed(Connection& connection, Id post_id, const FailedMatch& match) {
  auto accepted = sql::number(connection, -1, "SELECT accepted FROM post WHERE id = ?", post_id);
  if (!accepted.ok()) return accepted.error();
  if (*accepted < 0) return false;
  const std::string all = batch_select(true) + " WHERE s.post_id = ? AND s.failed > 0";
  auto statement = match.who().any()
                       ? sql::prepare(connection, all + " AND b.first_key <= ? AND b.last_key >= ?", post_id,
                                      match.who().highest(), match.who().lowest())
                       : sql::prepare(connection, all, post_id);
  if (!statement.ok()) return statement.error();
  for (;;) {
    auto row = (*statement)->step();
    if (!row.ok()) return row.error();
    if (!*row) return false;
    const auto batch = batch_from(**statement, true);
    if (!batch.ok() && batch.error().code == ErrorCode::kDamaged) return true;
    if (!batch.ok()) return batch.error();
    if (!match.of(*batch, from_millis(*accepted)).empty()) return true;
  }
}

std::string settled_posts(Connection& connection) {
  return connection.dialect() == Dialect::kSqlite ? "post p INDEXED BY post_finished"
                                                  : "post p FORCE INDEX (post_finished)";
}

namespace {

Result<PostsFound> settled_together(Connection& connection, const PostFilter& filter,
                                    PlaceAmongSettled* place, std::size_t look_at) {
  const PostCondition condition(filter);
  const FailedMatch match(filter);
  auto statement = connection.prepare("SELECT p.id, p.finished, (1 = 1" + condition.sql() + ") FROM " +
                                      settled_posts(connection) +
                                      " WHERE p.finished >= ? AND (p.finished > ? OR p.id > ?) "
                                      "ORDER BY p.finished, p.expanded, p.id LIMIT ?");
  if (!statement.ok()) return statement.error();
  sql::bind_row(**statement, condition.bind(**statement, 1), place->finished, place->finished, place->id,
                look_at);
  PostsFound found;
  PlaceAmongSettled last = *place;
  for (std::size_t rows = 0;; ++rows) {
    auto row = (*statement)->step();
    if (!row.ok()) return row.error();
    if (!*row) {
      found.more = rows == look_at;
      found.last = last.id;
      *place = last;
      return found;
    }
    last = {sql::time(**statement, 1), (*statement)->integer(0)};
    if ((*statement)->integer(2) == 0) continue;
    if (match.looks_inside()) {
      auto has = has_failed(connection, last.id, match);
      if (!has.ok()) return has.error();
      if (!*has) continue;
    }
    found.ids.push_back(last.id);
  }
}

// In a file where that meets a damaged page: the index tells of each post, or the table does, and each is looked at by itself.
Result<PostsFound> settled_one_by_one(Connection& connection, const PostFilter& filter,
                                      PlaceAmongSettled* place, std::size_t look_at) {
  PostsFound found;
  auto places =
      sql::rows(sql::prepare(connection,
                             "SELECT id, finished FROM post INDEXED BY post_finished WHERE finished >= ? AND "
                             "(finished > ? OR id > ?) ORDER BY finished, expanded, id LIMIT ?",
                             place->finished, place->finished, place->id, look_at),
                [](Statement& row) {
                  return PlaceAmongSettled{sql::time(row, 1), row.integer(0)};
                });
  if (is_of_a_page(connection, places)) {
    // A page of the index: the rest at once, for nothing else tells the order.
    constexpr IndexRange rest{"post", "post_finished", "finished >= ? AND (finished > ? OR id > ?)",
                              "finished, expanded, id"};
    const std::int64_t finished = to_millis(place->finished);
    places = std::vector<PlaceAmongSettled>();
    look_at = std::numeric_limits<std::size_t>::max();
    ESSAIM_TRY(row_by_row(
        connection, rest, {finished, finished, place->id},
        [&places](Place id) {
          places->push_back({{}, id});
          return Result<void>();
        },
        [&found](Place id, const Error& error) { found.damaged.emplace_back(id, error.message); }));
  }
  if (!places.ok()) return places.error();
  const PostCondition condition(filter);
  const FailedMatch match(filter);
  const auto look = [&](Id id) -> Result<bool> {
    auto statement = sql::prepare(connection, "SELECT p.id FROM post p WHERE p.id = ?" + condition.sql(), id);
    if (!statement.ok()) return statement.error();
    condition.bind(**statement, 2);
    auto row = (*statement)->step();
    if (!row.ok() || !*row || !match.looks_inside()) return row;
    return has_failed(connection, id, match);
  };
  found.more = places->size() == look_at;
  for (const PlaceAmongSettled& one : *places) {
    const auto has = look(one.id);
    if (!has.ok() && has.error().code != ErrorCode::kDamaged) return has.error();
    if (!has.ok()) found.damaged.emplace_back(one.id, has.error().message);
    if (has.ok() && *has) found.ids.push_back(one.id);
    *place = one;
  }
  found.last = place->id;
  return found;
}

}  // namespace

Result<PostsFound> search_settled(Connection& connection, const PostFilter& filter, PlaceAmongSettled* place,
                                  std::size_t look_at) {
  // A post of 1970 is none that is settled.
  place->finished = std::max({place->finished, filter.since, from_millis(1)});
  auto together = settled_together(connection, filter, place, look_at);
  return is_of_a_page(connection, together) ? settled_one_by_one(connection, filter, place, look_at)
                                            : std::move(together);
}

}  // namespace essaim::storage
