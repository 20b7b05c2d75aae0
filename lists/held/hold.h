// Making posts wait. Internal to lists/.
#pragma once

#include <optional>

#include "lists/authorisation.h"
#include "lists/notices.h"
#include "lists/plan.h"
#include "lists/service_mail.h"
#include "storage/held_store.h"

namespace essaim::lists {

// A plan that holds the post: for its author if the action is request_auth, else for the moderators.
Result<Planned> plan_hold(const PlanContext& context, std::shared_ptr<const Target> target,
                          Authorised decision, Treatment treatment);

// A post as it is to wait, without its id, and the question to the moderators; nothing: its author is asked.
struct ReadyToWait {
  storage::HeldRecord held;
  std::optional<ReadyNotice> question{};
};
// By reading alone.
Result<ReadyToWait> make_ready_to_wait(WriteContext& context, const storage::ListRecord& list,
                                       const Submission& submission, const Incoming& incoming,
                                       const Authorised& decision, Treatment treatment);
// Inside a write, under this id: stores it, and asks. `staged`: its message and the question may be there already (staging.h).
Result<storage::HeldRecord> hold_post(WriteContext& context, const storage::ListRecord& list,
                                      const Submission& submission, const Incoming& incoming,
                                      const ReadyToWait& ready, Id id, Id known_as, bool staged);

// Whether its question is for those who moderate now: it was made for those of an earlier read, and has a key in it.
Result<bool> asks_whom_it_should(WriteContext& write, Id list_id, const ReadyToWait& ready);

// The id under which its message is known again: that with which it was held first.
Id known_as(const storage::HeldRecord& held);
// It ended without being sent, so the same message may come again: it is no duplicate.
Result<void> may_come_again(storage::Connection& connection, const storage::HeldRecord& held);

}  // namespace essaim::lists
