// What is not in the ledger where it is looked for: a post that waits for somebody, or was never let pass, and somebody whom a post
// did not go to. Functions read the database, and say nothing where it does not tell.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "core/base/id.h"
#include "core/base/result.h"
#include "smtpd/cli/site.h"
#include "storage/held_store.h"
#include "storage/post_store.h"

namespace essaim::smtpd::cli {

// Whether what is held is what the filter of a search for posts is about; it looks at list, sender, subject, account, client,
// message_id, since and until.
bool fits(const storage::PostFilter& filter, const storage::HeldRecord& held);

// "no post ID", and what is known instead: it waits for a moderator, was refused, has expired.
Error no_post(Site& site, Id id);
// A line for each of these ids that is held.
std::vector<std::string> held_instead(Site& site, const std::vector<Id>& ids);
// A line for each post that the filter is about and that waits for somebody, was refused or has expired: the newest, and how many more
// there are.
std::vector<std::string> held_beside(Site& site, const storage::PostFilter& filter);

// Why somebody is not among the recipients of a post to a list: no member of it, one since later, one who had left, or whose delivery
// is off. As the list is now.
Result<std::string> why_not_among(Site& site, const storage::PostRecord& post, const std::string& address);

}  // namespace essaim::smtpd::cli
