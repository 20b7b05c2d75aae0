// What of a budget that all nodes have together is this node's: connections and rate of one destination, or of a group of
// them. Owned by it; used on its home loop. Time comes in.
#pragma once

#include <algorithm>
#include <cstddef>
#include <string>

#include "delivery/shares.h"
#include "delivery/token_bucket.h"

namespace essaim::delivery {

class NodeBudget {
 public:
  // The key is the same at all nodes: by it they tell each other what they want, and agree who has what.
  explicit NodeBudget(std::string key);

  // As the settings say it, for all nodes.
  void set_limits(int connections, const Rate& rate, MonoTime now);
  // By what others want; this one has `load`, in recipients and connections. Nothing changes for a node alone.
  void take_share(const SharedDemands& demands, int node, std::size_t load, MonoTime now);

  int connections(int limit) const {
    return share_.connections < 0 ? limit : std::min(limit, share_.connections);
  }
  // It is too small for this node; what waits here is for those that have it.
  bool without_share() const { return share_.connections == 0; }
  TokenBucket& messages() { return bucket_; }
  const TokenBucket& messages() const { return bucket_; }
  const Rate& rate() const { return rate_; }
  const std::string& told_as() const { return told_as_; }

 private:
  void set_rate(MonoTime now);

  const std::string key_, told_as_;
  int connections_ = 0;
  Rate rate_;
  TokenBucket bucket_;
  Share share_{-1, 1.0};     // connections < 0: all of it
  MonoTime others_heard_{};  // by then of those who began with its rate when this one did
};

}  // namespace essaim::delivery
