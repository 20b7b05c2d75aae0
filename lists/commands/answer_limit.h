// How much is answered to one address.
#pragma once

#include <cstdint>

namespace essaim::lists {

// In an hour, over all nodes (storage::AnswerStore counts them).
inline constexpr std::int64_t kMostAnswers = 30;

}  // namespace essaim::lists
