#include <boost/test/unit_test.hpp>

#include "smtpd/accounts/introspection.h"

using namespace essaim;
using namespace essaim::smtpd;

namespace {

Result<Introspected> read(const std::string& body, int status = 200, const std::string& scope = "") {
  IntrospectionOptions options;
  options.url = "https://id.test/introspect";
  options.scope = scope;
  return read_introspection(options, {status, "application/json", body}, from_millis(1'790'000'000'000));
}

}  // namespace

BOOST_AUTO_TEST_SUITE(introspection)

BOOST_AUTO_TEST_CASE(the_token_cannot_leave_its_place_in_the_request) {
  IntrospectionOptions options;
  options.client_id = "essaim";
  const auto request = introspection_request(options, "a&b=c+d/e==");
  BOOST_TEST(request.post);
  BOOST_TEST(request.body == "token=a%26b%3dc%2bd%2fe%3d%3d&token_type_hint=access_token");
  BOOST_TEST(request.user == "essaim");
}

BOOST_AUTO_TEST_CASE(an_active_token_names_its_account) {
  BOOST_TEST(read(R"({"active":true,"username":"ann"})").value().active);
  BOOST_TEST(read(R"({"active":true,"username":"ann"})").value().name == "ann");
  BOOST_TEST(read(R"({"active":true,"username":"ann","exp":1790000001})").value().active);
  BOOST_TEST(read(R"({"active":true,"username":"ann","scope":"imap smtp"})", 200, "smtp").value().active);
}

BOOST_AUTO_TEST_CASE(others_do_not) {
  for (const char* body :
       {R"({"active":false,"username":"ann"})", R"({"active":true})", R"({"active":true,"username":7})",
        R"({"active":true,"username":""})", R"({"active":true,"username":"ann","exp":1790000000})"})
    BOOST_TEST(!read(body).value().active, body);
  BOOST_TEST(!read(R"({"active":true,"username":"ann","scope":"smtps"})", 200, "smtp").value().active);
}

BOOST_AUTO_TEST_CASE(what_is_no_answer_is_trouble) {
  for (const char* body : {"", "[]", "{}", "null", R"({"active":"true"})", "<html>"})
    BOOST_TEST(!read(body).ok(), body);
  BOOST_TEST(!read(R"({"active":true,"username":"ann"})", 500).ok());
  BOOST_TEST(!read(R"({"active":true,"username":"ann"})", 401).ok());
}

BOOST_AUTO_TEST_SUITE_END()
