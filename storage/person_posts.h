// Where one person stands among the posts: as who wrote them, and among their recipients. Runs inside the caller's transaction,
// which only reads.
#pragma once

#include <cstdint>
#include <string_view>

#include "core/smtp/address.h"
#include "storage/database.h"
#include "storage/records.h"

namespace essaim::storage {

// Whether a text that is kept is this person's address, however it was spelt.
bool is_address_of(const smtp::Address& person, std::string_view text);

struct PersonInPosts {
  // Posts to lists, and mail to the people behind their addresses, of which this is the author or the sender.
  std::int64_t written = 0;
  std::int64_t written_waiting = 0;    // of these: that still go to somebody
  std::int64_t written_with_text = 0;  // of these: of which the text is kept, too
  // Copies for them, also of what we wrote.
  std::int64_t delivered = 0, failed = 0, suppressed = 0, pending = 0;
  std::int64_t unreadable = 0;  // batches that may name them and are damaged
  WallTime oldest{};            // when the oldest post of all these was accepted; 0: there is none
};

// Adds what the next `look_at` posts behind *after have, in the order of their ids; fewer if they have more than `most_batches`,
// but one at least. False: these were the last. Who a post is for that is not expanded whole is not known yet.
//
// No index would tell whom a batch is for: its keys are those of a whole list, from the first to the last.
Result<bool> count_in_posts(Connection& connection, const smtp::Address& person, std::size_t look_at,
                            std::int64_t most_batches, Id* after, PersonInPosts* sums);

}  // namespace essaim::storage
