// Why mail waits, summed up by destination, list and reason: what an operator asks first. Reads the database only;
// blocking; some batches at a time, so that a big queue needs little memory.
#pragma once

#include <cstdint>
#include <set>
#include <string>
#include <vector>

#include "core/base/clock.h"
#include "core/base/id.h"
#include "core/base/result.h"
#include "storage/database.h"
#include "storage/post_store.h"

namespace essaim::smtpd::operate {

enum class SumBy { kDestination, kList, kReason };

struct QueueSum {
  std::string key;  // domain or list; "" for kReason
  // Reply of the last attempt, or what is done about it. Where recipients of many domains are summed up, what these have in common
  // (reason_pattern.h).
  std::string reason;
  std::int64_t recipients =
      0;  // but for those in batches on a damaged page, of which it is not known how many they are
  std::int64_t posts = 0;
  std::int64_t domains = 0;  // of these recipients, as far as they can be read
  WallTime oldest{};         // acceptance; 0: not known, as the rows are damaged
  WallTime next_due{};       // 0: when it is its turn, or when somebody releases it
};

struct QueueSums {
  std::vector<QueueSum> lines;  // most recipients first
  std::int64_t recipients = 0;  // of all lines
  std::int64_t unexpanded = 0;  // posts with recipients that are in no batch yet
};

// `id`: of that post only; 0: all that the filter finds.
Result<QueueSums> sum_up(storage::Database& database, const storage::PostFilter& filter, Id id, SumBy by);

// How many recipients wait in a post.
Result<std::int64_t> pending_of_post(storage::Database& database, Id id);
// Of these, those in batches that delivery has parked by itself: damaged ones, and those that could not be sent.
Result<std::int64_t> parked_of_post(storage::Database& database, Id id);

}  // namespace essaim::smtpd::operate
