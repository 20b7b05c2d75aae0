// Of QueueManager: sending pauses while a database that is shared does not take what became of recipients (save_watch.h). Of one
// that is not, the journal has it, and nobody else sends what is in there.
#include <utility>

#include "delivery/queue_manager.h"

namespace essaim::delivery {
namespace {

// Where the database is slow all day, one short pause in a minute is told, and how many there were.
constexpr Duration kToldEvery = std::chrono::minutes(1);
constexpr Duration kLong = std::chrono::seconds(5);
constexpr int kFailuresUntilAlone = 3;  // in a row

}  // namespace

// Known to the journal and not to the database.
std::size_t QueueManager::unsaved() const {
  std::size_t all = unsaved_in_saves_;
  for (const auto& [key, batch] : open_) all += batch->unsaved();
  return all;
}

void QueueManager::watch_saves() {
  if (!shared()) return;
  const MonoTime now = clock_.mono_now();
  if (!fabric_.paused.load()) {
    if (!save_watch_.too_long(now)) return;
    paused_since_ = now;
    pause_told_ = false;
    commits_at_pause_ = database_.counters().commits;
    fabric_.paused = true;  // last: others read the two when they see it
    ++pauses_;
  } else if (database_.healthy()) {
    save_at_once(1);  // it has taken something else meanwhile, as a beat: one of those that wait tries it
  }
  if (pause_told_ || save_watch_.silence(now) < SaveWatch::kPatience) return;
  const bool lately = pause_told_at_ != MonoTime{} && now - pause_told_at_ < kToldEvery;
  if (lately && now - paused_since_.load() < kLong) return;
  pause_told_ = true;
  pause_told_at_ = now;
  log::warning("sending-paused", {{"why", "the database does not take what became of recipients"},
                                  {"for", save_watch_.silence(now)},
                                  {"unsaved", static_cast<std::uint64_t>(unsaved())},
                                  {"pauses", std::exchange(pauses_, 0)}});
}

// Somebody keeps a row of it locked, for hours perhaps, and the database takes what others write meanwhile.
bool QueueManager::fails_alone(const std::vector<SaveItem>& items, const Error& error) const {
  if (!fabric_.paused || items.size() != 1 || error.code != ErrorCode::kTemporary) return false;
  if (!database_.healthy() || database_.counters().commits == commits_at_pause_) return false;
  const auto found = open_.find(items.front().batch.get());
  return found != open_.end() && found->second->save_failures + 1 >= kFailuresUntilAlone;
}

bool QueueManager::pause_long() const {
  return clock_.mono_now() - paused_since_.load() >= kLong;
}

void QueueManager::save_ended(bool works) {
  const MonoTime now = clock_.mono_now();
  save_watch_.ended(works, now);
  if (!works || !fabric_.paused.load()) return;
  fabric_.paused = false;
  if (pause_told_) log::info("sending-goes-on", {{"paused", Duration(now - paused_since_.load())}});
  save_at_once(to_save_.size());
  claim_soon();
  for (std::size_t loop = 0; loop < fabric_.loops.size(); ++loop)
    fabric_.post(loop, [](LoopSide& side) { side.go_on(); });
}

// What waited to be tried again because the database failed, for it works.
void QueueManager::save_at_once(std::size_t most) {
  if (to_save_.empty()) return;
  for (OpenBatch* batch : to_save_) {
    if (most == 0) break;
    if (batch->refusals > 0) continue;
    batch->not_before = MonoTime{};
    --most;
  }
  save_by(MonoTime{});
}

}  // namespace essaim::delivery
