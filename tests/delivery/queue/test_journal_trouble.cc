// A journal that cannot be written: nothing new is sent, what was sent is not forgotten, and when it can be
// written again all goes on by itself.
#include <set>

#include <boost/test/unit_test.hpp>

#include "core/base/log.h"
#include "delivery/claim.h"
#include "delivery/loop_side.h"
#include "tests/delivery/queue/rig.h"
#include "tests/support/wire_form.h"

namespace essaim::test {
namespace {

using namespace std::chrono_literals;

class FullDisk : public storage::JournalWriter {
 public:
  Result<std::uint64_t> append(const storage::JournalRecord& record) override {
    if (full) {
      ++refused;
      return Error{ErrorCode::kExhausted, "no space left on device"};
    }
    order.push_back(record.index);
    order.insert(order.end(), record.also.begin(), record.also.end());
    return 1;
  }
  void segment_done(std::uint64_t, std::size_t) override {}

  bool full = false;
  int refused = 0;
  std::vector<std::uint16_t> order;
};

class KeptNotes final : public delivery::NoteSink {
 public:
  void take_notes(std::vector<delivery::Note> notes) override {
    for (const auto& note : notes) {
      if (note.loop < 0) ++unjournalled;
      if (note.kind == delivery::Outcome::Kind::kDelivered)
        order.insert(order.end(), note.indices.begin(), note.indices.end());
      else
        ++others;
    }
  }
  void destination_saturated(const std::string&, std::set<std::string>, delivery::Saturation) override {}
  void destination_back(const std::string&) override {}

  std::vector<std::uint16_t> order;
  int others = 0;
  int unjournalled = 0;
};

BOOST_AUTO_TEST_CASE(a_full_disk_pauses_sending_and_loses_nothing) {
  log::set_level(log::Level::kError);
  constexpr int kRecipients = 300, kConnections = 3;
  TestSink sink;
  HostPolicy slow;
  slow.message_ms = 5;
  sink.set(address_of(0), slow);
  net::EventLoop loop("loop");
  FakeResolver dns(loop);
  serve_domains(dns, 1);
  Tokens tokens;
  FullDisk journal;
  KeptNotes notes;
  delivery::EngineSettings settings;
  settings.hostname = "node.test";
  settings.port = sink.port();
  settings.connections_per_destination = kConnections;
  settings.idle_timeout = 200ms;
  delivery::Fabric fabric{system_clock(), tokens, nullptr, {&loop}, {}, &notes, {}, {}, {}};
  fabric.places.set_limits(100, 75, 12);
  auto side = std::make_shared<delivery::LoopSide>(
      fabric, 0, dns, journal, std::make_shared<const delivery::EngineSettings>(settings));
  fabric.sides = {side};
  side->begin();

  storage::PostRecord post;
  post.id = 5;
  post.mode = storage::CopyMode::kPersonal;
  post.envelope_sender = "dev-bounce+{verp}@lists.test";
  post.accepted = system_clock().wall_now();
  post.expires = post.accepted + std::chrono::hours(1);
  auto batch = std::make_shared<delivery::ActiveBatch>();
  batch->post = must(delivery::activate_post(post, share(test::dot_stuffed_message(Site::rendering()))));
  std::vector<std::uint16_t> indices;
  for (int i = 0; i < kRecipients; ++i) {
    batch->recipients.push_back({i + 1, "user" + std::to_string(i), "d0.test"});
    indices.push_back(static_cast<std::uint16_t>(i));
  }
  side->route(delivery::cut_by_domain(batch, indices, settings, system_clock().mono_now()));

  net::Timer beat(loop, [] {});
  const auto run_until = [&](const std::function<bool()>& condition, Duration limit) {
    const MonoTime end = system_clock().mono_now() + limit;
    while (!condition()) {
      if (system_clock().mono_now() > end) return false;
      beat.start(5ms);
      loop.run_turn();
    }
    return true;
  };

  BOOST_REQUIRE(run_until([&] { return notes.order.size() >= 30; }, 3min));
  journal.full = true;
  // What is on the wire ends.
  for (std::size_t before = 0; before != sink.total();) {
    before = sink.total();
    run_until([] { return false; }, 500ms);
  }
  const std::size_t sent = sink.total();
  const std::size_t told = notes.order.size();
  const int connections = sink.connections(address_of(0));
  BOOST_TEST(sent - told <= static_cast<std::size_t>(kConnections) * 2);
  BOOST_TEST(sent < static_cast<std::size_t>(kRecipients));
  BOOST_TEST(journal.order.size() == told);
  run_until([] { return false; }, 1500ms);
  BOOST_TEST(run_until([&] { return journal.refused >= 2; }, 3min));  // it is tried again
  BOOST_TEST(sink.total() == sent);
  BOOST_TEST(notes.order.size() == told);
  BOOST_TEST(sink.connections(address_of(0)) == connections);  // nobody is called for nothing

  journal.full = false;
  BOOST_REQUIRE(run_until([&] { return notes.order.size() == kRecipients; }, 3min));
  BOOST_TEST(notes.others == 0);
  BOOST_TEST(journal.order == notes.order, boost::test_tools::per_element());
  const std::set<std::uint16_t> each(notes.order.begin(), notes.order.end());
  BOOST_TEST(each.size() == static_cast<std::size_t>(kRecipients));
  for (const auto& [to, times] : sink.accepted())
    if (times != 1) BOOST_ERROR(to + " got it " + std::to_string(times) + " times");
  side->shut();
  fabric.sides.clear();
}

BOOST_AUTO_TEST_CASE(what_a_full_journal_did_not_take_reaches_the_queue_at_a_stop) {
  net::EventLoop loop("loop");
  FakeResolver dns(loop);
  Tokens tokens;
  FullDisk journal;
  journal.full = true;
  KeptNotes notes;
  delivery::Fabric fabric{system_clock(), tokens, nullptr, {&loop}, {}, &notes, {}, {}, {}};
  auto side = std::make_shared<delivery::LoopSide>(fabric, 0, dns, journal,
                                                   std::make_shared<const delivery::EngineSettings>());
  fabric.sides = {side};
  side->begin();

  auto batch = std::make_shared<delivery::ActiveBatch>();
  batch->post = std::make_shared<const delivery::ActivePost>();
  batch->recipients = {{1, "one", "d0.test"}, {2, "two", "d0.test"}};
  for (const std::uint16_t index : {std::uint16_t{0}, std::uint16_t{1}})
    side->recorder().record_all({batch, {index}, {}}, delivery::Outcome::Kind::kDelivered,
                                delivery::Stage::kFinalDot, smtp::reply(250, "2.0.0", "ok"), false);
  BOOST_TEST(!side->may_send());
  BOOST_TEST(notes.order.empty());
  side->abort();
  BOOST_TEST(notes.order == std::vector<std::uint16_t>({0, 1}), boost::test_tools::per_element());
  BOOST_TEST(notes.unjournalled == 2);
  side->shut();
  BOOST_TEST(notes.order.size() == 2u);  // once
  fabric.sides.clear();
}

}  // namespace
}  // namespace essaim::test
