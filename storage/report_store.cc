#include "storage/report_store.h"

#include "storage/sql.h"

namespace essaim::storage {

Result<void> ReportStore::look_at(Id post_id, WallTime due) {
  auto moved = sql::run(connection_, "UPDATE report_due SET due = ? WHERE post_id = ?", due, post_id);
  if (!moved.ok()) return moved.error();
  if (*moved > 0) return {};
  ESSAIM_TRY(sql::run(connection_, "INSERT INTO report_due (post_id, due) VALUES (?, ?)", post_id, due));
  return {};
}

Result<std::vector<ReportStore::Due>> ReportStore::due(WallTime now, std::size_t limit) {
  return sql::rows(
      sql::prepare(connection_, "SELECT post_id, due FROM report_due WHERE due <= ? ORDER BY due LIMIT ?",
                   now, limit),
      [](Statement& row) {
        return Due{row.integer(0), sql::time(row, 1)};
      });
}

Result<void> ReportStore::postpone(const Due& read, WallTime due) {
  ESSAIM_TRY(sql::run(connection_, "UPDATE report_due SET due = ? WHERE post_id = ? AND due = ?", due,
                      read.post_id, read.due));
  return {};
}

Result<void> ReportStore::settle(const Due& read) {
  ESSAIM_TRY(
      sql::run(connection_, "DELETE FROM report_due WHERE post_id = ? AND due = ?", read.post_id, read.due));
  return {};
}

}  // namespace essaim::storage
