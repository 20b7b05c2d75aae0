#include "storage/mariadb/host_choice.h"

#include <algorithm>
#include <utility>

#include "storage/database_hosts.h"

namespace essaim::storage {

HostChoice::HostChoice(std::vector<std::string> names) : names_(std::move(names)), failed_(names_.size()) {
  for (const std::string& name : names_) know_database_host(name);
}

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
  if (!names_.empty()) count_host_connection(names_[host], 1);
  const std::lock_guard lock(mutex_);
  first_ = host;
}

void HostChoice::left(std::size_t host) {
  if (!names_.empty()) count_host_connection(names_[host], -1);
}

bool HostChoice::failed(std::size_t host, Time now) {
  if (!names_.empty()) count_host_failure(names_[host]);
  const std::lock_guard lock(mutex_);
  const bool news = failed_.size() > 1 && (!failed_[host] || now - *failed_[host] >= kAvoided);
  failed_[host] = now;
  return news;
}

}  // namespace essaim::storage
