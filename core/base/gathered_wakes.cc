#include "core/base/gathered_wakes.h"

#include <algorithm>
#include <utility>
#include <vector>

namespace essaim {

namespace {

struct Gathering {
  bool active = false;
  std::vector<std::function<void()>> tasks;
  std::vector<std::shared_ptr<Sleeper>> sleepers;
};
thread_local Gathering gathering;

}  // namespace

GatheredWakes::GatheredWakes() : outermost_(!std::exchange(gathering.active, true)) {}

GatheredWakes::~GatheredWakes() {
  if (!outermost_) return;
  for (std::size_t i = 0; i < gathering.tasks.size(); ++i) std::exchange(gathering.tasks[i], nullptr)();
  gathering.tasks.clear();
  gathering.active = false;
  for (const auto& sleeper : gathering.sleepers) sleeper->wake();
  gathering.sleepers.clear();
}

void GatheredWakes::wake(const std::shared_ptr<Sleeper>& sleeper) {
  if (!gathering.active) return sleeper->wake();
  auto& sleepers = gathering.sleepers;
  if (std::find(sleepers.begin(), sleepers.end(), sleeper) == sleepers.end()) sleepers.push_back(sleeper);
}

void GatheredWakes::at_end(std::function<void()> task) {
  if (!gathering.active) return task();
  gathering.tasks.push_back(std::move(task));
}

}  // namespace essaim
