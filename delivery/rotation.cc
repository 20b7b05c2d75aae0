#include "delivery/rotation.h"

#include <algorithm>

namespace essaim::delivery {
namespace {
bool is_personal(const Slice& slice) {
  return slice.batch->post->post.mode == storage::CopyMode::kPersonal;
}

bool same_part(const Slice& a, const Slice& b) {
  if (a.batch != b.batch || a.queued != b.queued) return false;
  const auto& recipients = a.batch->recipients;
  return recipients[a.indices.back()].domain == recipients[b.indices.front()].domain &&
         recipients[b.indices.back()].domain == recipients[b.indices.front()].domain;
}

}  // namespace

void Rotation::push(Slice slice) {
  if (slice.indices.empty()) return;
  const storage::PostRecord& post = slice.batch->post->post;
  recipients_ += slice.indices.size();
  if (is_personal(slice)) personal_ += slice.indices.size();
  std::deque<Slice>& queue = classes_[post.priority].posts[post.id].slices;
  if (!queue.empty() && same_part(queue.back(), slice)) {
    // What comes back recipient by recipient goes out together again.
    queue.back().indices.insert(queue.back().indices.end(), slice.indices.begin(), slice.indices.end());
    return;
  }
  queue.push_back(std::move(slice));
}

bool Rotation::pop(std::size_t personal, std::size_t common, Slice* slice) {
  if (classes_.empty()) return false;
  auto cls = classes_.begin();
  Class& c = cls->second;
  auto turn = c.posts.upper_bound(c.last);
  if (turn == c.posts.end()) turn = c.posts.begin();
  c.last = turn->first;

  std::deque<Slice>& queue = turn->second.slices;
  Slice& front = queue.front();
  const bool own_copies = is_personal(front);
  const std::size_t wanted = std::max<std::size_t>(1, own_copies ? personal : common);
  if (front.indices.size() <= wanted) {
    *slice = std::move(front);
    queue.pop_front();
  } else {
    // From the end, so that a long slice is cut in linear time; within a batch the order does not matter.
    slice->batch = front.batch;
    slice->queued = front.queued;
    const auto cut = front.indices.end() - static_cast<std::ptrdiff_t>(wanted);
    slice->indices.assign(cut, front.indices.end());
    front.indices.erase(cut, front.indices.end());
  }
  recipients_ -= slice->indices.size();
  if (own_copies) personal_ -= slice->indices.size();
  if (queue.empty()) c.posts.erase(turn);
  if (c.posts.empty()) classes_.erase(cls);
  return true;
}

std::vector<Slice> Rotation::take(const TakeOut& take_out) {
  std::vector<Slice> taken;
  for (auto cls = classes_.begin(); cls != classes_.end();) {
    for (auto post = cls->second.posts.begin(); post != cls->second.posts.end();) {
      std::deque<Slice> kept;
      for (Slice& slice : post->second.slices) {
        Slice out = take_out(&slice);
        recipients_ -= out.indices.size();
        if (is_personal(slice)) personal_ -= out.indices.size();
        if (!out.indices.empty()) taken.push_back(std::move(out));
        if (!slice.indices.empty()) kept.push_back(std::move(slice));
      }
      post->second.slices = std::move(kept);
      post = post->second.slices.empty() ? cls->second.posts.erase(post) : std::next(post);
    }
    cls = cls->second.posts.empty() ? classes_.erase(cls) : std::next(cls);
  }
  return taken;
}

std::vector<Slice> Rotation::take_all() {
  return take(take_all_out);
}

std::size_t Rotation::transactions(std::size_t recipients_per_transaction) const {
  const std::size_t per = std::max<std::size_t>(1, recipients_per_transaction);
  return personal_ + (recipients_ - personal_ + per - 1) / per;
}

int Rotation::first_priority() const {
  return classes_.begin()->first;
}

}  // namespace essaim::delivery
