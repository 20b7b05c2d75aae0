// Who may post, asked of the scenario "send". Internal to lists/.
#pragma once

#include "lists/authorisation.h"
#include "lists/facts.h"
#include "lists/incoming.h"
#include "lists/recipients.h"
#include "lists/services.h"

namespace essaim::lists {

// `connection` may be null: then kConflict says that the rules ask for more than is at hand.
Result<Authorised> may_post(const Services& services, storage::Connection* connection,
                            const Submission& submission, const Incoming& incoming, const Target& target,
                            const Facts& facts);

// The reply to a post that the scenario refuses (advice.h). One that is to be refused quietly gets no reason.
smtp::Reply refusal_of(const Authorised& decision, const Target& target, const Incoming& incoming);

}  // namespace essaim::lists
