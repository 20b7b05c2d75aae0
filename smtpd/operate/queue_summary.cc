#include "smtpd/operate/queue_summary.h"

#include <algorithm>
#include <map>
#include <optional>
#include <span>

#include "smtpd/operate/reason_pattern.h"
#include "storage/batch_store.h"
#include "storage/node_store.h"
#include "storage/post_filter.h"

namespace essaim::smtpd::operate {
namespace {

using storage::BatchQueue;
using storage::BatchRecord;
using storage::BatchStore;
using storage::Connection;
using storage::RecipientState;

constexpr std::size_t kMostBatches = 1'000'000;
constexpr std::size_t kReasonShown = 160;
constexpr std::size_t kBatchesTogether = 20;  // the contents of one are up to some 100 KB in memory

struct Sums {
  QueueSum sum;
  std::set<Id> posts;
  std::set<std::string> domains;
};

// Why one recipient of a batch waits.
std::string reason_of(const BatchRecord& batch, const storage::PostRecord& post, std::size_t i) {
  if (post.held) return "held: " + (post.held_reason.empty() ? "no reason given" : post.held_reason);
  const auto& status = batch.progress.recipients[i];
  const auto& replies = batch.progress.replies;
  const std::string& reply = status.reply < replies.size() ? replies[status.reply] : replies[0];
  const bool all_suspended =
      batch.why.find(storage::suspended_reply(storage::SuspensionScope::kList)) == 0 ||
      batch.why.find(storage::suspended_reply(storage::SuspensionScope::kEverything)) == 0;
  switch (batch.queue) {
    case BatchQueue::kOwned:
      return reply.empty() ? "being delivered" : "being tried again; last: " + reply;
    case BatchQueue::kReady:
      return reply.empty() ? "it is not its turn yet" : "due again; last: " + reply;
    case BatchQueue::kWaiting:
    case BatchQueue::kHeld:
    case BatchQueue::kFinished:
      break;
  }
  if (all_suspended || reply.empty()) return batch.why;
  return reply;
}

class Summary {
 public:
  Summary(const storage::PostFilter& filter, SumBy by) : match_(filter), by_(by) {}

  void add(const BatchRecord& batch, const storage::PostRecord& post) {
    // Neighbours are mostly at one domain, with one reply.
    Sums* last_line = nullptr;
    std::size_t last = 0;
    for (std::size_t i = 0; i < batch.recipients.size(); ++i) {
      const RecipientState state = batch.progress.recipients[i].state;
      if (state != RecipientState::kPending && state != RecipientState::kDeferred) continue;
      if (match_.any() && !match_.matches(batch.recipients[i])) continue;
      if (last_line != nullptr &&
          batch.progress.recipients[i].reply == batch.progress.recipients[last].reply &&
          batch.recipients[i].domain == batch.recipients[last].domain) {
        ++last_line->sum.recipients;
        continue;
      }
      const std::string key = by_ == SumBy::kDestination ? batch.recipients[i].domain
                              : by_ == SumBy::kList      ? post.list_address
                                                         : std::string();
      const std::string& domain = batch.recipients[i].domain;
      const std::string reason = reason_of(batch, post, i);
      Sums& line = line_for(
          key, by_ == SumBy::kDestination || post.held ? reason : reason_pattern(reason, domain), post, 1);
      last_line = &line;
      last = i;
      line.domains.insert(domain);
      if (batch.queue == BatchQueue::kWaiting &&
          (line.sum.next_due == WallTime{} || batch.due < line.sum.next_due))
        line.sum.next_due = batch.due;
    }
  }

  // On a damaged page: neither to whom it goes is known, nor how many they are.
  void add_unread(const BatchRecord& head) {
    storage::PostRecord unread;
    unread.id = head.post_id;
    static_cast<void>(line_for("", head.why, unread, 0));
  }

  // Whoever waits in it: that cannot be read.
  void add_damaged(const BatchRecord& head, const storage::PostRecord& post, const std::string& damage) {
    static_cast<void>(line_for(by_ == SumBy::kDestination ? head.destination
                               : by_ == SumBy::kList      ? post.list_address
                                                          : std::string(),
                               "damaged: " + damage, post, head.pending));
  }

  QueueSums sums() const {
    QueueSums out;
    for (const auto& [key, line] : lines_) {
      out.lines.push_back(line.sum);
      out.lines.back().posts = static_cast<std::int64_t>(line.posts.size());
      out.lines.back().domains = static_cast<std::int64_t>(line.domains.size());
      out.recipients += line.sum.recipients;
    }
    std::stable_sort(out.lines.begin(), out.lines.end(),
                     [](const QueueSum& a, const QueueSum& b) { return a.recipients > b.recipients; });
    return out;
  }

