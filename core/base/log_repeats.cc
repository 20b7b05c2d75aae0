#include "core/base/log_repeats.h"

#include <algorithm>
#include <array>
#include <utility>
#include <vector>

#include "core/base/text.h"

namespace essaim::log {
namespace {

// What a client or a host that is down can cause at will, and the fields that make two of them the same.
struct Kind {
  std::string_view event;
  std::array<std::string_view, 3> keys;
};
constexpr Kind kKinds[] = {
    {"connect", {"client"}},
    {"disconnect", {"client"}},
    {"connection-refused", {"why"}},
    {"reject", {"client", "command"}},
    {"connect-failed", {"host", "address", "stage"}},
    {"connection-given-up", {"host"}},
    {"tls-fallback", {"relay"}},
};

const Kind* kind_of(std::string_view event) {
  for (const Kind& kind : kKinds)
    if (kind.event == event) return &kind;
  return nullptr;
}

constexpr char kBetween = '\0';  // of the parts of a key: event, then name and value in turn

}  // namespace

bool Repeats::passes(Level level, std::string_view event, const Field* fields, std::size_t count) {
  const std::uint64_t limit = limit_.load(std::memory_order_relaxed);
  if (limit == 0) return true;
  const Kind* kind = kind_of(event);
  if (kind == nullptr) return true;
  std::string key(event);
  for (std::size_t i = 0; i < count; ++i) {
    const bool counts = std::find(kind->keys.begin(), kind->keys.end(), fields[i].name) != kind->keys.end();
    if (!counts || fields[i].name.empty()) continue;
    key.append(1, kBetween).append(fields[i].name).append(1, kBetween);
    key.append(std::string_view(fields[i].value).substr(0, 200));
  }
  tell(false);
  const MonoTime now = clock_.mono_now();
  std::lock_guard lock(mutex_);
  if (runs_.size() >= kMostKeys && !runs_.contains(key)) {
    std::erase_if(runs_, [&](const auto& run) {
      return run.second.held_back == 0 && now - run.second.since >= kPeriod;
    });
    if (runs_.size() >= kMostKeys) return true;
  }
  Run& run = runs_[key];
  if (run.count == 0 || now - run.since >= kPeriod) run = Run{.since = now};
  if (++run.count <= limit) return true;
  ++run.held_back;
  run.level = std::max(run.level, level);
  const std::int64_t due = (run.since + kPeriod).time_since_epoch().count();
  if (due < next_tell_.load(std::memory_order_relaxed)) next_tell_ = due;
  return false;
}

void Repeats::tell(bool all) {
  const std::int64_t due = next_tell_.load(std::memory_order_relaxed);
  if (due == INT64_MAX) return;
  const MonoTime now = clock_.mono_now();
  if (!all && now.time_since_epoch().count() < due) return;
  std::vector<std::pair<std::string, Run>> over;
  {
    std::lock_guard lock(mutex_);
    std::int64_t next = INT64_MAX;
    for (auto it = runs_.begin(); it != runs_.end();) {
      const bool ended = now - it->second.since >= kPeriod;
      if (!ended && !all) {
        if (it->second.held_back > 0)
          next = std::min(next, (it->second.since + kPeriod).time_since_epoch().count());
        ++it;
        continue;
      }
      if (it->second.held_back > 0) over.emplace_back(it->first, it->second);
      it = runs_.erase(it);
    }
    next_tell_ = next;
  }
  for (const auto& [key, run] : over) {
    const std::vector<std::string_view> parts = split(key, kBetween);
    Line line(run.level, "repeated");
    line.add("event", parts[0]);
    for (std::size_t i = 1; i + 1 < parts.size(); i += 2) line.add(parts[i], parts[i + 1]);
    line.add("times", std::to_string(run.held_back));
    line.write();
  }
}

}  // namespace essaim::log
