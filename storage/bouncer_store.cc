#include "storage/bouncer_store.h"

#include "storage/sql.h"

namespace essaim::storage {
namespace {

constexpr std::int64_t kDay = 86'400'000;  // ms
constexpr std::int64_t kAtATime = 1000;
constexpr std::string_view kColumns =
    "SELECT b.member_id, b.list_id, b.days, b.since, b.stopped, b.reception FROM bouncer b ";

Bouncer bouncer_from(Statement& row) {
  return {row.integer(0),    row.integer(1),    row.integer(2),
          sql::time(row, 3), sql::time(row, 4), static_cast<Reception>(row.integer(5))};
}

}  // namespace

Result<void> BouncerStore::note(Id member_id, WallTime when, std::int64_t revision) {
  const std::int64_t day = to_millis(when) / kDay;
  // last_day last: a server takes what it has set before for the values of the row. Clocks of nodes may differ by a day's end.
  auto counted =
      sql::run(connection_,
               "UPDATE bouncer SET days = CASE WHEN last_day < ? THEN 1 WHEN last_day < ? THEN days + 1 "
               "ELSE days END, since = CASE WHEN last_day < ? THEN ? ELSE since END, "
               "last_day = CASE WHEN last_day < ? THEN ? ELSE last_day END "
               "WHERE member_id = ? AND stopped = 0 AND EXISTS (SELECT 1 FROM member m WHERE "
               "m.id = bouncer.member_id AND m.left_rev = 0 AND m.joined_rev <= ?)",
               day - kForgottenAfter, day, day - kForgottenAfter, when, day, day, member_id, revision);
  if (!counted.ok()) return counted.error();
  if (*counted > 0) return {};
  ESSAIM_TRY(sql::run(connection_,
                      std::string(connection_.insert_ignore()) +
                          " bouncer (member_id, list_id, days, since, last_day, stopped, reception) "
                          "SELECT id, list_id, 1, ?, ?, 0, 0 FROM member "
                          "WHERE id = ? AND role = ? AND left_rev = 0 AND joined_rev <= ?",
                      when, day, member_id, Role::kMember, revision));
  return {};
}

Result<void> BouncerStore::take_back(Id member_id) {
  ESSAIM_TRY(sql::run(connection_,
                      "UPDATE bouncer SET days = days - 1 WHERE member_id = ? AND days > 0 AND stopped = 0",
                      member_id));
  return {};
}

Result<void> BouncerStore::forgive(Id member_id) {
  ESSAIM_TRY(sql::run(connection_, "DELETE FROM bouncer WHERE member_id = ? AND stopped = 0", member_id));
  return {};
}

Result<std::vector<Id>> BouncerStore::lists() {
  return sql::ids(sql::prepare(connection_, "SELECT DISTINCT list_id FROM bouncer ORDER BY list_id"));
}

Result<std::vector<Bouncer>> BouncerStore::due(Id list_id, std::int64_t days, Id after, std::size_t limit) {
  return sql::rows(
      sql::prepare(connection_,
                   std::string(kColumns) +
                       "WHERE b.list_id = ? AND b.member_id > ? AND b.stopped = 0 AND b.days >= ? "
                       "ORDER BY b.member_id LIMIT ?",
                   list_id, after, days, limit),
      bouncer_from);
}

Result<std::vector<Bouncer>> BouncerStore::stopped(Id list_id, WallTime since, Id after, std::size_t limit) {
  return sql::rows(
      sql::prepare(connection_,
                   std::string(kColumns) +
                       "WHERE b.list_id = ? AND b.member_id > ? AND b.stopped > 0 AND b.stopped >= ? "
                       "ORDER BY b.member_id LIMIT ?",
                   list_id, after, since, limit),
      bouncer_from);
}

Result<bool> BouncerStore::stop(const Bouncer& as_it_was, WallTime now) {
  auto noted = sql::run(
      connection_,
      "UPDATE bouncer SET reception = (SELECT delivery FROM member m WHERE m.id = bouncer.member_id), "
      "stopped = ? WHERE member_id = ? AND stopped = 0 AND days >= ? AND EXISTS (SELECT 1 FROM member m "
      "WHERE m.id = bouncer.member_id AND m.left_rev = 0 AND m.delivery <> ?)",
      now, as_it_was.member_id, as_it_was.days, Reception::kNone);
  if (!noted.ok()) return noted.error();
  if (*noted == 0) return false;
  ESSAIM_TRY(sql::run(connection_, "UPDATE member SET delivery = ? WHERE id = ?", Reception::kNone,
                      as_it_was.member_id));
  return true;
}

Result<bool> BouncerStore::resume(Id member_id) {
  auto given = sql::run(
      connection_,
      "UPDATE member SET delivery = (SELECT b.reception FROM bouncer b WHERE b.member_id = member.id) "
      "WHERE id = ? AND left_rev = 0 AND delivery = ? AND EXISTS (SELECT 1 FROM bouncer b WHERE "
      "b.member_id = member.id AND b.stopped > 0)",
      member_id, Reception::kNone);
  if (!given.ok()) return given.error();
  ESSAIM_TRY(sql::run(connection_, "DELETE FROM bouncer WHERE member_id = ?", member_id));
  return *given > 0;
}

// A program that does not know this table may have given mail back.
Result<std::int64_t> BouncerStore::purge() {
  return sql::run(connection_,
                  sql::delete_some(connection_, "bouncer", "member_id",
                                   "NOT EXISTS (SELECT 1 FROM member m WHERE m.id = bouncer.member_id AND "
                                   "m.left_rev = 0 AND (bouncer.stopped = 0 OR m.delivery = 0))",
                                   kAtATime));
}

}  // namespace essaim::storage
