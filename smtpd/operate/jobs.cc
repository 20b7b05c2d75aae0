#include "smtpd/operate/jobs.h"

#include "lists/bounce_stops.h"
#include "lists/digests/job.h"
#include "lists/held/job.h"
#include "lists/reports.h"
#include "smtpd/operate/deletion_marks.h"
#include "smtpd/operate/dkim_keys.h"
#include "storage/cluster/node_watch.h"
#include "storage/late_store.h"
#include "storage/retention.h"

namespace essaim::smtpd::operate {

std::vector<storage::Job> make_jobs(const Settings& settings, const Clock& clock,
                                    const lists::Services* services) {
  storage::RetentionOptions retention;
  retention.keep_posts = settings.retention_posts;
  retention.keep_seen = settings.retention_seen;
  // Who keeps posts for less wants their texts no longer.
  retention.keep_failed = std::min(settings.retention_failed, settings.retention_posts);
  retention.keep_departures = settings.retention_departures;
  retention.interval = std::min<Duration>(retention.interval, settings.retention_posts);
  return {storage::make_retention_job(clock, retention),
          lists::make_reports_job(services),
          storage::make_orphans_job(clock),
          make_deletions_job(clock),
          storage::make_late_outcomes_job(),
          lists::make_held_job(services),
          lists::make_digests_job(services),
          lists::make_bounces_job(services),
          make_dkim_job(settings, clock)};
}

Result<std::vector<JobStatus>> job_states(storage::Database& database,
                                          const std::vector<storage::Job>& jobs) {
  std::vector<JobStatus> out;
  ESSAIM_TRY(database.read_now([&](storage::Connection& c) -> Result<void> {
    out.clear();
    for (const storage::Job& job : jobs) {
      JobStatus status;
      status.name = job.name;
      status.interval = job.interval;
      auto statement = c.prepare("SELECT started, finished, succeeded, result, node FROM job WHERE name = ?");
      if (!statement.ok()) return statement.error();
      (*statement)->bind_text(1, job.name);
      auto row = (*statement)->step();
      if (!row.ok()) return row.error();
      if (*row) {
        status.started = from_millis((*statement)->integer(0));
        status.finished = from_millis((*statement)->integer(1));
        status.succeeded = (*statement)->integer(2) != 0;
        status.result = std::string((*statement)->text(3));
        status.node = static_cast<int>((*statement)->integer(4));
      }
      out.push_back(std::move(status));
    }
    return {};
  }));
  return out;
}

}  // namespace essaim::smtpd::operate
