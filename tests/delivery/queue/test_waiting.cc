// Who of a batch waits for what, until when, and what counts as an attempt.
#include <set>

#include <boost/test/unit_test.hpp>

#include "delivery/open_batch.h"
#include "delivery/retry.h"

namespace essaim::delivery {
namespace {

using namespace std::chrono_literals;
using Kind = Outcome::Kind;
using Some = std::vector<std::uint16_t>;

constexpr RetryPauses kPauses{5min, 4h};
const WallTime kAccepted = from_millis(1'000'000);
const std::string kSuspended = "421 4.7.28 delivery to a.test temporarily suspended: too much";
const auto kAll = [](const storage::BatchRecipient&) -> const std::string* { return nullptr; };

std::shared_ptr<ActivePost> a_post() {
  auto post = std::make_shared<ActivePost>();
  post->post.id = 77;
  post->post.mode = storage::CopyMode::kPersonal;
  post->post.accepted = kAccepted;
  post->post.expires = kAccepted + 120h;
  post->wire = share("x\r\n.\r\n");
  return post;
}

storage::BatchRecord a_record(std::size_t recipients) {
  storage::BatchRecord record;
  record.post_id = 77;
  record.count = record.pending = static_cast<int>(recipients);
  for (std::size_t i = 0; i < recipients; ++i)
    record.recipients.push_back({static_cast<Id>(i + 1), "u" + std::to_string(i), "a.test"});
  return record;
}

// A batch through its rounds, as the queue takes it.
class Rounds {
 public:
  explicit Rounds(std::size_t recipients) : record_(a_record(recipients)), recipients_(record_.recipients) {
    claim();
  }
  Some send(WallTime now) { return batch_->send_out(kAll, now, kPauses); }
  Some tell(const Some& who, Kind kind, WallTime time, const std::string& reply = "",
            const std::string& host = "", WallTime until = {}) {
    Note note;
    note.batch = batch_->batch();
    note.indices = who;
    note.kind = kind;
    note.time = time;
    note.reply = reply;
    note.host = host;
    note.until = until;
    return batch_->apply(note);
  }
  WallTime due(WallTime now = kAccepted + 120h) const { return batch_->next_due(kPauses, now).value(); }
  storage::BatchRecord release(WallTime due = {}) {
    record_ = batch_->release_record({storage::BatchQueue::kWaiting, due, batch_->why()});
    return record_;
  }
  void claim() {
    record_.recipients = recipients_;
    batch_ = std::make_unique<OpenBatch>(record_, a_post());
  }
  int attempts(std::size_t i) const { return batch_->record().progress.recipients[i].attempts; }
  OpenBatch& batch() { return *batch_; }

