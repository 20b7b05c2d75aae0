// Members whose copies come back: on how many days, and who is stopped for it. A row for each such membership, none for others.
// Functions run inside the caller's transaction on the caller's connection.
//
// Days are counted (UTC), not copies: a list with ten posts a day loses nobody sooner than one with a post a week. A row begins anew
// where nothing came back for kForgottenAfter days.
//
// Who is stopped has Reception::kNone in the row of the membership, which every program knows, and here what it was before.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "storage/database.h"
#include "storage/records.h"

namespace essaim::storage {

struct Bouncer {
  Id member_id = 0;
  Id list_id = 0;
  std::int64_t days = 0;
  WallTime since{};    // the first of them
  WallTime stopped{};  // 0: is not
  Reception before = Reception::kEach;
};

class BouncerStore {
 public:
  static constexpr std::int64_t kForgottenAfter = 60;  // days
  explicit BouncerStore(Connection& connection) : connection_(connection) {}

  // Something came back from a current member, of a post of no earlier `revision` than it is one since.
  Result<void> note(Id member_id, WallTime when, std::int64_t revision);
  // Of what was noted one day was not its fault.
  Result<void> take_back(Id member_id);
  // Nothing is held against it any more. Who is stopped stays so.
  Result<void> forgive(Id member_id);

  Result<std::vector<Id>> lists();
  // Of a list, by the id of the member, after `after`: those on so many days at least, who are not stopped.
  Result<std::vector<Bouncer>> due(Id list_id, std::int64_t days, Id after, std::size_t limit);
  // Those who are stopped since then or later. Likewise.
  Result<std::vector<Bouncer>> stopped(Id list_id, WallTime since, Id after, std::size_t limit);

  // A current member who gets mail gets none any more. False: it was not as `as_it_was` says, and nothing was done.
  Result<bool> stop(const Bouncer& as_it_was, WallTime now);
  // Gets it as before. False: it is stopped no more.
  Result<bool> resume(Id member_id);
  // Rows of memberships that are no more, or get mail although they are stopped, a thousand at most. Returns how many.
  Result<std::int64_t> purge();

 private:
  Connection& connection_;
};

}  // namespace essaim::storage
