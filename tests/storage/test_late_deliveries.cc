// Deliveries that are told when their batch has another owner, or none. On both engines.
#include "core/base/counters.h"
#include "storage/cluster/node_watch.h"
#include "storage/journal.h"
#include "storage/late_store.h"
#include "storage/sql.h"
#include "tests/storage/fixtures.h"
#include "tests/storage/nodes.h"

using namespace essaim;
using namespace essaim::storage;
using namespace essaim::test;
using namespace std::chrono_literals;

BOOST_AUTO_TEST_SUITE(late_deliveries)

BOOST_AUTO_TEST_CASE(what_was_delivered_late_wins_and_what_was_delivered_twice_is_counted) {
  TempDatabase database;
  make_post(*database, post(1), people(6, "a.test"));
  BatchRecord ours = claim(*database, {1, 1}, 1).at(0);
  BatchProgress theirs;
  theirs.recipients.resize(6);
  theirs.hosts.push_back("mx.a.test");
  theirs.replies.push_back("250 ok");
  for (std::size_t i : {0U, 1U, 2U}) theirs.recipients[i] = {RecipientState::kDelivered, 1, 5, 1, 1};
  theirs.recipients[3].state = RecipientState::kFailed;
  for (int again = 0; again < 2; ++again)
    commit(*database, [&](Connection& c) { return LateStore(c).keep({2, 9}, 1, 0, theirs); });
  ours.progress.recipients.resize(6);
  settle(&ours, 0, RecipientState::kDelivered, 30);
  settle(&ours, 1, RecipientState::kFailed, 30);
  const CounterSums before = counter_sums();
  commit(*database, [&](Connection& c) -> Result<void> {
    BOOST_TEST(must(LateStore(c).any()));
    BOOST_TEST(must(LateStore(c).merge_into(&ours)));
    ESSAIM_TRY(BatchStore(c).save({1, 1}, ours));
    BOOST_TEST(!must(LateStore(c).any()));
    BOOST_TEST(must(sql::number(c, -1, "SELECT duplicates FROM batch_state")) == 1);
    BOOST_TEST(must(PostStore(c).counts(1)).duplicates == 1);
    return {};
  });
  const auto index = static_cast<std::size_t>(Counter::kSentTwice);
  BOOST_TEST(counter_sums().at(index) == before.at(index) + 1);
  const BatchRecord stored = load(*database, 1);
  BOOST_TEST(stored.delivered == 3);
  BOOST_TEST(stored.failed == 0);
  BOOST_TEST(stored.pending == 3);
  BOOST_TEST(stored.progress.hosts.at(stored.progress.recipients[2].host) == "mx.a.test");
}

BOOST_AUTO_TEST_CASE(late_deliveries_of_a_batch_that_nobody_owns_are_merged_by_the_job) {
  TempDatabase database;
  make_post(*database, post(1), people(2, "a.test"));
  BatchProgress theirs;
  theirs.recipients.resize(2);
  for (auto& one : theirs.recipients) one = {RecipientState::kDelivered, 1, 5, 0, 0};
  commit(*database, [&](Connection& c) -> Result<void> {
    ESSAIM_TRY(LateStore(c).keep({2, 9}, 1, 0, theirs));
    return LateStore(c).keep({2, 9}, 44, 0, theirs);  // of a post that is gone
  });
  const BatchRecord owned = claim(*database, {1, 1}, 1).at(0);
  BOOST_TEST(must(make_late_outcomes_job().run(*database)) == "batches merged: 0");
  BatchRecord back = owned;
  back.queue = BatchQueue::kReady;
  must(save(*database, {1, 1}, back));
  BOOST_TEST(must(make_late_outcomes_job().run(*database)) == "batches merged: 1");
  BOOST_TEST((load(*database, 1).queue == BatchQueue::kFinished));
  BOOST_TEST(load(*database, 1).delivered == 2);
}

BOOST_AUTO_TEST_CASE(the_journal_of_a_node_that_was_taken_over_is_kept_beside_the_batch_of_its_new_owner) {
  TempDatabase database;
  TempDir directory;
  make_post(*database, post(1), people(5, "a.test"));
  const auto lost = begin(*database, "lost.test"), heir = begin(*database, "heir.test");
  static_cast<void>(claim(*database, {lost.number, lost.epoch}, 1));
  Executor sync("sync", 1);
  {
    JournalWriter::Options options;
    options.directory = directory.path();
    options.name = "loop0";
    options.epoch = lost.epoch;
    const auto journal = must(JournalWriter::open(options, sync));
    JournalRecord record;
    record.post_id = 1;
    record.state = RecipientState::kDelivered;
    record.time = kNow + 20s;
    record.reply = "250 ok";
    for (std::uint16_t i = 0; i < 3; ++i) {
      record.index = i;
      must(journal->append(record));
    }
  }
  commit(*database, [&](Connection& c) -> Result<void> {
    BOOST_TEST(must(NodeStore(c).fence(sight(*database, lost.number))));
    return {};
  });
  BOOST_TEST(must(release_fenced_batches(*database, lost.number)) == 1);
  BatchRecord theirs = claim(*database, {heir.number, heir.epoch}, 1).at(0);
  const auto again = begin(*database, "lost.test");
  must(recover_journal(*database, directory.path(), again.number, again.epoch));
  // The heir goes on and knows nothing of it: what it writes stays what it wrote.
  theirs.progress.recipients.resize(5);
  settle(&theirs, 0, RecipientState::kDelivered, 60);
  theirs.queue = BatchQueue::kReady;
  must(save(*database, heir, theirs));
  commit(*database, [&](Connection& c) -> Result<void> {
    auto next = must(BatchStore(c).claim({heir.number, heir.epoch}, 0, 9, 1, {})).at(0);
    BOOST_TEST(must(LateStore(c).merge_into(&next)));
    BOOST_TEST(next.delivered == 3);
    BOOST_TEST(must(sql::number(c, -1, "SELECT duplicates FROM batch_state")) == 1);
    return {};
  });
}

BOOST_AUTO_TEST_SUITE_END()
