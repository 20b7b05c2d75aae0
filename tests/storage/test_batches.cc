#include <limits>

#include "storage/post_filter.h"
#include "tests/storage/fixtures.h"

using namespace essaim;
using namespace essaim::storage;
using namespace essaim::test;

BOOST_AUTO_TEST_SUITE(batches)

BOOST_AUTO_TEST_CASE(claims_rotate_over_posts_by_rank_and_are_exclusive) {
  TempDatabase database;
  make_list(*database);
  make_post(*database, post(1), people(5000, "big.test"), 0);  // ranks 0..4
  make_post(*database, post(2), people(3, "small.test"),
            2);  // rank 2: behind what was claimed before it came
  auto urgent = post(3);
  urgent.priority = 0;
  make_post(*database, urgent, people(1, "small.test"), 9);
  const auto first = claim(*database, {1, 7}, 5);
  std::vector<std::pair<Id, int>> order;
  for (const auto& b : first) order.emplace_back(b.post_id, b.number);
  const std::vector<std::pair<Id, int>> wanted = {{3, 0}, {1, 0}, {1, 1}, {1, 2}, {2, 0}};
  BOOST_TEST((order == wanted));
  BOOST_TEST(first[1].recipients.size() == 1000U);
  BOOST_TEST(first[1].progress.recipients.size() == 1000U);
  BOOST_TEST(first[1].destination == "big.test");
  const auto second = claim(*database, {2, 1}, 100);
  BOOST_TEST(second.size() == 2U);
  BOOST_TEST(claim(*database, {1, 7}, 100).empty());
}

BOOST_AUTO_TEST_CASE(claims_pass_over_saturated_destinations_whatever_their_number) {
  for (const std::size_t others : {0U, 3U, 30U, 200U}) {
    TempDatabase database;
    make_list(*database);
    make_post(*database, post(1), people(3, "big.test"));
    make_post(*database, post(2), people(3, "zz.test"), 5);
    std::set<std::string> saturated{"zz.test"};
    for (std::size_t i = 0; i < others; ++i) saturated.insert("d" + std::to_string(i) + ".test");
    const auto claimed = claim(*database, {1, 1}, 10, saturated);
    BOOST_REQUIRE(claimed.size() == 1U);
    BOOST_TEST(claimed[0].post_id == 1);
  }
}

