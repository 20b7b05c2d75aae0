// What /metrics says: the text format, and values of a node that is made up.
#include <limits>

#include <boost/test/unit_test.hpp>

#include "smtpd/status/metrics.h"
#include "storage/database_hosts.h"

using namespace essaim;
using namespace essaim::smtpd;
using namespace std::chrono_literals;

namespace {

bool has_line(const std::string& text, const std::string& line) {
  return ("\n" + text).find("\n" + line + "\n") != std::string::npos;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(metrics)

BOOST_AUTO_TEST_CASE(a_family_has_help_type_and_samples_with_what_must_be_escaped) {
  PrometheusText text;
  text.family("essaim_x_total", PrometheusText::Type::kCounter, "Lines\nand \\ and \"quotes\".");
  text.sample(1.5, {{"a", "q\"b\\c\nd"}, {"e", ""}});
  text.sample(12345678901);
  BOOST_TEST(text.take() ==
             "# HELP essaim_x_total Lines\\nand \\\\ and \"quotes\".\n"
             "# TYPE essaim_x_total counter\n"
             "essaim_x_total{a=\"q\\\"b\\\\c\\nd\",e=\"\"} 1.5\n"
             "essaim_x_total 12345678901\n");
}

BOOST_AUTO_TEST_CASE(classes_of_a_histogram_are_cumulative_and_end_with_all) {
  Histogram histogram;
  for (const Duration took : {Duration(50us), Duration(200us), Duration(60s)}) histogram.note(took);
  PrometheusText text;
  text.family("essaim_x_seconds", PrometheusText::Type::kHistogram, "X.");
  text.histogram(histogram.counts(), {{"loop", "loop0"}});
  const std::string out = text.take();
  BOOST_TEST(has_line(out, "essaim_x_seconds_bucket{loop=\"loop0\",le=\"1e-04\"} 1"));
  BOOST_TEST(has_line(out, "essaim_x_seconds_bucket{loop=\"loop0\",le=\"0.00025\"} 2"));
  BOOST_TEST(has_line(out, "essaim_x_seconds_bucket{loop=\"loop0\",le=\"10\"} 2"));
  BOOST_TEST(has_line(out, "essaim_x_seconds_bucket{loop=\"loop0\",le=\"+Inf\"} 3"));
  BOOST_TEST(has_line(out, "essaim_x_seconds_sum{loop=\"loop0\"} 60.00025"));
  BOOST_TEST(has_line(out, "essaim_x_seconds_count{loop=\"loop0\"} 3"));
}

BOOST_AUTO_TEST_CASE(what_a_node_is_stands_there_in_base_units) {
  Snapshot snapshot;
  snapshot.time = from_millis(1'790'000'100'000);
  snapshot.facts = {.node = 1,
                    .sessions = 7,
                    .shedding = false,
                    .nodes_at_work = 3,
                    .keys_unusable = 2,
                    .message_memory = 1024,
                    .message_memory_limit = 4096,
                    .large_waiting = 3,
                    .small_waiting = 17,
                    .disk_left = 5e9,
                    .certificates = {{"/etc/essaim/tls.pem", from_millis(1'795'123'456'000)}},
                    .sockets = {4, 3}};
  snapshot.loops = {{"loop0", std::nullopt}, {"loop1", std::nullopt}};
  snapshot.engine = {.connections = 5,
                     .trials = 4,
                     .most_trials = 750,
                     .destinations = 9,
                     .suspended = 2,
                     .groups_suspended = 1,
                     .refusing = 1,
                     .unsaved = 31};
  snapshot.sending_paused = true;
  snapshot.queue = storage::QueueLoad{};
  snapshot.queue->states = {{storage::BatchQueue::kReady, 1, 10, from_millis(1'790'000'040'000)},
                            {storage::BatchQueue::kHeld, 0, 0, {}}};
  snapshot.backup = {
      .last = from_millis(1'790'000'001'000), .every = 24h, .due = from_millis(1'790'086'400'000)};
  const std::string out = metrics_text(&snapshot, true, {});
  for (const char* line :
       {"essaim_backup_timestamp_seconds 1790000001",
        "essaim_backup_due_timestamp_seconds 1790086400",
        "essaim_ready 1",
        "essaim_nodes_at_work 3",
        "essaim_smtpd_connections 7",
        "essaim_loop_sockets{loop=\"loop0\"} 4",
        "essaim_loop_sockets{loop=\"loop1\"} 3",
        "essaim_delivery_connections 5",
        "essaim_destinations 9",
        "essaim_destinations_suspended 2",
        "essaim_destinations_refusing 1",
        "essaim_delivery_paused 1",
        "essaim_outcomes_unsaved 31",
        "essaim_destination_groups_suspended 1",
        "essaim_intake_waiting{line=\"large\"} 3",
        "essaim_intake_waiting{line=\"small\"} 17",
        "essaim_delivery_connections_on_trial 4",
        "essaim_delivery_connections_on_trial_limit 750",
        "essaim_dkim_keys_unusable 2",
        "essaim_message_memory_bytes 1024",
        "essaim_disk_free_bytes 5e+09",
        "essaim_queue_recipients{state=\"ready\"} 10",
        "essaim_queue_oldest_age_seconds{state=\"ready\"} 60",
        "essaim_queue_oldest_age_seconds{state=\"held\"} 0",
        "essaim_tls_certificate_expiry_timestamp_seconds{file=\"/etc/essaim/tls.pem\"} 1795123456",
        "# TYPE essaim_commit_seconds histogram"})
    BOOST_TEST(has_line(out, line), line);
  snapshot.facts.disk_left = std::numeric_limits<double>::infinity();
  snapshot.backup = {};
  for (const char* sample : {"\nessaim_disk_free_bytes ", "\nessaim_backup_timestamp_seconds ",
                             "\nessaim_backup_due_timestamp_seconds "})
    BOOST_TEST(metrics_text(&snapshot, true, {}).find(sample) == std::string::npos, sample);
  BOOST_TEST(has_line(metrics_text(&snapshot, false, {}), "essaim_ready 0"));
}

BOOST_AUTO_TEST_CASE(each_host_of_a_database_has_its_connections_and_failures) {
  storage::know_database_host("[::1]:3306");
  storage::HostUse before;
  for (const storage::HostUse& use : storage::database_hosts())
    if (use.host == "[::1]:3306") before = use;
  BOOST_TEST(before.connections == 0);
  storage::count_host_connection("[::1]:3306", 1);
  storage::count_host_connection("[::1]:3306", 1);
  storage::count_host_connection("[::1]:3306", -1);
  for (int i = 0; i < 4; ++i) storage::count_host_failure("db2.example:3307");
  const std::string out = metrics_text(nullptr, true, {});
  for (const char* line : {"essaim_database_connections{host=\"[::1]:3306\"} 1",
                           "essaim_database_connections{host=\"db2.example:3307\"} 0",
                           "essaim_database_host_failures_total{host=\"[::1]:3306\"} 0",
                           "essaim_database_host_failures_total{host=\"db2.example:3307\"} 4"})
    BOOST_TEST(has_line(out, line), line);
}

BOOST_AUTO_TEST_CASE(while_nothing_serves_the_counts_of_the_process_are_told_and_that_it_is_not_ready) {
  const std::string out = metrics_text(nullptr, true, {});
  BOOST_TEST(has_line(out, "essaim_ready 0"));
  for (const char* sample :
       {"essaim_messages_total{outcome=\"accepted\"} ", "essaim_limited_total{what=\"question\"} ",
        "essaim_bounces_unproven_total ", "essaim_delivery_connections_given_up_total ",
        "essaim_logins_total{mechanism=\"PLAIN\",source=\"directory\",outcome=\"deferred\"} "})
    BOOST_TEST(out.find(sample) != std::string::npos, sample);
  BOOST_TEST(out.find("essaim_queue") == std::string::npos);
}

BOOST_AUTO_TEST_SUITE_END()
