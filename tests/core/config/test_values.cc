#include <boost/test/unit_test.hpp>

#include "core/config/values.h"

using namespace essaim::config;

BOOST_AUTO_TEST_SUITE(values)

BOOST_AUTO_TEST_CASE(sizes_are_read_and_written) {
  BOOST_TEST(parse_size("25M").value() == 26214400U);
  BOOST_TEST(parse_size("64k").value() == 65536U);
  BOOST_TEST(parse_size("0").value() == 0U);
  for (const char* bad : {"", "M", "-1", "1.5M", "1 M", "9223372036854775808", "9007199254740992K", "1MB"}) {
    BOOST_TEST(!parse_size(bad).ok(), bad);
  }
  for (const std::uint64_t n : {0ULL, 1ULL, 1024ULL, 1536ULL, 26214400ULL, 1ULL << 40}) {
    BOOST_TEST(parse_size(format_size(n)).value() == n);
  }
}

BOOST_AUTO_TEST_CASE(addresses_are_checked) {
  BOOST_TEST((parse_host_port("127.0.0.1:0").value() == HostPort{"127.0.0.1", 0}));
  BOOST_TEST((parse_host_port("[2001:db8::1]:65535").value() == HostPort{"2001:db8::1", 65535}));
  BOOST_TEST((parse_host_port("mx.example:25", true).value() == HostPort{"mx.example", 25}));
  for (const char* bad :
       {"", ":25", "127.0.0.1", "127.0.0.1:", "127.0.0.1:65536", "127.0.0.1:+1", "::1:25", "[::1]",
        "[127.0.0.1]:25", "[::1]:x", "1.2.3:25", "1.2.3.400:25", "a b:25", "-a.example:25", "a..b:25"}) {
    BOOST_TEST(!parse_host_port(bad, true).ok(), bad);
  }
  BOOST_TEST(!parse_host_port("mx.example:25").ok());
}

BOOST_AUTO_TEST_SUITE_END()
