// Answers of signed and unsigned zones, proven or spoilt, as the resolver tells them (RFC 4035, RFC 6698).
#include <optional>

#include <boost/test/unit_test.hpp>

#include "core/dns/mx_lookup.h"
#include "core/dns/resolver.h"
#include "tests/support/nsd.h"
#include "tests/support/run_until.h"

using namespace essaim;
using namespace essaim::dns;
using essaim::test::Nsd;
using essaim::test::run_until;

namespace essaim::dns {
inline std::ostream& operator<<(std::ostream& out, Status status) {
  return out << static_cast<int>(status);
}
}  // namespace essaim::dns

namespace {

std::map<std::string, std::string> zones() {
  return {
      {"signed.test",
       "@ IN MX 10 mx\nmx IN A 127.0.0.2\nmx IN AAAA ::2\n"
       "_25._tcp.mx IN TLSA 3 1 1 "
       "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff\n"
       "_25._tcp.many IN TLSA 2 0 1 0011\n_25._tcp.many IN TLSA 3 1 2 0022\n"
       "inner IN CNAME mx\nouter IN CNAME host.plain.test.\n"
       "spoilt IN A 127.0.0.66\n_25._tcp.spoilt IN TLSA 3 1 1 66666666\n"
       "half IN A 127.0.0.67\nhalf IN AAAA ::67\n"},
      {"old.test", "@ IN MX 10 mx\nmx IN A 127.0.0.2\n"},
      {"plain.test",
       "@ IN MX 10 mx\nmx IN A 127.0.0.4\nhost IN A 127.0.0.5\n"
       "_25._tcp.mx IN TLSA 3 1 1 0033\n"},
  };
}

test::Signing signing() {
  return {{"signed.test", "old.test"},
          {"old.test"},
          {{"127.0.0.66", "127.0.0.99"}, {"66666666", "77777777"}, {"::67", "::68"}}};
}

struct Fixture {
  Fixture() : nsd(zones(), signing()) {
    ResolverOptions options;
    options.servers = {nsd.address()};
    options.trust_anchor = nsd.trust_anchor();
    resolver = make_resolver(loop, options).value();
  }
  template <typename Answer, typename Ask>
  Answer wait(Ask ask) {
    std::optional<Answer> answer;
    const auto query = ask([&](Answer a) { answer = std::move(a); });
    BOOST_REQUIRE(run_until(loop, [&] { return answer.has_value(); }));
    return *answer;
  }
  MxAnswer mx(const std::string& name) {
    return wait<MxAnswer>([&](auto done) { return resolver->mx(name, done); });
  }
  AddressAnswer addresses(const std::string& name) {
    return wait<AddressAnswer>([&](auto done) { return resolver->addresses(name, done); });
  }
  TlsaAnswer tlsa(const std::string& name) {
    return wait<TlsaAnswer>([&](auto done) { return resolver->tlsa(name, done); });
  }
  TextAnswer alias(const std::string& name) {
    return wait<TextAnswer>([&](auto done) { return resolver->alias(name, done); });
  }

  Nsd nsd;
  net::EventLoop loop{"test"};
  std::unique_ptr<Resolver> resolver;
};

}  // namespace

BOOST_AUTO_TEST_SUITE(dnssec)

BOOST_FIXTURE_TEST_CASE(answers_of_a_signed_zone_are_secure_the_first_time_and_from_the_cache, Fixture) {
  for (int round = 0; round < 2; ++round) {
    BOOST_TEST(mx("signed.test").secure);
    const AddressAnswer host = addresses("mx.signed.test");
    BOOST_TEST(host.secure);
    BOOST_TEST(host.addresses.size() == 2U);
    BOOST_TEST(host.canonical == "mx.signed.test");
    const TlsaAnswer answer = tlsa("_25._tcp.mx.signed.test");
    BOOST_TEST(answer.secure);
    BOOST_REQUIRE(answer.records.size() == 1U);
    BOOST_TEST(int{answer.records[0].usage} == 3);
    BOOST_TEST(int{answer.records[0].selector} == 1);
    BOOST_TEST(int{answer.records[0].matching} == 1);
    BOOST_TEST(answer.records[0].association.size() == 32U);
    BOOST_TEST(answer.ttl.count() > 0);
  }
  BOOST_TEST(tlsa("_25._tcp.many.signed.test").records.size() == 2U);
}

BOOST_FIXTURE_TEST_CASE(that_there_is_nothing_in_a_signed_zone_is_proven_too, Fixture) {
  const MxAnswer none = mx("mx.signed.test");
  BOOST_TEST(none.status == Status::kNoData);
  BOOST_TEST(none.secure);
  const TlsaAnswer absent = tlsa("_25._tcp.inner.signed.test");
  BOOST_TEST(absent.status == Status::kNoName);
  BOOST_TEST(absent.secure);
  const TextAnswer no_alias = alias("mx.signed.test");
  BOOST_TEST(no_alias.status == Status::kNoData);
  BOOST_TEST(no_alias.secure);
}

