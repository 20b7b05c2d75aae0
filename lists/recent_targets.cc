#include "lists/recent_targets.h"

namespace essaim::lists {
namespace {

constexpr std::size_t kMost = 4096;

}  // namespace

std::optional<Resolution> RecentTargets::find(const smtp::Address& address, MonoTime now) {
  const std::string key = address.to_string();
  const std::lock_guard lock(mutex_);
  const auto entry = entries_.find(key);
  if (entry == entries_.end() || now - entry->second.found > kRemembered) return std::nullopt;
  return entry->second.resolution;
}

void RecentTargets::note(const smtp::Address& address, const Resolution& resolution, MonoTime now) {
  if (resolution.target == nullptr || resolution.target->kind != TargetKind::kPost) return;
  std::string key = address.to_string();
  const std::lock_guard lock(mutex_);
  if (entries_.size() >= kMost) entries_.clear();
  entries_.insert_or_assign(std::move(key), Entry{resolution, now});
}

}  // namespace essaim::lists
