#include "smtpd/operate/post_retry.h"

#include <algorithm>
#include <span>
#include <thread>
#include <utility>

#include "core/base/log.h"
#include "lists/bounces.h"
#include "smtpd/operate/deletion_marks.h"
#include "smtpd/operate/post_groups.h"
#include "storage/batch_progress.h"
#include "storage/batch_store.h"
#include "storage/failure_search.h"
#include "storage/post_again.h"
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
// Some milliseconds of a reader.
constexpr std::size_t kLookedAtTogether = 500;
// What one transaction changes where posts are found by a filter: a batch is up to 50 KB, and each bounce that is taken back a row.
constexpr std::size_t kPostsTogether = 50, kBatchesTogether = 20, kBatchesTogetherOnServer = 8;
constexpr std::int64_t kRecipientsTogether = 2000;
constexpr int kMostFailures = 10;  // one after the other: everything fails, and the rest is left

std::int64_t failed_in(const std::vector<BatchRecord>& heads) {
  std::int64_t sum = 0;
  for (const BatchRecord& head : heads) sum += head.failed;
  return sum;
}

using Recall = std::function<void(const std::vector<Id>&)>;

Error not_there_any_more(Id id) {
  return {ErrorCode::kNotFound,
          "post " + format_id(id) +
              " cannot be sent again: it was over for all its recipients for longer than "
              "retention.failed, and then its text is dropped (by the job retention), or `post remove-text` "
              "took that away"};
}

Error about_to_end() {
  return {ErrorCode::kCancelled, "the server is about to end; the same command does the rest"};
}

// By look(): the others can be sent.
bool is_refusal(const Error& error) {
  return error.code == ErrorCode::kNotFound || error.code == ErrorCode::kConflict;
}

class Retry {
 public:
  Retry(Database& database, const PostRetry& request, std::function<bool()> ending = nullptr)
      : database_(database),
        request_(request),
        match_(request.selection.filter),
        ending_(std::move(ending)) {}
  // Of the server that runs it.
  bool ending() const { return ending_ && ending_(); }

  struct Post {
    bool there = false;
    PostRecord record;
    std::vector<BatchRecord>
        batches;        // in which somebody is meant, or nobody can read who; without recipients
    QueueChange would;  // recipients and damaged ones
  };
  struct Revived {
    std::int64_t recipients = 0, forgiven = 0;
    bool owned = false;  // a node keeps the batch
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
        const std::size_t some =
            damaged || !batch->has_value() ? 0 : match_.of(**batch, out.record.accepted).size();
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

