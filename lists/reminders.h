// What REMIND * leaves to the job `held` where a domain has more lists than one transaction is to bear (storage/list_rest.h).
#pragma once

#include "lists/services.h"

namespace essaim::lists {

// Blocks. Some lists in each transaction, which says as well where the next goes on: a member of a list has one letter of it,
// whatever ends the job in between. *posted: there is a new post, also when it ends with an error.
Result<void> finish_reminders(const Services& services, WallTime now, bool* posted);

}  // namespace essaim::lists
