#include "delivery/client/lost_handshakes.h"

#include <algorithm>

namespace essaim::delivery {

bool LostHandshakes::lost(const std::string& peer, MonoTime began, MonoTime now) {
  const std::lock_guard lock(mutex_);
  const auto [found, added] = since_.try_emplace(peer, now);
  if (!added && now < found->second + kForgotten) return began >= found->second + one_trouble_;
  found->second = now;
  if (since_.size() > kMost)
    since_.erase(std::min_element(since_.begin(), since_.end(),
                                  [](const auto& a, const auto& b) { return a.second < b.second; }));
  return false;
}

void LostHandshakes::worked(const std::string& peer) {
  const std::lock_guard lock(mutex_);
  since_.erase(peer);
}

}  // namespace essaim::delivery
