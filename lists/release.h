// Letting a post go that waited. Internal to lists/.
#pragma once

#include <memory>

#include "lists/acceptance.h"
#include "lists/incoming.h"
#include "lists/plan.h"
#include "lists/service_mail.h"
#include "storage/held_store.h"

namespace essaim::lists {

// The submission as it was taken.
Submission submission_of(const storage::HeldRecord& held, std::string message);

// Renders and stores it as a post under this id, inside the caller's transaction. No rule is asked. kInvalid: it cannot be
// rendered.
Result<void> release(WriteContext& context, const storage::ListRecord& list, Submission submission, Id id);

// The same in two steps, of what is large: rendered by reading alone, for a commit later that may find it staged (staging.h).
// `incoming` is the submission's; what is made knows neither.
Result<std::unique_ptr<Plan>> plan_release(WriteContext& reading, const storage::ListRecord& list,
                                           Submission* submission, const Incoming& incoming, Id id);
// What waited as `held`. False: the list, or what it knows of the author, is not as it was then; nothing was written.
Result<bool> commit_release(WriteContext& context, const Plan& plan, const Submission& submission,
                            const Incoming& incoming, Id held, bool staged);

}  // namespace essaim::lists
