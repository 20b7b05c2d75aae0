#include "smtpd/operate/deletion_marks.h"

#include <algorithm>
#include <string_view>
#include <utility>

#include "core/base/log.h"
#include "core/base/random.h"
#include "core/base/text.h"
#include "smtpd/operate/queue_ops.h"
#include "storage/digest_store.h"
#include "storage/post_store.h"

namespace essaim::smtpd::operate {
namespace {

using storage::Connection;
using storage::PostStore;

constexpr std::string_view kDeleted = "being deleted, at most until ";
constexpr std::string_view kRetried = "being prepared to be sent again, at most until ";
constexpr std::string_view kWithdrawn = "deleted; what is being transmitted is, too, if it comes back";
constexpr std::string_view kBoth = "being ";  // and maybe what an operator wrote
constexpr std::string_view kAnd = "; ";       // in front of each mark but the first thing there
constexpr std::string_view kUnnamed = "held by operator";
constexpr std::string_view kByNode = " by node ", kEpoch = ", epoch ";  // behind the number of a mark

// Behind the words of a mark, and begins with the time; nothing if it is none.
std::string_view time_of(std::string_view held_reason) {
  constexpr std::size_t kDay = 10, kTime = 24;  // "2026-11-22T18:52:04.000Z"
  for (const std::string_view words : {kDeleted, kRetried}) {
    if (!held_reason.starts_with(words)) continue;
    held_reason.remove_prefix(words.size());
    const bool time =
        held_reason.size() >= kTime && held_reason[kDay] == 'T' && held_reason[kTime - 1] == 'Z';
    return time ? held_reason : std::string_view();
  }
  return {};
}

// The number tells the marks of one second apart.
std::string mark_of(std::string_view words, WallTime until, storage::NodeStore::Identity by) {
  std::string mark =
      std::string(words) + format_iso8601(until) + " (" + std::to_string(random_u64() % 1'000'000);
  if (by.number != 0)
    mark.append(kByNode).append(std::to_string(by.number)).append(kEpoch).append(std::to_string(by.epoch));
  return mark + ")";
}

struct Held {
  std::string hold;                // what an operator wrote, or a withdrawal says; "" if there is neither
  std::vector<std::string> marks;  // behind it
};

// The marks are last, so they are taken from the end: an operator may have written kAnd, too.
Held parts_of(std::string_view held_reason) {
  Held held;
  while (!held_reason.empty()) {
    const std::size_t last = held_reason.rfind(kAnd);
    const std::size_t begin = last == std::string_view::npos ? 0 : last + kAnd.size();
    if (time_of(held_reason.substr(begin)).empty()) break;
    held.marks.emplace(held.marks.begin(), held_reason.substr(begin));
    held_reason = held_reason.substr(0, begin == 0 ? 0 : last);
  }
  held.hold = held_reason;
  return held;
}

bool is_over(const std::string& mark, WallTime now) {
  return time_of(mark) < format_iso8601(now);  // such times are in the order of their texts
}

// Whether the server whose mark it is has ended: epochs only grow, so whatever is read late never says so of one at work.
bool is_of_ended(std::string_view mark, const NodeEpochs& epochs) {
  const std::size_t by = mark.rfind(kByNode);
  if (by == std::string_view::npos || !mark.ends_with(')')) return false;
  mark.remove_suffix(1);
  mark.remove_prefix(by + kByNode.size());
  const std::size_t comma = mark.find(kEpoch);
  if (comma == std::string_view::npos) return false;
  const auto number = parse_u64(mark.substr(0, comma)), epoch = parse_u64(mark.substr(comma + kEpoch.size()));
  if (!number || !epoch || *number >= std::uint64_t{storage::kFirstCommandLineNode}) return false;
  const auto node = epochs.find(static_cast<int>(*number));
  return node != epochs.end() && static_cast<std::uint64_t>(node->second) > *epoch;
}

std::string in_one(const Held& held) {
  std::string out = held.hold;
  for (const std::string& mark : held.marks) out.append(out.empty() ? "" : kAnd).append(mark);
  return out;
}

// As the post has it; nothing in it if the post is not held. kNotFound: there is no such post.
Result<Held> held_of(Connection& connection, Id id) {
  auto post = PostStore(connection).find(id);
  if (!post.ok()) return post.error();
  if (!post->has_value()) return Error{ErrorCode::kNotFound, "no post " + format_id(id)};
  if (!(*post)->held) return Held();
  Held held = parts_of((*post)->held_reason);
  if (held.hold.empty() && held.marks.empty()) held.hold = kUnnamed;
  return held;
}

// `epochs` (may be null): of all nodes, at the same moment.
Result<std::vector<std::pair<Id, std::string>>> held_for(storage::Database& database,
                                                         std::string_view beginning,
                                                         NodeEpochs* epochs = nullptr) {
  std::vector<std::pair<Id, std::string>> out;
  ESSAIM_TRY(database.read_now([&](Connection& c) -> Result<void> {
    auto found = PostStore(c).held_for(beginning);
    if (!found.ok()) return found.error();
    out = *std::move(found);
    if (epochs == nullptr || out.empty()) return {};
    auto nodes = storage::NodeStore(c).all();
    if (!nodes.ok()) return nodes.error();
    epochs->clear();
    for (const storage::NodeSight& node : *nodes) (*epochs)[node.number] = node.epoch;
    return {};
  }));
  return out;
}

}  // namespace

std::string deletion_mark(WallTime now, std::chrono::milliseconds lasts, storage::NodeStore::Identity by) {
  return mark_of(kDeleted, now + lasts, by);
}

std::string retry_mark(WallTime now, std::chrono::milliseconds lasts, storage::NodeStore::Identity by) {
  return mark_of(kRetried, now + lasts, by);
}

bool is_deletion_mark(const std::string& held_reason) {
  const Held held = parts_of(held_reason);
  return held.hold.empty() && !held.marks.empty();
}

std::string withdrawal(const std::string& reason) {
  return std::string(kWithdrawn) + (reason.empty() ? "" : ": " + reason);
}

bool is_withdrawal(const std::string& held_reason) {
  return held_reason.starts_with(kWithdrawn);
}

bool is_abandoned(const std::string& held_reason, WallTime now, const NodeEpochs& epochs) {
  const Held held = parts_of(held_reason);
  return held.hold.empty() && !held.marks.empty() &&
         std::all_of(held.marks.begin(), held.marks.end(), [&](const std::string& mark) {
           return is_over(mark, now) || is_of_ended(mark, epochs);
         });
}

Result<void> put_mark(Connection& connection, Id id, const std::string& mark, WallTime now) {
  auto held = held_of(connection, id);
  if (!held.ok()) return held.error();
  if (is_withdrawal(held->hold)) return {};
  std::erase_if(held->marks, [&](const std::string& one) { return one == mark || is_over(one, now); });
  held->marks.push_back(mark);
  return PostStore(connection).set_held(id, true, in_one(*held));
}

Result<void> take_marks(Connection& connection, Id id, const std::vector<std::string>& marks) {
  auto held = held_of(connection, id);
  if (!held.ok() && held.error().code == ErrorCode::kNotFound) return {};
  if (!held.ok()) return held.error();
  const auto ours = [&](const std::string& one) {
    return std::find(marks.begin(), marks.end(), one) != marks.end();
  };
  if (std::erase_if(held->marks, ours) == 0) return {};
  const std::string rest = in_one(*held);
  return PostStore(connection).set_held(id, !rest.empty(), rest);
}

Result<void> put_hold(Connection& connection, Id id, const std::string& reason, WallTime now) {
  auto held = held_of(connection, id);
  if (!held.ok()) return held.error();
  if (!held->hold.empty()) return {};
  held->hold = reason.empty() ? kUnnamed : std::string_view(reason);
  std::erase_if(held->marks, [&](const std::string& one) { return is_over(one, now); });
  return PostStore(connection).set_held(id, true, in_one(*held));
}

Result<std::string> take_hold(Connection& connection, Id id, WallTime now, bool withdrawn) {
  auto held = held_of(connection, id);
  if (!held.ok()) return held.error();
  if (!withdrawn && is_withdrawal(held->hold)) return held->hold;
  held->hold.clear();
  std::erase_if(held->marks, [&](const std::string& one) { return is_over(one, now); });
  std::string rest = in_one(*held);
  ESSAIM_TRY(PostStore(connection).set_held(id, !rest.empty(), rest));
  return rest;
}

Result<std::int64_t> release_abandoned_deletions(storage::Database& database, WallTime now, bool all) {
  NodeEpochs epochs;
  auto held = held_for(database, kBoth, &epochs);
  if (!held.ok()) return held.error();
  std::int64_t total = 0;
  for (const auto& [id, reason] : *held) {
    if (!is_deletion_mark(reason) || (!all && !is_abandoned(reason, now, epochs))) continue;
    auto released = database.write_now(storage::Durability::kAccept, [&, id = id](Connection& c) {
      return PostStore(c).release_if(id, reason);
    });
    if (!released.ok()) return released.error();
    total += *released ? 1 : 0;
  }
  if (total > 0) log::warning("deletion-abandoned", {{"posts_released", total}});
  return total;
}

Result<std::int64_t> finish_withdrawals(storage::Database& database, const Clock& clock) {
  auto withdrawn = held_for(database, kWithdrawn);
  if (!withdrawn.ok()) return withdrawn.error();
  std::int64_t total = 0;
  Result<void> first_error;
  for (const auto& [id, held_reason] : *withdrawn) {
    QueueRequest request;
    request.action = QueueAction::kDelete;
    request.selection.ids = {id};
    request.reason = held_reason.substr(std::min(held_reason.size(), kWithdrawn.size() + 2));
    request.waits = false;
    auto done = change_queue(database, clock, request, nullptr);
    // One that is in trouble stays held, and keeps no other one.
    if (first_error.ok() && !done.ok()) first_error = done.error();
    if (first_error.ok() && done.ok() && !done->error.empty())
      first_error = Error{ErrorCode::kTemporary, done->error};
    if (done.ok()) total += done->recipients;
  }
  if (!first_error.ok()) return first_error.error();
  return total;
}

storage::Job make_deletions_job(const Clock& clock) {
  storage::Job job;
  job.name = kDeletionsJob;
  job.interval = std::chrono::minutes(5);
  job.run = [&clock](storage::Database& database) -> Result<std::string> {
    auto released = release_abandoned_deletions(database, clock.wall_now());
    if (!released.ok()) return released.error();
    auto deleted = finish_withdrawals(database, clock);
    if (!deleted.ok()) return deleted.error();
    return "recipients deleted who came back: " + std::to_string(*deleted) +
           "; posts released that an interrupted command had left held: " + std::to_string(*released);
  };
  return job;
}

Result<void> take_out_of_digest(storage::Database& database, Id post_id) {
  return database.write_now(storage::Durability::kAccept, [post_id](storage::Connection& connection) {
    return storage::DigestStore(connection).remove_post(post_id);
  });
}

}  // namespace essaim::smtpd::operate
