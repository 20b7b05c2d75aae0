#include "core/base/gauges.h"

#include <array>
#include <atomic>

namespace essaim {
namespace {

std::atomic<std::int64_t>& amount_of(Gauge gauge) {
  static std::array<std::atomic<std::int64_t>, static_cast<std::size_t>(Gauge::kCount)> amounts{};
  return amounts[static_cast<std::size_t>(gauge)];
}

}  // namespace

std::int64_t amount(Gauge gauge) {
  return amount_of(gauge).load(std::memory_order_relaxed);
}

Held::Held(Gauge gauge, std::int64_t much) : gauge_(gauge), much_(much) {
  amount_of(gauge_).fetch_add(much_, std::memory_order_relaxed);
}

Held::~Held() {
  amount_of(gauge_).fetch_sub(much_, std::memory_order_relaxed);
}

}  // namespace essaim
