// Whether work grows as its input does, by what it takes of the processor: no matter how fast that is, or who else works on it.
#pragma once

#include <algorithm>
#include <cstddef>
#include <limits>

#include <boost/test/unit_test.hpp>
#include <time.h>

namespace essaim::test {

// Of the whole process, its other threads included, in seconds.
template <typename Work>
double processor_seconds(const Work& work) {
  const auto now = [] {
    timespec time{};
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) * 1e-9;
  };
  const double begin = now();
  work();
  return now() - begin;
}

// `treat(make(n))` takes about 32 times as long as `treat(make(n / 32))` where work is linear, 1024 times where it is quadratic. What
// is in the middle is the limit: neither caches nor the odd interruption make a factor of five. The smallest of a few runs
// counts: no run takes less than its work. Below 20 ms memory that is new weighs more than work; `n` is so large that its
// square takes longer.
template <typename Make, typename Treat>
void check_linear(const char* what, std::size_t n, const Make& make, const Treat& treat) {
  constexpr std::size_t kTimes = 32;
  constexpr double kLimit = 181;  // the square root of 32 * 1024
  constexpr double kNothing = 0.02;
  const auto small = make(n / kTimes), large = make(n);
  double of_small = std::numeric_limits<double>::max(), of_large = of_small;
  for (int i = 0; i < 3; ++i) of_small = std::min(of_small, processor_seconds([&] { treat(small); }));
  const double limit = std::max(kLimit * of_small, kNothing);
  for (int i = 0; i < 3 && of_large > limit; ++i)
    of_large = std::min(of_large, processor_seconds([&] { treat(large); }));
  BOOST_TEST_MESSAGE(what << ": " << of_large << " s, " << of_large / of_small << " times what a 32nd takes");
  BOOST_TEST(of_large <= limit, what << " takes " << of_large << " s, and a 32nd of it " << of_small << " s");
}

}  // namespace essaim::test
