#include <boost/test/unit_test.hpp>

#include "core/mailauth/authentication_results.h"

using namespace essaim;
using namespace essaim::mailauth;

BOOST_AUTO_TEST_SUITE(authentication_results)

// RFC 8601 appendix B.
BOOST_AUTO_TEST_CASE(the_examples_of_the_rfc_are_read) {
  const auto none = parse_results(" example.org 1; none");
  BOOST_REQUIRE(none.ok());
  BOOST_TEST(none->authserv_id == "example.org");
  BOOST_TEST(none->results.empty());
  const auto one = parse_results(" example.com;\r\n          spf=pass smtp.mailfrom=example.net");
  BOOST_REQUIRE((one.ok() && one->results.size() == 1));
  BOOST_TEST((one->results[0] == MethodResult{"spf", "pass", "", {{"smtp.mailfrom", "example.net"}}}));
  const auto several = parse_results(
      " example.com;\r\n auth=pass (cram-md5) smtp.auth=sender@example.net;\r\n spf=fail "
      "smtp.mailfrom=example.net");
  BOOST_REQUIRE((several.ok() && several->results.size() == 2));
  BOOST_TEST(
      (several->results[0] == MethodResult{"auth", "pass", "", {{"smtp.auth", "sender@example.net"}}}));
  const auto comments = parse_results(
      " foo.example.net (foobar) 1 (baz);\r\n dkim (Because I like it) / 1 (One yay) = (wait for it) fail\r\n"
      " policy (A dot can go here) . (like that) expired\r\n (this surprised me) = (as I wasn't expecting "
      "it) 1362471462");
  // The words around the dot of a property: nobody writes that; it is refused and nothing worse.
  BOOST_TEST(!comments.ok());
  const auto reason = parse_results(
      " example.com;\r\n dkim=pass reason=\"good signature\"\r\n header.i=@mail-router.example.net;\r\n"
      " dkim=fail reason=\"bad \\\"signature\\\"\" header.i=@newyork.example.com");
  BOOST_REQUIRE((reason.ok() && reason->results.size() == 2));
  BOOST_TEST(reason->results[0].reason == "good signature");
  BOOST_TEST(reason->results[1].reason == "bad \"signature\"");
}

BOOST_AUTO_TEST_CASE(what_is_written_is_read_back) {
  const AuthenticationResults results{
      "mx.example.org",
      {{"spf", "pass", "", {{"smtp.mailfrom", "author@example.com"}}},
       {"dkim", "fail", "body hash did not verify", {{"header.d", "example.com"}, {"header.b", "a/b+c="}}},
       {"dmarc", "none", "", {{"header.from", "example.com"}}},
       {"iprev", "pass", "", {{"policy.iprev", "2001:db8::1"}}}}};
  const std::string text = format_results(results);
  const auto again = parse_results(text);
  BOOST_REQUIRE(again.ok());
  BOOST_TEST(again->authserv_id == results.authserv_id);
  BOOST_TEST((again->results == results.results));
  BOOST_TEST(format_results({"mx.example.org", {}}) == "mx.example.org; none");
}

BOOST_AUTO_TEST_CASE(values_of_strangers_cannot_leave_their_place) {
  const std::string text = format_results(
      {"mx.example.org", {{"spf", "pass", "", {{"smtp.mailfrom", "a\"; dkim=pass header.d=b\r\nX: y\\"}}}}});
  BOOST_TEST(text.find("\r\nX") == std::string::npos);
  const auto again = parse_results(text);
  BOOST_REQUIRE(again.ok());
  BOOST_TEST(again->results.size() == 1u);
}

BOOST_AUTO_TEST_CASE(fields_that_claim_to_be_ours_are_known_in_all_spellings) {
  for (const char* value :
       {" mx.example.org; none", "mx.example.org", " (a (b) c) MX.Example.ORG (x) 1; spf=pass",
        "\r\n\t\"mx.example.org\" ; none", " mx.example.org;", " (never closed mx.example.org; none", ""})
    BOOST_TEST(claims_to_be_of(value, "mx.example.org"));
  for (const char* value : {" other.example.org; none", " mx.example.org.evil.example; none",
                            " (mx.example.org) x.example; none"})
    BOOST_TEST(!claims_to_be_of(value, "mx.example.org"));
}

BOOST_AUTO_TEST_SUITE_END()
