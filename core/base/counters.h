// What has happened since the start, counted where it happens. Each thread counts in a block of its own, so the
// hot path has no lock and no shared cache line; whoever wants the sums reads all blocks. The one place for such
// numbers: `essaim top` reads them, and so will metrics.
//
// Thread-safe. Sums are exact for what has happened before the call on the calling thread, and nearly so for others.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace essaim {

enum class Counter : std::size_t {
  kConnectionsIn,  // sessions that were greeted
  kRejections,     // replies that refuse something in the dialogue, connections too
  kMessagesIn,     // answered 250 at the end of data
  kOctetsIn,       // of those
  kRecipientsIn,   // of those, in the envelope
  kDelivered,      // recipients, out
  kDeferred,       // attempts that will be repeated
  kFailed,
  kCount,
};
inline constexpr std::size_t kCounters = static_cast<std::size_t>(Counter::kCount);

// "connections_in", as in JSON.
const char* to_string(Counter counter);

void count(Counter counter, std::uint64_t n = 1);

using CounterSums = std::array<std::uint64_t, kCounters>;
CounterSums counter_sums();

}  // namespace essaim
