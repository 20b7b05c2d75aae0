// What comes from a resolver as the verifiers see it.
#include <optional>

#include <boost/test/unit_test.hpp>

#include "core/mailauth/lookups.h"
#include "core/mailauth/spf.h"
#include "tests/support/fake_resolver.h"
#include "tests/support/run_until.h"

using namespace essaim;
using namespace essaim::mailauth;

namespace {

struct Site {
  net::EventLoop loop{"test"};
  test::FakeResolver dns{loop};

  SpfStatus spf(const char* client) {
    const auto check = [&](Answers& answers) {
      return check_spf(client, "client.example", {"ann", "author.example"}, answers).status;
    };
    std::optional<Answers> found;
    Lookups lookups(
        loop, dns, std::chrono::seconds(10), [&](Answers& answers) { check(answers); },
        [&](Answers answers) { found = std::move(answers); });
    lookups.start();
    BOOST_REQUIRE(test::run_until(loop, [&] { return found.has_value(); }));
    return check(*found);
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

BOOST_AUTO_TEST_SUITE_END()
