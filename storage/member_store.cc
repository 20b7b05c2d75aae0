#include "storage/member_store.h"

#include <algorithm>
#include <iterator>
#include <limits>

#include "storage/insert_rows.h"
#include "storage/sql.h"

namespace essaim::storage {

namespace {

constexpr std::string_view kColumns =
    "SELECT id, list_id, role, local, domain, name, delivery, joined_rev, left_rev, since, bounces, "
    "last_bounce, "
    "last_bounce_at, conceal, privileged, lang, "
    "(SELECT b.reception FROM bouncer b WHERE b.member_id = member.id AND b.stopped > 0) FROM member ";

MemberRecord member_from(Statement& row) {
  MemberRecord m;
  m.id = row.integer(0);
  m.list_id = row.integer(1);
  m.role = static_cast<Role>(row.integer(2));
  m.local = sql::text(row, 3);
  m.domain = sql::text(row, 4);
  m.name = sql::text(row, 5);
  m.reception = static_cast<Reception>(row.integer(6));
  m.joined = row.integer(7);
  m.left = row.integer(8);
  m.since = sql::time(row, 9);
  m.bounces = static_cast<int>(row.integer(10));
  m.last_bounce = sql::text(row, 11);
  m.last_bounce_at = sql::time(row, 12);
  m.conceal = row.integer(13) != 0;
  m.privileged = row.integer(14) != 0;
  m.language = sql::text(row, 15);
  if (!row.is_null(16) && !m.has_mail()) m.stopped = static_cast<Reception>(row.integer(16));
  return m;
}

Result<std::optional<MemberRecord>> one(const Result<Statement*>& statement) {
  return sql::row(statement, member_from);
}

Result<std::vector<MemberRecord>> all(const Result<Statement*>& statement) {
  return sql::rows(statement, member_from);
}

Error not_a_member(const smtp::Address& address) {
  return {ErrorCode::kNotFound, address.to_string() + " is no member in this role"};
}

std::string key_of(const MemberRecord& member) {
  return smtp::Address{member.local, member.domain}.local_key();
}

// Appends the rows of a page. Columns: id, local, domain.
Result<void> take(const Result<Statement*>& statement, std::vector<BatchRecipient>* out) {
  return sql::each(statement, [out](Statement& row) {
    out->push_back({row.integer(0), sql::text(row, 1), sql::text(row, 2)});
  });
}

Result<void> insert(Connection& connection, std::span<const MemberRecord> members) {
  static const InsertTexts into_member(
      "INSERT INTO member (list_id, role, domain, local_key, id, local, name, delivery, joined_rev, "
      "left_rev, since, bounces, last_bounce, last_bounce_at, conceal, privileged, lang)");
  return insert_rows(connection, into_member, members,
                     [](Statement& statement, int first, const MemberRecord& m) {
                       sql::bind_row(statement, first, m.list_id, m.role, m.domain, key_of(m), m.id, m.local,
                                     m.name, m.reception, m.joined, m.left, m.since, m.bounces, m.last_bounce,
                                     m.last_bounce_at, m.conceal, m.privileged, m.language);
                     });
}

}  // namespace

Result<std::int64_t> MemberStore::next_revision(Id list_id) {
  auto changed = sql::run(connection_, "UPDATE list SET revision = revision + 1 WHERE id = ?", list_id);
  if (!changed.ok()) return changed.error();
  if (*changed == 0) return Error{ErrorCode::kNotFound, "no such list: " + std::to_string(list_id)};
  return sql::number(connection_, 0, "SELECT revision FROM list WHERE id = ?", list_id);
}

Result<void> MemberStore::add(const MemberRecord& m) {
  const std::string key = key_of(m);
  // One who left and comes back: the row is taken over under a new id, and nothing of the old membership is
  // left.
  auto back = sql::run(
      connection_,
      "UPDATE member SET id = ?, local = ?, name = ?, delivery = ?, joined_rev = ?, left_rev = 0, since = ?, "
      "bounces = ?, last_bounce = ?, last_bounce_at = ?, conceal = ?, privileged = ?, lang = ?, moved_to = 0 "
      "WHERE list_id = ? AND role = ? AND domain = ? AND local_key = ? AND left_rev > 0",
      m.id, m.local, m.name, m.reception, m.joined, m.since, m.bounces, m.last_bounce, m.last_bounce_at,
      m.conceal, m.privileged, m.language, m.list_id, m.role, m.domain, key);
  if (!back.ok()) return back.error();
  if (*back > 0) return {};
  const auto inserted = insert(connection_, {&m, 1});
  if (inserted.ok()) return {};
  if (inserted.error().code != ErrorCode::kExists) return inserted.error();
  return Error{ErrorCode::kExists, m.address() + " is a member in this role already"};
}

Result<std::size_t> MemberStore::add_new(std::span<const MemberRecord> members) {
  std::size_t added = 0;
  while (!members.empty()) {
    const auto together = members.first(rows_at_once(members.size()));
    members = members.subspan(together.size());
    const auto inserted = insert(connection_, together);
    if (inserted.ok()) {
      added += together.size();
      continue;
    }
    if (inserted.error().code != ErrorCode::kExists) return inserted.error();
    // One of them is or was a member: none of them is there now.
    for (const MemberRecord& member : together) {
      const auto one = add(member);
      if (one.ok())
        ++added;
      else if (one.error().code != ErrorCode::kExists)
        return one.error();
    }
  }
  return added;
}

Result<void> MemberStore::remove(Id list_id, Role role, const smtp::Address& address, std::int64_t revision) {
  auto changed = sql::run(connection_,
                          "UPDATE member SET left_rev = ?, moved_to = 0 "
                          "WHERE list_id = ? AND role = ? AND domain = ? AND local_key = ? AND left_rev = 0",
                          revision, list_id, role, address.domain, address.local_key());
  if (!changed.ok()) return changed.error();
  if (*changed == 0) return not_a_member(address);
  return {};
}

Result<void> MemberStore::move(const MemberRecord& member, const smtp::Address& to, std::int64_t revision,
                               Id row_id) {
  if (to.domain == member.domain && to.local_key() == key_of(member)) {
    ESSAIM_TRY(sql::run(connection_, "UPDATE member SET local = ? WHERE id = ?", to.local, member.id));
    return {};
  }
  auto changed = sql::run(
      connection_, "UPDATE member SET id = ?, left_rev = ?, moved_to = ? WHERE id = ? AND left_rev = 0",
      row_id, revision, member.id, member.id);
  if (!changed.ok()) return changed.error();
  if (*changed == 0) return not_a_member({member.local, member.domain});
  MemberRecord moved = member;
  moved.local = to.local;
  moved.domain = to.domain;
  moved.joined = revision;
  moved.left = 0;
  moved.bounces = 0;
  moved.last_bounce.clear();
  moved.last_bounce_at = {};
  // What came back came from the other address.
  moved.reception = member.wanted();
  ESSAIM_TRY(sql::run(connection_, "DELETE FROM bouncer WHERE member_id = ?", member.id));
  return add(moved);
}

Result<void> MemberStore::set(Id list_id, Role role, const smtp::Address& address, Reception reception,
                              const std::string& name) {
  auto changed = sql::run(connection_,
                          "UPDATE member SET delivery = ?, name = ? "
                          "WHERE list_id = ? AND role = ? AND domain = ? AND local_key = ? AND left_rev = 0",
                          reception, name, list_id, role, address.domain, address.local_key());
  if (!changed.ok()) return changed.error();
  if (*changed == 0) return not_a_member(address);
  // Somebody has said what it is to have.
  ESSAIM_TRY(sql::run(connection_,
                      "DELETE FROM bouncer WHERE stopped > 0 AND member_id IN (SELECT id FROM member WHERE "
                      "list_id = ? AND role = ? AND domain = ? AND local_key = ? AND left_rev = 0)",
                      list_id, role, address.domain, address.local_key()));
  return {};
}

Result<void> MemberStore::set_name(Id member_id, const std::string& name) {
  ESSAIM_TRY(sql::run(connection_, "UPDATE member SET name = ? WHERE id = ?", name, member_id));
  return {};
}

Result<std::optional<MemberRecord>> MemberStore::find(Id list_id, Role role, const smtp::Address& address) {
  return one(
      sql::prepare(connection_,
                   std::string(kColumns) +
                       "WHERE list_id = ? AND role = ? AND domain = ? AND local_key = ? AND left_rev = 0",
                   list_id, role, address.domain, address.local_key()));
}

Result<unsigned> MemberStore::roles(Id list_id, const smtp::Address& address) {
  const auto statement =
      sql::prepare(connection_,
                   "SELECT role FROM member WHERE list_id = ? AND role IN (0, 1, 2) AND domain = ? "
                   "AND local_key = ? AND left_rev = 0",
                   list_id, address.domain, address.local_key());
  unsigned roles = 0;
  ESSAIM_TRY(sql::each(statement,
                       [&roles](Statement& row) { roles |= 1U << static_cast<unsigned>(row.integer(0)); }));
  return roles;
}

Result<std::optional<MemberRecord>> MemberStore::find_by_id(Id member_id) {
  return one(sql::prepare(connection_, std::string(kColumns) + "WHERE id = ?", member_id));
}

Result<std::vector<MemberRecord>> MemberStore::of_person(const smtp::Address& address, std::size_t limit) {
  return all(sql::prepare(
      connection_,
      std::string(kColumns) + "WHERE domain = ? AND local_key = ? AND left_rev = 0 AND role < 3 LIMIT ?",
      address.domain, address.local_key(), limit));
}

Result<std::vector<MemberRecord>> MemberStore::all_of_person(const smtp::Address& address,
                                                             std::size_t limit) {
  return all(sql::prepare(
      connection_,
      std::string(kColumns) + "WHERE domain = ? AND local_key = ? ORDER BY list_id, role LIMIT ?",
      address.domain, address.local_key(), limit));
}

// In lower case, as it is its own key. Who is a member of a deleted list has not left it, and is made to have left behind all of
// its posts. Whoever was moved has left there as well: copies of before bear the id of the member, by `moved_to`.
Result<bool> MemberStore::forget_ended(Id member_id, const smtp::Address& address) {
  const std::string local = "erased-" + std::to_string(member_id);
  auto moved_in = sql::number(connection_, 0,
                              "SELECT list_id FROM member WHERE id = ? AND role = 0 AND domain = ? AND "
                              "local_key = ? AND left_rev > 0 AND moved_to <> 0",
                              member_id, address.domain, address.local_key());
  if (!moved_in.ok()) return moved_in.error();
  if (*moved_in != 0) {
    // Of a list that is gone nodes ask without it.
    const auto revision = next_revision(*moved_in);
    if (!revision.ok() && revision.error().code != ErrorCode::kNotFound) return revision.error();
  }
  // A program that does not know `moved_to` leaves it when somebody is back under the address: it is about a membership that was
  // over before, and whoever it names, who lives on, would get none of their own posts. Of the row of a move, the member that it
  // names begins at that revision, or later.
  const auto stale =
      sql::number(connection_, 0,
                  "SELECT COUNT(*) FROM member a JOIN member m ON m.id = a.moved_to "
                  "WHERE a.id = ? AND a.moved_to <> 0 AND (a.left_rev = 0 OR a.left_rev > m.joined_rev)",
                  member_id);
  if (!stale.ok()) return stale.error();
  auto changed =
      sql::run(connection_,
               "UPDATE member SET domain = ?, local_key = ?, local = ?, name = '', lang = '', bounces = 0, "
               "last_bounce = '', last_bounce_at = 0, moved_to = CASE WHEN ? > 0 THEN 0 ELSE moved_to END, "
               "left_rev = CASE WHEN left_rev = 0 THEN ? ELSE left_rev END "
               "WHERE id = ? AND domain = ? AND local_key = ? AND (left_rev > 0 OR (list_id > 0 "
               "AND list_id NOT IN (SELECT id FROM list) AND list_id NOT IN (SELECT id FROM domain)))",
               kForgotten, local, local, *stale, std::numeric_limits<std::int64_t>::max(), member_id,
               address.domain, address.local_key());
  if (!changed.ok()) return changed.error();
  return *changed > 0;
}

Result<std::vector<MemberRecord>> MemberStore::bouncing(Id list_id, std::int64_t at_least, WallTime since) {
  return all(sql::prepare(
      connection_,
      std::string(kColumns) +
          "WHERE list_id = ? AND role = ? AND left_rev = 0 AND bounces >= ? AND last_bounce_at >= ? "
          "ORDER BY domain, local_key",
      list_id, Role::kMember, at_least, since));
}

Result<void> MemberStore::set_conceal(Id member_id, bool conceal) {
  ESSAIM_TRY(sql::run(connection_, "UPDATE member SET conceal = ? WHERE id = ?", conceal, member_id));
  return {};
}

Result<void> MemberStore::set_privileged(Id member_id, bool privileged) {
  ESSAIM_TRY(sql::run(connection_, "UPDATE member SET privileged = ? WHERE id = ?", privileged, member_id));
  return {};
}

Result<void> MemberStore::set_language(Id member_id, const std::string& language) {
  ESSAIM_TRY(sql::run(connection_, "UPDATE member SET lang = ? WHERE id = ?", language, member_id));
  return {};
}

Result<std::int64_t> MemberStore::count(Id list_id, Role role) {
  return sql::number(connection_, 0,
                     "SELECT COUNT(*) FROM member WHERE list_id = ? AND role = ? AND left_rev = 0", list_id,
                     role);
}

Result<std::map<Reception, std::int64_t>> MemberStore::count_gathered(Id list_id) {
  std::map<Reception, std::int64_t> out;
  ESSAIM_TRY(
      sql::each(sql::prepare(connection_,
                             "SELECT delivery, COUNT(*) FROM member WHERE list_id = ? AND role = 0 "
                             "AND left_rev = 0 AND delivery BETWEEN ? AND ? GROUP BY delivery",
                             list_id, Reception::kDigest, Reception::kSummary),
                [&out](Statement& row) { out[static_cast<Reception>(row.integer(0))] = row.integer(1); }));
  return out;
}

Result<void> MemberStore::for_each(Id list_id, Role role,
                                   const std::function<bool(const MemberRecord&)>& each) {
  auto statement = sql::prepare(
      connection_,
      std::string(kColumns) + "WHERE list_id = ? AND role = ? AND left_rev = 0 ORDER BY domain, local_key",
      list_id, role);
  if (!statement.ok()) return statement.error();
  for (;;) {
    auto row = (*statement)->step();
    if (!row.ok()) return row.error();
    if (!*row || !each(member_from(**statement))) return {};
  }
}

// As page(): two plain ranges of the key.
Result<std::vector<MemberRecord>> MemberStore::behind(Id list_id, Role role, const MemberRecord* after,
                                                      std::size_t limit) {
  std::vector<MemberRecord> out;
  if (after != nullptr) {
    auto same_domain = all(sql::prepare(connection_,
                                        std::string(kColumns) +
                                            "WHERE list_id = ? AND role = ? AND domain = ? "
                                            "AND local_key > ? AND left_rev = 0 ORDER BY local_key LIMIT ?",
                                        list_id, role, after->domain, key_of(*after), limit));
    if (!same_domain.ok()) return same_domain;
    out = *std::move(same_domain);
  }
  if (out.size() < limit) {
    auto rest = all(
        sql::prepare(connection_,
                     std::string(kColumns) + "WHERE list_id = ? AND role = ? AND domain > ? AND left_rev = 0 "
                                             "ORDER BY domain, local_key LIMIT ?",
                     list_id, role, after != nullptr ? after->domain : std::string(), limit - out.size()));
    if (!rest.ok()) return rest;
    std::move(rest->begin(), rest->end(), std::back_inserter(out));
  }
  return out;
}

// Who was moved is the same member under either address. Of a current member `moved_to` says nothing: a program that does not
// know the column leaves it when somebody joins under an address that another one had.
constexpr std::string_view kOfPage =
    "SELECT CASE WHEN moved_to = 0 OR left_rev = 0 THEN id ELSE moved_to END, local, domain FROM member ";

// Two statements, each a plain range of the key: a comparison of pairs, or OR, makes one engine or the other
// read each page from the start of the list or domain (costs.md §3 v).
Result<std::vector<BatchRecipient>> MemberStore::page(Id list_id, std::int64_t revision,
                                                      const std::string& after_domain,
                                                      const std::string& after_local, std::size_t limit,
                                                      const Readers& readers) {
  std::vector<BatchRecipient> page;
  static const std::string condition =
      std::string(Readers::kCondition) + " AND joined_rev <= ? AND (left_rev = 0 OR left_rev > ?) ORDER BY ";
  static const std::string same_domain =
      std::string(kOfPage) + "WHERE list_id = ? AND role = 0 AND domain = ? AND local_key > ? AND " +
      condition + "local_key LIMIT ?";
  static const std::string behind = std::string(kOfPage) +
                                    "WHERE list_id = ? AND role = 0 AND domain > ? AND " + condition +
                                    "domain, local_key LIMIT ?";
  const Readers& r = readers;
  if (!after_domain.empty()) {
    ESSAIM_TRY(
        take(sql::prepare(connection_, same_domain, list_id, after_domain, after_local, r.first, r.last,
                          r.others_from, r.author_domain, r.author_key, revision, revision, limit),
             &page));
  }
  if (page.size() < limit) {
    ESSAIM_TRY(take(sql::prepare(connection_, behind, list_id, after_domain, r.first, r.last, r.others_from,
                                 r.author_domain, r.author_key, revision, revision, limit - page.size()),
                    &page));
  }
  return page;
}

Result<std::vector<MemberLeft>> MemberStore::left_since(Id list_id, std::int64_t revision,
                                                        std::int64_t until) {
  return sql::rows(
      sql::prepare(connection_,
                   "SELECT id, left_rev, 0 FROM member WHERE list_id = ? AND left_rev > 0 AND left_rev > ? "
                   "AND left_rev <= ? AND moved_to = 0 UNION ALL "
                   "SELECT moved_to, left_rev, joined_rev FROM member WHERE list_id = ? AND role = 0 "
                   "AND domain = ? AND moved_to <> 0",
                   list_id, revision, until, list_id, kForgotten),
      [](Statement& row) {
        return MemberLeft{row.integer(0), row.integer(1), row.integer(2)};
      });
}

Result<void> MemberStore::record_bounce(Id member_id, const std::string& reason, WallTime when,
                                        std::int64_t revision) {
  ESSAIM_TRY(sql::run(connection_,
                      "UPDATE member SET bounces = bounces + 1, last_bounce = ?, last_bounce_at = ? "
                      "WHERE id = ? AND left_rev = 0 AND joined_rev <= ?",
                      reason, when, member_id, revision));
  return {};
}

Result<bool> MemberStore::take_back_bounce(Id member_id, std::int64_t revision) {
  // The number last: a server takes what it has set before for the values of the row.
  auto taken =
      sql::run(connection_,
               "UPDATE member SET last_bounce = CASE WHEN bounces > 1 THEN last_bounce ELSE '' END, "
               "last_bounce_at = CASE WHEN bounces > 1 THEN last_bounce_at ELSE 0 END, "
               "bounces = bounces - 1 WHERE id = ? AND left_rev = 0 AND joined_rev <= ? AND bounces > 0",
               member_id, revision);
  if (!taken.ok()) return taken.error();
  return *taken > 0;
}

}  // namespace essaim::storage
