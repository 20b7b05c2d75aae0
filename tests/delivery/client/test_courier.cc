// The courier over real sockets, against a mail exchanger that misbehaves as told.
#include <boost/test/unit_test.hpp>

#include "core/base/log.h"
#include "delivery/client/lost_handshakes.h"
#include "delivery/client/troubled_hosts.h"
#include "delivery/courier.h"
#include "tests/delivery/client/fake_mx.h"
#include "tests/delivery/client/session_bench.h"
#include "tests/support/certificate.h"
#include "tests/support/run_until.h"
#include "tests/support/temp_dir.h"
#include "tests/support/wire_form.h"

using namespace essaim;
using namespace essaim::delivery;
using bench::FakeMx;
using bench::make_post;
using bench::make_transaction;
using bench::MxHabits;

namespace {

std::shared_ptr<net::TlsServerContext> server_context() {
  static const test::TempDir dir;
  static const auto context =
      net::TlsServerContext::load({{dir.write("tls.pem", test::make_certificate_pem())}, {}}).value();
  return context;
}

HostCandidate local(std::uint16_t port, const char* name = "mx.example") {
  return {name, "127.0.0.1", port};
}

// A port on which nobody listens.
std::uint16_t dead_port() {
  return net::ListenSocket::bind(net::SocketAddress::parse("127.0.0.1:0").value()).value()->address().port();
}

struct Desk final : Courier::Listener {
  explicit Desk(net::EventLoop& l) : loop(l) { settings.helo = "us.example"; }

  void begin(std::vector<HostCandidate> candidates) {
    courier = std::make_unique<Courier>(loop, settings, tls, minter, std::move(candidates), this);
    courier->set_trace([this](char side, std::string_view line) {
      trace.push_back(std::string(1, side) + ": " + std::string(line));
    });
    courier->start();
    BOOST_TEST(calls == 0);  // never from within a call
  }
  bool run() {
    const bool over = test::run_until(loop, [this] { return finished > 0; });
    test::run_for(loop, std::chrono::milliseconds(20));  // the peer reads our last words
    return over;
  }

  void on_ready(Courier&) override { ++calls, ++ready; }
  void on_candidate_failed(Courier&, const HostCandidate& host, Stage stage,
                           const smtp::Reply& reply) override {
    ++calls;
    failed.push_back(host.name + " " + to_string(stage) + " " + reply.to_string());
  }
  bool next(Courier&, Transaction* transaction) override {
    ++calls;
    if (work.empty()) return false;
    *transaction = std::move(work.front());
    work.pop_front();
    return true;
  }
  void on_outcome(Courier& who, const Transaction&, const Outcome& outcome, Indices recipients) override {
    ++calls;
    outcomes.insert(outcomes.end(), recipients.size(), outcome);
    info = who.peer();
  }
  void on_finished(Courier&, bool is_usable, Stage stage, const smtp::Reply& why) override {
    ++calls, ++finished;
    usable = is_usable;
    end = std::string(to_string(stage)) + " " + why.to_string();
    loop.destroy_later(std::move(courier));
  }

  net::EventLoop& loop;
  CourierSettings settings;
  std::shared_ptr<net::TlsClientContext> tls = net::TlsClientContext::opportunistic();
  bench::FakeMinter minter;
  std::deque<Transaction> work;
  std::vector<std::string> failed, trace;
  std::vector<Outcome> outcomes;
  PeerInfo info;
  int calls = 0, ready = 0, finished = 0;
  bool usable = false;
  std::string end;
  std::unique_ptr<Courier> courier;
};

struct World {
  net::EventLoop loop{"test"};
  Desk desk{loop};
};

using Kind = Outcome::Kind;

}  // namespace

BOOST_TEST_DONT_PRINT_LOG_VALUE(Outcome::Kind)
BOOST_TEST_DONT_PRINT_LOG_VALUE(Stage)

BOOST_AUTO_TEST_SUITE(courier)

