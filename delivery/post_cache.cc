#include "delivery/post_cache.h"

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
  order_.splice(order_.begin(), order_, found->second.place);
  return found->second.post;
}

void PostCache::add(std::shared_ptr<const ActivePost> post) {
  const Id id = post->post.id;
  const std::lock_guard lock(mutex_);
  drop_locked(id);
  order_.push_front(id);
  bytes_ += octets_of(*post);
  posts_[id] = Entry{std::move(post), order_.begin()};
  trim_locked();
}

void PostCache::drop(Id id) {
  const std::lock_guard lock(mutex_);
  drop_locked(id);
}

void PostCache::trim() {
  const std::lock_guard lock(mutex_);
  trim_locked();
}

bool PostCache::overfull() const {
  const std::lock_guard lock(mutex_);
  return bytes_ > limit_;
}

void PostCache::drop_locked(Id id) {
  const auto found = posts_.find(id);
  if (found == posts_.end()) return;
  bytes_ -= octets_of(*found->second.post);
  order_.erase(found->second.place);
  posts_.erase(found);
}

void PostCache::trim_locked() {
  auto it = order_.end();
  while (bytes_ > limit_ && it != order_.begin()) {
    --it;
    const auto found = posts_.find(*it);
    if (found->second.post.use_count() > 1) continue;
    bytes_ -= octets_of(*found->second.post);
    posts_.erase(found);
    it = order_.erase(it);
  }
}

}  // namespace essaim::delivery
