#include "delivery/router.h"

#include <algorithm>
#include <utility>

#include "delivery/destination_policy.h"
#include "delivery/loop_side.h"

namespace essaim::delivery {
namespace {

constexpr std::size_t kQueriesAtOnce = 256;
constexpr std::size_t kOthersAtOnce = kQueriesAtOnce - kQueriesAtOnce / 4;
constexpr Duration kSoon = std::chrono::seconds(3);
constexpr std::size_t kCacheLimit = 100'000;
constexpr std::chrono::seconds kShortest{60}, kLongest{3600};

}  // namespace

void Router::route(RoutedSlice routed) {
  const EngineSettings& settings = side_.settings();
  if (!routed.domain.empty()) {
    if (goes_with_all(settings, routed.domain)) routed.domain.clear();
  } else if (settings.smarthost.empty() || !settings.destinations.empty()) {
    // It may have been cut for all by other settings.
    const auto parts = cut_by_domain(routed.slice.batch, routed.slice.indices, settings, routed.slice.queued);
    for (const RoutedSlice& part : parts)
      if (!part.domain.empty()) route(part);
    for (const RoutedSlice& part : parts)
      if (part.domain.empty()) enter(part);
    return;
  }
  enter(std::move(routed));
}

void Router::enter(RoutedSlice routed) {
  Way way{routed.domain, demand_of(routed.slice.batch->post->post)};
  Entry& entry = entries_[way];
  const MonoTime now = side_.clock().mono_now();
  if (entry.hop && entry.until > now) {
    dispatch(routed.domain, entry.hop, std::move(routed.slice));
    return;
  }
  entry.waiting.push_back(std::move(routed.slice));
  want(way, &entry);
}

void Router::want(const Way& way, Entry* entry) {
  if (entry->queued) return;
  entry->queued = true;
  entry->generation = generation_;
  entry->prompt = way.domain.empty() || prompt_.has(way.domain, side_.clock().mono_now());
  (entry->prompt ? prompt_waiting_ : others_waiting_).push_back(way);
  start_queries();
}

void Router::start_queries() {
  if (std::exchange(starting_, true)) return;  // reroute() comes here from below
  while (std::deque<Way>* const line = next_line()) {
    const Way way = std::move(line->front());
    line->pop_front();
    const auto found = entries_.find(way);
    if (found == entries_.end()) continue;
    if (found->second.generation != generation_) {
      found->second.queued = false;
      reroute(way, &found->second);
      continue;
    }
    ++running_;
    if (!found->second.prompt) ++others_running_;
    found->second.began = side_.clock().mono_now();
    auto done = [this, way](NextHopPtr hop) { answered(way, std::move(hop)); };
    found->second.query = resolve_destination(side_.loop(), side_.resolver(), side_.fabric().sts, way,
                                              side_.settings(), std::move(done));
  }
  starting_ = false;
}

// The two by turns, where there is a place for both.
std::deque<Way>* Router::next_line() {
  if (running_ >= kQueriesAtOnce) return nullptr;
  const bool others = !others_waiting_.empty() && others_running_ < kOthersAtOnce;
  if (prompt_waiting_.empty()) return others ? &others_waiting_ : nullptr;
  if (others && std::exchange(others_turn_, !others_turn_)) return &others_waiting_;
  return &prompt_waiting_;
}

void Router::answered(const Way& way, NextHopPtr hop) {
  --running_;
  const auto found = entries_.find(way);
  if (found != entries_.end()) {
    Entry& entry = found->second;
    entry.queued = false;
    if (!entry.prompt) --others_running_;
    const MonoTime now = side_.clock().mono_now();
    if (now - entry.began >= kSoon)
      prompt_.kept_us_waiting(way.domain, now);
    else if (hop->kind != NextHop::Kind::kDefer)
      prompt_.took(way.domain, now);
    // The query's own callback is running: it dies when that has returned.
    std::shared_ptr<NextHopQuery> query = std::move(entry.query);
    side_.loop().post([query] {});
    if (entry.generation != generation_) {
      // The settings have changed meanwhile: this is not the way any more.
      reroute(way, &entry);
      start_queries();
      return;
    }
    entry.hop = hop;
    const auto ttl =
        hop->kind == NextHop::Kind::kDefer ? kShortest : std::clamp(hop->ttl, kShortest, kLongest);
    entry.until = now + ttl;
    std::vector<Slice> slices = std::move(entry.waiting);
    entry.waiting.clear();
    auto asked = std::move(entry.asked);
    entry.asked.clear();
    for (Slice& slice : slices) dispatch(way.domain, hop, std::move(slice));
    for (const auto& done : asked) done(hop);
  }
  start_queries();
}

void Router::dispatch(const std::string& domain, const NextHopPtr& hop, Slice slice) {
  if (!side_.keep_of(&slice)) return;
  if (hop->kind != NextHop::Kind::kHosts) {
    const auto kind = hop->kind == NextHop::Kind::kFail ? Outcome::Kind::kFailed : Outcome::Kind::kDeferred;
    side_.recorder().record_all(slice, kind, Stage::kDns, hop->reply, hop->policy->our_way());
    return;
  }
  side_.fabric().post(side_.fabric().home_of(*hop),
                      [domain, hop, slice = std::move(slice)](LoopSide& home) mutable {
                        home.arrive(domain, hop, std::move(slice));
                      });
}

void Router::give_back(const TakeOut& take_out) {
  for (auto& [way, entry] : entries_) {
    for (Slice& slice : entry.waiting)
      if (const Slice out = take_out(&slice); !out.indices.empty()) side_.recorder().give_back(out);
    std::erase_if(entry.waiting, [](const Slice& slice) { return slice.indices.empty(); });
  }
}

void Router::forget(const std::string& domain) {
  for (const TlsDemand tls :
       {TlsDemand::kNone, TlsDemand::kRequired, TlsDemand::kReport, TlsDemand::kOptional}) {
    const auto found = entries_.find({domain, tls});
    if (found != entries_.end()) found->second.until = MonoTime{};
  }
}

// What waits for the answer may have another way now; who asked wants to know the new one.
void Router::reroute(const Way& way, Entry* entry) {
  std::vector<Slice> slices = std::move(entry->waiting);
  entry->waiting.clear();
  if (way.domain.empty() && side_.settings().smarthost.empty()) {
    auto gone = std::make_shared<NextHop>();
    gone->reply = smtp::reply(451, "4.3.5", "there is no smart host for all any more");
    for (const auto& done : std::exchange(entry->asked, {})) done(gone);
  } else if (!entry->asked.empty()) {
    want(way, entry);
  }
  for (Slice& slice : slices) route({way.domain, std::move(slice)});
}

void Router::clear_cache() {
  ++generation_;
  for (auto& [way, entry] : entries_) entry.until = MonoTime{};
}

void Router::sweep(MonoTime now) {
  const bool all = entries_.size() > kCacheLimit;
  for (auto it = entries_.begin(); it != entries_.end();) {
    const bool busy = it->second.queued || !it->second.waiting.empty() || !it->second.asked.empty();
    it = !busy && (all || it->second.until <= now) ? entries_.erase(it) : std::next(it);
  }
}

NextHopPtr Router::cached(const Way& way, MonoTime now) const {
  const auto found = entries_.find(way);
  if (found == entries_.end() || found->second.until <= now) return nullptr;
  return found->second.hop;
}

void Router::look_up(const Way& way, std::function<void(NextHopPtr)> done) {
  if (NextHopPtr hop = cached(way, side_.clock().mono_now())) {
    done(hop);
    return;
  }
  Entry& entry = entries_[way];
  entry.asked.push_back(std::move(done));
  want(way, &entry);
}

}  // namespace essaim::delivery