BOOST_FIXTURE_TEST_CASE(mail_goes_out_in_clear_and_the_trace_is_a_transcript, World) {
  FakeMx mx(loop, {});
  desk.work = {make_transaction("a@x.example b@x.example"), make_transaction("c@x.example")};
  desk.settings.idle_timeout = std::chrono::milliseconds(50);
  desk.begin({local(mx.port())});
  BOOST_REQUIRE(desk.run());
  BOOST_TEST(desk.usable);
  BOOST_TEST(desk.end == "lost idle");
  BOOST_REQUIRE_EQUAL(mx.mails().size(), 2U);
  BOOST_TEST(mx.mails()[0].recipients.size() == 2U);
  BOOST_TEST(mx.mails()[0].wire == "Subject: x\r\n\r\nbody\r\n.\r\n");
  BOOST_TEST(desk.outcomes.size() == 3U);
  for (const auto& outcome : desk.outcomes) BOOST_TEST(outcome.kind == Kind::kDelivered);
  BOOST_TEST(desk.info.host == "mx.example[127.0.0.1]:" + std::to_string(mx.port()));
  BOOST_TEST(desk.info.transactions == 1);
  BOOST_TEST(!desk.info.tls);
  BOOST_TEST(mx.commands().back() == "QUIT");
  const std::vector<std::string> head(desk.trace.begin() + 7, desk.trace.begin() + 18);
  const std::vector<std::string> expected{"C: MAIL FROM:<l-bounces@lists.example> SIZE=20",
                                          "C: RCPT TO:<a@x.example>",
                                          "C: RCPT TO:<b@x.example>",
                                          "C: DATA",
                                          "S: 250 2.1.0 ok",
                                          "S: 250 2.1.5 ok",
                                          "S: 250 2.1.5 ok",
                                          "S: 354 go",
                                          "C: (20 octets)",
                                          "C: .",
                                          "S: 250 2.0.0 taken"};
  BOOST_TEST(head == expected, boost::test_tools::per_element());
}

BOOST_FIXTURE_TEST_CASE(starttls_is_used_and_its_session_resumed, World) {
  MxHabits habits;
  habits.tls = server_context();
  habits.refuse_in_clear = true;
  FakeMx mx(loop, habits);
  desk.settings.idle_timeout = std::chrono::milliseconds(50);
  for (int round = 0; round < 2; ++round) {
    desk.work = {make_transaction("a@x.example")};
    desk.finished = desk.calls = 0;
    desk.begin({local(mx.port())});
    BOOST_REQUIRE(desk.run());
    BOOST_TEST(desk.outcomes.back().kind == Kind::kDelivered);
    BOOST_TEST(desk.info.tls);
    BOOST_TEST(desk.info.tls_info.version.starts_with("TLS"));
    BOOST_TEST(desk.info.tls_info.resumed == (round == 1));
  }
  BOOST_REQUIRE_EQUAL(mx.mails().size(), 2U);
  BOOST_TEST(mx.mails()[0].tls);
  BOOST_TEST(mx.resumed() == 1);
}

BOOST_FIXTURE_TEST_CASE(a_broken_handshake_is_followed_by_the_same_host_in_clear, World) {
  log::Capture capture([](log::Level, std::string_view) {});
  MxHabits habits;
  habits.tls = server_context();
  habits.break_tls = true;
  FakeMx mx(loop, habits);
  desk.work = {make_transaction("a@x.example")};
  desk.settings.idle_timeout = std::chrono::milliseconds(50);
  desk.begin({local(mx.port())});
  BOOST_REQUIRE(desk.run());
  BOOST_TEST(mx.connections() == 2);
  BOOST_REQUIRE_EQUAL(mx.mails().size(), 1U);
  BOOST_TEST(!mx.mails()[0].tls);
  BOOST_TEST(!desk.info.tls);
  BOOST_TEST(desk.failed.empty());
  BOOST_TEST(desk.outcomes.at(0).kind == Kind::kDelivered);
}

struct WorldThatLoses : World {
  // One connection and its mail.
  void connect(const FakeMx& mx) {
    desk.work = {make_transaction("a@x.example")};
    desk.finished = desk.calls = 0;
    desk.begin({local(mx.port())});
    BOOST_REQUIRE(desk.run());
  }
  static MxHabits losing(int handshakes) {
    MxHabits habits;
    habits.tls = server_context();
    habits.lose_handshakes = handshakes;
    return habits;
  }
  WorldThatLoses() {
    desk.settings.idle_timeout = std::chrono::milliseconds(50);
    desk.settings.broken_tls = std::make_shared<TroubledHosts>();
    desk.settings.lost_tls = std::make_shared<LostHandshakes>();
  }
  log::Capture capture{[](log::Level, std::string_view) {}};
};

