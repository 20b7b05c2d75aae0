#include "storage/expansion.h"

#include <algorithm>
#include <string>
#include <utility>

#include "core/smtp/address.h"
#include "storage/batch_store.h"
#include "storage/member_store.h"
#include "storage/post_again.h"
#include "storage/post_store.h"
#include "storage/recipient_key.h"

namespace essaim::storage {

namespace {

// Cuts recipients into the post's next batches and adds them; counts them in `*post`.
Result<void> add_batches(Connection& connection, PostRecord* post, std::int64_t rank,
                         std::vector<BatchRecipient> recipients) {
  std::vector<BatchRecord> batches;
  for (std::size_t at = 0; at < recipients.size(); at += kBatchSize) {
    const auto begin = recipients.begin() + static_cast<std::ptrdiff_t>(at);
    const auto end =
        recipients.begin() + static_cast<std::ptrdiff_t>(std::min(recipients.size(), at + kBatchSize));
    BatchRecord& batch = batches.emplace_back();
    batch.post_id = post->id;
    batch.number = post->batches;
    batch.priority = post->priority;
    batch.rank = rank + post->batches;
    batch.queue = BatchQueue::kReady;
    batch.due = post->accepted;
    batch.count = batch.pending = static_cast<int>(end - begin);
    const bool single = std::all_of(begin, end, [&](const auto& r) { return r.domain == begin->domain; });
    if (single) batch.destination = begin->domain;
    batch.recipients.assign(std::make_move_iterator(begin), std::make_move_iterator(end));
    post->batches += 1;
    post->recipients += batch.count;
  }
  return BatchStore(connection).add(batches);
}

// Each recipient once, in the order of recipient_key(), which members come in already.
void sort_by_key(std::vector<BatchRecipient>* recipients) {
  std::vector<std::pair<std::string, BatchRecipient*>> keyed;
  keyed.reserve(recipients->size());
  for (BatchRecipient& one : *recipients) keyed.emplace_back(recipient_key(one), &one);
  const auto before = [](const auto& a, const auto& b) { return a.first < b.first; };
  const auto not_after = [](const auto& a, const auto& b) { return !(a.first < b.first); };
  if (std::adjacent_find(keyed.begin(), keyed.end(), not_after) == keyed.end()) return;
  std::stable_sort(keyed.begin(), keyed.end(), before);
  std::vector<BatchRecipient> sorted;
  sorted.reserve(keyed.size());
  for (std::size_t i = 0; i < keyed.size(); ++i)
    if (i == 0 || keyed[i].first != keyed[i - 1].first) sorted.push_back(std::move(*keyed[i].second));
  *recipients = std::move(sorted);
}

// What the database says now: a work that is repeated after a rollback, or after an unknown outcome, goes on
// from there and not from what memory believes.
Result<void> reread(Connection& connection, PostRecord* post) {
  auto stored = PostStore(connection).find(post->id);
  if (!stored.ok()) return stored.error();
  if (!stored->has_value()) return Error{ErrorCode::kNotFound, "no such post: " + format_id(post->id)};
  post->expanded = (*stored)->expanded;
  post->cursor_domain = (*stored)->cursor_domain;
  post->cursor_local = (*stored)->cursor_local;
  post->batches = (*stored)->batches;
  post->recipients = (*stored)->recipients;
  return {};
}

}  // namespace

Result<void> expand_members(Connection& connection, PostRecord* post, std::int64_t rank, int max_batches) {
  ESSAIM_TRY(keep_from_others(connection, post->id));
  ESSAIM_TRY(reread(connection, post));
  if (post->expanded) return {};
  const std::size_t limit = kBatchSize * static_cast<std::size_t>(max_batches);
  auto page = MemberStore(connection)
                  .page(post->list_id, post->list_revision, post->cursor_domain, post->cursor_local, limit,
                        Readers::of(*post));
  if (!page.ok()) return page.error();
  post->expanded = page->size() < limit;
  if (!page->empty()) {
    post->cursor_domain = page->back().domain;
    post->cursor_local = smtp::Address{page->back().local, page->back().domain}.local_key();
    ESSAIM_TRY(add_batches(connection, post, rank, std::move(*page)));
  }
  return PostStore(connection).set_expansion(post->id, *post);
}

Result<void> add_expanded(Connection& connection, PostRecord* post, std::string_view rendering,
                          std::string_view seven_bit, std::int64_t rank,
                          std::vector<BatchRecipient> recipients) {
  sort_by_key(&recipients);
  const std::size_t count = recipients.size();
  PostRecord whole = *post;
  whole.expanded = true;
  whole.batches = static_cast<int>((count + kBatchSize - 1) / kBatchSize);
  whole.recipients = static_cast<std::int64_t>(count);
  ESSAIM_TRY(PostStore(connection).add(whole, rendering, seven_bit));
  post->batches = 0;
  post->recipients = 0;
  ESSAIM_TRY(add_batches(connection, post, rank, std::move(recipients)));
  post->expanded = true;
  return {};
}

}  // namespace essaim::storage
