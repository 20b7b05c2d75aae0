// How soon a post goes out beside others, by how many it is for (storage::PostRecord::priority): one to ten people are never
// behind a thousand, nor those behind a hundred thousand. Pure.
#pragma once

#include <cstddef>

#include "storage/records.h"

namespace essaim::lists {

constexpr std::size_t kFewRecipients = 10;
// More are left to delivery, which makes their batches behind the commit.
constexpr std::size_t kExpandedAtOnce = storage::kBatchSize;

constexpr int priority_of(std::size_t recipients) {
  if (recipients <= kFewRecipients) return 0;
  return recipients <= kExpandedAtOnce ? 1 : 2;
}

}  // namespace essaim::lists
