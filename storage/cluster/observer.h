// Who is dead, by the observer's own clock alone (DESIGN §3): a node whose beat has not changed for its lease. No two clocks
// are ever compared, and no time is taken from the database.
//
//   a change counts from when the answer that showed it had come    (the beat is older than that)
//   an unchanged beat counts until the question was asked           (the answer may be as old as that)
//   what could not be asked about for a while proves nothing: after a gap everybody's time begins anew, so that after an
//   outage of the database a takeover waits a whole lease again
//
// Pure; one thread.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "core/base/clock.h"

namespace essaim::storage {

enum class NodeState : int {
  kServing = 0,
  kDraining = 1,  // an operator wants it to take nothing new
  kStopped = 2,   // it has ended in order and owns nothing
  kDead = 3,      // its work was taken over
};
const char* to_string(NodeState state);  // "serving" ...

// The row of a node as it was read.
struct NodeSight {
  int number = 0;
  std::string hostname;
  std::int64_t epoch = 0;
  std::int64_t beat = 0;  // changes with each; the value means nothing
  Duration lease{};       // that it keeps to
  NodeState state = NodeState::kServing;
  WallTime started{};
  std::string version;
  std::string demand;        // what it wants of destinations, in a form that delivery knows
  bool tells_apart = false;  // that; see node_demand.h
  bool drains = false;       // or will when it is back
  bool dead() const { return state == NodeState::kDead; }
  bool at_work() const { return state == NodeState::kServing || state == NodeState::kDraining; }
};

class Observer {
 public:
  // `self` is never called dead. `lease`: the least that is waited, whatever the rows say.
  Observer(int self, Duration lease) : self_(self), lease_(lease) {}

  // Gives those to be taken over.
  std::vector<NodeSight> look(const std::vector<NodeSight>& nodes, MonoTime asked, MonoTime answered);
  // For how long the node's beat has been seen unchanged, at the last look.
  Duration silence(int number) const;

 private:
  struct Seen {
    std::int64_t epoch = 0, beat = 0;
    MonoTime since{};
  };
  // Longer than this between two looks, and nothing is known of the time between.
  Duration longest_gap() const { return lease_ / 2; }

  const int self_;
  const Duration lease_;
  std::map<int, Seen> seen_;
  MonoTime last_{};
};

}  // namespace essaim::storage
