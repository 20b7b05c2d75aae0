// Hosts that keep us waiting, as many as somebody likes: whoever writes to the robot chooses where its answer goes. What is
// left for hosts that take mail: connections, a turn, room in memory.
#include <atomic>
#include <future>
#include <vector>

#include <boost/test/unit_test.hpp>

#include "core/base/counters.h"
#include "core/base/log.h"
#include "delivery/doubted_networks.h"
#include "delivery/places.h"
#include "delivery/proven.h"
#include "tests/delivery/queue/rig.h"

namespace essaim::test {
namespace {

using namespace std::chrono_literals;
using storage::CopyMode;

struct Quiet {
  Quiet() { log::set_level(log::Level::kError); }
};
BOOST_GLOBAL_FIXTURE(Quiet);

// A reply that does not come until it is let go.
class Withheld {
 public:
  std::function<std::string()> reply() {
    return [this, over = over_] {
      ++asked_;
      over.wait();
      return std::string("250 2.0.0 ok");
    };
  }
  int asked() const { return asked_; }
  void let_go() { go_.set_value(); }

 private:
  std::atomic<int> asked_{0};
  std::promise<void> go_;
  std::shared_future<void> over_ = go_.get_future().share();
};

HostPolicy silent() {
  HostPolicy policy;
  policy.greeting = "220-wait";  // and never the line that ends it
  return policy;
}

struct Tarpits {
  delivery::EngineSettings settings() {
    auto out = settings_for(site, sink);
    out.command_timeout = 10min;
    out.silence = 10min;
    return out;
  }
  Id post(Run& run, int domain, int priority = 0, int copies = 1) {
    std::vector<storage::BatchRecipient> to;
    for (int i = 0; i < copies; ++i)
      to.push_back({0, "user" + std::to_string(++posts), Site::domain_name(domain)});
    const Id id = site.post_to(site.new_post(CopyMode::kPersonal, priority), run.engine->current_rank(), to);
    run.engine->ring();
    return id;
  }
  bool arrives(Id id) {
    return wait_until([&] { return site.finished(id); });
  }
  int connections(int first, int count) const {
    int sum = 0;
    for (int d = first; d < first + count; ++d) sum += sink.connections(address_of(d));
    return sum;
  }
  static auto given_up() { return counter_sums()[static_cast<std::size_t>(Counter::kGivenUp)]; }
  static std::string explanation(Run& run, int domain) {
    std::promise<std::string> told;
    run.engine->explain(Site::domain_name(domain),
                        [&](const delivery::DestinationStatus&, const std::string& t) { told.set_value(t); });
    return told.get_future().get();
  }

