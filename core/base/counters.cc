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
  static constexpr std::array<const char*, kCounters> names = {
      "connections_in",
      "rejections",
      "messages_in",
      "messages_deferred",
      "messages_refused",
      "octets_in",
      "recipients_in",
      "duplicates",
      "shed_connections",
      "shed_messages",
      "shed_recipients",
      "tls_in",
      "tls_in_failed",
      "delivered",
      "deferred",
      "failed",
      "suppressed",
      "sent_twice",
      "tls_out_dane",
      "tls_out_dane_failed",
      "tls_out_sts",
      "tls_out_sts_failed",
      "tls_out_no_policy",
      "tls_out_no_policy_failed",
      "signatures_rsa",
      "signatures_ed25519",
      "dns_found",
      "dns_no_data",
      "dns_no_name",
      "dns_failed",
      "takeovers",
      "damaged_rows",
      "left_by_one_click",
      "left_by_page",
      "left_by_mail",
      "http_good",
      "http_client",
      "http_server",
      "spf_pass",
      "spf_fail",
      "spf_error",
      "spf_other",
      "dkim_pass",
      "dkim_fail",
      "dkim_error",
      "dkim_other",
      "dmarc_pass",
      "dmarc_fail",
      "dmarc_error",
      "dmarc_other",
      "arc_pass",
      "arc_fail",
      "arc_error",
      "arc_other",
      "limited_questions",
      "limited_notices",
      "limited_commands",
      "limited_posts",
      "limited_sizes",
      "limited_recipients",
      "reports_unproven",
      "filter_passed",
      "filter_refused",
      "filter_deferred",
      "filter_held",
      "filter_trouble",
      "connections_given_up",
  };
  static_assert(names.back() != nullptr, "a counter without a name");
  const auto index = static_cast<std::size_t>(counter);
  return index < names.size() ? names[index] : "?";
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
