#include <boost/test/unit_test.hpp>

#include "core/http/server_response.h"

using namespace essaim;
using namespace essaim::http;

BOOST_AUTO_TEST_SUITE(server_response)

BOOST_AUTO_TEST_CASE(dates_have_the_fixed_form) {
  const WallTime when{std::chrono::seconds(1'793'592'000)};
  const std::string wire = to_wire(ServerResponse{}, {.head = false, .keep_alive = true, .now = when});
  BOOST_TEST(wire.find("\r\nDate: Mon, 02 Nov 2026 04:00:00 GMT\r\n") != std::string::npos, wire);
}

BOOST_AUTO_TEST_CASE(what_has_no_content_has_no_length) {
  ServerResponse response;
  response.status = 204;
  const std::string wire = to_wire(response, {});
  BOOST_TEST(wire.starts_with("HTTP/1.1 204 No Content\r\n"));
  BOOST_TEST(wire.find("\r\nContent-Length") == std::string::npos);
  BOOST_TEST(wire.find("\r\nContent-Type") == std::string::npos);
}

BOOST_AUTO_TEST_SUITE_END()
