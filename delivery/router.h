// From the domain of a recipient to its destination, on the loop that resolves this domain: MX look-ups with
// a cache that also remembers failures, a bounded number at a time. A part of these places is for domains whose look-ups
// ended soon lately: strangers choose whom we ask, and their name servers may keep us waiting. Owned by the LoopSide.
#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "delivery/next_hop.h"
#include "delivery/proven.h"
#include "delivery/slicing.h"
#include "delivery/tls/tls_demand.h"

namespace essaim::delivery {

class LoopSide;

class Router {
 public:
  explicit Router(LoopSide& side) : side_(side) {}
  Router(const Router&) = delete;
  Router& operator=(const Router&) = delete;

  void route(RoutedSlice routed);
  void give_back(const TakeOut& take_out);
  void forget(const std::string& domain);  // its cached answers
  void clear_cache();                      // settings changed
  void sweep(MonoTime now);
  void clear() { entries_.clear(); }  // cancels; what waits is the caller's trouble
  // A fresh answer, or null.
  NextHopPtr cached(const Way& way, MonoTime now) const;
  // Resolves without work, for `explain`; `done` may come at once.
  void look_up(const Way& way, std::function<void(NextHopPtr)> done);

 private:
  struct Entry {
    std::uint64_t generation = 0;  // of the settings that its query asks by
    NextHopPtr hop;                // null until the first answer
    MonoTime until{};
    bool queued = false;
    bool prompt = false;  // then: it takes a place of those
    MonoTime began{};     // its query
    std::unique_ptr<NextHopQuery> query;
    std::vector<Slice> waiting;
    std::vector<std::function<void(NextHopPtr)>> asked;
  };
  void enter(RoutedSlice routed);  // its domain is that of an entry
  void want(const Way& way, Entry* entry);
  void reroute(const Way& way, Entry* entry);
  void start_queries();
  std::deque<Way>* next_line();
  void answered(const Way& way, NextHopPtr hop);
  void dispatch(const std::string& domain, const NextHopPtr& hop, Slice slice);

  LoopSide& side_;
  std::unordered_map<Way, Entry, WayHash> entries_;
  std::deque<Way> prompt_waiting_, others_waiting_;
  std::size_t running_ = 0;
  std::size_t others_running_ = 0;  // of these
  bool others_turn_ = false;
  Proven prompt_;  // by domain: its look-up ended soon, within a day
  bool starting_ = false;
  std::uint64_t generation_ = 0;  // counts changes of the settings
};

}  // namespace essaim::delivery