  TestSink sink;
  Site site;
  int posts = 0;
};

BOOST_FIXTURE_TEST_CASE(hosts_that_keep_us_waiting_leave_connections_to_those_that_take_mail, Tarpits) {
  constexpr int kSilent = 12;
  for (int d = 0; d < kSilent; ++d) sink.set(address_of(d), silent());
  auto chosen = settings();
  chosen.connections_total = 8;
  Run run(
      site, [](FakeResolver& dns) { serve_domains(dns, kSilent + 2); }, chosen);
  // They are known from now on.
  BOOST_REQUIRE(arrives(post(run, kSilent)));
  BOOST_REQUIRE(arrives(post(run, kSilent + 1)));
  std::vector<Id> waiting;
  for (int d = 0; d < kSilent; ++d) waiting.push_back(post(run, d));
  BOOST_REQUIRE(wait_until([&] { return connections(0, kSilent) == 6; }));
  BOOST_TEST(arrives(post(run, kSilent)));
  BOOST_TEST(arrives(post(run, kSilent + 1)));
  BOOST_TEST(connections(0, kSilent) == 6);
  for (const Id id : waiting) BOOST_TEST(site.counts(id).pending == 1);
}

BOOST_FIXTURE_TEST_CASE(while_others_wait_a_host_that_is_silent_loses_its_place, Tarpits) {
  constexpr int kSilent = 12;
  Withheld at_mail;
  for (int d = 0; d < kSilent; ++d) {
    HostPolicy policy = silent();
    if (d % 2 == 0) {
      policy = HostPolicy{};
      policy.mail = at_mail.reply();
    }
    sink.set(address_of(d), policy);
  }
  auto chosen = settings();
  chosen.connections_total = 4;
  chosen.silence = 1s;
  chosen.command_timeout = 15s;  // for those that nobody waits for any more
  Run run(
      site, [](FakeResolver& dns) { serve_domains(dns, kSilent + 2); }, chosen);
  const auto before = given_up();
  std::vector<Id> all;
  for (int d = 0; d < kSilent; ++d) all.push_back(post(run, d));
  BOOST_REQUIRE(wait_until([&] { return connections(0, kSilent) >= 3; }));
  // Nobody knows these.
  all.push_back(post(run, kSilent));
  all.push_back(post(run, kSilent + 1));
  BOOST_TEST(arrives(all[kSilent]));
  BOOST_TEST(arrives(all[kSilent + 1]));
  std::string told;
  for (int d = 0; d < kSilent; ++d) told += explanation(run, d);
  BOOST_TEST(told.find("its place was needed") != std::string::npos, told);
  BOOST_TEST(given_up() > before);
  // They were put off, and nobody is lost.
  for (int d = 0; d < kSilent; ++d) sink.set(address_of(d), HostPolicy{});
  at_mail.let_go();
  for (const Id id : all) BOOST_TEST(arrives(id));
  check_each_once(sink.accepted(), all.size());
}

// It came to rest while its first message was under way (a look for the next one), and is not one of them any more.
BOOST_FIXTURE_TEST_CASE(a_connection_that_has_taken_a_message_is_not_ended_for_those_that_nobody_knows,
                        Tarpits) {
  constexpr int kSilent = 7;
  for (int d = 1; d <= kSilent; ++d) sink.set(address_of(d), silent());
  auto chosen = settings();
  chosen.connections_total = 8;  // six for those that are not proven
  chosen.silence = 1s;
  chosen.idle_timeout = 10min;
  Run run(
      site, [](FakeResolver& dns) { serve_domains(dns, kSilent + 1); }, chosen, 1);
  BOOST_REQUIRE(arrives(post(run, 0)));
  const auto before = given_up();
  for (int d = 1; d <= kSilent; ++d) post(run, d);
  // Those that rest go first.
  BOOST_REQUIRE(wait_until([&] { return given_up() > before; }));
  BOOST_TEST(arrives(post(run, 0)));
  BOOST_TEST(sink.connections(address_of(0)) == 1);
}

BOOST_FIXTURE_TEST_CASE(nobody_loses_its_place_behind_the_final_dot, Tarpits) {
  Withheld at_dot;
  HostPolicy slow;
  slow.dot = at_dot.reply();
  sink.set(address_of(0), slow);
  sink.set(address_of(1), silent());
  auto chosen = settings();
  chosen.connections_total = 2;
  chosen.silence = 500ms;
  Run run(
      site, [](FakeResolver& dns) { serve_domains(dns, 3); }, chosen);
  const Id first = post(run, 0);
  BOOST_REQUIRE(wait_until([&] { return at_dot.asked() == 1; }));
  const Id second = post(run, 1);
  BOOST_REQUIRE(wait_until([&] { return sink.connections(address_of(1)) > 0; }));
  BOOST_TEST(arrives(post(run, 2)));
  sink.set(address_of(1), HostPolicy{});
  BOOST_TEST(arrives(second));
  BOOST_TEST(!site.finished(first));
  BOOST_TEST(at_dot.asked() == 1);
  at_dot.let_go();
  BOOST_TEST(arrives(first));
  BOOST_TEST(sink.connections(address_of(0)) == 1);
  check_each_once(sink.accepted(), 3);
}

// As many small posts as fit into memory, and more.
BOOST_FIXTURE_TEST_CASE(what_waits_for_hosts_that_nobody_knows_makes_room_in_memory, Tarpits) {
  constexpr int kSilent = 160;
  for (int d = 0; d < kSilent; ++d) sink.set(address_of(d), silent());
  auto chosen = settings();
  chosen.connections_total = 4;
  chosen.active_batches = 8;  // 128 of small posts
  Run run(
      site, [](FakeResolver& dns) { serve_domains(dns, kSilent + 1); }, chosen);
  BOOST_REQUIRE(arrives(post(run, kSilent)));
  for (int d = 0; d < kSilent; ++d) post(run, d);
  BOOST_REQUIRE(wait_until([&] { return connections(0, kSilent) == 3; }));
  BOOST_TEST(arrives(post(run, kSilent, 2)));
  BOOST_TEST(connections(0, kSilent) == 3);
  std::string told;
  for (int d = 0; d < kSilent; ++d) told += explanation(run, d);
  BOOST_TEST(told.find("waits for a connection") != std::string::npos);
  BOOST_TEST(told.find("3 of 3 by hosts that have taken no message lately") != std::string::npos);
}

// A message cannot be given up, and names cost nothing: these are many of one network.
BOOST_FIXTURE_TEST_CASE(hosts_that_hang_behind_the_message_are_remembered_with_their_network, Tarpits) {
  constexpr int kFirst = 3, kMore = 8, kOther = kFirst + kMore;
  const auto near = [](int d) { return "127.0.2." + std::to_string(d + 1); };
  HostPolicy slow;
  slow.message_ms = 3'000;  // longer than four silences, and for nothing
  slow.dot = [] { return std::string("451 4.3.0 not today"); };
  Withheld at_dot;
  HostPolicy hung;
  hung.dot = at_dot.reply();
  for (int d = 0; d < kOther; ++d) sink.set(near(d), d < kFirst ? slow : hung);
  // One takes a message before it hangs, on the same connection.
  HostPolicy then_slow;
  then_slow.dot = [replies = std::make_shared<std::atomic<int>>(0)] {
    if (replies->fetch_add(1) != 1) return std::string("250 2.0.0 ok");
    std::this_thread::sleep_for(3s);
    return std::string("451 4.3.0 not today");
  };
  sink.set(near(0), then_slow);
  auto chosen = settings();
  chosen.connections_total = 8;  // six for those that are not proven, of which one for the doubted
  chosen.silence = 500ms;
  Run run(
      site,
      [&](FakeResolver& dns) {
        serve_domains(dns, kOther + 1);
        for (int d = 0; d < kOther; ++d) dns.set_addresses("mx." + Site::domain_name(d), {near(d)});
      },
      chosen);
  std::vector<Id> all;
  for (int d = 0; d < kFirst; ++d) all.push_back(post(run, d, 0, d == 0 ? 2 : 1));
  for (int d = 0; d < kFirst; ++d) {
    BOOST_REQUIRE(
        wait_until([&] { return explanation(run, d).find("451 4.3.0 not today") != std::string::npos; }));
    sink.set(near(d), HostPolicy{});
  }
  for (int d = kFirst; d < kOther; ++d) all.push_back(post(run, d));
  const auto waits_among_the_doubted = [&](int d) {
    return explanation(run, d).find("of these 1 of 1 in networks that kept us waiting") != std::string::npos;
  };
  BOOST_REQUIRE(wait_until([&] {
    int waiting = 0;
    for (int d = kFirst; d < kOther; ++d) waiting += waits_among_the_doubted(d) ? 1 : 0;
    return at_dot.asked() > 0 && waiting == kMore - 1;
  }));
  // Nobody knows it either.
  all.push_back(post(run, kOther));
  BOOST_TEST(arrives(all.back()));
  BOOST_TEST(at_dot.asked() == 1);
  at_dot.let_go();
  for (const Id id : all) BOOST_TEST(arrives(id));
  check_each_once(sink.accepted(), all.size() + 1);
}

// A large message on a slow line, of ours or of theirs, and no more.
BOOST_FIXTURE_TEST_CASE(the_time_that_a_message_takes_to_go_out_is_not_held_against_a_network, Tarpits) {
  constexpr int kFirst = 3, kMore = 2, kAll = kFirst + kMore;
  const auto near = [](int d) { return "127.0.2." + std::to_string(d + 1); };
  HostPolicy slow;
  slow.reading_ms = 6'000;  // longer than four silences
  slow.dot = [] { return std::string("451 4.3.0 not today"); };
  Withheld at_dot;
  HostPolicy hung;
  hung.dot = at_dot.reply();
  for (int d = 0; d < kAll; ++d) sink.set(near(d), d < kFirst ? slow : hung);
  auto chosen = settings();
  chosen.connections_total = 8;  // one for the doubted
  chosen.silence = 1s;
  Run run(
      site,
      [&](FakeResolver& dns) {
        serve_domains(dns, kAll);
        for (int d = 0; d < kAll; ++d) dns.set_addresses("mx." + Site::domain_name(d), {near(d)});
      },
      chosen);
  std::string body = "Subject: large\r\n\r\n";
  while (body.size() < (12U << 20)) body.append(900, 'x').append("\r\n");  // more than the kernel takes
  std::vector<storage::BatchRecipient> to;
  for (int d = 0; d < kFirst; ++d) to.push_back({0, "large", Site::domain_name(d)});
  std::vector<Id> all{
      site.post_to(site.new_post(CopyMode::kPersonal, 0), run.engine->current_rank(), to, body)};
  run.engine->ring();
  for (int d = 0; d < kFirst; ++d) {
    BOOST_REQUIRE(
        wait_until([&] { return explanation(run, d).find("451 4.3.0 not today") != std::string::npos; }));
    sink.set(near(d), HostPolicy{});
  }
  for (int d = kFirst; d < kAll; ++d) all.push_back(post(run, d));
  BOOST_TEST(wait_until([&] { return at_dot.asked() == kMore; }));
  at_dot.let_go();
  for (const Id id : all) BOOST_TEST(arrives(id));
  check_each_once(sink.accepted(), kAll);
}

BOOST_AUTO_TEST_CASE(a_place_counts_for_its_standing_and_for_the_better_ones) {
  using delivery::Standing;
  delivery::Places places;
  places.set_limits(4, 3, 1);
  BOOST_TEST(places.take(Standing::kDoubted));
  BOOST_TEST(!places.take(Standing::kDoubted));
  BOOST_TEST((places.short_of(Standing::kDoubted) == Standing::kDoubted));
  BOOST_TEST(!places.short_of(Standing::kUnknown).has_value());
  BOOST_TEST(places.take(Standing::kUnknown));
  BOOST_TEST(places.take(Standing::kUnknown));
  BOOST_TEST(!places.take(Standing::kUnknown));
  BOOST_TEST(places.used(Standing::kProven) == 3, "what is refused is not counted");
  BOOST_TEST((places.short_of(Standing::kUnknown) == Standing::kUnknown));
  BOOST_TEST(places.take(Standing::kProven));
  BOOST_TEST((places.short_of(Standing::kProven) == Standing::kProven));
  places.give(Standing::kDoubted);
  BOOST_TEST(!places.short_of(Standing::kDoubted).has_value());
  places.improve(Standing::kUnknown);
  BOOST_TEST(places.used(Standing::kUnknown) == 1);
  BOOST_TEST(places.used(Standing::kProven) == 3);
  places.give(Standing::kProven);
  places.give(Standing::kProven);
  places.give(Standing::kUnknown);
  for (const Standing standing : delivery::kStandings) BOOST_TEST(places.used(standing) == 0);
}

BOOST_AUTO_TEST_CASE(a_network_is_doubted_for_a_day_when_it_kept_us_waiting_three_times) {
  delivery::DoubtedNetworks doubted;
  const MonoTime begin{1000h};
  doubted.kept_us_waiting("192.0.2.1", begin);
  doubted.kept_us_waiting("192.0.2.2", begin + 1h);
  doubted.kept_us_waiting("192.0.3.2", begin + 1h);
  BOOST_TEST(!doubted.has("192.0.2.1", begin + 1h));
  doubted.kept_us_waiting("192.0.2.2", begin + 2h);
  BOOST_TEST(doubted.has("192.0.2.99", begin + 2h));
  BOOST_TEST(doubted.has("192.0.2.99", begin + 25h));
  BOOST_TEST(!doubted.has("192.0.2.99", begin + 26h));
  BOOST_TEST(!doubted.has("192.0.3.2", begin + 2h));
  doubted.kept_us_waiting("192.0.2.1", begin + 26h);
  BOOST_TEST(!doubted.has("192.0.2.1", begin + 26h), "that was long ago");
  for (int i = 0; i < 3; ++i) doubted.kept_us_waiting("2001:db8:1:" + std::to_string(i) + "::1", begin);
  BOOST_TEST(doubted.has("2001:db8:1:ffff::25", begin));
  BOOST_TEST(!doubted.has("2001:db8:2::25", begin));
  doubted.kept_us_waiting("no address", begin);
  BOOST_TEST(!doubted.has("no address", begin));
  for (std::size_t i = 0; i < delivery::DoubtedNetworks::kMost; ++i)
    doubted.kept_us_waiting("10." + std::to_string(i / 256) + "." + std::to_string(i % 256) + ".1", begin);
  BOOST_TEST(!doubted.has("2001:db8:1::1", begin));
}

BOOST_AUTO_TEST_CASE(a_destination_is_proven_by_a_message_for_a_day_and_doubted_for_an_hour) {
  delivery::Proven proven;
  const MonoTime begin{1000h};
  BOOST_TEST(!proven.has("a", begin));
  proven.took("a", begin);
  BOOST_TEST(proven.has("a", begin + 23h));
  BOOST_TEST(!proven.has("a", begin + 24h));
  proven.took("a", begin + 25h);
  proven.kept_us_waiting("a", begin + 26h);
  proven.took("a", begin + 26h);
  BOOST_TEST(!proven.has("a", begin + 26h + 59min));
  BOOST_TEST(!proven.has("a", begin + 27h + 1min), "it has not taken one since");
  proven.took("a", begin + 27h + 1min);
  BOOST_TEST(proven.has("a", begin + 27h + 1min));
  // Of one that nobody knows nothing is kept.
  proven.kept_us_waiting("b", begin);
  BOOST_TEST(!proven.has("b", begin + 2h));
  for (std::size_t i = 0; i < delivery::Proven::kMost; ++i) proven.took(std::to_string(i), begin + 27h);
  BOOST_TEST(!proven.has("a", begin + 27h + 1min));
  BOOST_TEST(proven.has("0", begin + 27h));
}

}  // namespace
}  // namespace essaim::test
