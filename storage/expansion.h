// Turns a stored post into batches. Used by lists for small posts inside the accept transaction, and by delivery for big
// ones, a few batches per transaction.
#pragma once

#include <vector>

#include "storage/database.h"
#include "storage/records.h"

namespace essaim::storage {

// Adds up to `max_batches` batches of the post's members at its revision, from its cursor on, and advances `*post`
// (cursor, batches, recipients, expanded), in the database and in memory. `rank` is the rank of the post's batch 0.
// Retrying after an unknown outcome is harmless: a batch number exists once.
Result<void> expand_members(Connection& connection, PostRecord* post, std::int64_t rank, int max_batches);

// One post with recipients that are known (forwards, notices): sorted by domain and cut into batches; sets expanded.
Result<void> expand_recipients(Connection& connection, PostRecord* post, std::int64_t rank,
                               std::vector<BatchRecipient> recipients);

}  // namespace essaim::storage
