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

BOOST_AUTO_TEST_CASE(the_field_of_the_standard_names_clients_with_ports_quotes_and_brackets) {
  using Values = std::vector<std::string>;
  struct Row {
    const char* field;
    Values values;
  };
  const Row rows[] = {
      {"", {}},
      {"for=192.0.2.60;proto=http;by=203.0.113.43", {"192.0.2.60"}},
      {"For=\"[2001:db8:cafe::17]:4711\"", {"2001:db8:cafe::17"}},
      {"for=192.0.2.43:80, FOR=198.51.100.17", {"192.0.2.43", "198.51.100.17"}},
      {"for=_hidden, for=unknown, by=x", {"_hidden", "unknown", ""}},
      {"for=\"1.2.3.4, for=5.6.7.8\"", {"1.2.3.4, for=5.6.7.8"}},
      {"for=\"a\\\", for=6.6.6.6\";proto=x", {"a\\\", for=6.6.6.6"}},
      {",", {"", ""}},
      {"for=[", {""}},
      {"for=192.0.2.60;x=\", for=198.51.100.7", {""}},
      {"for=192.0.2.60;x=\"\\\", for=\"[2001:db8::1]\"", {""}},
  };
  for (const Row& row : rows)
    BOOST_TEST(essaim::http::forwarded_for(row.field) == row.values, boost::test_tools::per_element());
  const auto trusted = [](const std::string& ip) { return ip.starts_with("10."); };
  using Fields = std::vector<std::string_view>;
  const auto client_of = [&](const Fields& fields) {
    return essaim::http::client_behind_forwarded("10.0.0.1", fields, trusted);
  };
  const auto client = [&](const char* field) { return client_of({field}); };
  BOOST_TEST(client("for=203.0.113.9, for=198.51.100.7") == "198.51.100.7");
  BOOST_TEST(client("for=203.0.113.9, for=10.0.0.2") == "203.0.113.9");
  BOOST_TEST(client("for=unknown") == "10.0.0.1");
  BOOST_TEST(client("proto=https") == "10.0.0.1");
  BOOST_TEST(client_of({}) == "10.0.0.1");
  BOOST_TEST(client_of({"for=203.0.113.9", "for=198.51.100.7, for=10.0.0.2"}) == "198.51.100.7");
  // What a client leaves open in a field of its own, or in one that the proxy adds to, makes it nobody else.
  BOOST_TEST(client_of({"for=203.0.113.9;x=\"", "for=198.51.100.7"}) == "198.51.100.7");
  BOOST_TEST(client_of({"for=\"", "for=198.51.100.7"}) == "198.51.100.7");
  BOOST_TEST(client("for=203.0.113.9;x=\", for=198.51.100.7") == "10.0.0.1");
}

BOOST_AUTO_TEST_SUITE_END()
