// The scheduled jobs of the program, the same for the server and for `essaim job`.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "core/base/clock.h"
#include "core/base/result.h"
#include "lists/services.h"
#include "smtpd/settings/settings.h"
#include "storage/database.h"
#include "storage/job_runner.h"

namespace essaim::smtpd::operate {

// `services` outlive the jobs; null where jobs are listed and none is run.
std::vector<storage::Job> make_jobs(const Settings& settings, const Clock& clock,
                                    const lists::Services* services);

struct JobStatus {
  std::string name;
  Duration interval{};
  WallTime started{}, finished{};  // of the last run; 0: never
  bool succeeded = false;
  std::string result;
  int node = 0;
};
// Every job, also those that never ran.
Result<std::vector<JobStatus>> job_states(storage::Database& database, const std::vector<storage::Job>& jobs);

}  // namespace essaim::smtpd::operate
