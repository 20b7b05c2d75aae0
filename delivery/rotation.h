// The order in which a destination takes its slices: lower priority numbers first, and within a priority one
// transaction's worth from each post in turn, so that a post of ten copies is never behind one of a hundred
// thousand. Pure; bounded by its users. Every operation is O(log n) in the number of posts.
#pragma once

#include <deque>
#include <map>
#include <vector>

#include "delivery/work.h"

namespace essaim::delivery {

class Rotation {
 public:
  void push(Slice slice);
  // Gives up to `personal` recipients of a post with personal copies, or up to `common` of another, of the
  // post whose turn it is. False when nothing is queued.
  bool pop(std::size_t personal, std::size_t common, Slice* slice);
  std::vector<Slice> take(const TakeOut& take_out);
  std::vector<Slice> take_all();

  bool empty() const { return recipients_ == 0; }
  std::size_t recipients() const { return recipients_; }
  // How many transactions it is: a personal copy is one.
  std::size_t transactions(std::size_t recipients_per_transaction) const;
  // The best (smallest) priority queued; only when not empty.
  int first_priority() const;

 private:
  struct PostQueue {
    std::deque<Slice> slices;
  };
  struct Class {
    std::map<Id, PostQueue> posts;
    Id last = 0;  // the post that had its turn last
  };
  std::map<int, Class> classes_;
  std::size_t recipients_ = 0;
  std::size_t personal_ = 0;
};

}  // namespace essaim::delivery
