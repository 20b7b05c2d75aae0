// What an operator's commands do to the recipients of one batch that nobody owns, or that is only looked at. Pure.
#pragma once

#include <cstdint>
#include <string>

#include "core/base/clock.h"
#include "storage/post_filter.h"
#include "storage/records.h"

namespace essaim::smtpd::operate {

// Those who match and still wait (all who wait, if the match names nobody) are suppressed. Gives how many.
int suppress(storage::BatchRecord* batch, const storage::RecipientMatch& match, const std::string& reason,
             WallTime accepted, WallTime now);
// Those who match need not wait any more before they are tried again. Gives how many had to.
std::int64_t end_pauses(storage::BatchRecord* batch, const storage::RecipientMatch& match);
// How many match and still wait.
std::int64_t waiting_in(const storage::BatchRecord& batch, const storage::RecipientMatch& match);

}  // namespace essaim::smtpd::operate
