// Source addresses that cannot be bound, so that the log says it once for each and once when it is over. Shared by all
// couriers; thread-safe; bounded by the number of source addresses in the settings.
#pragma once

#include <mutex>
#include <set>
#include <string>

namespace essaim::delivery {

class SourceTroubles {
 public:
  // True when this address was usable until now.
  bool begins(const std::string& address) {
    const std::lock_guard lock(mutex_);
    return unusable_.insert(address).second;
  }
  // True when it was not.
  bool ends(const std::string& address) {
    const std::lock_guard lock(mutex_);
    return unusable_.erase(address) > 0;
  }

 private:
  std::mutex mutex_;
  std::set<std::string> unusable_;
};

}  // namespace essaim::delivery
