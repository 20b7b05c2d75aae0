// All at once from several threads: the counts are right afterwards (and the thread sanitizer is content).
#include <thread>
#include <vector>

#include <boost/test/unit_test.hpp>

#include "smtpd/guard/guard.h"

using namespace essaim;
using namespace essaim::smtpd::guard;

BOOST_AUTO_TEST_SUITE(threads)

BOOST_AUTO_TEST_CASE(the_guard_serves_several_loops) {
  GuardSettings settings;
  settings.max_connections = 50;
  settings.max_idle_entries = 200;
  smtp::MemoryBudget memory(1'000);
  Guard guard(settings, "mx.test", system_clock(), &memory);
  std::atomic<int> beyond{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < 3'000; ++i) {
        const std::string ip = "10." + std::to_string(t) + "." + std::to_string(i % 200) + ".1";
        const bool entered = guard.try_connect(ip).allowed();
        if (guard.connections() > 50) ++beyond;
        guard.on_mail(ip);
        guard.on_rcpt(ip);
        guard.on_error(ip);
        if (i % 500 == 0) guard.set_settings(settings);
        if (entered) guard.disconnected(ip);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  BOOST_TEST(beyond == 0);
  BOOST_TEST(guard.connections() == 0U);
  BOOST_TEST(guard.entries() <= 200U);
}

BOOST_AUTO_TEST_SUITE_END()
