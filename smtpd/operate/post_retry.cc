#include "smtpd/operate/post_retry.h"

#include <algorithm>
#include <thread>

#include "core/base/log.h"
#include "core/base/text.h"
#include "smtpd/operate/deletion_marks.h"
#include "storage/batch_progress.h"
#include "storage/batch_store.h"
#include "storage/post_again.h"
#include "storage/post_filter.h"
#include "storage/retry_calls.h"

namespace essaim::smtpd::operate {
namespace {

using storage::BatchQueue;
using storage::BatchRecord;
using storage::BatchStore;
using storage::Connection;
using storage::Database;
using storage::Durability;
using storage::PostRecord;
using storage::PostStore;
using storage::RecipientState;

constexpr int kPatience = 20;             // times 100 ms, for what is in transmission to come back
constexpr int kPatienceWithNodes = 60;    // likewise, for other nodes to look
constexpr std::size_t kMostReason = 200;  // octets; the reply that they failed with has its place behind it

Error not_there_any_more(Id id) {
  return {ErrorCode::kNotFound,
          "post " + format_id(id) +
              " cannot be sent again: it was over for all its recipients for longer than "
              "retention.failed, and then its text is dropped (by the job retention), or `post remove-text` "
              "took that away"};
}

class Retry {
 public:
  Retry(Database& database, const PostRetry& request)
      : database_(database),
        request_(request),
        match_(request.selection.filter),
        words_(ascii_lowered(request.selection.filter.why)) {}

  // The recipients of a batch that are meant.
  std::vector<std::size_t> meant(const BatchRecord& batch) const {
    std::vector<std::size_t> out;
    const auto& progress = batch.progress;
    for (std::size_t i = 0; i < progress.recipients.size(); ++i) {
      const auto& status = progress.recipients[i];
      if (status.state != RecipientState::kFailed) continue;
      if (match_.any() && !match_.matches(batch.recipients[i])) continue;
      if (!words_.empty() && ascii_lowered(progress.replies[status.reply]).find(words_) == std::string::npos)
        continue;
      out.push_back(i);
    }
    return out;
  }

  struct Post {
    bool there = false;
    PostRecord record;
    std::vector<BatchRecord>
        batches;        // in which somebody is meant, or nobody can read who; without recipients
    QueueChange would;  // recipients and damaged ones
  };
  // What is to be done to the post; an error if it cannot be.
  Result<Post> look(Id id) {
    Post out;
    ESSAIM_TRY(database_.read_now([&](Connection& c) -> Result<void> {
      out = Post();
      auto found = PostStore(c).find(id);
      if (!found.ok()) return found.error();
      if (!found->has_value()) return {};
      out.there = true;
      out.record = **found;
      auto kept = storage::can_be_sent(c, id);
      if (!kept.ok()) return kept.error();
      if (!*kept) return not_there_any_more(id);
      auto all = BatchStore(c).of_post(id, false);
      if (!all.ok()) return all.error();
      for (const BatchRecord& head : *all) {
        if (head.failed == 0) continue;
        auto batch = BatchStore(c).load(id, head.number, true);
        const bool damaged = !batch.ok() && batch.error().code == ErrorCode::kDamaged;
        if (!batch.ok() && !damaged) return batch.error();
        const std::size_t some = damaged || !batch->has_value() ? 0 : meant(**batch).size();
        if (damaged) out.would.damaged += head.failed;
        if (some > 0) out.batches.push_back(head);
        out.would.recipients += static_cast<std::int64_t>(some);
      }
      return {};
    }));
    const std::string& held_for = out.record.held_reason;
    if (out.record.held && (is_deletion_mark(held_for) || is_withdrawal(held_for)))
      return Error{ErrorCode::kConflict,
                   "post " + format_id(id) + " is held (" + out.record.held_reason +
                       "): another command is at work on it; try again when that has ended"};
    return out;
  }

