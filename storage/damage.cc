#include "storage/damage.h"

#include <functional>
#include <utility>

#include "core/base/counters.h"
#include "core/base/log.h"
#include "storage/sql.h"

namespace essaim::storage {

namespace {

// How the statements call a row: its place in the file, or its key on a server.
struct RowKey {
  std::int64_t first = 0, second = 0;
};

Result<std::vector<RowKey>> keys_of(Connection& connection, const BatchUpdate& update,
                                    std::initializer_list<std::int64_t> values) {
  const bool file = connection.dialect() == Dialect::kSqlite;
  std::string text = std::string("SELECT ") + (file ? "rowid, 0" : "post_id, number") +
                     " FROM batch_state WHERE queue = " + std::to_string(update.queue) +
                     std::string(update.indexed);
  if (update.most > 0 && update.rest.empty()) text += " LIMIT " + std::to_string(update.most);
  auto statement = connection.prepare(text);
  if (!statement.ok()) return statement.error();
  int next = 1;
  if (!update.indexed.empty())
    for (const std::int64_t value : values) (*statement)->bind(next++, value);
  return sql::rows(statement, [](Statement& row) { return RowKey{row.integer(0), row.integer(1)}; });
}

DamagedBatch named(Connection& connection, const RowKey& key, const Error& error) {
  if (connection.dialect() == Dialect::kSqlite)
    return BatchStore(connection).name_of(key.first, error.message);
  return {key.first, static_cast<int>(key.second), error.message};
}

}  // namespace

namespace {

// The engine works, and does not do this with what is in a row. Of a damaged page it is not asked for more: SQLite writes nothing
// any more in a transaction that has met one.
bool is_refused(const Error& error) {
  return error.code == ErrorCode::kInvalid;
}

// Runs `change` so that nothing is left of it if it is refused; its result.
Result<std::int64_t> attempt(Connection& connection, const std::function<Result<std::int64_t>()>& change) {
  ESSAIM_TRY(connection.execute("SAVEPOINT one_row"));
  auto done = change();
  if (!done.ok()) {
    if (!is_refused(done.error())) return done;
    ESSAIM_TRY(connection.execute("ROLLBACK TO SAVEPOINT one_row"));
  }
  ESSAIM_TRY(connection.execute("RELEASE SAVEPOINT one_row"));
  return done;
}

}  // namespace

bool is_about_a_row(const Error& error) {
  return error.code == ErrorCode::kDamaged || error.code == ErrorCode::kInvalid;
}

Result<std::int64_t> update_batches(Connection& connection, const BatchUpdate& update,
                                    std::initializer_list<std::int64_t> values,
                                    std::vector<DamagedBatch>* damaged) {
  const std::string change(update.change);
  const std::string condition =
      "queue = " + std::to_string(update.queue) + std::string(update.indexed) + std::string(update.rest);
  const auto run = [&](const std::string& text, const std::vector<std::int64_t>& before) {
    auto statement = connection.prepare(text);
    if (!statement.ok()) return Result<std::int64_t>(statement.error());
    int next = 1;
    for (const std::int64_t value : before) (*statement)->bind(next++, value);
    for (const std::int64_t value : values) (*statement)->bind(next++, value);
    return (*statement)->run();
  };
  // A statement that fails leaves nothing of itself behind.
  auto together =
      run(update.most > 0 ? sql::update_some(connection, "batch_state", change, condition, update.most)
                          : "UPDATE batch_state SET " + change + " WHERE " + condition,
          {});
  if (together.ok() || !is_refused(together.error())) return together;
  auto keys = keys_of(connection, update, values);
  if (!keys.ok()) return keys.error();
  const bool file = connection.dialect() == Dialect::kSqlite;
  const std::string one = "UPDATE batch_state SET " + change + " WHERE " +
                          (file ? "rowid = ?" : "post_id = ? AND number = ?") + " AND " + condition;
  std::int64_t changed = 0;
  for (const RowKey& key : *keys) {
    if (update.most > 0 && changed >= update.most) break;
    std::vector<std::int64_t> bound{key.first};
    if (!file) bound.push_back(key.second);
    auto done = attempt(connection, [&] { return run(one, bound); });
    if (done.ok()) {
      changed += *done;
      continue;
    }
    if (!is_refused(done.error())) return done;
    damaged->push_back(named(connection, key, done.error()));
  }
  return changed;
}

Result<void> hold_damaged(Connection& connection, Fence fence, DamagedBatch* batch) {
  auto held = attempt(connection, [&] {
    return sql::run(connection,
                    "UPDATE batch_state SET queue = 4, owner = 0, epoch = 0, why = ? "
                    "WHERE post_id = ? AND number = ? AND owner = ? AND (owner = 0 OR epoch = ?)",
                    batch->why, batch->post_id, batch->number, fence.owner, fence.epoch);
  });
  batch->held = held.ok() && *held == 1;
  if (held.ok() || is_refused(held.error())) return {};
  return held.error();
}

void tell_damaged(const DamagedBatch& batch) {
  count(Counter::kDamagedRows);
  log::error("batch.damaged",
             {{"id", format_id(batch.post_id)},
              {"batch", batch.number},
              {"state", batch.held ? "held" : "passed over"},
              {"error", batch.why},
              {"do", batch.held ? "mend the database and essaim queue release, or essaim queue delete"
                                : "essaim storage check; then restore a backup"}});
}

}  // namespace essaim::storage
