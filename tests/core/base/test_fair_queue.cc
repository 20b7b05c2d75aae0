#include <boost/test/unit_test.hpp>

#include "core/base/fair_queue.h"

using namespace essaim;

namespace {

std::string taken(FairQueue<int>& queue, const std::string& not_of = "") {
  std::string out;
  while (const auto* line = queue.next([&](const std::string& who) { return who != not_of; })) {
    const std::string who = line->who;
    out += who + std::to_string(queue.take(who)) + " ";
  }
  return out;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(fair_queue)

BOOST_AUTO_TEST_CASE(gives_each_a_turn_before_anybody_gets_a_second) {
  FairQueue<int> queue;
  BOOST_TEST(taken(queue) == "");
  for (int i = 1; i <= 3; ++i) queue.push("a", i);
  queue.push("b", 1);
  queue.push("c", 1);
  queue.push("c", 2);
  BOOST_TEST(queue.size() == 6);
  BOOST_TEST(taken(queue) == "a1 b1 c1 a2 c2 a3 ");
  BOOST_TEST(queue.empty());
}

BOOST_AUTO_TEST_CASE(passes_over_those_who_may_not) {
  FairQueue<int> queue;
  for (const char* who : {"a", "b", "a"}) queue.push(who, static_cast<int>(queue.size()) + 1);
  BOOST_TEST(taken(queue, "a") == "b2 ");
  BOOST_TEST(queue.size() == 2);
  BOOST_TEST(taken(queue) == "a1 a3 ");
}

BOOST_AUTO_TEST_CASE(lets_go_of_what_is_not_wanted) {
  FairQueue<int> queue;
  for (int i = 1; i <= 4; ++i) queue.push("a", i);
  queue.push("b", 5);
  const auto odd = [](int i) { return i % 2 == 1; };
  BOOST_TEST(queue.remove_if("a", odd) == (std::vector<int>{1, 3}), boost::test_tools::per_element());
  BOOST_TEST(queue.remove_if("b", odd) == (std::vector<int>{5}), boost::test_tools::per_element());
  BOOST_TEST(queue.remove_if("c", odd).empty());
  BOOST_TEST(queue.size() == 2);
  BOOST_TEST(queue.take_all() == (std::vector<int>{2, 4}), boost::test_tools::per_element());
  BOOST_TEST(queue.empty());
  queue.push("a", 7);
  BOOST_TEST(taken(queue) == "a7 ");
}

BOOST_AUTO_TEST_SUITE_END()
