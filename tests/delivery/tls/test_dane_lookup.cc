// The state table of DANE for SMTP (delivery/tls/dane_lookup.h), a case for each row.
#include <optional>

#include <boost/test/unit_test.hpp>

#include "delivery/tls/dane_lookup.h"
#include "tests/support/fake_resolver.h"
#include "tests/support/run_until.h"

using namespace essaim;
using namespace essaim::delivery;
using essaim::test::FakeResolver;
using essaim::test::run_until;
using Kind = DaneResult::Kind;

namespace essaim::delivery {
std::ostream& operator<<(std::ostream& out, Kind kind) {
  return out << static_cast<int>(kind);
}
}  // namespace essaim::delivery

namespace {

const dns::TlsaData kUsable{3, 1, 1, std::string(32, 'k')};
const dns::TlsaData kPkixEe{1, 1, 1, std::string(32, 'k')};
const dns::TlsaData kBroken{3, 1, 1, "short"};
constexpr const char* kHost = "mx.test";
constexpr const char* kTlsa = "_25._tcp.mx.test";
constexpr const char* kEnd = "end.test";
constexpr const char* kEndTlsa = "_25._tcp.end.test";

// The resolver fails the case when it is asked for what the case does not name.
struct Fixture {
  std::vector<DaneResult> ask(std::vector<DaneHost> hosts) {
    std::optional<std::vector<DaneResult>> out;
    const DaneLookup lookup(loop, resolver, std::move(hosts),
                            [&](std::vector<DaneResult> results) { out = std::move(results); });
    BOOST_TEST(!out.has_value());
    BOOST_REQUIRE(run_until(loop, [&] { return out.has_value(); }));
    return *out;
  }
  DaneResult one(bool secure, const std::string& canonical = kHost) {
    return ask({{kHost, canonical, secure, 25}}).at(0);
  }
  net::EventLoop loop{"test"};
  FakeResolver resolver{loop};
};

}  // namespace

BOOST_AUTO_TEST_SUITE(dane_lookup)

BOOST_FIXTURE_TEST_CASE(insecure_addresses_without_alias_are_not_asked_further, Fixture) {
  BOOST_TEST(one(false).kind == Kind::kNone);
  BOOST_TEST(resolver.questions().empty());
}

BOOST_FIXTURE_TEST_CASE(insecure_addresses_behind_a_secure_alias_are_asked_at_the_hosts_name, Fixture) {
  resolver.set_alias(kHost, {kEnd}, true);
  resolver.set_tlsa(kTlsa, {kUsable}, true);
  const DaneResult result = one(false, kEnd);
  BOOST_TEST(result.kind == Kind::kRecords);
  BOOST_TEST(result.base == kHost);
}

BOOST_FIXTURE_TEST_CASE(insecure_addresses_behind_an_insecure_alias_are_not_asked_further, Fixture) {
  resolver.set_alias(kHost, {kEnd}, false);
  BOOST_TEST(one(false, kEnd).kind == Kind::kNone);
  BOOST_TEST(resolver.questions().size() == 1U);
}

BOOST_FIXTURE_TEST_CASE(an_alias_that_cannot_be_looked_up_makes_the_host_unusable, Fixture) {
  resolver.set_alias(kHost, {}, false, dns::Status::kTemporary);
  const DaneResult result = one(false, kEnd);
  BOOST_TEST(result.kind == Kind::kUnusable);
  BOOST_TEST(!result.problem.empty());
}

BOOST_FIXTURE_TEST_CASE(secure_addresses_are_asked_at_the_hosts_name, Fixture) {
  resolver.set_tlsa(kTlsa, {kUsable}, true);
  const DaneResult result = one(true);
  BOOST_TEST(result.kind == Kind::kRecords);
  BOOST_TEST(result.base == kHost);
  BOOST_REQUIRE(result.records.size() == 1U);
  BOOST_TEST(result.records[0].association == kUsable.association);
  BOOST_TEST(result.ttl.count() == 120);
}

BOOST_FIXTURE_TEST_CASE(secure_aliases_are_asked_at_their_end_first, Fixture) {
  resolver.set_tlsa(kEndTlsa, {kUsable}, true);
  const DaneResult result = one(true, kEnd);
  BOOST_TEST(result.kind == Kind::kRecords);
  BOOST_TEST(result.base == kEnd);
  BOOST_TEST(resolver.questions().size() == 1U);
}

