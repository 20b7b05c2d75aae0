#include "storage/cluster/membership.h"

#include <algorithm>

#include "core/base/counters.h"
#include "core/base/crash_point.h"
#include "core/base/executor.h"
#include "storage/cluster/node_demand.h"
#include "storage/cluster/node_watch.h"

namespace essaim::storage {

namespace {

constexpr Duration kWatchEvery = std::chrono::milliseconds(800);
// From so many nodes on each looks less often: what all of them ask in a second stays the same.
constexpr std::size_t kNodesAtFullPace = 6;

}  // namespace

Membership::Membership(Database& database, const Clock& clock, NodeStore::Identity self, NodeLease& lease,
                       const Options& options, Listener& listener)
    : database_(database),
      clock_(clock),
      self_(self),
      lease_(lease),
      options_(options),
      listener_(listener),
      observer_(self.number, options.lease) {}

Result<void> Membership::start() {
  ESSAIM_TRY(beat());
  beat_thread_ = std::thread([this] { beat_loop(); });
  watch_thread_ = std::thread([this] { watch_loop(); });
  return {};
}

void Membership::stop(bool ended) {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_all();
  const bool ran = beat_thread_.joinable();
  if (ran) beat_thread_.join();
  if (watch_thread_.joinable()) watch_thread_.join();
  if (!ran || !ended || lease_.ended()) return;
  lease_.end();
  const auto said = database_.write_now(Durability::kProgress, [this](Connection& c) -> Result<void> {
    ESSAIM_TRY(NodeStore(c).end_epoch(self_));
    return {};
  });
  // Nobody knows then that it ended in order: the others wait a lease before they look after what it owned, which is
  // nothing.
  if (!said.ok()) log::warning("node-end-untold", {{"error", said.error().message}});
}

bool Membership::wait(Duration time) {
  std::unique_lock lock(mutex_);
  wake_.wait_for(lock, time, [this] { return stopping_; });
  return !stopping_;
}

bool Membership::wait_to_beat(Duration time) {
  std::unique_lock lock(mutex_);
  wake_.wait_for(lock, time, [this] { return stopping_ || tell_soon_; });
  return !stopping_;
}

void Membership::set_demand(std::string demand) {
  const std::lock_guard lock(mutex_);
  if (demand == demand_) return;
  tell_soon_ = tell_soon_ || demand_.empty();
  demand_ = std::move(demand);
  if (tell_soon_) wake_.notify_all();
}

// ---- the own beat ----

Result<void> Membership::beat() {
  MonoTime sent{};
  std::string demand, in_row;
  {
    const std::lock_guard lock(mutex_);
    demand = demand_;
    if (tell_in_row_) in_row = demand_;
    tell_soon_ = false;
  }
  Result<void> done = database_.write_now(Durability::kProgress, [&](Connection& c) -> Result<void> {
    sent = clock_.mono_now();  // of the attempt that was committed
    auto ours = NodeStore(c).beat(self_, in_row);
    if (!ours.ok()) return ours.error();
    if (!*ours) return Error{ErrorCode::kConflict, "the epoch of this node is over"};
    return {};
  });
  if (done.ok()) {
    lease_.extend(sent + options_.lease - options_.margin());
    // Somebody else has ended it, and there is no way back but a new epoch.
    if (lease_.ended())
      fenced();
    else
      tell(demand);
  } else if (done.error().code == ErrorCode::kConflict) {
    fenced();
  }
  return done;
}

// Where it fails, or somebody has written over it, it is told again behind the next beat.
void Membership::tell(const std::string& demand) {
  {
    const std::lock_guard lock(mutex_);
    if (told_ == demand) return;
  }
  const Result<void> done = database_.write_now(Durability::kProgress,
                                                [&](Connection& c) { return tell_demand(c, self_, demand); });
  if (!done.ok()) {
    if (untold_.again()) log::warning("node-demand-untold", {{"error", done.error().message}});
    return;
  }
  untold_.over();
  const std::lock_guard lock(mutex_);
  told_ = demand;
}

void Membership::fenced() {
  lease_.end();
  if (std::exchange(fenced_, true)) return;
  bool dead = true;
  const auto read = database_.look_now([&](Connection& c) -> Result<void> {
    auto rows = NodeStore(c).all();
    if (!rows.ok()) return rows.error();
    const auto own = std::find_if(rows->begin(), rows->end(),
                                  [this](const NodeSight& node) { return node.number == self_.number; });
    dead = own == rows->end() || own->dead() || own->epoch == self_.epoch;
    return {};
  });
  log::error("node-fenced",
             {{"node", self_.number},
              {"epoch", self_.epoch},
              {"why", dead || !read.ok() ? "another node has taken over what this one had"
                                         : "another server has begun under this node's host name"}});
  listener_.on_fenced(dead || !read.ok());
}

void Membership::beat_loop() {
  name_this_thread("beat");
  while (wait_to_beat(lease_.holds() ? options_.beat_every() : options_.beat_every() / 5)) {
    const bool held = lease_.holds();
    if (!held && lease_over_.again())
      log::error("node-lease-over",
                 {{"node", self_.number}, {"effect", "nothing is claimed, sent or accepted"}});
    const Result<void> done = beat();
    if (fenced_) return;
    std::uint64_t failures = 0;
    if (!done.ok()) {
      if (beat_trouble_.again()) log::warning("node-beat-failed", {{"error", done.error().message}});
      continue;
    }
    if (beat_trouble_.over(&failures)) log::info("node-beats-again", {{"failures", failures}});
    if (!held && lease_.holds()) {
      if (lease_over_.over(&failures)) log::warning("node-lease-again", {{"node", self_.number}});
      listener_.on_lease_again();
    }
  }
}

// ---- the others ----

std::map<int, Duration> Membership::silences() const {
  const std::lock_guard lock(mutex_);
  return silences_;
}

Duration Membership::watch_every() const {
  const Duration wanted = kWatchEvery * std::max(nodes_at_work_, kNodesAtFullPace) / kNodesAtFullPace;
  // Often enough that no look is taken for a gap.
  return std::min(wanted, options_.lease / 6);
}

Result<void> Membership::watch() {
  ClusterView view;
  const MonoTime asked = clock_.mono_now();
  ESSAIM_TRY(
      database_.look_now([&](Connection& c) { return read_cluster_view(c, clock_.wall_now(), &view); }));
  const std::vector<NodeSight> dead = observer_.look(view.nodes, asked, clock_.mono_now());
  bool tell_in_row = false, heard = true;
  for (const NodeSight& node : view.nodes) {
    if (node.at_work()) view.at_work.push_back(node.number);
    if (node.state == NodeState::kServing) view.serving.push_back(node.number);
    if (node.number == self_.number) {
      view.wanted = node.state;
      heard = node.tells_apart;
    } else if (node.at_work() && !node.tells_apart) {
      tell_in_row = true;
    }
  }
  nodes_at_work_ = view.at_work.size();
  std::map<int, Duration> silences;
  for (const int number : view.at_work)
    if (number != self_.number) silences[number] = observer_.silence(number);
  {
    const std::lock_guard lock(mutex_);
    silences_ = std::move(silences);
    tell_soon_ = tell_soon_ || (tell_in_row && !tell_in_row_);
    tell_in_row_ = tell_in_row;
    // As by a server that had this node's name before it, and was slow.
    if (view.nodes.size() > 1 && !heard) told_.reset();
    if (tell_soon_) wake_.notify_all();
  }
  // Who may not act takes nothing over.
  if (lease_.holds())
    for (const NodeSight& node : dead) take_over(node);
  listener_.on_view(view);
  return {};
}

void Membership::take_over(const NodeSight& dead) {
  bool ours = false, held = false;
  const Result<void> fenced = database_.write_now(Durability::kAccept, [&](Connection& c) -> Result<void> {
    ours = false;
    // The node may have vanished inside a transaction. Behind a wait for its end our own beats would wait, too.
    auto others = NodeStore(c).held_by_others(dead.number);
    if (!others.ok()) return others.error();
    held = *others;
    if (held) return {};
    auto taken = NodeStore(c).fence(dead);
    if (!taken.ok()) return taken.error();
    ours = *taken;
    ESSAIM_CRASH_POINT("take-over.before-commit");
    return {};
  });
  if (!fenced.ok()) {
    log::warning("take-over-failed", {{"node", dead.number}, {"error", fenced.error().message}});
    return;  // seen again at the next look
  }
  if (held) {
    if (row_held_.again())
      log::warning("take-over-waits", {{"node", dead.number}, {"for", "a transaction that holds its row"}});
    return;
  }
  static_cast<void>(row_held_.over());
  if (!ours) return;  // it has beaten meanwhile, or somebody else was faster
  log::warning("node-dead", {{"node", dead.number},
                             {"hostname", dead.hostname},
                             {"epoch", dead.epoch},
                             {"silent", observer_.silence(dead.number)}});
  ESSAIM_CRASH_POINT("take-over.fenced");
  count(Counter::kTakeovers);
  listener_.on_taken_over(dead.number);
  auto released = release_fenced_batches(database_, dead.number);
  if (!released.ok()) {
    log::warning("take-over-unfinished", {{"node", dead.number}, {"error", released.error().message}});
    return;  // the job that looks for such batches ends it
  }
  log::warning("node-taken-over",
               {{"node", dead.number}, {"hostname", dead.hostname}, {"batches", *released}});
}

void Membership::watch_loop() {
  name_this_thread("watch");
  do {
    const Result<void> seen = watch();
    std::uint64_t failures = 0;
    if (!seen.ok()) {
      if (watch_trouble_.again()) log::warning("cluster-unseen", {{"error", seen.error().message}});
    } else if (watch_trouble_.over(&failures)) {
      log::info("cluster-seen-again", {{"failures", failures}});
    }
  } while (wait(watch_every()));
}

}  // namespace essaim::storage
