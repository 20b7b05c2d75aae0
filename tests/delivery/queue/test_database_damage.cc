// Rows and pages of the database are damaged: what is on others is delivered.
#include <boost/test/unit_test.hpp>

#include "core/base/log.h"
#include "delivery/claim.h"
#include "delivery/save.h"
#include "storage/fault.h"
#include "storage/sql.h"
#include "tests/delivery/queue/rig.h"
#include "tests/support/damaged_page.h"

namespace essaim::test {
namespace {

using namespace std::chrono_literals;
using storage::FaultPlan;

// So it is when one of the rows that wait is damaged, or locked by somebody who does not go on.
BOOST_AUTO_TEST_CASE(what_cannot_be_made_due_does_not_keep_others_from_going_out) {
  if (!TempDatabase::is_sqlite()) return;
  log::Capture quiet([](log::Level, std::string_view) {});
  TestSink sink;
  sink.set(address_of(0), HostPolicy());
  Site site;
  const auto change = [&site](const std::string& sql) {
    must(site.database->write_now(storage::Durability::kAccept,
                                  [&](storage::Connection& c) { return c.execute(sql); }));
  };
  const auto post_to = [&site](const std::string& local) {
    return site.post_to(site.new_post(storage::CopyMode::kPersonal, 1), 0, {{0, local, "d0.test"}});
  };
  const Id waits = post_to("waits");
  change("UPDATE batch_state SET queue = 2, due = 9999999999999, why = 'list suspended by the operator'");
  change(
      "CREATE TRIGGER damage BEFORE UPDATE ON batch_state WHEN OLD.queue = 2 AND NEW.queue = 2 "
      "BEGIN SELECT RAISE(ABORT, 'damaged'); END");
  Run run(
      site, [](FakeResolver& dns) { serve_domains(dns, 1); }, settings_for(site, sink));
  const Id goes = post_to("goes");
  run.engine->ring();
  BOOST_TEST(wait_until([&] { return site.finished(goes); }));
  BOOST_TEST(!site.finished(waits));
  change("DROP TRIGGER damage");
  BOOST_TEST(wait_until([&] { return site.finished(waits); }));
}

BOOST_AUTO_TEST_CASE(a_row_that_cannot_be_made_ready_does_not_keep_the_others_that_are_due) {
  if (!TempDatabase::is_sqlite()) return;
  std::atomic<int> told{0};
  log::Capture capture([&](log::Level, std::string_view line) {
    if (line.find("batch.damaged") != std::string_view::npos) ++told;
  });
  TestSink sink;
  sink.set(address_of(0), HostPolicy());
  Site site;
  const auto post_to = [&site](const std::string& local) {
    return site.post_to(site.new_post(storage::CopyMode::kPersonal, 1), 0, {{0, local, "d0.test"}});
  };
  const Id stays = post_to("stays"), due = post_to("due");
  must(site.database->write_now(storage::Durability::kAccept, [&](storage::Connection& c) -> Result<void> {
    ESSAIM_TRY(c.execute("UPDATE batch_state SET queue = 2, due = 5"));
    return c.execute("CREATE TRIGGER damage BEFORE UPDATE ON batch_state WHEN OLD.post_id = " +
                     std::to_string(stays) + " BEGIN SELECT RAISE(ABORT, 'damaged'); END");
  }));
  Run run(
      site, [](FakeResolver& dns) { serve_domains(dns, 1); }, settings_for(site, sink));
  const Id goes = post_to("goes");
  run.engine->ring();
  BOOST_TEST(wait_until([&] { return site.finished(due) && site.finished(goes); }));
  BOOST_TEST(!site.finished(stays));
  BOOST_TEST(told == 1);
}

// Of a damaged page of a file: whoever reads it can write nothing more in that transaction.
BOOST_AUTO_TEST_CASE(what_a_damaged_page_hides_does_not_keep_the_others) {
  if (!TempDatabase::is_sqlite()) return;
  std::atomic<int> passed_over{0};
  std::string hidden;
  std::atomic<bool> named{false};
  log::Capture capture([&](log::Level, std::string_view line) {
    if (line.find("batch.damaged") == std::string_view::npos ||
        line.find("passed over") == std::string_view::npos)
      return;
    ++passed_over;
    if (line.find(hidden) != std::string_view::npos) named = true;
  });
  TestSink sink;
  sink.set(address_of(0), HostPolicy());
  Site site;
  std::vector<Id> posts;
  const auto post_to = [&](const std::string& local) {
    const auto rank = static_cast<std::int64_t>(posts.size());
    posts.push_back(
        site.post_to(site.new_post(storage::CopyMode::kPersonal, 1), rank, {{0, local, "d0.test"}}));
  };
  for (int i = 0; i < 150; ++i) post_to("before" + std::to_string(i));
  post_to("damaged-here");
  hidden = format_id(posts.back());
  for (int i = 0; i < 150; ++i) post_to("behind" + std::to_string(i));
  must(site.database->write_now(storage::Durability::kAccept, [&](storage::Connection& c) {
    return c.execute("UPDATE batch_state SET queue = 2, due = 5 WHERE post_id = " +
                     std::to_string(posts.back()));
  }));
  damage_pages_with(&site.database, "damaged-here");
  Run run(
      site, [](FakeResolver& dns) { serve_domains(dns, 1); }, settings_for(site, sink));
  BOOST_TEST(wait_until([&] { return sink.accepted().count("before0@d0.test") > 0; }));
  BOOST_TEST(wait_until([&] { return sink.accepted().count("behind149@d0.test") > 0; }));
  post_to("later");
  run.engine->ring();
  BOOST_TEST(wait_until([&] { return site.finished(posts.back()); }));
  BOOST_TEST(passed_over > 0);
  BOOST_TEST(sink.accepted().count("damaged-here@d0.test") == 0U);
  BOOST_TEST(wait_until([&] { return sink.accepted().size() + passed_over == posts.size(); }));
  BOOST_TEST(named.load());
  for (const auto& [to, times] : sink.accepted()) BOOST_TEST(times == 1, to);
  BOOST_TEST(!run.engine->stands_still());
}

// A look at what is to be expanded names 64.
BOOST_AUTO_TEST_CASE(lists_whose_members_cannot_be_read_do_not_keep_the_others) {
  if (!TempDatabase::is_sqlite()) return;
  constexpr int kDamaged = 70;
  std::atomic<int> failed{0};
  log::Capture capture([&](log::Level, std::string_view line) {
    if (line.find("expansion-failed") != std::string_view::npos) ++failed;
  });
  TestSink sink;
  sink.set(address_of(0), HostPolicy());
  Site site;
  site.add_members(5, 1);
  const Id other_list = site.list_id + 2;
  must(site.database->write_now(storage::Durability::kAccept, [&](storage::Connection& c) -> Result<void> {
    storage::MemberRecord member;
    member.joined = 1;
    member.domain = "d0.test";
    // Between the lists there are pages of neither.
    for (int i = 0; i < 600; ++i) {
      member.id = site.ids.next();
      member.list_id = i < 300 ? site.list_id + 1 : other_list;
      member.local = (i == 599 ? "damaged-here" : "user") + std::to_string(i);
      ESSAIM_TRY(storage::MemberStore(c).add(member));
    }
    return {};
  }));
  for (int i = 0; i < kDamaged; ++i) {
    auto record = site.new_post(storage::CopyMode::kPersonal, 1);
    record.list_id = other_list;
    site.post_to_list(record, 0, 0);
  }
  damage_pages_with(&site.database, "damaged-here");
  Run run(
      site, [](FakeResolver& dns) { serve_domains(dns, 1); }, settings_for(site, sink));
  const Id post = site.post_to_list(site.new_post(storage::CopyMode::kPersonal, 1), 0, 0);
  run.engine->ring();
  BOOST_TEST(wait_until([&] { return site.counts(post).delivered == 5; }, 30s));
  BOOST_TEST(wait_until([&] { return failed > kDamaged; }, 30s));  // they are tried again,
  std::this_thread::sleep_for(2s);
  BOOST_TEST(failed <= 4 * kDamaged);  // ever more seldom
  BOOST_TEST(sink.total() == 5U);
}

BOOST_AUTO_TEST_CASE(it_says_so_where_there_is_no_way_around_the_damage) {
  std::atomic<int> still{0}, goes_on{0};
  log::Capture capture([&](log::Level, std::string_view line) {
    if (line.find("delivery-stands-still") != std::string_view::npos) ++still;
    if (line.find("delivery-goes-on") != std::string_view::npos) ++goes_on;
  });
  TestSink sink;
  sink.set(address_of(0), HostPolicy());
  Site site;
  Run run(
      site, [](FakeResolver& dns) { serve_domains(dns, 1); }, settings_for(site, sink));
  const auto post_to = [&](const std::string& local) {
    return site.post_to(site.new_post(storage::CopyMode::kPersonal, 1), 0, {{0, local, "d0.test"}});
  };
  const Id before = post_to("before");
  run.engine->ring();
  BOOST_REQUIRE(wait_until([&] { return site.finished(before); }));
  const Id post = post_to("user");
  FaultPlan::arm(
      {FaultPlan::Where::kStatement, 1, 1'000'000'000, FaultPlan::What::kFail, ErrorCode::kDamaged});
  run.engine->ring();
  BOOST_TEST(wait_until([&] { return run.engine->stands_still(); }));
  FaultPlan::disarm();
  BOOST_TEST(wait_until([&] { return !run.engine->stands_still(); }));
  BOOST_TEST(wait_until([&] { return site.finished(post); }));
  BOOST_TEST(still == 1);
  BOOST_TEST(goes_on == 1);
}

// The outcomes are there; what waits for the row to be sound waits for ever.
BOOST_AUTO_TEST_CASE(a_damaged_row_is_written_anew_by_a_save_that_is_tried_again) {
  Site site;
  site.add_members(2, 1);
  const Id id = site.post_to_list(site.new_post(storage::CopyMode::kPersonal, 1), 0);
  KeptFailures failures;
  must(site.database->write_now(storage::Durability::kAccept, [&](storage::Connection& c) -> Result<void> {
    const storage::Fence fence{1, 1};
    auto claimed = must(storage::BatchStore(c).claim(fence, 0, 9, 1, {}));
    BOOST_REQUIRE(claimed.size() == 1u);
    ESSAIM_TRY(c.execute("UPDATE batch_state SET progress = x'0102' WHERE post_id = " + std::to_string(id)));
    BOOST_TEST(!storage::BatchStore(c).load(id, 0, true).ok());
    const delivery::OpenBatch open(
        std::move(claimed[0]),
        must(delivery::activate_post(site.new_post(storage::CopyMode::kCommon, 1), share("x\r\n.\r\n"))));
    std::vector<delivery::SaveItem> items(1);
    items[0].batch = open.batch();
    items[0].record = open.progress_record();
    items[0].retried = true;
    std::vector<bool> conflicts;
    ESSAIM_TRY(delivery::run_saves(c, fence, items, failures, &conflicts));
    BOOST_TEST(!conflicts.at(0));
    BOOST_TEST(storage::BatchStore(c).load(id, 0, true).ok());
    return {};
  }));
}

// As where the page of a table was never written: what an index says is due is not, and asking for it again at once would be for ever.
BOOST_AUTO_TEST_CASE(what_an_index_alone_says_is_due_does_not_keep_claims_busy) {
  if (!TempDatabase::is_sqlite()) return;
  Site site;
  const Id waiting = site.post_to(site.new_post(storage::CopyMode::kPersonal, 0), 0, {{0, "ann", "d0.test"}});
  const WallTime now = system_clock().wall_now();
  delivery::ClaimResult result;
  delivery::ClaimRequest request;
  request.fence = {1, 1};
  request.now = now;
  request.look_for_due = true;
  const auto claim = [&] {
    must(site.database->write_now(storage::Durability::kProgress, [&](storage::Connection& c) {
      return delivery::run_claim(c, request, &result);
    }));
    return result.next_due;
  };
  const auto place = [&] {
    storage::Place found = 0;
    must(site.database->read_now([&](storage::Connection& c) -> Result<void> {
      found = must(storage::sql::number(c, 0, "SELECT rowid FROM batch_state WHERE post_id = ?", waiting));
      return {};
    }));
    return found;
  };
  const auto run = [&](const std::string& text) {
    must(site.database->write_now(storage::Durability::kProgress,
                                  [&](storage::Connection& c) { return c.execute(text); }));
  };

  // It is ready, and not waiting.
  request.places.emplace();
  request.places->due = {place()};
  BOOST_REQUIRE(claim().has_value());
  BOOST_TEST((*claim() > now));
  run("UPDATE batch_state SET queue = 2, due = 1");
  BOOST_REQUIRE(claim().has_value());
  BOOST_TEST((site.batches(waiting)[0].queue == storage::BatchQueue::kReady));
  run("UPDATE batch_state SET queue = 2, due = 1");
  BOOST_TEST((claim() == now));  // it was made ready: the next claim takes it

  // A claim as ever: its change changes nothing.
  run("UPDATE batch_state SET queue = 2, due = 1");
  run("CREATE TRIGGER keeps BEFORE UPDATE ON batch_state WHEN OLD.queue = 2 BEGIN SELECT RAISE(IGNORE); END");
  request.places.reset();
  BOOST_REQUIRE(claim().has_value());
  BOOST_TEST((*claim() > now));
  run("DROP TRIGGER keeps");
  claim();
  BOOST_TEST((site.batches(waiting)[0].queue == storage::BatchQueue::kReady));
}

}  // namespace
}  // namespace essaim::test
