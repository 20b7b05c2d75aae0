#include "storage/cluster/node_lease.h"

namespace essaim::storage {

void NodeLease::extend(MonoTime until) {
  const Duration::rep wanted = until.time_since_epoch().count();
  Duration::rep now = until_.load(std::memory_order_relaxed);
  while (now < wanted && !until_.compare_exchange_weak(now, wanted)) {
  }
}

}  // namespace essaim::storage
