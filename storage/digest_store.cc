#include "storage/digest_store.h"

#include "storage/sql.h"

namespace essaim::storage {
namespace {

constexpr std::int64_t kAtATime = 1000;

}  // namespace

Result<void> DigestStore::add_post(Id list_id, Id post_id, WallTime now) {
  ESSAIM_TRY(sql::run(
      connection_,
      std::string(connection_.insert_ignore()) + " digest_post (list_id, post_id, added) VALUES (?, ?, ?)",
      list_id, post_id, now));
  return {};
}

Result<std::vector<WaitingForDigest>> DigestStore::waiting() {
  return sql::rows(
      sql::prepare(connection_,
                   "SELECT d.list_id, COUNT(*), MIN(CASE WHEN COALESCE(p.held, 0) = 0 THEN d.added END) "
                   "FROM digest_post d LEFT JOIN post p ON p.id = d.post_id GROUP BY d.list_id "
                   "ORDER BY d.list_id"),
      [](Statement& row) {
        WaitingForDigest one{row.integer(0), row.integer(1), std::nullopt};
        if (!row.is_null(2)) one.oldest = sql::time(row, 2);
        return one;
      });
}

Result<std::vector<Id>> DigestStore::posts(Id list_id, std::size_t limit) {
  return sql::ids(sql::prepare(connection_,
                               "SELECT d.post_id FROM digest_post d LEFT JOIN post p ON p.id = d.post_id "
                               "WHERE d.list_id = ? AND COALESCE(p.held, 0) = 0 ORDER BY d.post_id LIMIT ?",
                               list_id, limit));
}

// What was read before says nothing where others write at the same time: the row count does.
Result<bool> DigestStore::take_posts(Id list_id, std::span<const Id> posts) {
  for (const Id post : posts) {
    auto taken =
        sql::run(connection_, "DELETE FROM digest_post WHERE list_id = ? AND post_id = ?", list_id, post);
    if (!taken.ok()) return taken.error();
    if (*taken == 0) return false;
  }
  return true;
}

Result<void> DigestStore::remove_post(Id post_id) {
  ESSAIM_TRY(sql::run(connection_, "DELETE FROM digest_post WHERE post_id = ?", post_id));
  return {};
}

Result<std::int64_t> DigestStore::remove_some(Id list_id) {
  return sql::run(connection_,
                  sql::delete_some(connection_, "digest_post", "list_id, post_id", "list_id = ?", kAtATime),
                  list_id);
}

Result<bool> DigestStore::waits(Id post_id) {
  auto number = sql::number(connection_, 0, "SELECT COUNT(*) FROM digest_post WHERE post_id = ?", post_id);
  if (!number.ok()) return number.error();
  return *number > 0;
}

Result<bool> DigestStore::any_waits() {
  auto number = sql::number(connection_, 0, "SELECT COUNT(*) FROM (SELECT 1 FROM digest_post LIMIT 1) one");
  if (!number.ok()) return number.error();
  return *number > 0;
}

Result<DigestsMade> DigestStore::made(Id list_id) {
  auto row = sql::row(sql::prepare(connection_, "SELECT number, made FROM digest WHERE list_id = ?", list_id),
                      [](Statement& found) {
                        return DigestsMade{found.integer(0), sql::time(found, 1)};
                      });
  if (!row.ok()) return row.error();
  return row->value_or(DigestsMade{});
}

Result<void> DigestStore::set_made(Id list_id, const DigestsMade& made) {
  auto changed = sql::run(connection_, "UPDATE digest SET number = ?, made = ? WHERE list_id = ?",
                          made.number, made.made, list_id);
  if (!changed.ok()) return changed.error();
  if (*changed > 0) return {};
  // A server counts rows that were found, and a file those that are there.
  ESSAIM_TRY(
      sql::run(connection_,
               std::string(connection_.insert_ignore()) + " digest (list_id, number, made) VALUES (?, ?, ?)",
               list_id, made.number, made.made));
  return {};
}

Result<void> DigestStore::forget_list(Id list_id) {
  ESSAIM_TRY(sql::run(connection_, "DELETE FROM digest WHERE list_id = ?", list_id));
  return {};
}

}  // namespace essaim::storage
