// Members who have left their list: copies of what was accepted before are not for them any more.
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <unordered_map>
#include <vector>

#include "storage/member_store.h"
#include "storage/records.h"

namespace essaim::delivery {

// Whether `one`, a recipient of the post, gets nothing of it once they have left its list. What is written by us names members by
// their ids where it goes to all of them (a reminder) and nowhere else: who has just left is told so.
bool is_for_members(const storage::PostRecord& post, const storage::BatchRecipient& one);

// Of one list. Pure.
class Departed {
 public:
  // Whether any of these was not known.
  bool add(const std::vector<storage::MemberLeft>& some);
  // Those who left at this revision or before: what was accepted at it, or later, is not for them anyway.
  void forget(std::int64_t revision);
  // Whether this member left after that revision, or else the address that they had then.
  bool left(Id member, std::int64_t since) const;
  bool empty() const { return members_.empty(); }
  std::size_t size() const { return members_.size(); }

 private:
  std::vector<storage::MemberLeft> members_;  // by id
};

// As a claim has read it: who left after one revision of the list, up to its present one.
struct ListDepartures {
  std::int64_t after = 0;
  std::int64_t revision = 0;
  Departed who;
};

// Of the lists to which posts wait. After many were removed, each claim of an older post would else read all of them again. Good for
// the very revision only: who joins again takes over the row of then. The queue adds what was committed; claims look into it, and
// may outlive the queue. Thread-safe.
class KnownDepartures {
 public:
  // Members of all lists, 24 octets each, and some for each list. Where there are more, it begins anew.
  static constexpr std::size_t kMost = 1'000'000, kOfEachList = 8;

  std::shared_ptr<const ListDepartures> find(Id list, std::int64_t revision) const;  // null: not known
  void add(Id list, std::shared_ptr<const ListDepartures> departures);

 private:
  mutable std::mutex mutex_;
  std::unordered_map<Id, std::shared_ptr<const ListDepartures>> lists_;
  std::size_t size_ = 0;
};

}  // namespace essaim::delivery