BOOST_FIXTURE_TEST_CASE(a_handshake_that_is_lost_once_is_no_reason_for_clear_text, WorldThatLoses) {
  FakeMx mx(loop, losing(1));
  connect(mx);
  BOOST_TEST(mx.connections() == 1);
  BOOST_TEST(mx.mails().empty());
  BOOST_TEST(!desk.usable);
  BOOST_REQUIRE(desk.failed.size() == 1U);
  BOOST_TEST(desk.failed[0].starts_with("mx.example tls 451 4.7.5 "));
  connect(mx);
  BOOST_TEST(mx.connections() == 2);
  BOOST_REQUIRE_EQUAL(mx.mails().size(), 1U);
  BOOST_TEST(mx.mails()[0].tls);
}

BOOST_FIXTURE_TEST_CASE(connections_that_are_lost_together_are_lost_once, WorldThatLoses) {
  FakeMx mx(loop, losing(2));
  connect(mx);
  connect(mx);
  BOOST_TEST(mx.connections() == 2);
  BOOST_TEST(mx.mails().empty());
}

BOOST_FIXTURE_TEST_CASE(a_host_that_loses_every_handshake_gets_its_mail_in_clear, WorldThatLoses) {
  desk.settings.lost_tls = std::make_shared<LostHandshakes>(Duration::zero());
  FakeMx mx(loop, losing(2));
  connect(mx);
  BOOST_TEST(mx.mails().empty());
  connect(mx);
  BOOST_REQUIRE_EQUAL(mx.mails().size(), 1U);
  BOOST_TEST(!mx.mails()[0].tls);
  connect(mx);  // it is remembered
  BOOST_REQUIRE_EQUAL(mx.mails().size(), 2U);
  BOOST_TEST(!mx.mails()[1].tls);
}

BOOST_AUTO_TEST_CASE(a_handshake_that_works_forgets_the_lost_one) {
  using namespace std::chrono_literals;
  LostHandshakes memory;
  const MonoTime start{1h};
  BOOST_TEST(!memory.lost("a", start, start));
  BOOST_TEST(!memory.lost("a", start, start + 5min));  // begun before the first was lost
  BOOST_TEST(!memory.lost("b", start + 1min, start + 1min));
  BOOST_TEST(memory.lost("a", start + 1min, start + 1min));
  BOOST_TEST(memory.lost("a", start + 2h, start + 2h));
  memory.worked("a");
  BOOST_TEST(!memory.lost("a", start + 3h, start + 3h));
  BOOST_TEST(!memory.lost("a", start + 30h, start + 30h));  // so long ago that it says nothing
}

BOOST_FIXTURE_TEST_CASE(candidates_are_tried_in_order_until_one_is_ready, World) {
  MxHabits refusing, closing, mute;
  refusing.greeting = "554 5.7.1 not you";
  closing.greeting = "-";
  mute.greeting = "";
  FakeMx first(loop, refusing), second(loop, closing), third(loop, mute), good(loop, {});
  desk.settings.greeting_timeout = std::chrono::seconds(1);
  desk.settings.idle_timeout = std::chrono::milliseconds(50);
  desk.work = {make_transaction("a@x.example")};
  desk.begin({local(dead_port(), "dead"),
              {"odd", "no address", 25},
              local(first.port(), "refusing"),
              local(second.port(), "closing"),
              local(third.port(), "mute"),
              local(good.port(), "good")});
  BOOST_REQUIRE(desk.run());
  BOOST_TEST(desk.usable);
  BOOST_TEST(good.mails().size() == 1U);
  BOOST_REQUIRE_EQUAL(desk.failed.size(), 5U);
  const char* begins[] = {"dead connect 451 4.4.1 ", "odd connect 451 4.4.1 ",
                          "refusing banner 554 5.7.1 not you", "closing banner 451 4.4.2 lost connection",
                          "mute banner 451 4.4.2 conversation"};
  for (std::size_t i = 0; i < 5; ++i) BOOST_TEST(desk.failed[i].starts_with(begins[i]), desk.failed[i]);
}

BOOST_FIXTURE_TEST_CASE(when_no_candidate_is_left_the_last_reason_is_told, World) {
  MxHabits refusing;
  refusing.greeting = "554 5.7.1 not you";
  FakeMx mx(loop, refusing);
  desk.work = {make_transaction("a@x.example")};
  desk.begin({local(dead_port(), "dead"), local(mx.port())});
  BOOST_REQUIRE(desk.run());
  BOOST_TEST(!desk.usable);
  BOOST_TEST(desk.end == "banner 554 5.7.1 not you");
  BOOST_TEST(desk.work.size() == 1U);  // never asked for
  BOOST_TEST(desk.ready == 0);
}

