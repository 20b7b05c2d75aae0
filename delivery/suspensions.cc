#include "delivery/suspensions.h"

#include <algorithm>

namespace essaim::delivery {
namespace {

using storage::SuspensionScope;

bool in_force(const Suspensions::Wait& wait, WallTime now) {
  return wait.until == WallTime{} || wait.until > now;
}

}  // namespace

Suspensions::Suspensions(std::vector<storage::SuspensionRecord> records) {
  for (storage::SuspensionRecord& record : records) {
    std::string reply = storage::suspended_reply(record.scope);
    if (!record.reason.empty()) reply += ": " + record.reason;
    waits_[{record.scope, std::move(record.subject)}] = {record.until, std::move(reply)};
  }
}

const Suspensions::Wait* Suspensions::find(SuspensionScope scope, const std::string& subject,
                                           WallTime now) const {
  if (waits_.empty()) return nullptr;
  const auto found = waits_.find({scope, subject});
  return found != waits_.end() && in_force(found->second, now) ? &found->second : nullptr;
}

const Suspensions::Wait* Suspensions::of_domain(const std::string& domain, WallTime now) const {
  return find(SuspensionScope::kDestination, domain, now);
}

bool Suspensions::holds_back(const storage::PostRecord& post, WallTime now) const {
  if (post.expires <= now) return false;
  if (find(SuspensionScope::kEverything, "", now) != nullptr) return true;
  return post.kind == storage::PostKind::kList &&
         find(SuspensionScope::kList, post.list_address, now) != nullptr;
}

storage::ClaimBarrier Suspensions::barrier(WallTime now) const {
  storage::ClaimBarrier barrier;
  barrier.now = now;
  for (const auto& [key, wait] : waits_) {
    if (!in_force(wait, now)) continue;
    if (key.first == SuspensionScope::kList) barrier.lists[key.second] = wait;
    if (key.first == SuspensionScope::kEverything) barrier.everything = wait;
  }
  return barrier;
}

std::optional<WallTime> Suspensions::first_end() const {
  std::optional<WallTime> first;
  for (const auto& [key, wait] : waits_)
    if (wait.until != WallTime{} && (!first || wait.until < *first)) first = wait.until;
  return first;
}

Suspensions::Change Suspensions::since(const Suspensions& before, WallTime now) const {
  Change change;
  for (const auto& [key, wait] : before.waits_) {
    const Wait* still = find(key.first, key.second, now);
    if (still != nullptr && still->until == wait.until && still->why == wait.why) continue;
    change.ended = true;
    const std::string words = storage::suspended_reply(key.first);
    if (std::find(change.words.begin(), change.words.end(), words) == change.words.end())
      change.words.push_back(words);
  }
  for (const auto& [key, wait] : waits_)
    if (in_force(wait, now) && before.waits_.count(key) == 0) change.begun = true;
  return change;
}

}  // namespace essaim::delivery