BOOST_FIXTURE_TEST_CASE(answers_of_an_unsigned_zone_are_not_secure, Fixture) {
  BOOST_TEST(mx("plain.test").status == Status::kOk);
  BOOST_TEST(!mx("plain.test").secure);
  BOOST_TEST(!addresses("mx.plain.test").secure);
  BOOST_TEST(!tlsa("_25._tcp.mx.plain.test").secure);
  BOOST_TEST(!mx("nowhere.plain.test").secure);
}

BOOST_FIXTURE_TEST_CASE(an_alias_is_as_secure_as_its_weakest_step, Fixture) {
  const AddressAnswer inner = addresses("inner.signed.test");
  BOOST_TEST(inner.secure);
  BOOST_TEST(inner.canonical == "mx.signed.test");
  const AddressAnswer outer = addresses("outer.signed.test");
  BOOST_TEST(outer.status == Status::kOk);
  BOOST_TEST(!outer.secure);
  BOOST_TEST(outer.canonical == "host.plain.test");
  const TextAnswer step = alias("outer.signed.test");
  BOOST_TEST(step.secure);
  BOOST_REQUIRE(step.texts.size() == 1U);
  BOOST_TEST(step.texts[0] == "host.plain.test");
}

BOOST_FIXTURE_TEST_CASE(records_that_do_not_fit_their_signature_are_a_temporary_failure, Fixture) {
  const AddressAnswer host = addresses("spoilt.signed.test");
  BOOST_TEST(host.status == Status::kTemporary);
  BOOST_TEST(host.addresses.empty());
  BOOST_TEST(host.problem.find("DNSSEC") != std::string::npos);
  const TlsaAnswer records = tlsa("_25._tcp.spoilt.signed.test");
  BOOST_TEST(records.status == Status::kTemporary);
  BOOST_TEST(records.records.empty());
  // One family is spoilt, the other one does.
  const AddressAnswer half = addresses("half.signed.test");
  BOOST_TEST(half.status == Status::kOk);
  BOOST_TEST(half.secure);
  BOOST_REQUIRE(half.addresses.size() == 1U);
  BOOST_TEST(half.addresses[0] == "127.0.0.67");
  BOOST_TEST(half.ipv6_failed);
  BOOST_TEST(!half.ipv4_failed);
}

BOOST_FIXTURE_TEST_CASE(expired_signatures_are_a_temporary_failure_that_says_so, Fixture) {
  const MxAnswer answer = mx("old.test");
  BOOST_TEST(answer.status == Status::kTemporary);
  BOOST_TEST(answer.problem.find("expired") != std::string::npos, answer.problem);
}

BOOST_FIXTURE_TEST_CASE(a_server_that_is_away_is_a_temporary_failure, Fixture) {
  nsd.stop();
  ResolverOptions options;
  options.servers = {nsd.address()};
  options.trust_anchor = nsd.trust_anchor();
  options.timeout = std::chrono::seconds(1);
  resolver = make_resolver(loop, options).value();
  BOOST_TEST(tlsa("_25._tcp.mx.signed.test").status == Status::kTemporary);
}

BOOST_FIXTURE_TEST_CASE(the_look_up_of_mail_hosts_tells_what_was_proven, Fixture) {
  const auto look_up = [&](const std::string& domain) {
    std::optional<MxResult> result;
    const MxLookup lookup(loop, *resolver, domain, {}, [&](MxResult r) { result = std::move(r); });
    BOOST_REQUIRE(run_until(loop, [&] { return result.has_value(); }));
    return *result;
  };
  const MxResult good = look_up("signed.test");
  BOOST_TEST(good.secure);
  BOOST_REQUIRE(good.hosts.size() == 1U);
  BOOST_TEST(good.hosts[0].secure);
  BOOST_TEST(good.hosts[0].canonical == "mx.signed.test");
  const MxResult plain = look_up("plain.test");
  BOOST_TEST(!plain.secure);
  BOOST_TEST(!plain.hosts.at(0).secure);
  const MxResult implicit = look_up("mx.signed.test");
  BOOST_TEST(implicit.secure);
  BOOST_TEST(implicit.hosts.at(0).secure);
}

BOOST_AUTO_TEST_CASE(a_trust_anchor_that_cannot_be_used_is_named) {
  net::EventLoop loop{"test"};
  ResolverOptions options;
  options.trust_anchor = "/nonexistent/root.key";
  const auto missing = make_resolver(loop, options);
  BOOST_REQUIRE(!missing.ok());
  BOOST_TEST(missing.error().message.find("/nonexistent/root.key") != std::string::npos);
  const test::TempDir dir;
  options.trust_anchor = dir.write("anchor", "this is no record\n");
  const auto wrong = make_resolver(loop, options);
  BOOST_REQUIRE(!wrong.ok());
  BOOST_TEST(wrong.error().message.find(options.trust_anchor) != std::string::npos, wrong.error().message);
}

BOOST_AUTO_TEST_SUITE_END()
