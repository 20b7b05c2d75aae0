// Moderators who have not got the question about a post, or have not answered it. Internal to lists/. Inside the caller's
// transaction.
#pragma once

#include <string>

#include "core/smtp/address.h"
#include "lists/service_mail.h"
#include "storage/held_store.h"

namespace essaim::lists {

// A notice failed because of what it holds, as `reply` says. If it is a question with a message attached that waits still, who
// did not get it is asked again, without the message. True: they were; they are asked so once.
Result<bool> ask_without_message(WriteContext& context, const storage::PostRecord& notice,
                                 const smtp::Address& to, const std::string& reply);

// One mail about all posts to the list that wait, the time to be reminded of this one having come.
Result<void> remind_moderators(WriteContext& context, const storage::ListRecord& list,
                               const storage::HeldRecord& due);

// "  KEY  ann@x.example  3.1 KB  Bees"
std::string line_about(const storage::HeldRecord& post);

}  // namespace essaim::lists
