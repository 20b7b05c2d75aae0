#include <future>
#include <set>
#include <thread>

#include <boost/test/unit_test.hpp>

#include "core/base/gathered_wakes.h"
#include "core/net/event_loop.h"
#include "tests/support/run_until.h"

using namespace essaim;
using namespace essaim::net;
using essaim::test::run_for;
using essaim::test::run_until;
using std::chrono::milliseconds;

BOOST_AUTO_TEST_SUITE(event_loop)

BOOST_AUTO_TEST_CASE(tasks_run_in_order_and_those_posted_meanwhile_in_the_next_turn) {
  EventLoop loop("test");
  std::vector<std::string> order;
  loop.post([&] {
    order.push_back("a" + std::to_string(loop.turns()));
    loop.post([&] { order.push_back("c" + std::to_string(loop.turns())); });
  });
  loop.post([&] { order.push_back("b" + std::to_string(loop.turns())); });
  loop.run_turn();
  loop.run_turn();
  BOOST_TEST((order == std::vector<std::string>{"a0", "b0", "c1"}));
}

BOOST_AUTO_TEST_CASE(doomed_objects_hear_of_it_at_once_and_die_at_the_end_of_the_turn) {
  struct Thing : Disposable {
    explicit Thing(std::vector<std::string>& l) : log(l) {}
    ~Thing() override { log.push_back("dead"); }
    void on_doomed() override { log.push_back("doomed"); }
    std::vector<std::string>& log;
  };
  std::vector<std::string> log;
  EventLoop loop("test");
  loop.post([&] {
    loop.destroy_later(std::make_unique<Thing>(log));
    log.push_back("after");
  });
  loop.post([&] { log.push_back("next task"); });
  loop.run_turn();
  BOOST_TEST((log == std::vector<std::string>{"doomed", "after", "next task", "dead"}));
}

BOOST_AUTO_TEST_CASE(a_hook_asked_for_within_a_hook_runs_in_the_next_turn_and_a_dead_one_never) {
  struct Hook : TurnEnd {
    explicit Hook(std::function<void()> f) : act(std::move(f)) {}
    void on_turn_end() override { act(); }
    std::function<void()> act;
  };
  EventLoop loop("test");
  int first = 0;
  std::unique_ptr<Hook> second;
  Hook hook([&] {
    ++first;
    second.reset();  // waits behind this one
    loop.at_turn_end(&hook);
  });
  second = std::make_unique<Hook>([] { BOOST_ERROR("a dead hook ran"); });
  loop.at_turn_end(&hook);
  loop.at_turn_end(&hook);
  loop.at_turn_end(second.get());
  loop.run_turn();
  BOOST_TEST(first == 1);
  loop.run_turn();
  BOOST_TEST(first == 2);
}

BOOST_AUTO_TEST_CASE(posts_from_many_threads_all_arrive_once) {
  constexpr int kThreads = 4;
  constexpr int kEach = 20'000;
  EventLoop loop("test");
  int sum = 0;
  std::vector<int> last(kThreads, -1);
  bool in_order = true;
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < kEach; ++i) {
        loop.post([&, t, i] {
          in_order = in_order && last[static_cast<std::size_t>(t)] < i && loop.in_loop_thread();
          last[static_cast<std::size_t>(t)] = i;
          if (++sum == kThreads * kEach) loop.stop();
        });
      }
    });
  }
  loop.run();
  for (std::thread& thread : threads) thread.join();
  BOOST_TEST(sum == kThreads * kEach);
  BOOST_TEST(in_order);
}

