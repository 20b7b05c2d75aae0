// Posts that are sent again to some of their recipients, whom delivery had failed (smtpd/operate/post_retry.h). Functions run
// inside the caller's transaction.
//
// What can be sent again is what is not settled: settling drops the rendering (PostStore::settle). On a server somebody
// may settle a post at the same time, so each of the two changes the post's row before it acts: at one host the second waits for
// the first and sees what it did, and of two at different hosts one is undone.
#pragma once

#include "storage/database.h"
#include "storage/records.h"

namespace essaim::storage {

// Whether its text is still there.
Result<bool> can_be_sent(Connection& connection, Id post_id);
// The same, in the transaction in which batches of it get something to do again: nobody settles it meanwhile, and its lifetime
// begins at `now` (PostStore::renew_lifetime). False: it cannot be sent, and the transaction is not to be committed.
Result<bool> take_up_again(Connection& connection, Id post_id, WallTime now);
// Before it is asked, in a transaction that settles a post, whether that is done: nobody takes it up again meanwhile. Likewise
// before one expands it.
Result<void> keep_from_others(Connection& connection, Id post_id);

// Whether a failure of that time is older than what is known of a recipient who waits: he was taken up again since, and a
// journal still tells how he had failed.
inline bool is_old_news(const RecipientStatus& known, std::uint32_t time) {
  return known.state == RecipientState::kDeferred && time < known.time;
}

}  // namespace essaim::storage
