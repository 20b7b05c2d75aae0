// What it costs to go round damaged pages, as test_retention_costs.cc counts it.
#include "tests/storage/counted_steps.h"
#include "tests/storage/fixtures.h"
#include "tests/support/damaged_page.h"

using namespace essaim;
using namespace essaim::storage;
using namespace essaim::test;

namespace {

// Of looking at so many posts that wait, a hundred at a time, where nothing can be read of their index.
std::int64_t cost_of(Id posts) {
  const CountedSteps steps;
  TempDatabase database;
  make_list(*database);
  commit(*database, [posts](Connection& c) -> Result<void> {
    for (Id id = 1; id <= posts; ++id) {
      PostRecord one = post(id);
      ESSAIM_TRY(add_expanded(c, &one, "Subject: x\r\n\r\n", "", id, people(1, "a.test")));
    }
    return {};
  });
  damage_root_of(&database, "post_finished");
  CountedSteps::clear();
  must(database->read_now([posts](Connection& c) -> Result<void> {
    Id met = 0;
    for (PostsFound found; met == 0 || found.more;) {
      found = must(PostStore(c).search_waiting({}, true, found.last, 100));
      met += static_cast<Id>(found.ids.size());
    }
    BOOST_TEST(met == posts);
    return {};
  }));
  return CountedSteps::reading();
}

}  // namespace

BOOST_AUTO_TEST_SUITE(walk_costs)

BOOST_AUTO_TEST_CASE(pages_of_a_search_are_not_sought_from_the_beginning_each_time) {
  const std::int64_t some = cost_of(1000), many = cost_of(4000);
  BOOST_TEST_MESSAGE("steps " << some << " " << many);
  BOOST_TEST(some > 0);
  BOOST_TEST(many < some * 5);
}

BOOST_AUTO_TEST_SUITE_END()
