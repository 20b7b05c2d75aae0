// Reports that the ledger leads to (RFC 3464), made once each whatever crashes:
//   - to an account that relayed, likewise, with what the other side said (relay.h); who has got it and reports itself
//     (DSN passed on) is left to do so;
//   - to the sender of mail to owners, editors, postmaster and abuse: when nobody behind the address got it
//     (failed), when it waits longer than Reporting::delay (delayed), when NOTIFY asks for it and the first of
//     them has got it (relayed; expanded where they are several); less of it where nobody vouches for the sender
//     (dsn_request.h, without_backscatter());
//   - to a list's owners (the postmaster where there are none): one for each post that some members did not get
//     because of the message itself or because the time was up, when all of it is done. Authors learn nothing of
//     members' failures.
// Never about a notice, and to nobody by the null reverse-path: no report leads to another, here or between two
// servers.
//
// A post that may lead to a report has a row in ReportStore from the transaction on that makes it so; each report is
// added in one transaction with PostStore::begin_report(), which lets one through. Thread-safe, also beside
// other processes; blocks on the database.
#pragma once

#include <string>

#include "lists/services.h"
#include "storage/database.h"
#include "storage/job_runner.h"
#include "storage/records.h"

namespace essaim::lists {

// Inside the transaction that adds a forward, and that of a failure, which wants to be looked at now.
Result<void> expect_reports(storage::Connection& connection, const storage::PostRecord& forward,
                            Duration delay);
Result<void> report_soon(storage::Connection& connection, Id post_id, WallTime now);

// Looks at all that is due; says what was made, for the log.
Result<std::string> make_reports(const Services& services);

// The same as a job. The services outlive it; null where the job is only named.
storage::Job make_reports_job(const Services* services);

}  // namespace essaim::lists
