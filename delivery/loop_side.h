// All of the delivery that lives on one loop: the router for the domains that hash here, the destinations at
// home here, the crews of any destination, and the recorder. Everything is used on the loop's thread; others
// come in by Fabric::post(). Owned by the engine; shut() destroys what must die on the loop.
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

#include "delivery/crew.h"
#include "delivery/destination.h"
#include "delivery/destination_group.h"
#include "delivery/fabric.h"
#include "delivery/places.h"
#include "delivery/proven.h"
#include "delivery/recorder.h"
#include "delivery/router.h"
#include "delivery/shares.h"

namespace essaim::delivery {

// Which batches are recalled. Immutable, shared by the loops.
struct RecallFilter {
  bool all = false;
  std::set<Id> posts;
  std::set<const ActiveBatch*> batches;
  // Of other batches: these recipients, and the others of them go on.
  std::map<const ActiveBatch*, std::set<std::uint16_t>> recipients;
  // All of the batch.
  bool matches(const ActiveBatch& batch) const {
    return all || posts.count(batch.post->post.id) > 0 || batches.count(&batch) > 0;
  }
  Slice take_out(Slice* slice) const;
};

class LoopSide {
 public:
  LoopSide(Fabric& fabric, std::size_t number, dns::Resolver& resolver, storage::JournalWriter& journal,
           std::shared_ptr<const EngineSettings> settings);
  ~LoopSide();
  LoopSide(const LoopSide&) = delete;
  LoopSide& operator=(const LoopSide&) = delete;

  // The following on the loop only.
  void begin();  // timers
  void sweep();  // every minute: what has not been used for long is forgotten
  void route(std::vector<RoutedSlice> slices);
  void arrive(const std::string& domain, NextHopPtr hop, Slice slice);  // this is the home
  void lend(Lease lease);                                               // this runs the crew
  void take_report(const std::string& key, Report report);              // this is the home
  // Takes back what is not in flight, now and until recall_over().
  void recall(std::shared_ptr<const RecallFilter> filter);
  void recall_over(const std::shared_ptr<const RecallFilter>& filter);
  void stop();   // no new transactions; connections close after the one under way
  void abort();  // what is in flight comes back
  void shut();   // destroys everything; nothing works afterwards
  void reconfigure(std::shared_ptr<const EngineSettings> settings);
  // Its destination is tried though it was found dead: those that have the domain, and those where its mail arrives soon.
  void retry_destination(const std::string& domain);
  void shares_changed();  // of budgets among nodes
  // The operator has suspended some hosts, or resumed them: what was lent for them comes home, and waits.
  void suspended_hosts_changed();
  void
  go_on();  // after what forbade to send is over: the journal, the lease, a database that takes no outcomes
  void set_trace(Engine::TraceTarget target);
  std::vector<DestinationStatus> destinations() const;
  std::vector<DestinationStatus> busiest(std::size_t most) const;
  std::vector<OwnDemand> demands() const;  // those of which others are told
  EngineLoad load() const;                 // connections are the fabric's

  // For the parts.
  bool is_shut() const { return shut_; }
  bool may_send() const {
    return !stopping_ && recorder_->writable() && fabric_.may_act() && !fabric_.paused;
  }
  bool closed_to(const DestinationPolicy& policy) const { return policy.own && fabric_.own_closed.load(); }
  bool stopping() const { return stopping_; }
  // Gives back what is recalled of the slice. False: nothing of it is left.
  bool keep_of(Slice* slice);
  void drop_crew_later(const std::string& key);
  void pump(Destination* destination);  // and again later, if it wants a connection and there is none
  void pump_starving();                 // in the order in which they began to, one of each standing in turn
  // Ends up to so many connections of this loop that have nothing to do, of destinations of this standing or a worse one. How
  // many it ended.
  std::size_t make_room(std::size_t connections, Standing from);
  // The same of connections to the destinations of a group.
  void make_room_in(const std::string& group, std::size_t connections);
  // So many of each; and if there are too few of them, those whose peers keep us waiting (courier.h), the longest first.
  using Wanted = std::array<std::size_t, kStandings.size()>;
  void make_more_room(Wanted wanted);
  IdleHands& idle_hands() { return idle_hands_; }
  Proven& proven() { return proven_; }
  Destination* find_destination(const std::string& key);
  // The group of such destinations; it is made if there is none. This is its home.
  std::shared_ptr<DestinationGroup> group_of(const DestinationPolicy& policy);
  void for_each_in(const DestinationGroup& group, const std::function<void(Destination&)>& task);
  // In words, with those of its destinations that have the most, for `explain`; "" if there is no such group.
  std::string describe_group(const std::string& name) const;
  Fabric& fabric() { return fabric_; }
  const Clock& clock() const { return fabric_.clock; }
  net::EventLoop& loop() { return loop_; }
  dns::Resolver& resolver() { return resolver_; }
  Recorder& recorder() { return *recorder_; }
  Router& router() { return router_; }
  const EngineSettings& settings() const { return *settings_; }
  const CourierSettings& courier_settings() const { return courier_settings_; }
  const Engine::TraceTarget& trace_target() const { return trace_; }
  std::size_t number() const { return number_; }

 private:
  void note_starving(Destination* destination);
  void pump_next(Standing line);
  std::size_t starving() const;
  void look_for_room();
  void look_for_progress();
  void apply_settings();
  void take_new_ways();
  void leave_to_others(Destination* destination);

  Fabric& fabric_;
  const std::size_t number_;
  net::EventLoop& loop_;
  dns::Resolver& resolver_;
  storage::JournalWriter& journal_;
  std::shared_ptr<const EngineSettings> settings_;
  CourierSettings courier_settings_;
  std::unique_ptr<Recorder> recorder_;
  Router router_;
  IdleHands idle_hands_;
  // Keys of destinations that starve, by standing; one that has moved to a better line may still stand in the first.
  std::array<std::deque<std::string>, kStandings.size()> lines_;
  Proven proven_;
  std::map<std::string, std::shared_ptr<DestinationGroup>> groups_;  // by name
  std::unordered_map<std::string, std::unique_ptr<Destination>> destinations_;
  std::unordered_map<std::string, std::unique_ptr<Crew>> crews_;
  std::vector<std::shared_ptr<const RecallFilter>> filters_;
  struct Call {
    MonoTime until{};
    std::set<std::string> woken;  // keys of destinations
  };
  std::map<std::string, Call> calls_;  // for a retry, by domain
  Engine::TraceTarget trace_;
  std::unique_ptr<net::Timer> sweep_timer_, starving_timer_, progress_timer_;
  bool stopping_ = false;
  bool shut_ = false;
};

}  // namespace essaim::delivery
