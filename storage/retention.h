// The jobs that keep the database from growing for ever. Each works in many short transactions, so that
// acceptance never waits for them.
#pragma once

#include "core/base/clock.h"
#include "storage/job_runner.h"

namespace essaim::storage {

struct RetentionOptions {
  Duration interval = std::chrono::hours(1);
  Duration keep_posts =
      std::chrono::hours(24 * 30);  // after the last outcome: the ledger that `post find` asks
  // after the last outcome of a batch in which somebody failed: the text, to send it again to them (post_again.h)
  Duration keep_failed = std::chrono::hours(24 * 3);
  Duration keep_departures = std::chrono::hours(24 * 365);
  Duration keep_seen = std::chrono::hours(24 * 7);  // in which a post that comes again is recognised
};

// Parks batches that nobody would find, settles finished posts and drops their renderings, of those that failed for somebody some days later, then deletes what is
// older than it is kept, and the rows of members who left, when no post that is not settled needs them. Also old counts of failed logins and of TLS sessions, and policies
// of MTA-STS that have expired. `clock` must outlive the job.
Job make_retention_job(const Clock& clock, const RetentionOptions& options);

}  // namespace essaim::storage
