#include "core/base/counters.h"

#include <atomic>
#include <memory>
#include <mutex>
#include <vector>

namespace essaim {
namespace {

struct alignas(64) Block {
  std::array<std::atomic<std::uint64_t>, kCounters> values{};
};

// Blocks stay when their threads end: what they counted has happened.
struct Registry {
  std::mutex mutex;
  std::vector<std::unique_ptr<Block>> blocks;
};

Registry& registry() {
  static auto* const all = new Registry;  // threads may count until the very end of the process
  return *all;
}

Block& own_block() {
  thread_local Block* const block = [] {
    Registry& all = registry();
    const std::lock_guard lock(all.mutex);
    all.blocks.push_back(std::make_unique<Block>());
    return all.blocks.back().get();
  }();
  return *block;
}

}  // namespace

const char* to_string(Counter counter) {
  switch (counter) {
    case Counter::kConnectionsIn:
      return "connections_in";
    case Counter::kRejections:
      return "rejections";
    case Counter::kMessagesIn:
      return "messages_in";
    case Counter::kOctetsIn:
      return "octets_in";
    case Counter::kRecipientsIn:
      return "recipients_in";
    case Counter::kDelivered:
      return "delivered";
    case Counter::kDeferred:
      return "deferred";
    case Counter::kFailed:
      return "failed";
    case Counter::kCount:
      break;
  }
  return "?";
}

void count(Counter counter, std::uint64_t n) {
  std::atomic<std::uint64_t>& value = own_block().values[static_cast<std::size_t>(counter)];
  // Only this thread writes it, so no locked instruction is needed.
  value.store(value.load(std::memory_order_relaxed) + n, std::memory_order_relaxed);
}

CounterSums counter_sums() {
  CounterSums sums{};
  Registry& all = registry();
  const std::lock_guard lock(all.mutex);
  for (const auto& block : all.blocks)
    for (std::size_t i = 0; i < kCounters; ++i) sums[i] += block->values[i].load(std::memory_order_relaxed);
  return sums;
}

}  // namespace essaim
