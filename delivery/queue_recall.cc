// Of QueueManager: taking work back from the loops, for the operator here or at another node, for batches given back, and
// for the end.
//
// A recall goes over all loops twice. The first pass puts a filter in place, behind which nothing of it is
// taken or begun; the second one comes after everything that was on its way between loops before, so that
// then only what is in flight is still out. The filter stays for that where it must not be tried at the next host.
#include <algorithm>

#include "delivery/queue_manager.h"

namespace essaim::delivery {
namespace {

constexpr Duration kWaitForFlights = std::chrono::seconds(5);
constexpr Duration kAfterAbort = std::chrono::seconds(10);
constexpr Duration kAskHeldAgain = std::chrono::seconds(2);

}  // namespace

void QueueManager::recall(std::vector<Id> posts, std::function<void()> then) {
  if (ended_) return;
  auto filter = std::make_shared<RecallFilter>();
  filter->all = posts.empty();
  filter->posts.insert(posts.begin(), posts.end());
  RecallOp op;
  op.filter = std::move(filter);
  op.then = std::move(then);
  op.deadline = clock_.mono_now() + kWaitForFlights;
  start_recall(std::move(op));
}

void QueueManager::start_recall(RecallOp op) {
  next_pass(recalls_.insert(recalls_.end(), std::move(op)));
}

void QueueManager::give_back(std::shared_ptr<const RecallFilter> filter,
                             std::vector<std::shared_ptr<const ActiveBatch>> until_idle) {
  RecallOp op;
  op.filter = std::move(filter);
  op.gives_back = true;
  op.until_idle = std::move(until_idle);
  start_recall(std::move(op));
}

void QueueManager::next_pass(std::list<RecallOp>::iterator op) {
  ++op->pass;
  op->acks = 0;
  for (std::size_t loop = 0; loop < fabric_.loops.size(); ++loop) {
    fabric_.post(
        loop, [this, filter = op->filter, queue = loop_, alive = std::weak_ptr<int>(alive_)](LoopSide& side) {
          side.recall(filter);
          queue->post([this, filter, alive] {
            if (alive.expired() || ended_) return;
            const auto found = std::find_if(recalls_.begin(), recalls_.end(),
                                            [&](const RecallOp& one) { return one.filter == filter; });
            if (found == recalls_.end() || ++found->acks < fabric_.loops.size()) return;
            if (found->pass == 1) {
              next_pass(found);
            } else {
              found->swept = true;
              check_recalls();
            }
          });
        });
  }
}

bool QueueManager::recall_complete(const RecallOp& op) const {
  if (!op.swept) return false;
  if (!op.until_idle.empty())
    return std::all_of(op.until_idle.begin(), op.until_idle.end(), [&](const auto& one) {
      const auto found = open_.find(one.get());
      return found == open_.end() || found->second->idle();
    });
  if (op.gives_back && op.filter->posts.empty()) return true;
  if (claiming_) return false;  // it may have taken more of them
  if (op.gives_back) return true;
  if (clock_.mono_now() >= op.deadline) return true;
  return std::none_of(open_.begin(), open_.end(),
                      [&](const auto& one) { return op.filter->matches(*one.first); });
}

void QueueManager::check_recalls() {
  for (auto op = recalls_.begin(); op != recalls_.end();) {
    if (!recall_complete(*op)) {
      ++op;
      continue;
    }
    if (!op->filter->all && !op->filter->posts.empty()) keep_back(*op->filter);
    for (std::size_t loop = 0; loop < fabric_.loops.size(); ++loop)
      fabric_.post(loop, [filter = op->filter](LoopSide& side) { side.recall_over(filter); });
    // What the operator does to them next is to be read from the database.
    for (const Id post : op->filter->posts) cache_->drop(post);
    const auto then = std::move(op->then);
    op = recalls_.erase(op);
    if (then) then();
    maybe_more_.fill(true);
    look_for_due_ = true;
    claim_soon();
  }
}

// Nobody waits any longer for what is in flight, but it is not for the next host either.
void QueueManager::keep_back(const RecallFilter& filter) {
  auto kept = std::make_shared<RecallFilter>();
  std::vector<std::shared_ptr<const ActiveBatch>> until_idle;
  for (const auto& [key, batch] : open_) {
    if (batch->idle() || !filter.matches(*key)) continue;
    const bool known = std::any_of(recalls_.begin(), recalls_.end(), [key = key](const RecallOp& other) {
      return !other.until_idle.empty() && other.filter->batches.count(key) > 0;
    });
    if (known) continue;
    kept->batches.insert(key);
    until_idle.push_back(batch->batch());
  }
  if (!until_idle.empty()) give_back(std::move(kept), std::move(until_idle));
}

// The database is asked and not who held them: it may have been another node, or a command line.
void QueueManager::holds_changed() {
  const MonoTime now = clock_.mono_now();
  ask_held_next_.reset();
  if (draining_) return;  // all of it goes back
  if (asking_held_) {
    ask_held_next_ = now;  // the answer may be older than this hold
    return;
  }
  asking_held_ = true;
  auto posts = std::make_shared<std::vector<Id>>();
  const storage::Fence fence{node_.number, node_.epoch};
  database_.read_latest(
      [fence, posts](storage::Connection& connection) -> Result<void> {
        Result<std::vector<Id>> held = storage::BatchStore(connection).held_of(fence);
        if (!held.ok()) return held.error();
        *posts = std::move(*held);
        return {};
      },
      hop([this, posts](const Result<void>& outcome) {
        asking_held_ = false;
        if (outcome.ok()) {
          held_trouble_.over();
          return held_read(*posts);
        }
        if (held_trouble_.again())
          log::warning("holds-unreadable", {{"error", std::string_view(outcome.error().message)}});
        ask_held_next_ = clock_.mono_now() + kAskHeldAgain;
      }));
}

// Until none of them is ours any more: what is in flight now may come back as something to be tried at the next host.
void QueueManager::held_read(const std::vector<Id>& posts) {
  if (posts.empty() || draining_) return;
  if (!ask_held_next_) ask_held_next_ = clock_.mono_now() + kAskHeldAgain;
  auto filter = std::make_shared<RecallFilter>();
  filter->posts.insert(posts.begin(), posts.end());
  give_back(std::move(filter));
}

void QueueManager::drain(Duration grace, std::function<void()> done) {
  draining_ = true;
  drained_ = std::move(done);
  drain_deadline_ = clock_.mono_now() + grace;
  if (claim_timer_) claim_timer_->cancel();
  if (due_timer_) due_timer_->cancel();
  if (fabric_.lease != nullptr && fabric_.lease->ended()) {
    // Somebody else has all of it. What became of recipients is in the journal, for the next epoch to tell.
    for (std::size_t loop = 0; loop < fabric_.loops.size(); ++loop)
      fabric_.post(loop, [](LoopSide& side) { side.abort(); });
    const auto at_once = std::move(drained_);
    drained_ = nullptr;
    return at_once();
  }
  for (std::size_t loop = 0; loop < fabric_.loops.size(); ++loop)
    fabric_.post(loop, [](LoopSide& side) { side.stop(); });
  recall({}, {});
  check_drain();
}

void QueueManager::check_drain() {
  if (!draining_ || !drained_) return;
  const MonoTime now = clock_.mono_now();
  if (open_.empty() && !claiming_ && !expansion_underway_) {
    const auto done = std::move(drained_);
    drained_ = nullptr;
    done();
    return;
  }
  if (!aborted_ && now >= drain_deadline_) {
    aborted_ = true;
    drain_deadline_ = now + kAfterAbort;
    for (std::size_t loop = 0; loop < fabric_.loops.size(); ++loop)
      fabric_.post(loop, [](LoopSide& side) { side.abort(); });
    return;
  }
  if (aborted_ && now >= drain_deadline_) {
    log::error("drain-incomplete", {{"batches", static_cast<std::uint64_t>(open_.size())}});
    const auto done = std::move(drained_);
    drained_ = nullptr;
    done();
  }
}

}  // namespace essaim::delivery
