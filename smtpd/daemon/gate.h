// How many incoming sockets there are in all, from accept() to close(): with those that are no sessions yet (the
// client's name is being looked up) or no more than a refusal on its way out, which the guard does not count.
// It bounds descriptors, limits on clients are the guard's; and it says which loop takes a connection: the kernel wakes
// mostly the same of those that listen, and that one accepts whatever has come. Thread-safe; outlives the sessions.
#pragma once

#include <atomic>
#include <cstddef>
#include <optional>
#include <vector>

namespace essaim::smtpd {

class Gate {
 public:
  // So many more than the idlest loop has, a loop keeps: to pass a connection on costs a wake.
  static constexpr int kSlack = 2;

  // Sockets for so many sessions: a quarter more, so that the guard gets to refuse with its reasons.
  static int sockets_for(int sessions) { return sessions + sessions / 4 + 64; }

  void set_loops(std::size_t loops) { by_loop_ = std::vector<std::atomic<int>>(loops); }  // before all else
  void set_limit(int sockets) { limit_.store(sockets, std::memory_order_relaxed); }
  // One that the loop `accepted_by` has accepted; gives the loop that is to have it. None: there are too many.
  std::optional<std::size_t> enter(std::size_t accepted_by) {
    int before = count_.load(std::memory_order_relaxed);
    do {
      if (before >= limit_.load(std::memory_order_relaxed)) return std::nullopt;
    } while (!count_.compare_exchange_weak(before, before + 1, std::memory_order_relaxed));
    const std::size_t loop = idlest(accepted_by);
    by_loop_[loop].fetch_add(1, std::memory_order_relaxed);
    return loop;
  }
  void leave(std::size_t loop) {
    by_loop_[loop].fetch_sub(1, std::memory_order_relaxed);
    count_.fetch_sub(1, std::memory_order_relaxed);
  }
  // An operator has drained the node: who comes hears 421.
  void set_refuses(bool on) { refuses_.store(on, std::memory_order_relaxed); }
  bool refuses() const { return refuses_.load(std::memory_order_relaxed); }
  int limit() const { return limit_.load(std::memory_order_relaxed); }
  int count() const { return count_.load(std::memory_order_relaxed); }
  std::vector<int> by_loop() const { return {by_loop_.begin(), by_loop_.end()}; }

 private:
  std::size_t idlest(std::size_t own) const {
    const int had = by_loop_[own].load(std::memory_order_relaxed);
    std::size_t best = own;
    int least = had - kSlack;
    for (std::size_t i = 0; i < by_loop_.size(); ++i) {
      const int has = by_loop_[i].load(std::memory_order_relaxed);
      if (has >= least) continue;
      least = has;
      best = i;
    }
    return best;
  }

  std::atomic<int> limit_{0}, count_{0};
  std::vector<std::atomic<int>> by_loop_;
  std::atomic<bool> refuses_{false};
};

}  // namespace essaim::smtpd
