#include "delivery/slicing.h"

#include "delivery/destination_policy.h"

namespace essaim::delivery {

std::vector<RoutedSlice> cut_by_domain(const std::shared_ptr<const ActiveBatch>& batch,
                                       const std::vector<std::uint16_t>& indices,
                                       const EngineSettings& settings, MonoTime now) {
  std::vector<RoutedSlice> slices;
  const std::string* last = nullptr;
  for (const std::uint16_t index : indices) {
    const std::string& domain = batch->recipients[index].domain;
    if (last == nullptr || *last != domain) {
      last = &domain;
      std::string key = goes_with_all(settings, domain) ? std::string() : domain;
      if (slices.empty() || slices.back().domain != key) {
        slices.push_back({std::move(key), {}});
        slices.back().slice.batch = batch;
        slices.back().slice.queued = now;
      }
    }
    slices.back().slice.indices.push_back(index);
  }
  return slices;
}

}  // namespace essaim::delivery
