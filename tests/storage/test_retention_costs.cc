// What the retention job costs whoever writes beside it: counted in steps of SQLite's machine, which no other load changes.
#include "storage/retention.h"
#include "tests/storage/counted_steps.h"
#include "tests/storage/fixtures.h"

using namespace essaim;
using namespace essaim::storage;
using namespace essaim::test;

namespace {

struct Cost {
  std::int64_t writing = 0, reading = 0;
};

// Of a run that settles 100 posts behind so many that wait for a destination.
Cost cost_behind(int waiting) {
  const CountedSteps steps;
  TempDatabase database;
  make_list(*database);
  commit(*database, [waiting](Connection& c) -> Result<void> {
    for (Id id = 1; id <= waiting + 100; ++id) {
      PostRecord one = post(id);
      ESSAIM_TRY(add_expanded(c, &one, "Subject: x\r\n\r\n", "", id, people(1, "a.test")));
    }
    must(c.execute("UPDATE batch_state SET queue = 0, pending = 0, delivered = 1 WHERE post_id > " +
                   std::to_string(waiting)));
    return {};
  });
  ManualClock clock;
  clock.set_wall(kNow);
  const Job job = make_retention_job(clock, {});
  CountedSteps::clear();
  must(job.run(*database));
  must(database->read_now([](Connection& c) -> Result<void> {
    BOOST_TEST(must(PostStore(c).find(1)).has_value());
    return {};
  }));
  return {CountedSteps::writing(), CountedSteps::reading()};
}

}  // namespace

BOOST_AUTO_TEST_SUITE(retention_costs)

BOOST_AUTO_TEST_CASE(what_waits_costs_the_writer_nothing_and_is_looked_at_once) {
  const Cost alone = cost_behind(0), behind_many = cost_behind(4000);
  BOOST_TEST_MESSAGE("writing " << alone.writing << " " << behind_many.writing << ", reading "
                                << alone.reading << " " << behind_many.reading);
  BOOST_TEST(alone.writing > 0);
  BOOST_TEST(behind_many.writing < alone.writing * 11 / 10);
  BOOST_TEST(behind_many.reading < 4000 * 100);
}

BOOST_AUTO_TEST_SUITE_END()
