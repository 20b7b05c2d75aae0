#include "delivery/destination_group.h"

#include <algorithm>
#include <utility>

#include "core/base/random.h"
#include "delivery/failure_policy.h"
#include "delivery/loop_side.h"

namespace essaim::delivery {
namespace {

constexpr std::size_t kSaturatedAbove = 2'000, kSaturatedBelow = 500;  // recipients that wait
constexpr Duration kStalledAfter = std::chrono::seconds(3);
constexpr std::size_t kTurnMessages = 16;  // before the next one's turn
constexpr Duration kLook = std::chrono::milliseconds(50);
constexpr Duration kLongestWait = std::chrono::seconds(1);  // its share of the rate may grow meanwhile
constexpr std::size_t kDomainsKept = 10'000;
constexpr std::size_t kDestinationsThatRefuse = 2;
// Slow start for all of them together: a group with a hundred connections would need five thousand messages from two on.
constexpr int kPartAtFirst = 4;

}  // namespace

DestinationGroup::DestinationGroup(LoopSide& side, const DestinationPolicy& policy)
    : side_(side),
      name_(policy.group),
      connections_(policy.connections),
      concurrency_(concurrency_options()),
      budget_("together " + policy.group),
      left_alone_(side),
      timer_(side.loop(), [this] { on_timer(); }) {
  last_progress_ = side.clock().mono_now();
  budget_.set_limits(policy.connections, policy.rate, last_progress_);
}

DestinationGroup::~DestinationGroup() = default;

Concurrency::Options DestinationGroup::concurrency_options() const {
  const EngineSettings& settings = side_.settings();
  Concurrency::Options options;
  options.max = connections_;
  options.initial =
      std::min(connections_, std::max(settings.connections_initial, connections_ / kPartAtFirst));
  options.suspend_initial = std::min<Duration>(std::chrono::minutes(1), settings.retry_initial);
  options.suspend_max = settings.retry_max;
  return options;
}

void DestinationGroup::set_policy(const DestinationPolicy& policy) {
  connections_ = policy.connections;
  concurrency_.set_options(concurrency_options());
  budget_.set_limits(policy.connections, policy.rate, side_.clock().mono_now());
  timer_.cancel();
  wait_on();
}

void DestinationGroup::take_share(MonoTime now) {
  budget_.take_share(side_.fabric().demands, side_.fabric().node, load(), now);
}

bool DestinationGroup::take_connection(const Destination& one, MonoTime now) {
  const bool first = for_connection_.empty() || (turn_ == &one && !turn_used_);
  if (!first || open_ >= limit(now)) {
    for_connection_.stand(one.key());
    wait_on();
    return false;
  }
  turn_used_ = true;
  ++open_;
  return true;
}

std::size_t DestinationGroup::messages(const Destination& one, MonoTime now) {
  const std::size_t all = budget_.messages().available(now);
  if (!budget_.messages().limited() || !others_wait()) return all;
  if (turn_ != &one || all == 0) return 0;
  return std::clamp<std::size_t>(all / (for_connection_.size() + for_messages_.size() + 1), 1, kTurnMessages);
}

void DestinationGroup::wait_for_messages(const Destination& one) {
  for_messages_.stand(one.key());
  wait_on();
}

void DestinationGroup::serve() {
  if (turn_ != nullptr) return;  // one of them is being served
  std::size_t connections = for_connection_.size(), messages = for_messages_.size();
  for (bool any = true; any;) {
    any = false;
    const MonoTime now = side_.clock().mono_now();
    if (connections > 0 && open_ < limit(now) && budget_.messages().available(now) > 0) {
      --connections;
      any = true;
      turn_of(for_connection_.next());
    }
    if (messages > 0 && budget_.messages().available(now) > 0) {
      --messages;
      any = true;
      turn_of(for_messages_.next());
    }
  }
  wait_on();
}

// Its destination may have gone meanwhile, or have nothing more to send.
void DestinationGroup::turn_of(const std::string& key) {
  Destination* const one = side_.find_destination(key);
  if (one == nullptr) return;
  turn_ = one;
  turn_used_ = false;
  side_.pump(one);
  turn_ = nullptr;
}

void DestinationGroup::on_timer() {
  serve();
  // A connection that is only kept open makes room.
  const MonoTime now = side_.clock().mono_now();
  if (for_connection_.empty() || open_ < limit(now) || budget_.messages().available(now) == 0) return;
  for (std::size_t loop = 0; loop < side_.fabric().loops.size(); ++loop)
    side_.fabric().post(loop, [name = name_, count = for_connection_.size()](LoopSide& side) {
      side.make_room_in(name, count);
    });
}

// What waits at a suspended one has been put off: who still stands in line has nothing.
void DestinationGroup::wait_on() {
  if (!others_wait()) return timer_.cancel();
  if (timer_.active()) return;
  const MonoTime now = side_.clock().mono_now();
  if (limit(now) == 0) return timer_.start(kLongestWait);  // also where other nodes have all of the budget
  const bool for_rate = budget_.messages().available(now) == 0;
  timer_.start(for_rate ? std::min(kLongestWait, budget_.messages().wait(now)) : kLook);
}

void DestinationGroup::heard(const std::string& key, const Report& report, MonoTime now) {
  if (report.begun > 0 || report.ready > 0 || report.successes > 0 || !report.closed.empty())
    last_progress_ = now;
  if (report.ready > 0) {
    concurrency_.on_ready();
    unreachable_.clear();
  }
  for (int i = 0; i < report.troubles; ++i) concurrency_.on_trouble();
  if (report.troubles > 0) refusing_.insert(key);
  const bool was_away = concurrency_.probing();
  for (int i = 0; i < report.successes; ++i) concurrency_.on_success();
  if (report.successes > 0) refusing_.clear();
  if (was_away && !concurrency_.probing()) is_back();
  const auto refused = [&] { return refusing_.size() >= kDestinationsThatRefuse; };
  if (report.troubles > 0 && refused() && concurrency_.refuses(now, random_fraction()))
    leave_alone(report.trouble);
  for (const Report::Closed& closed : report.closed) {
    if (closed.usable || suspended(now) || says_no_require_tls(closed.why)) continue;
    if (closed.refused) {
      refusing_.insert(key);
      // There are always others that may fare better: what nothing else shows is that all of them are dead.
      if (refused() && concurrency_.on_unusable(1, now, random_fraction())) leave_alone(closed.why);
      continue;
    }
    unreachable_.insert(key);
    if (unreachable_.size() < kUnreachable) continue;
    // For the shortest time, however often: it may be ten customers who are gone, and is no reason to leave the others alone for hours.
    concurrency_.give_up(now, random_fraction());
    leave_alone(closed.why);
  }
}

void DestinationGroup::leave_alone(const smtp::Reply& why) {
  refusing_.clear();
  unreachable_.clear();
  left_alone_.begin(name_, why, concurrency_.suspended_until());
  side_.for_each_in(*this, [](Destination& one) { one.put_off_all(); });
}

void DestinationGroup::put_off(const Slice& slice) {
  left_alone_.put_off(slice, concurrency_.suspended_until());
}

void DestinationGroup::is_back() {
  left_alone_.over();
  side_.for_each_in(*this, [](Destination& one) { one.forget_refusals(); });
}

void DestinationGroup::forget_dead() {
  concurrency_.forget();
  refusing_.clear();
  unreachable_.clear();
  left_alone_.over();
}

void DestinationGroup::met(const std::string& domain) {
  if (!domain.empty() && domains_.size() < kDomainsKept && domains_.insert(domain).second)
    new_domains_ = true;
}

void DestinationGroup::begin_look() {
  counted_queued_ = counted_waiting_ = counted_destinations_ = 0;
}

void DestinationGroup::count(const Destination& one) {
  ++counted_destinations_;
  counted_queued_ += one.queued();
  counted_waiting_ += one.waiting();
}

void DestinationGroup::end_look(MonoTime now) {
  if (waiting_ == 0 || !side_.may_send()) last_progress_ = now;  // or it is we who do nothing
  queued_ = counted_queued_;
  waiting_ = counted_waiting_;
  destinations_ = counted_destinations_;
  if (queued_ > kSaturatedAbove) full_ = true;
  if (queued_ < kSaturatedBelow) full_ = false;
  const bool stalled = waiting_ > 0 && now - last_progress_ >= kStalledAfter;
  tell_saturated(budget_.without_share() ? Saturation::kElsewhere
                 : full_ || stalled      ? Saturation::kFull
                                         : Saturation::kNone);
}

void DestinationGroup::tell_saturated(Saturation saturation) {
  const bool same = std::exchange(saturation_, saturation) == saturation;
  if (same && (saturation == Saturation::kNone || !new_domains_)) return;
  new_domains_ = false;
  side_.fabric().sink->destination_saturated("together " + name_, domains_, saturation);
  // A group may live as long as the server, and a domain may have moved away: those whose mail comes again are met again.
  if (saturation == Saturation::kNone) domains_.clear();
}

std::size_t DestinationGroup::demand(MonoTime now) const {
  return std::max<std::size_t>(load(), budget_.messages().full(now) ? 0 : 1);
}

DestinationStatus DestinationGroup::status(MonoTime now, WallTime wall) const {
  DestinationStatus status;
  status.domain = status.rule = status.group = name_;
  status.key = "together " + name_;
  status.connections = open_;
  status.limit = limit(now);
  status.waiting = static_cast<std::int64_t>(waiting_);
  status.destinations = static_cast<int>(destinations_);
  if (suspended(now)) {
    const auto left =
        std::chrono::duration_cast<std::chrono::milliseconds>(concurrency_.suspended_until() - now);
    status.state = "suspended until " + format_iso8601(wall + left) + ": " + left_alone_.reply().to_string();
    return status;
  }
  status.state = (open_ > 0 || waiting_ > 0 ? "active, " : "idle, ") + std::to_string(destinations_) +
                 " destinations together";
  if (!for_connection_.empty())
    status.state += ", " + std::to_string(for_connection_.size()) + " wait for a connection";
  if (!for_messages_.empty())
    status.state += ", " + std::to_string(for_messages_.size()) + " wait for the rate";
  return status;
}

bool DestinationGroup::disposable(MonoTime now) const {
  return !suspended(now) && budget_.messages().full(now);
}

}  // namespace essaim::delivery
