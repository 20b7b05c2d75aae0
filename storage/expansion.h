// Turns posts into batches: small ones at once, by lists inside the accept transaction; big ones by delivery, a few
// batches per transaction.
#pragma once

#include <string_view>
#include <vector>

#include "storage/database.h"
#include "storage/records.h"

namespace essaim::storage {

// Adds up to `max_batches` batches of the post's members at its revision, from its cursor on, and advances `*post`
// (cursor, batches, recipients, expanded), in the database and in memory. `rank` is the rank of the post's batch 0.
// Retrying after an unknown outcome is harmless: a batch number exists once. Whoever expands it at the same time waits, and goes
// on behind.
Result<void> expand_members(Connection& connection, PostRecord* post, std::int64_t rank, int max_batches);

// Adds a post together with all its recipients (of small lists, forwards, notices), sorted by domain and cut into
// batches; sets batches, recipients and expanded. Otherwise as PostStore::add().
Result<void> add_expanded(Connection& connection, PostRecord* post, std::string_view rendering,
                          std::string_view seven_bit, std::int64_t rank,
                          std::vector<BatchRecipient> recipients);

}  // namespace essaim::storage
