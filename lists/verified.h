// What was verified about a submission, as it is kept and shown: the field Authentication-Results that we wrote over it,
// and of a post that waits all of it, with what mail filters said and did, in the details of its row. Pure functions.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "core/mailauth/authentication_results.h"
#include "lists/incoming.h"
#include "storage/held_store.h"

namespace essaim::lists {

// Of a whole field with its name, as in Submission::authentication_header; kInvalid for "".
Result<mailauth::AuthenticationResults> results_in(std::string_view field);

// For whoever decides about a post that waits.
void keep_verified(const Submission& submission, const Incoming& incoming, storage::HeldRecord* held);
// Back into the submission of the same message. What another version kept, or none, leaves it without.
void restore_verified(const storage::HeldRecord& held, Submission* submission);

// Why the author may not be who it seems, in the language; "" if nothing says so.
std::string doubt_about_author(const storage::HeldRecord& held, std::string_view language);
// "filter rspamd: spam", "dmarc=fail header.from=example.org policy.dmarc=reject", one for each check.
std::vector<std::string> checks_of(const storage::HeldRecord& held);

}  // namespace essaim::lists
