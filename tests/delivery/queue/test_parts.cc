// The pure parts of the queue: retry, concurrency, rotation, slicing, budget, candidates, progress.
#include <set>

#include <boost/test/unit_test.hpp>

#include "delivery/budget.h"
#include "delivery/concurrency.h"
#include "delivery/next_hop.h"
#include "delivery/open_batch.h"
#include "delivery/post_cache.h"
#include "delivery/recovery.h"
#include "delivery/retry.h"
#include "delivery/rotation.h"
#include "delivery/slicing.h"

namespace essaim::delivery {
namespace {

using namespace std::chrono_literals;

std::shared_ptr<ActivePost> make_post(Id id, int priority, storage::CopyMode mode) {
  auto post = std::make_shared<ActivePost>();
  post->post.id = id;
  post->post.priority = priority;
  post->post.mode = mode;
  post->post.accepted = from_millis(1'000'000);
  post->post.expires = from_millis(900'000'000);
  post->wire = share("x\r\n.\r\n");
  return post;
}

std::shared_ptr<const ActiveBatch> make_batch(const std::shared_ptr<ActivePost>& post, std::size_t recipients,
                                              const std::string& domain = "a.test") {
  auto batch = std::make_shared<ActiveBatch>();
  batch->post = post;
  for (std::size_t i = 0; i < recipients; ++i)
    batch->recipients.push_back({static_cast<Id>(i + 1), "u" + std::to_string(i), domain});
  return batch;
}

Slice whole(const std::shared_ptr<const ActiveBatch>& batch) {
  Slice slice;
  slice.batch = batch;
  for (std::size_t i = 0; i < batch->recipients.size(); ++i)
    slice.indices.push_back(static_cast<std::uint16_t>(i));
  return slice;
}

BOOST_AUTO_TEST_SUITE(retry)

BOOST_AUTO_TEST_CASE(an_address_that_takes_long_to_fail_is_passed_over_for_long) {
  BOOST_TEST((failing_for(1s) == Duration(3min)));
  BOOST_TEST((failing_for(30s) == Duration(3min)));
  BOOST_TEST((failing_for(5min) == Duration(30min)));
}

BOOST_AUTO_TEST_CASE(doubles_up_to_the_maximum_with_a_fifth_of_jitter) {
  const Duration first = 5min, max = 4h;
  BOOST_TEST((retry_delay(0, first, max, 0.5) == Duration(5min)));
  BOOST_TEST((retry_delay(1, first, max, 0.5) == Duration(10min)));
  BOOST_TEST((retry_delay(5, first, max, 0.5) == Duration(160min)));
  BOOST_TEST((retry_delay(6, first, max, 0.5) == Duration(4h)));
  BOOST_TEST((retry_delay(1'000'000, first, max, 0.5) == Duration(4h)));
  BOOST_TEST((retry_delay(0, first, max, 0.0) == Duration(4min)));
  BOOST_TEST((retry_delay(0, first, max, 0.9999) < Duration(6min)));
  BOOST_TEST((retry_delay(0, first, max, 0.9999) > Duration(359s)));
}

BOOST_AUTO_TEST_CASE(due_times_are_rounded_up_to_ten_seconds) {
  BOOST_TEST(to_millis(rounded_due(from_millis(1'000), 60s)) == 70'000);
  BOOST_TEST(to_millis(rounded_due(from_millis(10'000), 60s)) == 70'000);
  BOOST_TEST(to_millis(rounded_due(from_millis(1'000), 500ms)) == 1'500);
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(concurrency)

const MonoTime kNow{1h};

BOOST_AUTO_TEST_CASE(grows_by_one_for_each_cohort_of_successes) {
  Concurrency c({2, 5, 1min, 4h});
  BOOST_TEST(c.limit(kNow) == 2);
  c.on_success();
  BOOST_TEST(c.limit(kNow) == 2);
  c.on_success();
  BOOST_TEST(c.limit(kNow) == 3);
  for (int i = 0; i < 3; ++i) c.on_success();
  BOOST_TEST(c.limit(kNow) == 4);
  for (int i = 0; i < 100; ++i) c.on_success();
  BOOST_TEST(c.limit(kNow) == 5);
}

BOOST_AUTO_TEST_CASE(does_not_grow_while_replies_take_much_longer_than_they_could) {
  Concurrency c({2, 20, 1min, 4h});
  const auto cohorts = [&c](int count, Duration took, MonoTime now) {
    for (int i = 0; i < count * 20; ++i) {
      c.on_reply_times(took, now);
      c.on_success();
    }
  };
  cohorts(1, 20ms, kNow);
  const int grown = c.limit(kNow);
  BOOST_TEST(grown > 4);
  for (int i = 0; i < 20; ++i) c.on_reply_times(100ms, kNow);
  cohorts(3, 100ms, kNow);
  BOOST_TEST(c.limit(kNow) == grown);
  // They take what they took before, or a little more: it grows on.
  for (int i = 0; i < 20; ++i) c.on_reply_times(30ms, kNow);
  cohorts(1, 30ms, kNow);
  BOOST_TEST(c.limit(kNow) > grown);
  // Slow for so long that this is what it can.
  const int before = c.limit(kNow);
  for (int minute = 0; minute < 30; ++minute) c.on_reply_times(100ms, kNow + minute * 1min);
  cohorts(1, 100ms, kNow + 30min);
  BOOST_TEST(c.limit(kNow) > before);
}

BOOST_AUTO_TEST_CASE(a_few_milliseconds_more_are_nothing) {
  Concurrency c({2, 20, 1min, 4h});
  c.on_reply_times(100us, kNow);
  for (int i = 0; i < 1000; ++i) {
    c.on_reply_times(4ms, kNow);
    c.on_success();
  }
  BOOST_TEST(c.limit(kNow) == 20);
}

BOOST_AUTO_TEST_CASE(trouble_lowers_it_once_for_a_cohort_and_never_below_one) {
  Concurrency c({2, 20, 1min, 4h});
  for (int i = 0; i < 1000; ++i) c.on_success();
  BOOST_TEST(c.limit(kNow) == 20);
  c.on_trouble();
  BOOST_TEST(c.limit(kNow) == 15);
  c.on_trouble();
  c.on_trouble();
  BOOST_TEST(c.limit(kNow) == 15);
  for (int i = 0; i < 1000; ++i) c.on_trouble();
  BOOST_TEST(c.limit(kNow) == 1);
}

BOOST_AUTO_TEST_CASE(the_last_connection_that_fails_makes_it_dead_for_a_growing_time) {
  Concurrency c({2, 20, 1min, 4h});
  BOOST_TEST(!c.on_unusable(1, kNow, 0.5));
  BOOST_TEST(c.on_unusable(0, kNow, 0.5));
  BOOST_TEST(c.limit(kNow) == 0);
  BOOST_TEST(c.limit(kNow + 59s) == 0);
  // Then one connection to look.
  BOOST_TEST(c.limit(kNow + 60s) == 1);
  BOOST_TEST(c.probing());
  BOOST_TEST(c.on_unusable(0, kNow + 60s, 0.5));
  BOOST_TEST(c.limit(kNow + 60s + 119s) == 0);
  BOOST_TEST(c.limit(kNow + 60s + 120s) == 1);
  c.on_success();
  BOOST_TEST(c.limit(kNow + 180s) == 2);
  // After a success the pauses begin anew.
  BOOST_TEST(c.on_unusable(0, kNow + 200s, 0.5));
  BOOST_TEST(c.limit(kNow + 261s) == 1);
}

BOOST_AUTO_TEST_CASE(a_cohort_of_failures_makes_it_dead_although_one_is_open) {
  Concurrency c({2, 20, 1min, 4h});
  BOOST_TEST(!c.on_unusable(1, kNow, 0.5));
  BOOST_TEST(!c.on_unusable(1, kNow, 0.5));
  BOOST_TEST(c.on_unusable(1, kNow, 0.5));
}

BOOST_AUTO_TEST_CASE(one_that_takes_no_message_is_dead_although_it_lets_us_in) {
  Concurrency c({2, 20, 1min, 4h});
  for (int i = 0; i < 4; ++i) c.on_trouble();
  BOOST_TEST(!c.refuses(kNow, 0.5));
  c.on_success();
  for (int i = 0; i < 4; ++i) c.on_trouble();
  BOOST_TEST(!c.refuses(kNow, 0.5));
  c.on_ready();
  c.on_trouble();
  BOOST_TEST(c.refuses(kNow, 0.5));
  BOOST_TEST(c.limit(kNow + 59s) == 0);
  // What was under way meanwhile says nothing new.
  for (int i = 0; i < 9; ++i) c.on_trouble();
  BOOST_TEST(!c.refuses(kNow + 30s, 0.5));
  // Then one connection, and a second message of another post; the pauses grow.
  c.on_ready();
  BOOST_TEST(c.limit(kNow + 60s) == 1);
  c.on_trouble();
  BOOST_TEST(!c.refuses(kNow + 60s, 0.5));
  c.on_trouble();
  BOOST_TEST(c.refuses(kNow + 60s, 0.5));
  BOOST_TEST(c.limit(kNow + 60s + 119s) == 0);
  c.on_success();
  BOOST_TEST(c.limit(kNow + 60s + 120s) == 2);
}

BOOST_AUTO_TEST_CASE(with_more_than_one_connection_left_troubles_only_lower_the_limit) {
  Concurrency c({2, 20, 1min, 4h});
  for (int i = 0; i < 1000; ++i) c.on_success();
  for (int i = 0; i < 15; ++i) c.on_trouble();
  BOOST_TEST(c.limit(kNow) == 15);
  BOOST_TEST(!c.refuses(kNow, 0.5));
}

BOOST_AUTO_TEST_CASE(a_connection_that_can_carry_mail_raises_nothing) {
  Concurrency c({2, 20, 1min, 4h});
  for (int i = 0; i < 100; ++i) c.on_ready();
  BOOST_TEST(c.limit(kNow) == 2);
  BOOST_TEST(c.on_unusable(0, kNow, 0.5));
  c.on_ready();
  BOOST_TEST(c.probing());
  BOOST_TEST(c.on_unusable(0, kNow + 60s, 0.5));
  BOOST_TEST(c.limit(kNow + 60s + 119s) == 0);
}

BOOST_AUTO_TEST_CASE(the_operator_makes_it_forget) {
  Concurrency c({2, 20, 1min, 4h});
  BOOST_TEST(c.on_unusable(0, kNow, 0.5));
  c.forget();
  BOOST_TEST(c.limit(kNow) == 1);
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(rotation)

BOOST_AUTO_TEST_CASE(posts_take_turns) {
  Rotation queue;
  const auto big = make_batch(make_post(1, 1, storage::CopyMode::kPersonal), 100);
  const auto small = make_batch(make_post(2, 1, storage::CopyMode::kPersonal), 3);
  queue.push(whole(big));
  queue.push(whole(small));
  std::vector<Id> turns;
  Slice slice;
  for (int i = 0; i < 6; ++i) {
    BOOST_REQUIRE(queue.pop(1, 100, &slice));
    BOOST_TEST(slice.indices.size() == 1u);
    turns.push_back(slice.batch->post->post.id);
  }
  BOOST_TEST(turns == (std::vector<Id>{1, 2, 1, 2, 1, 2}), boost::test_tools::per_element());
  BOOST_TEST(queue.recipients() == 97u);
}

BOOST_AUTO_TEST_CASE(a_smaller_priority_number_goes_first) {
  Rotation queue;
  queue.push(whole(make_batch(make_post(1, 2, storage::CopyMode::kPersonal), 5)));
  queue.push(whole(make_batch(make_post(2, 0, storage::CopyMode::kPersonal), 2)));
  BOOST_TEST(queue.first_priority() == 0);
  Slice slice;
  BOOST_REQUIRE(queue.pop(10, 10, &slice));
  BOOST_TEST(slice.batch->post->post.id == 2);
  BOOST_REQUIRE(queue.pop(10, 10, &slice));
  BOOST_TEST(slice.batch->post->post.id == 1);
  BOOST_TEST(!queue.pop(10, 10, &slice));
  BOOST_TEST(queue.empty());
}

BOOST_AUTO_TEST_CASE(every_recipient_comes_out_once_whatever_the_sizes) {
  Rotation queue;
  std::multiset<std::pair<Id, int>> in, out;
  for (Id id = 1; id <= 7; ++id) {
    const auto mode = id % 2 == 0 ? storage::CopyMode::kCommon : storage::CopyMode::kPersonal;
    const auto batch =
        make_batch(make_post(id, static_cast<int>(id % 3), mode), static_cast<std::size_t>(id * 37));
    for (const std::uint16_t index : whole(batch).indices) in.insert({id, index});
    queue.push(whole(batch));
  }
  BOOST_TEST(queue.recipients() == in.size());
  Slice slice;
  while (queue.pop(3, 20, &slice)) {
    const bool personal = slice.batch->post->post.mode == storage::CopyMode::kPersonal;
    BOOST_TEST(slice.indices.size() <= (personal ? 3u : 20u));
    for (const std::uint16_t index : slice.indices) out.insert({slice.batch->post->post.id, index});
  }
  BOOST_TEST((in == out));
  BOOST_TEST(queue.transactions(100) == 0u);
}

BOOST_AUTO_TEST_CASE(what_comes_back_one_by_one_goes_out_together_but_not_across_domains) {
  Rotation queue;
  auto post = make_post(1, 1, storage::CopyMode::kCommon);
  auto batch = std::make_shared<ActiveBatch>(*make_batch(post, 4));
  batch->recipients[3].domain = "b.test";
  for (std::uint16_t i = 0; i < 4; ++i) queue.push(Slice{batch, {i}, MonoTime{}});
  BOOST_TEST(queue.transactions(100) == 1u);
  Slice slice;
  BOOST_REQUIRE(queue.pop(1, 100, &slice));
  BOOST_TEST(slice.indices.size() == 3u);
  BOOST_REQUIRE(queue.pop(1, 100, &slice));
  BOOST_TEST(slice.indices == (std::vector<std::uint16_t>{3}), boost::test_tools::per_element());
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(slicing)

BOOST_AUTO_TEST_CASE(cuts_at_the_domains) {
  auto batch = std::make_shared<ActiveBatch>(*make_batch(make_post(1, 1, storage::CopyMode::kCommon), 6));
  for (std::size_t i = 3; i < 6; ++i) batch->recipients[i].domain = "b.test";
  EngineSettings settings;
  const auto cut = cut_by_domain(batch, {0, 2, 3, 5}, settings, MonoTime{});
  BOOST_REQUIRE(cut.size() == 2u);
  BOOST_TEST(cut[0].domain == "a.test");
  BOOST_TEST(cut[0].slice.indices == (std::vector<std::uint16_t>{0, 2}), boost::test_tools::per_element());
  BOOST_TEST(cut[1].domain == "b.test");
  BOOST_TEST(cut[1].slice.indices == (std::vector<std::uint16_t>{3, 5}), boost::test_tools::per_element());
  BOOST_TEST(cut_by_domain(batch, {}, settings, MonoTime{}).empty());
  settings.smarthost = "relay.test:25";
  const auto one = cut_by_domain(batch, {0, 2, 3, 5}, settings, MonoTime{});
  BOOST_REQUIRE(one.size() == 1u);
  BOOST_TEST(one[0].domain == "");
  BOOST_TEST(one[0].slice.indices.size() == 4u);
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(budget)

BOOST_AUTO_TEST_CASE(big_posts_leave_room_for_small_ones) {
  Budget budget(64);
  BOOST_TEST(budget.ample(0));
  BOOST_TEST(budget.ample(1));
  BOOST_TEST(!budget.ample(2));
  BOOST_TEST(Budget::units(1000) == 16u);
  BOOST_TEST(Budget::units(1) == 1u);
  int big = 0;
  while (budget.claimable(2) > 0) {
    budget.add(2, Budget::units(1000));
    ++big;
  }
  BOOST_TEST(big == 64 - 16 - 8);
  int middle = 0;
  while (budget.claimable(1) > 0) {
    budget.add(1, 16);
    ++middle;
  }
  BOOST_TEST(middle == 8);
  BOOST_TEST(!budget.ample(1));
  BOOST_TEST(budget.ample(0));
  BOOST_TEST(budget.room(0) == 16u * 16u);
  BOOST_TEST(budget.claimable(0) == 64u);
  budget.remove(2, 16);
  BOOST_TEST(budget.claimable(2) == 1u);
}

BOOST_AUTO_TEST_CASE(one_batch_at_least_can_be_active) {
  for (const std::size_t batches : {0u, 1u, 2u, 3u}) {
    Budget budget(batches);
    for (int cls = 0; cls < Budget::kClasses; ++cls) BOOST_TEST(budget.claimable(cls) >= 1u);
  }
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(hosts)

BOOST_AUTO_TEST_CASE(by_preference_with_those_that_fail_last) {
  NextHop hop;
  hop.hosts = {{20, {"c", "127.0.0.3", 25}}, {10, {"a", "127.0.0.1", 25}}, {10, {"b", "127.0.0.2", 25}}};
  std::set<std::string> firsts;
  std::uint64_t n = 1;
  for (int i = 0; i < 50; ++i) {
    const auto list = candidates(
        hop, [](const std::string&) { return false; }, [&] { return n = n * 6364136223846793005u + 1; });
    BOOST_REQUIRE(list.size() == 3u);
    firsts.insert(list[0].name);
    BOOST_TEST(list[2].name == "c");
  }
  BOOST_TEST(firsts.size() == 2u);
  const auto list = candidates(
      hop, [](const std::string& a) { return a == "127.0.0.1" || a == "127.0.0.2"; }, [] { return 1u; });
  BOOST_TEST(list[0].name == "c");
  BOOST_TEST(list.size() == 3u);
  BOOST_TEST(!list[0].failing);
  BOOST_TEST(list[1].failing);
}

BOOST_AUTO_TEST_CASE(reads_smart_hosts) {
  BOOST_TEST(parse_smarthost("127.0.0.1:2526")->numeric);
  BOOST_TEST(parse_smarthost("[::1]:25")->host == "::1");
  BOOST_TEST(!parse_smarthost("relay.example.org:587")->numeric);
  BOOST_TEST(parse_smarthost("relay.example.org:587")->port == 587);
  for (const char* wrong : {"", ":25", "host", "host:", "host:0", "host:65536", "::1:25", "host:25x"})
    BOOST_TEST(!parse_smarthost(wrong).ok(), wrong);
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(progress)

storage::BatchRecord record_of(std::size_t recipients) {
  storage::BatchRecord record;
  record.post_id = 1;
  record.count = record.pending = static_cast<int>(recipients);
  for (std::size_t i = 0; i < recipients; ++i)
    record.recipients.push_back(
        {static_cast<Id>(i + 1), "u" + std::to_string(i), i < 2 ? "a.test" : "b.test"});
  return record;
}

Note note_of(const OpenBatch& batch, std::uint16_t index, Outcome::Kind kind, const std::string& reply) {
  Note note;
  note.batch = batch.batch();
  note.indices = {index};
  note.kind = kind;
  note.reply = reply;
  note.time = from_millis(1'005'000);
  note.segment = 3;
  if (kind == Outcome::Kind::kFailed)
    note.failure = std::make_shared<const smtp::Reply>(smtp::reply(550, "5.1.1", "no"));
  return note;
}

const auto kAll = [](const storage::BatchRecipient&) -> const std::string* { return nullptr; };

BOOST_AUTO_TEST_CASE(the_sums_always_agree) {
  OpenBatch batch(record_of(4), make_post(1, 1, storage::CopyMode::kPersonal));
  BOOST_TEST(batch.send_out(kAll, from_millis(1'020'000)).size() == 4u);
  batch.apply(note_of(batch, 0, Outcome::Kind::kDelivered, "250 ok"));
  batch.apply(note_of(batch, 1, Outcome::Kind::kFailed, "550 5.1.1 no"));
  batch.apply(note_of(batch, 2, Outcome::Kind::kDeferred, "451 later"));
  BOOST_TEST(!batch.idle());
  batch.apply(note_of(batch, 3, Outcome::Kind::kReturned, ""));
  BOOST_TEST(batch.idle());
  const auto& r = batch.record();
  BOOST_TEST(r.delivered == 1);
  BOOST_TEST(r.failed == 1);
  BOOST_TEST(r.pending == 2);
  BOOST_TEST(r.count == r.delivered + r.failed + r.suppressed + r.pending);
  BOOST_TEST(r.progress.recipients[0].time == 4'005u - 4'000u);
  BOOST_TEST(r.progress.recipients[3].attempts == 0);
  BOOST_TEST(r.progress.replies[r.progress.recipients[2].reply] == "451 later");
  UnsavedPart part = batch.take_unsaved();
  BOOST_TEST(part.outcomes == 3u);
  BOOST_TEST(part.failures.size() == 1u);
  BOOST_TEST((part.segments.at({0, 3}) == 3u));
  BOOST_TEST(batch.unsaved() == 0u);
  batch.give_back(std::move(part));
  BOOST_TEST(batch.unsaved() == 3u);

  const auto row = batch.release_record({storage::BatchQueue::kWaiting, from_millis(5), "451 later"});
  BOOST_TEST(row.attempts == 1);
  BOOST_TEST(row.destination == "b.test");  // the two that are left
}

BOOST_AUTO_TEST_CASE(an_outcome_that_comes_twice_counts_once) {
  OpenBatch batch(record_of(2), make_post(1, 1, storage::CopyMode::kPersonal));
  batch.send_out(kAll, from_millis(1'020'000));
  batch.apply(note_of(batch, 0, Outcome::Kind::kDelivered, "250 ok"));
  batch.apply(note_of(batch, 0, Outcome::Kind::kFailed, "550 no"));
  BOOST_TEST(batch.record().delivered == 1);
  BOOST_TEST(batch.record().failed == 0);
  BOOST_TEST(batch.out() == 1u);
}

BOOST_AUTO_TEST_CASE(final_ones_are_not_sent_again_and_kept_ones_are_deferred_without_an_attempt) {
  storage::BatchRecord record = record_of(4);
  record.progress.recipients.resize(4);
  record.progress.recipients[0].state = storage::RecipientState::kDelivered;
  record.progress.recipients[1].state = storage::RecipientState::kDeferred;
  OpenBatch batch(record, make_post(1, 1, storage::CopyMode::kPersonal));
  const std::string reason = "451 4.7.0 suspended";
  const auto keep = [&](const storage::BatchRecipient& r) {
    return r.domain == "b.test" ? &reason : nullptr;
  };
  const auto out = batch.send_out(keep, from_millis(1'020'000));
  BOOST_TEST(out == (std::vector<std::uint16_t>{1}), boost::test_tools::per_element());
  batch.apply(note_of(batch, 1, Outcome::Kind::kDelivered, "250 ok"));
  BOOST_TEST(batch.idle());
  BOOST_TEST(!batch.finished());
  BOOST_TEST(batch.why() == reason);
  const auto row = batch.release_record({storage::BatchQueue::kWaiting, from_millis(5), batch.why()});
  BOOST_TEST(row.attempts == record.attempts);
  for (const std::size_t i : {2u, 3u}) {
    const storage::RecipientStatus& status = row.progress.recipients[i];
    BOOST_TEST((status.state == storage::RecipientState::kDeferred));
    BOOST_TEST(row.progress.replies[status.reply] == reason);
    BOOST_TEST(status.attempts == 0);
    BOOST_TEST(status.time == 20u);
  }
  BOOST_TEST(row.pending == 2);
  // The same reason again is no news.
  storage::BatchRecord again = row;
  again.recipients = record.recipients;
  OpenBatch next(again, make_post(1, 1, storage::CopyMode::kPersonal));
  BOOST_TEST(next.send_out(keep, from_millis(1'090'000)).empty());
  BOOST_TEST(next.unsaved() == 0u);
}

BOOST_AUTO_TEST_CASE(a_batch_says_all_that_it_waits_for) {
  OpenBatch batch(record_of(3), make_post(1, 1, storage::CopyMode::kPersonal));
  const std::string reason = "451 4.7.0 suspended";
  batch.send_out([&](const storage::BatchRecipient& r) { return r.domain == "b.test" ? &reason : nullptr; },
                 from_millis(1'020'000));
  batch.apply(note_of(batch, 0, Outcome::Kind::kDeferred, "421 busy"));
  BOOST_TEST(batch.why() == "421 busy; 451 4.7.0 suspended");
}

BOOST_AUTO_TEST_CASE(expiry_tells_the_last_reply) {
  storage::BatchRecord record = record_of(1);
  record.progress.recipients.resize(1);
  record.progress.replies.push_back("451 4.2.0 greylisted");
  record.progress.recipients[0].state = storage::RecipientState::kDeferred;
  record.progress.recipients[0].reply = 1;
  record.progress.recipients[0].attempts = 1;
  OpenBatch batch(record, make_post(1, 1, storage::CopyMode::kPersonal));
  batch.expire(from_millis(2'000'000));
  BOOST_TEST(batch.finished());
  const UnsavedPart part = batch.take_unsaved();
  BOOST_REQUIRE(part.failures.size() == 1u);
  BOOST_TEST(part.failures[0].reply->to_string() ==
             "554 4.4.7 delivery time expired; last: 451 4.2.0 greylisted");
}

BOOST_AUTO_TEST_CASE(kept_replies_are_read_back) {
  for (const char* text : {"550 5.1.1 no such user", "450 try later", "550", "delivery time expired", ""})
    BOOST_TEST(parse_kept_reply(text).to_string() == text);
  BOOST_TEST(parse_kept_reply("550 5.1.1 no").permanent());
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_CASE(the_post_cache_forgets_the_unused_first) {
  PostCache cache(200);  // a half of it for these
  auto make = [](Id id) {
    auto post = make_post(id, 1, storage::CopyMode::kCommon);
    post->wire = share(std::string(40, 'x'));
    return std::shared_ptr<const ActivePost>(post);
  };
  const auto used = make(1);
  cache.add(used);
  cache.add(make(2));
  BOOST_TEST(cache.find(1) == used);
  cache.add(make(3));
  BOOST_TEST(cache.find(2) == nullptr);
  BOOST_TEST(cache.find(1) == used);
  const auto held = cache.find(3);
  cache.add(make(4));
  BOOST_TEST(!(cache.find(1) == nullptr));
  BOOST_TEST(!(cache.find(3) == nullptr));
}

BOOST_AUTO_TEST_CASE(the_post_cache_has_room_for_one_large_post_and_keeps_room_for_small_ones) {
  PostCache cache(1'600);  // large: over 100 octets
  auto make = [](Id id, std::size_t octets) {
    auto post = make_post(id, 1, storage::CopyMode::kCommon);
    post->wire = share(std::string(octets, 'x'));
    return std::shared_ptr<const ActivePost>(post);
  };
  BOOST_TEST(cache.make_room(5'000, 0), "larger than all room, but the only one");
  BOOST_TEST(!cache.make_room(5'000, 5'000), "beside another one that is being loaded");
  auto sent = make(1, 5'000);
  cache.add(sent);
  BOOST_TEST(!cache.make_room(101, 0));
  BOOST_TEST(cache.make_room(100, 0));
  sent.reset();
  BOOST_TEST(cache.make_room(700, 0), "nobody uses the large one any more");
  BOOST_TEST(cache.find(1) == nullptr);
  std::vector<std::shared_ptr<const ActivePost>> small;
  for (Id id = 10; cache.make_room(100, 0); ++id) {
    small.push_back(make(id, 100));
    cache.add(small.back());
    BOOST_TEST_REQUIRE(small.size() <= 8u);
  }
  BOOST_TEST(small.size() == 8u);
  BOOST_TEST(!cache.overfull());
  cache.add(make(20, 300));
  BOOST_TEST(!(cache.find(20) == nullptr));
}

}  // namespace
}  // namespace essaim::delivery
