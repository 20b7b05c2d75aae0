// What goes of members in time. What can go is looked for in reads, list by list: a condition over all members makes a server
// read, and lock, every one of them.
#include <algorithm>
#include <limits>

#include "storage/member_store.h"
#include "storage/sql.h"

namespace essaim::storage {

namespace {

constexpr std::int64_t kPurgedTogether = 1000;
constexpr std::int64_t kLast = std::numeric_limits<std::int64_t>::max();

// From one list to the next by the members' key; the members are not read. Listmasters are of a domain, or of the site (0).
// -1: there is no other.
Result<Id> next_list(Connection& connection, Id last) {
  return sql::number(connection, -1, "SELECT MIN(list_id) FROM member WHERE list_id > ?", last);
}

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
  std::vector<ListLeft> out;
  for (Id last = -1;;) {
    auto next = next_list(connection_, last);
    if (!next.ok()) return next.error();
    if (*next < 0) return out;
    last = *next;
    auto first = sql::number(connection_, 0,
                             "SELECT MIN(left_rev) FROM member WHERE list_id = ? AND left_rev > 0", last);
    if (!first.ok()) return first.error();
    if (*first == 0) continue;
    auto revision = sql::number(connection_, kLast, "SELECT revision FROM list WHERE id = ?", last);
    if (!revision.ok()) return revision.error();
    out.push_back({last, *first, *revision});
  }
}

Result<std::vector<Id>> MemberStore::deleted_lists() {
  std::vector<Id> out;
  for (Id last = 0;;) {
    auto next = next_list(connection_, last);
    if (!next.ok()) return next.error();
    if (*next < 0) return out;
    last = *next;
    auto known = is_known(connection_, last);
    if (!known.ok()) return known.error();
    if (!*known) out.push_back(last);
  }
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
