// Posts, their rendering, and the memory of what was seen before. Functions run inside the caller's transaction.
#pragma once

#include <algorithm>
#include <cstdint>
#include <functional>
#include <limits>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "storage/database.h"
#include "storage/records.h"

namespace essaim::storage {

struct PostFilter {
  std::string list;              // address; "" any
  std::string recipient;         // address; "" any
  std::string domain;            // of recipients; "" any
  std::string message_id;        // "" any; with or without <>
  std::string sender;            // reverse-path or author, or "@domain", or "<>": the null sender; "" any
  std::string subject;           // words in it, in any case of ASCII letters; "" any
  std::string account;           // that submitted it, as accounts are called; "" any
  std::string client;            // its address, or a name that it has or gave itself; "" any
  WallTime since{};              // accepted not before
  WallTime until{};              // accepted before; 0 any
  bool unfinished = false;       // only what still waits
  bool failed = false;           // only those in which somebody has failed (failure_search.h)
  std::int64_t larger_than = 0;  // octets; 0 any
  // Of batches, so only in what waits: their state (0: any), and words in the reason why they wait or their post is
  // held, in any case of letters. With `failed`, words in the reply that somebody has failed with.
  int state = 0;  // a BatchQueue
  std::string why;
  bool about_batches() const { return state != 0 || !why.empty(); }
  std::size_t limit = 1000;
  // Of rows, as a statement has it.
  std::int64_t row_limit() const {
    constexpr std::size_t most = std::numeric_limits<std::int64_t>::max();
    return static_cast<std::int64_t>(std::min(limit, most));
  }
};

// What a look at some posts, in the order of their ids, found.
struct PostsFound {
  std::vector<Id> ids;
  Id last = 0;                                      // that was looked at, for the next look
  bool more = false;                                // there may be some behind it
  std::vector<std::pair<Id, std::string>> damaged;  // of which that cannot be read, and why
};

struct PostsSettled {
  std::int64_t posts = 0;
  std::size_t looked_at = 0;   // of those that were given: the others are for another transaction
  std::vector<Id> with_forms;  // of which pieces are still there, for drop_forms()
};

inline constexpr const char* kHoldsValue = "queue-holds";

class PostStore {
 public:
  explicit PostStore(Connection& connection) : connection_(connection) {}

  // The rendering, and its 7-bit form if it needs one ("": none), are kept in pieces. kExists if the id is taken. Forms
  // that were staged are not written again, if the record says that they may be.
  Result<void> add(const PostRecord& post, std::string_view rendering, std::string_view seven_bit = {});
  // In the place of a post of which it is not known whether it was added: kExists if it was, and it cannot be any more if not.
  // It has no rendering, for pieces of the post's may have been staged, which says nothing.
  Result<void> add_tombstone(Id post_id, WallTime now);
  // Before add(), in transactions of their own: up to kStagedTogether pieces of a form, from `first_piece` on.
  Result<void> stage(Id post_id, Form form, std::string_view bytes, std::int64_t first_piece);
  Result<void> unstage(Id post_id, Form form);
  static constexpr std::size_t kPiece = 256U << 10;  // octets; a cluster's write sets stay small
  static constexpr std::int64_t kStagedTogether = 2;
  static std::int64_t pieces(std::string_view bytes);
  // Octets of a key as it is stored; what is longer is stored as its SHA-256.
  static constexpr std::size_t kLongestKey = 64;
  // Remembers (list, key of Message-ID and body). Gives the id of the first post if it was seen, else nothing.
  Result<std::optional<Id>> remember(Id list_id, std::string_view key, Id post_id, WallTime now);
  // As if it had not come: what was remembered for `post_id` never went out. Nothing if the key is another one's, or with a
  // post's row.
  Result<void> forget(Id list_id, std::string_view key, Id post_id);
  // remember() for a post that is added in this very transaction, with the key in its record: cheaper.
  Result<std::optional<Id>> remember_with_post(Id list_id, std::string_view key, Id post_id, WallTime now);
  // Makes both of them ready, in a transaction that writes: where keys are kept in the rows of posts, all these are read once.
  Result<void> know_keys();
  Result<std::optional<PostRecord>> find(Id post_id);
  // kNotFound once it was dropped; "" for a 7-bit form of a post that needs none.
  Result<std::string> rendering(Id post_id, Form form = Form::kAsIs);
  // The same piece by piece, for those that make another form of it; a view is valid during the call.
  Result<void> read_rendering(Id post_id, Form form, const std::function<void(std::string_view)>& take);
  // Its first 256 KB, which hold the header; likewise kNotFound.
  Result<std::string> beginning(Id post_id);
  // Marks the post in the transaction that adds the report. False: one was made before.
  Result<bool> begin_report(Id post_id, Report report);
  Result<void> set_expansion(
      Id post_id,
      const PostRecord& post);  // cursor, batches, recipients, expanded, revision-checked by cursor
  // Also those whose own page is damaged.
  Result<std::vector<Id>> unexpanded(std::size_t limit);
  // The same in the order in which a node is to expand them: first those that came in at `node` (0: of none), as their own nodes
  // expand the others; and of both what people wrote before notices, of which a reminder of all lists makes one for each.
  Result<std::vector<Id>> to_expand(std::size_t limit, int node);
  // A hold changes the value kHoldsValue of the site, by which every node learns that posts it has in its hands may be held
  // (BatchStore::held_of).
  Result<void> set_held(Id post_id, bool held, const std::string& reason);
  // Unless it is held for another reason meanwhile, or not at all: false.
  Result<bool> release_if(Id post_id, const std::string& held_reason);
  // Of those that wait: held for a reason that begins like this, and the reason. Nothing of those on a damaged page of a file.
  Result<std::vector<std::pair<Id, std::string>>> held_for(std::string_view beginning);
  // Its lifetime, as long as at first, begins at `now`: for what was kept back by an operator.
  Result<void> renew_lifetime(Id post_id, WallTime now);
  Result<void> renew_lifetimes(WallTime now);  // of all that waits, in one transaction: for a file
  // Newest first. In a file of which pages are damaged posts that cannot be read are set aside, as they may be what is looked for.
  Result<std::vector<PostRecord>> search(const PostFilter& filter);
  const std::vector<std::pair<Id, std::string>>& unread() const {
    return unread_;
  }  // by the last one, and why
  // The next `look_at` posts that wait, of those that are expanded or of those that are not, behind an id, and which of them the
  // filter finds; its limit is not asked. For reads that do not grow with the queue. Those that cannot be read are told of.
  Result<PostsFound> search_waiting(const PostFilter& filter, bool expanded, Id after, std::size_t look_at);
  Result<LedgerCounts> counts(
      Id post_id);  // accepted counts what is not yet expanded too, when that is known

