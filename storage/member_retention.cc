// What goes of members in time. What can go is looked for in reads, and goes list by list: a condition over all members makes a
// server read, and lock, every one of them. The reads are few, however many lists there are: each holds one of the readers.
#include <algorithm>
#include <limits>
#include <string>
#include <string_view>
#include <vector>

#include "storage/member_store.h"
#include "storage/sql.h"

namespace essaim::storage {

namespace {

constexpr std::int64_t kPurgedTogether = 1000;
constexpr std::int64_t kLast = std::numeric_limits<std::int64_t>::max();

// The lists that have members, from one to the next by the members' key: the members are not read. Listmasters are of a domain,
// or of the site (0), which is always there. A server goes by the key like this for DISTINCT; SQLite would read everybody.
constexpr std::string_view kListsInFile =
    "WITH RECURSIVE member_list (list_id) AS (SELECT MIN(list_id) FROM member WHERE list_id > 0 UNION ALL "
    "SELECT (SELECT MIN(n.list_id) FROM member n WHERE n.list_id > member_list.list_id) FROM member_list "
    "WHERE member_list.list_id IS NOT NULL)";
constexpr std::string_view kListsOnServer =
    "WITH member_list (list_id) AS (SELECT DISTINCT list_id FROM member WHERE list_id > 0)";

// Of a list or, for listmasters, a domain.
Result<bool> is_known(Connection& connection, Id list_id) {
  auto known = sql::number(
      connection, 0,
      "SELECT (SELECT COUNT(*) FROM list WHERE id = ?) + (SELECT COUNT(*) FROM domain WHERE id = ?)", list_id,
      list_id);
  if (!known.ok()) return known.error();
  return *known > 0;
}

}  // namespace

Result<std::vector<ListLeft>> MemberStore::lists_that_were_left() {
  const auto statement = connection_.prepare(
      "SELECT m.list_id, m.earliest, l.revision FROM (SELECT list_id, MIN(left_rev) AS earliest FROM member "
      "WHERE left_rev > 0 GROUP BY list_id) m LEFT JOIN list l ON l.id = m.list_id ORDER BY m.list_id");
  return sql::rows(statement, [](Statement& row) {
    return ListLeft{row.integer(0), row.integer(1), row.is_null(2) ? kLast : row.integer(2)};
  });
}

Result<std::vector<Id>> MemberStore::deleted_lists() {
  return sql::ids(sql::prepare(
      connection_, std::string(connection_.dialect() == Dialect::kSqlite ? kListsInFile : kListsOnServer) +
                       " SELECT m.list_id FROM member_list m LEFT JOIN list l ON l.id = m.list_id "
                       "LEFT JOIN domain d ON d.id = m.list_id WHERE m.list_id IS NOT NULL AND l.id IS NULL "
                       "AND d.id IS NULL ORDER BY m.list_id"));
}

Result<bool> MemberStore::read_waiting(PlaceInPosts* place, std::size_t look_at, ListRevisions* oldest) {
  auto rows = sql::prepare(connection_,
                           "SELECT p.id, p.list_id, p.list_revision FROM " + sql::waiting_posts(connection_) +
                               " WHERE p.finished = 0 AND p.expanded = ? AND p.id > ? ORDER BY p.id LIMIT ?",
                           place->expanded, place->post_id, look_at);
  if (!rows.ok()) return rows.error();
  for (std::size_t read = 0;; ++read) {
    auto more = (*rows)->step();
    if (!more.ok()) return more.error();
    if (!*more && read == look_at) return true;
    if (!*more && place->expanded) return false;
    if (!*more) {
      *place = {true, 0};
      return true;
    }
    place->post_id = (*rows)->integer(0);
    const std::int64_t revision = (*rows)->integer(2);
    const auto known = oldest->emplace((*rows)->integer(1), revision).first;
    known->second = std::min(known->second, revision);
  }
}

Result<std::int64_t> MemberStore::purge_left(Id list_id, std::int64_t revision) {
  return sql::run(connection_,
                  sql::delete_some(connection_, "member", "id",
                                   "list_id = ? AND left_rev > 0 AND left_rev <= ?", kPurgedTogether),
                  list_id, revision);
}

Result<std::int64_t> MemberStore::purge_deleted_list(Id list_id) {
  auto known = is_known(connection_, list_id);
  if (!known.ok()) return known.error();
  if (*known) return std::int64_t{0};
  return sql::run(connection_, sql::delete_some(connection_, "member", "id", "list_id = ?", kPurgedTogether),
                  list_id);
}

}  // namespace essaim::storage
