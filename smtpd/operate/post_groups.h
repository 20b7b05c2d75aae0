// Posts of which some are changed in one transaction, as each transaction costs more than what it does to one of them.
#pragma once

#include <cstddef>
#include <functional>
#include <span>
#include <vector>

#include "core/base/id.h"
#include "core/base/result.h"

namespace essaim::smtpd::operate {

// Calls `change` with the next ones, up to `most`, until it was done to all; it gives how many of them it took (the first ones, at
// least one). Where it fails they are tried one by one, so that one that is in trouble keeps no other one from it: then `alone`
// calls what it gets, or not, and gives whether the post is changed. Gives those that are. Blocking, as those are.
std::vector<Id> change_in_groups(std::span<const Id> ids, std::size_t most,
                                 const std::function<Result<std::size_t>(std::span<const Id>)>& change,
                                 const std::function<bool(Id, const std::function<Result<void>()>&)>& alone);

}  // namespace essaim::smtpd::operate
