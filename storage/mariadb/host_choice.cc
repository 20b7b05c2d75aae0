#include "storage/mariadb/host_choice.h"

#include <algorithm>

namespace essaim::storage {

std::vector<std::size_t> HostChoice::order(Time now) const {
  const std::lock_guard lock(mutex_);
  std::vector<std::size_t> hosts;
  for (std::size_t i = 0; i < failed_.size(); ++i) hosts.push_back((first_ + i) % failed_.size());
  const auto avoided = std::stable_partition(hosts.begin(), hosts.end(), [&](std::size_t host) {
    return !failed_[host] || now - *failed_[host] >= kAvoided;
  });
  std::stable_sort(avoided, hosts.end(),
                   [this](std::size_t a, std::size_t b) { return *failed_[a] < *failed_[b]; });
  return hosts;
}

void HostChoice::received(std::size_t host) {
  const std::lock_guard lock(mutex_);
  first_ = host;
}

bool HostChoice::failed(std::size_t host, Time now) {
  const std::lock_guard lock(mutex_);
  const bool news = failed_.size() > 1 && (!failed_[host] || now - *failed_[host] >= kAvoided);
  failed_[host] = now;
  return news;
}

}  // namespace essaim::storage
