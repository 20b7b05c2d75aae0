#include <optional>
#include <set>

#include <boost/test/unit_test.hpp>

#include "core/base/text.h"
#include "core/dns/mx_lookup.h"
#include "tests/support/fake_resolver.h"
#include "tests/support/run_until.h"

using namespace essaim;
using namespace essaim::dns;
using essaim::test::FakeResolver;
using essaim::test::run_until;

namespace {

// "10 mx1,20 mx2"; "NXDOMAIN", "SERVFAIL", "" for no data.
void put_mx(FakeResolver* dns, const std::string& domain, const std::string& text) {
  if (text == "NXDOMAIN") return dns->set_mx(domain, {}, Status::kNoName);
  if (text == "SERVFAIL") return dns->set_mx(domain, {}, Status::kTemporary);
  std::vector<MxRecord> records;
  for (const std::string_view part : split(text, ',')) {
    if (part.empty()) continue;
    const std::size_t space = part.find(' ');
    records.push_back({static_cast<std::uint16_t>(parse_u64(part.substr(0, space)).value()),
                       std::string(part.substr(space + 1))});
  }
  dns->set_mx(domain, std::move(records));
}

// "mx1=192.0.2.1+192.0.2.2 mx2=SERVFAIL mx3="
void put_addresses(FakeResolver* dns, const std::string& text) {
  for (const std::string_view part : split(text, ' ')) {
    if (part.empty()) continue;
    const std::size_t equals = part.find('=');
    const std::string host(part.substr(0, equals));
    const std::string_view value = part.substr(equals + 1);
    if (value == "SERVFAIL") {
      dns->set_addresses(host, {}, Status::kTemporary);
    } else if (value == "NXDOMAIN") {
      dns->set_addresses(host, {}, Status::kNoName);
    } else {
      std::vector<std::string> addresses;
      for (const std::string_view address : split(value, '+')) {
        if (!address.empty()) addresses.emplace_back(address);
      }
      dns->set_addresses(host, std::move(addresses));
    }
  }
}

std::string show(const MxResult& result) {
  std::string text;
  for (const MxHost& host : result.hosts) {
    text += (text.empty() ? "" : " ") + std::to_string(host.preference) + ":" + host.name;
    for (const std::string& address : host.addresses) text += "/" + address;
  }
  return text;
}

MxOptions own(const std::string& name, const std::string& ip) {
  MxOptions options;
  options.is_own_name = [name](const std::string& host) { return host == name; };
  options.is_own_address = [ip](const std::string& address) { return address == ip; };
  return options;
}

MxResult look_up(net::EventLoop& loop, FakeResolver& dns, const std::string& domain,
                 const MxOptions& options) {
  std::optional<MxResult> result;
  MxLookup lookup(loop, dns, domain, options, [&](MxResult r) {
    BOOST_TEST(!result.has_value());
    result = std::move(r);
  });
  BOOST_TEST(!result.has_value());
  BOOST_REQUIRE(run_until(loop, [&] { return result.has_value(); }));
  return *result;
}

}  // namespace

namespace essaim::dns {
std::ostream& operator<<(std::ostream& out, MxStatus status) {
  return out << static_cast<int>(status);
}
}  // namespace essaim::dns

BOOST_AUTO_TEST_SUITE(mx_lookup)