// Rows: whether it is known that the next one is dead.
BOOST_FIXTURE_TEST_CASE(a_host_that_lets_us_in_has_the_last_word_before_one_that_is_dead, World) {
  log::Capture capture([](log::Level, std::string_view) {});
  desk.settings.idle_timeout = std::chrono::milliseconds(50);
  for (const bool known : {false, true}) {
    MxHabits habits;
    habits.answer = [](const std::string& command) -> std::string {
      return command == "DATA" ? "451 4.3.0 not this one" : "";
    };
    FakeMx mx(loop, habits);
    HostCandidate dead = local(dead_port(), "dead");
    dead.failing = known;
    desk.calls = desk.finished = desk.ready = 0;
    desk.failed.clear();
    desk.outcomes.clear();
    desk.work = {make_transaction("a@x.example"), make_transaction("b@x.example")};
    desk.begin({local(mx.port()), dead});
    BOOST_REQUIRE(desk.run());
    BOOST_TEST(desk.usable);
    BOOST_REQUIRE_EQUAL(desk.outcomes.size(), 2U);
    BOOST_TEST(desk.outcomes[0].kind == (known ? Kind::kDeferred : Kind::kReturned));
    BOOST_TEST(desk.outcomes[1].kind == Kind::kDeferred);
    BOOST_TEST(mx.connections() == (known ? 1 : 2));
    BOOST_TEST(desk.ready == (known ? 1 : 2));
    BOOST_TEST(desk.failed.size() == (known ? 0U : 2U));
  }
}

// Each may take half an hour, and a domain may have any number of them.
BOOST_FIXTURE_TEST_CASE(when_the_time_for_all_hosts_is_over_none_is_tried_any_more_but_two_are, World) {
  for (const bool over : {false, true}) {
    if (over) desk.settings.candidates_time = Duration::zero();
    desk.finished = desk.calls = 0;
    desk.failed.clear();
    desk.work = {make_transaction("a@x.example")};
    desk.begin({local(dead_port(), "a"), local(dead_port(), "b"), local(dead_port(), "c")});
    BOOST_REQUIRE(desk.run());
    BOOST_TEST(!desk.usable);
    BOOST_TEST(desk.failed.size() == (over ? 2U : 3U));
    BOOST_TEST(desk.work.size() == 1U);
  }
}

BOOST_FIXTURE_TEST_CASE(without_candidates_it_ends, World) {
  desk.begin({});
  BOOST_REQUIRE(desk.run());
  BOOST_TEST(!desk.usable);
}

BOOST_FIXTURE_TEST_CASE(a_host_that_does_not_answer_is_given_up_in_time, World) {
  // A backlog that is full: the kernel drops further connections.
  const auto socket = net::ListenSocket::bind(net::SocketAddress::parse("127.0.0.1:0").value(), 0).value();
  struct Mute final : net::Connection::Listener {
    void on_data(std::string_view) override {}
    void on_closed(const Error&, bool) override {}
  } mute;
  std::vector<std::unique_ptr<net::Connection>> fill;
  for (int i = 0; i < 8; ++i) fill.push_back(net::Connection::connect(loop, socket->address(), {}, &mute));
  test::run_for(loop, std::chrono::milliseconds(50));
  FakeMx good(loop, {});
  desk.settings.connect_timeout = std::chrono::seconds(1);
  desk.settings.idle_timeout = std::chrono::milliseconds(50);
  desk.work = {make_transaction("a@x.example")};
  desk.begin({local(socket->address().port(), "full"), local(good.port())});
  BOOST_REQUIRE(desk.run());
  BOOST_REQUIRE_EQUAL(desk.failed.size(), 1U);
  BOOST_TEST(desk.failed[0].ends_with("timed out"), desk.failed[0]);
  BOOST_TEST(good.mails().size() == 1U);
}