  // Adds what was done to `change`.
  Result<void> run(const Post& post, const Clock& clock,
                   const std::function<void(const std::vector<Id>&)>& recall, QueueChange* change) {
    const Id id = post.record.id;
    const std::string mark = retry_mark(clock.wall_now(), kDeletionMarkLasts, request_.node);
    // Also of what is held already: a node may have some of it in its hands still.
    Result<void> outcome = hold(id, mark);
    if (outcome.ok() && recall) recall({id});
    int patience = database_.wants_small_transactions() ? kPatienceWithNodes : kPatience;
    std::int64_t done = 0;
    bool renewed = false;
    for (const BatchRecord& head : post.batches) {
      if (!outcome.ok()) break;
      auto some = revive(post.record, head, clock, &renewed, &patience);
      if (!some.ok()) outcome = some.error();
      if (some.ok() && *some < 0) change->busy += head.failed;
      if (some.ok() && *some > 0) done += *some;
    }
    change->recipients += done;
    change->posts += done > 0 ? 1 : 0;
    const Result<void> released =
        database_.write_now(Durability::kAccept, [&](Connection& c) { return take_marks(c, id, {mark}); });
    if (!released.ok())
      log::warning("deletion-mark-stays", {{"id", format_id(id)}, {"error", released.error().message}});
    return outcome;
  }

 private:
  // Unless it is held.
  Result<void> hold(Id id, const std::string& mark) {
    return database_.write_now(Durability::kAccept, [&](Connection& c) -> Result<void> {
      auto record = PostStore(c).find(id);
      if (!record.ok()) return record.error();
      if (!record->has_value() || (*record)->held) return {};
      return PostStore(c).set_held(id, true, mark);
    });
  }

  // Gives how many recipients of the batch have something to wait for again; -1: a node keeps it. `renewed`: whether the
  // post's lifetime was.
  Result<std::int64_t> revive(const PostRecord& post, const BatchRecord& head, const Clock& clock,
                              bool* renewed, int* patience) {
    for (;;) {
      bool owned = false;
      std::int64_t some = 0;
      ESSAIM_TRY(database_.write_now(Durability::kAccept, [&](Connection& c) -> Result<void> {
        owned = false;
        some = 0;
        auto found = BatchStore(c).load(post.id, head.number, true);
        if (!found.ok()) return found.error();
        if (!found->has_value()) return {};
        BatchRecord batch = **found;
        owned = batch.queue == BatchQueue::kOwned;
        if (owned) return {};
        const WallTime now = clock.wall_now();
        some = wait_again(&batch, post.accepted, now);
        if (some == 0) return {};
        if (!*renewed) {
          auto open = storage::take_up_again(c, post.id, now);
          if (!open.ok()) return open.error();
          if (!*open) return not_there_any_more(post.id);
        }
        auto held = PostStore(c).find(post.id);
        if (!held.ok()) return held.error();
        const bool parked = held->has_value() && (*held)->held;  // the release lets it go
        batch.queue = parked ? BatchQueue::kHeld : BatchQueue::kReady;
        return BatchStore(c).save_unowned(batch);
      }));
      *renewed = *renewed || some > 0;
      if (!owned) return some;
      if (--*patience <= 0) return -1;
      std::this_thread::sleep_for(std::chrono::milliseconds(100));
    }
  }

  // They wait as those who were tried and put off, from now on, and without a pause: the failure that a journal still tells is older, and so old news
  // (storage::is_old_news()).
  std::int64_t wait_again(BatchRecord* batch, WallTime accepted, WallTime now) const {
    auto& progress = batch->progress;
    const std::vector<std::size_t> some = meant(*batch);
    if (some.empty()) return 0;
    const std::string said =
        "451 4.7.0 sent again by the operator: " + request_.reason.substr(0, kMostReason);
    storage::Interned replies(&progress.replies), hosts(&progress.hosts);
    for (const std::size_t i : some) {
      auto& status = progress.recipients[i];
      const std::string before = progress.replies[status.reply];
      status.state = RecipientState::kDeferred;
      status.reply = replies.index(before.empty() ? said : said + "; had failed: " + before);
      std::string host;
      if (storage::split_host(progress.hosts[status.host]).about_message) host = storage::kAboutMessage;
      status.host = hosts.index(host.append(storage::kWithItsBatch));
      status.time = storage::seconds_since(accepted, now);
    }
    storage::recount(batch);
    batch->due = now;
    batch->why = said;
    set_destination(batch);
    return static_cast<std::int64_t>(some.size());
  }

