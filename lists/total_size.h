// How much a message may be with all its targets together. Pure.
#pragma once

#include <algorithm>
#include <cstdint>

namespace essaim::lists {

// Octets of one submission: its size for each different target, twice where it is not in ASCII, as there are two forms of it then.
// Each target has a text of its own, in memory from the decision until the commit, and all of them are in one transaction, or staged
// before it (staging.h). What is relayed is stored for each as well, and so is what is held, there with the question to the
// moderators that has it attached.
inline constexpr std::uint64_t kMostOctets = 256U << 20;

// How many targets a message may have that is `octets` for each; one always.
constexpr std::uint64_t most_targets(std::uint64_t octets, std::uint64_t most = kMostOctets) {
  return octets == 0 ? most : std::max<std::uint64_t>(1, most / octets);
}

}  // namespace essaim::lists