  // Retention (post_retention.cc). Posts whose batches are all finished and that need no report any more, for settle(): of the
  // next `look_at` behind `after` that wait. A post that failed for somebody is kept until the last outcome beside such a one
  // is from before `failed_before`. A read.
  Result<PostsFound> settled(Id after, std::size_t look_at, WallTime failed_before);
  // Those of these that are still such: they wait no more, and their forms go. Only some pieces of large ones, and of the first
  // so many posts as have half a MB together on a server, in a file 8 MB.
  Result<PostsSettled> settle(std::span<const Id> posts, WallTime failed_before);
  // Posts that have forms that nobody will send: those that are finished, and ids for which something was staged before `before`
  // and no post came. Of the next `look_at` pieces. A read.
  Result<PostsFound> useless_forms(Id after, WallTime before, std::size_t look_at);
  // Some pieces of such a one; how many, 0: none is left, or they are needed.
  Result<std::int64_t> drop_forms(Id post_id);
  // Posts with their batches that finished before `before`, but for those passed over. At most `limit` posts a call, and some
  // rows of large ones, which go on being finished and of no use to anybody until the last of them is gone; returns how many
  // were changed, 0: none is left. `at`: the one at which it failed.
  Result<std::int64_t> drop_finished(WallTime before, std::size_t limit, const std::set<Id>& passed_over = {},
                                     Id* at = nullptr);
  Result<std::int64_t> forget_seen(WallTime before, std::size_t limit);  // what remember() keeps
  // Behind a copy: what is kept in the rows of posts, where this engine keeps it apart. Looks at the next `limit` posts behind
  // *after, which is the last of them then; false: there was none, or nothing is kept apart.
  Result<bool> keep_keys_apart(Id* after, std::size_t limit);

 private:
  Result<void> add_row(const PostRecord& post);
  Result<void> add_form(const PostRecord& post, Form form, std::string_view bytes);
  Result<std::vector<PostRecord>> search_together(const PostFilter& filter);
  Result<std::vector<PostRecord>> search_among(std::string_view which, const PostFilter& filter);
  Result<PostsFound> waiting_together(const PostFilter& filter, bool expanded, Id after, std::size_t look_at);
  // In a file where those meet a damaged page.
  Result<std::vector<PostRecord>> search_one_by_one(const PostFilter& filter);
  Result<PostsFound> waiting_one_by_one(bool expanded, Id after, std::size_t look_at,
                                        const std::function<Result<bool>(Id)>& is_one);
  Result<std::optional<PostRecord>> look_for(const PostFilter& filter, Id post_id);
  Result<void> keep_key_apart(Id post_id);
  Result<bool> is_staged(Id post_id, Form form, std::string_view bytes);

  Connection& connection_;
  std::vector<std::pair<Id, std::string>> unread_;
};

}  // namespace essaim::storage