  static void set_destination(BatchRecord* batch) {
    batch->destination.clear();
    for (std::size_t i = 0; i < batch->recipients.size(); ++i) {
      if (storage::is_final(batch->progress.recipients[i].state)) continue;
      const std::string& domain = batch->recipients[i].domain;
      if (!batch->destination.empty() && batch->destination != domain) return batch->destination.clear();
      batch->destination = domain;
    }
  }

  Database& database_;
  const PostRetry& request_;
  const storage::RecipientMatch match_;
  const std::string words_;
};

// All of them, before anything is done to one. *change gets those that are unknown or cannot be sent; an error where none can.
Result<std::vector<Retry::Post>> look_at_all(Retry& retry, const PostRetry& request, QueueChange* change) {
  std::vector<Id> ids = request.selection.ids;
  std::sort(ids.begin(), ids.end());
  ids.erase(std::unique(ids.begin(), ids.end()), ids.end());
  std::vector<Retry::Post> posts;
  Result<void> first_refused;
  for (const Id id : ids) {
    auto post = retry.look(id);
    if (post.ok() && post->there) {
      posts.push_back(*std::move(post));
    } else if (post.ok()) {
      change->unknown.push_back(id);
    } else if (post.error().code == ErrorCode::kNotFound || post.error().code == ErrorCode::kConflict) {
      change->refused.push_back(post.error().message);
      if (first_refused.ok()) first_refused = post.error();
    } else {
      return post.error();
    }
  }
  if (!posts.empty() || ids.empty()) return posts;
  if (change->unknown.empty() && change->refused.size() == 1) return first_refused.error();
  std::string names;
  for (const Id id : change->unknown) names += (names.empty() ? "no post " : ", ") + format_id(id);
  for (const std::string& one : change->refused) names += (names.empty() ? "" : "; ") + one;
  return Error{ErrorCode::kNotFound, names};
}

}  // namespace

Result<QueueChange> preview_post_retry(Database& database, const PostRetry& request) {
  Retry retry(database, request);
  QueueChange would;
  auto posts = look_at_all(retry, request, &would);
  if (!posts.ok()) return posts.error();
  for (const Retry::Post& post : *posts) {
    would.posts += post.would.recipients > 0 ? 1 : 0;
    would.recipients += post.would.recipients;
    would.damaged += post.would.damaged;
  }
  return would;
}

Result<QueueChange> retry_posts(Database& database, const Clock& clock, const PostRetry& request,
                                const std::function<void(const std::vector<Id>&)>& recall) {
  if (request.reason.empty())
    return Error{ErrorCode::kInvalid, "a reason is missing, which the ledger is to keep"};
  ESSAIM_TRY(release_abandoned_deletions(database, clock.wall_now()));
  Retry retry(database, request);
  QueueChange all;
  auto posts = look_at_all(retry, request, &all);
  if (!posts.ok()) return posts.error();
  ESSAIM_TRY(database.write_now(Durability::kAccept, [&request](Connection& c) {
    return storage::call_for_retry(c, request.selection.filter.domain);
  }));
  Result<void> first_error;
  for (const Retry::Post& post : *posts) {
    all.damaged += post.would.damaged;
    if (post.batches.empty()) continue;
    QueueChange one;
    const Result<void> done = retry.run(post, clock, recall, &one);
    all.posts += one.posts;
    all.recipients += one.recipients;
    all.busy += one.busy;
    if (!done.ok()) {
      ++all.failed;
      if (first_error.ok()) first_error = done;
    }
    log::info("post-retried", {{"id", format_id(post.record.id)},
                               {"list", post.record.list_address},
                               {"recipients", one.recipients},
                               {"busy", one.busy},
                               {"reason", request.reason}});
    if (!done.ok())
      log::warning("post-retry-failed", {{"id", format_id(post.record.id)}, {"error", done.error().message}});
  }
  if (!first_error.ok() && all.posts == 0) return first_error.error();
  if (!first_error.ok()) all.error = first_error.error().message;
  return all;
}

}  // namespace essaim::smtpd::operate
