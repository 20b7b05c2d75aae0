// The job that lets go what waited too long, reminds owners of requests, finishes what ended lists and REMIND * left to it, and
// forgets what was decided.
#pragma once

#include <string>

#include "lists/services.h"
#include "storage/job_runner.h"

namespace essaim::lists {

// Blocks. Says what was done, for the log.
Result<std::string> look_after_held(const Services& services);

// The services outlive it; null where the job is only named.
storage::Job make_held_job(const Services* services);

}  // namespace essaim::lists
