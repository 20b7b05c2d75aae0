#include "storage/unsettled_keys.h"

#include <functional>

#include "storage/sql.h"

namespace essaim::storage {

namespace {

std::uint64_t hash_of(Id list_id, std::string_view key) {
  const auto list = static_cast<std::uint64_t>(list_id) * 0x9E3779B97F4A7C15U;
  return std::hash<std::string_view>()(key) ^ list;
}

}  // namespace

Result<std::optional<Id>> UnsettledKeys::find(Connection& connection, Id list_id, std::string_view key) {
  ESSAIM_TRY(know(connection));
  const auto hint = posts_.find(hash_of(list_id, key));
  if (hint == posts_.end()) return std::optional<Id>();
  auto has_it =
      sql::number(connection, 0, "SELECT COUNT(*) FROM post WHERE id = ? AND list_id = ? AND seen_key = ?",
                  hint->second, list_id, sql::Blob{key});
  if (!has_it.ok()) return has_it.error();
  return *has_it == 0 ? std::optional<Id>() : std::optional<Id>(hint->second);
}

void UnsettledKeys::put(Id list_id, std::string_view key, Id post_id) {
  posts_[hash_of(list_id, key)] = post_id;
}

void UnsettledKeys::settled(Id list_id, std::string_view key, Id post_id) {
  settled_.emplace_back(hash_of(list_id, key), post_id);
}

Result<void> UnsettledKeys::forget_settled(Connection& connection) {
  for (; !settled_.empty(); settled_.pop_back()) {
    const auto [hash, post_id] = settled_.back();
    auto waits =
        sql::number(connection, 0, "SELECT COUNT(*) FROM post WHERE id = ? AND finished = 0", post_id);
    if (!waits.ok()) return waits.error();
    const auto hint = posts_.find(hash);
    if (*waits == 0 && hint != posts_.end() && hint->second == post_id) posts_.erase(hint);
  }
  return {};
}

Result<void> UnsettledKeys::know(Connection& connection) {
  if (loaded_) return {};
  posts_.clear();
  ESSAIM_TRY(
      sql::each(connection.prepare(
                    "SELECT id, list_id, seen_key FROM post WHERE finished = 0 AND LENGTH(seen_key) > 0"),
                [this](Statement& row) { put(row.integer(1), row.text(2), row.integer(0)); }));
  loaded_ = true;
  return {};
}

}  // namespace essaim::storage
