#include <string>
#include <thread>
#include <vector>

#include <boost/test/unit_test.hpp>

#include "core/base/counters.h"

using namespace essaim;

namespace {
std::uint64_t sum(Counter counter) {
  return counter_sums()[static_cast<std::size_t>(counter)];
}
}  // namespace

BOOST_AUTO_TEST_CASE(threads_count_apart_and_are_summed_up_also_when_they_have_ended) {
  const std::uint64_t before = sum(Counter::kDelivered), other = sum(Counter::kFailed);
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t)
    threads.emplace_back([] {
      for (int i = 0; i < 10'000; ++i) count(Counter::kDelivered, 2);
    });
  for (auto& thread : threads) thread.join();
  BOOST_TEST(sum(Counter::kDelivered) == before + 80'000U);
  BOOST_TEST(sum(Counter::kFailed) == other);
}

BOOST_AUTO_TEST_CASE(every_counter_has_a_name_of_its_own) {
  std::vector<std::string> names;
  for (std::size_t i = 0; i < kCounters; ++i) names.emplace_back(to_string(static_cast<Counter>(i)));
  for (std::size_t i = 0; i < kCounters; ++i) {
    BOOST_TEST(names[i] != "?");
    for (std::size_t k = 0; k < i; ++k) BOOST_TEST(names[i] != names[k]);
  }
}
