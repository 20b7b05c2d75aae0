#include <numeric>
#include <thread>
#include <vector>

#include <boost/test/unit_test.hpp>

#include "core/base/gauges.h"
#include "core/base/timings.h"

using namespace essaim;
using namespace std::chrono_literals;

BOOST_AUTO_TEST_CASE(a_duration_is_in_the_first_class_whose_bound_it_does_not_pass) {
  Histogram histogram;
  for (const Duration took : {Duration(0), Duration(100us), Duration(101us), Duration(10s), Duration(11s)})
    histogram.note(took);
  const auto counts = histogram.counts();
  BOOST_TEST(counts.classes[0] == 2U);
  BOOST_TEST(counts.classes[1] == 1U);
  BOOST_TEST(counts.classes[Histogram::kBounds.size() - 1] == 1U);
  BOOST_TEST(counts.classes.back() == 1U);
  BOOST_TEST(counts.total() == 5U);
  BOOST_TEST((counts.sum == Duration(21s + 201us)));
}

BOOST_AUTO_TEST_CASE(threads_note_into_one_histogram) {
  const std::uint64_t before = counts_of(Timing::kDnsQuestion).total();
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t)
    threads.emplace_back([] {
      for (int i = 0; i < 1'000; ++i) note_time(Timing::kDnsQuestion, 1ms);
    });
  for (auto& thread : threads) thread.join();
  BOOST_TEST(counts_of(Timing::kDnsQuestion).total() == before + 4'000U);
}

BOOST_AUTO_TEST_CASE(an_amount_is_held_as_long_as_its_holder_lives) {
  const std::int64_t before = amount(Gauge::kJournalOctets);
  {
    const Held a(Gauge::kJournalOctets, 5), b(Gauge::kJournalOctets, 7);
    BOOST_TEST(amount(Gauge::kJournalOctets) == before + 12);
  }
  BOOST_TEST(amount(Gauge::kJournalOctets) == before);
}
