#include "delivery/node_budget.h"

#include <utility>

namespace essaim::delivery {
namespace {

// A beat and two looks, with a lease of up to half a minute.
constexpr Duration kOthersHeard = std::chrono::seconds(10);

}  // namespace

NodeBudget::NodeBudget(std::string key) : key_(std::move(key)), told_as_(told_key(key_)) {}

void NodeBudget::set_limits(int connections, const Rate& rate, MonoTime now) {
  if (rate_.count == 0) others_heard_ = now + kOthersHeard;
  connections_ = connections;
  rate_ = rate;
  set_rate(now);
}

// This node's part of what holds now.
void NodeBudget::set_rate(MonoTime now) {
  Rate part = rate_;
  if (part.count > 0 && share_.rate < 1.0) {
    // In thousandths, so that small parts of small rates are not lost.
    part.count = static_cast<std::uint32_t>(std::max(1.0, 1000.0 * part.count * share_.rate));
    part.window *= 1000;
  }
  bucket_.set_rate(part, now);
}

void NodeBudget::take_share(const SharedDemands& demands, int node, std::size_t load, MonoTime now) {
  const auto all = demands.get();
  if (all == nullptr) return;
  static const std::vector<Demand> kNobody;
  const auto found = all->find(told_as_);
  const std::vector<Demand>& others = found == all->end() ? kNobody : found->second;
  Share share = share_of(key_, Demand{node, static_cast<std::int64_t>(load)}, others, connections_, rate_);
  const int nodes = demands.nodes();
  if (now < others_heard_ && static_cast<int>(others.size()) + 1 < nodes)
    share = before_others_are_heard(share, rate_, nodes);
  const bool other_rate = share.rate != share_.rate;
  share_ = share;
  if (other_rate) set_rate(now);
}

}  // namespace essaim::delivery
