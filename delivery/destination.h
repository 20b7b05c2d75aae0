// A next hop with its own state, on its home loop: the queue of slices, how many connections it bears, which
// of its hosts fail, and whether it is dead for now. Work and connections are lent to crews on all loops.
// Owned by the LoopSide.
//
// Settings of its own (DestinationPolicy) come with the next hop. A rate counts messages when they are lent to
// a crew, which sends them at once: a transaction is one, whatever its recipients. What comes back without an attempt is not counted.
//
// One of a group (destination_group.h) has the group's budget and obeys its suspension beside its own.
#pragma once

#include <algorithm>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "delivery/concurrency.h"
#include "delivery/destination_group.h"
#include "delivery/engine.h"
#include "delivery/lease.h"
#include "delivery/left_alone.h"
#include "delivery/node_budget.h"
#include "delivery/note.h"
#include "delivery/refusals.h"
#include "delivery/rotation.h"
#include "delivery/suspended_hosts.h"

namespace essaim::delivery {

class LoopSide;

class Destination {
 public:
  Destination(LoopSide& side, std::string key);
  Destination(const Destination&) = delete;
  Destination& operator=(const Destination&) = delete;

  // The freshest answer of the name server and the settings that hold, then work.
  void update(NextHopPtr hop);
  void enqueue(const std::string& domain, Slice slice);
  void pump();  // opens connections and hands out work, as far as the limits let it
  void take_report(Report report);
  void give_back(const TakeOut& take_out);
  // Now and then: is anything happening? Batches for a host that is silent must not take the room of all others.
  void look_for_progress(MonoTime now);
  std::vector<Slice> take_queue();  // what is not lent
  void forget_dead();               // who was put off for it need not wait either
  // Of its group, which was suspended just now, or takes mail again: what it refused was no reason of its own.
  void put_off_all();
  void forget_refusals();
  // Among nodes: the budget is too small for this one; what waits here is for those that have it.
  bool without_share() const { return budget().without_share(); }
  void reconfigure();
  // By the operator, by its hosts.
  std::optional<SuspendedHosts::Wait> suspended_by_operator() const;

  // Wants a connection, and the budget of all was used up, or the part of it that is for those of its standing.
  bool starving() const { return starving_; }
  Standing standing(MonoTime now) const;
  // Among those on this loop that starve, with whom it stands in line: the LoopSide's.
  std::optional<Standing> line;
  // Nothing queued, lent or open, and nothing to remember.
  bool disposable(MonoTime now) const;
  // Before it is destroyed: nobody would tell the queue any more that it may claim again.
  void retire() { tell_saturated(Saturation::kNone); }
  bool serves(const std::string& domain) const { return domains_.count(domain) > 0; }
  bool serves_all() const { return domains_.empty(); }  // it is the smart host of all
  DestinationStatus status(MonoTime now, WallTime wall) const;
  // Recipients that wait and connections: how busy it is.
  std::size_t load() const { return waiting() + static_cast<std::size_t>(open()); }
  std::size_t queued() const { return queue_.recipients(); }
  std::size_t waiting() const { return queue_.recipients() + stock(); }
  // What other nodes are told: where some of its rate is used up, it wants that for as long as it takes to grow again.
  std::size_t demand(MonoTime now) const {
    return std::max<std::size_t>(load(), budget_.messages().full(now) ? 0 : 1);
  }
  bool limited() const { return hop_ && hop_->policy->limited; }  // by its rule
  bool suspended(MonoTime now) const {
    return concurrency_.suspended(now) || (group_ != nullptr && group_->suspended(now));
  }
  bool refuses_all(MonoTime now) const { return refusals_.all(now); }
  const std::string& key() const { return key_; }
  const std::string& told_as() const { return budget_.told_as(); }  // to other nodes
  DestinationGroup* group() const { return group_.get(); }          // null: its limits are its own

 private:
  struct CrewState {
    int open = 0;
    std::size_t stock = 0;  // recipients lent and not yet consumed
  };
  NodeBudget& budget() { return group_ ? group_->budget() : budget_; }
  const NodeBudget& budget() const { return group_ ? group_->budget() : budget_; }
  void take_share(MonoTime now);
  std::size_t messages(MonoTime now);  // that may go now
  bool take_connection(Standing as, MonoTime now);
  std::size_t stock() const;
  int open() const;
  int wanted(MonoTime now);
  std::size_t loop_for_next() const;
  std::size_t lease_size(const CrewState& crew) const;
  void fill(Lease* lease, std::size_t recipients, MonoTime now);
  std::size_t per_transaction() const;
  void wait_for_rate(MonoTime now);
  void leave_alone(const smtp::Reply& why, std::optional<Stage> in_vain);        // just suspended
  void put_off(const Slice& slice, MonoTime now);                                // until that is over
  void conclude_all(Outcome::Kind kind, Stage stage, const smtp::Reply& reply);  // what waits
  bool asks_for_more() const;
  void check_saturation();
  void tell_saturated(Saturation saturation);  // if the queue was told otherwise
  void note_progress(MonoTime now);
  void note_reply(std::string text);
  void note_refusals(const Report& report, MonoTime now);
  Concurrency::Options concurrency_options() const;

  LoopSide& side_;
  const std::string key_;
  const std::size_t
      first_loop_;  // that of its first connections: with a group, another one than where it is at home
  NextHopPtr hop_;
  std::shared_ptr<DestinationGroup> group_;  // as long as it lives: the key says so
  std::set<std::string> domains_;
  Rotation queue_;
  Concurrency concurrency_;
  NodeBudget budget_;      // unless it has a group
  net::Timer rate_timer_;  // until the rate lets the next message go
  std::map<std::size_t, CrewState> crews_;
  std::map<std::string, MonoTime> failing_;  // address -> until
  Refusals refusals_;
  LeftAlone left_alone_;
  bool refuses_ = false;  // it is suspended for what its hosts said
  std::deque<std::string> replies_;
  std::size_t per_transaction_ = 1;  // recipients, in what was lent last
  bool full_ = false;                // has as much waiting as it can take for a while
  bool answers_ = false;  // one of its connections could carry mail, and it has not been dead since
  bool stalled_ = false;  // has work and connections, and nothing has come of them for a while
  Saturation saturation_ = Saturation::kNone;  // as the queue was told
  MonoTime last_progress_{};
  bool starving_ = false;
  MonoTime last_used_{};
};

}  // namespace essaim::delivery