BOOST_AUTO_TEST_CASE(what_a_thread_posts_while_it_gathers_wakes_the_loop_once) {
  EventLoop loop("test");
  std::thread thread([&loop] { loop.run(); });
  std::promise<void> asleep, done;
  loop.post([&asleep] { asleep.set_value(); });
  asleep.get_future().wait();
  std::this_thread::sleep_for(milliseconds(20));
  std::set<std::uint64_t> turns;
  {
    const GatheredWakes wakes;
    for (int i = 0; i < 10; ++i) {
      loop.post([&] { turns.insert(loop.turns()); });
      // Long enough for a loop that was woken to have run the one and to sleep again.
      std::this_thread::sleep_for(milliseconds(20));
    }
    loop.post([&done] { done.set_value(); });
  }
  done.get_future().wait();
  loop.stop();
  thread.join();
  BOOST_TEST(turns.size() <= 2U);  // one, unless it fell asleep late
}

BOOST_AUTO_TEST_CASE(what_is_posted_after_stop_is_destroyed_unrun) {
  auto held = std::make_shared<int>(0);
  EventLoop loop("test");
  bool before = false;
  loop.post([&] { before = true; });
  loop.stop();
  loop.post([held] { BOOST_ERROR("ran after stop"); });
  BOOST_TEST(held.use_count() == 1);
  loop.run();
  BOOST_TEST(before);
}

BOOST_AUTO_TEST_CASE(a_task_that_waits_when_the_loop_dies_is_destroyed) {
  auto held = std::make_shared<int>(0);
  {
    EventLoop loop("test");
    loop.post([held] { BOOST_ERROR("ran"); });
    BOOST_TEST(held.use_count() == 2);
  }
  BOOST_TEST(held.use_count() == 1);
}

BOOST_AUTO_TEST_CASE(timers_fire_once_in_the_order_of_their_times) {
  EventLoop loop("test");
  std::string order;
  Timer c(loop, [&] { order += 'c'; });
  Timer a(loop, [&] { order += 'a'; });
  Timer b(loop, [&] { order += 'b'; });
  c.start(milliseconds(60));
  a.start(milliseconds(10));
  b.start(milliseconds(35));
  BOOST_TEST(a.active());
  BOOST_TEST(run_until(loop, [&] { return order.size() == 3; }));
  run_for(loop, milliseconds(30));
  BOOST_TEST(order == "abc");
  BOOST_TEST(!a.active());
}

BOOST_AUTO_TEST_CASE(a_timer_moves_both_ways_and_is_cancelled) {
  EventLoop loop("test");
  const MonoTime begin = loop.now();
  MonoTime later_at{};
  MonoTime sooner_at{};
  Timer later(loop, [&] { later_at = loop.now(); });
  Timer sooner(loop, [&] { sooner_at = loop.now(); });
  Timer cancelled(loop, [] { BOOST_ERROR("a cancelled timer fired"); });
  Timer again(loop, [&] {});
  later.start(milliseconds(10));
  later.start(milliseconds(120));
  sooner.start(std::chrono::hours(1));
  sooner.start(milliseconds(20));
  cancelled.start(milliseconds(5));
  cancelled.cancel();
  BOOST_TEST(!cancelled.active());
  {
    Timer dead(loop, [] { BOOST_ERROR("a dead timer fired"); });
    dead.start(milliseconds(1));
  }
  again.start(milliseconds(5));
  again.cancel();
  again.start(milliseconds(30));
  BOOST_TEST(
      run_until(loop, [&] { return later_at != MonoTime{} && sooner_at != MonoTime{} && !again.active(); }));
  BOOST_TEST(((later_at - begin) >= milliseconds(120)));
  BOOST_TEST(((sooner_at - begin) >= milliseconds(20)));
  BOOST_TEST((sooner_at <= later_at));
}

BOOST_AUTO_TEST_CASE(a_timer_may_be_destroyed_by_its_own_callback) {
  EventLoop loop("test");
  bool fired = false;
  std::unique_ptr<Timer> timer;
  const std::string captured(100, 'x');
  timer = std::make_unique<Timer>(loop, [&, captured] {
    timer.reset();
    fired = captured.size() == 100;
  });
  timer->start(Duration::zero());
  BOOST_TEST(run_until(loop, [&] { return fired; }));
}

BOOST_AUTO_TEST_SUITE_END()
