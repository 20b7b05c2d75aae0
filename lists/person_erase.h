// Taking away what the database has about one address, as far as that may go (GDPR art. 17): memberships and roles, their
// departures, what is held of theirs, their account. Mail that was accepted goes to whom it was for, and a list keeps its last
// owner: what stays is told with the reason. Blocks on the database; for the command line.
//
// Each thing is a transaction of its own that looks again at what is there, with a pause before the next one, so nobody waits
// long, and asking again does the rest of what was interrupted. Who joins meanwhile, or later, is a member like everybody:
// nothing is remembered against it.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "core/base/clock.h"
#include "core/base/result.h"
#include "core/smtp/address.h"
#include "storage/database.h"

namespace essaim::lists {

struct ErasedThing {
  std::string kind;  // "membership", "role", "departures", "held", "account", "answers", "ended memberships"
  std::string what;
};
struct LeftThing {
  std::string kind;  // the same, and "posts", "copies", "texts", "elsewhere"
  std::string what;
  std::string why;  // and what to do, where something can be done
};
struct Erasure {
  std::vector<ErasedThing> erased;  // with `dry_run`: what would be
  std::vector<LeftThing> left;
  std::optional<Error> failed;  // with what it ended before its time: `erased` is what was done until then
};

// Two lines of the log, `person verb=erase`, unless `dry_run`: before the first change (`result=begun`; none if there is nothing
// to change) and at the end. An error: nothing was changed; kConflict: the address is a list's.
Result<Erasure> erase_person(storage::Database& database, WallTime now, const smtp::Address& person,
                             bool dry_run);

}  // namespace essaim::lists
