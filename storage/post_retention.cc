// What goes of posts in time. What can go is looked for in reads, some of it at a time: a queue may be a million posts long,
// and a transaction that writes must not grow with it.
#include <algorithm>
#include <string_view>
#include <utility>

#include "storage/damage.h"
#include "storage/digest_store.h"
#include "storage/post_again.h"
#include "storage/post_store.h"
#include "storage/sql.h"
#include "storage/unsettled_keys.h"

namespace essaim::storage {

namespace {

// What goes in a transaction is bounded. On a server it is replicated with all that is in it; in a file the writer is others'
// again after some milliseconds, though a post has a thousand batches and a hundred MB.
struct Portion {
  std::int64_t rows;    // of batches and the like
  std::int64_t pieces;  // of one post's forms
  std::int64_t octets;  // of forms, by posts that are settled together
};
constexpr Portion kOnServer{40, 2, 512 << 10}, kInFile{200, 16, 8 << 20};

Portion portion_of(const Connection& connection) {
  return connection.dialect() == Dialect::kSqlite ? kInFile : kOnServer;
}

Result<std::int64_t> delete_pieces(Connection& connection, Id post_id, std::int64_t most) {
  return sql::run(connection,
                  sql::delete_some(connection, "rendering", "post_id, form, seq", "post_id = ?", most),
                  post_id);
}

// Whether nothing is to be done for `p` any more, and what failed for somebody did so before the time that is bound. Deliveries
// do not touch the post, so that finishing a batch costs no second row.
constexpr std::string_view kIsSettled =
    "NOT EXISTS (SELECT 1 FROM batch_state s WHERE s.post_id = p.id AND (s.queue <> 0 OR "
    "(s.failed > 0 AND p.accepted + s.last_outcome * 1000 > ?))) AND NOT EXISTS "
    "(SELECT 1 FROM report_due r WHERE r.post_id = p.id)";

// Reads rows of (id, whether it is one that is looked for), which come in the order of the ids.
Result<PostsFound> found_among(const Result<Statement*>& statement, std::size_t most) {
  if (!statement.ok()) return statement.error();
  Statement& row = *statement.value();
  PostsFound found;
  for (std::size_t rows = 0;; ++rows) {
    auto more = row.step();
    if (!more.ok()) return more.error();
    if (!*more) {
      found.more = rows == most;
      return found;
    }
    if (row.integer(0) == found.last) continue;
    found.last = row.integer(0);
    if (row.integer(1) != 0) found.ids.push_back(found.last);
  }
}

}  // namespace

Result<PostsFound> PostStore::settled(Id after, std::size_t look_at, WallTime failed_before) {
  const std::string waiting = " FROM " + sql::waiting_posts(connection_) +
                              " WHERE p.finished = 0 AND p.expanded = 1 AND p.id > ? ORDER BY p.id LIMIT ?";
  auto together = found_among(sql::prepare(connection_, "SELECT p.id, " + std::string(kIsSettled) + waiting,
                                           failed_before, after, look_at),
                              look_at);
  if (!is_of_a_page(connection_, together)) return together;
  return waiting_one_by_one(true, after, look_at, [&](Id id) -> Result<bool> {
    const auto is_settled =
        sql::number(connection_, 0, "SELECT " + std::string(kIsSettled) + " FROM post p WHERE p.id = ?",
                    failed_before, id);
    if (!is_settled.ok()) return is_settled.error();
    return *is_settled != 0;
  });
}

Result<PostsSettled> PostStore::settle(std::span<const Id> posts, WallTime failed_before) {
  UnsettledKeys* const unsettled = connection_.unsettled_keys();
  if (unsettled != nullptr) ESSAIM_TRY(unsettled->forget_settled(connection_));
  const Portion portion = portion_of(connection_);
  PostsSettled done;
  std::int64_t together = 0;
  DigestStore digests(connection_);
  const auto any_waits = digests.any_waits();
  if (!any_waits.ok()) return any_waits.error();
  for (const Id id : posts) {
    ESSAIM_TRY(keep_from_others(connection_, id));
    auto size =
        sql::number(connection_, -1,
                    "SELECT p.size FROM post p WHERE p.id = ? AND p.finished = 0 AND p.expanded = 1 AND " +
                        std::string(kIsSettled),
                    id, failed_before);
    if (!size.ok()) return size.error();
    // It may have two forms. What is left of them goes by drop_forms().
    const std::int64_t octets = std::clamp<std::int64_t>(2 * *size, 0, portion.octets);
    if (together > 0 && together + octets > portion.octets) return done;
    together += octets;
    ++done.looked_at;
    if (*size < 0) continue;
    auto last =
        sql::number(connection_, 0, "SELECT MAX(last_outcome) FROM batch_state WHERE post_id = ?", id);
    if (!last.ok()) return last.error();
    if (unsettled != nullptr) ESSAIM_TRY(keep_key_apart(id));
    ESSAIM_TRY(sql::run(connection_, "UPDATE post SET finished = accepted + ?, seen_key = '' WHERE id = ?",
                        std::max<std::int64_t>(1, *last * 1000), id));
    if (*any_waits) {
      const auto waits = digests.waits(id);
      if (!waits.ok()) return waits.error();
      if (*waits) {  // useless_forms() finds the text when the digest has been made
        ++done.posts;
        continue;
      }
    }
    auto pieces = delete_pieces(connection_, id, portion.pieces);
    if (!pieces.ok()) return pieces.error();
    ++done.posts;
    if (*pieces == portion.pieces) done.with_forms.push_back(id);
  }
  return done;
}

Result<PostsFound> PostStore::useless_forms(Id after, WallTime before, std::size_t look_at) {
  return found_among(sql::prepare(connection_,
                                  "SELECT r.post_id, CASE WHEN " + std::string(kWaitsForDigest) +
                                      " THEN 0 ELSE COALESCE(p.finished, 1) END FROM rendering r LEFT JOIN "
                                      "post p ON p.id = r.post_id "
                                      "WHERE r.post_id > ? AND r.post_id < ? ORDER BY r.post_id LIMIT ?",
                                  after, first_id_at(before), look_at),
                     look_at);
}

Result<std::int64_t> PostStore::drop_forms(Id post_id) {
  auto needed = sql::number(connection_, 0,
                            "SELECT COUNT(*) FROM post p WHERE p.id = ? AND (p.finished = 0 OR " +
                                std::string(kWaitsForDigest) + ")",
                            post_id);
  if (!needed.ok()) return needed.error();
  if (*needed > 0) return std::int64_t{0};
  return delete_pieces(connection_, post_id, portion_of(connection_).pieces);
}

Result<std::int64_t> PostStore::drop_finished(WallTime before, std::size_t limit,
                                              const std::set<Id>& passed_over, Id* at) {
  if (UnsettledKeys* const unsettled = connection_.unsettled_keys(); unsettled != nullptr)
    ESSAIM_TRY(unsettled->forget_settled(connection_));
  auto old =
      sql::ids(sql::prepare(connection_,
                            "SELECT p.id FROM post p WHERE p.finished > 0 AND p.finished < ? AND NOT " +
                                std::string(kWaitsForDigest) + " LIMIT ?",
                            before, limit + passed_over.size()));
  if (!old.ok()) return old.error();
  const Portion portion = portion_of(connection_);
  std::int64_t rows = 0, posts = 0;
  for (const Id id : *old) {
    if (passed_over.count(id) > 0) continue;
    if (at != nullptr) *at = id;
    // Its own row goes last: it says that the post is finished, whatever is left of it, and the next transaction goes on with it.
    for (const auto& [table, key] :
         {std::pair("batch", "post_id, number"), std::pair("batch_state", "post_id, number"),
          std::pair("rendering", "post_id, form, seq")}) {
      const std::int64_t most = table == std::string_view("rendering") ? portion.pieces : portion.rows;
      auto gone = sql::run(connection_, sql::delete_some(connection_, table, key, "post_id = ?", most), id);
      if (!gone.ok()) return gone.error();
      if (*gone == most) return std::max<std::int64_t>(1, posts);
      rows += *gone;
    }
    ESSAIM_TRY(sql::run(connection_, "DELETE FROM report_due WHERE post_id = ?", id));
    ESSAIM_TRY(sql::run(connection_, "DELETE FROM post WHERE id = ?", id));
    ++posts;
    if (rows >= portion.rows) break;
  }
  return posts;
}

}  // namespace essaim::storage
