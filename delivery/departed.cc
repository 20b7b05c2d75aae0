#include "delivery/departed.h"

#include <algorithm>
#include <tuple>
#include <utility>

namespace essaim::delivery {

bool is_for_members(const storage::PostRecord& post, const storage::BatchRecipient& one) {
  const bool reminder = post.kind == storage::PostKind::kNotice && one.member_id != 0;
  return post.list_id != 0 && (post.kind == storage::PostKind::kList || reminder);
}

bool Departed::add(const std::vector<storage::MemberLeft>& some) {
  if (some.empty()) return false;
  const std::size_t before = members_.size();
  members_.insert(members_.end(), some.begin(), some.end());
  std::sort(members_.begin(), members_.end(), [](const storage::MemberLeft& a, const storage::MemberLeft& b) {
    return std::tie(a.id, a.revision, a.joined) < std::tie(b.id, b.revision, b.joined);
  });
  members_.erase(std::unique(members_.begin(), members_.end()), members_.end());
  return members_.size() > before;
}

void Departed::forget(std::int64_t revision) {
  std::erase_if(members_, [revision](const storage::MemberLeft& one) { return one.revision <= revision; });
}

bool Departed::left(Id member, std::int64_t since) const {
  auto one = std::upper_bound(members_.begin(), members_.end(), member,
                              [](Id id, const storage::MemberLeft& other) { return id < other.id; });
  while (one != members_.begin() && (--one)->id == member && one->revision > since)
    if (one->joined <= since) return true;
  return false;
}

std::shared_ptr<const ListDepartures> KnownDepartures::find(Id list, std::int64_t revision) const {
  const std::lock_guard lock(mutex_);
  const auto known = lists_.find(list);
  return known != lists_.end() && known->second->revision == revision ? known->second : nullptr;
}

void KnownDepartures::add(Id list, std::shared_ptr<const ListDepartures> departures) {
  // A list that is gone keeps that revision whatever becomes of its members.
  if (departures->revision == 0) return;
  const auto size = [](const ListDepartures& of) { return of.who.size() + kOfEachList; };
  const std::lock_guard lock(mutex_);
  if (const auto known = lists_.find(list); known != lists_.end()) {
    size_ -= size(*known->second);
    lists_.erase(known);
  }
  if (size_ + size(*departures) > kMost) {
    lists_.clear();
    size_ = 0;
  }
  size_ += size(*departures);
  lists_.emplace(list, std::move(departures));
}

}  // namespace essaim::delivery