  // What one transaction has done to some posts.
  struct Together {
    struct Done {
      PostRecord post;
      Revived revived;
    };
    std::vector<Done> done;
    std::vector<Id>
        by_themselves;  // a node has some of them in its hands, another command is at work, or they are large
    std::int64_t damaged = 0;  // recipients
  };
  // Of the first ones, as many as one transaction is to change; gives how many. They need no hold, as nobody has their batches.
  Result<std::size_t> run_together(std::span<const Id> ids, WallTime now, Together* out) {
    const std::size_t most =
        database_.wants_small_transactions() ? kBatchesTogetherOnServer : kBatchesTogether;
    std::size_t taken = 0;
    ESSAIM_TRY(database_.write_now(Durability::kAccept, [&](Connection& c) -> Result<void> {
      *out = {};
      std::size_t batches = 0;
      std::int64_t recipients = 0;
      for (taken = 0; taken < ids.size(); ++taken) {
        const Id id = ids[taken];
        auto post = PostStore(c).find(id);
        if (!post.ok()) return post.error();
        if (!post->has_value()) continue;
        auto heads = BatchStore(c).of_post(id, false);
        if (!heads.ok()) return heads.error();
        std::erase_if(*heads, [](const BatchRecord& head) { return head.failed == 0; });
        const std::int64_t failed = failed_in(*heads);
        const bool marked =
            (*post)->held && (is_deletion_mark((*post)->held_reason) || is_withdrawal((*post)->held_reason));
        const bool owned = std::any_of(heads->begin(), heads->end(), [](const BatchRecord& head) {
          return head.queue == BatchQueue::kOwned;
        });
        if (marked || owned || heads->size() > most || failed > kRecipientsTogether) {
          out->by_themselves.push_back(id);
          continue;
        }
        if (taken > 0 && (batches + heads->size() > most || recipients + failed > kRecipientsTogether)) break;
        batches += heads->size();
        recipients += failed;
        Together::Done done{**post, {}};
        for (const BatchRecord& head : *heads) {
          auto one = revive_one(c, **post, head.number, (*post)->held, now, done.revived.recipients > 0);
          if (!one.ok()) return one.error();
          done.revived.recipients += one->recipients;
          done.revived.forgiven += one->forgiven;
        }
        if (done.revived.recipients > 0) out->done.push_back(std::move(done));
      }
      return {};
    }));
    return std::max<std::size_t>(taken, 1);
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
    Revived done;
    bool renewed = false;
    for (const BatchRecord& head : post.batches) {
      if (!outcome.ok()) break;
      auto some = revive(post.record, head, clock, &renewed, &patience);
      if (!some.ok()) outcome = some.error();
      if (!some.ok()) continue;
      change->busy += some->owned ? head.failed : 0;
      done.recipients += some->recipients;
      done.forgiven += some->forgiven;
    }
    change->recipients += done.recipients;
    change->forgiven += done.forgiven;
    change->posts += done.recipients > 0 ? 1 : 0;
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

  // Waits for a node that keeps the batch, as long as there is patience. `renewed`: whether the post's lifetime was.
  Result<Revived> revive(const PostRecord& post, const BatchRecord& head, const Clock& clock, bool* renewed,
                         int* patience) {
    for (;;) {
      Revived some;
      ESSAIM_TRY(database_.write_now(Durability::kAccept, [&](Connection& c) -> Result<void> {
        some = {};
        auto held = PostStore(c).find(post.id);
        if (!held.ok()) return held.error();
        const bool parked = held->has_value() && (*held)->held;  // the release lets it go
        auto done = revive_one(c, post, head.number, parked, clock.wall_now(), *renewed);
        if (!done.ok()) return done.error();
        some = *done;
        return {};
      }));
      *renewed = *renewed || some.recipients > 0;
      if (!some.owned || --*patience <= 0 || ending()) return some;
      std::this_thread::sleep_for(std::chrono::milliseconds(100));
    }
  }

  // In the caller's transaction.
  Result<Revived> revive_one(Connection& c, const PostRecord& post, int number, bool parked, WallTime now,
                             bool renewed) {
    Revived out;
    auto found = BatchStore(c).load(post.id, number, true);
    if (!found.ok()) return found.error();
    if (!found->has_value()) return out;
    BatchRecord batch = **std::move(found);
    out.owned = batch.queue == BatchQueue::kOwned;
    if (out.owned) return out;
    const std::vector<std::size_t> some = match_.of(batch, post.accepted);
    if (some.empty()) return out;
    if (!renewed) {
      auto open = storage::take_up_again(c, post.id, now);
      if (!open.ok()) return open.error();
      if (!*open) return not_there_any_more(post.id);
    }
    if (request_.forgive) {
      auto forgiven = forgive(c, post, batch, some);
      if (!forgiven.ok()) return forgiven.error();
      out.forgiven = *forgiven;
    }
    out.recipients = wait_again(&batch, some, post.accepted, now);
    batch.queue = parked ? BatchQueue::kHeld : BatchQueue::kReady;
    ESSAIM_TRY(BatchStore(c).save_unowned(batch));
    return out;
  }

  // With the failure goes the bounce that it was counted as.
  static Result<std::int64_t> forgive(Connection& c, const PostRecord& post, const BatchRecord& batch,
                                      const std::vector<std::size_t>& some) {
    std::int64_t sum = 0;
    for (const std::size_t i : some) {
      const auto& status = batch.progress.recipients[i];
      lists::DeliveryFailure failure;
      failure.post = &post;
      failure.member_id = batch.recipients[i].member_id;
      failure.reply = batch.progress.replies[status.reply];
      failure.about_message = storage::split_host(batch.progress.hosts[status.host]).about_message;
      auto taken_back = lists::forgive_failure(c, failure);
      if (!taken_back.ok()) return taken_back.error();
      sum += *taken_back ? 1 : 0;
    }
    return sum;
  }

  // They wait as those who were tried and put off, from now on, and without a pause: the failure that a journal still tells is older, and so old news
  // (storage::is_old_news()).
  std::int64_t wait_again(BatchRecord* batch, const std::vector<std::size_t>& some, WallTime accepted,
                          WallTime now) const {
    auto& progress = batch->progress;
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
  const storage::FailedMatch match_;
  const std::function<bool()> ending_;
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
    } else if (is_refusal(post.error())) {
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

// Calls `take` with the posts that the filter finds, some of them at a time.
Result<void> for_those_found(Database& database, storage::PostFilter filter,
                             const std::function<Result<void>(const storage::PostsFound&)>& take) {
  filter.failed = true;
  for (const bool expanded : {false, true}) {
    storage::PostsFound found;
    do {
      auto some = database.read_now([&, after = found.last](Connection& c) {
        return PostStore(c).search_waiting(filter, expanded, after, kLookedAtTogether);
      });
      if (!some.ok()) return some.error();
      found = *std::move(some);
      ESSAIM_TRY(take(found));
    } while (found.more);
  }
  return {};
}

void note_failed(QueueChange* change, Id id, const Error& error) {
  ++change->failed;
  if (change->error.empty()) change->error = "post " + format_id(id) + ": " + error.message;
}

void log_retried(const PostRecord& post, const QueueChange& one, const PostRetry& request) {
  log::info("post-retried", {{"id", format_id(post.id)},
                             {"list", post.list_address},
                             {"recipients", one.recipients},
                             {"busy", one.busy},
                             {"forgiven", one.forgiven},
                             {"reason", request.reason}});
}

void add(const QueueChange& one, QueueChange* all) {
  all->posts += one.posts;
  all->recipients += one.recipients;
  all->busy += one.busy;
  all->forgiven += one.forgiven;
}

// One post by itself, with a hold.
void retry_one(Retry& retry, Id id, const PostRetry& request, const Clock& clock, const Recall& recall,
               QueueChange* all) {
  auto post = retry.look(id);
  if (!post.ok() && is_refusal(post.error())) {
    all->refused.push_back(post.error().message);
    return;
  }
  if (!post.ok()) return note_failed(all, id, post.error());
  all->damaged += post->would.damaged;
  if (!post->there || post->batches.empty()) return;
  QueueChange one;
  const Result<void> done = retry.run(*post, clock, recall, &one);
  add(one, all);
  log_retried(post->record, one, request);
  if (done.ok()) return;
  log::warning("post-retry-failed", {{"id", format_id(id)}, {"error", done.error().message}});
  note_failed(all, id, done.error());
}

Result<QueueChange> retry_found(Database& database, Retry& retry, const PostRetry& request,
                                const Clock& clock, const Recall& recall) {
  QueueChange all;
  const auto take = [&](const storage::PostsFound& found) -> Result<void> {
    for (const auto& [id, why] : found.damaged) note_failed(&all, id, {ErrorCode::kDamaged, why});
    const auto together = [&](std::span<const Id> ids) -> Result<std::size_t> {
      if (retry.ending()) return about_to_end();
      Retry::Together done;
      auto taken = retry.run_together(ids, clock.wall_now(), &done);
      if (!taken.ok()) return taken.error();
      for (const auto& [post, revived] : done.done) {
        QueueChange one;
        one.posts = 1;
        one.recipients = revived.recipients;
        one.forgiven = revived.forgiven;
        add(one, &all);
        log_retried(post, one, request);
      }
      for (const Id id : done.by_themselves) {
        if (retry.ending()) return about_to_end();
        retry_one(retry, id, request, clock, recall, &all);
      }
      return taken;
    };
    Result<void> ended;
    int failures_together = 0;
    const auto alone = [&](Id id, const std::function<Result<void>()>& work) {
      if (!ended.ok()) return false;
      const Result<void> done = work();
      if (done.ok()) {
        failures_together = 0;
        return true;
      }
      switch (done.error().code) {
        case ErrorCode::kCancelled:
          ended = done;
          break;
        case ErrorCode::kConflict:  // a node has claimed it since
        case ErrorCode::kDamaged:   // a batch of it, and the others can be sent
          retry_one(retry, id, request, clock, recall, &all);
          break;
        case ErrorCode::kNotFound:
          all.refused.push_back(done.error().message);
          break;
        default:
          note_failed(&all, id, done.error());
          if (++failures_together >= kMostFailures) ended = done;
      }
      return false;
    };
    static_cast<void>(change_in_groups(found.ids, kPostsTogether, together, alone));
    return ended;
  };
  const Result<void> done = for_those_found(database, request.selection.filter, take);
  if (!done.ok() && all.posts == 0) return done.error();
  if (!done.ok()) {
    all.failed = std::max<std::int64_t>(all.failed, 1);
    all.error = done.error().message;
  }
  if (all.posts == 0 && all.failed > 0) return Error{ErrorCode::kInternal, all.error};
  return all;
}

}  // namespace

Result<QueueChange> preview_post_retry(Database& database, const PostRetry& request) {
  Retry retry(database, request);
  QueueChange would;
  if (request.selection.ids.empty()) {
    ESSAIM_TRY(for_those_found(database, request.selection.filter,
                               [&](const storage::PostsFound& found) -> Result<void> {
                                 for (const auto& [id, why] : found.damaged)
                                   note_failed(&would, id, {ErrorCode::kDamaged, why});
                                 for (const Id id : found.ids) {
                                   auto post = retry.look(id);
                                   if (!post.ok() && !is_refusal(post.error())) return post.error();
                                   if (!post.ok()) {
                                     would.refused.push_back(post.error().message);
                                     continue;
                                   }
                                   would.posts += post->would.recipients > 0 ? 1 : 0;
                                   would.recipients += post->would.recipients;
                                   would.damaged += post->would.damaged;
                                 }
                                 return {};
                               }));
    return would;
  }
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
                                const Recall& recall, const std::function<bool()>& ending) {
  if (request.reason.empty())
    return Error{ErrorCode::kInvalid, "a reason is missing, which the ledger is to keep"};
  ESSAIM_TRY(release_abandoned_deletions(database, clock.wall_now()));
  Retry retry(database, request, ending);
  const auto call = [&] {
    return database.write_now(Durability::kAccept, [&request](Connection& c) {
      return storage::call_for_retry(c, request.selection.filter.domain);
    });
  };
  if (request.selection.ids.empty()) {
    ESSAIM_TRY(call());
    return retry_found(database, retry, request, clock, recall);
  }
  QueueChange all;
  auto posts = look_at_all(retry, request, &all);
  if (!posts.ok()) return posts.error();
  ESSAIM_TRY(call());
  Result<void> first_error;
  for (const Retry::Post& post : *posts) {
    all.damaged += post.would.damaged;
    if (post.batches.empty()) continue;
    if (retry.ending()) {
      ++all.failed;
      if (first_error.ok()) first_error = about_to_end();
      continue;
    }
    QueueChange one;
    const Result<void> done = retry.run(post, clock, recall, &one);
    add(one, &all);
    if (!done.ok()) {
      ++all.failed;
      if (first_error.ok()) first_error = done;
    }
    log_retried(post.record, one, request);
    if (!done.ok())
      log::warning("post-retry-failed", {{"id", format_id(post.record.id)}, {"error", done.error().message}});
  }
  if (!first_error.ok() && all.posts == 0) return first_error.error();
  if (!first_error.ok()) all.error = first_error.error().message;
  return all;
}

}  // namespace essaim::smtpd::operate
