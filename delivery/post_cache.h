// Posts in memory, each loaded once however many batches it has. Large posts and the others have a half of the limit
// each, so that a few large ones do not keep out all others. Least recently used posts go when their half has no room,
// unless a batch still uses them. Thread-safe: the queue keeps it, claims look into it.
#pragma once

#include <array>
#include <list>
#include <memory>
#include <mutex>
#include <unordered_map>

#include "delivery/work.h"

namespace essaim::delivery {

class PostCache {
 public:
  // `limit`: octets of wire forms.
  explicit PostCache(std::size_t limit) : limit_(limit / kShelves), large_(limit / kShelves / 8) {}
  std::shared_ptr<const ActivePost> find(Id id);
  // Before a post of so many octets is loaded, beside `loading` octets of others that are not added yet: drops what
  // nobody uses. False: those in use leave no room for it. One post always has room, however large.
  bool make_room(std::size_t octets, std::size_t loading);
  void add(std::shared_ptr<const ActivePost> post);
  void drop(Id id);
  void trim();
  // More small posts in use than fit: claim less.
  bool overfull() const;

 private:
  static constexpr std::size_t kShelves = 2;
  struct Shelf {
    std::size_t octets = 0;
    std::list<Id> order;  // most recently used first
  };
  struct Entry {
    std::shared_ptr<const ActivePost> post;
    Shelf* shelf = nullptr;
    std::list<Id>::iterator place;
  };
  Shelf& shelf_for(std::size_t octets) { return shelves_[octets > large_ ? 1 : 0]; }
  void drop_locked(Id id);
  void trim_locked(Shelf& shelf, std::size_t to);

  const std::size_t limit_;  // of a shelf
  const std::size_t large_;  // posts with more octets than this are large
  mutable std::mutex mutex_;
  std::array<Shelf, kShelves> shelves_;
  std::unordered_map<Id, Entry> posts_;
};

}  // namespace essaim::delivery
