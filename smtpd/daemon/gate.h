// How many connections there may be: in all, and from one address. Thread-safe; outlives the sessions.
#pragma once

#include <mutex>
#include <string>
#include <unordered_map>

namespace essaim::smtpd {

class Gate {
 public:
  enum class Answer { kWelcome, kTooMany, kTooManyFromThere };
  void set_limits(int all, int per_client) {
    const std::lock_guard lock(mutex_);
    all_ = all;
    per_client_ = per_client;
  }
  Answer enter(const std::string& ip) {
    const std::lock_guard lock(mutex_);
    if (count_ >= all_) return Answer::kTooMany;
    int& theirs = by_client_[ip];
    if (per_client_ > 0 && theirs >= per_client_) return Answer::kTooManyFromThere;
    ++theirs;
    ++count_;
    return Answer::kWelcome;
  }
  void leave(const std::string& ip) {
    const std::lock_guard lock(mutex_);
    const auto found = by_client_.find(ip);
    if (found == by_client_.end()) return;
    --count_;
    if (--found->second == 0) by_client_.erase(found);
  }
  int count() const {
    const std::lock_guard lock(mutex_);
    return count_;
  }

 private:
  mutable std::mutex mutex_;
  int all_ = 0;
  int per_client_ = 0;
  int count_ = 0;
  std::unordered_map<std::string, int> by_client_;
};

}  // namespace essaim::smtpd
