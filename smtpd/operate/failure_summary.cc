#include "smtpd/operate/failure_summary.h"

#include <algorithm>
#include <map>
#include <span>
#include <unordered_set>

#include <sys/socket.h>

#include "core/base/network.h"
#include "core/base/text.h"
#include "smtpd/operate/reason_pattern.h"
#include "storage/batch_store.h"
#include "storage/failure_search.h"

namespace essaim::smtpd::operate {
namespace {

using storage::BatchRecord;
using storage::BatchStore;
using storage::Connection;
using storage::PostStore;

// Some milliseconds of a reader, as heads tell most.
constexpr std::size_t kLookedAtTogether = 500;
// A post to a big list has a thousand heads of batches; the contents of a batch are up to some 100 KB in memory.
constexpr std::size_t kPostsTogether = 50, kBatchesTogether = 20;
constexpr char kOthers[] = "(others)";

struct Line {
  FailureSum sum;
  Id last_post = 0;
};

class Summary {
 public:
  Summary(const storage::PostFilter& filter, FailuresBy by) : match_(filter), by_(by) {}

  // Batches of a post in which somebody has failed come one behind the other.
  void add(const BatchRecord& batch, const storage::PostRecord& post, bool kept) {
    // Neighbours are mostly at one domain, with one reply of one host.
    Line* line = nullptr;
    std::size_t last = 0;
    for (const std::size_t i : match_.of(batch, post.accepted)) {
      const storage::RecipientStatus& status = batch.progress.recipients[i];
      const std::string& reply = batch.progress.replies[status.reply];
      const storage::MarkedHost host = storage::split_host(batch.progress.hosts[status.host]);
      const storage::RecipientStatus& before = batch.progress.recipients[last];
      if (line == nullptr || status.reply != before.reply || status.host != before.host ||
          batch.recipients[i].domain != batch.recipients[last].domain)
        line = &line_for(key_of(batch.recipients[i], host.host, post),
                         reason_pattern(reply, batch.recipients[i].domain));
      last = i;
      const WallTime when = post.accepted + std::chrono::seconds(status.time);
      add_one(line, batch.recipients[i], post, when, reply, host);
      line->sum.again += kept ? 1 : 0;
      sums_.again += kept ? 1 : 0;
    }
  }
  void add_unread(Id id, const std::string& why) {
    if (sums_.unread.empty() || sums_.unread.back().first != id) sums_.unread.emplace_back(id, why);
  }

  FailureSums sums() {
    for (auto& [key, line] : lines_) sums_.lines.push_back(std::move(line.sum));
    std::stable_sort(sums_.lines.begin(), sums_.lines.end(),
                     [](const FailureSum& a, const FailureSum& b) { return a.recipients > b.recipients; });
    return std::move(sums_);
  }

 private:
  void add_one(Line* line, const storage::BatchRecipient& recipient, const storage::PostRecord& post,
               WallTime when, const std::string& reply, const storage::MarkedHost& host) {
    FailureSum& sum = line->sum;
    ++sum.recipients;
    ++sums_.recipients;
    sum.bounces += host.about_message ? 0 : 1;
    if (line->last_post != post.id) ++sum.posts;
    line->last_post = post.id;
    if (last_post_ != post.id) ++sums_.posts;
    last_post_ = post.id;
    if (!post.list_address.empty() && sum.lists.count(post.list_address) == 0) {
      if (sum.lists.size() < FailureSum::kMostLists)
        sum.lists.insert(post.list_address);
      else
        sum.more_lists = true;
    }
    if (sum.first == WallTime{} || when < sum.first) sum.first = when;
    if (when < sum.last) return;
    sum.last = when;
    sum.post_id = post.id;
    sum.recipient = recipient.local + "@" + recipient.domain;
    sum.reply = reply;
    sum.host = host.host;
  }

  std::string key_of(const storage::BatchRecipient& recipient, std::string_view host,
                     const storage::PostRecord& post) const {
    if (by_ == FailuresBy::kList) return post.list_address;
    if (by_ == FailuresBy::kReply) return "";
    const std::string provider = by_ == FailuresBy::kProvider ? provider_of(host) : "";
    return provider.empty() ? recipient.domain : provider;
  }

  Line& line_for(const std::string& key, const std::string& pattern) {
    const auto known = lines_.find({key, pattern});
    if (known != lines_.end()) return known->second;
    std::pair<std::string, std::string> name{key, pattern};
    if (lines_.size() >= FailureSums::kMostLines) {
      const bool key_known =
          lines_.lower_bound({key, ""}) != lines_.end() && lines_.lower_bound({key, ""})->first.first == key;
      name = {key_known ? key : kOthers, kOthers};
    }
    Line& line = lines_[name];
    line.sum.key = name.first;
    line.sum.pattern = name.second;
    return line;
  }

