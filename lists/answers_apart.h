// A mail that answers several things that wait (held/keys.h), or has commands, and whatever else it is to: each answer is a submission
// of its own, in transactions of its own, and so are the commands. So each may let a large post go in small ones (held/prepare.h),
// only one is in memory at a time, and one that cannot be carried out keeps back none of the others.
//
// The reply is for all of them. One that may be carried out later lets all come again: what was decided then stays so, and says so;
// what the mail is to besides, a list or people elsewhere, is stored behind them, and not then. Else it is 250 if one was carried
// out; of those refused who has logged in gets a report, as of other refusals.
#pragma once

#include <functional>
#include <memory>

#include "lists/acceptance.h"
#include "lists/services.h"

namespace essaim::lists {

// More than one target, of which one answers, or is for commands.
bool wants_apart(const Submission& submission);

// Takes one of them; calls `done` once, on a database thread or within the call.
using TakeSubmission = std::function<void(std::shared_ptr<Submission>, Acceptance::Done)>;

// The services outlive it. `done` comes once, on a database thread or within the call.
void take_apart(const Services& services, std::shared_ptr<Submission> submission, TakeSubmission take,
                Acceptance::Done done);

}  // namespace essaim::lists
