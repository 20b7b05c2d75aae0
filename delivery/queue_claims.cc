// Of QueueManager: what comes in. Claims, expansion of big posts, and giving back what saturated destinations
// cannot take now.
#include <algorithm>
#include <utility>

#include "core/base/crash_point.h"
#include "delivery/queue_manager.h"
#include "delivery/save.h"
#include "delivery/slicing.h"

namespace essaim::delivery {
namespace {

constexpr Duration kClaimRetry = std::chrono::seconds(1);
constexpr int kLeastOftenHastened = 6;  // every 64 s
constexpr int kLeastOftenExpanded = 8;  // every 4 minutes
constexpr std::size_t kHastenedOneByOne = 8;
constexpr Duration kLongestTimer = std::chrono::minutes(10);
constexpr Duration kClockStep = std::chrono::seconds(10);  // what is less is put up with
constexpr int kFirstBatches = 2;  // so that the first recipients need not wait for the expansion
constexpr int kBatchesPerStep = 20;
constexpr std::size_t kGiveBackAtOnce = 16;
constexpr std::size_t kDamagedRemembered = 1000;
constexpr std::size_t kLeastOpen = 2;  // big batches of a node among others
constexpr Duration kAllKnow =
    std::chrono::milliseconds(1200);  // of big batches: a watch of each, and its claim
// Longer than a host takes to greet that lets strangers wait; or behind each change of nodes it would never be reached.
constexpr Duration kGoesFirst = std::chrono::seconds(30);
constexpr auto kExpandsAtHome = std::chrono::minutes(5);  // then others may

}  // namespace

void QueueManager::claim_soon(Duration after) {
  if (claiming_ || draining_ || resting_ || !claim_timer_) return;
  if (!claim_timer_->active()) claim_timer_->start(after);
}

// A big post is for all nodes: none takes more of it than it will soon have sent, and hardly any in the time in which
// the others do not know of it yet.
std::size_t QueueManager::share_of_big_posts() {
  const MonoTime now = clock_.mono_now();
  if (!big_since_) big_since_ = now;
  const bool all_know = now - *big_since_ > kAllKnow;
  const std::size_t share =
      all_know ? std::max(kLeastOpen, settings_->active_batches / (2 * nodes_serving_.size())) : kLeastOpen;
  const auto open = static_cast<std::size_t>(std::count_if(open_.begin(), open_.end(), [](const auto& one) {
    return Budget::class_of(one.second->priority()) == 2;
  }));
  return share - std::min(share, open);
}

void QueueManager::claim_now() {
  if (claiming_ || draining_ || resting_) return;
  if (!fabric_.may_act()) return;  // lease_again() goes on with it
  if (fabric_.paused) return;      // save_ended() does; what is claimed could not be sent
  const bool recalling =
      std::any_of(recalls_.begin(), recalls_.end(), [](const RecallOp& op) { return !op.gives_back; });
  if (recalling) return;  // check_recalls() goes on with it
  if (suspensions_version_ == 0) {
    suspensions_changed();  // nothing goes out before they are known; then it comes here again
    return;
  }
  // A save that is tried again finds out whether the database is back; nothing is claimed before.
  if (!database_.healthy() && !open_.empty()) {
    claim_timer_->start(kClaimRetry);
    return;
  }
  if (!to_hasten_.empty() && clock_.mono_now() >= hasten_not_before_) return hasten_next();
  auto request = std::make_shared<ClaimRequest>();
  for (const auto& [key, one] : saturated_) {
    request->saturated.insert(one.domains.begin(), one.domains.end());
    if (is_elsewhere(one.how)) request->elsewhere.insert(one.domains.begin(), one.domains.end());
    request->all_elsewhere = request->all_elsewhere || one.how == Saturation::kAllElsewhere;
  }
  left_to_others_.forget(clock_.mono_now());
  for (const auto& [batch, left] : left_to_others_.all())
    request->leave_to_others(batch, left.priority, left.destination);
  std::size_t wanted = 0;
  left_enough_ = false;
  for (int cls = 0; cls < Budget::kClasses; ++cls) {
    const auto i = static_cast<std::size_t>(cls);
    if (!maybe_more_[i]) continue;
    std::size_t limit = budget_.claimable(cls);
    if (cls == 2 && nodes_serving_.size() > 1) limit = std::min(limit, share_of_big_posts());
    if (cls == 2 && request->all_elsewhere) limit = 0;
    if (request->left_enough(cls)) {
      limit = 0;
      left_enough_ = true;  // tick() comes here again
    }
    if (cache_->overfull()) limit = std::min<std::size_t>(limit, open_.empty() ? 1 : 0);
    request->limits[i] = limit;
    request->pass_over[i] = !budget_.ample(cls);
    wanted += limit;
  }
  if (wanted == 0 && !look_for_unexpanded_) return;
  request->fence = {node_.number, node_.epoch};
  request->shared = shared();
  request->now = clock_.wall_now();
  request->look_for_unexpanded = look_for_unexpanded_;
  look_for_unexpanded_ = false;
  request->not_expandable = not_expandable_.size();
  request->look_for_due = look_for_due_ || (next_due_ && *next_due_ <= request->now);
  look_for_due_ = false;
  for (std::size_t i = 0; i < 2; ++i)
    passed_over_small_ =
        passed_over_small_ || (request->limits[i] > 0 && request->pass_over[i] && !saturated_.empty());
  request->known = cache_;
  request->departures = known_departures_;
  request->keys = fabric_.keys;
  request->barrier = suspensions_.barrier(request->now);

  request->reconcile = reconcile_;
  for (const auto& [key, batch] : open_) {
    const std::pair<Id, int> name{batch->record().post_id, batch->record().number};
    if (reconcile_) request->open.insert(name);
    if (batch->may_be_released() && !batch->finished())
      request->except[static_cast<std::size_t>(Budget::class_of(batch->priority()))].insert(name);
  }

  claiming_ = true;
  last_claim_ = clock_.mono_now();
  for (std::size_t i = 0; i < maybe_more_.size(); ++i)
    if (request->limits[i] > 0) maybe_more_[i] = false;
  auto result = std::make_shared<ClaimResult>();
  if (last_claim_ < one_by_one_until_) return claim_one_by_one(request, result);
  submit_claim(request, result);
}

void QueueManager::submit_claim(const std::shared_ptr<ClaimRequest>& request,
                                const std::shared_ptr<ClaimResult>& result) {
  write([request,
         result](storage::Connection& connection) { return run_claim(connection, *request, result.get()); },
        [this, request, result](const Result<void>& outcome) { claimed(result, request, outcome); });
}

void QueueManager::claimed(const std::shared_ptr<ClaimResult>& result,
                           const std::shared_ptr<ClaimRequest>& request, const Result<void>& outcome) {
  claiming_ = false;
  if (!outcome.ok()) {
    if (result->epoch_over) end_lease();
    if (claim_trouble_.again())
      log::error("claim-failed", {{"error", std::string_view(outcome.error().message)}});
    // What met a damaged page was not committed.
    const bool damage = outcome.error().code == ErrorCode::kDamaged;
    const bool at_once = damage && met_damage(*result, outcome.error().message);
    reconcile_ = reconcile_ || !damage;
    maybe_more_.fill(true);
    look_for_unexpanded_ = look_for_unexpanded_ || request->look_for_unexpanded;
    look_for_due_ = true;
    claim_soon(at_once ? Duration{} : kClaimRetry);
    check_recalls();
    check_drain();
    return;
  }
  ESSAIM_CRASH_POINT("claim.after-commit");
  no_damage_met(request->places.has_value());
  if (!request->places) reconcile_ = false;
  std::uint64_t failures = 0;
  if (claim_trouble_.over(&failures))
    log::info("claim-works-again",
              {{"failures", failures}, {"reconciled", static_cast<std::uint64_t>(result->reconciled)}});
  for (const storage::DamagedBatch& damaged : result->damaged) {
    // What could not even be parked is met by each claim, and told once.
    if (damaged_told_.size() >= kDamagedRemembered) damaged_told_.clear();
    if (damaged.held || damaged_told_.insert({damaged.post_id, damaged.number}).second)
      storage::tell_damaged(damaged);
  }
  for (const std::string& unusable : result->unusable)
    log::error("batch-held", {{"batch", std::string_view(unusable)}});
  for (std::size_t i = 0; i < maybe_more_.size(); ++i)
    if (request->limits[i] > 0 && (result->parked_more || result->taken[i] >= request->limits[i]))
      maybe_more_[i] = true;
  std::erase_if(result->unexpanded, [this](Id id) { return not_expandable_.count(id) > 0; });
  if (request->limits[2] > 0 && !maybe_more_[2] && expanding_.empty() && result->unexpanded.empty())
    big_since_.reset();
  if (request->look_for_due || request->places || result->parked || result->without_room) {
    next_due_ = result->next_due;
    doubt_due();
    schedule_due();
  }

  for (const auto& [id, post] : result->posts) cache_->add(post);
  for (const auto& [list, departures] : result->left) known_departures_->add(list, departures);
  const WallTime now = clock_.wall_now();
  std::vector<std::vector<RoutedSlice>> routed(fabric_.loops.size());
  for (storage::BatchRecord& record : result->batches) open_batch(std::move(record), *result, now, &routed);
  to_loops(std::move(routed));
  for (const Id id : result->unexpanded)
    if (is_ours_to_expand(id, now) && std::find(expanding_.begin(), expanding_.end(), id) == expanding_.end())
      expanding_.push_back(id);
  expand_next();
  if (std::find(maybe_more_.begin(), maybe_more_.end(), true) != maybe_more_.end()) claim_soon();
  check_recalls();
  check_drain();
}

void QueueManager::open_batch(storage::BatchRecord record, const ClaimResult& result, WallTime now,
                              std::vector<std::vector<RoutedSlice>>* routed) {
  const std::int64_t rank = record.rank;
  if (rank > rank_.load(std::memory_order_relaxed)) rank_.store(rank, std::memory_order_relaxed);
  const Id id = record.post_id;
  auto owned = std::make_unique<OpenBatch>(std::move(record), result.posts.at(id));
  OpenBatch* batch = owned.get();
  open_[batch->batch().get()] = std::move(owned);

  batch->suppress_if([&](const storage::BatchRecipient& one) { return result.has_left(batch->post(), one); },
                     "left the list", now);
  if (batch->post().expires <= now) {
    batch->expire(now);
    log::info("expired",
              {{"id", format_id(id)}, {"batch", batch->record().number}, {"failed", batch->record().failed}});
  }
  if (recalled(*batch) || suspensions_.holds_back(batch->post(), now)) {
    batch->not_sent();  // the next claim leaves it where it is
  } else {
    send(batch, now, routed);
  }
  batch->units = Budget::units(batch->batch()->recipients.size(), batch->out());
  budget_.add(batch->priority(), batch->units);
  look_at(batch);
}

void QueueManager::send(OpenBatch* batch, WallTime now, std::vector<std::vector<RoutedSlice>>* routed) {
  batch->kept_until = WallTime{};
  suppress_departed(batch, now);
  const auto keep = [&](const storage::BatchRecipient& recipient) -> const std::string* {
    const Suspensions::Wait* suspended = suspension_of(suspensions_, recipient.domain, now);
    if (suspended == nullptr) return nullptr;
    if (const WallTime until = suspended->until; until != WallTime{})
      batch->kept_until = batch->kept_until == WallTime{} ? until : std::min(batch->kept_until, until);
    return &suspended->why;
  };
  batch->suspensions_seen = suspensions_version_;
  const std::vector<std::uint16_t> indices = batch->send_out(keep, now, pauses());
  for (RoutedSlice& slice : cut_by_domain(batch->batch(), indices, *settings_, clock_.mono_now())) {
    const std::size_t loop = fabric_.home_of(slice.domain);
    (*routed)[loop].push_back(std::move(slice));
  }
}

// A batch is ours until the slowest of it is through, and that may take hours. Nobody else waits for that.
void QueueManager::send_due() {
  if (draining_ || resting_ || !fabric_.may_act()) return;
  const WallTime now = clock_.wall_now();
  std::vector<std::vector<RoutedSlice>> routed(fabric_.loops.size());
  for (const auto& [key, batch] : open_) {
    if (batch->idle() || batch->given_back || batch->may_be_released() || batch->post().expires <= now)
      continue;
    const std::optional<WallTime> due = batch->next_due(pauses(), now);
    const bool resumed = batch->kept_any() && (batch->suspensions_seen != suspensions_version_ ||
                                               (batch->kept_until != WallTime{} && batch->kept_until <= now));
    if (!resumed && (!due || *due > now)) continue;
    if (recalled(*batch) || suspensions_.holds_back(batch->post(), now)) continue;
    send(batch.get(), now, &routed);
    look_at(batch.get());
  }
  to_loops(std::move(routed));
}

void QueueManager::to_loops(std::vector<std::vector<RoutedSlice>> routed) {
  for (std::size_t loop = 0; loop < routed.size(); ++loop) {
    if (routed[loop].empty()) continue;
    fabric_.post(
        loop, [slices = std::move(routed[loop])](LoopSide& side) mutable { side.route(std::move(slices)); });
  }
}

void QueueManager::watch_clock() {
  const Duration ahead =
      Duration(clock_.wall_now().time_since_epoch()) - Duration(clock_.mono_now().time_since_epoch());
  if (wall_ahead_ && ahead < *wall_ahead_ - kClockStep) {
    log::warning("clock-went-back", {{"by", *wall_ahead_ - ahead}});
    hasten_all();
  }
  wall_ahead_ = ahead;
}

// Nothing waits longer than retry_max but what is suspended. Asked once: the clock may have gone back while no
// server ran, and what is suspended is put back by the claim.
void QueueManager::doubt_due() {
  if (due_trusted_ || !next_due_) return;
  due_trusted_ = true;
  if (*next_due_ - clock_.wall_now() > 2 * settings_->retry_max + kClockStep) hasten_all();
}

void QueueManager::hasten_all() {
  for (const auto& [key, batch] : open_) batch->hasten({}, clock_.wall_now());
  to_hasten_.insert(std::string());
  look_for_due_ = true;
  maybe_more_.fill(true);
  claim_soon();
}

// Some at a time, and no claim between: it would put back what is still suspended, and that would be hastened again.
void QueueManager::hasten_next() {
  claiming_ = true;
  auto moved = std::make_shared<std::int64_t>(0);
  write(
      [now = clock_.wall_now(), words = *to_hasten_.begin(),
       moved](storage::Connection& connection) -> Result<void> {
        Result<std::int64_t> some = storage::BatchStore(connection).hasten(now, words);
        if (!some.ok()) return some.error();
        *moved = *some;
        return {};
      },
      [this, words = *to_hasten_.begin(), moved](const Result<void>& outcome) {
        claiming_ = false;
        if (outcome.ok()) {
          hasten_failures_ = 0;
          suspension_trouble_.over();
          if (*moved < storage::BatchStore::kHastenedTogether) to_hasten_.erase(words);
        } else {
          hasten_later(outcome.error());
        }
        maybe_more_.fill(true);
        look_for_due_ = true;
        claim_soon();
        check_recalls();
        check_drain();
      });
}

// A row that is damaged, or locked by somebody who does not go on, lets it fail again and again: claims go on meanwhile, and it
// is tried ever more seldom, as it may take the writer's thread for as long as a lock is waited for.
void QueueManager::hasten_later(const Error& error) {
  const int seconds = 1 << std::min(hasten_failures_++, kLeastOftenHastened);
  hasten_not_before_ = clock_.mono_now() + std::chrono::seconds(seconds);
  if (!suspension_trouble_.again()) return;
  const auto say = is_about_the_work(error) ? log::error : log::warning;
  say("resumption-delayed", {{"error", std::string_view(error.message)}});
}

// After an outage of our own line thousands are back within minutes: each look at what waits is for all of them that are known,
// and for all that wait for such when those are many. Who is still suspended then is put off again, which is no attempt; so not more
// often than suspensions end.
void QueueManager::hasten_those_back() {
  const MonoTime now = clock_.mono_now();
  if (back_.empty() || now < hasten_back_not_before_) return;
  hasten_back_not_before_ = now + suspension_step(settings_->retry_initial);
  if (back_.size() > kHastenedOneByOne) back_ = {kSuspendedByItself};
  // Those whose batch is open wait here; send_due() sends them.
  for (const auto& [key, batch] : open_)
    for (const std::string& words : back_) batch->hasten(words, clock_.wall_now());
  to_hasten_.insert(back_.begin(), back_.end());
  back_.clear();
}

void QueueManager::schedule_due() {
  if (!due_timer_ || draining_) return;
  if (!next_due_) {
    due_timer_->cancel();
    return;
  }
  const Duration left = *next_due_ - clock_.wall_now();
  due_timer_->start(std::clamp<Duration>(left, std::chrono::milliseconds(20), kLongestTimer));
}

// Any node could, and two at the same time would only be in each other's way.
bool QueueManager::is_ours_to_expand(Id post, WallTime now) const {
  if (nodes_serving_.size() < 2) return true;
  const int home = node_of(post);
  if (home == node_.number) return true;
  const bool home_serves = std::binary_search(nodes_serving_.begin(), nodes_serving_.end(), home);
  if (home_serves && now - time_of(post) < kExpandsAtHome) return false;
  return nodes_serving_[static_cast<std::size_t>(post) % nodes_serving_.size()] == node_.number;
}

void QueueManager::expand_next() {
  if (expansion_underway_ || expanding_.empty() || draining_ || resting_ || !fabric_.may_act()) return;
  const Id post = expanding_.front();
  expanding_.erase(expanding_.begin());
  expansion_underway_ = true;
  auto more = std::make_shared<bool>(false);
  write(
      [post, rank = current_rank(), more](storage::Connection& connection) -> Result<void> {
        ESSAIM_TRY(run_expansion(connection, post, rank, kFirstBatches, kBatchesPerStep, more.get()));
        ESSAIM_CRASH_POINT("expand.before-commit");
        return {};
      },
      [this, post, more](const Result<void>& outcome) { expanded(post, *more, outcome); });
}

void QueueManager::expanded(Id post, bool more, const Result<void>& outcome) {
  expansion_underway_ = false;
  const auto put_off = not_expandable_.extract(post);
  if (!outcome.ok() && shared() && outcome.error().code == ErrorCode::kConflict) {
    // Another node goes on with it.
    look_for_unexpanded_ = true;
    expand_next();
    return check_drain();
  }
  if (!outcome.ok()) {
    log::error("expansion-failed",
               {{"id", format_id(post)}, {"error", std::string_view(outcome.error().message)}});
    if (is_about_the_work(outcome.error())) {
      return expand_later(post, put_off ? put_off.mapped().failures : 0);
    }
    // The regular look for unexpanded posts finds it again.
    look_for_unexpanded_ = true;
    if (!draining_ && expand_timer_) expand_timer_->start(kClaimRetry);
    return;
  }
  ESSAIM_CRASH_POINT("expand.after-commit");
  if (more) expanding_.push_back(post);  // the others have their step first
  // A look names so many and no more, and a reminder of all lists leaves one post for each.
  if (expanding_.empty()) look_for_unexpanded_ = true;
  maybe_more_.fill(true);
  claim_soon();
  expand_next();
  check_drain();
}

// Its members, or its own row, cannot be read: it is tried ever more seldom, and the others go on. A look names those behind it.
void QueueManager::expand_later(Id post, int failures) {
  const int seconds = 1 << std::min(failures, kLeastOftenExpanded);
  not_expandable_[post] = {failures + 1, clock_.mono_now() + std::chrono::seconds(seconds)};
  if (expanding_.empty()) {
    look_for_unexpanded_ = true;
    claim_soon();
  }
  expand_next();
  check_drain();
}

void QueueManager::expand_those_put_off() {
  for (auto& [post, later] : not_expandable_) {
    if (later.not_before > clock_.mono_now()) continue;
    later.not_before = MonoTime::max();  // until it has failed again
    expanding_.push_back(post);
  }
  expand_next();
}

// Where it goes to one domain, claims pass over it by that for as long as others have the budget. The rest is bounded by
// ClaimRequest::left_enough() and what may be open.
void QueueManager::leave_to_others(const storage::BatchRecord& batch) {
  for (const auto& [key, one] : saturated_)
    if (is_elsewhere(one.how) && one.domains.count(batch.destination) > 0) return;
  left_to_others_.add({batch.post_id, batch.number}, {clock_.mono_now(), batch.priority, batch.destination});
}

// A batch of which all that is left waits at destinations that have enough: it makes room for others, and
// comes back.
void QueueManager::give_back_saturated() {
  if (draining_ || saturated_.empty()) return;
  bool short_of_room = false;
  for (int cls = 0; cls < Budget::kClasses; ++cls)
    if (maybe_more_[static_cast<std::size_t>(cls)] && budget_.claimable(cls) == 0) short_of_room = true;
  if (!short_of_room) return;
  std::set<std::string> domains;
  for (const auto& [key, some] : saturated_) domains.insert(some.domains.begin(), some.domains.end());
  auto filter = std::make_shared<RecallFilter>();
  for (const auto& [key, batch] : open_) {
    if (filter->batches.size() == kGiveBackAtOnce) break;
    if (batch->given_back ||
        !batch->all_out_in([&](const std::string& domain) { return domains.count(domain) > 0; }))
      continue;
    batch->given_back = true;
    filter->batches.insert(key);
  }
  if (!filter->batches.empty()) give_back(std::move(filter));
}

// Part of it is for nodes that have the budget of its destination, and these cannot have it while the batch is ours. So what can go
// soon goes first, and then the rest goes back with it: behind a rate that would be hours. Whoever takes the batch leaves our
// part to us in the same way.
void QueueManager::give_back_for_others() {
  if (draining_) return;
  const MonoTime last = clock_.mono_now() - std::min<Duration>(kGoesFirst, settings_->retry_initial);
  auto filter = std::make_shared<RecallFilter>();
  std::vector<std::shared_ptr<const ActiveBatch>> until_idle;
  for (const auto& [key, batch] : open_) {
    if (!batch->for_others || batch->for_others_since > last || batch->idle() || recalled(*batch)) continue;
    filter->batches.insert(key);
    // Nor is it for the next host.
    until_idle.push_back(batch->batch());
  }
  if (!until_idle.empty()) give_back(std::move(filter), std::move(until_idle));
}

}  // namespace essaim::delivery