BOOST_AUTO_TEST_CASE(many_batches_for_saturated_destinations_do_not_hide_one_for_another) {
  TempDatabase database;
  make_list(*database);
  constexpr Id kInFront = 1'100;
  commit(*database, [](Connection& c) -> Result<void> {
    for (Id id = 1; id <= kInFront; ++id) {
      PostRecord p = post(id);
      ESSAIM_TRY(add_expanded(c, &p, "Subject: x\r\n\r\nbody\r\n", "", 0, people(1, "zz.test")));
    }
    return {};
  });
  make_post(*database, post(kInFront + 1), people(1, "other.test"), 1);
  for (const std::size_t others : {200U, 5'000U}) {
    std::set<std::string> saturated{"zz.test"};
    for (std::size_t i = 0; i < others; ++i) saturated.insert("d" + std::to_string(i) + ".test");
    const auto claimed = claim(*database, {1, 1}, 10, saturated);
    BOOST_REQUIRE(claimed.size() == 1U);
    BOOST_TEST(claimed[0].post_id == kInFront + 1);
    commit(*database, [&](Connection& c) {
      auto back = claimed[0];
      back.queue = BatchQueue::kReady;
      return BatchStore(c).save({1, 1}, back);
    });
  }
}

BOOST_AUTO_TEST_CASE(claims_leave_what_they_are_told_to_leave) {
  TempDatabase database;
  make_list(*database);
  for (Id id = 1; id <= 3; ++id) make_post(*database, post(id), people(2, "a.test"), id);
  commit(*database, [&](Connection& c) -> Result<void> {
    const auto claimed = must(BatchStore(c).claim({1, 1}, 0, 9, 1, {}, {}, nullptr, {}, {{1, 0}, {2, 0}}));
    BOOST_REQUIRE(claimed.size() == 1U);
    BOOST_TEST(claimed[0].post_id == 3);
    return {};
  });
}

BOOST_AUTO_TEST_CASE(held_posts_are_not_claimed_and_come_back_when_released) {
  TempDatabase database;
  make_list(*database);
  make_post(*database, post(1), people(3, "a.test"));
  commit(*database, [](Connection& c) { return PostStore(c).set_held(1, true, "look at it"); });
  BOOST_TEST(claim(*database, {1, 1}, 10).empty());
  commit(*database, [](Connection& c) -> Result<void> {
    BOOST_TEST(must(BatchStore(c).queue_counts()).held == 1);
    ESSAIM_TRY(PostStore(c).set_held(1, false, ""));
    BOOST_TEST(must(BatchStore(c).promote_due(kNow + std::chrono::hours(1))) == 1);
    return {};
  });
  BOOST_TEST(claim(*database, {1, 1}, 10).size() == 1U);
}

// What others commit between two statements of a claim, on a database where that can be.
class Interrupted : public Connection {
 public:
  Interrupted(Connection& inner, std::string_view before, Work meanwhile)
      : inner_(inner), before_(before), meanwhile_(std::move(meanwhile)) {}
  Result<Statement*> prepare(std::string_view sql) override {
    if (meanwhile_ && sql.starts_with(before_)) ESSAIM_TRY(std::exchange(meanwhile_, nullptr)(inner_));
    return inner_.prepare(sql);
  }
  Result<void> execute(std::string_view sql) override { return inner_.execute(sql); }
  Dialect dialect() const override { return inner_.dialect(); }

 private:
  Connection& inner_;
  const std::string_view before_;
  Work meanwhile_;
};

// Counts the statements that read recipients, and those of them that read many batches; keeps those that sort.
class ReadsCounted : public Connection {
 public:
  explicit ReadsCounted(Connection& inner) : inner_(inner) {}
  Result<Statement*> prepare(std::string_view sql) override {
    if (sql.find("ORDER BY") != std::string_view::npos) sorting.emplace_back(sql);
    if (sql.find("b.recipients") != std::string_view::npos) {
      ++all;
      if (sql.find("LIMIT") != std::string_view::npos) ++of_many;
    }
    return inner_.prepare(sql);
  }
  Result<void> execute(std::string_view sql) override { return inner_.execute(sql); }
  Dialect dialect() const override { return inner_.dialect(); }

  int all = 0, of_many = 0;
  std::vector<std::string> sorting;

 private:
  Connection& inner_;
};

BOOST_AUTO_TEST_CASE(claims_read_no_recipients_of_what_they_leave) {
  TempDatabase database;
  make_list(*database);
  for (Id id = 1; id <= 4; ++id) make_post(*database, post(id), people(2, "a.test"), id);
  commit(*database, [&](Connection& c) -> Result<void> {
    ESSAIM_TRY(c.execute("UPDATE batch SET recipients = 'nonsense' WHERE post_id = 3"));
    ClaimBarrier barrier;
    barrier.now = kNow;
    barrier.lists["other@lists.test"] = {};
    ReadsCounted counted(c);
    const auto claimed = must(BatchStore(counted).claim({1, 1}, 0, 9, 3, {}, barrier, nullptr, {}, {{1, 0}}));
    BOOST_REQUIRE(claimed.size() == 2U);
    BOOST_TEST(claimed[0].post_id == 2);
    BOOST_TEST(claimed[1].post_id == 4);
    for (const BatchRecord& batch : claimed) {
      BOOST_TEST(batch.recipients.size() == 2U);
      BOOST_TEST(must(BatchStore(c).owns({1, 1}, batch.post_id, batch.number)));
    }
    BOOST_TEST(counted.all == 3);
    BOOST_TEST(counted.of_many == 0);
    BOOST_TEST((must(BatchStore(c).load(3, 0, false)).value().queue == BatchQueue::kHeld));
    return {};
  });
}

// A server sends all rows that the statement may give, up to a thousand more than are taken.
BOOST_AUTO_TEST_CASE(while_a_list_is_suspended_recipients_are_read_of_what_is_taken) {
  TempDatabase database;
  make_list(*database);
  auto suspended = post(1);
  suspended.list_address = "other@lists.test";
  make_post(*database, suspended, people(2, "a.test"));
  for (Id id = 2; id <= 5; ++id) make_post(*database, post(id), people(2, "a.test"), id);
  commit(*database, [&](Connection& c) -> Result<void> {
    ClaimBarrier barrier;
    barrier.now = kNow;
    barrier.lists["other@lists.test"] = {};
    ReadsCounted counted(c);
    std::size_t parked = 0;
    const auto claimed = must(BatchStore(counted).claim({1, 1}, 0, 9, 3, {}, barrier, &parked));
    BOOST_TEST(parked == 1U);
    BOOST_REQUIRE(claimed.size() == 3U);
    for (std::size_t i = 0; i < claimed.size(); ++i) {
      BOOST_TEST(claimed[i].post_id == static_cast<Id>(i + 2));
      BOOST_TEST(claimed[i].recipients.size() == 2U);
      BOOST_TEST(must(BatchStore(c).owns({1, 1}, claimed[i].post_id, claimed[i].number)));
    }
    BOOST_TEST((must(BatchStore(c).load(1, 0, false)).value().queue == BatchQueue::kWaiting));
    // One statement where rows come one by one.
    BOOST_TEST(counted.of_many == (TempDatabase::is_sqlite() ? 1 : 0));
    BOOST_TEST(counted.all == (TempDatabase::is_sqlite() ? 1 : 3));
    return {};
  });
}

BOOST_AUTO_TEST_CASE(a_claim_does_not_take_what_was_changed_since_it_was_read) {
  TempDatabase database;
  make_list(*database);
  make_post(*database, post(1), people(3, "a.test"));
  commit(*database, [](Connection& c) -> Result<void> {
    Interrupted interrupted(c, "UPDATE batch_state SET queue = 3", [](Connection& other) -> Result<void> {
      auto merged = must(BatchStore(other).load(1, 0, true)).value();
      settle(&merged, 0, RecipientState::kDelivered);
      return BatchStore(other).save_unowned(merged);
    });
    BOOST_TEST(must(BatchStore(interrupted).claim({1, 1}, 0, 9, 10, {})).empty());
    return {};
  });
  const auto claimed = claim(*database, {1, 1}, 10);
  BOOST_REQUIRE(claimed.size() == 1U);
  BOOST_TEST((claimed[0].progress.recipients[0].state == RecipientState::kDelivered));
}

BOOST_AUTO_TEST_CASE(results_of_a_node_that_lost_the_batch_are_refused) {
  TempDatabase database;
  make_list(*database);
  make_post(*database, post(1), people(3, "a.test"));
  auto batch = claim(*database, {1, 5}, 1).at(0);
  settle(&batch, 0, RecipientState::kDelivered);
  for (const Fence wrong : {Fence{1, 4}, Fence{2, 5}}) {
    const auto refused = database->write_now(Durability::kProgress,
                                             [&](Connection& c) { return BatchStore(c).save(wrong, batch); });
    BOOST_TEST((code_of(refused) == ErrorCode::kConflict));
  }
  BOOST_TEST((code_of(database->write_now(Durability::kProgress, [&](Connection& c) {
                auto unowned = batch;
                unowned.queue = BatchQueue::kReady;
                return BatchStore(c).save_unowned(unowned);
              })) == ErrorCode::kConflict));
  commit(*database, [&](Connection& c) { return BatchStore(c).save({1, 5}, batch); });
  commit(*database, [&](Connection& c) -> Result<void> {
    const auto loaded = must(BatchStore(c).load(1, 0, true)).value();
    BOOST_TEST((loaded.queue == BatchQueue::kOwned));
    BOOST_TEST(loaded.owner == 1);
    BOOST_TEST(loaded.delivered == 1);
    BOOST_TEST((loaded.progress.recipients[0].state == RecipientState::kDelivered));
    BOOST_TEST(must(BatchStore(c).release_others(1)) == 0);
    BOOST_TEST(must(BatchStore(c).release_stale(2, 9)) == 0);
    BOOST_TEST(must(BatchStore(c).release_stale(1, 6)) == 1);
    return {};
  });
  BOOST_TEST((code_of(database->write_now(Durability::kProgress, [&](Connection& c) {
                return BatchStore(c).save({1, 5}, batch);
              })) == ErrorCode::kConflict));
}

BOOST_AUTO_TEST_CASE(what_is_ours_is_listed_without_what_we_know_of) {
  TempDatabase database;
  make_list(*database);
  for (Id id = 1; id <= 4; ++id) make_post(*database, post(id), people(2, "a.test"));
  BOOST_REQUIRE(claim(*database, {1, 5}, 3).size() == 3U);
  BOOST_REQUIRE(claim(*database, {2, 5}, 1).size() == 1U);
  commit(*database, [&](Connection& c) -> Result<void> {
    BatchStore store(c);
    const auto owned = must(store.owned({1, 5}, {{2, 0}}));
    BOOST_REQUIRE(owned.size() == 2U);
    BOOST_TEST(owned[0].post_id == 1);
    BOOST_TEST(owned[1].post_id == 3);
    BOOST_TEST(owned[0].recipients.size() == 2U);
    BOOST_TEST(must(store.owned({1, 4}, {})).empty());
    return {};
  });
}

BOOST_AUTO_TEST_CASE(what_waits_for_a_reason_that_is_over_is_due) {
  TempDatabase database;
  make_list(*database);
  make_post(*database, post(1), people(2, "a.test"));
  make_post(*database, post(2), people(2, "b.test"));
  auto batches = claim(*database, {1, 5}, 2);
  BOOST_REQUIRE(batches.size() == 2U);
  batches[0].why = "421 busy; 451 4.7.0 suspended: by us";
  batches[1].why = "421 busy";
  commit(*database, [&](Connection& c) -> Result<void> {
    BatchStore store(c);
    for (auto& batch : batches) {
      batch.queue = BatchQueue::kWaiting;
      batch.due = kNow + std::chrono::minutes(5);
      ESSAIM_TRY(store.save({1, 5}, batch));
    }
    BOOST_TEST(must(store.hasten(kNow, "451 4.7.0 suspended")) == 1);
    BOOST_TEST(must(store.hasten(kNow, "451 4.7.0 suspended")) == 0);
    BOOST_TEST(must(store.promote_due(kNow)) == 1);
    return {};
  });
  const auto ready = claim(*database, {1, 5}, 2);
  BOOST_REQUIRE(ready.size() == 1U);
  BOOST_TEST(ready[0].post_id == 1);
}

// As after hours in which no server ran, or when a big provider is resumed: each statement is a moment of the writer.
BOOST_AUTO_TEST_CASE(many_that_are_due_are_hastened_and_made_ready_some_thousand_at_a_time) {
  static constexpr int kBatches = 12'000;
  static constexpr std::int64_t kMost = 5000;
  TempDatabase database;
  std::vector<BatchRecord> batches(kBatches);
  for (int i = 0; i < kBatches; ++i) {
    BatchRecord& batch = batches[static_cast<std::size_t>(i)];
    batch.post_id = 1;
    batch.number = i;
    batch.queue = BatchQueue::kWaiting;
    batch.due = kNow + std::chrono::seconds(i + 1);
    batch.why = "451 4.7.0 suspended";
    batch.recipients = people(1, "a.test");
    batch.count = batch.pending = 1;
  }
  commit(*database, [&](Connection& c) { return BatchStore(c).add(batches); });
  using Change = std::function<Result<std::int64_t>(BatchStore)>;
  const auto all_of = [&database](const Change& change) {
    std::int64_t all = 0;
    for (std::int64_t some = kMost; some >= BatchStore::kHastenedTogether; all += some) {
      commit(*database, [&](Connection& c) -> Result<void> {
        some = must(change(BatchStore(c)));
        // By which the next claim is made at once.
        BOOST_TEST((all + some == kBatches || must(BatchStore(c).next_due()).has_value()));
        return {};
      });
      BOOST_TEST(some <= kMost);
    }
    return all;
  };
  BOOST_TEST(all_of([](BatchStore store) { return store.hasten(kNow, "suspended"); }) == kBatches);
  BOOST_TEST(all_of([](BatchStore store) { return store.promote_due(kNow); }) == kBatches);
  must(database->read_now([](Connection& c) -> Result<void> {
    BOOST_TEST(must(BatchStore(c).queue_counts()).ready == kBatches);
    return {};
  }));
}

BOOST_AUTO_TEST_CASE(counts_that_do_not_sum_up_are_never_stored) {
  TempDatabase database;
  make_list(*database);
  make_post(*database, post(1), people(3, "a.test"));
  auto batch = claim(*database, {1, 5}, 1).at(0);
  batch.delivered = 1;  // pending is still 3
  BOOST_TEST((code_of(database->write_now(Durability::kProgress, [&](Connection& c) {
                return BatchStore(c).save({1, 5}, batch);
              })) == ErrorCode::kInternal));
}

BOOST_AUTO_TEST_CASE(a_waiting_batch_is_ready_when_its_time_has_come) {
  TempDatabase database;
  make_list(*database);
  make_post(*database, post(1), people(2, "a.test"));
  auto batch = claim(*database, {1, 5}, 1).at(0);
  batch.queue = BatchQueue::kWaiting;
  batch.due = kNow + std::chrono::minutes(5);
  batch.why = "451 try later";
  commit(*database, [&](Connection& c) -> Result<void> {
    BatchStore store(c);
    ESSAIM_TRY(store.save({1, 5}, batch));
    BOOST_TEST((must(store.next_due()).value() == batch.due));
    BOOST_TEST(must(store.promote_due(batch.due - std::chrono::milliseconds(1))) == 0);
    const auto waiting = must(store.waiting({}));
    BOOST_REQUIRE(waiting.size() == 1U);
    BOOST_TEST(waiting[0].why == "451 try later");
    BOOST_TEST(waiting[0].owner == 0);
    BOOST_TEST(must(store.promote_due(batch.due)) == 1);
    BOOST_TEST(!must(store.next_due()).has_value());
    return {};
  });
  BOOST_TEST(claim(*database, {1, 5}, 1).size() == 1U);
}

BOOST_AUTO_TEST_CASE(what_waits_is_found_by_recipient_until_it_is_delivered) {
  TempDatabase database;
  make_list(*database);
  make_post(*database, post(1), people(2, "a.test"));
  auto batch = claim(*database, {1, 5}, 1).at(0);
  settle(&batch, 0, RecipientState::kDelivered);
  batch.queue = BatchQueue::kWaiting;
  commit(*database, [&](Connection& c) -> Result<void> {
    BatchStore store(c);
    ESSAIM_TRY(store.save({1, 5}, batch));
    const auto count = [&](const char* recipient, const char* domain) {
      PostFilter filter;
      filter.recipient = recipient;
      filter.domain = domain;
      return must(store.waiting(filter)).size();
    };
    BOOST_TEST(count("u0@a.test", "") == 0U);
    BOOST_TEST(count("U1@A.test", "") == 1U);
    BOOST_TEST(count("u%@a.test", "") == 0U);
    BOOST_TEST(count("", "a.test") == 1U);
    BOOST_TEST(count("", "a.tes") == 0U);
    return {};
  });
}

BOOST_AUTO_TEST_CASE(searches_sort_no_recipients_and_say_how_many_they_want) {
  TempDatabase database;
  make_list(*database);
  for (Id id = 1; id <= 4; ++id) make_post(*database, post(id), people(2, "a.test"), id);
  make_post(*database, post(5), people(2, "b.test"));
  commit(*database, [](Connection& c) -> Result<void> {
    ESSAIM_TRY(c.execute("UPDATE batch_state SET due = post_id"));
    return c.execute("UPDATE batch SET recipients = 'nonsense' WHERE post_id = 2");
  });
  must(database->read_now([](Connection& c) -> Result<void> {
    ReadsCounted counted(c);
    PostFilter filter;
    filter.limit = 2;
    BOOST_TEST(must(BatchStore(counted).waiting(filter)).size() == 2U);
    BOOST_TEST(must(PostStore(counted).search(filter)).size() == 2U);
    BOOST_REQUIRE(!counted.sorting.empty());
    for (const std::string& text : counted.sorting)
      BOOST_TEST(text.find("LIMIT ?") != std::string::npos, text);
    BOOST_TEST(counted.all == 0);
    counted.sorting.clear();
    filter.domain = "a.test";
    filter.limit = 3;
    const auto found = must(BatchStore(counted).waiting(filter));
    BOOST_REQUIRE(found.size() == 3U);
    for (std::size_t i = 0; i < found.size(); ++i) {
      BOOST_TEST(found[i].post_id == static_cast<Id>(i) + 1);
      BOOST_TEST(found[i].why.starts_with("damaged: batch") == (i == 1));
      BOOST_TEST(found[i].recipients.empty());
      BOOST_TEST(found[i].pending == 2);
    }
    BOOST_TEST(counted.all == 3);  // and not the fourth
    BOOST_REQUIRE(!counted.sorting.empty());
    for (const std::string& text : counted.sorting)
      BOOST_TEST(text.find("b.recipients") == std::string::npos, text);
    filter.limit = std::numeric_limits<std::size_t>::max();
    filter.domain.clear();
    BOOST_TEST(must(BatchStore(counted).waiting(filter)).size() == 5U);
    return {};
  }));
}

// No server sorts, or sends, more at once than it is told to.
BOOST_AUTO_TEST_CASE(a_recipient_is_searched_for_page_by_page_on_a_server) {
  TempDatabase database;
  make_list(*database);
  constexpr Id kMany = kSearchedTogether + kSearchedTogether / 2;
  commit(*database, [](Connection& c) -> Result<void> {
    for (Id id = 1; id <= kMany; ++id) {
      PostRecord p = post(id);
      p.accepted = kNow + std::chrono::seconds(id / 400);  // many together
      ESSAIM_TRY(add_expanded(c, &p, "Subject: x\r\n\r\nbody\r\n", "", id / 400, people(1, "a.test")));
    }
    return c.execute("UPDATE batch_state SET queue = 2, due = order_rank");
  });
  must(database->read_now([&](Connection& c) -> Result<void> {
    ReadsCounted counted(c);
    PostFilter filter;
    filter.recipient = "u0@a.test";
    filter.limit = 2 * kMany;
    const auto posts = must(PostStore(counted).search(filter));
    BOOST_REQUIRE(posts.size() == static_cast<std::size_t>(kMany));
    for (std::size_t i = 0; i < posts.size(); ++i) BOOST_REQUIRE(posts[i].id == kMany - static_cast<Id>(i));
    const std::size_t pages = TempDatabase::is_sqlite() ? 1 : 2;  // a file gives row by row
    BOOST_TEST(counted.sorting.size() == pages + 1U);             // what waits, and what is settled
    const auto batches = must(BatchStore(counted).waiting(filter));
    BOOST_REQUIRE(batches.size() == posts.size());
    for (std::size_t i = 0; i < batches.size(); ++i)
      BOOST_REQUIRE(batches[i].post_id == static_cast<Id>(i) + 1);
    BOOST_TEST(counted.sorting.size() == 2 * pages + 1U);
    for (const std::string& text : counted.sorting)
      BOOST_TEST(text.find("LIMIT ?") != std::string::npos, text);
    filter.limit = 2;
    BOOST_TEST(must(PostStore(counted).search(filter)).front().id == kMany);
    BOOST_TEST(must(BatchStore(counted).waiting(filter)).back().post_id == 2);
    filter.recipient = "u1@a.test";
    BOOST_TEST(must(PostStore(counted).search(filter)).empty());
    return {};
  }));
}

BOOST_AUTO_TEST_CASE(batches_that_wait_are_named_by_their_posts) {
  TempDatabase database;
  make_list(*database);
  for (Id id = 1; id <= 5; ++id) make_post(*database, post(id), people(2, id == 4 ? "b.test" : "a.test"), id);
  make_post(*database, post(6), people(2500, "a.test"), 6);
  commit(*database, [](Connection& c) -> Result<void> {
    ESSAIM_TRY(c.execute("UPDATE batch_state SET queue = 0, delivered = 2, pending = 0 WHERE post_id = 2"));
    ESSAIM_TRY(c.execute("UPDATE batch_state SET queue = 2, why = 'Asleep' WHERE post_id IN (3, 4)"));
    ESSAIM_TRY(c.execute("UPDATE batch_state SET why = 'Asleep' WHERE post_id = 6 AND number = 1"));
    return c.execute("UPDATE batch SET recipients = 'nonsense' WHERE post_id = 3");
  });
  const auto found = [&](const PostFilter& filter, Id first, Id last) {
    std::string out;
    must(database->read_now([&](Connection& c) -> Result<void> {
      out.clear();
      for (const auto& [id, number] : must(BatchStore(c).waiting_of(filter, first, last)))
        out += std::to_string(id) + "/" + std::to_string(number) + " ";
      return {};
    }));
    return out;
  };
  PostFilter filter;
  BOOST_TEST(found(filter, 1, 5) == "1/0 3/0 4/0 5/0 ");
  BOOST_TEST(found(filter, 5, 6) == "5/0 6/0 6/1 6/2 ");
  filter.why = "asleep";
  BOOST_TEST(found(filter, 1, 6) == "3/0 4/0 6/1 ");
  filter.state = static_cast<int>(BatchQueue::kWaiting);
  BOOST_TEST(found(filter, 1, 6) == "3/0 4/0 ");
  filter.domain = "a.test";
  BOOST_TEST(found(filter, 1, 6) == "3/0 ");  // damaged: who is searched for may be in it
  filter.message_id = "m1@client.test";
  BOOST_TEST(found(filter, 1, 6).empty());
}

BOOST_AUTO_TEST_CASE(posts_that_wait_are_searched_page_by_page) {
  TempDatabase database;
  make_list(*database);
  for (Id id = 1; id <= 5; ++id) make_post(*database, post(id), people(2, id == 2 ? "b.test" : "a.test"), id);
  commit(*database, [](Connection& c) -> Result<void> {
    ESSAIM_TRY(c.execute("UPDATE batch_state SET queue = 0, delivered = 2, pending = 0 WHERE post_id = 1"));
    ESSAIM_TRY(c.execute("UPDATE batch_state SET queue = 2, why = 'Asleep' WHERE post_id = 3"));
    return PostStore(c).add(post(6), "x");  // nobody is in its batches yet
  });
  const auto found = [&](const PostFilter& filter, bool expanded, Id after) {
    std::string out;
    must(database->read_now([&](Connection& c) -> Result<void> {
      const PostsFound some = must(PostStore(c).search_waiting(filter, expanded, after, 3));
      out.clear();
      for (const Id id : some.ids) out += std::to_string(id) + " ";
      out += "to " + std::to_string(some.last) + (some.more ? ", more" : "");
      return {};
    }));
    return out;
  };
  PostFilter filter;
  filter.unfinished = true;
  BOOST_TEST(found(filter, true, 0) == "2 3 to 3, more");
  BOOST_TEST(found(filter, true, 3) == "4 5 to 5");
  BOOST_TEST(found(filter, false, 0) == "6 to 6");
  filter.domain = "a.test";
  BOOST_TEST(found(filter, true, 0) == "3 to 3, more");
  BOOST_TEST(found(filter, false, 0) == "to 6");
  filter.message_id = "m5@client.test";
  BOOST_TEST(found(filter, true, 0) == "to 3, more");
  BOOST_TEST(found(filter, true, 3) == "5 to 5");
}

BOOST_AUTO_TEST_CASE(a_damaged_batch_is_parked_and_the_others_go_on) {
  TempDatabase database;
  make_list(*database);
  make_post(*database, post(1), people(2, "a.test"), 0);
  make_post(*database, post(2), people(2, "b.test"), 1);
  commit(*database,
         [](Connection& c) { return c.execute("UPDATE batch SET recipients = x'0102' WHERE post_id = 1"); });
  const auto claimed = claim(*database, {1, 1}, 10);
  BOOST_REQUIRE(claimed.size() == 1U);
  BOOST_TEST(claimed[0].post_id == 2);
  commit(*database, [](Connection& c) -> Result<void> {
    BOOST_TEST(must(BatchStore(c).queue_counts()).held == 1);
    return {};
  });
}

BOOST_AUTO_TEST_SUITE_END()
