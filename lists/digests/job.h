// The job `digests`: what waits for members who have several posts at once goes out when their list's schedule says so.
#pragma once

#include "lists/digests/schedule.h"
#include "lists/services.h"
#include "storage/job_runner.h"
#include "storage/records.h"

namespace essaim::lists {

// Programs before this version take a digest that they expand for a post to everybody.
inline constexpr std::string_view kVersionWithDigests = "0.2.0";
// "0.10.0" is not before "0.9.1". What is no version is before all.
bool is_version_before(std::string_view version, std::string_view other);

// The name of a node at work whose program would take one so; "": there is none.
Result<std::string> node_without_digests(storage::Connection& connection);

// When the digest of posts of which the first came at `oldest` is to be made. At once, if there are to be none any more.
WallTime digest_due(const DigestSchedule& schedule, WallTime oldest);

// All that waits for this list, due or not: the number of digests that were made, each for all its readers. Nothing is sent where
// nobody wants one, and what waited waits no more. Posts that are held stay. Blocks; the bell has been rung.
Result<std::size_t> send_digests(const Services& services, Id list_id);

// Each minute, of all lists that are due; what waits for a list that is no more goes.
storage::Job make_digests_job(const Services* services);

}  // namespace essaim::lists
