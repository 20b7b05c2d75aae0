// Posts in memory, each loaded once however many batches it has: least recently used ones go when their wire
// forms exceed the limit, unless a batch still uses them. Thread-safe: the queue keeps it, claims look into it.
#pragma once

#include <list>
#include <memory>
#include <mutex>
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
  // More in use than fits: claim less.
  bool overfull() const;

 private:
  struct Entry {
    std::shared_ptr<const ActivePost> post;
    std::list<Id>::iterator place;
  };
  void drop_locked(Id id);
  void trim_locked();

  const std::size_t limit_;
  mutable std::mutex mutex_;
  std::size_t bytes_ = 0;
  std::list<Id> order_;  // most recently used first
  std::unordered_map<Id, Entry> posts_;
};

}  // namespace essaim::delivery
