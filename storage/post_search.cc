// Of PostStore: the searches. In a file of which pages are damaged each post is looked at by itself, as the indexes tell of them.
#include <algorithm>
#include <functional>
#include <iterator>
#include <limits>
#include <optional>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "storage/batch_store.h"
#include "storage/damage.h"
#include "storage/failure_search.h"
#include "storage/post_filter.h"
#include "storage/post_store.h"
#include "storage/sql.h"

namespace essaim::storage {

namespace {

// Whether one of the post's batches has a recipient that is searched for.
Result<bool> has_recipient(Connection& connection, Id post_id, const RecipientMatch& match) {
  auto statement = sql::prepare(
      connection, "SELECT recipients FROM batch WHERE post_id = ? AND first_key <= ? AND last_key >= ?",
      post_id, match.highest(), match.lowest());
  if (!statement.ok()) return statement.error();
  for (;;) {
    auto row = (*statement)->step();
    if (!row.ok()) return row.error();
    if (!*row) return false;
    auto recipients = decode_recipients((*statement)->text(0));
    // By its keys the recipient may be in it, and who searches wants to see it.
    if (!recipients.ok() && recipients.error().code == ErrorCode::kDamaged) return true;
    if (!recipients.ok()) return recipients.error();
    if (std::any_of(recipients->begin(), recipients->end(),
                    [&match](const auto& r) { return match.matches(r); })) {
      return true;
    }
  }
}

constexpr std::string_view kWaiting = " AND p.finished = 0", kSettled = " AND p.finished > 0";

// What the contents of batches tell of a post that a search may mean.
class Contents {
 public:
  explicit Contents(const PostFilter& filter) : failed_(filter.failed), who_(filter), failures_(filter) {}
  bool any() const { return failed_ ? failures_.looks_inside() : who_.any(); }
  Result<bool> fit(Connection& connection, Id post_id) const {
    return failed_ ? has_failed(connection, post_id, failures_) : has_recipient(connection, post_id, who_);
  }

