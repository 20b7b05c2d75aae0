// Letting a post go that waited. Internal to lists/.
#pragma once

#include "lists/acceptance.h"
#include "lists/service_mail.h"
#include "storage/held_store.h"

namespace essaim::lists {

// The submission as it was taken.
Submission submission_of(const storage::HeldRecord& held, std::string message);

// Renders and stores it as a post under this id, inside the caller's transaction. No rule is asked. kInvalid: it cannot be
// rendered.
Result<void> release(WriteContext& context, const storage::ListRecord& list, Submission submission, Id id);

}  // namespace essaim::lists