BOOST_AUTO_TEST_CASE(finds_the_hosts_that_rfc_5321_and_rfc_7505_ask_for) {
  struct Row {
    const char* what;
    const char* domain;
    const char* mx;  // null: no question is allowed
    const char* addresses;
    MxStatus status;
    const char* hosts;
    const char* key;
  };
  const Row rows[] = {
      {"by preference", "d", "20 b,10 a", "a=192.0.2.1 b=2001:db8::2+192.0.2.2", MxStatus::kHosts,
       "10:a/192.0.2.1 20:b/2001:db8::2/192.0.2.2", "a;b"},
      {"implicit MX", "d", "", "d=192.0.2.9", MxStatus::kHosts, "0:d/192.0.2.9", "d"},
      {"implicit MX without address", "d", "", "d=", MxStatus::kNoAddress, "", "d"},
      {"implicit MX that is ourselves", "d", "", "d=192.0.2.99", MxStatus::kLoop, "", "d"},
      {"null MX", "d", "0 .", "", MxStatus::kNullMx, "", ""},
      {"null MX of any preference", "d", "7 .", "", MxStatus::kNullMx, "", ""},
      {"null MX beside others is overlooked", "d", "0 .,10 a", "a=192.0.2.1", MxStatus::kHosts,
       "10:a/192.0.2.1", "a"},
      {"no such domain", "d", "NXDOMAIN", "", MxStatus::kNoSuchDomain, "", ""},
      {"trouble with the MX question", "d", "SERVFAIL", "", MxStatus::kTemporary, "", ""},
      {"never the address of the domain if there is an MX", "d", "10 a", "a=", MxStatus::kNoAddress, "", "a"},
      {"trouble with all addresses", "d", "10 a,20 b", "a=SERVFAIL b=", MxStatus::kTemporary, "", "a;b"},
      {"trouble with one of two", "d", "10 a,20 b", "a=SERVFAIL b=192.0.2.2", MxStatus::kHosts,
       "20:b/192.0.2.2", "a;b"},
      {"a host that does not exist", "d", "10 a,20 b", "a=NXDOMAIN b=192.0.2.2", MxStatus::kHosts,
       "20:b/192.0.2.2", "a;b"},
      {"a host named twice", "d", "30 a,10 a,20 b", "a=192.0.2.1 b=192.0.2.2", MxStatus::kHosts,
       "10:a/192.0.2.1 20:b/192.0.2.2", "a;b"},
      {"ourselves by name, others better", "d", "10 a,20 me,30 c", "a=192.0.2.1", MxStatus::kHosts,
       "10:a/192.0.2.1", "a"},
      {"ourselves by name, equals go too", "d", "10 a,20 b,20 me", "a=192.0.2.1", MxStatus::kHosts,
       "10:a/192.0.2.1", "a"},
      {"ourselves by name, the best", "d", "10 me,20 b", "", MxStatus::kLoop, "", ""},
      {"ourselves by address, others better", "d", "10 a,20 b,30 c", "a=192.0.2.1 b=192.0.2.99 c=192.0.2.3",
       MxStatus::kHosts, "10:a/192.0.2.1", "a;b;c"},
      {"ourselves by address, the best", "d", "10 a,20 b", "a=192.0.2.50+192.0.2.99 b=192.0.2.2",
       MxStatus::kLoop, "", "a;b"},
      {"names that cannot be asked for", "d", "10 a b,15 -\\000x,20 c", "c=192.0.2.3", MxStatus::kHosts,
       "20:c/192.0.2.3", "c"},
      {"only such names", "d", "10 a\\046b", "", MxStatus::kNoAddress, "", ""},
      {"IPv4 literal", "[192.0.2.1]", nullptr, "", MxStatus::kHosts, "0:[192.0.2.1]/192.0.2.1",
       "[192.0.2.1]"},
      {"IPv6 literal", "[ipv6:2001:db8::1]", nullptr, "", MxStatus::kHosts,
       "0:[ipv6:2001:db8::1]/2001:db8::1", "[ipv6:2001:db8::1]"},
      {"our own literal", "[192.0.2.99]", nullptr, "", MxStatus::kLoop, "", "[192.0.2.99]"},
      {"IPv6 without its tag", "[2001:db8::1]", nullptr, "", MxStatus::kNoSuchDomain, "", ""},
      {"IPv4 with the tag of IPv6", "[ipv6:192.0.2.1]", nullptr, "", MxStatus::kNoSuchDomain, "", ""},
      {"junk", "a..b", nullptr, "", MxStatus::kNoSuchDomain, "", ""},
      {"nothing", "", nullptr, "", MxStatus::kNoSuchDomain, "", ""},
  };
  for (const Row& row : rows) {
    BOOST_TEST_CONTEXT(row.what) {
      net::EventLoop loop("test");
      FakeResolver dns(loop);
      if (row.mx != nullptr) put_mx(&dns, row.domain, row.mx);
      put_addresses(&dns, row.addresses);
      const MxResult result = look_up(loop, dns, row.domain, own("me", "192.0.2.99"));
      BOOST_TEST(result.status == row.status);
      BOOST_TEST(show(result) == row.hosts);
      BOOST_TEST(result.key == row.key);
      BOOST_TEST(result.problem.empty() == (row.status == MxStatus::kHosts));
    }
  }
}