 private:
  Sums& line_for(const std::string& key, const std::string& why, const storage::PostRecord& post,
                 std::int64_t recipients) {
    const std::string reason = why.substr(0, kReasonShown);
    Sums& line = lines_[{key, reason}];
    line.sum.key = key;
    line.sum.reason = reason;
    line.sum.recipients += recipients;
    line.posts.insert(post.id);
    const bool known = post.accepted != WallTime{};
    if (known && (line.sum.oldest == WallTime{} || post.accepted < line.sum.oldest))
      line.sum.oldest = post.accepted;
    return line;
  }

  const storage::RecipientMatch match_;
  const SumBy by_;
  std::map<std::pair<std::string, std::string>, Sums> lines_;
};

// Of a batch of which somebody waits. Neither: it, or its post, has gone meanwhile.
struct Contents {
  std::optional<BatchRecord> batch;
  std::string damage;
};

Result<Contents> read_contents(Connection& c, const BatchRecord& head,
                               std::map<Id, storage::PostRecord>* posts) {
  Contents out;
  if (head.unread || head.pending == 0) return out;
  if (posts->count(head.post_id) == 0) {
    auto post = storage::PostStore(c).find(head.post_id);
    if (!post.ok() && post.error().code == ErrorCode::kDamaged) {
      out.damage = post.error().message;
      return out;
    }
    if (!post.ok()) return post.error();
    if (!post->has_value()) return out;
    (*posts)[head.post_id] = **std::move(post);
  }
  auto batch = BatchStore(c).load(head.post_id, head.number, true);
  if (!batch.ok() && batch.error().code == ErrorCode::kDamaged) {
    out.damage = batch.error().message;
    return out;
  }
  if (!batch.ok()) return batch.error();
  out.batch = *std::move(batch);
  return out;
}

}  // namespace

Result<QueueSums> sum_up(storage::Database& database, const storage::PostFilter& filter, Id id, SumBy by) {
  std::vector<BatchRecord> heads;
  std::int64_t unexpanded = 0;
  ESSAIM_TRY(database.read_now([&](Connection& c) -> Result<void> {
    storage::PostFilter all = filter;
    all.limit = kMostBatches;
    auto found = id != 0 ? BatchStore(c).of_post(id, false) : BatchStore(c).waiting(all);
    if (!found.ok()) return found.error();
    heads = *std::move(found);
    auto open = storage::PostStore(c).unexpanded(kMostBatches);
    if (!open.ok()) return open.error();
    unexpanded =
        id == 0 ? static_cast<std::int64_t>(open->size()) : std::count(open->begin(), open->end(), id);
    return {};
  }));
  Summary summary(filter, by);
  std::map<Id, storage::PostRecord> posts;
  for (std::size_t at = 0; at < heads.size(); at += kBatchesTogether) {
    const auto some = std::span(heads).subspan(at, std::min(kBatchesTogether, heads.size() - at));
    std::vector<Contents> contents;
    ESSAIM_TRY(database.read_now([&](Connection& c) -> Result<void> {
      contents.clear();
      for (const BatchRecord& head : some) {
        auto one = read_contents(c, head, &posts);
        if (!one.ok()) return one.error();
        contents.push_back(*std::move(one));
      }
      return {};
    }));
    for (std::size_t i = 0; i < some.size(); ++i) {
      const Contents& one = contents[i];
      storage::PostRecord unread;
      unread.id = some[i].post_id;
      const auto post = posts.find(some[i].post_id);
      if (some[i].unread)
        summary.add_unread(some[i]);
      else if (!one.damage.empty())
        summary.add_damaged(some[i], post == posts.end() ? unread : post->second, one.damage);
      else if (one.batch)
        summary.add(*one.batch, post->second);
    }
  }
  QueueSums out = summary.sums();
  out.unexpanded = unexpanded;
  return out;
}

Result<std::int64_t> pending_of_post(storage::Database& database, Id id) {
  std::int64_t sum = 0;
  ESSAIM_TRY(database.read_now([&](storage::Connection& c) -> Result<void> {
    auto counts = storage::PostStore(c).counts(id);
    if (!counts.ok()) return counts.error();
    sum = counts->pending;
    return {};
  }));
  return sum;
}

Result<std::int64_t> parked_of_post(storage::Database& database, Id id) {
  std::int64_t sum = 0;
  ESSAIM_TRY(database.read_now([&](storage::Connection& c) -> Result<void> {
    sum = 0;
    auto all = storage::BatchStore(c).of_post(id, false);
    if (!all.ok()) return all.error();
    for (const storage::BatchRecord& batch : *all)
      sum += batch.queue == storage::BatchQueue::kHeld ? batch.pending : 0;
    return {};
  }));
  return sum;
}

}  // namespace essaim::smtpd::operate
