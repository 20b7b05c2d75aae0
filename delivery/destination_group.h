// Destinations that share their limits, as the table [[destination]] that names them says (together = true): a provider that
// gives each of its customers MX hosts of a name of their own, and takes what comes to all of them for one. Connections, rate,
// feedback and suspension are the group's; a destination keeps what is about its own hosts: which of them fail, and whether all
// are dead.
//
// What a host says of us counts for the group, what happens to a host does not: one customer whose hosts are gone, or who refuses
// us for reasons of his own, is not the provider. So a group is suspended when two destinations or more refuse what a
// single one would be suspended for, and no message was accepted between; and, for the shortest time
// only, when kUnreachable in a row cannot be reached, which is our own line, or theirs, or the end of as many customers.
//
// Who wants a connection, or a message of the rate, and finds none left, stands in line. Each has one connection, and some messages,
// before it stands there again: so a customer with much mail does not keep others from theirs.
//
// The destinations of a group have the same home loop (Fabric::home_of()): nothing is shared between loops. Owned by the LoopSide
// and by its destinations.
#pragma once

#include <algorithm>
#include <cstddef>
#include <deque>
#include <set>
#include <string>
#include <unordered_set>
#include <utility>

#include "core/net/event_loop.h"
#include "delivery/concurrency.h"
#include "delivery/destination_policy.h"
#include "delivery/lease.h"
#include "delivery/left_alone.h"
#include "delivery/node_budget.h"
#include "delivery/note.h"

namespace essaim::delivery {

class Destination;
class LoopSide;

class DestinationGroup {
 public:
  static constexpr std::size_t kUnreachable = 10;

  DestinationGroup(LoopSide& side, const DestinationPolicy& policy);
  ~DestinationGroup();
  DestinationGroup(const DestinationGroup&) = delete;
  DestinationGroup& operator=(const DestinationGroup&) = delete;

  void set_policy(const DestinationPolicy& policy);  // other limits
  const std::string& name() const { return name_; }  // of the table

  // Takes one of the group's connections for this destination. False: there is none, or others come first; it stands in line.
  bool take_connection(const Destination& one, MonoTime now);
  void give_connections(int count) { open_ -= count; }
  // How many messages this destination may send now; what it sends is taken from the budget.
  std::size_t messages(const Destination& one, MonoTime now);
  void wait_for_messages(const Destination& one);
  // Those in line, as far as something is left for them. Behind whatever may have freed it.
  void serve();

  // Of a destination.
  void heard(const std::string& key, const Report& report, MonoTime now);
  void met(const std::string& domain);
  bool suspended(MonoTime now) const { return concurrency_.suspended(now); }
  bool probing() const { return concurrency_.probing(); }
  void put_off(const Slice& slice);  // until its suspension is over
  // The operator's word: forget that it was suspended.
  void forget_dead();
  NodeBudget& budget() { return budget_; }
  const NodeBudget& budget() const { return budget_; }
  void take_share(MonoTime now);

  // Now and then the LoopSide counts what its destinations have: between these two, count() for each.
  void begin_look();
  void count(const Destination& one);
  void end_look(MonoTime now);
  // As of the last look.
  std::size_t load() const { return waiting_ + static_cast<std::size_t>(std::max(0, open_)); }
  std::size_t demand(MonoTime now) const;  // as Destination::demand()
  DestinationStatus status(MonoTime now, WallTime wall) const;
  bool disposable(MonoTime now) const;  // nobody is in it: the LoopSide knows that
  void retire() { tell_saturated(Saturation::kNone); }

 private:
  // Each once.
  class Line {
   public:
    bool empty() const { return keys_.empty(); }
    std::size_t size() const { return keys_.size(); }
    void stand(const std::string& key) {
      if (in_it_.insert(key).second) keys_.push_back(key);
    }
    std::string next() {
      std::string key = std::move(keys_.front());
      keys_.pop_front();
      in_it_.erase(key);
      return key;
    }

   private:
    std::deque<std::string> keys_;
    std::unordered_set<std::string> in_it_;
  };

  Concurrency::Options concurrency_options() const;
  int limit(MonoTime now) const { return budget_.connections(concurrency_.limit(now)); }
  bool others_wait() const { return !for_connection_.empty() || !for_messages_.empty(); }
  void turn_of(const std::string& key);
  void on_timer();
  void wait_on();
  void leave_alone(const smtp::Reply& why);
  void is_back();
  void tell_saturated(Saturation saturation);

  LoopSide& side_;
  const std::string name_;
  int connections_ = 1;  // as the settings say
  Concurrency concurrency_;
  NodeBudget budget_;
  LeftAlone left_alone_;
  int open_ = 0;
  Line for_connection_, for_messages_;
  const Destination* turn_ = nullptr;  // whose it is
  bool turn_used_ = false;             // for a connection
  net::Timer timer_;                   // while somebody stands in line
  std::set<std::string> refusing_;     // keys; since a message was accepted
  std::set<std::string> unreachable_;  // likewise, since a host let us in
  std::set<std::string> domains_;
  bool new_domains_ = false;  // since the queue was told
  bool full_ = false;
  Saturation saturation_ = Saturation::kNone;  // as the queue was told
  MonoTime last_progress_{};
  std::size_t queued_ = 0, waiting_ = 0,
              destinations_ = 0;  // as of the last look: recipients that wait here, and with those lent
  std::size_t counted_queued_ = 0, counted_waiting_ = 0, counted_destinations_ = 0;  // under way
};

}  // namespace essaim::delivery