BOOST_AUTO_TEST_CASE(equal_hosts_are_shuffled_and_share_a_key) {
  net::EventLoop loop("test");
  FakeResolver dns(loop);
  put_mx(&dns, "one", "10 a,10 b,10 c,20 z");
  put_mx(&dns, "two", "7 z,5 c,5 a,5 b");
  put_mx(&dns, "three", "5 a,6 b,6 c,7 z");
  put_addresses(&dns, "a=192.0.2.1 b=192.0.2.2 c=192.0.2.3 z=192.0.2.26");
  std::set<std::string> orders;
  for (int i = 0; i < 300; ++i) {
    const MxResult result = look_up(loop, dns, "one", {});
    BOOST_TEST(result.hosts.back().name == "z");
    orders.insert(show(result));
  }
  BOOST_TEST(orders.size() == 6U);  // all permutations; one is missed with a chance of 6 * (5/6)^300
  const std::string key = look_up(loop, dns, "one", {}).key;
  BOOST_TEST(key == "a,b,c;z");
  BOOST_TEST(look_up(loop, dns, "two", {}).key == key);
  BOOST_TEST(look_up(loop, dns, "three", {}).key != key);
}

BOOST_AUTO_TEST_CASE(a_thousand_mx_records_lead_to_twenty_hosts) {
  net::EventLoop loop("test");
  FakeResolver dns(loop);
  std::vector<MxRecord> records;
  for (unsigned i = 0; i < 1000; ++i) {
    records.push_back({static_cast<std::uint16_t>(2000 - i), "h" + std::to_string(i)});
    dns.set_addresses("h" + std::to_string(i), std::vector<std::string>(50, "192.0.2.1"));
  }
  dns.set_mx("big", records);
  const MxResult result = look_up(loop, dns, "big", {});
  BOOST_TEST(result.hosts.size() == 20U);
  BOOST_TEST(result.hosts[0].name == "h999");
  BOOST_TEST(result.hosts[0].addresses.size() == 20U);
  BOOST_TEST(dns.questions().size() == 21U);
  BOOST_TEST(result.ttl.count() == 60);
}

BOOST_AUTO_TEST_CASE(many_addresses_of_one_family_leave_those_of_the_other) {
  net::EventLoop loop("test");
  FakeResolver dns(loop);
  std::vector<std::string> addresses(50, "2001:db8::1");
  addresses.emplace_back("192.0.2.1");
  dns.set_addresses("a", addresses);
  put_mx(&dns, "one", "10 a");
  const MxResult result = look_up(loop, dns, "one", {});
  BOOST_TEST(result.hosts.at(0).addresses.size() == 21U);
  BOOST_TEST(result.hosts.at(0).addresses.back() == "192.0.2.1");
}

BOOST_AUTO_TEST_CASE(destruction_cancels_in_every_state) {
  net::EventLoop loop("test");
  FakeResolver dns(loop);
  put_mx(&dns, "d", "10 a,20 b");
  put_addresses(&dns, "a=192.0.2.1 b=192.0.2.2");
  dns.hold();
  const auto never = [](const MxResult&) { BOOST_ERROR("a cancelled lookup answered"); };
  auto lookup = std::make_unique<MxLookup>(loop, dns, "d", MxOptions(), never);
  lookup.reset();
  BOOST_TEST(dns.cancelled() == 1U);
  lookup = std::make_unique<MxLookup>(loop, dns, "d", MxOptions(), never);
  dns.release();
  dns.hold();
  BOOST_REQUIRE(run_until(loop, [&] { return dns.questions().size() == 4; }));
  lookup.reset();
  BOOST_TEST(dns.cancelled() == 3U);
  lookup = std::make_unique<MxLookup>(loop, dns, "[192.0.2.1]", MxOptions(), never);
  lookup.reset();
  dns.release();
  test::run_for(loop, std::chrono::milliseconds(20));
}

BOOST_AUTO_TEST_CASE(the_callback_may_destroy_the_lookup) {
  net::EventLoop loop("test");
  FakeResolver dns(loop);
  put_mx(&dns, "d", "10 a");
  put_mx(&dns, "gone", "NXDOMAIN");
  put_mx(&dns, "mine", "10 me");
  put_addresses(&dns, "a=192.0.2.1");
  for (const char* domain : {"d", "gone", "mine", "[192.0.2.1]", "bad name"}) {
    std::unique_ptr<MxLookup> lookup;
    bool called = false;
    lookup = std::make_unique<MxLookup>(loop, dns, domain, own("me", ""), [&](const MxResult&) {
      lookup.reset();
      called = true;
    });
    BOOST_TEST(run_until(loop, [&] { return called; }));
    BOOST_TEST((lookup == nullptr));
  }
}

BOOST_AUTO_TEST_SUITE_END()
