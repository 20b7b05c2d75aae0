#include <boost/test/unit_test.hpp>

#include "core/http/forwarded.h"

using essaim::http::client_behind;

BOOST_AUTO_TEST_SUITE(forwarded)

BOOST_AUTO_TEST_CASE(only_what_a_trusted_proxy_wrote_is_believed) {
  const auto trusted = [](const std::string& ip) { return ip.starts_with("10."); };
  BOOST_TEST(client_behind("192.0.2.1", "198.51.100.7", trusted) == "192.0.2.1");
  BOOST_TEST(client_behind("10.0.0.1", "", trusted) == "10.0.0.1");
  BOOST_TEST(client_behind("10.0.0.1", "198.51.100.7", trusted) == "198.51.100.7");
  BOOST_TEST(client_behind("10.0.0.1", "203.0.113.9, 198.51.100.7", trusted) == "198.51.100.7");
  BOOST_TEST(client_behind("10.0.0.1", "203.0.113.9 , 198.51.100.7, 10.0.0.2", trusted) == "198.51.100.7");
  BOOST_TEST(client_behind("10.0.0.1", "10.0.0.3,10.0.0.2", trusted) == "10.0.0.3");
  BOOST_TEST(client_behind("10.0.0.1", "203.0.113.9, unknown", trusted) == "10.0.0.1");
  BOOST_TEST(client_behind("10.0.0.1", "203.0.113.9,", trusted) == "10.0.0.1");
  BOOST_TEST(client_behind("10.0.0.1", "2001:db8::1", trusted) == "2001:db8::1");
  BOOST_TEST(client_behind("10.0.0.1", "203.0.113.9", nullptr) == "10.0.0.1");
}

BOOST_AUTO_TEST_SUITE_END()
