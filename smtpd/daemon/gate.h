// How many incoming sockets there are in all, from accept() to close(): with those that are no sessions yet (the
// client's name is being looked up) or no more than a refusal on its way out, which the guard does not count.
// It only bounds descriptors: limits on clients are the guard's. Thread-safe; outlives the sessions.
#pragma once

#include <atomic>

namespace essaim::smtpd {

class Gate {
 public:
  // Sockets for so many sessions: a quarter more, so that the guard gets to refuse with its reasons.
  static int sockets_for(int sessions) { return sessions + sessions / 4 + 64; }

  void set_limit(int sockets) { limit_.store(sockets, std::memory_order_relaxed); }
  bool enter() {
    int before = count_.load(std::memory_order_relaxed);
    do {
      if (before >= limit_.load(std::memory_order_relaxed)) return false;
    } while (!count_.compare_exchange_weak(before, before + 1, std::memory_order_relaxed));
    return true;
  }
  void leave() { count_.fetch_sub(1, std::memory_order_relaxed); }
  // An operator has drained the node: who comes hears 421.
  void set_refuses(bool on) { refuses_.store(on, std::memory_order_relaxed); }
  bool refuses() const { return refuses_.load(std::memory_order_relaxed); }
  int limit() const { return limit_.load(std::memory_order_relaxed); }
  int count() const { return count_.load(std::memory_order_relaxed); }

 private:
  std::atomic<int> limit_{0}, count_{0};
  std::atomic<bool> refuses_{false};
};

}  // namespace essaim::smtpd
