// Work that is taken back from a whole engine, because its post is held here or at another node.
#include <atomic>
#include <functional>
#include <future>
#include <memory>
#include <thread>
#include <vector>

#include <boost/test/unit_test.hpp>

#include "delivery/loop_side.h"
#include "delivery/rotation.h"
#include "tests/delivery/queue/rig.h"

namespace essaim::test {
namespace {

using namespace std::chrono_literals;
using storage::CopyMode;

BOOST_AUTO_TEST_CASE(a_recalled_post_waits_and_a_held_one_is_not_claimed) {
  TestSink sink;
  HostPolicy slow;
  slow.message_ms = 100;
  sink.set(address_of(0), slow);
  Site site;
  site.add_members(600, 1);
  const Id post = site.post_to_list(site.new_post(CopyMode::kPersonal, 1), 0);
  Run run(
      site, [](FakeResolver& dns) { serve_domains(dns, 1); }, settings_for(site, sink));
  BOOST_REQUIRE(wait_until([&] { return sink.total() > 20; }));
  std::atomic<bool> recalled{false};
  run.engine->recall({post}, [&] {
    must(site.database->write_now(storage::Durability::kAccept, [&](storage::Connection& connection) {
      return storage::PostStore(connection).set_held(post, true, "look at it");
    }));
    recalled = true;
  });
  BOOST_REQUIRE(wait_until([&] { return recalled.load(); }));
  const std::size_t at_hold = sink.total();
  BOOST_TEST((site.batches(post)[0].queue != storage::BatchQueue::kOwned));
  BOOST_TEST(static_cast<std::size_t>(site.batches(post)[0].delivered) == at_hold);
  std::this_thread::sleep_for(300ms);
  BOOST_TEST(sink.total() == at_hold);
  BOOST_TEST(at_hold < 600u);
  must(site.database->write_now(storage::Durability::kAccept, [&](storage::Connection& connection) {
    return storage::PostStore(connection).set_held(post, false, "");
  }));
  run.engine->ring();
  BOOST_REQUIRE(wait_until([&] { return site.finished(post); }));
  check_each_once(sink.accepted(), 600);
}

// An operator's request that waits for it must not keep a server from ending.
BOOST_AUTO_TEST_CASE(no_recall_is_waited_for_behind_the_end) {
  TestSink sink;
  Site site;
  Run run(
      site, [](FakeResolver& dns) { serve_domains(dns, 1); }, settings_for(site, sink));
  const auto is_over = [&] {
    auto back = std::make_shared<std::promise<void>>();
    const auto over = back->get_future();
    run.engine->recall({1}, [back = std::move(back)] { back->set_value(); });
    return over.wait_for(3min) == std::future_status::ready;
  };
  BOOST_TEST(is_over());
  // One after the other, until behind the end: one is under way at it.
  std::atomic<bool> ended{false}, all_over{true};
  std::thread operator_at_work([&] {
    while (!ended && all_over) all_over = is_over();
  });
  run.engine->drain(1s);
  ended = true;
  operator_at_work.join();
  BOOST_TEST(all_over.load());
  BOOST_TEST(is_over());
}

BOOST_AUTO_TEST_CASE(what_another_node_holds_comes_back_from_every_node) {
  TestSink sink;
  HostPolicy slow;
  slow.message_ms = 100;
  sink.set(address_of(0), slow);
  sink.set(address_of(1), slow);
  Site site;
  site.add_members(3000, 2);
  const auto dns = [](FakeResolver& resolver) { serve_domains(resolver, 2); };
  auto settings = settings_for(site, sink);
  settings.active_batches = 1;
  Run one(site, dns, settings, 2, {}, nullptr, "one.test");
  settings.journal_directory = site.database.directory().path("journal-of-two");
  Run two(site, dns, settings, 2, {}, nullptr, "two.test");
  const Id post = site.post_to_list(site.new_post(CopyMode::kPersonal, 1), 0);
  one.engine->ring();
  two.engine->ring();
  const auto owners = [&] {
    std::set<int> numbers;
    for (const auto& batch : site.batches(post))
      if (batch.queue == storage::BatchQueue::kOwned) numbers.insert(batch.owner);
    return numbers;
  };
  BOOST_REQUIRE(wait_until([&] { return owners().size() == 2 && sink.total() > 20; }));
  must(site.database->write_now(storage::Durability::kAccept, [&](storage::Connection& connection) {
    return storage::PostStore(connection).set_held(post, true, "wrong");
  }));
  // What the view of each shows it (storage/cluster/node_watch.cc).
  one.engine->holds_changed();
  two.engine->holds_changed();
  BOOST_TEST(wait_until([&] { return owners().empty(); }));
  const std::size_t at_hold = sink.total();
  std::this_thread::sleep_for(500ms);
  BOOST_TEST(sink.total() == at_hold);
  BOOST_TEST(at_hold < 1500u);
  BOOST_TEST(static_cast<std::size_t>(site.counts(post).delivered) == at_hold);
  // Another post goes out meanwhile, and this one when it is released.
  const Id other = site.post_to(site.new_post(CopyMode::kPersonal, 0), 0, {{0, "ann", "d1.test"}});
  two.engine->ring();
  BOOST_REQUIRE(wait_until([&] { return site.finished(other); }));
  must(site.database->write_now(storage::Durability::kAccept, [&](storage::Connection& connection) {
    return storage::PostStore(connection).set_held(post, false, "");
  }));
  slow.message_ms = 0;
  sink.set(address_of(0), slow);
  sink.set(address_of(1), slow);
  one.engine->ring();
  two.engine->ring();
  BOOST_REQUIRE(wait_until([&] { return site.finished(post); }));
  check_each_once(sink.accepted(), 3001);
}

// The command does not wait for it any longer, and it is not for the next host, as long as that takes.
BOOST_AUTO_TEST_CASE(what_is_in_flight_of_a_recalled_post_does_not_go_to_the_next_host) {
  TestSink sink;
  std::promise<void> recalled;
  const auto over = recalled.get_future().share();
  HostPolicy slow;
  slow.dot = [over] {
    over.wait();
    std::this_thread::sleep_for(300ms);
    return "451 4.3.0 not now";
  };
  sink.set(address_of(0), slow);
  Site site;
  const Id post = site.post_to(site.new_post(CopyMode::kPersonal, 1), 0, {{0, "ann", "d0.test"}});
  auto settings = settings_for(site, sink);
  settings.command_timeout = 60s;
  Run run(
      site,
      [](FakeResolver& dns) {
        dns.set_mx("d0.test", {{10, "a.test"}, {20, "b.test"}});
        dns.set_addresses("a.test", {address_of(0)});
        dns.set_addresses("b.test", {address_of(1)});
      },
      settings);
  BOOST_REQUIRE(wait_until([&] { return sink.commands(address_of(0)).size() >= 3; }));
  must(site.database->write_now(storage::Durability::kAccept, [&](storage::Connection& connection) {
    return storage::PostStore(connection).set_held(post, true, "wrong");
  }));
  run.engine->recall({post}, [&] { recalled.set_value(); });
  BOOST_REQUIRE(wait_until([&] { return site.batches(post)[0].queue != storage::BatchQueue::kOwned; }));
  BOOST_TEST(sink.total() == 0u);
  BOOST_TEST(site.batches(post)[0].pending == 1);
}

// Its port refuses then, and that counts against nobody.
BOOST_AUTO_TEST_CASE(
    what_is_for_ourselves_is_given_back_untried_when_the_server_rests_and_goes_when_it_does_not) {
  TestSink sink;
  HostPolicy own;
  own.message_ms = 20;
  sink.set("127.0.0.1", own);
  Site site;
  site.add_members(200, 1);
  auto settings = settings_for(site, sink);
  settings.own_port = sink.port();
  settings.connections_initial = settings.connections_per_destination = 1;
  settings.transactions_per_connection = 10;
  const Id post = site.post_to_list(site.new_post(CopyMode::kPersonal, 1), 0);
  Run run(
      site,
      [](FakeResolver& dns) {
        dns.set_mx(Site::domain_name(0), {{10, "node.test"}});
      },
      settings);
  BOOST_REQUIRE(wait_until([&] { return sink.total() > 5; }));
  // The queue takes back what is in memory, and is late.
  std::promise<void> busy, go_on;
  run.engine->recall({site.ids.next()}, [&] {
    busy.set_value();
    go_on.get_future().wait();
  });
  busy.get_future().wait();
  run.engine->rest(true);
  own.greeting = "421 4.3.2 takes nothing now";
  sink.set("127.0.0.1", own);
  std::this_thread::sleep_for(500ms);  // in which connections end, and new ones would be refused
  go_on.set_value();
  BOOST_REQUIRE(wait_until([&] { return site.batches(post)[0].owner == 0; }));
  const auto batch = site.batches(post)[0];
  BOOST_TEST((batch.queue == storage::BatchQueue::kReady));
  BOOST_TEST(batch.pending > 0);
  for (const auto& status : batch.progress.recipients)
    BOOST_TEST((status.state == storage::RecipientState::kDelivered || status.attempts == 0));
  sink.set("127.0.0.1", {});
  run.engine->rest(false);
  BOOST_REQUIRE(wait_until([&] { return site.finished(post); }));
  check_each_once(sink.accepted(), 200);
}

// The batch is open for as long as another host takes. user1 and as many more as leave, each of a domain of their own.
void leave_while_waiting(storage::PostKind kind, int leave,
                         const std::function<void(Site&, Id post)>& doing) {
  TestSink sink;
  std::promise<void> let_go;
  HostPolicy hangs, busy;
  hangs.dot = [over = let_go.get_future().share()] {
    over.wait();
    return "250 2.0.0 ok";
  };
  busy.rcpt = [](const std::string&, int) { return "451 4.2.1 mailbox busy"; };
  sink.set(address_of(0), hangs);
  for (int i = 1; i <= leave; ++i) sink.set(address_of(i), busy);
  Site site;
  site.add_members(1 + leave, 1 + leave);
  storage::PostRecord record = site.new_post(CopyMode::kPersonal, 1);
  record.kind = kind;
  const Id post = site.post_to_list(record, 0);
  Run run(
      site, [leave](FakeResolver& dns) { serve_domains(dns, 1 + leave); }, settings_for(site, sink));
  for (int i = 1; i <= leave; ++i)
    BOOST_REQUIRE(wait_until([&] { return !sink.commands(address_of(i)).empty(); }));
  doing(site, post);
  BOOST_TEST(wait_until([&] { return site.counts(post).suppressed == leave; }));
  BOOST_TEST((site.batches(post)[0].queue == storage::BatchQueue::kOwned));
  let_go.set_value();
  BOOST_REQUIRE(wait_until([&] { return site.finished(post); }));
  BOOST_TEST(site.counts(post).delivered == 1);
  BOOST_TEST(site.counts(post).suppressed == leave);
}

void remove_user1(Site& site, Id) {
  site.remove_member("user1", "d1.test");
}

// What `person erase` does with memberships that have ended.
void forget(Site& site, const smtp::Address& who) {
  must(site.database->write_now(storage::Durability::kAccept,
                                [&](storage::Connection& connection) -> Result<void> {
                                  storage::MemberStore members(connection);
                                  const auto rows = members.all_of_person(who, 10);
                                  if (!rows.ok()) return rows.error();
                                  for (const storage::MemberRecord& row : *rows) {
                                    const auto done = members.forget_ended(row.id, who);
                                    if (!done.ok()) return done.error();
                                    BOOST_TEST(*done);
                                  }
                                  return {};
                                }));
}

BOOST_AUTO_TEST_CASE(who_leaves_while_waiting_in_an_open_batch_is_sent_to_no_more) {
  leave_while_waiting(storage::PostKind::kList, 1, remove_user1);
}

BOOST_AUTO_TEST_CASE(who_leaves_while_waiting_for_a_reminder_is_sent_to_no_more) {
  leave_while_waiting(storage::PostKind::kNotice, 1, remove_user1);
}

BOOST_AUTO_TEST_CASE(who_is_erased_under_an_earlier_address_is_sent_to_no_more_there) {
  leave_while_waiting(storage::PostKind::kList, 1, [](Site& site, Id) {
    const smtp::Address earlier{"user1", "d1.test"};
    must(site.database->write_now(
        storage::Durability::kAccept, [&](storage::Connection& connection) -> Result<void> {
          storage::MemberStore members(connection);
          const auto revision = members.next_revision(site.list_id);
          if (!revision.ok()) return revision.error();
          const auto member = members.find(site.list_id, storage::Role::kMember, earlier);
          if (!member.ok()) return member.error();
          return members.move(member->value(), {"user1", "new.test"}, *revision, site.ids.next());
        }));
    forget(site, earlier);
  });
}

// There it makes no revision, and one look has found the other.
BOOST_AUTO_TEST_CASE(who_is_erased_from_a_list_that_is_gone_is_sent_to_no_more) {
  leave_while_waiting(storage::PostKind::kList, 2, [](Site& site, Id post) {
    must(site.database->write_now(storage::Durability::kAccept, [&](storage::Connection& connection) {
      return storage::DirectoryStore(connection)
          .delete_list(site.list_id, system_clock().wall_now(), "operator");
    }));
    forget(site, {"user2", "d2.test"});
    BOOST_TEST(wait_until([&] { return site.counts(post).suppressed == 1; }));
    forget(site, {"user1", "d1.test"});
  });
}

// Made of batches by the engine, which still takes who was a member when it was asked for.
BOOST_AUTO_TEST_CASE(who_has_left_or_was_forgotten_gets_no_reminder) {
  const smtp::Address forgotten{"user5", Site::domain_name(2)};
  TestSink sink;
  Site site;
  site.add_members(6, 3);
  storage::PostRecord reminder = site.new_post(CopyMode::kPersonal, 1);
  reminder.kind = storage::PostKind::kNotice;
  const Id post = site.post_to_list(reminder, 0, 0);
  site.remove_member("user4", Site::domain_name(1));
  site.remove_member(forgotten.local, forgotten.domain);
  forget(site, forgotten);
  // To named people, one of whom left: that is what it may be about.
  storage::PostRecord goodbye = site.new_post(CopyMode::kPersonal, 0);
  goodbye.kind = storage::PostKind::kNotice;
  const Id told = site.post_to(goodbye, 0, {{0, "user4", Site::domain_name(1)}});
  Run run(
      site, [](FakeResolver& dns) { serve_domains(dns, 3); }, settings_for(site, sink));
  BOOST_REQUIRE(wait_until([&] { return site.finished(post) && site.finished(told); }));
  BOOST_TEST(site.counts(post).suppressed == 2);
  BOOST_TEST(site.counts(post).delivered == 4);
  BOOST_TEST(site.counts(post).failed == 0);
  BOOST_TEST(site.counts(told).delivered == 1);
}

// Others are being sent to at that host, for so long that the look comes long before.
BOOST_AUTO_TEST_CASE(who_leaves_while_waiting_for_a_slow_host_is_sent_to_no_more) {
  constexpr int kMembers = 100;
  TestSink sink;
  HostPolicy slow;
  slow.message_ms = 200;
  sink.set(address_of(0), slow);
  Site site;
  site.add_members(kMembers, 1);
  auto settings = settings_for(site, sink);
  settings.connections_per_destination = settings.connections_initial = 1;
  const Id post = site.post_to_list(site.new_post(CopyMode::kPersonal, 1), 0);
  Run run(
      site, [](FakeResolver& dns) { serve_domains(dns, 1); }, settings);
  BOOST_REQUIRE(wait_until([&] { return sink.total() > 0; }));
  site.remove_member("user99", "d0.test");  // the last in order
  BOOST_TEST(wait_until([&] { return site.counts(post).suppressed == 1; }));
  slow.message_ms = 0;
  sink.set(address_of(0), slow);
  BOOST_REQUIRE(wait_until([&] { return site.finished(post); }));
  check_each_once(sink.accepted(), kMembers - 1);
  BOOST_TEST(sink.accepted().count("user99@d0.test") == 0U);
}

// One of its recipients is being sent to for as long as the test wants, and the others wait at a slow host.
BOOST_AUTO_TEST_CASE(who_leaves_does_not_make_the_others_of_the_batch_wait) {
  constexpr std::size_t kSlow = 50;
  TestSink sink;
  std::promise<void> let_go;
  HostPolicy hangs, slow;
  hangs.dot = [over = let_go.get_future().share()] {
    over.wait();
    return "250 2.0.0 ok";
  };
  slow.message_ms = 500;
  sink.set(address_of(0), hangs);
  sink.set(address_of(1), slow);
  Site site;
  site.add_members(1, 1);
  site.add_members(static_cast<int>(kSlow), 1, 1);
  auto settings = settings_for(site, sink);
  settings.connections_per_destination = settings.connections_initial = 1;
  settings.command_timeout = 10min;
  const Id post = site.post_to_list(site.new_post(CopyMode::kPersonal, 1), 0);
  Run run(
      site, [](FakeResolver& dns) { serve_domains(dns, 2); }, settings);
  BOOST_REQUIRE(wait_until([&] { return sink.total() > 0 && sink.commands(address_of(0)).size() >= 3; }));
  site.remove_member("user3", "d1.test");  // in the middle, from either end
  BOOST_TEST(wait_until([&] { return site.counts(post).suppressed == 1; }));
  slow.message_ms = 0;
  sink.set(address_of(1), slow);
  BOOST_TEST(wait_until([&] { return sink.accepted().size() == kSlow - 1; }));
  BOOST_TEST((site.batches(post)[0].queue == storage::BatchQueue::kOwned));
  let_go.set_value();
  BOOST_REQUIRE(wait_until([&] { return site.finished(post); }));
  check_each_once(sink.accepted(), kSlow);
  BOOST_TEST(sink.accepted().count("user3@d1.test") == 0U);
}

// Without an engine.
BOOST_AUTO_TEST_CASE(
    some_recipients_are_taken_out_of_a_queue_and_the_others_of_their_batch_keep_their_place) {
  using delivery::Slice;
  using Some = std::vector<std::uint16_t>;
  for (const CopyMode mode : {CopyMode::kPersonal, CopyMode::kCommon}) {
    const auto batch = [mode](Id post, std::size_t recipients) {
      auto active = std::make_shared<delivery::ActivePost>();
      active->post.id = post;
      active->post.mode = mode;
      auto made = std::make_shared<delivery::ActiveBatch>();
      made->post = std::move(active);
      for (std::size_t i = 0; i < recipients; ++i)
        made->recipients.push_back({static_cast<Id>(i + 1), "u" + std::to_string(i), "a.test"});
      return std::shared_ptr<const delivery::ActiveBatch>(std::move(made));
    };
    const auto one = batch(1, 5), two = batch(2, 2), three = batch(3, 3);
    delivery::Rotation queue;
    queue.push(Slice{one, {0, 1, 2, 3, 4}, {}});
    queue.push(Slice{two, {0, 1}, {}});
    queue.push(Slice{three, {0, 1, 2}, {}});
    delivery::RecallFilter filter;
    filter.recipients[one.get()] = {1, 3, 9};
    filter.batches.insert(two.get());
    const auto taken = queue.take([&](Slice* slice) { return filter.take_out(slice); });
    BOOST_REQUIRE(taken.size() == 2U);
    BOOST_TEST(taken[0].indices == (Some{1, 3}), boost::test_tools::per_element());
    BOOST_TEST((taken[0].batch == one));
    BOOST_TEST(taken[1].indices == (Some{0, 1}), boost::test_tools::per_element());
    BOOST_TEST(queue.recipients() == 6U);
    BOOST_TEST(queue.transactions(100) == (mode == CopyMode::kPersonal ? 6U : 1U));
    const auto left = queue.take_all();
    BOOST_REQUIRE(left.size() == 2U);
    BOOST_TEST(left[0].indices == (Some{0, 2, 4}), boost::test_tools::per_element());
    BOOST_TEST(left[1].indices.size() == 3U);
    BOOST_TEST(queue.empty());
    BOOST_TEST(queue.transactions(100) == 0U);
  }
}

}  // namespace
}  // namespace essaim::test
