#include "smtpd/operate/command_marks.h"

#include <algorithm>
#include <cstdint>

#include "storage/post_store.h"

namespace essaim::smtpd::operate {
namespace {

using std::chrono::milliseconds;
using storage::Connection;
using storage::PostStore;

constexpr milliseconds kLastsForEach{10};  // several times what it takes to put it
constexpr milliseconds kClocksDiffer = std::chrono::minutes(1);

}  // namespace

void CommandMarks::expect(std::size_t posts) {
  lasts_ = std::max<milliseconds>(kDeletionMarkLasts, static_cast<std::int64_t>(posts) * kLastsForEach);
}

CommandMarks::Mark CommandMarks::make(WallTime now) const {
  switch (kind_) {
    case Kind::kWithdrawal:
      return {withdrawal(reason_), WallTime::max()};
    case Kind::kDeletion:
      return {deletion_mark(now, lasts_, by_), now + lasts_};
    case Kind::kRetry:
      break;
  }
  return {retry_mark(now, lasts_, by_), now + lasts_};
}

Result<void> CommandMarks::put(Connection& connection, const storage::PostRecord& post, const Mark& mark,
                               WallTime now) {
  Own& own = marks_[post.id];
  if (kind_ == Kind::kWithdrawal && post.held && is_withdrawal(post.held_reason)) {
    own = {{post.held_reason}, WallTime::max()};
    return {};
  }
  // A transaction may be run again.
  if (own.texts.empty() || own.texts.back() != mark.text) own.texts.push_back(mark.text);
  return kind_ == Kind::kWithdrawal ? PostStore(connection).set_held(post.id, true, mark.text)
                                    : put_mark(connection, post.id, mark.text, now);
}

std::vector<Id> CommandMarks::ids() const {
  std::vector<Id> out;
  out.reserve(marks_.size());
  for (const auto& [id, own] : marks_) out.push_back(id);
  return out;
}

bool CommandMarks::less_left(const Own& own, milliseconds time, WallTime now) {
  return own.until != WallTime{} && own.until - now <= time;
}

std::vector<Id> CommandMarks::half_over(WallTime now) const {
  std::vector<Id> out;
  for (const auto& [id, own] : marks_)
    if (less_left(own, lasts_ / 2, now)) out.push_back(id);
  return out;
}

bool CommandMarks::is_half_over(Id id, WallTime now) const {
  const auto own = marks_.find(id);
  return own != marks_.end() && less_left(own->second, lasts_ / 2, now);
}

bool CommandMarks::is_over(Id id, WallTime now) const {
  const auto own = marks_.find(id);
  return own != marks_.end() && less_left(own->second, kClocksDiffer, now);
}

void CommandMarks::take_back(Id id) {
  const auto own = marks_.find(id);
  if (own == marks_.end()) return;
  const Result<void> released =
      database_.write_now(storage::Durability::kAccept, [&](Connection& c) -> Result<void> {
        if (kind_ != Kind::kWithdrawal) return take_marks(c, id, own->second.texts);
        for (const std::string& text : own->second.texts) {
          ESSAIM_TRY(PostStore(c).release_if(id, text));
        }
        return {};
      });
  if (!released.ok() && trouble_.again())
    log::warning("deletion-mark-stays", {{"id", format_id(id)}, {"error", released.error().message}});
  marks_.erase(own);
}

bool CommandMarks::leave(Id id) {
  const auto own = marks_.extract(id);
  return !own.empty() && own.mapped().until != WallTime{};
}

}  // namespace essaim::smtpd::operate
