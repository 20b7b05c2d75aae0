// Who asks by mail. Internal to lists/.
#pragma once

#include <string>

#include "core/mail/address_list.h"
#include "core/mail/encoded_word.h"
#include "lists/authorisation.h"
#include "lists/plan.h"
#include "lists/requests/request.h"

namespace essaim::lists {

// The author of a submission, with the language in which they are answered.
Result<Requester> requester_of(const PlanContext& context, const Target& target);

}  // namespace essaim::lists
