#include "smtpd/status/metrics.h"

#include <algorithm>
#include <cmath>
#include <cstdio>

#include <sys/resource.h>
#include <unistd.h>

#include "core/base/gauges.h"
#include "smtpd/accounts/login_counts.h"
#include "storage/database_hosts.h"
#include "storage/job_runner.h"

namespace essaim::smtpd {
namespace {

using Type = PrometheusText::Type;
using Labels = PrometheusText::Labels;

struct CountedSample {
  Counter counter;
  Labels labels;
};
struct CountedFamily {
  std::string_view name, help;
  std::vector<CountedSample> samples;
};

const std::vector<CountedFamily>& counted_families() {
  static const std::vector<CountedFamily> table = {
      {"essaim_smtpd_sessions_total",
       "Incoming SMTP sessions that were greeted.",
       {{Counter::kConnectionsIn, {}}}},
      {"essaim_smtpd_rejections_total",
       "Replies that refused something in an SMTP dialogue, connections included.",
       {{Counter::kRejections, {}}}},
      {"essaim_messages_total",
       "Messages at the end of their data, by what was answered: accepted is 250, deferred 4xx, refused 5xx.",
       {{Counter::kMessagesIn, {{"outcome", "accepted"}}},
        {Counter::kMessagesDeferred, {{"outcome", "deferred"}}},
        {Counter::kMessagesRefused, {{"outcome", "refused"}}}}},
      {"essaim_accepted_bytes_total", "Octets of accepted messages.", {{Counter::kOctetsIn, {}}}},
      {"essaim_accepted_recipients_total",
       "Envelope recipients of accepted messages (a list is one).",
       {{Counter::kRecipientsIn, {}}}},
      {"essaim_duplicates_suppressed_total",
       "Messages that had come before: answered 250 and not sent again.",
       {{Counter::kDuplicates, {}}}},
      {"essaim_recipients_total",
       "Outcomes for recipients on the way out; deferred counts attempts, the others are final.",
       {{Counter::kDelivered, {{"outcome", "delivered"}}},
        {Counter::kDeferred, {{"outcome", "deferred"}}},
        {Counter::kFailed, {{"outcome", "failed"}}},
        {Counter::kSuppressed, {{"outcome", "suppressed"}}}}},
      {"essaim_deliveries_repeated_total",
       "Recipients to whom two nodes delivered, after one had died or was cut off.",
       {{Counter::kSentTwice, {}}}},
      {"essaim_shed_total",
       "What was told to come later because of limits on clients or shortage of resources.",
       {{Counter::kShedConnections, {{"what", "connection"}}},
        {Counter::kShedMessages, {{"what", "message"}}},
        {Counter::kShedRecipients, {{"what", "recipient"}}}}},
      {"essaim_limited_total",
       "What was not done for others, or put off, because of a bound on what anybody may have us do.",
       {{Counter::kLimitedQuestions, {{"what", "question"}}},
        {Counter::kLimitedNotices, {{"what", "notice"}}},
        {Counter::kLimitedCommands, {{"what", "command"}}},
        {Counter::kLimitedPosts, {{"what", "post"}}},
        {Counter::kLimitedSizes, {{"what", "total_size"}}},
        {Counter::kLimitedRecipients, {{"what", "recipient"}}}}},
      {"essaim_bounces_unproven_total",
       "Failures counted by reports about common copies that whoever has one could have written.",
       {{Counter::kReportsUnproven, {}}}},
      {"essaim_delivery_connections_given_up_total",
       "Connections to hosts that kept us waiting while others waited for their place.",
       {{Counter::kGivenUp, {}}}},
      {"essaim_tls_in_total",
       "TLS handshakes of SMTP clients with us.",
       {{Counter::kTlsIn, {{"result", "success"}}}, {Counter::kTlsInFailed, {{"result", "failure"}}}}},
      {"essaim_tls_out_total",
       "Sessions with receiving hosts, once for each domain, by the TLS policy of the domain and whether it "
       "was "
       "kept; without a policy, success is TLS.",
       {{Counter::kTlsOutDane, {{"policy", "dane"}, {"result", "success"}}},
        {Counter::kTlsOutDaneFailed, {{"policy", "dane"}, {"result", "failure"}}},
        {Counter::kTlsOutSts, {{"policy", "sts"}, {"result", "success"}}},
        {Counter::kTlsOutStsFailed, {{"policy", "sts"}, {"result", "failure"}}},
        {Counter::kTlsOutNoPolicy, {{"policy", "none"}, {"result", "success"}}},
        {Counter::kTlsOutNoPolicyFailed, {{"policy", "none"}, {"result", "failure"}}}}},
      {"essaim_authentication_results_total",
       "Incoming messages that were verified, by method and result: error is no answer of DNS, other is "
       "anything between, above all that there was nothing to verify.",
       {{Counter::kSpfPass, {{"method", "spf"}, {"result", "pass"}}},
        {Counter::kSpfFail, {{"method", "spf"}, {"result", "fail"}}},
        {Counter::kSpfError, {{"method", "spf"}, {"result", "error"}}},
        {Counter::kSpfOther, {{"method", "spf"}, {"result", "other"}}},
        {Counter::kDkimPass, {{"method", "dkim"}, {"result", "pass"}}},
        {Counter::kDkimFail, {{"method", "dkim"}, {"result", "fail"}}},
        {Counter::kDkimError, {{"method", "dkim"}, {"result", "error"}}},
        {Counter::kDkimOther, {{"method", "dkim"}, {"result", "other"}}},
        {Counter::kDmarcPass, {{"method", "dmarc"}, {"result", "pass"}}},
        {Counter::kDmarcFail, {{"method", "dmarc"}, {"result", "fail"}}},
        {Counter::kDmarcError, {{"method", "dmarc"}, {"result", "error"}}},
        {Counter::kDmarcOther, {{"method", "dmarc"}, {"result", "other"}}},
        {Counter::kArcPass, {{"method", "arc"}, {"result", "pass"}}},
        {Counter::kArcFail, {{"method", "arc"}, {"result", "fail"}}},
        {Counter::kArcError, {{"method", "arc"}, {"result", "error"}}},
        {Counter::kArcOther, {{"method", "arc"}, {"result", "other"}}}}},
      {"essaim_filter_messages_total",
       "Messages that mail filters looked at, once for each filter, by what it said; error is none that "
       "could be asked.",
       {{Counter::kFilterPassed, {{"result", "passed"}}},
        {Counter::kFilterRefused, {{"result", "refused"}}},
        {Counter::kFilterDeferred, {{"result", "deferred"}}},
        {Counter::kFilterHeld, {{"result", "held"}}},
        {Counter::kFilterTrouble, {{"result", "error"}}}}},
      {"essaim_dkim_signatures_total",
       "DKIM signatures made.",
       {{Counter::kSignaturesRsa, {{"algorithm", "rsa"}}},
        {Counter::kSignaturesEd25519, {{"algorithm", "ed25519"}}}}},
      {"essaim_dns_questions_total",
       "Questions to the name servers or the cache, by what came back; error is no usable answer.",
       {{Counter::kDnsFound, {{"result", "found"}}},
        {Counter::kDnsNoData, {{"result", "no_data"}}},
        {Counter::kDnsNoName, {{"result", "no_name"}}},
        {Counter::kDnsFailed, {{"result", "error"}}}}},
      {"essaim_http_requests_total",
       "Responses to HTTP requests, by class; 2xx stands for all that are no errors.",
       {{Counter::kHttpGood, {{"class", "2xx"}}},
        {Counter::kHttpClient, {{"class", "4xx"}}},
        {Counter::kHttpServer, {{"class", "5xx"}}}}},
      {"essaim_unsubscribes_total",
       "Members who left by the token in their copy, by how they did.",
       {{Counter::kLeftByOneClick, {{"how", "one_click"}}},
        {Counter::kLeftByPage, {{"how", "page"}}},
        {Counter::kLeftByMail, {{"how", "mail"}}}}},
      {"essaim_takeovers_total", "Dead nodes whose work this one released.", {{Counter::kTakeovers, {}}}},
      {"essaim_damaged_rows_total",
       "Batches and posts of the queue that the database could not read or change: set aside, or passed over "
       "by delivery or a run of retention.",
       {{Counter::kDamagedRows, {}}}},
  };
  return table;
}

double seconds(Duration d) {
  return std::chrono::duration<double>(d).count();
}

double resident_octets() {
  std::FILE* const file = std::fopen("/proc/self/statm", "re");
  if (file == nullptr) return 0;
  long long total = 0, resident = 0;
  const int read = std::fscanf(file, "%lld %lld", &total, &resident);
  std::fclose(file);
  return read == 2 ? static_cast<double>(resident) * static_cast<double>(sysconf(_SC_PAGESIZE)) : 0;
}

double processor_seconds() {
  rusage used{};
  getrusage(RUSAGE_SELF, &used);
  const auto in_seconds = [](const timeval& t) {
    return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_usec) / 1e6;
  };
  return in_seconds(used.ru_utime) + in_seconds(used.ru_stime);
}

void one(PrometheusText* out, std::string_view name, Type type, std::string_view help, double value) {
  out->family(name, type, help);
  out->sample(value);
}

void add_process(PrometheusText* out) {
  out->family("essaim_build_info", Type::kGauge, "1; the label tells the version.");
  out->sample(1, {{"version", ESSAIM_VERSION}});
  one(out, "essaim_resident_memory_bytes", Type::kGauge, "Memory of the process that is in RAM.",
      resident_octets());
  one(out, "essaim_cpu_seconds_total", Type::kCounter, "Processor time of the process.", processor_seconds());
  one(out, "essaim_journal_bytes", Type::kGauge, "What the journals of progress take on the disk.",
      static_cast<double>(amount(Gauge::kJournalOctets)));
  one(out, "essaim_journal_segments", Type::kGauge, "Files of the journals of progress.",
      static_cast<double>(amount(Gauge::kJournalSegments)));
  const CounterSums sums = counter_sums();
  for (const CountedFamily& family : counted_families()) {
    out->family(family.name, Type::kCounter, family.help);
    for (const CountedSample& sample : family.samples)
      out->sample(static_cast<double>(sums[static_cast<std::size_t>(sample.counter)]), sample.labels);
  }
  out->family(
      "essaim_logins_total", Type::kCounter,
      "Logins of authors, by mechanism, what judged them and what was answered: accepted is 235, refused "
      "535, throttled (too many failures) and deferred (what judges does not answer) 454.");
  for (const LoginCount& one_way : login_counts())
    out->sample(static_cast<double>(one_way.logins), {{"mechanism", sasl::to_string(one_way.mechanism)},
                                                      {"source", to_string(one_way.source)},
                                                      {"outcome", to_string(one_way.outcome)}});
  // Not "job": that label is the scrape's own.
  out->family("essaim_job_failures_total", Type::kCounter,
              "Runs of scheduled work that failed, by its name.");
  for (const auto& [name, failures] : storage::JobRunner::failures())
    out->sample(static_cast<double>(failures), {{"name", name}});
  const std::vector<storage::HostUse> hosts = storage::database_hosts();
  out->family("essaim_database_connections", Type::kGauge,
              "Connections now to each host of a MariaDB database.");
  for (const storage::HostUse& use : hosts)
    out->sample(static_cast<double>(use.connections), {{"host", use.host}});
  out->family("essaim_database_host_failures_total", Type::kCounter,
              "Connections to each host that could not be made, or failed.");
  for (const storage::HostUse& use : hosts)
    out->sample(static_cast<double>(use.failures), {{"host", use.host}});
  out->family("essaim_commit_seconds", Type::kHistogram,
              "COMMITs of the database; a 250 waits for a durable one, outcomes for the others.");
  out->histogram(counts_of(Timing::kDurableCommit), {{"durability", "durable"}});
  out->histogram(counts_of(Timing::kProgressCommit), {{"durability", "progress"}});
  out->family("essaim_dns_question_seconds", Type::kHistogram,
              "From a DNS question to what came back, from the cache, too.");
  out->histogram(counts_of(Timing::kDnsQuestion));
  out->family("essaim_filter_seconds", Type::kHistogram,
              "A message at a mail filter, from the connection to its last word.");
  out->histogram(counts_of(Timing::kFilter));
}

void add_queue(const storage::QueueLoad& load, WallTime now, PrometheusText* out) {
  out->family("essaim_queue_batches", Type::kGauge,
              "Batches of up to 1,000 recipients, by state; the same on all nodes of a database.");
  for (const auto& s : load.states)
    out->sample(static_cast<double>(s.batches), {{"state", to_string(s.queue)}});
  out->family("essaim_queue_recipients", Type::kGauge,
              "Recipients who wait, by the state of their batch; the same on all nodes of a database.");
  for (const auto& s : load.states)
    out->sample(static_cast<double>(s.recipients), {{"state", to_string(s.queue)}});
  out->family(
      "essaim_queue_oldest_age_seconds", Type::kGauge,
      "How long ago the oldest post with recipients who wait was accepted, by state; 0 when there is none.");
  for (const auto& s : load.states)
    out->sample(s.oldest == WallTime{} ? 0 : std::max(0.0, seconds(now - s.oldest)),
                {{"state", to_string(s.queue)}});
  one(out, "essaim_queue_unexpanded_posts", Type::kGauge,
      "Posts with recipients that are in no batch yet; the same on all nodes of a database.",
      static_cast<double>(load.unexpanded));
}

void add_node(const Snapshot& snapshot, PrometheusText* out) {
  const NodeFacts& facts = snapshot.facts;
  one(out, "essaim_uptime_seconds", Type::kGauge, "Since the node began to serve.", seconds(snapshot.uptime));
  one(out, "essaim_nodes_at_work", Type::kGauge, "Nodes of the database that work, with this one.",
      facts.nodes_at_work);
  one(out, "essaim_smtpd_connections", Type::kGauge, "Incoming SMTP sessions now.", facts.sessions);
  out->family("essaim_loop_sockets", Type::kGauge, "Incoming SMTP connections of each event loop now.");
  for (std::size_t i = 0; i < std::min(snapshot.loops.size(), facts.sockets.size()); ++i)
    out->sample(facts.sockets[i], {{"loop", snapshot.loops[i].first}});
  one(out, "essaim_shedding", Type::kGauge,
      "1 while newcomers, or new mail, are told to come later for want of resources.",
      facts.shedding ? 1 : 0);
  one(out, "essaim_message_memory_bytes", Type::kGauge, "Memory of messages on their way in.",
      static_cast<double>(facts.message_memory));
  one(out, "essaim_message_memory_limit_bytes", Type::kGauge, "What they may have of it.",
      static_cast<double>(facts.message_memory_limit));
  out->family("essaim_intake_waiting", Type::kGauge,
              "Messages that have come in and wait for room to be decided on and stored.");
  out->sample(static_cast<double>(facts.large_waiting), {{"line", "large"}});
  out->sample(static_cast<double>(facts.small_waiting), {{"line", "small"}});
  out->family("essaim_disk_free_bytes", Type::kGauge,
              "What the disk of the state directory has left, or of the SQLite database if that is less.");
  if (std::isfinite(facts.disk_left)) out->sample(facts.disk_left);
  one(out, "essaim_delivery_connections", Type::kGauge, "Connections to receiving hosts now.",
      snapshot.engine.connections);
  one(out, "essaim_delivery_connections_on_trial", Type::kGauge,
      "Those of them to destinations that have taken no message lately, until they take one.",
      snapshot.engine.trials);
  one(out, "essaim_delivery_connections_on_trial_limit", Type::kGauge, "How many of these there may be.",
      snapshot.engine.most_trials);
  one(out, "essaim_destinations", Type::kGauge,
      "Destinations in memory: next hops with work or a memory of it.", snapshot.engine.destinations);
  one(out, "essaim_destinations_suspended", Type::kGauge,
      "Those of them that are left alone for now because their hosts fail.", snapshot.engine.suspended);
  one(out, "essaim_destinations_refusing", Type::kGauge,
      "Those of them that refuse all for good, and have taken no message since.", snapshot.engine.refusing);
  one(out, "essaim_delivery_paused", Type::kGauge,
      "1 while nothing new is sent because the database that nodes share does not take outcomes.",
      snapshot.sending_paused ? 1 : 0);
  one(out, "essaim_outcomes_unsaved", Type::kGauge,
      "Outcomes that the journal has and the database does not have yet.",
      static_cast<double>(snapshot.engine.unsaved));
  one(out, "essaim_destination_groups_suspended", Type::kGauge,
      "Tables [[destination]] with together = true whose destinations are left alone for now, all of them.",
      snapshot.engine.groups_suspended);
  one(out, "essaim_database_healthy", Type::kGauge, "0 from a COMMIT that fails to the next that succeeds.",
      snapshot.database_healthy ? 1 : 0);
  out->family("essaim_tls_certificate_expiry_timestamp_seconds", Type::kGauge,
              "When the certificates of the listeners end, by the file they are in.");
  for (const NodeFacts::Certificate& certificate : facts.certificates)
    out->sample(seconds(certificate.not_after.time_since_epoch()), {{"file", certificate.file}});
  one(out, "essaim_dkim_keys_unusable", Type::kGauge,
      "DKIM keys that sign, or wait for their record, and that this node cannot open.", facts.keys_unusable);
  out->family("essaim_database_commits_total", Type::kCounter,
              "Transactions, since the node began to serve.");
  out->sample(static_cast<double>(snapshot.database.commits), {{"result", "success"}});
  out->sample(static_cast<double>(snapshot.database.failed_commits), {{"result", "failure"}});
  // Without a sample where there is none: alerts are for those who use them.
  const auto moment = [out](std::string_view name, std::string_view help, WallTime time) {
    out->family(name, Type::kGauge, help);
    if (time != WallTime{}) out->sample(seconds(time.time_since_epoch()));
  };
  moment("essaim_backup_timestamp_seconds", "When the last backup of the database was begun.",
         snapshot.backup.last);
  moment("essaim_backup_due_timestamp_seconds",
         "When the next is due; only where one was made by `essaim storage backup --every`.",
         snapshot.backup.due);
  if (snapshot.queue) add_queue(*snapshot.queue, snapshot.time, out);
}

}  // namespace

std::string metrics_text(const Snapshot* snapshot, bool ready, const std::vector<LoopLag::Measured>& lag) {
  PrometheusText out;
  add_process(&out);
  one(&out, "essaim_ready", Type::kGauge, "1 while /readyz says that the node takes mail and delivers.",
      ready && snapshot != nullptr ? 1 : 0);
  if (snapshot == nullptr) return out.take();
  add_node(*snapshot, &out);
  out.family("essaim_loop_lag_seconds", Type::kHistogram,
             "How long each event loop took to answer, asked every second.");
  for (const LoopLag::Measured& one_loop : lag) out.histogram(one_loop.counts, {{"loop", one_loop.loop}});
  return out.take();
}

}  // namespace essaim::smtpd
