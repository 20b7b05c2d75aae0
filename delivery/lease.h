// What a destination (on its home loop) and its crews (on any loop) tell each other. Values that travel by
// post().
#pragma once

#include <string>
#include <vector>

#include "delivery/destination_policy.h"
#include "delivery/places.h"

namespace essaim::delivery {

// Home -> crew.
struct Lease {
  std::string key;
  std::size_t home = 0;
  std::vector<std::string> domains;  // for the trace; none: the smart host of all
  std::shared_ptr<const DestinationPolicy> policy;
  std::shared_ptr<const TlsAnswer> tls;  // of the next hop
  std::vector<Slice> slices;
  std::vector<std::vector<HostCandidate>> connections;  // one courier each, already taken from the budget
  Standing standing = Standing::kUnknown;               // by which these were taken
};

struct FailedAddress {
  std::string address;
  Duration after{};  // it took so long
};

// Crew -> home, what happened since the last report.
struct Report {
  std::size_t loop = 0;
  std::size_t consumed = 0;  // recipients of the stock that were begun or are in `returned`
  std::size_t unsent = 0;    // messages of the stock of which nobody had an attempt: no rate counts them
  int begun = 0;             // transactions
  int ready = 0;             // connections that can carry mail now
  int successes = 0;         // transactions whose message was accepted
  int timed = 0;             // of these, those of messages so small that sending them takes no time
  Duration time{};           // that these took, in sum
  int troubles = 0;
  bool kept_waiting =
      false;            // one was given up, as others waited for its place, or kept us long and took nothing
  smtp::Reply trouble;  // what the last of them was
  // Recipients whom a host has failed for good by what it thinks of us (refuses_us()), of these posts; and what it said last.
  std::size_t refused = 0;
  std::vector<Id> refused_posts;
  smtp::Reply refusal;
  struct Closed {
    bool usable = false;
    Stage stage = Stage::kLost;
    smtp::Reply why;
    bool refused = false;  // by the host, in its own words
  };
  std::vector<Closed> closed;
  std::vector<FailedAddress> failed_addresses;
  std::vector<Slice> returned;
  std::vector<std::string> replies;  // refusals, for people; a few

  bool empty() const {
    return consumed == 0 && unsent == 0 && ready == 0 && successes == 0 && troubles == 0 && refused == 0 &&
           !kept_waiting && closed.empty() && failed_addresses.empty() && returned.empty() && replies.empty();
  }
};

}  // namespace essaim::delivery
