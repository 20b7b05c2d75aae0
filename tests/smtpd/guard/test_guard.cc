#include <boost/test/unit_test.hpp>

#include "smtpd/guard/guard.h"

using namespace essaim;
using namespace essaim::smtpd::guard;
using std::chrono::minutes;
using std::chrono::seconds;

namespace {

struct Fixture {
  // Nothing is limited; each case limits what it is about.
  Fixture() {
    settings.client = {};
    settings.network = {};
  }
  Guard& guard() {
    if (!made)
      made = std::make_unique<Guard>(
          settings, "mx.test", clock, &memory, [this] { return descriptors; },
          [this] { return free_octets; });
    return *made;
  }
  std::string connect(const std::string& ip) { return text(guard().try_connect(ip)); }
  std::string mail(const std::string& ip) { return text(guard().on_mail(ip)); }
  std::string rcpt(const std::string& ip) { return text(guard().on_rcpt(ip)); }
  static std::string text(const Verdict& verdict) {
    return verdict.refusal ? verdict.refusal->to_string() : "allow";
  }

  ManualClock clock;
  smtp::MemoryBudget memory{1'000};
  double descriptors = 0;
  double free_octets = 1e12;
  GuardSettings settings;
  std::unique_ptr<Guard> made;
};

const std::string kTooMany = "421 4.7.0 mx.test Too many connections at the same time from your ";

}  // namespace

BOOST_FIXTURE_TEST_SUITE(guard, Fixture)

BOOST_AUTO_TEST_CASE(connections_at_the_same_time_are_limited_per_client_and_network) {
  settings.client.max_connections = 2;
  settings.network.max_connections = 3;
  BOOST_TEST(connect("192.0.2.1") == "allow");
  BOOST_TEST(connect("192.0.2.1") == "allow");
  BOOST_TEST(connect("192.0.2.1") == kTooMany + "address; try again later");
  BOOST_TEST(connect("192.0.2.2") == "allow");
  BOOST_TEST(connect("192.0.2.3") == kTooMany + "network; try again later");
  BOOST_TEST(connect("192.0.3.3") == "allow");
  BOOST_TEST(guard().connections() == 4U);
  guard().disconnected("192.0.2.1");
  BOOST_TEST(connect("192.0.2.3") == "allow");
  BOOST_TEST(connect("192.0.2.1").starts_with(kTooMany));
  // IPv6: a /64 is a client, a /56 a network.
  BOOST_TEST(connect("2001:db8::1") == "allow");
  BOOST_TEST(connect("2001:db8::2") == "allow");
  BOOST_TEST(connect("2001:db8::3").ends_with("address; try again later"));
  BOOST_TEST(connect("2001:db8:0:1::1") == "allow");
  BOOST_TEST(connect("2001:db8:0:2::1").ends_with("network; try again later"));
}

BOOST_AUTO_TEST_CASE(all_connections_are_limited) {
  settings.max_connections = 100;
  settings.pressure = {2, 2, 2};
  for (int i = 0; i < 100; ++i) BOOST_TEST(connect("10.0." + std::to_string(i) + ".1") == "allow");
  BOOST_TEST(connect("10.1.0.1") == "421 4.3.2 mx.test Too many connections; try again later");
  BOOST_TEST(connect("not an address").starts_with("421 4.3.2"));
  guard().disconnected("10.0.7.1");
  BOOST_TEST(connect("not an address") == "allow");
  guard().disconnected("not an address");
  BOOST_TEST(guard().connections() == 99U);
}

BOOST_AUTO_TEST_CASE(new_connections_are_limited_in_time) {
  settings.client.connections = {3, minutes(1)};
  for (int i = 0; i < 3; ++i) {
    BOOST_TEST(connect("192.0.2.1") == "allow");
    guard().disconnected("192.0.2.1");
  }
  BOOST_TEST(connect("192.0.2.1") ==
             "421 4.7.0 mx.test Too many connections in a short time from your address; try again later");
  BOOST_TEST(connect("192.0.2.2") == "allow");
  clock.advance(seconds(20));
  BOOST_TEST(connect("192.0.2.1") == "allow");
  BOOST_TEST(connect("192.0.2.1").starts_with("421"));
}

// A thousand machines that have one password are one account.
BOOST_AUTO_TEST_CASE(recipients_of_an_account_are_limited_wherever_it_comes_from) {
  settings.account_recipients.count = 3;
  const auto named = [&](const std::string& account) {
    const auto refusal = guard().on_rcpt_of(account);
    return refusal ? refusal->to_string() : "allow";
  };
  for (int i = 0; i < 3; ++i) BOOST_TEST(named("ann") == "allow");
  BOOST_TEST(named("ann") ==
             "450 4.7.1 Too many recipients in a short time from your account; send this one later");
  BOOST_TEST(named("bob") == "allow");
  clock.advance(minutes(21));
  BOOST_TEST(named("ann") == "allow");
  BOOST_TEST(named("ann") != "allow");
  settings.account_recipients.count = 0;
  guard().set_settings(settings);
  for (int i = 0; i < 10; ++i) BOOST_TEST(named("ann") == "allow");
}

BOOST_AUTO_TEST_CASE(accounts_that_were_quiet_are_forgotten) {
  AccountRates rates;
  const RateLimit limit{10, minutes(60)};
  const MonoTime now = clock.mono_now();
  for (int i = 0; i < 10; ++i) BOOST_TEST(rates.count("ann", limit, now));
  for (int i = 0; i < 999; ++i) BOOST_TEST(rates.count("early" + std::to_string(i), limit, now));
  // What is full is remembered as long as it is.
  BOOST_TEST(rates.count("late", limit, now + minutes(30)));
  BOOST_TEST(rates.size() == 2U);
  BOOST_TEST(!rates.count("ann", limit, now));
}

BOOST_AUTO_TEST_CASE(messages_and_recipients_are_limited_in_time) {
  settings.client.messages = {2, minutes(1)};
  settings.network.recipients = {3, minutes(1)};
  BOOST_TEST(mail("192.0.2.1") == "allow");
  BOOST_TEST(mail("192.0.2.1") == "allow");
  BOOST_TEST(mail("192.0.2.1").starts_with("421 4.7.0 mx.test Too many messages"));
  BOOST_TEST(mail("192.0.2.2") == "allow");
  BOOST_TEST(rcpt("192.0.2.1") == "allow");
  BOOST_TEST(rcpt("192.0.2.2") == "allow");
  BOOST_TEST(rcpt("192.0.2.3") == "allow");
  BOOST_TEST(rcpt("192.0.2.4").starts_with("450 4.7.1 "));
  clock.advance(seconds(30));
  BOOST_TEST(mail("192.0.2.1") == "allow");
  BOOST_TEST(rcpt("192.0.2.4") == "allow");
}

BOOST_AUTO_TEST_CASE(errors_and_junk_close_the_door_for_a_while) {
  settings.client.errors = {10, minutes(10)};
  settings.network.junk = {5, minutes(10)};
  for (int i = 0; i < 10; ++i) {
    BOOST_TEST(connect("192.0.2.1") == "allow");
    guard().on_error("192.0.2.1");
  }
  BOOST_TEST(connect("192.0.2.1").starts_with("421 4.7.0 mx.test Too many errors of late from your address"));
  BOOST_TEST(connect("192.0.2.2") == "allow");
  for (int i = 0; i < 5; ++i) guard().on_junk("192.0.2.2");
  BOOST_TEST(connect("192.0.2.3").ends_with("from your network; try again later"));
  clock.advance(minutes(3));
  BOOST_TEST(connect("192.0.2.3") == "allow");
}

BOOST_AUTO_TEST_CASE(exempt_clients_are_counted_but_not_limited) {
  settings.client.max_connections = 1;
  settings.client.messages = {1, minutes(1)};
  settings.exempt.push_back(*parse_network("10.0.0.0/8"));
  for (int i = 0; i < 5; ++i) {
    BOOST_TEST(connect("10.1.2.3") == "allow");
    BOOST_TEST(mail("10.1.2.3") == "allow");
    BOOST_TEST(connect("127.0.0.1") == "allow");
  }
  BOOST_TEST(guard().connections() == 10U);
  GuardSettings stricter = settings;
  stricter.exempt.clear();
  guard().set_settings(stricter);
  BOOST_TEST(connect("10.1.2.3").starts_with(kTooMany));
  for (int i = 0; i < 5; ++i) guard().disconnected("10.1.2.3");
  BOOST_TEST(connect("10.1.2.3") == "allow");
}

// Of a /64 that is one client otherwise.
BOOST_AUTO_TEST_CASE(a_single_host_of_ipv6_can_be_exempt) {
  settings.client.max_connections = 1;
  settings.exempt.push_back(*parse_network("2001:db8::25"));
  for (int i = 0; i < 2; ++i) {
    BOOST_TEST(connect("::1") == "allow");
    BOOST_TEST(connect("2001:db8::25") == "allow");
  }
  BOOST_TEST(connect("2001:db8::26").starts_with(kTooMany));
  BOOST_TEST(connect("2001:db8:0:1::25") == "allow");
  BOOST_TEST(connect("2001:db8:0:1::25").starts_with(kTooMany));
}

BOOST_AUTO_TEST_CASE(under_stress_newcomers_wait_and_those_inside_are_served) {
  settings.max_connections = 100;
  for (int i = 0; i < 80; ++i) {
    const Verdict verdict = guard().try_connect("10.0." + std::to_string(i) + ".1");
    BOOST_TEST(verdict.allowed());
    BOOST_TEST(!verdict.stressed);
  }
  BOOST_TEST(guard().try_connect("10.1.0.1").stressed);
  BOOST_TEST(guard().on_mail("10.0.0.1").stressed);
  BOOST_TEST(guard().on_mail("10.0.0.1").allowed());
  for (int i = 81; i < 95; ++i) BOOST_TEST(connect("10.2." + std::to_string(i) + ".1") == "allow");
  BOOST_TEST(connect("10.3.0.1") == "421 4.3.2 mx.test Short of resources; try again later");
  BOOST_TEST(mail("10.0.0.1") == "allow");
  BOOST_TEST(rcpt("10.0.0.1") == "allow");
  for (int i = 0; i < 30; ++i) guard().disconnected("10.0." + std::to_string(i) + ".1");
  BOOST_TEST(!guard().stressed());
  // The other resources.
  BOOST_TEST(memory.take(950));
  BOOST_TEST(connect("10.3.0.1").starts_with("421 4.3.2"));
  memory.give(950);
  BOOST_TEST(connect("10.3.0.1") == "allow");
  descriptors = 0.99;
  clock.advance(seconds(1));
  BOOST_TEST(connect("10.3.0.2").starts_with("421 4.3.2"));
  BOOST_TEST(guard().pressure().descriptors == 0.99);
}

BOOST_AUTO_TEST_CASE(mail_is_put_off_while_the_disk_is_nearly_full) {
  settings.min_free_octets = 1'000;
  BOOST_TEST(mail("192.0.2.1") == "allow");
  free_octets = 999;
  BOOST_TEST(mail("192.0.2.1") == "allow");  // looked at once a second
  clock.advance(seconds(1));
  BOOST_TEST(mail("192.0.2.1") == "452 4.3.1 Insufficient system storage; try again later");
  BOOST_TEST(mail("127.0.0.1").starts_with("452"), "whoever it is");
  BOOST_TEST(connect("192.0.2.1") == "allow");
  BOOST_TEST(guard().refusal_for_disk().has_value());
  BOOST_TEST(guard().disk_short());
  BOOST_TEST(!guard().full(), "newcomers are welcome");
  free_octets = 1'000;
  clock.advance(seconds(1));
  BOOST_TEST(mail("192.0.2.1") == "allow");
  BOOST_TEST(!guard().refusal_for_disk().has_value());
  BOOST_TEST(!guard().disk_short());
}

BOOST_AUTO_TEST_CASE(memory_is_bounded_and_the_longest_unused_are_forgotten) {
  settings.max_idle_entries = 1'600;
  settings.client.messages = {1, minutes(60)};
  BOOST_TEST(connect("192.0.2.1") == "allow");  // with a connection it is never forgotten
  BOOST_TEST(mail("192.0.2.1") == "allow");
  for (int i = 0; i < 20'000; ++i) {
    const std::string ip = "10." + std::to_string(i / 256) + "." + std::to_string(i % 256) + ".1";
    BOOST_TEST(mail(ip) == "allow");
    BOOST_TEST(mail(ip).starts_with("421"));
  }
  BOOST_TEST(guard().entries() <= 1'602U);
  BOOST_TEST(guard().entries() > 1'000U);
  BOOST_TEST(mail("192.0.2.1").starts_with("421"));
  BOOST_TEST(mail("10.0.0.1") == "allow");  // forgotten
}

// The shards are chosen anew in each process: of this many networks some share that of the first.
BOOST_AUTO_TEST_CASE(a_network_in_use_is_not_forgotten_for_its_client) {
  settings.max_idle_entries = 48;
  settings.network.connections = {1, minutes(60)};
  for (int i = 0; i < 150; ++i) {
    made.reset();
    BOOST_TEST(connect("192.0.2.1") == "allow");
    guard().disconnected("192.0.2.1");
    const std::string other = "10.0." + std::to_string(i) + ".1";
    BOOST_TEST(connect(other) == "allow");
    guard().disconnected(other);
    BOOST_TEST(connect("192.0.2.2").starts_with("421 4.7.0"));
    BOOST_TEST(connect("192.0.2.3").starts_with("421 4.7.0"));
    BOOST_TEST(guard().entries() <= 6U);
  }
}

BOOST_AUTO_TEST_SUITE_END()
