#include <boost/test/unit_test.hpp>

#include "core/http/routes.h"

using namespace essaim::http;

BOOST_AUTO_TEST_SUITE(routes)

BOOST_AUTO_TEST_CASE(only_what_stands_in_the_table_is_found) {
  Routes routes;
  const auto nothing = [](const ServerRequest&, const Respond&) {};
  routes.add("GET", "/livez", nothing);
  routes.add("GET", "/leave/*", nothing);
  routes.add("POST", "/leave/*", nothing);
  const auto found = [&](const char* method, const char* path) {
    const auto match = routes.find(method, path);
    return match.handler != nullptr ? "yes" : match.allow.empty() ? "404" : match.allow;
  };
  BOOST_TEST(found("GET", "/livez") == "yes");
  BOOST_TEST(found("HEAD", "/livez") == "yes");
  BOOST_TEST(found("POST", "/livez") == "GET, HEAD");
  BOOST_TEST(found("get", "/livez") == "GET, HEAD");
  BOOST_TEST(found("GET", "/livez/") == "404");
  BOOST_TEST(found("GET", "/livez/../livez") == "404");
  BOOST_TEST(found("GET", "//livez") == "404");
  BOOST_TEST(found("GET", "/") == "404");
  BOOST_TEST(found("POST", "/leave/token") == "yes");
  BOOST_TEST(found("POST", "/leave/") == "404");
  BOOST_TEST(found("DELETE", "/leave/token") == "GET, HEAD, POST");
}

BOOST_AUTO_TEST_SUITE_END()
