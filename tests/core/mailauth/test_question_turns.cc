#include <boost/test/unit_test.hpp>

#include "core/mailauth/question_turns.h"
#include "tests/support/run_until.h"

using namespace essaim;
using mailauth::QuestionTurns;

BOOST_AUTO_TEST_SUITE(question_turns)

BOOST_AUTO_TEST_CASE(one_has_a_part_of_the_places_and_all_have_their_turn) {
  net::EventLoop loop("test");
  QuestionTurns turns(loop, 3, 2);
  std::string begun;
  std::map<std::string, std::unique_ptr<QuestionTurns::Turn>> held;
  const auto ask = [&](const std::string& name) {
    held[name] = turns.take(name.substr(0, 1), [&begun, name] { begun += name + " "; });
  };
  for (const char* name : {"a1", "a2", "a3", "a4"}) ask(name);
  BOOST_TEST(begun == "a1 a2 ");
  for (const char* name : {"b1", "b2", "c1"}) ask(name);
  BOOST_TEST(begun == "a1 a2 b1 ");
  BOOST_TEST(turns.under_way() == 3);
  const auto until = [&](const std::string& expected) {
    const bool came = test::run_until(loop, [&] {
      loop.post([] {});
      return begun == expected;
    });
    BOOST_TEST(came, begun);
  };
  held.erase("a1");
  BOOST_TEST(begun == "a1 a2 b1 ");  // from the loop only
  until("a1 a2 b1 a3 ");
  held.erase("b2");  // it is given up while it waits
  held.erase("b1");
  until("a1 a2 b1 a3 c1 ");
  held.erase("a2");
  until("a1 a2 b1 a3 c1 a4 ");
  held.clear();
  BOOST_TEST(turns.under_way() == 0);
}

BOOST_AUTO_TEST_SUITE_END()
