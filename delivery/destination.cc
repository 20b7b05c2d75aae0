#include "delivery/destination.h"

#include <algorithm>
#include <utility>

#include "core/base/log.h"
#include "core/base/random.h"
#include "delivery/destination_policy.h"
#include "delivery/failure_policy.h"
#include "delivery/loop_side.h"
#include "delivery/retry.h"

namespace essaim::delivery {
namespace {

constexpr std::size_t kLeasePersonal = 256;    // recipients in the stock of one crew
constexpr std::size_t kLeasePerCourier = 32;   // personal copies
constexpr std::size_t kTransactionsAhead = 4;  // of common copies, per courier
constexpr std::size_t kTurnPersonal = 16;      // copies of one post before the next one's turn
constexpr std::size_t kWorkPerConnection = 4;  // waiting transactions that justify one more
constexpr std::size_t kSaturatedAbove = 2'000, kSaturatedBelow = 500;
constexpr Duration kStalledAfter = std::chrono::seconds(3);
// One that has answered nothing yet is silent more often than slow; should it be slow, its batches come again.
constexpr Duration kUnansweredAfter = std::chrono::milliseconds(1500);
constexpr std::size_t kDomainsKept = 1'000;
constexpr std::size_t kRepliesKept = 10;
constexpr Duration kRememberIdle = std::chrono::minutes(10);
// Who waits for an operator is looked at again then; a resumption is told.
constexpr std::chrono::minutes kLookAtSuspended(30);

}  // namespace

Destination::Destination(LoopSide& side, std::string key)
    : side_(side),
      key_(std::move(key)),
      first_loop_(side.fabric().home_of(key_)),
      concurrency_(concurrency_options()),
      budget_(key_),
      rate_timer_(side.loop(), [this] { side_.pump(this); }),
      left_alone_(side) {
  last_used_ = side_.clock().mono_now();
}

Concurrency::Options Destination::concurrency_options() const {
  const EngineSettings& settings = side_.settings();
  Concurrency::Options options;
  options.initial = hop_ ? hop_->policy->connections_initial : settings.connections_initial;
  options.max = hop_ ? hop_->policy->connections : settings.connections_per_destination;
  options.suspend_initial = std::min<Duration>(std::chrono::minutes(1), settings.retry_initial);
  options.suspend_max = settings.retry_max;
  return options;
}

void Destination::reconfigure() {
  concurrency_.set_options(concurrency_options());
}

void Destination::update(NextHopPtr hop) {
  const bool changed = !hop_ || (hop_->policy != hop->policy && *hop_->policy != *hop->policy);
  hop_ = std::move(hop);
  if (!changed) return;
  concurrency_.set_options(concurrency_options());
  const DestinationPolicy& policy = *hop_->policy;
  if (policy.group.empty())
    budget_.set_limits(policy.connections, policy.rate, side_.clock().mono_now());
  else if (group_ == nullptr)
    group_ = side_.group_of(policy);
}

std::size_t Destination::per_transaction() const {
  return hop_ ? hop_->policy->recipients_per_transaction : side_.settings().recipients_per_transaction;
}

void Destination::enqueue(const std::string& domain, Slice slice) {
  const MonoTime now = side_.clock().mono_now();
  last_used_ = now;
  const bool new_domain = !domain.empty() && domains_.size() < kDomainsKept && domains_.insert(domain).second;
  if (group_ != nullptr) group_->met(domain);
  if (suspended(now)) return put_off(slice, now);
  if (waiting() == 0) last_progress_ = now;
  queue_.push(std::move(slice));
  if (new_domain && saturation_ != Saturation::kNone)
    side_.fabric().sink->destination_saturated(key_, domains_, saturation_);
}

// Of the budget that all nodes have together.
void Destination::take_share(MonoTime now) {
  if (group_ != nullptr) return group_->take_share(now);
  budget_.take_share(side_.fabric().demands, side_.fabric().node, load(), now);
}

std::size_t Destination::messages(MonoTime now) {
  return group_ != nullptr ? group_->messages(*this, now) : budget_.messages().available(now);
}

bool Destination::take_connection(Standing as, MonoTime now) {
  if (group_ != nullptr && !group_->take_connection(*this, now)) return false;
  if (side_.fabric().take_connection(as)) return true;
  if (group_ != nullptr) group_->give_connections(1);
  starving_ = true;
  return false;
}

std::size_t Destination::stock() const {
  std::size_t sum = 0;
  for (const auto& [loop, crew] : crews_) sum += crew.stock;
  return sum;
}

int Destination::open() const {
  int sum = 0;
  for (const auto& [loop, crew] : crews_) sum += crew.open;
  return sum;
}

int Destination::wanted(MonoTime now) {
  const std::size_t all = std::min(queue_.transactions(per_transaction()), messages(now)) +
                          (stock() + per_transaction_ - 1) / per_transaction_;
  const std::size_t reasonable = (all + kWorkPerConnection - 1) / kWorkPerConnection;
  const int limit = budget().connections(concurrency_.limit(now));
  return static_cast<int>(std::min<std::size_t>(reasonable, static_cast<std::size_t>(limit)));
}

std::size_t Destination::loop_for_next() const {
  // The first two at home: most destinations never need more. Then evenly over all loops.
  const std::size_t loops = side_.fabric().loops.size();
  if (queue_.empty() && open() > 0) {
    // All is lent: help the crew that has the most left for each of its couriers.
    const auto busiest = std::max_element(crews_.begin(), crews_.end(), [](const auto& a, const auto& b) {
      return a.second.stock / static_cast<std::size_t>(a.second.open + 1) <
             b.second.stock / static_cast<std::size_t>(b.second.open + 1);
    });
    return busiest->first;
  }
  if (open() < 2) return first_loop_;
  std::size_t best = first_loop_;
  int least = -1;
  for (std::size_t step = 0; step < loops; ++step) {
    const std::size_t loop = (first_loop_ + step) % loops;
    const auto crew = crews_.find(loop);
    const int count = crew == crews_.end() ? 0 : crew->second.open;
    if (least >= 0 && count >= least) continue;
    least = count;
    best = loop;
  }
  return best;
}

std::size_t Destination::lease_size(const CrewState& crew) const {
  const auto couriers = static_cast<std::size_t>(std::max(1, crew.open));
  std::size_t size = std::min(kLeasePersonal, kLeasePerCourier * couriers);
  // Common copies go out many at a time.
  const std::size_t common =
      queue_.recipients() / std::max<std::size_t>(1, queue_.transactions(per_transaction()));
  if (common > 1) size = std::max(size, kTransactionsAhead * couriers * per_transaction());
  // When little is left it is shared out.
  std::size_t active = 0;
  for (const auto& [loop, state] : crews_) active += state.open > 0 ? 1 : 0;
  const std::size_t share = (queue_.recipients() + stock()) / std::max<std::size_t>(1, active);
  return std::max<std::size_t>(1, std::min(size, share + 1));
}

void Destination::fill(Lease* lease, std::size_t recipients, MonoTime now) {
  Slice slice;
  std::size_t taken = 0;
  std::size_t may_go = messages(now);
  const std::size_t per = per_transaction();
  if (!queue_.empty())
    per_transaction_ = std::max<std::size_t>(1, queue_.recipients() / queue_.transactions(per));
  while (taken < recipients && may_go > 0 &&
         queue_.pop(std::min({kTurnPersonal, recipients - taken, may_go}), per, &slice)) {
    const bool personal = slice.batch->post->post.mode == storage::CopyMode::kPersonal;
    const std::size_t sent = personal ? slice.indices.size() : 1;
    may_go -= sent;
    budget().messages().take(sent);
    taken += slice.indices.size();
    lease->slices.push_back(std::exchange(slice, {}));
  }
}

Standing Destination::standing(MonoTime now) const {
  const bool own = hop_ != nullptr && hop_->policy->own;
  if (own || side_.proven().has(key_, now)) return Standing::kProven;
  if (hop_ == nullptr || hop_->policy->our_way()) return Standing::kUnknown;
  const bool doubted = std::any_of(hop_->hosts.begin(), hop_->hosts.end(), [&](const NextHop::Host& host) {
    return side_.fabric().doubted.has(host.candidate.address, now);
  });
  return doubted ? Standing::kDoubted : Standing::kUnknown;
}

void Destination::pump() {
  const MonoTime now = side_.clock().mono_now();
  starving_ = false;
  // Without a journal nobody is called: LoopSide comes here again when it can be written.
  if (!side_.may_send() || hop_ == nullptr || side_.closed_to(*hop_->policy)) return;
  if (const auto wait = suspended_by_operator()) {
    const WallTime again = side_.clock().wall_now() + kLookAtSuspended;
    for (const Slice& slice : queue_.take_all())
      side_.recorder().put_off(slice, wait->reply,
                               wait->until == WallTime{} ? again : std::min(again, wait->until));
    return check_saturation();
  }
  take_share(now);
  std::map<std::size_t, Lease> leases;
  std::optional<Standing> as;

  while (open() < wanted(now)) {
    if (!as) as = standing(now);
    if (!take_connection(*as, now)) break;
    const std::size_t loop = loop_for_next();
    auto list = candidates(
        *hop_,
        [&](const std::string& address) {
          const auto failing = failing_.find(address);
          return failing != failing_.end() && failing->second > now;
        },
        [] { return random_u64(); });
    leases[loop].standing = *as;
    leases[loop].connections.push_back(std::move(list));
    ++crews_[loop].open;
    if (concurrency_.probing()) break;
  }
  for (auto& [loop, crew] : crews_) {
    if (crew.open == 0 || queue_.empty()) continue;
    const std::size_t size = lease_size(crew);
    if (crew.stock * 2 > size && queue_.first_priority() > 0) continue;
    Lease& lease = leases[loop];
    const std::size_t room = size > crew.stock ? size - crew.stock : 1;
    fill(&lease, room, now);
    for (const Slice& slice : lease.slices) crew.stock += slice.indices.size();
  }
  const std::size_t home = side_.number();
  for (auto& [loop, lease] : leases) {
    if (lease.slices.empty() && lease.connections.empty()) continue;
    lease.key = key_;
    lease.policy = hop_->policy;
    lease.tls = hop_->tls;
    lease.home = home;
    lease.domains.assign(domains_.begin(), domains_.end());
    side_.fabric().post(loop,
                        [lease = std::move(lease)](LoopSide& side) mutable { side.lend(std::move(lease)); });
  }
  wait_for_rate(now);
  // Its turn has come, and its batches had been given back.
  if (open() == 0 && queue_.empty()) stalled_ = false;
  check_saturation();
}

std::optional<SuspendedHosts::Wait> Destination::suspended_by_operator() const {
  if (hop_ == nullptr) return {};
  return side_.fabric().suspended_hosts.of(*hop_, side_.clock().wall_now());
}

void Destination::wait_for_rate(MonoTime now) {
  TokenBucket& bucket = budget().messages();
  if (!bucket.limited() || queue_.empty() || suspended(now) || messages(now) > 0) return;
  if (group_ != nullptr) return group_->wait_for_messages(*this);
  if (!rate_timer_.active()) rate_timer_.start(bucket.wait(now));
}

std::vector<Slice> Destination::take_queue() {
  return queue_.take_all();
}

void Destination::take_report(Report report) {
  const MonoTime now = side_.clock().mono_now();
  last_used_ = now;
  CrewState& crew = crews_[report.loop];
  crew.stock -= std::min(crew.stock, report.consumed);
  crew.open -= static_cast<int>(report.closed.size());
  budget().messages().give(report.unsent);
  if (group_ != nullptr) {
    group_->give_connections(static_cast<int>(report.closed.size()));
    group_->heard(key_, report, now);
  }
  if (report.begun > 0 || report.ready > 0 || report.successes > 0 || !report.closed.empty())
    note_progress(now);
  if (report.ready > 0 || report.successes > 0) answers_ = true;
  // What it takes in a doubted network proves nothing before that is over: one message is not the price of many places.
  if (report.successes > 0 && standing(now) != Standing::kDoubted) side_.proven().took(key_, now);
  if (report.kept_waiting) side_.proven().kept_us_waiting(key_, now);
  for (std::string& reply : report.replies) note_reply(std::move(reply));
  for (const FailedAddress& failed : report.failed_addresses)
    failing_[failed.address] = now + failing_for(failed.after);
  note_refusals(report, now);
  if (report.timed > 0) concurrency_.on_reply_times(report.time / report.timed, now);
  for (int i = 0; i < report.ready; ++i) concurrency_.on_ready();
  // Which came first is not known: where some were accepted it does not refuse all.
  for (int i = 0; i < report.troubles; ++i) concurrency_.on_trouble();
  const bool was_away = concurrency_.probing();
  for (int i = 0; i < report.successes; ++i) concurrency_.on_success();
  if (was_away && !concurrency_.probing()) left_alone_.over();
  for (Slice& slice : report.returned) {
    if (side_.keep_of(&slice)) queue_.push(std::move(slice));
  }
  if (report.troubles > 0 && concurrency_.refuses(now, random_fraction())) {
    leave_alone(report.trouble, std::nullopt);
    refuses_ = true;
  }
  for (const Report::Closed& closed : report.closed) {
    if (closed.usable || side_.closed_to(*hop_->policy)) continue;
    if (asks_for_more() && says_no_require_tls(closed.why)) {
      conclude_all(Outcome::Kind::kFailed, closed.stage, closed.why);
      continue;
    }
    if (concurrency_.suspended(now)) {
      continue;  // one of the others; the verdict stands
    }
    if (!concurrency_.on_unusable(open(), now, random_fraction())) continue;
    leave_alone(closed.why, closed.stage);
    refuses_ = closed.refused;
  }
  if (suspended(now)) put_off_all();
  pump();
}

// Nothing is done about it: who was refused is lost already, and what comes next may be another's. It is told.
void Destination::note_refusals(const Report& report, MonoTime now) {
  if (report.successes > 0) return refusals_.end();
  if (report.refused == 0 || !refusals_.add(report.refused, report.refused_posts, now)) return;
  log::warning("destination-refuses-all",
               {{"destination", std::string_view(domains_.empty() ? key_ : *domains_.begin())},
                {"recipients", static_cast<std::int64_t>(refusals_.recipients())},
                {"reply", report.refusal.to_string()}});
}

// What waits had an attempt if it was for want of a host that the connections failed, at a stage; if others were refused, it had
// none.
void Destination::leave_alone(const smtp::Reply& why, std::optional<Stage> in_vain) {
  answers_ = false;
  left_alone_.begin(domains_.empty() ? key_ : *domains_.begin(), why, concurrency_.suspended_until());
  for (const Slice& slice : queue_.take_all()) {
    if (in_vain)
      left_alone_.defer(slice, *in_vain, hop_->policy->our_way(), concurrency_.suspended_until());
    else
      left_alone_.put_off(slice, concurrency_.suspended_until());
  }
}

void Destination::put_off(const Slice& slice, MonoTime now) {
  if (!concurrency_.suspended(now)) return group_->put_off(slice);
  left_alone_.put_off(slice, concurrency_.suspended_until());
}

void Destination::put_off_all() {
  const MonoTime now = side_.clock().mono_now();
  for (const Slice& slice : queue_.take_all()) put_off(slice, now);
}

void Destination::forget_refusals() {
  if (!refuses_ || !concurrency_.suspended(side_.clock().mono_now())) return;
  concurrency_.forget();
  left_alone_.over();
}

void Destination::conclude_all(Outcome::Kind kind, Stage stage, const smtp::Reply& reply) {
  for (const Slice& slice : queue_.take_all())
    side_.recorder().record_all(slice, kind, stage, reply, hop_->policy->our_way());
}

// All its mail is mail with REQUIRETLS: that is part of the key.
bool Destination::asks_for_more() const {
  return hop_ != nullptr && !hop_->hosts.empty() && hop_->hosts.front().candidate.tls != nullptr &&
         hop_->hosts.front().candidate.tls->require_tls != RequireTls::kNo;
}

void Destination::give_back(const TakeOut& take_out) {
  for (const Slice& slice : queue_.take(take_out)) side_.recorder().give_back(slice);
  check_saturation();
}

void Destination::forget_dead() {
  concurrency_.forget();
  failing_.clear();
  left_alone_.over();
  if (group_ != nullptr) group_->forget_dead();
}

void Destination::check_saturation() {
  if (queue_.recipients() > kSaturatedAbove) full_ = true;
  if (queue_.recipients() < kSaturatedBelow) full_ = false;
  const bool all = without_share() && takes_all(side_.settings(), *hop_->policy);
  tell_saturated(all                 ? Saturation::kAllElsewhere
                 : without_share()   ? Saturation::kElsewhere
                 : full_ || stalled_ ? Saturation::kFull
                                     : Saturation::kNone);
}

void Destination::tell_saturated(Saturation saturation) {
  if (std::exchange(saturation_, saturation) == saturation) return;
  side_.fabric().sink->destination_saturated(key_, domains_, saturation_);
}

void Destination::look_for_progress(MonoTime now) {
  if (!side_.may_send()) last_progress_ = now;  // it is we who do nothing
  if (stalled_ || now - last_progress_ < (answers_ ? kStalledAfter : kUnansweredAfter)) return;
  if (waiting() == 0) return;
  // Nor may batches that wait for a connection to a host that nobody knows, behind others of that kind.
  if (open() == 0 && !(starving_ && standing(now) != Standing::kProven)) return;
  stalled_ = true;
  check_saturation();
}

void Destination::note_progress(MonoTime now) {
  last_progress_ = now;
  stalled_ = false;
}

void Destination::note_reply(std::string text) {
  replies_.push_front(format_iso8601(side_.clock().wall_now()) + ' ' + text);
  if (replies_.size() > kRepliesKept) replies_.pop_back();
}

bool Destination::disposable(MonoTime now) const {
  return waiting() == 0 && open() == 0 && !concurrency_.suspended(now) && budget_.messages().full(now) &&
         now - last_used_ > kRememberIdle && !refusals_.all(now);
}

DestinationStatus Destination::status(MonoTime now, WallTime wall) const {
  DestinationStatus status;
  status.key = key_;
  if (!domains_.empty())
    status.domain = *domains_.begin();
  else
    status.domain = hop_ ? hop_->policy->smarthost : side_.settings().smarthost;
  if (hop_) status.rule = hop_->policy->rule;
  if (group_ != nullptr) status.group = group_->name();
  if (hop_)
    for (const NextHop::Host& host : hop_->hosts)
      status.hosts.push_back(host.candidate.name + "[" + host.candidate.address +
                             "]:" + std::to_string(host.candidate.port));
  status.connections = open();
  status.limit = budget().connections(concurrency_.limit(now));
  status.waiting = static_cast<std::int64_t>(waiting());
  if (const auto wait = suspended_by_operator()) {
    status.state = wait->reply.to_string();
  } else if (concurrency_.suspended(now)) {
    const auto left =
        std::chrono::duration_cast<std::chrono::milliseconds>(concurrency_.suspended_until() - now);
    status.state = "suspended until " + format_iso8601(wall + left) + ": " + left_alone_.reply().to_string();
  } else if (group_ != nullptr && group_->suspended(now)) {
    status.state = group_->status(now, wall).state;
  } else if (starving_ && status.connections == 0 && status.waiting > 0) {
    const auto used = [&places = side_.fabric().places](Standing standing) {
      return std::to_string(places.used(standing)) + " of " + std::to_string(places.limit(standing));
    };
    status.state = "waits for a connection, of which " + used(Standing::kProven) + " are in use";
    const Standing as = standing(now);
    if (as != Standing::kProven)
      status.state +=
          ", " + used(Standing::kUnknown) + " by hosts that have taken no message lately, like this one";
    if (as == Standing::kDoubted)
      status.state += ", of these " + used(Standing::kDoubted) +
                      " in networks that kept us waiting in vain within a day, like this one";
  } else if (refusals_.all(now)) {
    status.state = "refuses all for good: " + std::to_string(refusals_.recipients()) + " recipients in a row";
  } else {
    status.state = status.connections > 0 || status.waiting > 0 ? "active" : "idle";
  }
  status.last_replies.assign(replies_.begin(), replies_.end());
  return status;
}

}  // namespace essaim::delivery
