// Of the ledger: whom delivery has failed for good. Functions run inside the caller's transaction.
//
// A PostFilter with `failed` is about those who have: its recipient or domain is theirs, `why` are words of the reply that they
// failed with, and its time is when they did (posts that were accepted before it are meant, too).
//
// What is settled is found by its end, so that a search of a day reads what ended in that day or later, however much is kept.
// What is not settled is looked at one by one, and that is what waits, and what has failed within `retention.failed`.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "storage/batch_store.h"
#include "storage/database.h"
#include "storage/post_filter.h"
#include "storage/post_store.h"

namespace essaim::storage {

class FailedMatch {
 public:
  explicit FailedMatch(const PostFilter& filter);
  // Whether the contents of batches tell it: an address, words or a time was named.
  bool looks_inside() const { return who_.any() || !words_.empty() || timed_; }
  const RecipientMatch& who() const { return who_; }
  // Places of those that are meant in a batch, which has its recipients; `accepted`: when its post was.
  std::vector<std::size_t> of(const BatchRecord& batch, WallTime accepted) const;

 private:
  const RecipientMatch who_;
  const std::string words_;
  const bool timed_;
  const WallTime since_, until_;  // 0: any
};

// Whether somebody in the post is meant. Of a batch that is damaged nobody knows, and whoever searches wants to see it.
Result<bool> has_failed(Connection& connection, Id post_id, const FailedMatch& match);

// `post p` in a FROM, by the end of those that are settled.
std::string settled_posts(Connection& connection);

// A place in the order in which settled posts have ended.
struct PlaceAmongSettled {
  WallTime finished{};
  Id id = 0;
};
// The next `look_at` posts that are settled, behind the place, which is that of the last one then, and which of them the filter
// finds; it has `failed`, and its limit is not asked. A read that does not grow with what is kept, as PostStore::search_waiting().
Result<PostsFound> search_settled(Connection& connection, const PostFilter& filter, PlaceAmongSettled* place,
                                  std::size_t look_at);

}  // namespace essaim::storage
