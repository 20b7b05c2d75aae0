// What comes from a resolver as the verifiers see it.
#include <algorithm>
#include <optional>

#include <boost/test/unit_test.hpp>

#include "core/mailauth/lookups.h"
#include "core/mailauth/message_check.h"
#include "core/mailauth/spf.h"
#include "tests/support/fake_resolver.h"
#include "tests/support/nsd.h"
#include "tests/support/run_until.h"

using namespace essaim;
using namespace essaim::mailauth;

namespace {

struct Site {
  net::EventLoop loop{"test"};
  test::FakeResolver dns{loop};
  dns::Resolver* resolver = &dns;
  Duration patience = std::chrono::seconds(10);

  Answers resolve(const Lookups::Look& look) {
    std::optional<Answers> found;
    Lookups lookups(loop, *resolver, patience, look, [&](Answers answers) { found = std::move(answers); });
    lookups.start();
    BOOST_REQUIRE(test::run_until(loop, [&] { return found.has_value(); }));
    return *std::move(found);
  }
  SpfStatus spf(const char* client) {
    const auto check = [&](Answers& answers) {
      return check_spf(client, "client.example", {"ann", "author.example"}, answers).status;
    };
    Answers found = resolve([&](Answers& answers) { check(answers); });
    return check(found);
  }
};

}  // namespace

BOOST_AUTO_TEST_SUITE(lookups)

BOOST_FIXTURE_TEST_CASE(addresses_of_one_family_do_not_tell_that_there_are_none_of_the_other, Site) {
  dns.set_text("author.example", {"v=spf1 a -all"});
  dns.set_addresses("author.example", {"2001:db8::1"});
  BOOST_TEST((spf("192.0.2.1") == SpfStatus::kFail));
  dns.set_failed_ipv4("author.example");
  BOOST_TEST((spf("192.0.2.1") == SpfStatus::kTempError));
  BOOST_TEST((spf("2001:db8::1") == SpfStatus::kPass));
  BOOST_TEST((spf("2001:db8::2") == SpfStatus::kFail));
  dns.set_addresses("author.example", {"192.0.2.1"});
  dns.set_failed_ipv6("author.example");
  BOOST_TEST((spf("192.0.2.1") == SpfStatus::kPass));
  BOOST_TEST((spf("2001:db8::1") == SpfStatus::kTempError));
}

// Delivery may use one family only; clients come, through a balancer or not, from both.
BOOST_FIXTURE_TEST_CASE(clients_of_both_families_are_judged_by_a_real_name_server, Site) {
  const std::map<std::string, std::string> zones{
      {"author.example",
       "@ IN TXT \"v=spf1 a mx -all\"\n@ IN MX 10 mx\n@ IN A 192.0.2.1\n@ IN AAAA 2001:db8::1\n"
       "mx IN A 192.0.2.2\nmx IN AAAA 2001:db8::2\n"}};
  const test::Nsd nsd(zones);
  dns::ResolverOptions options;
  options.servers = {nsd.address()};
  const auto real = dns::make_resolver(loop, options).value();
  resolver = real.get();
  for (const char* client : {"192.0.2.1", "192.0.2.2", "2001:db8::1", "2001:db8::2"})
    BOOST_TEST((spf(client) == SpfStatus::kPass), client);
  for (const char* client : {"192.0.2.3", "2001:db8::3"})
    BOOST_TEST((spf(client) == SpfStatus::kFail), client);
}

// Anybody has a domain whose servers are silent, and an SPF record needs one answer after the other.
BOOST_FIXTURE_TEST_CASE(silent_names_delay_only_what_depends_on_them, Site) {
  dns.set_text("h.evil.example", {"v=spf1 include:slow.evil.example -all"});
  dns.silence("slow.evil.example");
  dns.silence("x._domainkey.evil.example");
  dns.set_text("bank.example", {"v=spf1 include:spf.bank.example a:out.bank.example -all"});
  dns.set_text("spf.bank.example", {"v=spf1 mx:bank.example ~all"});
  dns.set_mx("bank.example", {{10, "mx.bank.example"}});
  dns.set_addresses("mx.bank.example", {"192.0.2.10"});
  dns.set_addresses("out.bank.example", {"192.0.2.11"});
  dns.set_text("_dmarc.bank.example", {"v=DMARC1; p=reject"});
  dns.set_text("_dmarc.example", {}, dns::Status::kNoName);
  const std::string message =
      "DKIM-Signature: v=1; a=ed25519-sha256; d=evil.example; s=x; h=from;\r\n"
      " bh=47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=; b=AAAA\r\n"
      "From: ceo@bank.example\r\nSubject: x\r\n\r\nText\r\n";
  const auto check = MessageCheck::make({"192.0.2.1", "h.evil.example", {"x", "bank.example"}}, message);
  BOOST_REQUIRE(check.ok());
  patience = std::chrono::seconds(2);
  Answers answers = resolve([&](Answers& a) { (*check)->look(a); });
  const Authentication found = (*check)->conclude(from_millis(1'790'000'000'000), answers);
  BOOST_TEST(to_string(found.spf.status) == "fail");
  BOOST_TEST(to_string(found.spf_helo.status) == "temperror");
  BOOST_TEST(to_string(found.dmarc.status) == "fail");
  // None twice.
  std::vector<std::string> questions = dns.questions();
  std::sort(questions.begin(), questions.end());
  BOOST_TEST((std::adjacent_find(questions.begin(), questions.end()) == questions.end()));
  BOOST_TEST(dns.cancelled() == 2u);
}

BOOST_FIXTURE_TEST_CASE(a_silent_reverse_zone_of_the_client_delays_no_other_term, Site) {
  dns.set_text("author.example", {"v=spf1 ptr a:out.author.example include:spf.author.example -all"});
  dns.set_addresses("out.author.example", {"192.0.2.11"});
  dns.set_text("spf.author.example", {"v=spf1 ip4:192.0.2.12 ~all"});
  dns.silence("192.0.2.1");
  dns.silence("192.0.2.12");
  dns.set_pointer("192.0.2.2", {"one.evil.example", "two.evil.example"});
  dns.silence("one.evil.example");
  dns.silence("two.evil.example");
  patience = std::chrono::seconds(2);
  BOOST_TEST((spf("192.0.2.1") == SpfStatus::kFail));
  BOOST_TEST((spf("192.0.2.2") == SpfStatus::kFail));
  BOOST_TEST((spf("192.0.2.12") == SpfStatus::kPass));
}

BOOST_AUTO_TEST_SUITE_END()