 private:
  storage::BatchRecord record_;
  const std::vector<storage::BatchRecipient> recipients_;
  std::unique_ptr<OpenBatch> batch_;
};

BOOST_AUTO_TEST_SUITE(waiting)

BOOST_AUTO_TEST_CASE(a_pause_follows_from_what_is_known_and_grows) {
  const WallTime last = kAccepted + 1h;
  BOOST_TEST((due_again(last, 3, kPauses, 9) == due_again(last, 3, kPauses, 9)));
  std::set<std::int64_t> different;
  for (std::uint64_t seed = 0; seed < 100; ++seed) {
    const Duration first = due_again(last, 1, kPauses, seed) - last;
    BOOST_TEST((first >= 4min && first <= 6min));
    const Duration third = due_again(last, 3, kPauses, seed) - last;
    BOOST_TEST((third >= 16min && third <= 24min));
    const Duration longest = due_again(last, 60'000, kPauses, seed) - last;
    BOOST_TEST((longest >= 192min && longest <= 288min));
    different.insert(first.count());
  }
  BOOST_TEST(different.size() > 50u);
}

BOOST_AUTO_TEST_CASE(who_came_back_and_gets_nothing_any_more_does_not_make_the_batch_due) {
  Rounds rounds(3);
  const WallTime begin = kAccepted + 10s;
  BOOST_TEST(rounds.send(begin).size() == 3u);
  BOOST_TEST(rounds.batch().out_of([](const storage::BatchRecipient&) { return true; }) == (Some{0, 1, 2}),
             boost::test_tools::per_element());
  rounds.tell({1, 2}, Kind::kReturned, begin);
  rounds.tell({0}, Kind::kDeferred, begin, "450 4.7.1 greylisted", "mx.a.test");
  BOOST_TEST(rounds.batch().returned_any());
  int asked = 0;
  rounds.batch().suppress_if([&](const storage::BatchRecipient&) { return asked++ > 0; }, "left the list",
                             begin);
  BOOST_TEST(!rounds.batch().returned_any());
  BOOST_TEST((rounds.due() > begin + 4min));
  BOOST_TEST(rounds.release().pending == 1);
}

BOOST_AUTO_TEST_CASE(who_was_deferred_keeps_the_pause_when_the_batch_comes_back_early) {
  Rounds rounds(3);
  const WallTime begin = kAccepted + 10s;
  BOOST_TEST(rounds.send(begin).size() == 3u);
  rounds.tell({0}, Kind::kDeferred, begin, "450 4.7.1 greylisted", "mx.a.test");
  rounds.tell({1, 2}, Kind::kReturned, begin);
  BOOST_TEST(rounds.batch().returned_any());
  const WallTime due = rounds.due();
  BOOST_TEST((due > begin + 4min && due < begin + 7min));
  BOOST_TEST(rounds.release().attempts == 1);
  // Every 30 seconds, as when the others wait for a provider that has enough.
  for (WallTime now = begin + 30s; now < due; now += 30s) {
    rounds.claim();
    BOOST_TEST(rounds.send(now) == (Some{1, 2}), boost::test_tools::per_element());
    rounds.tell({1, 2}, Kind::kReturned, now);
    BOOST_TEST((rounds.due() == due));
    BOOST_TEST(rounds.batch().why() == "450 4.7.1 greylisted");
    BOOST_TEST(rounds.release().attempts == 1);
  }
  rounds.claim();
  BOOST_TEST(rounds.send(due).size() == 3u);
  rounds.tell({0}, Kind::kDeferred, due, "450 4.7.1 greylisted", "mx.a.test");
  rounds.tell({1, 2}, Kind::kReturned, due);
  BOOST_TEST((rounds.due() > due + 8min && rounds.due() < due + 13min));
  BOOST_TEST(rounds.release().attempts == 2);
}

BOOST_AUTO_TEST_CASE(who_is_put_off_by_a_suspension_had_no_attempt_and_waits_for_its_end) {
  Rounds rounds(2);
  const WallTime begin = kAccepted + 10s, end = begin + 2min;
  rounds.send(begin);
  rounds.tell({0}, Kind::kDeferred, begin, "450 4.2.1 busy", "mx.a.test");
  rounds.tell({1}, Kind::kReturned, begin, kSuspended, "", end);
  BOOST_TEST(!rounds.batch().returned_any());
  BOOST_TEST(rounds.attempts(1) == 0);
  BOOST_TEST((rounds.due() == end));
  BOOST_TEST(rounds.batch().unsaved() == 2u);
  auto row = rounds.release();
  BOOST_TEST(row.why == "450 4.2.1 busy; " + kSuspended);
  BOOST_TEST((row.progress.recipients[1].state == storage::RecipientState::kDeferred));
  BOOST_TEST(row.progress.replies[row.progress.recipients[1].reply] == kSuspended);

  // Again and again: nothing grows.
  WallTime now = end;
  for (int i = 0; i < 5; ++i) {
    rounds.claim();
    BOOST_TEST(rounds.send(now) == (Some{1}), boost::test_tools::per_element());
    now += 10s;
    rounds.tell({1}, Kind::kReturned, now, kSuspended, "", now + 10s);
    BOOST_TEST((rounds.due() == now + 10s));
    BOOST_TEST(rounds.release().attempts == 1);
    now += 10s;
  }
  rounds.claim();
  rounds.batch().expire(kAccepted + 121h);
  const UnsavedPart part = rounds.batch().take_unsaved();
  BOOST_REQUIRE(part.failures.size() == 2u);
  BOOST_TEST(!storage::split_host(part.failures[0].host).about_message);
  BOOST_TEST(storage::split_host(part.failures[1].host).about_message);
  BOOST_TEST(part.failures[1].reply->to_string() ==
             "554 4.4.7 delivery time expired before any attempt; last: " + kSuspended);
}

// One who was tried before has no pause either, for whom no host was found that takes mail.
BOOST_AUTO_TEST_CASE(who_waits_for_the_end_of_a_suspension_has_no_pause) {
  for (const Kind kind : {Kind::kReturned, Kind::kDeferred}) {
    Rounds rounds(1);
    const WallTime begin = kAccepted + 10s;
    rounds.send(begin);
    rounds.tell({0}, Kind::kDeferred, begin, "450 4.2.1 busy", "mx.a.test");
    const WallTime second = rounds.due();
    rounds.release();
    rounds.claim();
    rounds.send(second);
    const std::string host = kind == Kind::kDeferred
                                 ? std::string(storage::kAboutMessage) + std::string(storage::kWithItsBatch)
                                 : "";
    rounds.tell({0}, kind, second, kSuspended, host, second + 1min);
    BOOST_TEST((rounds.due() == second + 1min));
    BOOST_TEST(rounds.attempts(0) == (kind == Kind::kDeferred ? 2 : 1));
    rounds.release();
    rounds.claim();
    BOOST_TEST(rounds.send(second + 1min).size() == 1u);
    rounds.tell({0}, Kind::kReturned, second + 1min);
    rounds.release();
    rounds.claim();
    // A host has spoken about it once.
    rounds.batch().expire(kAccepted + 121h);
    const UnsavedPart part = rounds.batch().take_unsaved();
    BOOST_TEST(part.failures.at(0).host.empty());
  }
}

BOOST_AUTO_TEST_CASE(who_was_tried_and_never_spoken_of_does_not_expire_as_a_bounce) {
  Rounds rounds(3);
  WallTime now = kAccepted + 10s;
  const std::string of_us = "mx.a.test" + std::string(storage::kAboutMessage);
  for (int i = 0; i < 3; ++i) {
    const Some sent = rounds.send(now);
    BOOST_TEST(sent.size() == 3u);
    rounds.tell({0}, Kind::kDeferred, now, "421 4.7.28 not from you", of_us);
    rounds.tell({1}, Kind::kDeferred, now, "450 4.2.1 busy", "mx.a.test");
    if (i == 0)
      rounds.tell({2}, Kind::kDeferred, now, "450 4.2.1 busy", "mx.a.test");
    else
      rounds.tell({2}, Kind::kDeferred, now, "421 4.7.28 not from you", of_us);
    now = rounds.due();
    rounds.release();
    rounds.claim();
  }
  BOOST_TEST(!rounds.batch().batch()->spoken_of.at(0));
  BOOST_TEST(rounds.batch().batch()->spoken_of.at(1));
  BOOST_TEST(rounds.batch().batch()->round == 4);
  rounds.batch().expire(kAccepted + 121h);
  const UnsavedPart part = rounds.batch().take_unsaved();
  BOOST_REQUIRE(part.failures.size() == 3u);
  BOOST_TEST(part.failures[0].host == of_us);
  BOOST_TEST(part.failures[1].host == "mx.a.test");
  BOOST_TEST(part.failures[2].host == "mx.a.test");
  BOOST_TEST(part.failures[0].reply->to_string() ==
             "554 4.4.7 delivery time expired; last: 421 4.7.28 not from you");
}

BOOST_AUTO_TEST_CASE(whose_time_has_come_goes_again_while_others_are_out) {
  Rounds rounds(5);
  const WallTime begin = kAccepted + 10s;
  rounds.send(begin);
  rounds.tell({0}, Kind::kDeferred, begin, "450 4.7.1 greylisted", "mx.a.test");
  rounds.tell({1}, Kind::kDeferred, begin + 20s, "450 4.7.1 greylisted", "mx.a.test");
  rounds.tell({2}, Kind::kReturned, begin);
  rounds.tell({3}, Kind::kReturned, begin, kSuspended, "", begin + 1h);
  BOOST_TEST(rounds.send(begin + 30s).empty());
  const WallTime due = rounds.due();
  BOOST_TEST((due > begin + 20s + 4min));  // those that are so close go together
  BOOST_TEST(rounds.send(due) == (Some{0, 1}), boost::test_tools::per_element());
  BOOST_TEST(rounds.batch().out() == 3u);
  rounds.tell({0, 1}, Kind::kDelivered, due, "250 ok", "mx.a.test");
  rounds.batch().hasten("delivery to b.test temporarily suspended", due);
  BOOST_TEST((rounds.due() == begin + 1h));
  rounds.batch().hasten("delivery to a.test temporarily suspended", due);
  BOOST_TEST((rounds.due() == due));
  BOOST_TEST(rounds.send(due) == (Some{3}), boost::test_tools::per_element());
  BOOST_TEST(!rounds.batch().next_due(kPauses, due).has_value());
  rounds.tell({3, 4}, Kind::kDelivered, due, "250 ok", "mx.a.test");
  BOOST_TEST(rounds.batch().idle());
  BOOST_TEST(rounds.batch().returned_any());
  BOOST_TEST(rounds.release().pending == 1);
}

BOOST_AUTO_TEST_CASE(who_waits_for_several_destinations_goes_when_one_of_them_is_back) {
  const auto reply = [](const std::string& name) {
    return "451 4.4.1 delivery to " + name + " temporarily suspended: 421 4.3.2 too busy";
  };
  Rounds rounds(2);
  const WallTime begin = kAccepted + 10s;
  rounds.send(begin);
  rounds.tell({0}, Kind::kReturned, begin, reply("a.test"), "", begin + 1h);
  rounds.tell({1}, Kind::kReturned, begin, reply("b.test"), "", begin + 2h);
  const std::string why = rounds.batch().why();
  BOOST_TEST(why.find("delivery to a.test temporarily suspended") != std::string::npos);
  BOOST_TEST(why.find("delivery to b.test temporarily suspended") != std::string::npos);
  rounds.batch().hasten("delivery to c.test temporarily suspended", begin + 1min);
  BOOST_TEST((rounds.due() == begin + 1h));
  rounds.batch().hasten("delivery to a.test temporarily suspended", begin + 1min);
  BOOST_TEST((rounds.due() == begin + 1min));
}

BOOST_AUTO_TEST_CASE(the_reasons_of_a_batch_have_an_end) {
  Rounds rounds(40);
  const WallTime begin = kAccepted + 10s;
  rounds.send(begin);
  const auto words = [](int d) {
    return "delivery to d" + std::to_string(d) + ".test temporarily suspended";
  };
  for (int d = 0; d < 40; ++d)
    rounds.tell({static_cast<std::uint16_t>(d)}, Kind::kReturned, begin,
                "451 4.4.1 " + words(d) + ": " + std::string(600, 'x'), "", begin + 1h);
  const std::string why = rounds.batch().why();
  BOOST_TEST(why.size() <= 1'300u);
  for (int d = 35; d < 40; ++d) BOOST_TEST(why.find(words(d)) != std::string::npos);
  rounds.batch().hasten(words(0), begin + 1min);
  BOOST_TEST((rounds.due() == begin + 1h));
  rounds.batch().hasten(words(39), begin + 1min);
  BOOST_TEST((rounds.due() == begin + 1min));
}

BOOST_AUTO_TEST_CASE(a_clock_that_went_back_makes_nobody_wait) {
  Rounds rounds(1);
  const WallTime begin = kAccepted + 24h;
  rounds.send(begin);
  rounds.tell({0}, Kind::kDeferred, begin, "450 4.2.1 busy", "mx.a.test");
  rounds.release();
  rounds.claim();
  BOOST_TEST(rounds.send(begin + 1s).empty());
  // As when it is released after that.
  const WallTime now = begin - 1h;
  BOOST_TEST((rounds.due(now) > now + 3min && rounds.due(now) < now + 7min));
  BOOST_TEST(rounds.send(now).size() == 1u);
}

BOOST_AUTO_TEST_CASE(what_was_accepted_in_the_future_has_its_pauses_from_now_on) {
  Rounds rounds(2);
  const WallTime now = kAccepted - 5min;
  BOOST_TEST(rounds.send(now).size() == 2u);
  rounds.tell({0}, Kind::kDeferred, now, "450 4.2.1 busy", "mx.a.test");
  const WallTime due = rounds.due(now);
  BOOST_TEST((due > now + 3min && due < now + 7min));
  rounds.tell({1}, Kind::kReturned, now, kSuspended, "", now + 1h);
  // The clock goes back once more while it is open: nobody waits for a time of before.
  rounds.batch().hasten("", now - 3min);
  BOOST_TEST((rounds.due(now - 3min) == now - 3min));
  BOOST_TEST(rounds.send(now - 3min).size() == 2u);
  BOOST_TEST(!rounds.batch().next_due(kPauses, now - 3min).has_value());
}

// The node that promoted the batch may have a clock that is ahead of that of the node that claims it.
BOOST_AUTO_TEST_CASE(whose_time_had_come_for_another_node_goes_and_only_once) {
  Rounds rounds(2);
  const WallTime begin = kAccepted + 10s;
  rounds.send(begin);
  rounds.tell({0, 1}, Kind::kDeferred, begin, "450 4.2.1 busy", "mx.a.test");
  const WallTime due = rounds.due(), behind = due - 40s;
  rounds.release(due);
  rounds.claim();
  BOOST_TEST(rounds.send(behind).size() == 2u);
  rounds.tell({0}, Kind::kDeferred, behind, "450 4.2.1 busy", "mx.a.test");
  BOOST_TEST(rounds.send(behind + 5s).empty());
  BOOST_TEST((rounds.due() > behind + 7min));
  rounds.tell({1}, Kind::kDeferred, behind, "450 4.2.1 busy", "mx.a.test");
  // Claimed before it is due, as when a node ended: the pauses hold.
  rounds.release(behind);
  rounds.claim();
  BOOST_TEST(rounds.send(behind + 10s).empty());
}

BOOST_AUTO_TEST_CASE(suspensions_end_at_full_steps_and_what_is_released_is_not_due_at_once) {
  BOOST_TEST((suspension_step(5min) == Duration(10s)));
  BOOST_TEST((suspension_step(400ms) == Duration(50ms)));
  BOOST_TEST(to_millis(at_full_step(from_millis(100'001), 10s)) == 110'000);
  BOOST_TEST(to_millis(at_full_step(from_millis(100'000), 10s)) == 100'000);
  BOOST_TEST(to_millis(at_full_step(from_millis(100'001), 50ms)) == 100'050);
  BOOST_TEST(to_millis(at_full_step(from_millis(100'001), 3us)) == 100'001);
  const WallTime now = from_millis(100'000);
  BOOST_TEST((due_after_release(now, now - 1h, 10s) == now + 1s));
  BOOST_TEST((due_after_release(now, now + 80ms, 10s) == now + 1s));
  BOOST_TEST((due_after_release(now, now, 50ms) == now + 50ms));
  BOOST_TEST((due_after_release(now, now + 3s, 10s) == now + 3s));
  BOOST_TEST((due_after_release(now, now + 12s, 10s) == now + 20s));
}

// At the end of any suspension all of them are looked at, and those whose own one goes on hear the same again.
BOOST_AUTO_TEST_CASE(to_be_put_off_for_the_same_again_is_no_news) {
  Rounds rounds(3);
  const WallTime begin = kAccepted + 3s, until = begin + 60s;
  const auto put_off = [&](const Some& who, WallTime now, const std::string& reply) {
    return rounds.tell(who, Kind::kReturned, now, reply, "", until);
  };
  rounds.send(begin);
  rounds.tell({0}, Kind::kDeferred, begin, kSuspended, std::string(storage::kWithItsBatch), until);
  BOOST_TEST(put_off({1, 2}, begin, kSuspended) == (Some{1, 2}), boost::test_tools::per_element());
  for (int i = 1; i <= 3; ++i) {
    const WallTime now = begin + i * 10s;
    rounds.release(now);
    rounds.claim();
    BOOST_TEST(rounds.send(now).size() == 3u);
    BOOST_TEST(put_off({0, 1, 2}, now, kSuspended).empty());
  }
  rounds.release(until);
  rounds.claim();
  rounds.send(until);
  BOOST_TEST(put_off({0}, until, kSuspended).empty());
  BOOST_TEST(put_off({1}, until, std::string(kSuspended) + " for another reason") == Some{1},
             boost::test_tools::per_element());
  rounds.tell({2}, Kind::kDeferred, until, "450 4.7.1 greylisted", "mx.a.test");
  rounds.release(until + 1h);
  rounds.claim();
  rounds.send(until + 1h);
  BOOST_TEST(put_off({2}, until + 1h, kSuspended) == Some{2}, boost::test_tools::per_element());
}

// Our own line is down, and each destination was suspended by itself.
BOOST_AUTO_TEST_CASE(a_batch_for_many_suspended_destinations_comes_a_few_times) {
  constexpr std::size_t kMany = 300;
  const Duration step = suspension_step(kPauses.initial);
  Rounds rounds(kMany);
  const WallTime begin = kAccepted + 3s;
  rounds.send(begin);
  const auto end_of = [&](std::size_t i, WallTime from) {
    return at_full_step(from + 48s + 80ms * static_cast<int>(i), step);
  };
  const auto down = [&](std::size_t i, WallTime now, WallTime until) {
    rounds.tell({static_cast<std::uint16_t>(i)}, Kind::kReturned, now, kSuspended, "", until);
  };
  for (std::size_t i = 0; i < kMany; ++i) down(i, begin, end_of(i, begin));
  const WallTime last = end_of(kMany, begin);
  int claims = 0;
  for (WallTime now = begin; now < last; ++claims) {
    now = due_after_release(now, rounds.due(), step);
    rounds.release(now);
    rounds.claim();
    BOOST_TEST(rounds.send(now).size() == kMany);
    for (std::size_t i = 0; i < kMany; ++i) {
      const WallTime end = end_of(i, begin);
      down(i, now, end > now ? end : now + 2min);
    }
  }
  BOOST_TEST(claims <= 5);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace essaim::delivery
