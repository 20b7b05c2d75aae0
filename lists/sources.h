// Asks databases and directories that are not ours for rules (scenario/source_filter.h). Rules are judged where nothing may
// wait for a stranger's server: on database threads, inside transactions. So an answer is had at once or not at all: what
// is not known is asked for meanwhile, and whoever decided tries again when it has come.
//
// Thread-safe.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "core/base/result.h"
#include "lists/scenario/source_filter.h"

namespace essaim::lists {

class Sources {
 public:
  virtual ~Sources() = default;
  // `values` for the filter's variables, in their order. kTemporary: it is being asked, or was in vain.
  virtual Result<bool> holds(const scenario::SourceFilter& filter,
                             const std::vector<std::string>& values) = 0;
  // How many answers have come. Whoever decides notes it before, for settle().
  virtual std::uint64_t answers() const = 0;
  // Calls back, on a thread of its own, when all that is being asked now has ended, well or not; at once, on the caller's,
  // when nothing is being asked any more and answers have come since there were `since`. False: neither, and nobody
  // will be called.
  virtual bool settle(std::uint64_t since, std::function<void()> done) = 0;
};

// How often somebody who got kTemporary should settle and try again: once for each filter that rules may name.
inline constexpr int kMostSettled = 8;

}  // namespace essaim::lists
