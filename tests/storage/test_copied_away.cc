// A database whose place another one takes, from the moment on at which it is copied. On both engines.
#include <atomic>
#include <thread>

#include "storage/copied_away.h"
#include "storage/fault.h"
#include "storage/schema.h"
#include "storage/sql.h"
#include "tests/storage/fixtures.h"
#include "tests/storage/other_file.h"

using namespace essaim;
using namespace essaim::storage;
using namespace essaim::test;
using namespace std::chrono_literals;

namespace {

NodeStore::Identity begin(Database& database, const std::string& hostname, Duration lease = 600ms) {
  NodeStore::Identity node;
  commit(database, [&](Connection& c) -> Result<void> {
    node = must(NodeStore(c).begin_epoch(hostname, kNow, lease, "1"));
    return {};
  });
  return node;
}

bool may_serve(Database& database) {
  return require_newest(database).ok() && require_not_copied_away(database).ok();
}

bool holds_nothing(Database& database) {
  bool nothing = true;
  must(database.read_now([&](Connection& c) -> Result<void> {
    nothing = must(DirectoryStore(c).domains()).empty();
    return {};
  }));
  return nothing;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(copied_away_database)

BOOST_AUTO_TEST_CASE(no_server_starts_on_the_source_until_it_is_reopened) {
  TempDatabase from;
  make_list(*from);
  must(require_not_copied_away(*from));
  File to;
  static_cast<void>(must(copy_away(*from, *to.database, system_clock())));
  const auto refused = require_not_copied_away(*from);
  BOOST_TEST((code_of(refused) == ErrorCode::kConflict));
  BOOST_TEST(refused.error().message.find("was copied to another database at 20") != std::string::npos,
             refused.error().message);
  BOOST_TEST(refused.error().message.find("essaim storage reopen") != std::string::npos);
  BOOST_TEST(may_serve(*to.database));

  // A backup is brought back as often as one likes.
  File other;
  static_cast<void>(must(copy_away(*from, *other.database, system_clock())));
  BOOST_TEST(may_serve(*other.database));
  BOOST_TEST(!may_serve(*from));
  // A copy that is refused changes nothing about it.
  BOOST_TEST(!copy_away(*from, *other.database, system_clock()).ok());
  BOOST_TEST(must(copied_away(*from))->finished);

  BOOST_TEST(must(reopen(*from)));
  BOOST_TEST(!must(reopen(*from)));
  BOOST_TEST(may_serve(*from));
}

BOOST_AUTO_TEST_CASE(wherever_a_copy_fails_never_both_may_serve) {
  const Unarm unarm;
  int again = 0;
  for (const auto where : {FaultPlan::Where::kBeforeCommit, FaultPlan::Where::kAfterCommit}) {
    for (std::uint64_t k = 1; k < 500; ++k) {
      TempDatabase from;
      make_list(*from);
      File to;
      must(migrate(*to.database));
      FaultPlan::arm({where, k, 1});
      const auto copied = copy_away(*from, *to.database, system_clock());
      FaultPlan::disarm();
      if (copied.ok()) break;
      BOOST_TEST((holds_nothing(*to.database) || !may_serve(*from) || !may_serve(*to.database)),
                 "commit " << k << " fails: " << copied.error().message);
      if (!may_serve(*from)) continue;
      ++again;
      static_cast<void>(must(copy_away(*from, *to.database, system_clock())));
    }
  }
  BOOST_TEST(again > 3);
}

BOOST_AUTO_TEST_CASE(while_a_node_beats_nothing_is_copied) {
  if (TempDatabase::is_sqlite()) return;
  TempDatabase from;
  make_list(*from);
  const auto node = begin(*from, "a.test", 5s);
  File to;  // before there are two threads: checks are for one
  std::atomic<bool> stop{false};
  std::thread beats([&] {
    while (!stop.load()) {
      commit(*from, [&](Connection& c) -> Result<void> {
        BOOST_TEST(must(NodeStore(c).beat(node)));
        return {};
      });
      std::this_thread::sleep_for(100ms);
    }
  });
  const auto refused = copy_away(*from, *to.database, system_clock());
  stop.store(true);
  beats.join();
  BOOST_REQUIRE(!refused.ok());
  BOOST_TEST((refused.error().code == ErrorCode::kConflict));
  BOOST_TEST(refused.error().message.find("node a.test works on this database") != std::string::npos);
  BOOST_TEST(may_serve(*from));
}

BOOST_AUTO_TEST_CASE(a_node_that_is_silent_for_its_lease_holds_nothing_up_and_is_fenced) {
  if (TempDatabase::is_sqlite()) return;
  TempDatabase from;
  make_list(*from);
  const auto silent = begin(*from, "a.test"), ended = begin(*from, "b.test");
  commit(*from, [&](Connection& c) -> Result<void> {
    BOOST_TEST(must(NodeStore(c).end_epoch(ended)));
    return {};
  });
  File to;
  int waited = 0;
  static_cast<void>(must(copy_away(*from, *to.database, system_clock(), {}, [&](const NodeSight& node) {
    ++waited;
    BOOST_TEST(node.hostname == "a.test");
  })));
  BOOST_TEST(waited == 1);
  BOOST_TEST(!may_serve(*from));
  // It wakes up, and its work is over.
  commit(*from, [&](Connection& c) -> Result<void> {
    BOOST_TEST(!must(NodeStore(c).beat(silent)));
    return {};
  });
}

BOOST_AUTO_TEST_SUITE_END()
