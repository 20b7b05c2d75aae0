// Whether a destination refuses all that we bring, for good: a blocklist, as a rule. It is known by refusals in a row, of us or of
// our mail and not of a mailbox (refuses_us() in failure_policy.h), with no message taken in between, of two posts at least: one
// alone may be the post's own fault. Owned by the Destination; its loop.
#pragma once

#include <chrono>
#include <cstddef>
#include <span>

#include "core/base/clock.h"
#include "core/base/id.h"

namespace essaim::delivery {

class Refusals {
 public:
  static constexpr std::size_t kRecipients = 20, kPosts = 2;
  // Without another one it is not known any more.
  static constexpr Duration kRemembered = std::chrono::hours(1);

  // So many recipients of these posts. True: since this time it refuses all.
  bool add(std::size_t recipients, std::span<const Id> posts, MonoTime now) {
    if (now - last_ > kRemembered) end();
    const bool before = all(now);
    recipients_ += recipients;
    for (const Id post : posts) {
      posts_ += post == last_post_ ? 0 : 1;
      last_post_ = post;
    }
    last_ = now;
    return !before && all(now);
  }
  // It took a message.
  void end() { *this = Refusals(); }
  bool all(MonoTime now) const {
    return recipients_ >= kRecipients && posts_ >= kPosts && now - last_ <= kRemembered;
  }
  std::size_t recipients() const { return recipients_; }
  std::size_t posts() const { return posts_; }  // one that comes again between others counts again

 private:
  std::size_t recipients_ = 0, posts_ = 0;
  Id last_post_ = 0;
  MonoTime last_{};
};

}  // namespace essaim::delivery
