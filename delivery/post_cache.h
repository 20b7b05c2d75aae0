// Posts in memory, each loaded once however many batches it has: least recently used ones go when their wire
// forms exceed the limit, unless a batch still uses them. Queue's thread only (the posts themselves are
// shared by all).
#pragma once

#include <list>
#include <memory>
#include <set>
#include <unordered_map>

#include "delivery/work.h"

namespace essaim::delivery {

class PostCache {
 public:
  explicit PostCache(std::size_t limit) : limit_(limit) {}
  std::shared_ptr<const ActivePost> find(Id id);
  void add(std::shared_ptr<const ActivePost> post);
  void drop(Id id);
  void trim();
  std::set<Id> ids() const;
  std::size_t bytes() const { return bytes_; }
  // More in use than fits: claim less.
  bool overfull() const { return bytes_ > limit_; }

 private:
  struct Entry {
    std::shared_ptr<const ActivePost> post;
    std::list<Id>::iterator place;
  };
  std::size_t limit_;
  std::size_t bytes_ = 0;
  std::list<Id> order_;  // most recently used first
  std::unordered_map<Id, Entry> posts_;
};

}  // namespace essaim::delivery
