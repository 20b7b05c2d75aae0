// How many connections a destination bears, found by feedback, and when it is given up for a while. Pure:
// time and randomness come in. One destination owns one; used on its home loop.
//
//            success: limit + 1 per cohort                      unusable, none left: dead
//   active ───────────────────────────────▶ active      active ─────────────────────────▶ suspended (1, 2, 4
//   ... min)
//            trouble: limit - 1/4 per cohort                                                    │ time is
//            over
//                                                        active ◀──── success ──── probing ◀────┘
//                                                                                     └── unusable:
//                                                                                     suspended, longer
//
// A peer that lets us in and then refuses what we bring is dead as well: one connection is left, and so many troubles in a
// row that no message was accepted between them. A connection that can carry mail proves nothing against that.
//
// A cohort is as many events as the limit was when it began: so the answers of connections that were opened
// before the last change do not count twice.
#pragma once

#include "core/base/clock.h"
#include "delivery/reply_times.h"

namespace essaim::delivery {

class Concurrency {
 public:
  struct Options {
    int initial = 2;
    int max = 20;
    Duration suspend_initial = std::chrono::minutes(1);
    Duration suspend_max = std::chrono::hours(4);
  };
  explicit Concurrency(const Options& options);

  void set_options(const Options& options);
  // Connections allowed now; 0 while suspended, 1 while probing.
  int limit(MonoTime now) const;
  bool suspended(MonoTime now) const { return now < until_; }
  bool probing() const { return probing_; }
  MonoTime suspended_until() const { return until_; }

  // A connection that can carry mail.
  void on_ready() { unusable_ = 0; }
  // A transaction whose message was accepted.
  void on_success();
  // How long transactions took that were accepted, on average: while they take much longer than they could
  // (reply_times.h), successes do not raise the limit.
  void on_reply_times(Duration mean, MonoTime now) { reply_times_.add(mean, now); }
  // The peer does not want that much: 421, a lost connection, a temporary refusal that is not about a
  // recipient.
  void on_trouble();
  // Asked after troubles. True: it refuses all, and is dead and suspended as after on_unusable().
  bool refuses(MonoTime now, double fraction);
  // A connection that no host accepted. True: the destination is dead now and suspended from `now` on,
  // because nothing else is open (`others_open` connections are) or a whole cohort failed. `fraction` is
  // random in [0, 1).
  bool on_unusable(int others_open, MonoTime now, double fraction);
  // Left alone for a reason that says nothing of the peer: for the shortest time, however often.
  void give_up(MonoTime now, double fraction) {
    suspensions_ = 0;
    suspend(now, fraction);
  }
  // The operator's word: forget that it was dead.
  void forget();

 private:
  void suspend(MonoTime now, double fraction);

  Options options_;
  ReplyTimes reply_times_;
  int limit_;
  int successes_ = 0;    // in this cohort
  int troubles_ = 0;     // since the last decrease
  int refused_ = 0;      // troubles in a row
  int unusable_ = 0;     // in a row
  int suspensions_ = 0;  // in a row
  bool probing_ = false;
  MonoTime until_{};
};

}  // namespace essaim::delivery