  const storage::FailedMatch match_;
  const FailuresBy by_;
  std::map<std::pair<std::string, std::string>, Line> lines_;
  Id last_post_ = 0;
  FailureSums sums_;
};

// Batches in which somebody has failed, of posts, by number.
struct FailedPost {
  storage::PostRecord post;
  std::vector<int> numbers;
};
struct FailedPosts {
  std::vector<FailedPost> posts;
  std::vector<std::pair<Id, std::string>> unread;
};

Result<FailedPosts> read_heads(Connection& c, std::span<const Id> ids) {
  FailedPosts out;
  for (const Id id : ids) {
    auto post = PostStore(c).find(id);
    auto heads = post.ok() ? BatchStore(c).of_post(id, false) : post.error();
    if (!heads.ok() && heads.error().code == ErrorCode::kDamaged) {
      out.unread.emplace_back(id, heads.error().message);
      continue;
    }
    if (!heads.ok()) return heads.error();
    if (!post->has_value()) continue;
    FailedPost failed{**std::move(post), {}};
    for (const BatchRecord& head : *heads)
      if (head.failed > 0) failed.numbers.push_back(head.number);
    out.posts.push_back(std::move(failed));
  }
  return out;
}

// The posts' failures; `kept`: their texts are.
Result<void> add_posts(storage::Database& database, std::span<const Id> ids, bool kept, Summary* summary) {
  for (; !ids.empty(); ids = ids.subspan(std::min(ids.size(), kPostsTogether))) {
    const auto some = ids.first(std::min(ids.size(), kPostsTogether));
    auto found = database.read_now([some](Connection& c) { return read_heads(c, some); });
    if (!found.ok()) return found.error();
    std::vector<std::pair<const storage::PostRecord*, int>> names;
    for (const FailedPost& one : found->posts)
      for (const int number : one.numbers) names.emplace_back(&one.post, number);
    for (std::size_t at = 0; at < names.size(); at += kBatchesTogether) {
      std::vector<std::pair<const storage::PostRecord*, BatchRecord>> batches;
      std::vector<std::pair<Id, std::string>> unread;
      ESSAIM_TRY(database.read_now([&](Connection& c) -> Result<void> {
        batches.clear();
        unread.clear();
        for (std::size_t i = at; i < std::min(names.size(), at + kBatchesTogether); ++i) {
          const auto& [post, number] = names[i];
          auto batch = BatchStore(c).load(post->id, number, true);
          if (!batch.ok() && batch.error().code != ErrorCode::kDamaged) return batch.error();
          if (!batch.ok()) unread.emplace_back(post->id, batch.error().message);
          if (batch.ok() && batch->has_value()) batches.emplace_back(post, **std::move(batch));
        }
        return {};
      }));
      for (const auto& [post, batch] : batches) summary->add(batch, *post, kept);
      for (const auto& [id, why] : unread) summary->add_unread(id, why);
    }
    for (const auto& [id, why] : found->unread) summary->add_unread(id, why);
  }
  return {};
}

}  // namespace

std::string provider_of(std::string_view host) {
  host = host.substr(0, host.find_first_of("[: "));
  while (host.ends_with('.')) host.remove_suffix(1);
  if (host.empty()) return "";
  std::string name = ascii_lowered(host);
  if (is_ip(AF_INET, name) || is_ip(AF_INET6, name)) return name;
  const auto label_before = [&name](std::size_t end) {
    const std::size_t dot = end == 0 ? std::string::npos : name.rfind('.', end - 1);
    return dot == std::string::npos ? std::size_t{0} : dot + 1;
  };
  const std::size_t top = label_before(name.size());
  if (top == 0) return name;
  std::size_t second = label_before(top - 1);
  // As in co.uk and ne.jp, below which it is that names are given.
  if (second > 0 && name.size() - top == 2 && top - 1 - second <= 3) second = label_before(second - 1);
  return name.substr(second);
}

Result<FailureSums> sum_up_failures(storage::Database& database, storage::PostFilter filter, FailuresBy by) {
  filter.failed = true;
  Summary summary(filter, by);
  // A post that is settled meanwhile is met twice, and counts once.
  std::unordered_set<Id> met;
  const auto take = [&](storage::PostsFound& found, bool kept) -> Result<void> {
    std::erase_if(found.ids, [&met](Id id) { return met.count(id) > 0; });
    met.insert(found.ids.begin(), found.ids.end());
    for (const auto& [id, why] : found.damaged) summary.add_unread(id, why);
    return add_posts(database, found.ids, kept, &summary);
  };
  for (const bool expanded : {false, true}) {
    storage::PostsFound found;
    do {
      auto some = database.read_now([&, after = found.last](Connection& c) {
        return PostStore(c).search_waiting(filter, expanded, after, kLookedAtTogether);
      });
      if (!some.ok()) return some.error();
      found = *std::move(some);
      ESSAIM_TRY(take(found, true));
    } while (found.more);
  }
  storage::PlaceAmongSettled place;
  storage::PostsFound found;
  do {
    storage::PlaceAmongSettled next;
    auto some = database.read_now([&](Connection& c) {
      next = place;
      return storage::search_settled(c, filter, &next, kLookedAtTogether);
    });
    if (!some.ok()) return some.error();
    place = next;
    found = *std::move(some);
    ESSAIM_TRY(take(found, false));
  } while (found.more);
  return summary.sums();
}

}  // namespace essaim::smtpd::operate
