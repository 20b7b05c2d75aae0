// Batches that a node of several gave back because others have the budget of where they go, and which it does not claim for a
// while. Of the queue's thread.
#pragma once

#include <array>
#include <map>
#include <string>
#include <utility>

#include "core/base/clock.h"
#include "delivery/budget.h"
#include "delivery/claim.h"

namespace essaim::delivery {

class LeftToOthers {
 public:
  static constexpr Duration kLeftFor = std::chrono::minutes(1);
  static constexpr Duration kSeen = std::chrono::seconds(5);  // by the others: a watch of theirs, and a claim

  struct One {
    MonoTime since;
    int priority;
    std::string destination;
  };
  using Name = std::pair<Id, int>;  // post and number

  void add(const Name& batch, One one) { all_[batch] = std::move(one); }
  void clear() { all_.clear(); }
  // What is over at `now`. Where they are so many that their class is not claimed (ClaimRequest::left_enough), those go at once
  // that others have seen: by then they have what they can take, and the class is not only what was left.
  void forget(MonoTime now) {
    std::array<std::size_t, Budget::kClasses> left{};
    for (const auto& [batch, one] : all_) ++left[class_of(one)];
    std::erase_if(all_, [&](const auto& entry) {
      const bool many = left[class_of(entry.second)] >= ClaimRequest::kMostLeft;
      return now - entry.second.since >= (many ? kSeen : kLeftFor);
    });
  }
  const std::map<Name, One>& all() const { return all_; }

 private:
  static std::size_t class_of(const One& one) {
    return static_cast<std::size_t>(Budget::class_of(one.priority));
  }
  std::map<Name, One> all_;
};

}  // namespace essaim::delivery
