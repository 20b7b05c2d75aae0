// What is said of a destination, or of a group of them, that is suspended by itself, and whether somebody waits for its end
// with these words. Owned by it; used on its home loop.
#pragma once

#include <string>

#include "delivery/work.h"

namespace essaim::delivery {

class LoopSide;

class LeftAlone {
 public:
  explicit LeftAlone(LoopSide& side) : side_(side) {}

  // It was suspended just now, for the reason that its hosts gave; `name` is for people.
  void begin(const std::string& name, const smtp::Reply& why, MonoTime until);
  // Until that is over: no attempt.
  void put_off(const Slice& slice, MonoTime until);
  // The same of who had an attempt, in vain, at that stage.
  void defer(const Slice& slice, Stage stage, bool our_way, MonoTime until);
  // Who was put off need not wait any longer; the queue is told.
  void over();
  const smtp::Reply& reply() const { return reply_; }

 private:
  WallTime end_for_one(MonoTime until) const;

  LoopSide& side_;
  smtp::Reply reply_;
  std::string words_;      // in it, and of no other destination
  bool puts_off_ = false;  // somebody was put off since it was suspended
};

}  // namespace essaim::delivery
