// What comes from a resolver as the verifiers see it.
#include <algorithm>
#include <optional>

#include <boost/test/unit_test.hpp>

#include "core/mailauth/lookups.h"
#include "core/mailauth/message_check.h"
#include "core/mailauth/spf.h"
#include "tests/support/fake_resolver.h"
#include "tests/support/run_until.h"

using namespace essaim;
using namespace essaim::mailauth;

namespace {

struct Site {
  net::EventLoop loop{"test"};
  test::FakeResolver dns{loop};

  Answers resolve(const Lookups::Look& look, Duration patience = std::chrono::seconds(10)) {
    std::optional<Answers> found;
    Lookups lookups(loop, dns, patience, look, [&](Answers answers) { found = std::move(answers); });
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
  Answers answers = resolve([&](Answers& a) { (*check)->look(a); }, std::chrono::milliseconds(300));
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

BOOST_AUTO_TEST_SUITE_END()
