// The text of a post goes before its time, and the ledger stays.
#include <string>
#include <vector>

#include "smtpd/operate/post_text.h"
#include "storage/batch_store.h"
#include "storage/digest_store.h"
#include "storage/post_store.h"
#include "storage/report_store.h"
#include "storage/sql.h"
#include "tests/storage/fixtures.h"

using namespace essaim;
using namespace essaim::smtpd::operate;
using namespace essaim::storage;
using namespace essaim::test;

BOOST_AUTO_TEST_SUITE(post_text)

namespace {

// Posts 1 and 2 of two recipients each: one was delivered, the other has failed in post 1 and waits in post 2.
struct Site {
  Site() {
    make_list(*database);
    for (const Id id : {1, 2}) {
      make_post(*database, post(id), people(2, "a.test"));
      auto batch = claim(*database, {1, 7}, 1).at(0);
      settle(&batch, 0, RecipientState::kDelivered);
      settle(&batch, 1, id == 1 ? RecipientState::kFailed : RecipientState::kDeferred);
      batch.queue = id == 1 ? BatchQueue::kFinished : BatchQueue::kWaiting;
      batch.due = kNow + std::chrono::hours(10);
      commit(*database, [&](Connection& c) { return BatchStore(c).save({1, 7}, batch); });
    }
  }
  bool has_text(Id id) {
    ErrorCode code{};
    bool there = false;
    must(database->read_now([&](Connection& c) -> Result<void> {
      const auto text = PostStore(c).rendering(id);
      there = text.ok();
      if (!there) code = text.error().code;
      return {};
    }));
    BOOST_TEST((there || code == ErrorCode::kNotFound));
    return there;
  }
  TextRemoval remove(const std::vector<Id>& ids, bool dry_run = false) {
    return must(remove_post_text(*database, ids, dry_run));
  }

  TempDatabase database;
};

}  // namespace

BOOST_FIXTURE_TEST_CASE(a_text_that_nobody_waits_for_goes_and_the_ledger_stays, Site) {
  BOOST_TEST((remove({1}, true).removed == std::vector<Id>{1}));
  BOOST_TEST(has_text(1));
  const TextRemoval done = remove({1, 2, 99});
  BOOST_TEST((done.removed == std::vector<Id>{1}));
  BOOST_TEST((done.unknown == std::vector<Id>{99}));
  BOOST_REQUIRE(done.refused.size() == 1U);
  BOOST_TEST(done.refused[0].starts_with("post " + format_id(2) + ": 1 of its recipients still wait"),
             done.refused[0]);
  BOOST_TEST(!has_text(1));
  BOOST_TEST(has_text(2));
  must(database->read_now([&](Connection& c) -> Result<void> {
    const LedgerCounts counts = must(PostStore(c).counts(1));
    BOOST_TEST(counts.delivered == 1);
    BOOST_TEST(counts.failed == 1);
    return {};
  }));
  BOOST_TEST((remove({1}).gone == std::vector<Id>{1}));
}

BOOST_FIXTURE_TEST_CASE(a_text_that_waits_for_a_digest_goes_out_of_it, Site) {
  const auto waits = [this] {
    bool out = false;
    must(database->read_now([&](Connection& c) -> Result<void> {
      out = must(DigestStore(c).waits(1));
      return {};
    }));
    return out;
  };
  // While it would be kept for those who have not got it as well; and when it is settled.
  for (const bool settled : {false, true}) {
    BOOST_TEST_CONTEXT("settled " << settled) {
      if (settled) commit(*database, [](Connection& c) { return PostStore(c).add(post(9), "again"); });
      const Id id = settled ? 9 : 1;
      commit(*database, [&](Connection& c) -> Result<void> {
        ESSAIM_TRY(DigestStore(c).add_post(kList, id, kNow));
        if (!settled) return {};
        ESSAIM_TRY(sql::run(c, "UPDATE post SET expanded = 1 WHERE id = 9"));
        const auto done = PostStore(c).settle({&id, 1}, WallTime::max());
        return done.ok() ? Result<void>() : done.error();
      });
      BOOST_TEST(has_text(id));
      BOOST_TEST((remove({id}, true).removed == std::vector<Id>{id}));
      BOOST_TEST(has_text(id));
      BOOST_TEST((remove({id}).removed == std::vector<Id>{id}));
      BOOST_TEST(!has_text(id));
      BOOST_TEST(!waits());
      BOOST_TEST((remove({id}).gone == std::vector<Id>{id}));
    }
  }
}

BOOST_FIXTURE_TEST_CASE(a_report_that_is_to_be_made_comes_first, Site) {
  commit(*database, [](Connection& c) { return ReportStore(c).look_at(1, kNow); });
  const TextRemoval waits = remove({1});
  BOOST_REQUIRE(waits.refused.size() == 1U);
  BOOST_TEST(waits.refused[0].find("essaim job run reports") != std::string::npos, waits.refused[0]);
  BOOST_TEST(has_text(1));
  commit(*database, [](Connection& c) { return ReportStore(c).settle({1, kNow}); });
  BOOST_TEST((remove({1}).removed == std::vector<Id>{1}));
  BOOST_TEST(!has_text(1));
}

BOOST_FIXTURE_TEST_CASE(a_long_text_goes_piece_by_piece, Site) {
  commit(*database,
         [](Connection& c) { return PostStore(c).add(post(3), std::string(20 * PostStore::kPiece, 'x')); });
  commit(*database, [](Connection& c) -> Result<void> {
    must(sql::run(c, "UPDATE post SET expanded = 1 WHERE id = 3"));
    return {};
  });
  BOOST_TEST((remove({3}).removed == std::vector<Id>{3}));
  std::int64_t pieces = -1;
  must(database->read_now([&](Connection& c) -> Result<void> {
    pieces = must(sql::number(c, 0, "SELECT COUNT(*) FROM rendering WHERE post_id = 3"));
    return {};
  }));
  BOOST_TEST(pieces == 0);
}

BOOST_AUTO_TEST_SUITE_END()
