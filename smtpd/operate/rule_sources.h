// Databases and directories that rules ask, on threads of their own, with a time limit for each step. Answers are good for
// an hour, as in Sympa; one that could not be had is not asked for again for some seconds, and never taken for a no.
//
// Thread-safe. Whoever settles outlives it, or is kept alive by the callback; the destructor finishes what was begun.
#pragma once

#include <condition_variable>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

#include "core/base/clock.h"
#include "core/base/executor.h"
#include "lists/sources.h"

namespace essaim::smtpd::operate {

class RuleSources : public lists::Sources {
 public:
  static constexpr Duration kGood = std::chrono::hours(1);
  static constexpr Duration kFailed = std::chrono::seconds(10);

  explicit RuleSources(const Clock& clock);
  ~RuleSources() override;
  // What is being asked ends and is told, and nothing else is asked.
  void stop();

  Result<bool> holds(const lists::scenario::SourceFilter& filter,
                     const std::vector<std::string>& values) override;
  std::uint64_t answers() const override;
  bool settle(std::uint64_t since, std::function<void()> done) override;
  // The same, blocking: for the command line.
  bool wait(std::uint64_t since);

 private:
  struct Known {
    bool asked = false;  // now
    bool failed = false, holds = false;
    MonoTime until{};
    std::string problem;
  };
  struct Waiter {
    std::set<std::uint64_t> for_these;
    std::function<void()> done;
  };
  void take(const std::string& key, std::uint64_t number, const Result<bool>& answer);
  void forget_some();

  const Clock& clock_;
  mutable std::mutex mutex_;
  std::unordered_map<std::string, Known> known_;
  std::set<std::uint64_t> asked_;  // numbers of what is being asked
  std::uint64_t last_ = 0;
  std::uint64_t answers_ = 0;
  bool stopped_ = false;
  std::vector<Waiter> waiters_;
  std::unique_ptr<Executor> executor_;  // from the first question on; the last, as its threads use the others
};

}  // namespace essaim::smtpd::operate
