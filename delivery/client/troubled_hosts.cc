#include "delivery/client/troubled_hosts.h"

namespace essaim::delivery {

bool TroubledHosts::knows(const std::string& peer, MonoTime now) const {
  const std::lock_guard lock(mutex_);
  const auto found = since_.find(peer);
  return found != since_.end() && now < found->second + time_;
}

void TroubledHosts::add(const std::string& peer, MonoTime now) {
  const std::lock_guard lock(mutex_);
  if (since_.insert_or_assign(peer, now).second) order_.push_back(peer);
  if (order_.size() > kMost) {
    since_.erase(order_.front());
    order_.pop_front();
  }
}

std::size_t TroubledHosts::size() const {
  const std::lock_guard lock(mutex_);
  return since_.size();
}

}  // namespace essaim::delivery
