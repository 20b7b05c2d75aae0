#include "storage/departure_store.h"

#include <limits>

#include "storage/recipient_key.h"
#include "storage/sql.h"

namespace essaim::storage {
namespace {

constexpr std::string_view kColumns =
    "SELECT member_id, list_address, address, how, client, left_at FROM departure ";

constexpr std::size_t kLookedAtTogether = 1000;

DepartureRecord departure(Statement& s) {
  return {s.integer(0), sql::text(s, 1), sql::text(s, 2), sql::text(s, 3), sql::text(s, 4), sql::time(s, 5)};
}

Result<std::vector<DepartureRecord>> all(const Result<Statement*>& statement) {
  return sql::rows(statement, departure);
}

}  // namespace

Result<void> DepartureStore::add(const DepartureRecord& departure) {
  ESSAIM_TRY(sql::run(connection_,
                      "INSERT INTO departure (member_id, list_address, address, how, client, left_at) "
                      "VALUES (?, ?, ?, ?, ?, ?)",
                      departure.member_id, departure.list_address, departure.address, departure.how,
                      departure.client, to_millis(departure.left)));
  return {};
}

Result<std::vector<DepartureRecord>> DepartureStore::of_list(const std::string& list_address, WallTime since,
                                                             std::size_t most) {
  return all(sql::prepare(connection_,
                          std::string(kColumns) + "WHERE list_address = ? AND left_at >= ? "
                                                  "ORDER BY left_at DESC, member_id DESC LIMIT ?",
                          list_address, to_millis(since), static_cast<std::int64_t>(most)));
}

Result<std::optional<DepartureRecord>> DepartureStore::latest(const std::string& list_address,
                                                              const smtp::Address& address) {
  const std::string wanted = recipient_key(address.local, address.domain);
  // A server sends all that it is asked for before the first is looked at, and a list may have lost a million.
  std::int64_t left = std::numeric_limits<std::int64_t>::max();
  Id member = std::numeric_limits<Id>::max();
  for (;;) {
    const auto some = all(sql::prepare(
        connection_,
        std::string(kColumns) + "WHERE list_address = ? AND left_at <= ? AND (left_at < ? OR member_id < ?) "
                                "ORDER BY left_at DESC, member_id DESC LIMIT ?",
        list_address, left, left, member, kLookedAtTogether));
    if (!some.ok()) return some.error();
    for (const DepartureRecord& one : *some) {
      const std::size_t at = one.address.rfind('@');
      if (at != std::string::npos &&
          recipient_key(one.address.substr(0, at), one.address.substr(at + 1)) == wanted)
        return std::optional(one);
    }
    if (some->size() < kLookedAtTogether) return std::optional<DepartureRecord>();
    left = to_millis(some->back().left);
    member = some->back().member_id;
  }
}

Result<std::vector<DepartureRecord>> DepartureStore::behind(Id after, std::size_t limit) {
  return all(sql::prepare(
      connection_, std::string(kColumns) + "WHERE member_id > ? ORDER BY member_id LIMIT ?", after, limit));
}

Result<void> DepartureStore::forget(std::span<const Id> memberships) {
  for (const Id id : memberships)
    ESSAIM_TRY(sql::run(connection_, "DELETE FROM departure WHERE member_id = ?", id));
  return {};
}

Result<std::int64_t> DepartureStore::forget_before(WallTime time, std::size_t most) {
  return sql::run(
      connection_,
      sql::delete_some(connection_, "departure", "member_id", "left_at < ?", static_cast<std::int64_t>(most)),
      to_millis(time));
}

}  // namespace essaim::storage
