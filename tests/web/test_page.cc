#include <boost/test/unit_test.hpp>

#include "web/page.h"
#include "web/static_files.h"

using namespace essaim;
using namespace essaim::web;

BOOST_AUTO_TEST_SUITE(pages)

BOOST_AUTO_TEST_CASE(values_are_escaped_and_what_is_not_there_leaves_nothing) {
  Page page;
  page.language = "fr";
  page.title = "<script>alert('x')</script> & \"more\"";
  const std::string body = to_response(page).body;
  BOOST_TEST(body.find("<script") == std::string::npos);
  BOOST_TEST(body.find("&lt;script&gt;") != std::string::npos);
  BOOST_TEST(body.find("<html lang=\"fr\">") != std::string::npos);
  BOOST_TEST(body.find("<form") == std::string::npos);
  BOOST_TEST(body.find("mailto") == std::string::npos);
  page.buttons = {{"leave", "Leave"}};
  page.mail = "a\"b@x.example";
  const std::string more = to_response(page).body;
  BOOST_TEST(more.find("<button type=\"submit\" name=\"action\" value=\"leave\">Leave</button>") !=
             std::string::npos);
  BOOST_TEST(more.find("href=\"mailto:a&quot;b@x.example\"") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(it_loads_only_its_style_which_is_there_under_its_hash_and_may_be_kept) {
  const http::ServerResponse page = to_response(Page{});
  BOOST_TEST(page.body.find("href=\"../static/" + hashed_name("style.css") + "\"") != std::string::npos);
  BOOST_TEST(page.content_policy.find("default-src 'none'") == 0U);
  BOOST_TEST(!page.cacheable);
  http::Routes routes;
  add_static_files(&routes);
  const auto match = routes.find("GET", "/static/" + hashed_name("style.css"));
  BOOST_REQUIRE(match.handler != nullptr);
  http::ServerResponse style;
  (*match.handler)({}, [&](http::ServerResponse response) { style = std::move(response); });
  BOOST_TEST(style.content_type == "text/css; charset=utf-8");
  BOOST_TEST(style.body.find("button") != std::string::npos);
  BOOST_TEST(style.cacheable);
  BOOST_TEST(routes.find("GET", "/static/style.css").handler == nullptr);
  BOOST_TEST(routes.find("GET", "/static/page.html").handler == nullptr);
}

BOOST_AUTO_TEST_SUITE_END()
