#include <cmath>
#include <string>
#include <vector>

#include <boost/test/unit_test.hpp>

#include "core/base/log.h"
#include "smtpd/guard/pressure.h"

using namespace essaim;
using namespace essaim::smtpd::guard;
using std::chrono::milliseconds;

BOOST_AUTO_TEST_SUITE(pressure)

BOOST_AUTO_TEST_CASE(the_level_follows_the_highest_share_with_a_hysteresis) {
  std::vector<std::string> logged;
  log::Capture capture([&](log::Level, std::string_view line) { logged.emplace_back(line); });
  ManualClock clock;
  PressureGauge gauge(clock, nullptr, nullptr);
  const PressureLimits limits{0.8, 0.7, 0.95};
  const std::pair<double, Level> rows[] = {
      {0.5, Level::kCalm},  {0.79, Level::kCalm}, {0.80, Level::kStress}, {0.75, Level::kStress},
      {0.95, Level::kFull}, {1.0, Level::kFull},  {0.9, Level::kStress},  {0.70, Level::kStress},
      {0.69, Level::kCalm}, {0.75, Level::kCalm}, {0.96, Level::kFull},   {0.1, Level::kCalm},
  };
  for (const auto& [share, level] : rows) {
    BOOST_TEST((gauge.update(Pressure{0.1, share, 0.05}, limits) == level), share);
    BOOST_TEST((gauge.level() == level));
  }
  BOOST_REQUIRE(logged.size() == 6U);
  BOOST_TEST(logged[0].find("is=stress") != std::string::npos);
  BOOST_TEST(logged[0].find("memory_percent=80") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(memory_and_descriptors_are_measured_the_latter_once_a_second) {
  ManualClock clock;
  smtp::MemoryBudget memory(1'000);
  int asked = 0;
  double share = 0.25;
  PressureGauge gauge(clock, &memory, [&] {
    ++asked;
    return share;
  });
  BOOST_TEST(memory.take(500));
  for (int i = 0; i < 10; ++i) {
    const Pressure measured = gauge.measure(0.1);
    BOOST_TEST(measured.memory == 0.5);
    BOOST_TEST(measured.descriptors == 0.25);
    BOOST_TEST(measured.highest() == 0.5);
  }
  BOOST_TEST(asked == 1);
  share = 0.75;
  clock.advance(milliseconds(999));
  BOOST_TEST(gauge.measure(0).descriptors == 0.25);
  clock.advance(milliseconds(1));
  BOOST_TEST(gauge.measure(0).descriptors == 0.75);
  BOOST_TEST(asked == 2);
}

BOOST_AUTO_TEST_CASE(the_fullest_disk_is_told) {
  const double root = free_octets({"/"});
  BOOST_TEST(root > 0);
  BOOST_TEST(free_octets({"/", "/proc"}) <= root);  // a file system without room
  BOOST_TEST(std::isinf(free_octets({"/no/such/place"})));
}

BOOST_AUTO_TEST_CASE(descriptors_of_the_process_are_a_share) {
  const double share = descriptors_in_use();
  BOOST_TEST(share > 0.0);
  BOOST_TEST(share < 0.9);
}

BOOST_AUTO_TEST_SUITE_END()
