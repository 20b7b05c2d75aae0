#include "storage/post_again.h"

#include "storage/post_store.h"
#include "storage/sql.h"

namespace essaim::storage {

Result<bool> can_be_sent(Connection& connection, Id post_id) {
  auto found = sql::number(connection, 0,
                           "SELECT COUNT(*) FROM post p WHERE p.id = ? AND p.finished = 0 AND EXISTS "
                           "(SELECT 1 FROM rendering r WHERE r.post_id = p.id AND r.form = ? AND r.seq = 0)",
                           post_id, Form::kAsIs);
  if (!found.ok()) return found.error();
  return *found > 0;
}

Result<bool> take_up_again(Connection& connection, Id post_id, WallTime now) {
  // A change in any case: a row that stays as it was is not replicated, and nobody else's work gives way to it.
  auto open =
      sql::run(connection, "UPDATE post SET expires = expires + 1 WHERE id = ? AND finished = 0", post_id);
  if (!open.ok()) return open.error();
  if (*open == 0) return false;
  auto kept = can_be_sent(connection, post_id);
  if (!kept.ok() || !*kept) return kept;
  ESSAIM_TRY(PostStore(connection).renew_lifetime(post_id, now));
  return true;
}

Result<void> keep_from_others(Connection& connection, Id post_id) {
  if (connection.dialect() != Dialect::kMariadb) return {};  // one process writes at a time
  ESSAIM_TRY(sql::number(connection, 0, "SELECT id FROM post WHERE id = ? FOR UPDATE", post_id));
  return {};
}

}  // namespace essaim::storage