BOOST_FIXTURE_TEST_CASE(secure_aliases_without_records_at_their_end_are_asked_at_the_hosts_name, Fixture) {
  resolver.set_tlsa(kEndTlsa, {}, true);
  resolver.set_tlsa(kTlsa, {kUsable}, true);
  const DaneResult result = one(true, kEnd);
  BOOST_TEST(result.kind == Kind::kRecords);
  BOOST_TEST(result.base == kHost);
}

BOOST_FIXTURE_TEST_CASE(a_failure_at_the_end_of_aliases_is_not_mended_at_the_hosts_name, Fixture) {
  resolver.set_tlsa(kEndTlsa, {}, false, dns::Status::kTemporary);
  BOOST_TEST(one(true, kEnd).kind == Kind::kUnusable);
  BOOST_TEST(resolver.questions().size() == 1U);
}

BOOST_FIXTURE_TEST_CASE(of_secure_records_the_usable_ones_count, Fixture) {
  resolver.set_tlsa(kTlsa, {kPkixEe, kUsable, kBroken}, true);
  const DaneResult result = one(true);
  BOOST_TEST(result.kind == Kind::kRecords);
  BOOST_TEST(result.records.size() == 1U);
}

BOOST_FIXTURE_TEST_CASE(secure_records_of_which_none_is_usable_ask_for_tls_all_the_same, Fixture) {
  resolver.set_tlsa(kTlsa, {kPkixEe, kBroken}, true);
  const DaneResult result = one(true);
  BOOST_TEST(result.kind == Kind::kRecords);
  BOOST_TEST(result.records.empty());
}

BOOST_FIXTURE_TEST_CASE(insecure_records_do_not_count, Fixture) {
  resolver.set_tlsa(kTlsa, {kUsable}, false);
  BOOST_TEST(one(true).kind == Kind::kNone);
}

BOOST_FIXTURE_TEST_CASE(that_there_are_no_records_is_no_dane, Fixture) {
  resolver.set_tlsa(kTlsa, {}, true);
  BOOST_TEST(one(true).kind == Kind::kNone);
  resolver.set_tlsa(kTlsa, {}, true, dns::Status::kNoName);
  BOOST_TEST(one(true).kind == Kind::kNone);
}

BOOST_FIXTURE_TEST_CASE(records_that_cannot_be_had_make_the_host_unusable, Fixture) {
  resolver.set_tlsa(kTlsa, {}, false, dns::Status::kTemporary);
  const DaneResult result = one(true);
  BOOST_TEST(result.kind == Kind::kUnusable);
  BOOST_TEST(result.problem.find("SERVFAIL") != std::string::npos);
}

BOOST_FIXTURE_TEST_CASE(hosts_are_judged_each_for_itself_and_in_their_order, Fixture) {
  resolver.set_tlsa("_2525._tcp.one.test", {kUsable}, true);
  resolver.set_tlsa("_25._tcp.two.test", {}, false, dns::Status::kTemporary);
  const auto results =
      ask({{"one.test", "", true, 2525}, {"two.test", "two.test", true, 25}, {"three.test", "", false, 25}});
  BOOST_REQUIRE(results.size() == 3U);
  BOOST_TEST(results[0].kind == Kind::kRecords);
  BOOST_TEST(results[1].kind == Kind::kUnusable);
  BOOST_TEST(results[2].kind == Kind::kNone);
  BOOST_TEST(ask({}).empty());
}

BOOST_FIXTURE_TEST_CASE(destroying_it_cancels, Fixture) {
  resolver.set_tlsa(kTlsa, {kUsable}, true);
  resolver.hold();
  {
    const DaneLookup lookup(loop, resolver, {{kHost, "", true, 25}},
                            [](const std::vector<DaneResult>&) { BOOST_ERROR("called after its end"); });
  }
  resolver.release();
  test::run_for(loop, std::chrono::milliseconds(20));
  BOOST_TEST(resolver.cancelled() == 1U);
}

BOOST_AUTO_TEST_SUITE_END()
