#include "storage/person_posts.h"

#include <algorithm>
#include <map>
#include <string>
#include <vector>

#include "core/base/text.h"
#include "storage/batch_rows.h"
#include "storage/recipient_key.h"
#include "storage/sql.h"

namespace essaim::storage {
namespace {

using Accepted = std::map<Id, WallTime>;

void note(WallTime accepted, PersonInPosts* sums) {
  if (sums->oldest == WallTime{} || accepted < sums->oldest) sums->oldest = accepted;
}

void count_recipient(RecipientState state, PersonInPosts* sums) {
  switch (state) {
    case RecipientState::kDelivered:
      ++sums->delivered;
      break;
    case RecipientState::kFailed:
      ++sums->failed;
      break;
    case RecipientState::kSuppressed:
      ++sums->suppressed;
      break;
    case RecipientState::kPending:
    case RecipientState::kDeferred:
      ++sums->pending;
  }
}

// Batches of these posts between whose keys the person's is.
Result<void> count_copies(Connection& connection, const smtp::Address& person, Id after,
                          const Accepted& posts, PersonInPosts* sums) {
  const std::string key = recipient_key(person.local, person.domain);
  auto rows = sql::prepare(connection,
                           batch_select(true) +
                               " WHERE b.post_id > ? AND b.post_id <= ? AND b.first_key <= ? AND "
                               "b.last_key >= ? ORDER BY b.post_id, b.number",
                           after, posts.rbegin()->first, key, key);
  return sql::each(rows, [&](Statement& row) -> Result<void> {
    const auto batch = batch_from(row, true);
    if (!batch.ok() && batch.error().code != ErrorCode::kDamaged) return batch.error();
    if (!batch.ok()) {
      ++sums->unreadable;
      return {};
    }
    for (std::size_t i = 0; i < batch->recipients.size(); ++i) {
      if (recipient_key(batch->recipients[i]) != key) continue;
      const bool known = i < batch->progress.recipients.size();
      count_recipient(known ? batch->progress.recipients[i].state : RecipientState::kPending, sums);
      const auto post = posts.find(batch->post_id);
      if (post != posts.end()) note(post->second, sums);
    }
    return {};
  });
}

Result<void> count_written(Connection& connection, Id post_id, PersonInPosts* sums) {
  auto waits = sql::number(connection, 0,
                           "SELECT (SELECT COUNT(*) FROM batch_state WHERE post_id = ? AND queue <> 0) + "
                           "(SELECT COUNT(*) FROM post WHERE id = ? AND finished = 0 AND expanded = 0)",
                           post_id, post_id);
  if (!waits.ok()) return waits.error();
  auto text = sql::number(connection, 0, "SELECT COUNT(*) FROM rendering WHERE post_id = ?", post_id);
  if (!text.ok()) return text.error();
  ++sums->written;
  if (*waits > 0) ++sums->written_waiting;
  if (*text > 0) ++sums->written_with_text;
  return {};
}

}  // namespace

bool is_address_of(const smtp::Address& person, std::string_view text) {
  if (text.empty()) return false;
  const auto parsed = smtp::parse_mailbox(text, smtp::LocalPart::kUtf8);
  // What was written otherwise is compared as it stands.
  if (!parsed.ok()) return equals_ignoring_case(text, person.to_string());
  return parsed->domain == person.domain && parsed->local_key() == person.local_key();
}

Result<bool> count_in_posts(Connection& connection, const smtp::Address& person, std::size_t look_at,
                            std::int64_t most_batches, Id* after, PersonInPosts* sums) {
  auto rows = sql::prepare(connection,
                           "SELECT id, kind, sender, author, accepted, batches FROM post WHERE id > ? "
                           "ORDER BY id LIMIT ?",
                           *after, look_at);
  if (!rows.ok()) return rows.error();
  Accepted posts;
  std::vector<Id> written;
  std::int64_t batches = 0;
  while (batches <= most_batches) {
    auto more = (*rows)->step();
    if (!more.ok()) return more.error();
    if (!*more) break;
    Statement& row = **rows;
    const Id id = row.integer(0);
    posts[id] = sql::time(row, 4);
    batches += row.integer(5);
    if (static_cast<PostKind>(row.integer(1)) == PostKind::kNotice) continue;
    if (is_address_of(person, row.text(2)) || is_address_of(person, row.text(3))) written.push_back(id);
  }
  if (posts.empty()) return false;
  for (const Id id : written) {
    ESSAIM_TRY(count_written(connection, id, sums));
    note(posts[id], sums);
  }
  ESSAIM_TRY(count_copies(connection, person, *after, posts, sums));
  *after = posts.rbegin()->first;
  return posts.size() == look_at || batches > most_batches;
}

}  // namespace essaim::storage
