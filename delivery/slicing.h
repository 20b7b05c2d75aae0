// Cuts the recipients of a batch that have to be sent into slices by domain. Pure.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "delivery/engine.h"
#include "delivery/work.h"

namespace essaim::delivery {

// A slice with the domain that decides where it goes; "" when a smart host takes them all.
struct RoutedSlice {
  std::string domain;
  Slice slice;
};

// `indices` ascending. Batches are sorted by domain, so this is one pass; a batch that is not gives more
// slices, never wrong ones. Those that go to the smart host of all, by the settings, stay together.
std::vector<RoutedSlice> cut_by_domain(const std::shared_ptr<const ActiveBatch>& batch,
                                       const std::vector<std::uint16_t>& indices,
                                       const EngineSettings& settings, MonoTime now);

}  // namespace essaim::delivery
