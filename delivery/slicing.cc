#include "delivery/slicing.h"

namespace essaim::delivery {

std::vector<RoutedSlice> cut_by_domain(const std::shared_ptr<const ActiveBatch>& batch,
                                       const std::vector<std::uint16_t>& indices, bool one_destination,
                                       MonoTime now) {
  std::vector<RoutedSlice> slices;
  for (const std::uint16_t index : indices) {
    const std::string& domain = batch->recipients[index].domain;
    if (slices.empty() || (!one_destination && slices.back().domain != domain)) {
      RoutedSlice routed;
      if (!one_destination) routed.domain = domain;
      routed.slice.batch = batch;
      routed.slice.queued = now;
      slices.push_back(std::move(routed));
    }
    slices.back().slice.indices.push_back(index);
  }
  return slices;
}

}  // namespace essaim::delivery
