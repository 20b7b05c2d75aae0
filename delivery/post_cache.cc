#include "delivery/post_cache.h"

#include <algorithm>

namespace essaim::delivery {
namespace {

std::size_t octets_of(const ActivePost& post) {
  return post.wire->size() + (post.wire_7bit ? post.wire_7bit->size() : 0);
}

}  // namespace

std::shared_ptr<const ActivePost> PostCache::find(Id id) {
  const std::lock_guard lock(mutex_);
  const auto found = posts_.find(id);
  if (found == posts_.end()) return nullptr;
  std::list<Id>& order = found->second.shelf->order;
  order.splice(order.begin(), order, found->second.place);
  return found->second.post;
}

bool PostCache::make_room(std::size_t octets, std::size_t loading) {
  const std::lock_guard lock(mutex_);
  Shelf& shelf = shelf_for(octets);
  trim_locked(shelf, limit_ - std::min(limit_, octets + loading));
  const std::size_t others = shelf.octets + loading;
  return others == 0 || others + octets <= limit_;
}

void PostCache::add(std::shared_ptr<const ActivePost> post) {
  const Id id = post->post.id;
  const std::size_t octets = octets_of(*post);
  const std::lock_guard lock(mutex_);
  drop_locked(id);
  Shelf& shelf = shelf_for(octets);
  shelf.order.push_front(id);
  shelf.octets += octets;
  posts_[id] = Entry{std::move(post), &shelf, shelf.order.begin()};
  trim_locked(shelf, limit_);
}

void PostCache::drop(Id id) {
  const std::lock_guard lock(mutex_);
  drop_locked(id);
}

void PostCache::trim() {
  const std::lock_guard lock(mutex_);
  for (Shelf& shelf : shelves_) trim_locked(shelf, limit_);
}

bool PostCache::overfull() const {
  const std::lock_guard lock(mutex_);
  return shelves_[0].octets > limit_;
}

void PostCache::drop_locked(Id id) {
  const auto found = posts_.find(id);
  if (found == posts_.end()) return;
  found->second.shelf->octets -= octets_of(*found->second.post);
  found->second.shelf->order.erase(found->second.place);
  posts_.erase(found);
}

void PostCache::trim_locked(Shelf& shelf, std::size_t to) {
  auto it = shelf.order.end();
  while (shelf.octets > to && it != shelf.order.begin()) {
    --it;
    const auto found = posts_.find(*it);
    if (found->second.post.use_count() > 1) continue;
    shelf.octets -= octets_of(*found->second.post);
    posts_.erase(found);
    it = shelf.order.erase(it);
  }
}

}  // namespace essaim::delivery
