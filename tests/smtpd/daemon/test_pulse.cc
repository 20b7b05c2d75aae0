#include <future>
#include <thread>

#include <boost/test/unit_test.hpp>

#include "core/net/event_loop.h"
#include "smtpd/daemon/pulse.h"

using namespace essaim;
using namespace std::chrono_literals;
using smtpd::Pulse;

namespace {

struct RunningLoop {
  explicit RunningLoop(const std::string& name) : loop(name), thread([this] { loop.run(); }) {}
  ~RunningLoop() {
    loop.stop();
    thread.join();
  }
  Pulse pulse() {
    return {loop.name(), [this](std::function<void()> answered) { loop.post(std::move(answered)); }};
  }
  net::EventLoop loop;
  std::thread thread;
};

}  // namespace

BOOST_AUTO_TEST_CASE(a_loop_that_is_blocked_is_named_and_the_others_are_not) {
  RunningLoop good("good"), bad("bad");
  BOOST_TEST(smtpd::silent_ones({good.pulse(), bad.pulse()}, 2min).empty());
  std::promise<void> release, blocked;
  bad.loop.post([&] {
    blocked.set_value();
    release.get_future().wait();
  });
  blocked.get_future().wait();
  const auto silent = smtpd::silent_ones({good.pulse(), bad.pulse()}, 2s);
  BOOST_REQUIRE(silent.size() == 1U);
  BOOST_TEST(silent[0] == "bad");
  release.set_value();
  BOOST_TEST(smtpd::silent_ones({good.pulse(), bad.pulse()}, 2min).empty());
}

BOOST_AUTO_TEST_CASE(an_answer_that_comes_twice_or_too_late_harms_nobody) {
  std::function<void()> late;
  const Pulse silent{"silent", [&](std::function<void()> answered) { late = std::move(answered); }};
  const Pulse eager{"eager", [](const std::function<void()>& answered) {
                      answered();
                      answered();
                    }};
  const auto names = smtpd::silent_ones({eager, silent}, 10ms);
  BOOST_REQUIRE(names.size() == 1U);
  BOOST_TEST(names[0] == "silent");
  late();
}

BOOST_AUTO_TEST_CASE(a_thread_moves_as_long_as_it_begins_something_now_and_then) {
  smtpd::Movement movement(120s);
  const MonoTime start = MonoTime{} + 1h;
  std::uint64_t begun = 7;
  BOOST_TEST(movement.goes_on(begun, start));
  // An attempt that waits for three hosts takes half a minute and longer.
  for (int i = 1; i < 20; ++i) BOOST_TEST(movement.goes_on(begun += i % 3 == 0 ? 1 : 0, start + i * 30s));
  const MonoTime last = start + 18 * 30s;
  BOOST_TEST(movement.goes_on(begun, last + 119s));
  BOOST_TEST(!movement.goes_on(begun, last + 120s));
  BOOST_TEST(!movement.goes_on(begun, last + 1h));
  BOOST_TEST(movement.goes_on(begun + 1, last + 2h));
}