 private:
  const bool failed_;
  const RecipientMatch who_;
  const FailedMatch failures_;
};

bool comes_before(const PostRecord& a, const PostRecord& b) {
  return std::tie(a.accepted, a.id) > std::tie(b.accepted, b.id);
}

// Newest first, as a search gives them.
void keep_newest(std::vector<PostRecord>* posts, std::size_t most) {
  std::sort(posts->begin(), posts->end(), comes_before);
  if (posts->size() > most) posts->resize(most);
}

}  // namespace

Result<std::vector<PostRecord>> PostStore::search(const PostFilter& filter) {
  unread_.clear();
  auto together = search_together(filter);
  return is_of_a_page(connection_, together) ? search_one_by_one(filter) : std::move(together);
}

Result<std::vector<PostRecord>> PostStore::search_together(const PostFilter& filter) {
  // Two questions, because what waits is not in the indexes that serve the other one (schema.cc).
  auto found = search_among(kWaiting, filter);
  if (!found.ok() || filter.unfinished) return found;
  auto settled = search_among(kSettled, filter);
  if (!settled.ok()) return settled;
  const auto middle = static_cast<std::ptrdiff_t>(found->size());
  found->insert(found->end(), std::make_move_iterator(settled->begin()),
                std::make_move_iterator(settled->end()));
  std::inplace_merge(found->begin(), found->begin() + middle, found->end(), comes_before);
  found->resize(std::min(found->size(), filter.limit));
  return found;
}

Result<std::vector<PostRecord>> PostStore::search_among(std::string_view which, const PostFilter& filter) {
  const PostCondition condition(filter);
  const Contents contents(filter);
  // Numbers first: what waits is sorted in memory, and there may be a million. A server that is not told how many are wanted
  // sorts, and sends, all that there are; how many must be looked at for a recipient nobody knows, so that goes by pages.
  // Of failures of a time what has ended before need not be read; and what was accepted before, must.
  const bool by_end = which == kSettled && filter.failed && filter.since != WallTime{};
  std::string sql = "SELECT p.id, p.accepted FROM " + (by_end ? settled_posts(connection_) : "post p") +
                    " WHERE 1 = 1" + std::string(which) + condition.sql();
  if (by_end) sql += " AND p.finished >= ?";
  if (contents.any()) sql += " AND p.accepted <= ? AND (+p.accepted < ? OR +p.id < ?)";
  sql += " ORDER BY p.accepted DESC, p.id DESC LIMIT ?";
  std::vector<PostRecord> posts;
  std::int64_t accepted = std::numeric_limits<std::int64_t>::max();
  Id id = std::numeric_limits<Id>::max();
  std::int64_t page = first_page(connection_, contents.any(), filter);
  for (bool more = true; more;) {
    auto statement = connection_.prepare(sql);
    if (!statement.ok()) return statement.error();
    int next = condition.bind(**statement, 1);
    if (by_end) sql::bind_row(**statement, next++, filter.since);
    if (contents.any())
      sql::bind_row(**statement, next, accepted, accepted, id, page);
    else
      (*statement)->bind(next, page);
    std::int64_t rows = 0;
    for (;; ++rows) {
      if (posts.size() >= filter.limit) return posts;
      auto row = (*statement)->step();
      if (!row.ok()) return row.error();
      if (!*row) break;
      id = (*statement)->integer(0);
      accepted = (*statement)->integer(1);
      if (contents.any()) {
        auto has = contents.fit(connection_, id);
        if (!has.ok()) return has.error();
        if (!*has) continue;
      }
      auto post = find(id);
      if (!post.ok()) return post.error();
      if (post->has_value()) posts.push_back(std::move(**post));
    }
    more = contents.any() && rows == page;
    if (more) page = next_page(page);
  }
  return posts;
}

Result<std::optional<PostRecord>> PostStore::look_for(const PostFilter& filter, Id post_id) {
  const PostCondition condition(filter);
  const Contents contents(filter);
  auto statement =
      sql::prepare(connection_, "SELECT p.id FROM post p WHERE p.id = ?" + condition.sql(), post_id);
  if (!statement.ok()) return statement.error();
  condition.bind(**statement, 2);
  auto row = (*statement)->step();
  if (!row.ok()) return row.error();
  if (!*row) return std::optional<PostRecord>();
  if (contents.any()) {
    auto has = contents.fit(connection_, post_id);
    if (!has.ok()) return has.error();
    if (!*has) return std::optional<PostRecord>();
  }
  return find(post_id);
}

// Of what cannot be read it is not known whether the filter would find it.
Result<std::vector<PostRecord>> PostStore::search_one_by_one(const PostFilter& filter) {
  std::vector<PostRecord> posts;
  std::size_t most = std::numeric_limits<std::size_t>::max();
  const auto look = [&](Id id) -> Result<void> {
    if (posts.size() >= most) return {};
    auto post = look_for(filter, id);
    if (!post.ok()) return post.error();
    if (post->has_value()) posts.push_back(**std::move(post));
    if (posts.size() / 2 > std::max<std::size_t>(filter.limit, 1000)) keep_newest(&posts, filter.limit);
    return {};
  };
  const auto lost = [&](Id id, const Error& error) { unread_.emplace_back(id, error.message); };
  // What waits is in no index by its time.
  ESSAIM_TRY(row_by_row(connection_, kPostsWaiting, {}, look, lost));
  keep_newest(&posts, filter.limit);
  if (filter.unfinished) return posts;
  constexpr IndexRange settled{"post", "post_accepted", "finished > 0", "accepted DESC, id DESC"};
  std::vector<PostRecord> waiting = std::exchange(posts, {});
  most = filter.limit;
  ESSAIM_TRY(row_by_row(connection_, settled, {}, look, lost));
  posts.insert(posts.end(), std::make_move_iterator(waiting.begin()), std::make_move_iterator(waiting.end()));
  keep_newest(&posts, filter.limit);
  return posts;
}

Result<PostsFound> PostStore::search_waiting(const PostFilter& filter, bool expanded, Id after,
                                             std::size_t look_at) {
  auto together = waiting_together(filter, expanded, after, look_at);
  if (!is_of_a_page(connection_, together)) return together;
  return waiting_one_by_one(expanded, after, look_at, [&](Id id) -> Result<bool> {
    const auto post = look_for(filter, id);
    if (!post.ok()) return post.error();
    return post->has_value();
  });
}

Result<PostsFound> PostStore::waiting_together(const PostFilter& filter, bool expanded, Id after,
                                               std::size_t look_at) {
  const PostCondition condition(filter);
  const Contents contents(filter);
  auto statement = connection_.prepare(
      "SELECT p.id, (1 = 1" + condition.sql() + ") FROM " + sql::waiting_posts(connection_) +
      " WHERE p.finished = 0 AND p.expanded = ? AND p.id > ? ORDER BY p.id LIMIT ?");
  if (!statement.ok()) return statement.error();
  sql::bind_row(**statement, condition.bind(**statement, 1), expanded, after, look_at);
  PostsFound found;
  for (std::size_t rows = 0;; ++rows) {
    auto row = (*statement)->step();
    if (!row.ok()) return row.error();
    if (!*row) {
      found.more = rows == look_at;
      return found;
    }
    found.last = (*statement)->integer(0);
    if ((*statement)->integer(1) == 0) continue;
    if (contents.any()) {
      auto has = contents.fit(connection_, found.last);
      if (!has.ok()) return has.error();
      if (!*has) continue;
    }
    found.ids.push_back(found.last);
  }
}

Result<PostsFound> PostStore::waiting_one_by_one(bool expanded, Id after, std::size_t look_at,
                                                 const std::function<Result<bool>(Id)>& is_one) {
  constexpr IndexRange range{"post", "post_finished", "finished = 0 AND expanded = ? AND id > ?", "id", true};
  PostsFound found;
  std::vector<Id> ids;
  const auto take = [&ids](Id id) {
    ids.push_back(id);
    return Result<void>();
  };
  ESSAIM_TRY(row_by_row(
      connection_, range, {expanded ? 1 : 0, after}, take,
      [&](Id id, const Error& error) { found.damaged.emplace_back(id, error.message); }, look_at));
  std::sort(ids.begin(), ids.end());
  found.more = ids.size() >= look_at;
  if (found.more) ids.resize(look_at);
  for (const Id id : ids) {
    found.last = id;
    const auto is = is_one(id);
    if (!is.ok() && is.error().code != ErrorCode::kDamaged) return is.error();
    if (!is.ok()) found.damaged.emplace_back(id, is.error().message);
    if (is.ok() && *is) found.ids.push_back(id);
  }
  return found;
}

Result<std::vector<std::pair<Id, std::string>>> PostStore::held_for(std::string_view beginning) {
  std::vector<std::pair<Id, std::string>> held;
  const auto take = [&](Statement& row) {
    if (row.text(1).starts_with(beginning)) held.emplace_back(row.integer(0), sql::text(row, 1));
  };
  const Result<void> together = sql::each(
      connection_.prepare("SELECT id, held_reason FROM post WHERE finished = 0 AND held = 1 ORDER BY id"),
      take);
  if (together.ok()) return held;
  if (!is_of_a_page(connection_, together)) return together.error();
  held.clear();
  const auto look = [&](Id id) {
    return sql::each(
        sql::prepare(connection_, "SELECT id, held_reason FROM post WHERE id = ? AND held = 1", id), take);
  };
  ESSAIM_TRY(row_by_row(connection_, kPostsWaiting, {}, look, [](Id, const Error&) {}));
  std::sort(held.begin(), held.end());
  return held;
}

}  // namespace essaim::storage