BOOST_FIXTURE_TEST_CASE(large_personal_copies_share_one_body, World) {
  bench::PostOptions options;
  options.sender = "l+{verp}@lists.example";
  options.header = "X-To: {address}\r\n";
  for (int i = 0; i < 10'000; ++i) options.wire.insert(0, "0123456789012345678901234567890123456789\r\n");
  const auto post = make_post(options);
  const Transaction all = make_transaction("a@x.example b@x.example c@x.example", post);
  for (std::uint16_t i = 0; i < 3; ++i) desk.work.push_back({all.batch, {i}});
  FakeMx mx(loop, {});
  desk.settings.idle_timeout = std::chrono::milliseconds(50);
  desk.settings.chain_transactions = true;
  desk.begin({local(mx.port())});
  BOOST_REQUIRE(desk.run());
  BOOST_REQUIRE_EQUAL(mx.mails().size(), 3U);
  for (int i = 0; i < 3; ++i) {
    const auto& mail = mx.mails()[static_cast<std::size_t>(i)];
    BOOST_TEST(mail.sender == "l+v" + std::to_string(i + 1) + "@lists.example");
    BOOST_TEST((mail.wire == "X-To: " + mail.recipients.at(0) + "\r\n" + options.wire));
  }
}

BOOST_FIXTURE_TEST_CASE(a_peer_that_stops_reading_is_given_up, World) {
  bench::PostOptions options;
  options.wire = "Subject: x\r\n\r\n" + std::string(20'000'000, 'x') + "\r\n.\r\n";
  MxHabits habits;
  habits.keywords = {"PIPELINING"};
  habits.stop_reading_body_after = 100'000;
  FakeMx mx(loop, habits);
  desk.settings.data_timeout = std::chrono::seconds(1);
  desk.work = {make_transaction("a@x.example", make_post(options))};
  desk.begin({local(mx.port())});
  BOOST_REQUIRE(desk.run());
  BOOST_REQUIRE_EQUAL(desk.outcomes.size(), 1U);
  BOOST_TEST(desk.outcomes[0].kind == Kind::kDeferred);
  BOOST_TEST(desk.outcomes[0].stage == Stage::kFinalDot);
  BOOST_TEST(desk.outcomes[0].reply.text.find("timed out while sending the message") != std::string::npos);
}

BOOST_FIXTURE_TEST_CASE(work_that_comes_while_idle_uses_the_open_connection, World) {
  FakeMx mx(loop, {});
  desk.begin({local(mx.port())});
  BOOST_REQUIRE(test::run_until(loop, [&] { return desk.ready == 1 && desk.courier->idle(); }));
  desk.work = {make_transaction("a@x.example")};
  const int calls = desk.calls;
  desk.courier->wake();
  desk.courier->wake();
  BOOST_TEST(desk.calls == calls);
  BOOST_REQUIRE(test::run_until(loop, [&] { return desk.outcomes.size() == 1U; }));
  BOOST_TEST(desk.courier->idle());
  desk.courier->close();
  BOOST_REQUIRE(desk.run());
  BOOST_TEST(desk.usable);
  BOOST_TEST(mx.connections() == 1);
  BOOST_TEST(mx.commands().back() == "QUIT");
}

BOOST_FIXTURE_TEST_CASE(closing_finishes_the_transaction_under_way_and_takes_no_other, World) {
  MxHabits habits;
  habits.answer = [&](const std::string& command) -> std::string {
    if (command == "DATA") desk.courier->close();
    return "";
  };
  FakeMx mx(loop, habits);
  desk.work = {make_transaction("a@x.example"), make_transaction("b@x.example")};
  desk.begin({local(mx.port())});
  BOOST_REQUIRE(desk.run());
  BOOST_TEST(mx.mails().size() == 1U);
  BOOST_TEST(desk.outcomes.size() == 1U);
  BOOST_TEST(desk.work.size() == 1U);
}

BOOST_FIXTURE_TEST_CASE(closing_before_it_is_ready_ends_it_once, World) {
  MxHabits mute;
  mute.greeting = "";
  FakeMx mx(loop, mute);
  for (const int when : {0, 1}) {
    desk.finished = desk.calls = 0;
    desk.begin({local(mx.port()), local(mx.port())});
    if (when == 1) BOOST_REQUIRE(test::run_until(loop, [&] { return mx.connections() == 1; }));
    desk.courier->close();
    BOOST_REQUIRE(desk.run());
    test::run_for(loop, std::chrono::milliseconds(20));
    BOOST_TEST(desk.finished == 1);
    BOOST_TEST(desk.usable);  // nobody knows
  }
}

BOOST_FIXTURE_TEST_CASE(a_courier_destroyed_in_the_middle_calls_nobody, World) {
  FakeMx mx(loop, {});
  desk.settings.idle_timeout = std::chrono::milliseconds(10);
  for (int turns = 0; turns < 12; ++turns) {
    desk.work = {make_transaction("a@x.example"), make_transaction("b@x.example")};
    desk.finished = desk.calls = 0;
    desk.begin({local(mx.port())});
    for (int i = 0; i < turns && desk.finished == 0; ++i) loop.run_turn();
    desk.courier.reset();
    const int calls = desk.calls;
    test::run_for(loop, std::chrono::milliseconds(10));
    BOOST_TEST(desk.calls == calls);
  }
}

BOOST_FIXTURE_TEST_CASE(a_server_that_leaves_in_each_state_costs_no_recipient, World) {
  for (const std::string_view at : {"EHLO", "MAIL", "RCPT", "DATA", "."}) {
    MxHabits habits;
    habits.answer = [&](const std::string& command) -> std::string {
      return command.starts_with(at) ? "-" : "";
    };
    FakeMx mx(loop, habits);
    desk.work = {make_transaction("a@x.example b@x.example")};
    desk.finished = desk.calls = 0;
    desk.outcomes.clear();
    desk.begin({local(mx.port())});
    BOOST_REQUIRE(desk.run());
    BOOST_TEST(desk.usable == (at != "EHLO"));
    BOOST_TEST(desk.outcomes.size() == (at == "EHLO" ? 0U : 2U));
    for (const auto& outcome : desk.outcomes) {
      BOOST_TEST(outcome.kind == Kind::kDeferred);
      BOOST_TEST((outcome.stage == Stage::kFinalDot) == (at == "."));
      BOOST_TEST(!outcome.reply_from_peer);
    }
  }
}

BOOST_FIXTURE_TEST_CASE(chunks_arrive_as_they_are_and_a_host_that_knows_none_gets_data, World) {
  bench::PostOptions options;
  options.header = "X-To: {address}\r\n";
  options.plain = "Subject: x\r\n\r\n.\r\n..two\r\n" + std::string(200'000, 'x') + "\r\n";
  bench::PostOptions small = options;
  small.plain.erase(100);
  small.plain += "\r\n";
  const auto large_post = make_post(options);
  const auto small_post = make_post(small);
  desk.settings.idle_timeout = std::chrono::milliseconds(50);
  desk.settings.chunking = std::make_shared<TroubledHosts>();
  desk.work = {make_transaction("a@x.example", small_post), make_transaction("b@x.example", large_post),
               make_transaction("c@x.example", small_post)};
  MxHabits habits;
  habits.keywords = {"PIPELINING", "CHUNKING", "SIZE"};
  FakeMx mx(loop, habits);
  desk.begin({local(mx.port())});
  BOOST_REQUIRE(desk.run());
  BOOST_REQUIRE_EQUAL(mx.mails().size(), 3U);
  BOOST_TEST((mx.mails()[0].wire == "X-To: a@x.example\r\n" + small.plain));
  BOOST_TEST((mx.mails()[1].wire == "X-To: b@x.example\r\n" + options.plain));
  BOOST_TEST((mx.mails()[2].wire == "X-To: c@x.example\r\n" + small.plain));
  BOOST_REQUIRE_EQUAL(desk.outcomes.size(), 3U);
  for (const auto& outcome : desk.outcomes) BOOST_TEST(outcome.kind == Kind::kDelivered);

  // Behind a filter that takes the message for commands.
  FakeMx filtered(loop, habits);
  filtered.habits().answer = [](const std::string& line) {
    return line.starts_with("BDAT") ? std::string("502 5.5.2 what?") : std::string();
  };
  desk.outcomes.clear();
  desk.work = {make_transaction("a@x.example", small_post)};
  for (const Kind expected : {Kind::kReturned, Kind::kDelivered}) {
    desk.calls = desk.finished = 0;
    desk.begin({local(filtered.port())});
    BOOST_REQUIRE(desk.run());
    BOOST_REQUIRE(!desk.outcomes.empty());
    BOOST_TEST(desk.outcomes.back().kind == expected);
    desk.work = {make_transaction("a@x.example", small_post)};
  }
  BOOST_REQUIRE_EQUAL(filtered.mails().size(), 1U);
  BOOST_TEST((filtered.mails()[0].wire == "X-To: a@x.example\r\n" + test::dot_stuffed_message(small.plain)));
}

BOOST_AUTO_TEST_SUITE_END()
