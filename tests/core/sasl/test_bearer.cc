#include <boost/test/unit_test.hpp>

#include "core/sasl/bearer.h"

using essaim::sasl::parse_bearer_response;
using namespace std::string_literals;

BOOST_AUTO_TEST_SUITE(bearer)

BOOST_AUTO_TEST_CASE(reads_the_example_of_the_rfc) {
  const auto found = parse_bearer_response(
      "n,a=user@example.com,\x01host=server.example.com\x01port=143\x01"
      "auth=Bearer vF9dft4qmTc2Nvb3RlckBhbHRhdmlzdGEuY29tCg==\x01\x01");
  BOOST_REQUIRE(found);
  BOOST_TEST(found->authzid == "user@example.com");
  BOOST_TEST(found->token == "vF9dft4qmTc2Nvb3RlckBhbHRhdmlzdGEuY29tCg==");
}

BOOST_AUTO_TEST_CASE(a_token_needs_no_identity) {
  const auto found = parse_bearer_response(
      "n,,\x01"
      "auth=bearer abc\x01\x01");
  BOOST_REQUIRE(found);
  BOOST_TEST(found->authzid.empty());
  BOOST_TEST(found->token == "abc");
}

BOOST_AUTO_TEST_CASE(refuses_what_is_no_response) {
  for (const std::string& wrong : {""s, "n,,"s, "n,,\x01\x01"s,
                                   "p=tls-exporter,,\x01"
                                   "auth=Bearer a\x01\x01"s,
                                   "n,,\x01"
                                   "auth=Basic a\x01\x01"s,
                                   "n,,\x01"
                                   "auth=Bearer \x01\x01"s,
                                   "n,,\x01"
                                   "auth=Bearer a b\x01\x01"s,
                                   "n,,\x01"
                                   "auth=Bearer a\x01"
                                   "auth=Bearer b\x01\x01"s,
                                   "n,,\x01"
                                   "auth=Bearer a\x01"s,
                                   "n,,\x01"
                                   "auth=Bearer a"s,
                                   "n,a=x=y,\x01"
                                   "auth=Bearer a\x01\x01"s,
                                   "n,,\x01=x\x01"
                                   "auth=Bearer a\x01\x01"s,
                                   "n,,\x01"
                                   "auth=Bearer ====\x01\x01"s,
                                   "n,,x\x01"
                                   "auth=Bearer a\x01\x01"s})
    BOOST_TEST(!parse_bearer_response(wrong), wrong);
}

BOOST_AUTO_TEST_SUITE_END()
