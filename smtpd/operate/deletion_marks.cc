#include "smtpd/operate/deletion_marks.h"

#include <algorithm>
#include <string_view>
#include <utility>

#include "core/base/log.h"
#include "core/base/random.h"
#include "smtpd/operate/queue_ops.h"
#include "storage/post_store.h"

namespace essaim::smtpd::operate {
namespace {

using storage::Connection;
using storage::PostStore;

constexpr std::string_view kDeleted = "being deleted, at most until ";
constexpr std::string_view kRetried = "being prepared to be sent again, at most until ";
constexpr std::string_view kWithdrawn = "deleted; what is being transmitted is, too, if it comes back";
constexpr std::string_view kBoth = "being ";  // and maybe what an operator wrote
constexpr std::string_view kAnd = "; ";  // between the marks of commands that are at work on the same post

// Behind the words of a mark; nothing if it is none.
std::string_view time_of(std::string_view held_reason) {
  for (const std::string_view words : {kDeleted, kRetried})
    if (held_reason.starts_with(words)) return held_reason.substr(words.size());
  return {};
}

// The number tells the marks of one second apart.
std::string mark_of(std::string_view words, WallTime now) {
  return std::string(words) + format_iso8601(now + kDeletionMarkLasts) + " (" +
         std::to_string(random_u64() % 1'000'000) + ")";
}

std::vector<std::string> marks_in(std::string_view held_reason) {
  std::vector<std::string> marks;
  for (;;) {
    const std::size_t end = held_reason.find(kAnd);
    marks.emplace_back(held_reason.substr(0, end));
    if (end == std::string_view::npos) return marks;
    held_reason.remove_prefix(end + kAnd.size());
  }
}

Result<std::vector<std::pair<Id, std::string>>> held_for(storage::Database& database,
                                                         std::string_view beginning) {
  std::vector<std::pair<Id, std::string>> out;
  ESSAIM_TRY(database.read_now([&](Connection& c) -> Result<void> {
    auto found = PostStore(c).held_for(beginning);
    if (!found.ok()) return found.error();
    out = *std::move(found);
    return {};
  }));
  return out;
}

}  // namespace

std::string deletion_mark(WallTime now) {
  return mark_of(kDeleted, now);
}

std::string retry_mark(WallTime now) {
  return mark_of(kRetried, now);
}

bool is_deletion_mark(const std::string& held_reason) {
  return !time_of(held_reason).empty();
}

std::string withdrawal(const std::string& reason) {
  return std::string(kWithdrawn) + (reason.empty() ? "" : ": " + reason);
}

bool is_withdrawal(const std::string& held_reason) {
  return held_reason.starts_with(kWithdrawn);
}

bool is_abandoned(const std::string& held_reason, WallTime now) {
  if (!is_deletion_mark(held_reason)) return false;
  // Such times are in the order of their texts.
  const std::string time = format_iso8601(now);
  const auto marks = marks_in(held_reason);
  return std::all_of(marks.begin(), marks.end(), [&](const std::string& one) { return time_of(one) < time; });
}

Result<void> put_mark(Connection& connection, Id id, const std::string& mark, WallTime now) {
  PostStore posts(connection);
  auto post = posts.find(id);
  if (!post.ok()) return post.error();
  std::string all;
  if (post->has_value() && (*post)->held) {
    if (!is_deletion_mark((*post)->held_reason)) return {};
    for (const std::string& other : marks_in((*post)->held_reason))
      if (other != mark && !is_abandoned(other, now)) all.append(other).append(kAnd);
  }
  return posts.set_held(id, true, all + mark);
}

Result<void> take_marks(Connection& connection, Id id, const std::vector<std::string>& marks) {
  PostStore posts(connection);
  auto post = posts.find(id);
  if (!post.ok()) return post.error();
  if (!post->has_value() || !(*post)->held || !is_deletion_mark((*post)->held_reason)) return {};
  std::string others;
  bool any = false;
  for (const std::string& one : marks_in((*post)->held_reason)) {
    const bool ours = std::find(marks.begin(), marks.end(), one) != marks.end();
    any = any || ours;
    if (!ours) others.append(others.empty() ? "" : kAnd).append(one);
  }
  return any ? posts.set_held(id, !others.empty(), others) : Result<void>();
}

Result<std::int64_t> release_abandoned_deletions(storage::Database& database, WallTime now, bool all) {
  auto held = held_for(database, kBoth);
  if (!held.ok()) return held.error();
  std::int64_t total = 0;
  for (const auto& [id, reason] : *held) {
    if (!is_deletion_mark(reason) || (!all && !is_abandoned(reason, now))) continue;
    bool released = false;
    ESSAIM_TRY(database.write_now(storage::Durability::kAccept, [&, id = id](Connection& c) -> Result<void> {
      auto done = PostStore(c).release_if(id, reason);
      if (!done.ok()) return done.error();
      released = *done;
      return {};
    }));
    total += released ? 1 : 0;
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
  job.name = "deletions";
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

}  // namespace essaim::smtpd::operate
