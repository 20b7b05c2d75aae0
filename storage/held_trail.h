// Under which id something goes on that waited: a large post is let go under an id of its own, and so waits for the moderators what
// its author has confirmed (lists/held/prepare.h). Its author, the moderators and the log know it by the first. It is kept with what
// was decided, as long as that. Functions run inside the caller's transaction.
#pragma once

#include "storage/held_store.h"

namespace essaim::storage {

// In the transaction that decides it. `held` is as it was read before.
Result<void> leave_trail(Connection& connection, const HeldRecord& held, Id then);

// The id under which what waited as this one is a post now, or waits: this one itself where that has not changed, or nothing
// waited as it.
Result<Id> follow_trail(Connection& connection, Id id);

// The next id of it; 0: there is none.
Id next_on_trail(const HeldRecord& held);

}  // namespace essaim::storage
