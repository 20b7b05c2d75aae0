// What owners learn of a post that some members did not get although nothing is known against those members: the
// message was too big for their servers, its content was refused, or the time was up. Functions run inside the
// caller's transaction.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "lists/services.h"
#include "storage/database.h"
#include "storage/records.h"

namespace essaim::lists {

struct PostFailures {
  static constexpr std::size_t kNamed = 100;
  struct One {
    storage::BatchRecipient recipient;
    std::string reply, host;
    bool proven = true;  // false: said by a report that others could have written
  };
  std::int64_t about_message = 0;
  std::int64_t expired = 0;
  std::vector<One> named;  // the first kNamed of both
  bool later = false;      // not of the ledger: a report says so of what a server had taken
  bool any() const { return about_message + expired > 0; }
};
// Reads the ledger of the post.
Result<PostFailures> post_failures(storage::Connection& connection, Id post_id);

// Failed for want of time: our own reply (delivery/open_batch.cc).
bool says_expired(std::string_view reply);

// `beginning` holds the header of the post.
Result<void> add_owner_report(const Services& services, storage::Connection& connection,
                              const storage::PostRecord& post, const PostFailures& failures,
                              std::string_view beginning, WallTime now, std::int64_t rank);

// A server took the post, and refused it afterwards by a report. The first one for a post is told to the owners, if the list
// wants them told: others may say the same for hours. True: it was added.
Result<bool> report_late_refusal(const Services& services, storage::Connection& connection,
                                 const storage::PostRecord& post, const PostFailures::One& refused,
                                 WallTime now);

}  // namespace essaim::lists
