#include "delivery/post_cache.h"

namespace essaim::delivery {
namespace {

std::size_t octets_of(const ActivePost& post) {
  return post.wire->size() + (post.wire_7bit ? post.wire_7bit->size() : 0);
}

}  // namespace

std::shared_ptr<const ActivePost> PostCache::find(Id id) {
  const auto found = posts_.find(id);
  if (found == posts_.end()) return nullptr;
  order_.splice(order_.begin(), order_, found->second.place);
  return found->second.post;
}

void PostCache::add(std::shared_ptr<const ActivePost> post) {
  const Id id = post->post.id;
  drop(id);
  order_.push_front(id);
  bytes_ += octets_of(*post);
  posts_[id] = Entry{std::move(post), order_.begin()};
  trim();
}

void PostCache::drop(Id id) {
  const auto found = posts_.find(id);
  if (found == posts_.end()) return;
  bytes_ -= octets_of(*found->second.post);
  order_.erase(found->second.place);
  posts_.erase(found);
}

void PostCache::trim() {
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

std::set<Id> PostCache::ids() const {
  std::set<Id> ids;
  for (const auto& [id, entry] : posts_) ids.insert(id);
  return ids;
}

}  // namespace essaim::delivery
