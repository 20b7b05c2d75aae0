// Counts of sessions for TLS-RPT, in memory and in the database.
#include <boost/test/unit_test.hpp>

#include "delivery/tls/tls_results.h"
#include "storage/sts_store.h"
#include "tests/support/temp_database.h"

using namespace essaim;
using namespace essaim::delivery;

namespace {

const WallTime kNow = from_millis(1'790'000'000'000);
constexpr std::int64_t kDay = 1'790'000'000'000 / 86'400'000;

TlsSession session(const std::string& domain, const std::string& result) {
  return {domain, "sts", "mode: enforce\n", result, "detail", "mx.test", "192.0.2.1", "192.0.2.2"};
}

}  // namespace

BOOST_AUTO_TEST_SUITE(tls_results)

BOOST_AUTO_TEST_CASE(equal_sessions_share_a_count_and_successes_of_all_hosts_do) {
  const auto results = std::make_shared<TlsResults>();
  TlsSession other_host = session("a.test", "");
  other_host.mx_host = "mx2.test";
  results->add(session("a.test", ""), kNow);
  results->add(other_host, kNow);
  results->add(session("a.test", "certificate-expired"), kNow);
  results->add(session("b.test", ""), kNow);
  const auto rows = results->take();
  BOOST_REQUIRE(rows.size() == 3U);
  BOOST_TEST(rows[0].domain == "a.test");
  BOOST_TEST(rows[0].sessions == 2);
  BOOST_TEST(rows[0].mx_host.empty());
  BOOST_TEST(rows[1].result == "certificate-expired");
  BOOST_TEST(rows[1].mx_host == "mx.test");
  BOOST_TEST(results->take().empty());
}

BOOST_AUTO_TEST_CASE(the_last_connections_of_a_domain_are_told_the_newest_first) {
  const auto results = std::make_shared<TlsResults>();
  for (int i = 0; i < 7; ++i) {
    TlsSession one = session("a.test", "");
    one.detail = "number " + std::to_string(i);
    results->add(one, kNow);
  }
  const auto last = results->last("a.test");
  BOOST_REQUIRE(last.size() == TlsResults::kWordsKept);
  BOOST_TEST(last[0].find("number 6") != std::string::npos);
  BOOST_TEST(results->last("b.test").empty());
}

BOOST_AUTO_TEST_CASE(counts_of_the_nodes_add_up_in_the_database) {
  test::TempDatabase database;
  const auto results = std::make_shared<TlsResults>();
  for (int node = 1; node <= 2; ++node) {
    for (int flush = 0; flush < 2; ++flush) {
      results->add(session("a.test", ""), kNow);
      results->add(session("a.test", "certificate-expired"), kNow);
      results->flush(*database, node);
    }
  }
  BOOST_REQUIRE(database
                    ->write_now(storage::Durability::kProgress,
                                [](storage::Connection& c) -> Result<void> {
                                  storage::TlsResultStore store(c);
                                  const auto rows = store.of_day(kDay, "a.test");
                                  BOOST_REQUIRE(rows.ok());
                                  BOOST_REQUIRE(rows->size() == 2U);
                                  BOOST_TEST(rows->at(0).sessions == 4);
                                  BOOST_TEST(rows->at(1).sessions == 4);
                                  BOOST_TEST(store.of_day(kDay + 1, "").value().empty());
                                  BOOST_TEST(store.remove_before(kDay + 1, 3).value() == 3);
                                  BOOST_TEST(store.remove_before(kDay + 1, 3).value() == 1);
                                  BOOST_TEST(store.of_day(kDay, "").value().empty());
                                  return {};
                                })
                    .ok());
}

// What the database does as a whole has to stay small, and others wait behind it.
BOOST_AUTO_TEST_CASE(many_counts_are_written_some_to_a_transaction) {
  test::TempDatabase database;
  const auto results = std::make_shared<TlsResults>();
  for (int i = 0; i < 2000; ++i) results->add(session("d" + std::to_string(i) + ".test", ""), kNow);
  const auto before = database->counters().commits;
  results->flush(*database, 1);
  results->wait_for_database();
  BOOST_TEST(database->counters().commits - before == 4U);
  BOOST_TEST(results->take().empty());
  BOOST_REQUIRE(database
                    ->read_now([](storage::Connection& c) -> Result<void> {
                      BOOST_TEST(storage::TlsResultStore(c).of_day(kDay, "").value().size() == 2000U);
                      return {};
                    })
                    .ok());
}

BOOST_AUTO_TEST_CASE(a_policy_that_was_fetched_later_stays) {
  test::TempDatabase database;
  BOOST_REQUIRE(
      database
          ->write_now(
              storage::Durability::kProgress,
              [](storage::Connection& c) -> Result<void> {
                storage::StsStore store(c);
                const WallTime later = kNow + std::chrono::seconds(10);
                const WallTime end = kNow + std::chrono::hours(1);
                ESSAIM_TRY(store.put({"a.test", "2", "new", later, end}));
                ESSAIM_TRY(store.put({"a.test", "1", "old", kNow, end}));
                ESSAIM_TRY(store.put({"b.test", "1", "gone", kNow, kNow}));
                const auto rows = store.fetched_since(kNow, kNow, 10);
                BOOST_REQUIRE(rows.ok());
                BOOST_REQUIRE(rows->size() == 1U);
                BOOST_TEST(rows->at(0).text == "new");
                BOOST_TEST(store.fetched_since(later + std::chrono::seconds(1), kNow, 10).value().empty());
                const std::vector<std::string> expired = store.expired(kNow, 10).value();
                BOOST_TEST(expired == std::vector<std::string>{"b.test"}, boost::test_tools::per_element());
                // Not one that was fetched anew since.
                BOOST_TEST(store.remove_expired({"a.test", "b.test"}, kNow).value() == 1);
                return {};
              })
          .ok());
}

BOOST_AUTO_TEST_SUITE_END()
