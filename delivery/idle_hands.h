// The connections of one loop that have nothing to do, the longest idle first: they end before their time when another
// destination wants one of the places for connections. One loop; owned by the LoopSide, and outlives the marks.
#pragma once

#include <cstddef>
#include <list>
#include <string>

#include "core/base/clock.h"
#include "delivery/courier.h"
#include "delivery/places.h"

namespace essaim::delivery {

class IdleHands {
 public:
  class Mark;

  // Ends up to `count` that have been idle since `before` or longer, of those whose standing is `from` or worse. How many it
  // ended.
  std::size_t close_longest(std::size_t count, MonoTime before, Standing from);
  // The same of those to the destinations of a group.
  std::size_t close_longest_of(const std::string& group, std::size_t count, MonoTime before);

 private:
  struct Hand {
    Courier* courier = nullptr;
    MonoTime since{};
    Standing standing = Standing::kUnknown;
    std::string group;  // of destinations; "": none
    Mark* mark = nullptr;
  };
  template <typename F>
  std::size_t close_those(std::size_t count, MonoTime before, F is_one);
  std::list<Hand> hands_;
};

// Of one connection; whoever has the courier has it, and it goes first.
class IdleHands::Mark {
 public:
  Mark() = default;
  ~Mark() { clear(); }
  Mark(const Mark&) = delete;
  Mark& operator=(const Mark&) = delete;

  void set(IdleHands* among, Courier* courier, MonoTime now, Standing standing, const std::string& group) {
    if (among_ != nullptr) return;  // it is idle since then
    among_ = among;
    place_ = among->hands_.insert(among->hands_.end(), {courier, now, standing, group, this});
  }
  // It has become that, marked or not.
  void improve(Standing standing) {
    if (among_ != nullptr) place_->standing = standing;
  }
  void clear() {
    if (among_ != nullptr) among_->hands_.erase(place_);
    among_ = nullptr;
  }

 private:
  IdleHands* among_ = nullptr;
  std::list<Hand>::iterator place_;
};

template <typename F>
std::size_t IdleHands::close_those(std::size_t count, MonoTime before, F is_one) {
  std::size_t closed = 0;
  for (auto next = hands_.begin(); closed < count && next != hands_.end() && next->since <= before;) {
    const Hand hand = *next++;
    if (!is_one(hand)) continue;
    hand.mark->clear();
    // One that had nothing to send behind the transaction under way is marked, too.
    if (!hand.courier->idle()) continue;
    hand.courier->close();
    ++closed;
  }
  return closed;
}

inline std::size_t IdleHands::close_longest(std::size_t count, MonoTime before, Standing from) {
  return close_those(count, before, [from](const Hand& hand) { return hand.standing >= from; });
}

inline std::size_t IdleHands::close_longest_of(const std::string& group, std::size_t count, MonoTime before) {
  return close_those(count, before, [&group](const Hand& hand) { return hand.group == group; });
}

}  // namespace essaim::delivery
