#include <boost/test/unit_test.hpp>

#include "core/net/socket_address.h"

using namespace essaim::net;

BOOST_AUTO_TEST_SUITE(socket_address)

BOOST_AUTO_TEST_CASE(reads_and_shows_addresses) {
  struct Row {
    const char* text;
    const char* shown;
    const char* ip;
    bool loopback;
  };
  for (const Row& row : {Row{"192.0.2.1:25", "192.0.2.1:25", "192.0.2.1", false},
                         {"127.3.0.1:0", "127.3.0.1:0", "127.3.0.1", true},
                         {"[2001:DB8:0::1]:65535", "[2001:db8::1]:65535", "2001:db8::1", false},
                         {"[::1]:25", "[::1]:25", "::1", true},
                         {"[::ffff:127.0.0.1]:25", "127.0.0.1:25", "127.0.0.1", true}}) {
    const auto address = SocketAddress::parse(row.text);
    BOOST_REQUIRE(address.ok());
    BOOST_TEST(address->to_string() == row.shown);
    BOOST_TEST(address->ip() == row.ip);
    BOOST_TEST(address->is_loopback() == row.loopback);
    BOOST_TEST((SocketAddress(address->raw(), address->raw_length()) == *address));
  }
}

BOOST_AUTO_TEST_CASE(refuses_what_is_no_numeric_address_with_a_port) {
  for (const char* text : {"", "192.0.2.1", "192.0.2.1:", "192.0.2.1:65536", "192.0.2.1:-1", "192.0.2:25",
                           "mx:25", "2001:db8::1:25", "[2001:db8::1]", "[2001:db8::1]25", "[192.0.2.1]:25",
                           "[fe80::1%lo]:25", "[]:25", ":25", "192.0.2.1:25 ", "[::1:25"}) {
    const auto address = SocketAddress::parse(text);
    BOOST_TEST(!address.ok(), text);
    if (!address.ok()) BOOST_TEST(address.error().message.find(text) != std::string::npos);
  }
  BOOST_TEST(!SocketAddress::from_ip(std::string_view("127.0.0.1\0x", 11), 1).ok());
  BOOST_TEST(!SocketAddress().valid());
  BOOST_TEST(SocketAddress().to_string().empty());
}

BOOST_AUTO_TEST_SUITE_END()
