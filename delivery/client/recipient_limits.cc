#include "delivery/client/recipient_limits.h"

#include <algorithm>

namespace essaim::delivery {

std::size_t RecipientLimits::of(const std::string& peer, MonoTime now) const {
  const std::lock_guard lock(mutex_);
  const auto found = limits_.find(peer);
  return found != limits_.end() && now < found->second.since + kTime ? found->second.recipients : 0;
}

void RecipientLimits::learn(const std::string& peer, std::size_t limit, MonoTime now) {
  limit = std::max<std::size_t>(1, limit);
  const std::lock_guard lock(mutex_);
  const auto [found, added] = limits_.try_emplace(peer, Limit{limit, now});
  if (added) {
    order_.push_back(peer);
    if (order_.size() > kMost) {
      limits_.erase(order_.front());
      order_.pop_front();
    }
  } else if (limit < found->second.recipients || now >= found->second.since + kTime) {
    found->second = {limit, now};
  }
}

std::size_t RecipientLimits::size() const {
  const std::lock_guard lock(mutex_);
  return limits_.size();
}

}  // namespace essaim::delivery
