#include "storage/schema_lock.h"

#include <thread>

#include "core/base/random.h"
#include "storage/sql.h"

namespace essaim::storage {

namespace {

constexpr Duration kLeftBehind = std::chrono::minutes(1);
constexpr auto kLookAgain = std::chrono::milliseconds(200);

std::int64_t fresh_token() {
  return static_cast<std::int64_t>(random_u64() >> 2) + 1;
}

}  // namespace

Result<bool> SchemaLock::change(std::int64_t from, std::int64_t to, std::int64_t* found) {
  bool changed = false;
  ESSAIM_TRY(database_.write_now(Durability::kAccept, [&](Connection& connection) -> Result<void> {
    auto matched =
        sql::run(connection, "UPDATE meta SET value = ? WHERE name = ? AND value = ?", to, kSchemaLock, from);
    if (!matched.ok()) return matched.error();
    changed = *matched == 1;
    auto value = sql::number(connection, 0, "SELECT value FROM meta WHERE name = ?", kSchemaLock);
    if (!value.ok()) return value.error();
    *found = *value;
    return {};
  }));
  return changed;
}

Result<void> SchemaLock::acquire() {
  const std::int64_t token = fresh_token();
  std::int64_t last = 0;
  MonoTime since = system_clock().mono_now();
  for (;;) {
    std::int64_t found = 0;
    const bool left = last != 0 && system_clock().mono_now() - since > kLeftBehind;
    auto ours = change(left ? last : 0, token, &found);
    if (!ours.ok()) return ours.error();
    if (*ours) {
      token_ = token;
      return {};
    }
    if (found != last) {
      last = found;
      since = system_clock().mono_now();
    }
    std::this_thread::sleep_for(kLookAgain);
  }
}

Result<void> SchemaLock::renew() {
  if (token_ == 0) return {};
  const std::int64_t next = fresh_token();
  std::int64_t found = 0;
  auto ours = change(token_, next, &found);
  if (!ours.ok()) return ours.error();
  token_ = *ours ? next : 0;
  if (*ours) return {};
  return Error{ErrorCode::kConflict, "another process migrates the schema"};
}

SchemaLock::~SchemaLock() {
  std::int64_t found = 0;
  if (token_ != 0) static_cast<void>(change(token_, 0, &found).ok());  // else the next one waits a minute
}

}  // namespace essaim::storage
