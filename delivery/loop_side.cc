#include "delivery/loop_side.h"

#include <algorithm>
#include <set>
#include <utility>

#include "core/base/log.h"
#include "delivery/budget.h"
#include "delivery/destination_policy.h"

namespace essaim::delivery {
namespace {

constexpr Duration kLookForRoom = std::chrono::milliseconds(50);
constexpr Duration kLookForProgress = std::chrono::milliseconds(250);
// A connection between two leases rests for less: it is not ended for others.
constexpr Duration kRestBeforeRoom = std::chrono::milliseconds(20);
constexpr std::size_t kCallsKept = 1'000;
constexpr std::size_t kUsersShown = 5;  // of a group
constexpr Duration kCallHeard = std::chrono::minutes(5);

}  // namespace

Slice RecallFilter::take_out(Slice* slice) const {
  if (matches(*slice->batch)) return take_all_out(slice);
  Slice out{slice->batch, {}, slice->queued};
  const auto some = recipients.find(slice->batch.get());
  if (some == recipients.end()) return out;
  std::vector<std::uint16_t> kept;
  for (const std::uint16_t index : slice->indices)
    (some->second.count(index) > 0 ? out.indices : kept).push_back(index);
  slice->indices = std::move(kept);
  return out;
}

void Fabric::set_room(const EngineSettings& settings) {
  const auto units =
      static_cast<int>(std::min<std::size_t>(settings.active_batches, 1'000'000) * Budget::kUnitsPerBatch);
  const int total = settings.connections_total;
  const int unproven = std::min(total - total / 4, units - units / 4);
  places.set_limits(total, unproven, std::max(1, unproven / 6));
}

void Fabric::return_connection(Standing standing) {
  places.give(standing);
  wake_starving();
}

void Fabric::improve_connection(Standing from) {
  places.improve(from);
  wake_starving();
}

void Fabric::wake_starving() {
  for (std::size_t loop = 0; loop < starving.size(); ++loop)
    if (starving[loop].load() && starving[loop].exchange(false))
      post(loop, [](LoopSide& side) { side.pump_starving(); });
}

std::size_t Fabric::home_of(const NextHop& hop) const {
  return home_of(hop.policy == nullptr || hop.policy->group.empty() ? hop.key : hop.policy->group);
}

void Fabric::post(std::size_t loop, std::function<void(LoopSide&)> task) {
  std::shared_ptr<LoopSide> side = sides[loop];
  loops[loop]->post([side = std::move(side), task = std::move(task)] {
    if (!side->is_shut()) task(*side);
  });
}

LoopSide::LoopSide(Fabric& fabric, std::size_t number, dns::Resolver& resolver,
                   storage::JournalWriter& journal, std::shared_ptr<const EngineSettings> settings)
    : fabric_(fabric),
      number_(number),
      loop_(*fabric.loops[number]),
      resolver_(resolver),
      journal_(journal),
      settings_(std::move(settings)),
      router_(*this) {
  apply_settings();
}

LoopSide::~LoopSide() = default;

void LoopSide::apply_settings() {
  courier_settings_ = CourierSettings{};
  courier_settings_.helo = settings_->hostname;
  courier_settings_.tls = settings_->tls != TlsSetting::kOff && fabric_.tls != nullptr;
  courier_settings_.recipients_per_transaction = settings_->recipients_per_transaction;
  courier_settings_.transactions_per_connection = settings_->transactions_per_connection;
  courier_settings_.connect_timeout = settings_->connect_timeout;
  courier_settings_.greeting_timeout = settings_->command_timeout;
  courier_settings_.command_timeout = settings_->command_timeout;
  courier_settings_.idle_timeout = settings_->idle_timeout;
  if (settings_->chunking) courier_settings_.chunking = fabric_.chunking;
  courier_settings_.chain_transactions = settings_->chaining;
  courier_settings_.chain_refusals = fabric_.chaining;
  courier_settings_.broken_tls = fabric_.broken_tls;
  courier_settings_.lost_tls = fabric_.lost_tls;
  courier_settings_.recipient_limits = fabric_.recipient_limits;
}

void LoopSide::begin() {
  recorder_ = std::make_unique<Recorder>(loop_, static_cast<int>(number_), fabric_.clock, journal_,
                                         *fabric_.sink, [this] { go_on(); });
  sweep_timer_ = std::make_unique<net::Timer>(loop_, [this] { sweep(); });
  sweep_timer_->start(std::chrono::seconds(60));
  starving_timer_ = std::make_unique<net::Timer>(loop_, [this] { look_for_room(); });
  progress_timer_ = std::make_unique<net::Timer>(loop_, [this] { look_for_progress(); });
  progress_timer_->start(kLookForProgress);
}

void LoopSide::go_on() {
  for (auto& [key, crew] : crews_) crew->wake();
  for (auto& [key, destination] : destinations_) pump(destination.get());
}

bool LoopSide::keep_of(Slice* slice) {
  if (stopping_) recorder_->give_back(take_all_out(slice));
  for (const auto& filter : filters_)
    if (const Slice out = filter->take_out(slice); !out.indices.empty()) recorder_->give_back(out);
  return !slice->indices.empty();
}

void LoopSide::route(std::vector<RoutedSlice> slices) {
  for (RoutedSlice& routed : slices)
    if (keep_of(&routed.slice)) router_.route(std::move(routed));
}

void LoopSide::arrive(const std::string& domain, NextHopPtr hop, Slice slice) {
  if (!keep_of(&slice)) return;
  std::unique_ptr<Destination>& destination = destinations_[hop->key];
  if (!destination) destination = std::make_unique<Destination>(*this, hop->key);
  destination->update(std::move(hop));
  const auto call = calls_.find(domain);
  if (call != calls_.end() && destination->suspended(clock().mono_now()) &&
      call->second.woken.insert(destination->key()).second)
    destination->forget_dead();
  destination->enqueue(domain, std::move(slice));
  pump(destination.get());
  if (DestinationGroup* const group = destination->group()) group->serve();
  // The queue knows by now that it is not to claim more for its domains, and leaves for a while what it does not know it by, as
  // behind a smart host of all.
  if (destination->without_share()) leave_to_others(destination.get());
}

// Those that have the budget come by it with their next claims.
void LoopSide::leave_to_others(Destination* destination) {
  for (const Slice& slice : destination->take_queue()) recorder_->give_back(slice, true);
}

void LoopSide::pump(Destination* destination) {
  destination->pump();
  note_starving(destination);
}

// A place for it is made at once, of a connection that is only kept open; one that comes to rest later makes room at the
// next look.
void LoopSide::note_starving(Destination* destination) {
  if (!destination->starving()) return;
  const Standing standing = destination->standing(clock().mono_now());
  if (destination->line && *destination->line <= standing) return;
  destination->line = standing;
  lines_[index_of(standing)].push_back(destination->key());
  fabric_.starving[number_] = true;
  if (!starving_timer_->active()) starving_timer_->start(kLookForRoom);
  const auto from = fabric_.places.short_of(standing);
  if (from && make_room(1, *from) == 0 && fabric_.loops.size() > 1)
    fabric_.post((number_ + 1) % fabric_.loops.size(),
                 [from = *from](LoopSide& side) { side.make_room(1, from); });
}

std::size_t LoopSide::make_room(std::size_t connections, Standing from) {
  return idle_hands_.close_longest(connections, clock().mono_now() - kRestBeforeRoom, from);
}

void LoopSide::make_room_in(const std::string& group, std::size_t connections) {
  idle_hands_.close_longest_of(group, connections, clock().mono_now() - kRestBeforeRoom);
}

void LoopSide::make_more_room(Wanted wanted) {
  bool enough = true;
  for (const Standing from : kStandings) {
    std::size_t& count = wanted[index_of(from)];
    if (count > 0) count -= std::min(count, make_room(count, from));
    enough = enough && count == 0;
  }
  if (enough) return;
  const MonoTime now = clock().mono_now();
  std::vector<Crew::Fruitless> all;
  for (auto& [key, crew] : crews_) crew->add_fruitless(now, &all);
  std::sort(all.begin(), all.end(), [](const auto& a, const auto& b) { return a.since < b.since; });
  for (const Crew::Fruitless& one : all) {
    // It makes room for those who wait for a place that counts for its own standing, or for a better one.
    for (std::size_t from = index_of(one.standing) + 1; from-- > 0;) {
      if (wanted[from] == 0) continue;
      --wanted[from];
      one.crew->give_up(*one.courier, now - one.since);
      break;
    }
  }
}

void LoopSide::lend(Lease lease) {
  std::unique_ptr<Crew>& crew = crews_[lease.key];
  if (!crew) crew = std::make_unique<Crew>(*this, lease.key, lease.home);
  crew->take(std::move(lease));
}

void LoopSide::take_report(const std::string& key, Report report) {
  const auto found = destinations_.find(key);
  ESSAIM_CHECK(found != destinations_.end());  // it is not disposable while a crew has connections or stock
  found->second->take_report(std::move(report));
  note_starving(found->second.get());
  if (DestinationGroup* const group = found->second->group()) group->serve();
}

void LoopSide::recall(std::shared_ptr<const RecallFilter> filter) {
  if (shut_) return;  // all has been given back
  bool known = false;
  for (const auto& present : filters_) known = known || present == filter;
  if (!known) filters_.push_back(filter);
  const auto take_out = [&](Slice* slice) { return filter->take_out(slice); };
  router_.give_back(take_out);
  for (auto& [key, destination] : destinations_) destination->give_back(take_out);
  for (auto& [key, crew] : crews_) crew->give_back(take_out);
  recorder_->flush();
}

void LoopSide::recall_over(const std::shared_ptr<const RecallFilter>& filter) {
  std::erase(filters_, filter);
}

void LoopSide::stop() {
  stopping_ = true;
  for (auto& [key, crew] : crews_) crew->close_all();
}

void LoopSide::abort() {
  stopping_ = true;
  for (auto& [key, crew] : crews_) crew->abort();
  if (recorder_) recorder_->give_up_journal();
}

void LoopSide::shut() {
  if (shut_) return;
  shut_ = true;
  stopping_ = true;
  for (auto& [key, crew] : crews_) crew->abort();
  if (recorder_) recorder_->give_up_journal();
  crews_.clear();
  destinations_.clear();
  groups_.clear();
  router_.clear();
  sweep_timer_.reset();
  starving_timer_.reset();
  progress_timer_.reset();
  recorder_.reset();
}

void LoopSide::reconfigure(std::shared_ptr<const EngineSettings> settings) {
  const bool ways_change = !same_ways(*settings_, *settings);
  settings_ = std::move(settings);
  apply_settings();
  for (auto& [key, destination] : destinations_) destination->reconfigure();
  for (const DestinationRule& rule : settings_->destinations)
    if (const auto group = groups_.find(rule.name); rule.together && group != groups_.end())
      group->second->set_policy(*make_policy(*settings_, &rule));
  if (ways_change) take_new_ways();
  for (auto& [key, destination] : destinations_) pump(destination.get());
}

// What has not been lent to a crew goes where it belongs now. It may be the same destination with other limits: it
// takes them with the next hop that arrives.
void LoopSide::take_new_ways() {
  router_.clear_cache();
  std::vector<Slice> all;
  for (auto& [key, destination] : destinations_)
    for (Slice& slice : destination->take_queue()) all.push_back(std::move(slice));
  for (const Slice& slice : all)
    for (RoutedSlice& routed : cut_by_domain(slice.batch, slice.indices, *settings_, slice.queued))
      router_.route(std::move(routed));
}

// A destination keeps some of its domains, and it has not met those whose mail was put off before it was made.
void LoopSide::retry_destination(const std::string& domain) {
  const bool with_all = goes_with_all(*settings_, domain);
  const std::string way = with_all ? std::string() : domain;
  router_.forget(way);
  std::set<std::string> woken;
  for (auto& [key, destination] : destinations_) {
    if (key != domain && !destination->serves(domain) && !(with_all && destination->serves_all())) continue;
    destination->forget_dead();
    woken.insert(key);
    pump(destination.get());
  }
  if (const auto group = groups_.find(domain); group != groups_.end()) group->second->forget_dead();
  // Who waits since before this server was started waits for a suspension that nobody remembers.
  if (number_ == 0) fabric_.sink->destination_back(suspended_words(domain));
  if (calls_.size() < kCallsKept || calls_.contains(way))
    calls_[way] = {clock().mono_now() + kCallHeard, std::move(woken)};
}

void LoopSide::set_trace(Engine::TraceTarget target) {
  trace_ = std::move(target);
  for (auto& [key, crew] : crews_) crew->retrace();
}

std::vector<DestinationStatus> LoopSide::destinations() const {
  std::vector<DestinationStatus> all;
  all.reserve(destinations_.size());
  for (const auto& [key, destination] : destinations_)
    all.push_back(destination->status(clock().mono_now(), clock().wall_now()));
  for (const auto& [name, group] : groups_)
    all.push_back(group->status(clock().mono_now(), clock().wall_now()));
  return all;
}

std::vector<DestinationStatus> LoopSide::busiest(std::size_t most) const {
  std::vector<std::pair<std::size_t, const Destination*>> loads;
  for (const auto& [key, destination] : destinations_) {
    const std::size_t load = destination->group() == nullptr ? destination->load() : 0;
    if (load > 0) loads.emplace_back(load, destination.get());
  }
  const auto enough = loads.begin() + static_cast<std::ptrdiff_t>(std::min(most, loads.size()));
  std::partial_sort(loads.begin(), enough, loads.end(),
                    [](const auto& a, const auto& b) { return a.first > b.first; });
  std::vector<DestinationStatus> some;
  for (auto it = loads.begin(); it != enough; ++it)
    some.push_back(it->second->status(clock().mono_now(), clock().wall_now()));
  for (const auto& [name, group] : groups_)
    if (group->load() > 0) some.push_back(group->status(clock().mono_now(), clock().wall_now()));
  return some;
}

std::vector<OwnDemand> LoopSide::demands() const {
  const MonoTime now = clock().mono_now();
  std::vector<OwnDemand> own;
  for (const auto& [name, group] : groups_) {
    const std::size_t wanted = group->demand(now);
    if (wanted > 0) own.push_back({group->budget().told_as(), static_cast<std::int64_t>(wanted), true});
  }
  for (const auto& [key, destination] : destinations_) {
    if (destination->group() != nullptr) continue;
    const std::size_t wanted = destination->demand(now);
    if (wanted > 0)
      own.push_back({destination->told_as(), static_cast<std::int64_t>(wanted), destination->limited()});
  }
  keep_told(&own);
  return own;
}

EngineLoad LoopSide::load() const {
  EngineLoad load;
  const MonoTime now = clock().mono_now();
  for (const auto& [key, destination] : destinations_) {
    ++load.destinations;
    if (destination->suspended(now)) ++load.suspended;
    if (destination->refuses_all(now)) ++load.refusing;
  }
  for (const auto& [name, group] : groups_)
    if (group->suspended(now)) ++load.groups_suspended;
  return load;
}

void LoopSide::drop_crew_later(const std::string& key) {
  loop_.post([side = fabric_.sides[number_], key] {
    const auto found = side->crews_.find(key);
    if (found != side->crews_.end() && found->second->done()) side->crews_.erase(found);
  });
}

Destination* LoopSide::find_destination(const std::string& key) {
  const auto found = destinations_.find(key);
  return found == destinations_.end() ? nullptr : found->second.get();
}

std::shared_ptr<DestinationGroup> LoopSide::group_of(const DestinationPolicy& policy) {
  std::shared_ptr<DestinationGroup>& group = groups_[policy.group];
  if (!group) group = std::make_shared<DestinationGroup>(*this, policy);
  return group;
}

void LoopSide::for_each_in(const DestinationGroup& group, const std::function<void(Destination&)>& task) {
  for (auto& [key, destination] : destinations_)
    if (destination->group() == &group) task(*destination);
}

std::string LoopSide::describe_group(const std::string& name) const {
  const auto group = groups_.find(name);
  if (group == groups_.end()) return "";
  const DestinationStatus all = group->second->status(clock().mono_now(), clock().wall_now());
  std::string text = "together, by " + name + ":\n  state: " + all.state +
                     "\n  connections: " + std::to_string(all.connections) + " of " +
                     std::to_string(all.limit) +
                     " allowed\n  waiting in memory: " + std::to_string(all.waiting) + " recipients\n";
  std::vector<std::pair<std::size_t, const Destination*>> loads;
  for (const auto& [key, destination] : destinations_)
    if (destination->group() == group->second.get() && destination->load() > 0)
      loads.emplace_back(destination->load(), destination.get());
  const auto end = loads.begin() + static_cast<std::ptrdiff_t>(std::min(kUsersShown, loads.size()));
  std::partial_sort(loads.begin(), end, loads.end(),
                    [](const auto& a, const auto& b) { return a.first > b.first; });
  for (auto one = loads.begin(); one != end; ++one) {
    const DestinationStatus user = one->second->status(clock().mono_now(), clock().wall_now());
    text += "  " + user.domain + ": " + std::to_string(user.connections) + " connections, " +
            std::to_string(user.waiting) + " recipients\n";
  }
  return text;
}

void LoopSide::sweep() {
  const MonoTime now = clock().mono_now();
  router_.sweep(now);
  std::erase_if(calls_, [now](const auto& call) { return call.second.until <= now; });
  for (auto& [key, destination] : destinations_)
    if (destination->without_share()) leave_to_others(destination.get());
  if (number_ == 0) fabric_.flush_tls_results();
  std::erase_if(destinations_, [&](const auto& entry) {
    if (!entry.second->disposable(now)) return false;
    entry.second->retire();
    return true;
  });
  std::erase_if(groups_, [&](const auto& entry) {
    if (entry.second.use_count() > 1 || !entry.second->disposable(now)) return false;
    entry.second->retire();
    return true;
  });
  sweep_timer_->start(std::chrono::seconds(60));
}

void LoopSide::shares_changed() {
  for (auto& [key, destination] : destinations_)
    if (destination->without_share()) pump(destination.get());
  for (auto& [name, group] : groups_) group->serve();
}

void LoopSide::suspended_hosts_changed() {
  for (auto& [key, destination] : destinations_) {
    if (destination->suspended_by_operator())
      for (std::size_t loop = 0; loop < fabric_.loops.size(); ++loop)
        fabric_.post(loop, [key = key](LoopSide& side) {
          if (const auto crew = side.crews_.find(key); crew != side.crews_.end())
            crew->second->bring_stock_home();
        });
    pump(destination.get());
  }
}

void LoopSide::pump_starving() {
  Wanted left{};  // those that wait now
  for (const Standing line : kStandings) left[index_of(line)] = lines_[index_of(line)].size();
  for (bool any = true; any;) {
    any = false;
    for (const Standing line : kStandings) {
      if (left[index_of(line)] == 0 || fabric_.places.short_of(line)) continue;
      --left[index_of(line)];
      any = true;
      pump_next(line);
    }
  }
  fabric_.starving[number_] = starving() > 0;
}

std::size_t LoopSide::starving() const {
  std::size_t sum = 0;
  for (const auto& line : lines_) sum += line.size();
  return sum;
}

void LoopSide::pump_next(Standing line) {
  std::deque<std::string>& keys = lines_[index_of(line)];
  Destination* destination = find_destination(keys.front());
  keys.pop_front();
  if (destination == nullptr || destination->line != line) return;
  destination->line.reset();
  pump(destination);
}

void LoopSide::look_for_progress() {
  const MonoTime now = clock().mono_now();
  for (auto& [name, group] : groups_) group->begin_look();
  for (auto& [key, destination] : destinations_) {
    destination->look_for_progress(now);
    if (DestinationGroup* const group = destination->group()) group->count(*destination);
  }
  for (auto& [name, group] : groups_) group->end_look(now);
  progress_timer_->start(kLookForProgress);
}

void LoopSide::look_for_room() {
  pump_starving();
  if (starving() == 0) return;
  Wanted wanted{};
  for (const Standing line : kStandings)
    if (const auto from = fabric_.places.short_of(line))
      wanted[index_of(*from)] += lines_[index_of(line)].size();
  for (std::size_t loop = 0; loop < fabric_.loops.size(); ++loop)
    fabric_.post(loop, [wanted](LoopSide& side) { side.make_more_room(wanted); });
  starving_timer_->start(kLookForRoom);
}

}  // namespace essaim::delivery
