#include "smtpd/operate/post_groups.h"

#include <algorithm>

namespace essaim::smtpd::operate {

std::vector<Id> change_in_groups(std::span<const Id> ids, std::size_t most,
                                 const std::function<Result<std::size_t>(std::span<const Id>)>& change,
                                 const std::function<bool(Id, const std::function<Result<void>()>&)>& alone) {
  std::vector<Id> changed;
  std::size_t together = most;
  while (!ids.empty()) {
    const auto group = ids.first(std::min(together, ids.size()));
    std::size_t taken = 1;
    const auto work = [&]() -> Result<void> {
      auto some = change(group);
      if (!some.ok()) return some.error();
      taken = *some;
      return {};
    };
    const bool done = group.size() == 1 ? alone(group[0], work) : work().ok();
    together = done ? std::min(2 * together, most) : 1;
    if (!done && group.size() > 1) continue;
    if (done)
      changed.insert(changed.end(), group.begin(), group.begin() + static_cast<std::ptrdiff_t>(taken));
    ids = ids.subspan(taken);
  }
  return changed;
}

}  // namespace essaim::smtpd::operate
