#include "storage/cluster/observer.h"

#include <algorithm>

namespace essaim::storage {

const char* to_string(NodeState state) {
  switch (state) {
    case NodeState::kServing:
      return "serving";
    case NodeState::kDraining:
      return "draining";
    case NodeState::kStopped:
      return "stopped";
    case NodeState::kDead:
      break;
  }
  return "dead";
}

std::vector<NodeSight> Observer::look(const std::vector<NodeSight>& nodes, MonoTime asked,
                                      MonoTime answered) {
  if (last_ == MonoTime{} || answered - last_ > longest_gap())
    for (auto& [number, seen] : seen_) seen.since = answered;
  last_ = answered;
  std::vector<NodeSight> dead;
  std::map<int, Seen> now;
  for (const NodeSight& node : nodes) {
    if (node.number == self_ || !node.at_work()) continue;
    Seen seen{node.epoch, node.beat, answered};
    if (const auto before = seen_.find(node.number);
        before != seen_.end() && before->second.epoch == node.epoch && before->second.beat == node.beat)
      seen.since = before->second.since;
    now[node.number] = seen;
    if (asked - seen.since >= std::max(lease_, node.lease)) dead.push_back(node);
  }
  seen_ = std::move(now);
  return dead;
}

Duration Observer::silence(int number) const {
  const auto found = seen_.find(number);
  return found == seen_.end() ? Duration{} : last_ - found->second.since;
}

}  // namespace essaim::storage
