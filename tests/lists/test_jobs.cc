// The jobs of lists that are under way when the server ends, or when their turn goes to another node.
#include "lists/held/job.h"
#include "lists/reports.h"
#include "storage/cluster/job_fence.h"
#include "storage/held_store.h"
#include "storage/sql.h"
#include "tests/lists/site.h"

using namespace essaim;
using namespace essaim::test;
using storage::Connection;

namespace {

// Two posts wait for an editor, two letters for their owners' hosts; all four are to be done something about.
struct MuchToDo : TestSite {
  MuchToDo() {
    make_list("dev", {{"send", "editorkey"}, {"held_expire", "2d"}}, {"ann@x.example"}, {"own@o.example"});
    for (const std::string id : {"1", "2"}) {
      BOOST_REQUIRE(
          send("ann@x.example", {"dev@lists.example"}, a_post("ann@x.example", "<post" + id + "@x>"))
              .positive());
      BOOST_REQUIRE(
          send("x@y.example", {"dev-owner@lists.example"}, a_post("x@y.example", "<letter" + id + "@y>"))
              .positive());
    }
    clock.advance(std::chrono::hours(49));
    lease.hold_for_ever();
    require(database->write_now(storage::Durability::kAccept, [](Connection& c) -> Result<void> {
      const auto row = storage::sql::run(
          c,
          "INSERT INTO job (name, started, finished, succeeded, result, node) VALUES ('j', 7, 0, 0, '', 1)");
      return row.ok() ? Result<void>() : row.error();
    }));
  }
  std::size_t waiting() {
    std::size_t out = 0;
    read([&](Connection& c) {
      auto found = storage::HeldStore(c).search({});
      require(found);
      out = found->size();
    });
    return out;
  }
  std::size_t delayed() {
    const auto all = posts();
    return static_cast<std::size_t>(std::count_if(all.begin(), all.end(), [](const storage::PostRecord& p) {
      return (p.reports & static_cast<int>(storage::Report::kDelayed)) != 0;
    }));
  }

  storage::NodeLease lease{clock};
  std::atomic<bool> stopping = false;
};

struct Ending {
  const char* description;
  void (*ends)(MuchToDo& site);
  ErrorCode code;
};

const Ending kEndings[] = {
    {"the server ends", [](MuchToDo& site) { site.stopping = true; }, ErrorCode::kCancelled},
    {"its lease is over", [](MuchToDo& site) { site.lease.end(); }, ErrorCode::kConflict},
};

// Ends it as soon as the job is in its first transaction that adds a post.
ErrorCode run(MuchToDo& site, const Ending& ending, storage::Job (*make)(const lists::Services*)) {
  site.services.rank = [&] {
    ending.ends(site);
    return std::int64_t{7};
  };
  storage::JobFence fence(*site.database, &site.lease, site.stopping, {"j", 7, 1});
  const auto result = make(&site.services).run(fence);
  BOOST_REQUIRE(!result.ok());
  return result.error().code;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(list_jobs)

BOOST_AUTO_TEST_CASE(held_ends_behind_the_transaction_under_way) {
  for (const Ending& ending : kEndings) {
    BOOST_TEST_CONTEXT(ending.description) {
      MuchToDo site;
      BOOST_TEST(site.waiting() == 2U);
      const int bells = site.bells;
      LogLines log;
      BOOST_TEST((run(site, ending, lists::make_held_job) == ending.code));
      BOOST_TEST(site.waiting() == 1U);
      BOOST_TEST(site.bells == bells + 1);
      BOOST_TEST(!log.has({"held-not-looked-after"}));
    }
  }
}

BOOST_AUTO_TEST_CASE(reports_ends_behind_the_transaction_under_way) {
  for (const Ending& ending : kEndings) {
    BOOST_TEST_CONTEXT(ending.description) {
      MuchToDo site;
      BOOST_TEST(site.delayed() == 0U);
      const int bells = site.bells;
      LogLines log;
      BOOST_TEST((run(site, ending, lists::make_reports_job) == ending.code));
      BOOST_TEST(site.delayed() == 1U);
      BOOST_TEST(site.bells == bells + 1);
      BOOST_TEST(!log.has({"not-reported"}));
    }
  }
}

BOOST_AUTO_TEST_SUITE_END()
