#include <string>

#include <boost/test/unit_test.hpp>

#include "core/base/network.h"

using namespace essaim;

BOOST_AUTO_TEST_SUITE(network)

BOOST_AUTO_TEST_CASE(addresses_and_networks_are_read) {
  for (const char* good : {"192.0.2.1", "192.0.2.0/24", "0.0.0.0/0", "192.0.2.1/32", "::1", "2001:db8::/32",
                           "::/0", "::ffff:192.0.2.1"}) {
    BOOST_TEST(parse_network(good).has_value(), good);
  }
  for (const char* bad :
       {"", "x", "192.0.2", "192.0.2.1/33", "::1/129", "192.0.2.1/", "192.0.2.1/x", "192.0.2.1/-1", "/8"})
    BOOST_TEST(!parse_network(bad).has_value(), bad);
  BOOST_TEST(!parse_network(std::string("192.0.2.1\0", 10)).has_value());
}

BOOST_AUTO_TEST_CASE(a_network_contains_its_addresses) {
  struct Row {
    const char *network, *address;
    bool inside;
  };
  const Row rows[] = {
      {"192.0.2.0/24", "192.0.2.255", true},
      {"192.0.2.0/24", "192.0.3.0", false},
      {"192.0.2.77/24", "192.0.2.1", true},
      {"0.0.0.0/0", "255.255.255.255", true},
      {"0.0.0.0/0", "2001:db8::1", false},
      {"192.0.2.1", "::ffff:192.0.2.1", true},
      {"2001:db8::/33", "2001:db8:7fff::", true},
      {"2001:db8::/33", "2001:db8:8000::", false},
      {"10.0.0.0/8", "10.255.0.1", true},
      {"127.0.0.0/8", "128.0.0.1", false},
      {"::1", "::2", false},
  };
  for (const Row& row : rows) {
    BOOST_TEST(parse_network(row.network)->contains(*parse_network(row.address)) == row.inside,
               row.network << " " << row.address);
  }
}

BOOST_AUTO_TEST_CASE(prefixes_group_neighbours) {
  const auto prefix = [](const char* ip) { return parse_network(ip)->prefix(24, 56); };
  BOOST_TEST((prefix("192.0.2.1") == prefix("192.0.2.254")));
  BOOST_TEST((prefix("192.0.2.1") != prefix("192.0.3.1")));
  BOOST_TEST((prefix("2001:db8:0:1::1") == prefix("2001:db8:0:ff::2")));
  BOOST_TEST((prefix("2001:db8:0:1::1") != prefix("2001:db8:0:100::1")));
  // The whole of IPv4 is one network at most, and none of IPv6.
  BOOST_TEST((parse_network("1.2.3.4")->prefix(0, 0) != parse_network("::1")->prefix(0, 0)));
}

BOOST_AUTO_TEST_SUITE_END()
